"""Any-to-any routes: over measured walkways where there are any, else over landmarks.

A landmark edge joins recorded neighbours and places that lie close together; its length is the
straight line times a detour factor, and everything that rests on one is marked estimated.

Walkways may meet at junctions, which have no name. A route is found over them and told between
places: the legs from one named place to the next are merged into one.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import networkx as nx

from giljabi.venue.place import Link, LinkKind, Place, Point, Venue

Profile = Literal["shortest", "step-free"]

METRES_PER_MINUTE = 67.0  # 4 km/h, the pace public walking directions in Korea use
DETOUR = 1.3  # street distance over straight line; 1.2-1.4 in the pedestrian literature
NEAR_METRES = 220.0
_NEAREST = 3
_STEPS = frozenset({"stairs", "escalator"})
_TELLING: tuple[LinkKind, ...] = ("stairs", "escalator", "lift", "ramp")
# Somebody passing sees what is this near, and is told of no more than this along one way.
_SEEN_METRES = 40.0
_LANDMARK_METRES = 60.0
_MOST_LANDMARKS = 12


@dataclass(frozen=True, slots=True)
class Leg:
    """One link of a route between two places, in walking direction."""

    start: str
    end: str
    link: Link


@dataclass(frozen=True, slots=True)
class Route:
    """A way between two places. `minutes` is rounded up; `estimated` if any leg is.

    `line` is the way as drawn on a map: the places and junctions passed that have a point.
    `guessed` says of each stretch from one point of it to the next whether it is an estimate.
    """

    legs: tuple[Leg, ...]
    minutes: int
    metres: int | None
    estimated: bool
    profile: Profile
    line: tuple[Point, ...] = ()
    guessed: tuple[bool, ...] = ()

    @property
    def stops(self) -> tuple[str, ...]:
        """The places passed, both ends included."""
        return (self.legs[0].start, *(leg.end for leg in self.legs)) if self.legs else ()


class NoRoute(Exception):
    """No way is known; `unrecorded` when there is one but nobody recorded whether it has steps."""

    def __init__(self, *, unrecorded: bool) -> None:
        super().__init__("no route")
        self.unrecorded = unrecorded


def metres_between(a: Point, b: Point) -> float:
    """Great-circle distance (haversine, mean earth radius 6,371,008.8 m)."""
    la, lb = math.radians(a.lat), math.radians(b.lat)
    dlat, dlon = lb - la, math.radians(b.lon - a.lon)
    h = math.sin(dlat / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin(dlon / 2) ** 2
    return 2 * 6_371_008.8 * math.asin(math.sqrt(h))


class Graph:
    """Routes over one venue. Built once; the profiles differ in the links they may use.

    Two ends may be joined by several links: each profile takes the quickest it may use.
    """

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._measured = _quickest(venue.links)
        self._guesses = landmark_links(venue)
        self._landmarks = self._measured.copy()
        _quickest(self._guesses, self._landmarks)
        self._step_free = nx.Graph()
        self._step_free.add_nodes_from(self._landmarks)
        _quickest((x for x in venue.links if _is_step_free(x)), self._step_free)
        self._leaves = _leaves(venue)
        self._hung = _hung(venue, self._leaves)

    def route(self, start: str, end: str, profile: Profile = "shortest") -> Route:
        """The quickest way from `start` to `end` (place ids).

        Raises NoRoute, and never offers an unrecorded way as step-free.
        """
        step_free = profile == "step-free"
        for graph in (self._step_free,) if step_free else (self._measured, self._landmarks):
            if path := self._path(graph, start, end):
                return self._told(graph, path, profile)
        raise NoRoute(unrecorded=step_free and self._path(self._maybe, start, end) is not None)

    @cached_property
    def _maybe(self) -> nx.Graph:
        """Every link that nobody recorded as having steps."""
        known = itertools.chain(self._venue.links, self._guesses)
        return _quickest(x for x in known if x.step_free is not False)

    def _path(self, graph: nx.Graph, start: str, end: str) -> list[str] | None:
        if start not in graph or end not in graph:
            return None
        try:
            return list(nx.dijkstra_path(graph, start, end, self._weight(start)))
        except nx.NetworkXNoPath:
            return None

    def _weight(self, start: str) -> str | Callable[[str, str, dict[str, float]], float | None]:
        if not self._leaves:
            return "weight"
        closed = self._leaves - {start}
        return lambda a, _, edge: None if a in closed else edge["weight"]

    def _told(self, graph: nx.Graph, path: list[str], profile: Profile) -> Route:
        links = [graph.edges[a, b]["link"] for a, b in itertools.pairwise(path)]
        told = self._landmarks_on(path, links)
        legs = tuple(
            Leg(a, b, _merged(a, b, links[i:j])) for (i, a), (j, b) in itertools.pairwise(told)
        )
        metres = [x.metres for x in links]
        total = sum(m for m in metres if m is not None)
        drawn = list(self._line(path, links))
        return Route(
            legs,
            max(1, math.ceil(sum(map(_minutes, links)) - 1e-9)),
            None if None in metres else round(total),
            any(x.estimated for x in links),
            profile,
            tuple(point for _, point in drawn),
            tuple(
                any(x.estimated for x in links[i:j]) for (i, _), (j, _) in itertools.pairwise(drawn)
            ),
        )

    def _line(self, path: Sequence[str], links: Sequence[Link]) -> Iterator[tuple[int, Point]]:
        for i, node in enumerate(path):
            point = self._venue.junctions.get(node) or self._venue.place(node).point
            if point is not None and not (
                links and node in self._leaves and self._is_inside(path, links, i)
            ):
                yield i, point

    def _is_inside(self, path: Sequence[str], links: Sequence[Link], i: int) -> bool:
        """Whether the end of a way lies deeper in a building than its door: nobody measured that."""
        end, link = (path[1], links[0]) if i == 0 else (path[-2], links[-1])
        point, door = self._venue.place(path[i]).point, self._venue.junctions.get(end)
        if point is None or door is None:
            return False
        return metres_between(point, door) > _metres(link) + 1.0

    def _landmarks_on(self, path: list[str], links: Sequence[Link]) -> list[tuple[int, str]]:
        """Where on the path a leg ends, and the place it ends at."""
        lengths = [_metres(x) for x in links]
        left, since = sum(lengths), 0.0
        apart = max(_LANDMARK_METRES, left / _MOST_LANDMARKS)
        told = {self._venue.place(node).name.ko for node in (path[0], path[-1])}
        out = [(0, path[0])]
        for i, node in enumerate(path[1:-1], 1):
            since, left = since + lengths[i - 1], left - lengths[i - 1]
            if node not in self._venue.junctions:
                landmark: str | None = node
            elif since < apart or left < _LANDMARK_METRES:
                continue
            else:
                beside = ((p, self._venue.place(p).name.ko) for p in self._hung.get(node, ()))
                landmark = next((p for p, name in beside if name not in told), None)
            if landmark is not None:
                told.add(self._venue.place(landmark).name.ko)
                out.append((i, landmark))
                since = 0.0
        return [*out, (len(path) - 1, path[-1])] if links else out


def _quickest(links: Iterable[Link], graph: nx.Graph | None = None) -> nx.Graph:
    graph = nx.Graph() if graph is None else graph
    for link in links:
        old = graph.get_edge_data(link.a, link.b)
        if old is None or old["weight"] > _minutes(link):
            graph.add_edge(link.a, link.b, weight=_minutes(link), link=link)
    return graph


def _is_step_free(link: Link) -> bool:
    return link.step_free is True and link.kind not in _STEPS


def _leaves(venue: Venue) -> frozenset[str]:
    """Places at the end of one link, or of doors and guesses alone: nobody is sent through one."""
    ties: dict[str, list[bool]] = defaultdict(list)
    for x in venue.links:
        for end, other in ((x.a, x.b), (x.b, x.a)):
            if end not in venue.junctions:
                soft = x.kind == "door" or x.estimated
                ties[end] += [soft] if other in venue.junctions else [False, False]
    return frozenset(end for end, soft in ties.items() if all(soft) or len(soft) == 1)


def _hung(venue: Venue, leaves: frozenset[str]) -> dict[str, list[str]]:
    """The places to see at a junction, nearest first."""
    beside: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for x in venue.links:
        for end, other in ((x.a, x.b), (x.b, x.a)):
            if end in leaves and _metres(x) <= _SEEN_METRES:
                beside[other].append((_metres(x), end))
    return {node: [p for _, p in sorted(places)] for node, places in beside.items()}


def _merged(a: str, b: str, links: Sequence[Link]) -> Link:
    """One link for all of `links`: lengths add up, and the worst that one of them has holds."""
    if len(links) == 1 and {a, b} == {links[0].a, links[0].b}:
        return links[0]
    kinds = {x.kind for x in links}
    metres = [x.metres for x in links if x.metres is not None]
    free = {x.step_free for x in links}
    sources = list(dict.fromkeys(x.source for x in links if x.source))
    more = f"; and {len(sources) - 3} more" if len(sources) > 3 else ""
    return Link(
        a,
        b,
        kind=next((k for k in _TELLING if k in kinds), "door" if kinds == {"door"} else "walk"),
        metres=sum(metres) if len(metres) == len(links) else None,
        minutes=sum(map(_minutes, links)),
        step_free=False if False in free else None if None in free else True,
        estimated=any(x.estimated for x in links),
        source="; ".join(sources[:3]) + more,
    )


def _minutes(link: Link) -> float:
    return link.minutes if link.minutes is not None else _metres(link) / METRES_PER_MINUTE


def _metres(link: Link) -> float:
    if link.metres is not None:
        return link.metres
    return METRES_PER_MINUTE * (1.0 if link.minutes is None else link.minutes)


def landmark_links(venue: Venue) -> list[Link]:
    """Estimated links between recorded neighbours and places that lie close together."""
    measured = {frozenset((x.a, x.b)) for x in venue.links}
    walked = {end for x in venue.links for end in (x.a, x.b)}
    closest = _Closest(venue.places)
    pairs: dict[frozenset[str], Link] = {}
    for p in venue.places:
        for n in p.neighbours:
            if n.place and n.place != p.id and n.side not in ("far", "toward"):
                other = venue.place(n.place)
                pairs.setdefault(
                    frozenset((p.id, other.id)), _estimate(p, other, p.source("neighbours"))
                )
        for other in closest(p):
            pairs.setdefault(frozenset((p.id, other.id)), _estimate(p, other, "coordinates"))
        if (
            p.minutes is not None
            and p.id != venue.origin
            and (p.point is None or p.area != "campus")
        ):
            link = Link(
                venue.origin, p.id, minutes=p.minutes, estimated=True, source=p.source("minutes")
            )
            pairs.setdefault(frozenset((p.id, venue.origin)), link)
    return [x for k, x in pairs.items() if k not in measured and not k <= walked]


class _Closest:
    """The closest places of a place, without looking at all the others: they may be thousands."""

    def __init__(self, places: Sequence[Place]) -> None:
        lats = [abs(p.point.lat) for p in places if p.point is not None]
        self._dlat = NEAR_METRES / 111_000  # a little more than the reach, never less
        self._dlon = self._dlat / max(0.01, math.cos(math.radians(max(lats, default=0.0))))
        self._cells: dict[tuple[int, int], list[Place]] = defaultdict(list)
        for p in places:
            if p.point is not None:
                self._cells[self._cell(p.point)].append(p)

    def _cell(self, point: Point) -> tuple[int, int]:
        return math.floor(point.lat / self._dlat), math.floor(point.lon / self._dlon)

    def __call__(self, place: Place) -> list[Place]:
        if place.point is None:
            return []
        others = [
            (metres_between(place.point, o.point), o.id, o)
            for o in self._around(place.point)
            if o.point is not None and o.id != place.id
        ]
        return [o for d, _, o in sorted(others)[:_NEAREST] if d <= NEAR_METRES]

    def _around(self, point: Point) -> Iterator[Place]:
        row, column = self._cell(point)
        for r, c in itertools.product((row - 1, row, row + 1), (column - 1, column, column + 1)):
            yield from self._cells.get((r, c), ())


def _estimate(a: Place, b: Place, source: str) -> Link:
    if a.point and b.point:
        metres = max(10.0, metres_between(a.point, b.point) * DETOUR)
        return Link(a.id, b.id, metres=metres, estimated=True, source=source)
    minutes = abs((a.minutes or 0) - (b.minutes or 0)) if a.minutes and b.minutes else 1
    return Link(a.id, b.id, minutes=max(1, minutes), estimated=True, source=source)
