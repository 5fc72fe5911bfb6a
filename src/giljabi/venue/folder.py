"""The venue folder: read, checked against its schema, overlaid with corrections, written.

venue.toml, places.json, and where there are any links.csv, junctions.csv, routes.json,
corrections.toml.
The format is described in docs/venue-format.md.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import jsonschema

from giljabi.errors import GiljabiError
from giljabi.venue.place import (
    Correction,
    Directions,
    Floors,
    Inside,
    Link,
    LinkKind,
    Neighbour,
    Place,
    Point,
    Text,
    Transit,
    Venue,
)  # fmt: skip

PARTS = (
    "venue.toml", "places.json", "links.csv", "routes.json", "corrections.toml", "junctions.csv",
)  # fmt: skip
_MENDABLE = ("minutes", "distance_km", "floors", "transit", "point", "code", "inside", "name")


def load(folder: Path) -> Venue:
    """The venue in `folder`. GiljabiError names the file, the record and the field at fault."""
    if not (folder / "venue.toml").is_file():
        raise GiljabiError(f"{folder} is not a venue folder: it has no venue.toml.")
    head = _toml(folder / "venue.toml")
    try:
        places = tuple(place_from_json(p) for p in checked_places(folder / "places.json"))
        venue = Venue(
            id=str(head["id"]),
            name=Text(**head["name"]),
            origin=str(head["origin"]),
            languages=tuple(head["languages"]),
            places=places,
            own_names=tuple(head.get("own_names", ())),
            origin_also=tuple(head.get("origin_also", ())),
            areas={k: Text(**v) for k, v in head["areas"].items()},
            sources=dict(head.get("sources", {})),
            hash=digest(folder),
        )
    except KeyError as missing:
        raise GiljabiError(f"{folder / 'venue.toml'}: {missing} is missing.") from None
    except TypeError as wrong:
        raise GiljabiError(f"{folder / 'venue.toml'}: {wrong}.") from None
    venue = replace(venue, places=_mended(folder, places), junctions=_junctions(folder))
    venue = replace(venue, links=_links(folder), directions=_directions(folder))
    _check_references(folder, venue)
    return venue


def digest(folder: Path) -> str:
    """sha256 over the parts of a venue folder, names and bytes, in a fixed order."""
    h = hashlib.sha256()
    for part in PARTS:
        path = folder / part
        if path.is_file():
            h.update(part.encode() + b"\0" + path.read_bytes() + b"\0")
    return h.hexdigest()


def checked_places(path: Path) -> list[dict[str, Any]]:
    """The records of a places.json that keeps to the schema; ids are unique."""
    records = read_json(path)
    schema = json.loads((files("giljabi.venue") / "places.schema.json").read_text("utf-8"))
    error = jsonschema.Draft202012Validator(schema).iter_errors(records)
    for e in sorted(error, key=lambda e: list(map(str, e.absolute_path))):
        raise GiljabiError(f"{path}: {_where(records, list(e.absolute_path))}: {e.message}.")
    seen: set[str] = set()
    for n, record in enumerate(records):
        if record["id"] in seen:
            raise GiljabiError(f"{path}: record {n} (id {record['id']}): this id occurs twice.")
        seen.add(record["id"])
    return list(records)


def read_json(path: Path) -> Any:
    """Parsed JSON, or one sentence naming the file and the line."""
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise GiljabiError(f"{path} does not exist.") from None
    except UnicodeDecodeError as e:
        raise GiljabiError(f"{path} is not UTF-8 text (byte {e.start}).") from None
    except json.JSONDecodeError as e:
        raise GiljabiError(f"{path}, line {e.lineno}: not JSON: {e.msg}.") from None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise GiljabiError(f"{path}: not TOML: {e}.") from None


def _where(records: Any, path: Sequence[Any]) -> str:
    if not path:
        return "the file"
    spot = f"record {path[0]}"
    if isinstance(records, list) and isinstance(records[path[0]], dict):
        spot += f" (id {records[path[0]].get('id', 'missing')})"
    field = ".".join(str(p) for p in path[1:])
    return f"{spot}, field {field}" if field else spot


def _text(value: Mapping[str, str] | None) -> Text | None:
    return None if value is None else Text(value["ko"], value.get("en"))


def _need(value: Mapping[str, str]) -> Text:
    return Text(value["ko"], value.get("en"))


def _floors(v: Mapping[str, Any]) -> Floors:
    return Floors(v.get("above"), v.get("below"), _text(v.get("note")))


def _inside(v: Mapping[str, Any]) -> Inside:
    return Inside(_text(v.get("host")), tuple(v.get("levels", ())))


def _transit(v: Mapping[str, Any]) -> Transit:
    return Transit(
        mode=v["mode"],
        lines=tuple(v["lines"]),
        board=_need(v["board"]),
        alight=_need(v["alight"]),
        board_exit=v.get("board_exit"),
        alight_exit=v.get("alight_exit"),
        walk_minutes=v.get("walk_minutes"),
    )


def place_from_json(r: Mapping[str, Any]) -> Place:
    """A Place from a record that passed the schema."""
    return Place(
        id=r["id"],
        name=_need(r["name"]),
        kind=_need(r["kind"]),
        area=r["area"],
        code=r.get("code"),
        aliases=tuple(r.get("aliases", ())),
        floors=_floors(r["floors"]) if "floors" in r else None,
        inside=_inside(r["inside"]) if "inside" in r else None,
        features=tuple(_need(f) for f in r.get("features", ())),
        point=Point(**r["point"]) if "point" in r else None,
        minutes=r.get("minutes"),
        distance_km=r.get("distance_km"),
        neighbours=tuple(
            Neighbour(n["name"], n["side"], n.get("place")) for n in r.get("neighbours", ())
        ),
        transit=_transit(r["transit"]) if "transit" in r else None,
        details={k: _need(v) for k, v in r.get("details", {}).items()},
        sources=dict(r.get("sources", {})),
    )


def _mended(folder: Path, places: tuple[Place, ...]) -> tuple[Place, ...]:
    """The places with corrections.toml laid over them; every mend keeps what it replaced."""
    path = folder / "corrections.toml"
    if not path.is_file():
        return places
    mends = _toml(path)
    by_id = {p.id: p for p in places}
    for n, m in enumerate(mends.get("correction", ()), 1):
        spot = f"{path}: correction {n}"
        if missing := [k for k in ("place", "field", "value", "reason", "source") if k not in m]:
            raise GiljabiError(f"{spot}: {missing[0]} is missing.")
        if m["place"] not in by_id:
            raise GiljabiError(f"{spot}: there is no place {m['place']}.")
        if m["field"] not in _MENDABLE:
            raise GiljabiError(f"{spot}: {m['field']} cannot be corrected, only {_MENDABLE}.")
        place = by_id[m["place"]]
        by_id[place.id] = _with(place, m["field"], m["value"], m["reason"], m["source"])
    for n, m in enumerate(mends.get("neighbour", ()), 1):
        if missing := [k for k in ("name", "place", "reason", "source") if k not in m]:
            raise GiljabiError(f"{path}: neighbour {n}: {missing[0]} is missing.")
        for place in list(by_id.values()):
            by_id[place.id] = _with_neighbour(place, m)
    return tuple(by_id[p.id] for p in places)


def _with(place: Place, field: str, value: Any, reason: str, source: str) -> Place:
    parse: dict[str, Any] = {
        "transit": _transit, "floors": _floors, "inside": _inside, "name": _need,
        "point": lambda v: Point(**v),
    }  # fmt: skip
    mend = Correction(field, getattr(place, field), reason, source)
    new: dict[str, Any] = {field: parse.get(field, lambda v: v)(value)}
    return replace(place, corrections=(*place.corrections, mend), **new)


def _with_neighbour(place: Place, m: Mapping[str, str]) -> Place:
    mends = list(place.corrections)
    out = []
    for n in place.neighbours:
        if n.name == m["name"]:
            mends.append(Correction(f"neighbours.{n.name}", n.place, m["reason"], m["source"]))
            out.append(replace(n, place=m["place"] or None))
        else:
            out.append(n)
    return replace(place, neighbours=tuple(out), corrections=tuple(mends))


def _links(folder: Path) -> tuple[Link, ...]:
    path = folder / "links.csv"
    if not path.is_file():
        return ()
    out: list[Link] = []
    with path.open(encoding="utf-8", newline="") as f:
        for row in csv.DictReader(f):
            spot = f"{path}, line {len(out) + 2}"
            try:
                kind: Any = row["kind"]
                if kind not in get_args(LinkKind):
                    raise GiljabiError(f"{spot}: kind {kind!r} is none of {get_args(LinkKind)}.")
                out.append(
                    Link(
                        a=row["a"],
                        b=row["b"],
                        kind=kind,
                        metres=float(row["metres"]) if row["metres"] else None,
                        minutes=float(row["minutes"]) if row["minutes"] else None,
                        step_free={"yes": True, "no": False, "": None}[row["step_free"]],
                        estimated=row["estimated"] == "yes",
                        hint=Text(row["hint_ko"], row["hint_en"] or None)
                        if row["hint_ko"]
                        else None,
                        source=row["source"],
                    )
                )
            except (KeyError, TypeError, ValueError) as e:
                raise GiljabiError(f"{spot}: {type(e).__name__} in {e}.") from None
    return tuple(out)


def _junctions(folder: Path) -> dict[str, Point]:
    path = folder / "junctions.csv"
    if not path.is_file():
        return {}
    out: dict[str, Point] = {}
    with path.open(encoding="utf-8", newline="") as f:
        for n, row in enumerate(csv.DictReader(f), 2):
            spot = f"{path}, line {n}"
            try:
                name, point = row["id"], Point(float(row["lat"]), float(row["lon"]))
            except (KeyError, TypeError, ValueError) as e:
                raise GiljabiError(f"{spot}: {type(e).__name__} in {e}.") from None
            if not name or name in out:
                raise GiljabiError(f"{spot}: the id {name!r} is empty or occurs twice.")
            if not (-90 <= point.lat <= 90 and -180 <= point.lon <= 180):
                raise GiljabiError(f"{spot}: {point.lat}, {point.lon} is no point on the earth.")
            out[name] = point
    return out


def _directions(folder: Path) -> tuple[Directions, ...]:
    path = folder / "routes.json"
    if not path.is_file():
        return ()
    out = []
    for n, r in enumerate(read_json(path)):
        try:
            out.append(
                Directions(
                    to=r["to"], origin=r["from"], rank=int(r["rank"]),
                    steps=tuple(_need(s) for s in r["steps"]), source=r["source"],
                )
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as e:
            raise GiljabiError(f"{path}: record {n}: {type(e).__name__} in {e}.") from None
    return tuple(sorted(out, key=lambda d: (d.to, d.rank)))


def _check_references(folder: Path, venue: Venue) -> None:
    ids = {p.id for p in venue.places}
    if venue.origin not in ids:
        raise GiljabiError(f"{folder / 'venue.toml'}: origin {venue.origin} is not a place.")
    for p in venue.places:
        if p.area not in venue.areas:
            raise GiljabiError(
                f"{folder / 'places.json'}: {p.id}: area {p.area} is not in venue.toml."
            )
        for n in p.neighbours:
            if n.place is not None and n.place not in ids:
                raise GiljabiError(
                    f"{folder / 'places.json'}: {p.id}: neighbour {n.place} is not a place."
                )
    if both := sorted(ids & venue.junctions.keys()):
        raise GiljabiError(f"{folder / 'junctions.csv'}: {both[0]} is already a place.")
    ends = ids | venue.junctions.keys()
    _check_ends(folder / "links.csv", ((x.a, x.b) for x in venue.links), ends)
    _check_ends(folder / "routes.json", ((d.origin, d.to) for d in venue.directions), ids)


def _check_ends(path: Path, ends: Iterable[tuple[str, str]], ids: set[str]) -> None:
    for n, pair in enumerate(ends):
        for end in pair:
            if end not in ids:
                raise GiljabiError(f"{path}: record {n}: {end} is not a place of this venue.")


def write_json(path: Path, value: Any) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, indent=1)
            f.write("\n")
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
