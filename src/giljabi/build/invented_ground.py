"""The ground of an invented venue: where things stand, what lies beside what, the measured ways."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from giljabi.answer.words import articled
from giljabi.build.invented_names import fill, table
from giljabi.venue.graph import METRES_PER_MINUTE
from giljabi.venue.place import Link, LinkKind, Neighbour, Place, Point, Side, Text

SOURCE = "survey"
_SECTORS: tuple[Side, ...] = (
    "up", "right-up", "right", "right-down", "down", "left-down", "left", "left-up",
)  # fmt: skip
_FACING: Mapping[Side, Side] = {"up": "behind", "down": "front"}
_NORTH, _EAST = 111_190.0, 88_300.0  # metres a degree, at 37.4° north
_ROOM_STEP, _ROOM_SIDE = 14.0, 4.0
_STAIR_MINUTES = 0.6


@dataclass
class Ground:
    """What is laid out so far; positions are metres east and north of the origin."""

    rng: random.Random
    frame: str
    up: Sequence[str]
    corner: Point
    spots: dict[str, tuple[float, float]] = field(default_factory=dict)
    beside: list[tuple[str, str]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    junctions: dict[str, Point] = field(default_factory=dict)
    levels: dict[str, int] = field(default_factory=dict)
    """The storey of each room and junction."""

    def point(self, place: str) -> Point:
        """Where a place lies on the map."""
        east, north = self.spots[place]
        return Point(
            round(self.corner.lat + north / _NORTH, 6), round(self.corner.lon + east / _EAST, 6)
        )

    def metres(self, a: str, b: str) -> float:
        """The straight line."""
        return math.dist(self.spots[a], self.spots[b])


def lay_outdoors(ground: Ground, order: Sequence[str], spacing: float) -> None:
    """Places on a loose grid in that order, and walks between those side by side."""
    rng, columns = ground.rng, max(2, math.ceil(math.sqrt(len(order))))
    for i, place in enumerate(order):
        row, column = divmod(i, columns)
        shift = [rng.uniform(-0.16, 0.16) for _ in range(2)]
        ground.spots[place] = ((column + shift[0]) * spacing, (row + shift[1]) * spacing)
    for i, place in enumerate(order):
        before = [order[i - 1]] if i % columns else []
        before += [order[i - columns]] if i >= columns else []
        rng.shuffle(before)
        # The first keeps everything in reach.
        for n, other in enumerate(before):
            if n == 0 or rng.random() < 0.75:
                ground.beside.append((other, place))
                ground.links += _outdoor(ground, other, place)


def _outdoor(ground: Ground, a: str, b: str) -> Iterator[Link]:
    rng = ground.rng
    metres = round(ground.metres(a, b) * rng.uniform(1.05, 1.2))
    roll = rng.random()
    if roll < 0.1:
        yield Link(a, b, "stairs", float(metres), step_free=False, source=SOURCE)
        if rng.random() < 0.6:
            yield Link(a, b, "ramp", round(metres * 1.5), step_free=True, source=SOURCE)
        return
    kind: LinkKind = "ramp" if roll < 0.15 else "walk"
    minutes = round(metres / METRES_PER_MINUTE, 1) if rng.random() < 0.3 else None
    free = None if rng.random() < 0.2 else True
    guessed = rng.random() < 0.04
    yield Link(a, b, kind, float(metres), minutes, free, guessed, source=SOURCE)


def tie(ground: Ground, place: str, to: str, metres: float) -> None:
    """A place outside the grid, south of another and reached from it."""
    east, north = ground.spots[to]
    ground.spots[place] = (east + ground.rng.uniform(-8, 8), north - metres)
    ground.beside.append((to, place))
    length = round(metres * 1.1)
    ground.links.append(Link(to, place, "walk", float(length), step_free=True, source=SOURCE))


def lay_rooms(ground: Ground, building: str, rooms: Mapping[int, Sequence[str]]) -> None:
    """The rooms of a building, storey by storey, along corridors, and what leads up and down."""
    rng = ground.rng
    east, north = ground.spots[building]
    for level, some in sorted(rooms.items()):
        for i, room in enumerate(some):
            side = _ROOM_SIDE if i % 2 else -_ROOM_SIDE
            ground.spots[room] = (east + i // 2 * _ROOM_STEP, north + side)
            ground.levels[room] = level
            for back in (1, 2):
                # Across the corridor, and the next door on the same side.
                if i >= back and (back == 2 or i % 2):
                    ground.beside.append((some[i - back], room))
                    length = max(9.0, round(ground.metres(some[i - back], room) * 1.15))
                    free = None if rng.random() < 0.1 else True
                    ground.links.append(
                        Link(some[i - back], room, "walk", length, step_free=free, source=SOURCE)
                    )
    _rise(ground, building, rooms)


def _rise(ground: Ground, building: str, rooms: Mapping[int, Sequence[str]]) -> None:
    rng = ground.rng
    if rooms.get(1):
        metres = float(rng.randint(8, 25))
        kind: LinkKind = "door" if rng.random() < 0.3 else "walk"
        ground.links.append(
            Link(building, rooms[1][0], kind, metres, step_free=True, source=SOURCE)
        )
    if set(rooms) <= {1}:
        return
    levels = sorted({1, *rooms})
    for level in levels:
        node = f"{building}-level{level}"
        ground.junctions[node] = ground.point(building)
        ground.levels[node] = level
        start = building if level == 1 else rooms[level][0]
        metres = float(rng.randint(10, 30))
        ground.links.append(Link(node, start, "walk", metres, step_free=True, source=SOURCE))
    first: LinkKind = "lift" if "lift" in ground.up and rng.random() < 0.7 else _up(ground)
    for low, high in itertools.pairwise(levels):
        storeys = high - low - (low < 0 < high)
        ends = (f"{building}-level{low}", f"{building}-level{high}")
        minutes = round(0.5 + storeys * (0.1 if first == "lift" else 0.4), 1)
        ground.links.append(
            Link(*ends, first, minutes=minutes, step_free=first == "lift", source=SOURCE)
        )
        if first == "lift":
            ground.links.append(
                Link(*ends, "stairs", minutes=round(minutes + storeys * _STAIR_MINUTES, 1),
                     step_free=False, source=SOURCE)
            )  # fmt: skip


def _up(ground: Ground) -> LinkKind:
    return "escalator" if "escalator" in ground.up else "stairs"


# ---- beside each other ----


def neighbours(ground: Ground, places: Mapping[str, Place]) -> dict[str, tuple[Neighbour, ...]]:
    """Who records whom, on which side: what two say of each other always fits."""
    found: dict[str, list[Neighbour]] = {p: [] for p in places}
    for a, b in ground.beside:
        if a not in places or b not in places:
            continue
        there, back = _sides(ground, a, b)
        # Some pairs are recorded from one side only.
        one = ground.rng.random()
        if one > 0.1:
            found[a].append(Neighbour(places[b].label("ko"), there, b))
        if one < 0.9:
            found[b].append(Neighbour(places[a].label("ko"), back, a))
    return {p: tuple(some[:3]) for p, some in found.items()}


def _sides(ground: Ground, a: str, b: str) -> tuple[Side, Side]:
    """Where `b` lies from `a`, and `a` from `b`."""
    roll, metres = ground.rng.random(), ground.metres(a, b)
    across = ground.levels.get(a) is not None and abs(ground.spots[a][0] - ground.spots[b][0]) < 1
    if across or roll < 0.06:
        return "opposite", "opposite"
    if roll < 0.12:
        return ("beside", "beside") if metres < 90 else ("near", "near")
    east = ground.spots[b][0] - ground.spots[a][0]
    north = ground.spots[b][1] - ground.spots[a][1]
    sector = round(math.degrees(math.atan2(east, north)) / 45) % 8
    there, back = _SECTORS[sector], _SECTORS[(sector + 4) % 8]
    if ground.frame == "facing":
        return _FACING.get(there, there), _FACING.get(back, back)
    return there, back


def hinted(ground: Ground, places: Mapping[str, Place], share: float) -> tuple[Link, ...]:
    """The links, some of them with the words of somebody who walked them."""
    out = []
    for x in ground.links:
        known = x.a in places and x.b in places and x.kind == "walk"
        if known and ground.rng.random() < share:
            inside = x.a in ground.levels
            hint = _hint(ground.rng, "in" if inside else "out", places, x)
            out.append(replace(x, hint=hint))
        else:
            out.append(x)
    return tuple(out)


def _hint(rng: random.Random, where: str, places: Mapping[str, Place], x: Link) -> Text:
    a, b = places[x.a], places[x.b]
    ko = {"a": a.label("ko"), "b": b.label("ko")}
    en = {"a": articled(a.label("en")), "b": articled(b.label("en"))}
    return fill(rng.choice(table()["hints"][where]), ko, en)
