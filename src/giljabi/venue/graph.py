"""Any-to-any routes: over measured walkways where there are any, else over landmarks.

A landmark edge joins recorded neighbours and places that lie close together; its length is the
straight line times a detour factor, and everything that rests on one is marked estimated.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

import networkx as nx

from giljabi.venue.place import Link, Place, Point, Venue

Profile = Literal["shortest", "step-free"]

METRES_PER_MINUTE = 67.0  # 4 km/h, the pace public walking directions in Korea use
DETOUR = 1.3  # street distance over straight line; 1.2-1.4 in the pedestrian literature
NEAR_METRES = 220.0
_NEAREST = 3
_STEPS = frozenset({"stairs", "escalator"})


@dataclass(frozen=True, slots=True)
class Leg:
    """One link of a route, in walking direction."""

    start: str
    end: str
    link: Link


@dataclass(frozen=True, slots=True)
class Route:
    """A way between two places. `minutes` is rounded up; `estimated` if any leg is."""

    legs: tuple[Leg, ...]
    minutes: int
    metres: int | None
    estimated: bool
    profile: Profile

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
    """Routes over one venue. Built once; both profiles share the measured links."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._measured = nx.Graph()
        for link in venue.links:
            self._add(self._measured, link)
        self._landmarks = self._measured.copy()
        for link in _landmark_links(venue):
            if not self._landmarks.has_edge(link.a, link.b):
                self._add(self._landmarks, link)

    def _add(self, graph: nx.Graph, link: Link) -> None:
        old = graph.get_edge_data(link.a, link.b)
        if old is None or old["weight"] > _minutes(link):
            graph.add_edge(link.a, link.b, weight=_minutes(link), link=link)

    def route(self, start: str, end: str, profile: Profile = "shortest") -> Route:
        """The quickest way from `start` to `end` (place ids).

        Raises NoRoute, and never offers an unrecorded way as step-free.
        """
        for graph in (self._measured, self._landmarks):
            if start in graph and end in graph:
                usable = _step_free(graph) if profile == "step-free" else graph
                if path := _path(usable, start, end):
                    return _route(graph, path, profile)
        raise NoRoute(unrecorded=profile == "step-free" and self._connected(start, end))

    def _connected(self, start: str, end: str) -> bool:
        graph = self._landmarks
        if start not in graph or end not in graph or not nx.has_path(graph, start, end):
            return False
        maybe = nx.subgraph_view(
            graph, filter_edge=lambda a, b: graph.edges[a, b]["link"].step_free is not False
        )
        return bool(nx.has_path(maybe, start, end))


def _path(graph: nx.Graph, start: str, end: str) -> list[str] | None:
    try:
        return list(nx.dijkstra_path(graph, start, end))
    except nx.NetworkXNoPath:
        return None


def _step_free(graph: nx.Graph) -> nx.Graph:
    def passable(a: str, b: str) -> bool:
        link: Link = graph.edges[a, b]["link"]
        return link.step_free is True and link.kind not in _STEPS

    return nx.subgraph_view(graph, filter_edge=passable)


def _route(graph: nx.Graph, path: list[str], profile: Profile) -> Route:
    legs = tuple(Leg(a, b, graph.edges[a, b]["link"]) for a, b in itertools.pairwise(path))
    minutes = sum(_minutes(leg.link) for leg in legs)
    metres = [leg.link.metres for leg in legs]
    total = round(sum(m for m in metres if m is not None)) if all(metres) else None
    return Route(
        legs,
        max(1, math.ceil(minutes - 1e-9)),
        total,
        any(leg.link.estimated for leg in legs),
        profile,
    )


def _minutes(link: Link) -> float:
    if link.minutes is not None:
        return link.minutes
    return (link.metres or METRES_PER_MINUTE) / METRES_PER_MINUTE


def _landmark_links(venue: Venue) -> list[Link]:
    measured = {frozenset((x.a, x.b)) for x in venue.links}
    walked = {end for x in venue.links for end in (x.a, x.b)}
    pairs: dict[frozenset[str], Link] = {}
    for p in venue.places:
        for n in p.neighbours:
            if n.place and n.place != p.id and n.side not in ("far", "toward"):
                other = venue.place(n.place)
                pairs.setdefault(
                    frozenset((p.id, other.id)), _estimate(p, other, p.source("neighbours"))
                )
        for other in _closest(venue, p):
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


def _closest(venue: Venue, place: Place) -> list[Place]:
    if place.point is None:
        return []
    others = [
        (metres_between(place.point, o.point), o.id, o)
        for o in venue.places
        if o.point is not None and o.id != place.id
    ]
    return [o for d, _, o in sorted(others)[:_NEAREST] if d <= NEAR_METRES]


def _estimate(a: Place, b: Place, source: str) -> Link:
    if a.point and b.point:
        metres = max(10.0, metres_between(a.point, b.point) * DETOUR)
        return Link(a.id, b.id, metres=metres, estimated=True, source=source)
    minutes = abs((a.minutes or 0) - (b.minutes or 0)) if a.minutes and b.minutes else 1
    return Link(a.id, b.id, minutes=max(1, minutes), estimated=True, source=source)
