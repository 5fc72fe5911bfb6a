"""Where places lie on a drawing when nobody measured their coordinates: a plan, not to scale.

Storeys lie above each other; along a storey a place stands as far to the right as one walks
from the venue's origin, ups and downs not counted. So a lift stands over itself.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable

import networkx as nx

from giljabi.venue.graph import METRES_PER_MINUTE, landmark_links
from giljabi.venue.place import Link, Place, Venue

_UPWARD = frozenset({"stairs", "lift", "escalator"})
_STOREY = 80.0
_APART = 30.0
_STAGGER = 22.0


def positions(venue: Venue) -> dict[str, tuple[float, float]]:
    """(x, y) of every place, in a drawing's own units; y grows with the storey.

    Places that no way reaches stand at the end of their storey.
    """
    walked = _walked(venue)
    beyond = max(walked.values(), default=0.0) + 2 * _APART
    rows: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for place in venue.places:
        rows[_storey(place)].append((walked.get(place.id, beyond), place.id))
    # The fullest storey is spread until its places stand apart; the others follow its measure.
    fullest = max(rows.values(), key=len, default=[])
    knots = list(zip((m for m, _ in sorted(fullest)), _spread(fullest, float), strict=True))
    out = {}
    for storey, row in rows.items():
        xs = _spread(row, lambda metres: _measured(metres, knots))
        for n, ((_, place_id), x) in enumerate(zip(sorted(row), xs, strict=True)):
            # Neighbours on a storey do not stand in one line, or their links would be hidden.
            out[place_id] = (round(x, 1), storey * _STOREY + (_STAGGER if n % 2 else 0.0))
    return out


def _spread(row: list[tuple[float, str]], measure: Callable[[float], float]) -> list[float]:
    """Where the places of a storey stand, each at least some way right of the one before."""
    xs: list[float] = []
    for metres, _ in sorted(row):
        x = measure(metres)
        xs.append(max(x, xs[-1] + _APART) if xs else x)
    return xs


def _measured(metres: float, knots: list[tuple[float, float]]) -> float:
    """Where the fullest storey has a place that far away, between its neighbours if it has none."""
    for (m0, x0), (m1, x1) in itertools.pairwise(knots):
        if m0 <= metres < m1:
            return x0 + (x1 - x0) * (metres - m0) / (m1 - m0)
    m, x = knots[0] if metres < knots[0][0] else knots[-1]
    return x + metres - m


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
