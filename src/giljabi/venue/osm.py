"""OpenStreetMap extracts (.osm, .osm.gz, .osm.bz2, .osm.pbf) as places and measured walkways."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.venue import osm_places, osm_walkways
from giljabi.venue.graph import metres_between
from giljabi.venue.imported import Imported
from giljabi.venue.place import Point
from giljabi.venue.records import Record
from giljabi.venue.walkways import Tie, network

Tags = Mapping[str, str]

_ATTRIBUTION = "© OpenStreetMap contributors, Open Database License (ODbL)"
_READ = ("name", "highway", "barrier", "kerb", "entrance", "addr:housenumber")
_NO_ENTRANCE = frozenset({"no", "emergency", "exit", "service", "garage"})
_OUTLINE = 60
_FEW_PLACES = 2


@dataclass(slots=True)
class _Extract:
    """What was read: tagged nodes, ways of interest with their lines, named areas of relations."""

    nodes: dict[int, Tags] = field(default_factory=dict)
    ways: dict[int, tuple[Tags, tuple[int, ...]]] = field(default_factory=dict)
    areas: dict[int, tuple[Tags, tuple[int, ...]]] = field(default_factory=dict)
    points: dict[int, Point] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Found:
    """A thing that may become a place: its id, its tags, where it was read, and its nodes."""

    spot: str
    tags: Tags
    source: str
    nodes: tuple[int, ...]


def read_osm(path: Path) -> Imported:
    """The places and walkways of an OpenStreetMap extract.

    Where fewer than two things have a name, addresses and streets are the places. GiljabiError
    for a file that is no extract, is cut short, or holds no place or no walkway.
    """
    extract = _read(path)
    walkable = osm_walkways.Walkable(extract.nodes, extract.points)
    for way, (tags, refs) in sorted(extract.ways.items()):
        if osm_walkways.is_walked(tags):
            walkable.add(way, refs, tags, f"{path.name} way {way}")
    if not walkable.stretches:
        raise GiljabiError(
            f"{path}: no walkway in it: take an extract that holds footpaths or streets."
        )
    found = list(_found(extract, path.name))
    records, ties = _places(extract, found, walkable.points)
    if len(records) < _FEW_PLACES:
        more, more_ties = _unnamed(extract, path.name)
        records, ties = [*records, *more], [*ties, *more_ties]
    if not records:
        raise GiljabiError(
            f"{path}: nothing in it has a name or an address: take an extract with places."
        )
    links, junctions = network(walkable.stretches, walkable.points, ties, walkable.stepped)
    return Imported(tuple(_unique_codes(records)), links, junctions, {path.name: _ATTRIBUTION})


def _read(path: Path) -> _Extract:
    try:
        import osmium  # noqa: PLC0415 - an optional part: only an import of a map needs it
    except ImportError:
        raise GiljabiError(
            "Reading OpenStreetMap files needs osmium: pip install 'giljabi[osm]'."
        ) from None
    if not path.is_file():
        raise GiljabiError(f"{path} does not exist.")
    out = _Extract()
    try:
        _read_into(osmium, path, out)
    except (RuntimeError, ValueError, osmium.InvalidLocationError) as e:
        raise GiljabiError(
            f"{path}: not a whole OpenStreetMap file ({str(e).rstrip('.')}): download it again."
        ) from None
    return out


def _read_into(osmium: Any, path: Path, out: _Extract) -> None:
    outer: dict[int, tuple[Tags, tuple[int, ...]]] = {}
    named = osmium.filter.KeyFilter("name", "highway")
    for r in osmium.FileProcessor(str(path), osmium.osm.RELATION).with_filter(named):
        tags = dict(r.tags)
        if tags.get("type") == "multipolygon" and (
            osm_walkways.is_walked(tags) or osm_places.kind_key(tags)
        ):
            members = (m.ref for m in r.members if m.type == "w" and m.role in ("outer", ""))
            outer[r.id] = (tags, tuple(members))
    wanted = osmium.osm.NODE | osmium.osm.WAY
    tagged = osmium.FileProcessor(str(path), wanted).with_locations()
    for o in tagged.with_filter(osmium.filter.KeyFilter(*_READ)):
        tags = dict(o.tags)
        if o.is_node():
            out.nodes[o.id] = tags
            if o.location.valid():
                out.points[o.id] = Point(o.lat, o.lon)
        elif osm_walkways.is_walked(tags) or osm_places.kind_key(tags) or "addr:street" in tags:
            out.ways[o.id] = (tags, _line(o, out.points))
    lines: dict[int, tuple[Tags, tuple[int, ...]]] = {}
    if outer:
        wanted_ways = {ref for _, refs in outer.values() for ref in refs}
        ways = osmium.FileProcessor(str(path), wanted).with_locations()
        for w in ways.with_filter(osmium.filter.IdFilter(wanted_ways)):
            if w.is_way():
                lines[w.id] = (dict(w.tags), _line(w, out.points))
    for relation, (area, refs) in outer.items():
        out.areas[relation] = (area, tuple(n for r in refs if r in lines for n in lines[r][1]))
        for ref in refs:
            # The edge of a square is a walkway, whether the square is one way or several.
            if ref in lines and osm_walkways.is_walked(area) and "highway" not in lines[ref][0]:
                out.ways[ref] = ({"highway": area["highway"], **lines[ref][0]}, lines[ref][1])
    _read_unsaved(osmium, path, out)


def _line(way: Any, points: dict[int, Point]) -> tuple[int, ...]:
    refs = []
    for n in way.nodes:
        refs.append(n.ref)
        if n.location.valid():
            points[n.ref] = Point(n.location.lat, n.location.lon)
    return tuple(refs)


def _read_unsaved(osmium: Any, path: Path, out: _Extract) -> None:
    """Ids below zero: an editor's file that was never uploaded; osmium keeps no place for them."""
    lines = (refs for _, refs in (*out.ways.values(), *out.areas.values()))
    if any(ref < 0 for refs in lines for ref in refs):
        for n in osmium.FileProcessor(str(path), osmium.osm.NODE):
            if n.id < 0 and n.location.valid():
                out.points[n.id] = Point(n.lat, n.lon)


def _found(extract: _Extract, file: str) -> Iterator[_Found]:
    for node, tags in sorted(extract.nodes.items()):
        if node in extract.points:
            yield _Found(f"n{node}", tags, f"{file} node {node}", (node,))
    for letter, word, things in (("w", "way", extract.ways), ("r", "relation", extract.areas)):
        for number, (tags, refs) in sorted(things.items()):
            seen = tuple(ref for ref in refs if ref in extract.points)
            if seen:
                yield _Found(f"{letter}{number}", tags, f"{file} {word} {number}", seen)


def _places(
    extract: _Extract, found: Iterable[_Found], walked: Mapping[str, Point]
) -> tuple[list[Record], list[Tie]]:
    records: list[Record] = []
    ties: list[Tie] = []
    for thing in found:
        key = osm_places.kind_key(thing.tags)
        if key is None or not thing.tags.get("name", "").strip():
            continue
        point = _centre([extract.points[n] for n in thing.nodes])
        records.append(osm_places.place(thing.tags, key, thing.spot, thing.source, point))
        ties += _ties(extract, thing, point, walked)
    return records, ties


def _ties(
    extract: _Extract, thing: _Found, point: Point, walked: Mapping[str, Point]
) -> Iterator[Tie]:
    """Through its entrances on a walkway, else from its entrances, else from where it lies."""
    doors = [n for n in dict.fromkeys(thing.nodes) if _is_entrance(extract.nodes.get(n, {}))]
    if len(thing.nodes) == 1:
        doors = []
    reached = [n for n in doors if f"j{n}" in walked]
    for n in reached or doors:
        free = osm_walkways.door_step_free(extract.nodes[n], thing.tags)
        door = f"j{n}" if reached else None
        yield Tie(thing.spot, (extract.points[n],), door, free, thing.source)
    if not doors:
        free = osm_walkways.door_step_free(thing.tags if len(thing.nodes) == 1 else {}, thing.tags)
        outline = tuple(extract.points[n] for n in thing.nodes[:: len(thing.nodes) // _OUTLINE + 1])
        yield Tie(thing.spot, (point, *outline), step_free=free, source=thing.source)


def _is_entrance(tags: Tags) -> bool:
    return tags.get("entrance", "no") not in _NO_ENTRANCE and tags.get("access") not in (
        "no",
        "private",
    )


def _unnamed(extract: _Extract, file: str) -> tuple[list[Record], list[Tie]]:
    """Addresses and streets as places, for a map where hardly anything has a name."""
    records, ties, seen = [], [], set[str]()
    streets: dict[str, list[_Found]] = {}
    for thing in _found(extract, file):
        name = osm_places.address(thing.tags)
        if name is not None and name not in seen:
            seen.add(name)
            point = _centre([extract.points[n] for n in thing.nodes])
            kind = ("주소", "address")
            records.append(osm_places.plain(thing.spot, name, kind, thing.source, point))
            ties.append(Tie(thing.spot, (point,), source=thing.source))
        elif osm_walkways.is_walked(thing.tags) and "name" in thing.tags:
            streets.setdefault(thing.tags["name"], []).append(thing)
    for name, parts in sorted(streets.items()):
        longest = max(parts, key=lambda p: _length([extract.points[n] for n in p.nodes]))
        point = extract.points[longest.nodes[len(longest.nodes) // 2]]
        kind = ("길", "street")
        records.append(osm_places.plain(longest.spot, name, kind, longest.source, point))
        ties.append(Tie(longest.spot, (point,), source=longest.source))
    return records, ties


def _length(line: Sequence[Point]) -> float:
    return sum(metres_between(a, b) for a, b in itertools.pairwise(line))


def _centre(line: Sequence[Point]) -> Point:
    """The centroid of a ring, and the middle of anything that encloses nothing."""
    first = line[0]
    area = lat = lon = 0.0
    for a, b in zip(line, (*line[1:], first), strict=True):
        ay, ax, by, bx = a.lat - first.lat, a.lon - first.lon, b.lat - first.lat, b.lon - first.lon
        cross = ax * by - bx * ay
        area, lat, lon = area + cross, lat + (ay + by) * cross, lon + (ax + bx) * cross
    if abs(area) > 1e-14:
        return Point(first.lat + lat / (3 * area), first.lon + lon / (3 * area))
    lats, lons = [p.lat for p in line], [p.lon for p in line]
    return Point((min(lats) + max(lats)) / 2, (min(lons) + max(lons)) / 2)


def _unique_codes(records: Iterable[Record]) -> list[Record]:
    """Without the numbers that two places bear: neither can be asked for by it."""
    out = list(records)
    uses = Counter(r["code"] for r in out if "code" in r)
    for r in out:
        if uses[r.get("code")] > 1:
            del r["code"], r["sources"]["code"]
    return out
