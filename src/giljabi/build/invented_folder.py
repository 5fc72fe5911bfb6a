"""An invented venue written as a venue folder: the same venue, the same bytes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.place import Link, Place, Text, Venue

_FREE = {True: "yes", False: "no", None: ""}


def write(venue: Venue, into: Path) -> None:
    """Write `venue` into a new or empty folder. GiljabiError where something stands there."""
    if into.is_file() or (into.is_dir() and any(into.iterdir())):
        raise GiljabiError(f"{into} is not empty; give a new folder.")
    folder.write_json(into / "places.json", [_place(p) for p in venue.places])
    folder.write_json(into / "routes.json", [
        {"to": d.to, "from": d.origin, "rank": d.rank, "steps": [_text(s) for s in d.steps],
         "source": d.source} for d in venue.directions
    ])  # fmt: skip
    write_text(into / "links.csv", _csv(folder.LINK_COLUMNS, map(_link, venue.links)))
    points = [(i, str(p.lat), str(p.lon)) for i, p in venue.junctions.items()]
    write_text(into / "junctions.csv", _csv(folder.JUNCTION_COLUMNS, points))
    # venue.toml comes last: without it a folder is no venue.
    write_text(into / "venue.toml", _head(venue))


def _text(text: Text) -> dict[str, str]:
    return {"ko": text.ko} | ({"en": text.en} if text.en is not None else {})


def _place(p: Place) -> dict[str, Any]:
    out: dict[str, Any] = {"id": p.id, "name": _text(p.name), "kind": _text(p.kind)}
    out |= {"area": p.area, "code": p.code, "aliases": list(p.aliases)}
    if p.floors is not None:
        note = None if p.floors.note is None else _text(p.floors.note)
        out["floors"] = _held(above=p.floors.above, below=p.floors.below, note=note)
    if p.inside is not None:
        host = None if p.inside.host is None else _text(p.inside.host)
        out["inside"] = _held(host=host, levels=list(p.inside.levels))
    out["features"] = [_text(f) for f in p.features]
    if p.point is not None:
        out["point"] = {"lat": p.point.lat, "lon": p.point.lon}
    out |= {"minutes": p.minutes, "distance_km": p.distance_km}
    out["neighbours"] = [_held(name=n.name, side=n.side, place=n.place) for n in p.neighbours]
    if (t := p.transit) is not None:
        out["transit"] = _held(
            mode=t.mode, lines=list(t.lines), board=_text(t.board), alight=_text(t.alight),
            board_exit=t.board_exit, alight_exit=t.alight_exit, walk_minutes=t.walk_minutes,
        )  # fmt: skip
    out["details"] = {k: _text(v) for k, v in p.details.items()}
    out["sources"] = dict(p.sources)
    return _held(**out)


def _held(**values: Any) -> dict[str, Any]:
    """Without what nobody recorded."""
    return {k: v for k, v in values.items() if v is not None and v not in ([], {})}


def _link(x: Link) -> Sequence[str]:
    hint = ("", "") if x.hint is None else (x.hint.ko, x.hint.en or "")
    return (
        x.a, x.b, x.kind, _number(x.metres), _number(x.minutes), _FREE[x.step_free],
        "yes" if x.estimated else "", *hint, x.source,
    )  # fmt: skip


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _head(venue: Venue) -> str:
    lines = ["format = 1", f"id = {_quoted(venue.id)}", f"name = {_inline(venue.name)}"]
    lines += [f"origin = {_quoted(venue.origin)}"]
    if venue.origin_also:
        lines += [f"origin_also = {_quoted(list(venue.origin_also))}"]
    lines += [f"languages = {_quoted(list(venue.languages))}"]
    lines += [f"own_names = {_quoted(list(venue.own_names))}", "", "[areas]"]
    lines += [f"{k} = {_inline(v)}" for k, v in venue.areas.items()]
    lines += ["", "[sources]", *(f"{k} = {_quoted(v)}" for k, v in venue.sources.items())]
    return "\n".join(lines) + "\n"


def _inline(text: Text) -> str:
    return "{ " + ", ".join(f"{k} = {_quoted(v)}" for k, v in _text(text).items()) + " }"


def _quoted(value: Any) -> str:
    # JSON strings and lists of them are TOML too.
    return json.dumps(value, ensure_ascii=False)
