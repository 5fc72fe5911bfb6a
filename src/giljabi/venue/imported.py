"""What an importer hands over, and how it becomes a venue folder: whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.graph import metres_between
from giljabi.venue.place import Link, Point
from giljabi.venue.records import Record, without_walk_to_itself

AREA = "campus"
"""The area of every imported place: the venue itself."""

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Imported:
    """Records as in places.json, links between them and junctions, and what the sources are."""

    places: tuple[Record, ...]
    links: tuple[Link, ...] = ()
    junctions: Mapping[str, Point] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


def is_latin(text: str) -> bool:
    """Whether the letters of `text` (at least one) are all of the Latin script."""
    letters = [c for c in text if c.isalpha()]
    return bool(letters) and all(ord(c) < 0x250 for c in letters)


def centre_place(imported: Imported) -> str:
    """The id of the place nearest the centre of the largest part connected without steps."""
    points = _points(imported)
    free = [x for x in imported.links if x.step_free]
    # The sort makes the same input give the same part where two are equally large.
    parts = sorted(_parts(free or imported.links), key=lambda part: (-len(part), min(part)))
    ids = [str(p["id"]) for p in imported.places]
    for part in parts:
        placed = [points[node] for node in sorted(part) if node in points]
        if tied := [i for i in ids if i in part and i in points]:
            return _nearest(tied, placed, points)
    placed_ids = [i for i in ids if i in points]
    return _nearest(placed_ids, [points[i] for i in placed_ids], points) if placed_ids else ids[0]


def _points(imported: Imported) -> dict[str, Point]:
    return dict(imported.junctions) | {
        str(p["id"]): Point(**p["point"]) for p in imported.places if "point" in p
    }


def _nearest(ids: Sequence[str], around: Sequence[Point], points: Mapping[str, Point]) -> str:
    lat = sum(p.lat for p in around) / len(around)
    lon = sum(p.lon for p in around) / len(around)
    return min(ids, key=lambda i: (metres_between(points[i], Point(lat, lon)), i))


def _parts(links: Iterable[Link]) -> list[set[str]]:
    beside: dict[str, list[str]] = {}
    for x in links:
        beside.setdefault(x.a, []).append(x.b)
        beside.setdefault(x.b, []).append(x.a)
    out, seen = [], set[str]()
    for start in beside:
        if start in seen:
            continue
        part, todo = {start}, [start]
        while todo:
            new = [n for n in beside[todo.pop()] if n not in part]
            part.update(new)
            todo += new
        seen |= part
        out.append(part)
    return out


def write_venue(
    imported: Imported, into: Path, *, name: str, venue_id: str, origin: str | None = None
) -> str:
    """Write `imported` as the venue folder `into`; `origin` is a place id, else the centre.

    What is recorded as the walk to the origin itself is left out. Returns the origin's id. The files
    are read back before any is put in place: GiljabiError leaves everything as it was.
    """
    if not _ID.fullmatch(venue_id):
        raise GiljabiError(f"The venue id {venue_id!r} may only hold letters, digits, - and _.")
    if not name.strip():
        raise GiljabiError("The venue needs a name.")
    if not imported.places:
        raise GiljabiError(f"Nothing to write into {into}: there is no place.")
    if origin is not None and all(p["id"] != origin for p in imported.places):
        raise GiljabiError(f"The origin {origin!r} is none of the imported places.")
    start = origin or centre_place(imported)
    with _draft_of(into) as draft:
        places = [without_walk_to_itself(p, {start}) for p in imported.places]
        folder.write_json(draft / "places.json", places)
        for part, text in _texts(imported, name, venue_id, start).items():
            (draft / part).write_text(text, "utf-8")
        folder.load(draft)
        into.mkdir(parents=True, exist_ok=True)
        # venue.toml comes last: without it a folder is no venue.
        for part in ("places.json", "links.csv", "junctions.csv", "venue.toml"):
            os.replace(draft / part, into / part)
    return start


@contextmanager
def _draft_of(into: Path) -> Iterator[Path]:
    """A folder to write in that is gone afterwards; what fails in it is said of `into`."""
    # A new folder is made only once its files are good; a draft beside it can still be renamed.
    near = next((p for p in (into, *into.absolute().parents) if p.exists()), Path("/"))
    try:
        with tempfile.TemporaryDirectory(dir=near, prefix=".import.") as draft:
            try:
                yield Path(draft)
            except GiljabiError as e:
                raise GiljabiError(str(e).replace(draft, str(into))) from None
    except UnicodeEncodeError as e:
        bad = e.object[e.start : e.end]
        raise GiljabiError(f"{into}: {bad!r} in a name is no whole character: mend it.") from None
    except OSError as e:
        raise GiljabiError(f"{into} cannot be written: {e.strerror or e}.") from None


def _texts(imported: Imported, name: str, venue_id: str, origin: str) -> dict[str, str]:
    links = [
        (
            x.a, x.b, x.kind, _number(x.metres), _number(x.minutes),
            {True: "yes", False: "no", None: ""}[x.step_free], "yes" if x.estimated else "",
            x.hint.ko if x.hint else "", (x.hint.en or "") if x.hint else "", x.source,
        )
        for x in imported.links
    ]  # fmt: skip
    points = [(i, _number(p.lat), _number(p.lon)) for i, p in sorted(imported.junctions.items())]
    return {
        "venue.toml": _venue_toml(imported, name, venue_id, origin),
        "links.csv": _csv(folder.LINK_COLUMNS, links),
        "junctions.csv": _csv(folder.JUNCTION_COLUMNS, points),
    }


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.7f}".rstrip("0").rstrip(".")


def _csv(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()


def _venue_toml(imported: Imported, name: str, venue_id: str, origin: str) -> str:
    text = f"{{ ko = {_quoted(name)}" + (f", en = {_quoted(name)} }}" if is_latin(name) else " }")
    lines = [
        "format = 1",
        f"id = {_quoted(venue_id)}",
        f"name = {text}",
        f"origin = {_quoted(origin)}",
        'languages = ["ko", "en"]',
        f"own_names = [{_quoted(name)}]",
        "",
        "[areas]",
        f"{AREA} = {text}",
    ]
    if imported.sources:
        lines += ["", "[sources]"]
        lines += [f"{_quoted(k)} = {_quoted(v)}" for k, v in sorted(imported.sources.items())]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for the delete character.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
