"""Where places lie on a drawing when nobody measured their coordinates: a plan, not to scale.

Storeys lie above each other; along a storey a place stands as far to the right as one walks
from the venue's origin, ups and downs not counted. So a lift stands over itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict

import networkx as nx

from giljabi.venue.graph import METRES_PER_MINUTE, landmark_links
from giljabi.venue.place import Link, Place, Venue

_UPWARD = frozenset({"stairs", "lift", "escalator"})
_STOREY = 90.0
_APART = 42.0
_STAGGER = 26.0


def positions(venue: Venue) -> dict[str, tuple[float, float]]:
    """(x, y) of every place, in a drawing's own units; y grows with the storey.

    Places that no way reaches stand at the end of their storey.
    """
    walked = _walked(venue)
    beyond = max(walked.values(), default=0.0) + _APART
    rows: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for place in venue.places:
        rows[_storey(place)].append((walked.get(place.id, beyond), place.id))
    out = {}
    for storey, row in rows.items():
        x = -_APART
        for n, (metres, place_id) in enumerate(sorted(row)):
            x = max(metres, x + _APART / 2 if n % 2 else x + _APART)
            # Neighbours on a storey do not stand in one line, or their links would be hidden.
            out[place_id] = (x, storey * _STOREY + (_STAGGER if n % 2 else 0.0))
    return out


def storeys(venue: Venue) -> list[tuple[int, float]]:
    """The storeys drawn and the y of each, lowest first; none where there is but one."""
    found = sorted({_storey(place) for place in venue.places})
    return [(n, n * _STOREY + _STAGGER / 2) for n in found] if len(found) > 1 else []


def _walked(venue: Venue) -> dict[str, float]:
    graph = nx.Graph()
    for link in itertools.chain(venue.links, landmark_links(venue)):
        graph.add_edge(link.a, link.b, metres=_along(link))
    if venue.origin not in graph:
        return {}
    return dict(nx.single_source_dijkstra_path_length(graph, venue.origin, weight="metres"))


def _along(link: Link) -> float:
    if link.kind in _UPWARD:
        return 0.0
    if link.metres is not None:
        return link.metres
    return METRES_PER_MINUTE * (1.0 if link.minutes is None else link.minutes)


def _storey(place: Place) -> int:
    levels = place.inside.levels if place.inside else ()
    return levels[0] if levels else 1
