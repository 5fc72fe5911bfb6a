"""Checks a venue against its own words and its coordinates; also records not yet imported.

The rules stand in the modules about sides, distances, ways and names; this is their table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import distance_lint, names_lint, sides_lint, ways_lint
from giljabi.venue.evidence import Evidence
from giljabi.venue.findings import Finding, ordered
from giljabi.venue.place import Text, Venue
from giljabi.venue.readers import import_places
from giljabi.venue.records import place_from_json
from giljabi.venue.written import read_json

RULES: tuple[Callable[[Evidence], Iterable[Finding]], ...] = (
    names_lint.dangling,
    names_lint.spelling,
    names_lint.duplicates,
    names_lint.unnumbered,
    names_lint.incomplete,
    sides_lint.mutual,
    sides_lint.contradictions,
    sides_lint.geometry,
    distance_lint.pace,
    distance_lint.to_itself,
    distance_lint.kilometres,
    distance_lint.links,
    distance_lint.neighbours,
    distance_lint.stated,
    distance_lint.rides,
    ways_lint.unreached,
    ways_lint.starts,
)

_WAY_FIELDS = ("shortest_route", "second_shortest_route")
_NO_WORDING: Mapping[str, Mapping[str, Any]] = {
    "kinds": {}, "features": {}, "floors": {}, "landmarks": {}, "names": {},
}  # fmt: skip


def check(
    venue: Venue,
    folder: Path | None = None,
    texts: Mapping[str, Sequence[str]] | None = None,
) -> list[Finding]:
    """All findings: errors first, then by place id and rule; the same venue, the same list.

    `folder` is put before the names of its files; `texts` are raw texts by place id, the best way
    first, for records whose ways are not in the venue (see from_records). No rule raises.
    """
    evidence = Evidence(venue, texts)
    found = [f for rule in RULES for f in rule(evidence)]
    if folder is not None:
        found = [replace(f, file=str(folder / f.file)) for f in found]
    return ordered(found)


def from_records(
    paths: Sequence[Path], coordinates: Path | None = None
) -> tuple[Venue, dict[str, tuple[str, ...]]]:
    """A venue in memory from other people's records, and their raw texts by place id.

    The origin is the landmark that the texts name most often, or "" where they name none that has
    a record: rules that measure from it then say nothing. Neighbour names are in the venue, not in
    the texts. GiljabiError names the file, the record and the field that fit no known shape.
    """
    records = import_places(paths, coordinates, _NO_WORDING)
    places = tuple(place_from_json(r) for r in records)
    texts: dict[str, tuple[str, ...]] = {}
    for path in paths:
        for record in read_json(path):
            key = str(record.get("building_code") or record.get("id"))
            texts[key] = tuple(_ways(record, path))
    title = ", ".join(p.stem for p in paths)
    venue = Venue(
        id=paths[0].stem,
        name=Text(title),
        origin="",
        languages=("ko",),
        places=places,
        areas={p.area: Text(p.area) for p in places},
        sources={p.name: f"records in {p.name}" for p in paths},
    )
    return replace(venue, **_start(venue, texts, set(texts))), texts


def _ways(record: Mapping[str, Any], path: Path) -> Iterable[str]:
    ways = record.get("route_description") or record.get("route_description_qa") or ""
    if isinstance(ways, Mapping):
        found = [ways[f] for f in _WAY_FIELDS if f in ways]
        found += [v for k, v in ways.items() if k not in _WAY_FIELDS]
    else:
        found = [ways]
    for way in found:
        if not isinstance(way, str):
            raise GiljabiError(
                f"{path}: {record.get('name')}: field route_description should be text."
            )
        if way:
            yield way


def _start(venue: Venue, texts: Mapping[str, Sequence[str]], recorded: set[str]) -> dict[str, Any]:
    """origin and origin_also: the landmark that most ways name first, and what shares its name."""
    evidence = Evidence(venue, texts)
    first: Counter[str] = Counter()
    named: Counter[str] = Counter()
    for ways in texts.values():
        for way in ways:
            landmarks = [s for spot in evidence.spots(way) if (s := set(spot.places) - recorded)]
            first.update(landmarks[0] if landmarks else ())
            named.update(i for spot in landmarks for i in spot)
    if not first:
        return {}
    origin = max(sorted(first), key=lambda i: (first[i], named[i]))
    also = sorted(i for i, n in first.items() if i != origin and n >= first[origin] / 2)
    return {"origin": origin, "origin_also": tuple(also)}
