"""The venue folder: read, checked against its schema, overlaid with corrections.

venue.toml, places.json, and where there are any links.csv, junctions.csv, routes.json,
corrections.toml.
The format is described in docs/venue-format.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import records
from giljabi.venue.mends import mended
from giljabi.venue.place import Directions, Link, Point, Text, Venue
from giljabi.venue.records import place_from_json
from giljabi.venue.schema import check
from giljabi.venue.written import (
    number,
    read_json,
    read_list,
    read_table,
    read_toml,
    spot_of,
    write_json,
)

__all__ = [
    "PARTS", "check_places", "checked_places", "digest", "load", "place_from_json", "read_json",
    "starts", "write_json",
]  # fmt: skip

PARTS = (
    "venue.toml", "places.json", "links.csv", "routes.json", "corrections.toml", "junctions.csv",
)  # fmt: skip
LINK_COLUMNS = (
    "a", "b", "kind", "metres", "minutes", "step_free", "estimated", "hint_ko", "hint_en", "source",
)  # fmt: skip
JUNCTION_COLUMNS = ("id", "lat", "lon")


def load(folder: Path) -> Venue:
    """The venue in `folder`. GiljabiError names the file, the record and the field at fault."""
    if not (folder / "venue.toml").is_file():
        raise GiljabiError(f"{folder} is not a venue folder: it has no venue.toml.")
    head = read_toml(folder / "venue.toml")
    check(head, "head", str(folder / "venue.toml"))
    venue = Venue(
        id=head["id"],
        name=records.text(head["name"]),
        origin=head["origin"],
        languages=tuple(dict.fromkeys(head["languages"])),
        places=tuple(place_from_json(p) for p in checked_places(folder / "places.json")),
        own_names=tuple(head.get("own_names", ())),
        readings=dict(head.get("readings", {})),
        origin_also=tuple(head.get("origin_also", ())),
        areas={k: records.text(v) for k, v in head["areas"].items()},
        sources=dict(head.get("sources", {})),
        hash=digest(folder),
        junctions=_junctions(folder),
        links=_links(folder),
        directions=_directions(folder),
    )
    if (folder / "corrections.toml").is_file():
        venue = replace(venue, places=mended(folder / "corrections.toml", venue.places))
    _check_references(folder, venue)
    return venue


def starts(folder: Path) -> set[str]:
    """The ids of the places where walks start; none where the folder has no venue.toml yet."""
    if not (folder / "venue.toml").exists():
        return set()
    head = read_toml(folder / "venue.toml")
    # An unfinished head is no fault here: a collection only fills the folder.
    also = head.get("origin_also")
    ids = [head.get("origin"), *(also if isinstance(also, list) else ())]
    return {i for i in ids if isinstance(i, str)}


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
    found = [record for _, record in read_list(path)]
    check_places(found, path)
    return found


def check_places(found: Sequence[Any], path: Path) -> None:
    """GiljabiError, which names `path`, where a record breaks the schema or an id occurs twice."""
    seen: set[str] = set()
    for n, record in enumerate(found):
        spot = spot_of(path, n, record)
        check(record, "place", spot)
        if record["id"] in seen:
            raise GiljabiError(f"{spot}: this id occurs twice.")
        seen.add(record["id"])


def _links(folder: Path) -> tuple[Link, ...]:
    path = folder / "links.csv"
    if not path.is_file():
        return ()
    out: list[Link] = []
    for spot, row in read_table(path, LINK_COLUMNS):
        metres, minutes = number(row["metres"]), number(row["minutes"])
        check(row | {"metres": metres, "minutes": minutes}, "link", spot)
        kind: Any = row["kind"]
        out.append(
            Link(
                a=row["a"],
                b=row["b"],
                kind=kind,
                metres=None if metres is None else float(metres),
                minutes=None if minutes is None else float(minutes),
                step_free={"yes": True, "no": False, "": None}[row["step_free"]],
                estimated=row["estimated"] == "yes",
                hint=Text(row["hint_ko"], row["hint_en"] or None) if row["hint_ko"] else None,
                source=row["source"],
            )
        )
    return tuple(out)


def _junctions(folder: Path) -> dict[str, Point]:
    path = folder / "junctions.csv"
    if not path.is_file():
        return {}
    out: dict[str, Point] = {}
    for spot, row in read_table(path, JUNCTION_COLUMNS):
        point = {"lat": number(row["lat"]), "lon": number(row["lon"])}
        check(row | point, "junction", spot)
        if row["id"] in out:
            raise GiljabiError(f"{spot}: the id {row['id']} occurs twice.")
        out[row["id"]] = Point(float(row["lat"]), float(row["lon"]))
    return out


def _directions(folder: Path) -> tuple[Directions, ...]:
    path = folder / "routes.json"
    if not path.is_file():
        return ()
    out = []
    for spot, r in read_list(path):
        check(r, "route", spot)
        steps = tuple(records.text(s) for s in r["steps"])
        out.append(Directions(r["to"], r["from"], r["rank"], steps, r["source"]))
    return tuple(sorted(out, key=lambda d: (d.to, d.rank)))


def _check_references(folder: Path, venue: Venue) -> None:
    ids = {p.id for p in venue.places}
    if venue.origin not in ids:
        raise GiljabiError(f"{folder / 'venue.toml'}: origin {venue.origin} is not a place.")
    for also in venue.origin_also:
        if also not in ids:
            raise GiljabiError(f"{folder / 'venue.toml'}: origin_also {also} is not a place.")
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
