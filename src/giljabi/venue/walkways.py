"""Walkways as drawn on a map into links and junctions, and places tied to the nearest one.

A stretch is a line of nodes; stretches that share a node meet there. Lengths are measured along
the line. Nodes where nothing meets and nothing hangs are left out.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from giljabi.venue.graph import metres_between
from giljabi.venue.place import Link, LinkKind, Point

REACH_METRES = 150.0
"""A place farther than this from every walkway is tied to none."""

_SNAP_METRES = 5.0
_CELL = 50.0
_SAMPLE = 25.0
_RINGS = range(math.ceil(REACH_METRES / _CELL) + 2)
# Nobody enters a place half way up the stairs, and at the head of them only for want of better.
_ENDS_ONLY: frozenset[LinkKind] = frozenset({"stairs", "escalator", "lift"})
_ENDS_HANDICAP = 30.0
# A scrap of path that joins nothing is a poor tie where the rest of the map is nearly as close.
_SCRAP_METRES = 300.0
_SCRAP_HANDICAP = 60.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A walkway as drawn. `ways` are the kinds it can be walked as, each with its step_free:
    steps with a ramp beside them are both. `minutes` is the time where no length gives it (lifts).
    """

    nodes: tuple[str, ...]
    ways: tuple[tuple[LinkKind, bool | None], ...]
    source: str
    minutes: float | None = None


@dataclass(frozen=True, slots=True)
class Tie:
    """Where a place touches the walkways: at `door`, a node of one, else near one of `points`.

    The first point is tried before the others; among the others the nearest walkway counts.
    """

    place: str
    points: tuple[Point, ...] = ()
    door: str | None = None
    step_free: bool | None = True
    source: str = ""


@dataclass(frozen=True, slots=True)
class _Spot:
    """The nearest spot on a walkway: edge `edge` of stretch `stretch`, at the share `t` of it."""

    metres: float
    stretch: int
    edge: int
    t: float


def network(
    stretches: Sequence[Stretch],
    points: Mapping[str, Point],
    ties: Sequence[Tie],
    stepped: Collection[str] = (),
    prefix: str = "j",
) -> tuple[tuple[Link, ...], dict[str, Point]]:
    """Links between places and junctions, and the junctions.

    `points` are the nodes' coordinates; whatever touches a node of `stepped` (a raised kerb, a
    stile) is not step-free. New junctions are named `prefix`-place-number.
    """
    known = dict(points)
    hanging = _Hanging(stretches, known, stepped, prefix)
    access = [link for tie in ties for link in hanging.tie(tie)]
    lines = [hanging.line(n) for n in range(len(stretches))]
    uses = Counter(node for line in lines for node in line)
    joints = {node for node, n in uses.items() if n > 1} | hanging.kept | set(stepped)
    links = [
        link
        for stretch, line in zip(stretches, lines, strict=True)
        for link in _cut(stretch, line, joints, known, stepped)
    ]
    links += access
    places = {tie.place for tie in ties}
    ends = sorted({end for x in links for end in (x.a, x.b)} - places)
    return tuple(links), {node: known[node] for node in ends}


def _cut(
    stretch: Stretch,
    line: Sequence[str],
    joints: Collection[str],
    points: Mapping[str, Point],
    stepped: Collection[str],
) -> Iterator[Link]:
    start, metres = line[0], 0.0
    for n, (a, b) in enumerate(itertools.pairwise(line), 2):
        metres += metres_between(points[a], points[b])
        if b not in joints and n < len(line):
            continue
        if b != start:
            broken = start in stepped or b in stepped
            for kind, step_free in stretch.ways:
                yield Link(
                    start,
                    b,
                    kind=kind,
                    metres=round(metres, 1),
                    minutes=stretch.minutes,
                    step_free=False if broken else step_free,
                    source=stretch.source,
                )
        start, metres = b, 0.0


class _Hanging:
    """Ties places to walkways, and remembers which stretches get a new node for it where."""

    def __init__(
        self,
        stretches: Sequence[Stretch],
        points: dict[str, Point],
        stepped: Collection[str],
        prefix: str,
    ) -> None:
        self._stretches, self._points, self._stepped = stretches, points, stepped
        self._prefix = prefix
        self._nearest = _Nearest(stretches, points)
        self._new: dict[tuple[int, int], list[tuple[float, str]]] = defaultdict(list)
        self._named: Counter[str] = Counter()
        self.kept: set[str] = set()

    def tie(self, tie: Tie) -> Iterator[Link]:
        """The link from the place to a walkway; none where no walkway is near."""
        if tie.door is not None:
            self.kept.add(tie.door)
            yield Link(
                tie.place, tie.door, "door", metres=1.0, step_free=tie.step_free, source=tie.source
            )
            return
        for among in (tie.points[:1], tie.points[1:]):
            found = [(s.metres, n, s) for n, p in enumerate(among) if (s := self._nearest(p))]
            if found:
                metres, n, spot = min(found, key=lambda f: f[:2])
                node = self._node(spot, tie.place)
                metres = max(1.0, metres_between(among[n], self._points[node]))
                yield Link(
                    tie.place,
                    node,
                    # On the walkway itself nothing is guessed.
                    "walk" if metres > 1.0 else "door",
                    metres=round(metres, 1),
                    step_free=tie.step_free,
                    estimated=metres > 1.0,
                    source=tie.source,
                )
                return

    def _node(self, spot: _Spot, place: str) -> str:
        a, b = self._stretches[spot.stretch].nodes[spot.edge : spot.edge + 2]
        length = metres_between(self._points[a], self._points[b])
        new = self._new[spot.stretch, spot.edge]
        near = [(spot.t * length, a), ((1 - spot.t) * length, b)]
        near += [(abs(spot.t - t) * length, node) for t, node in new]
        for metres, node in sorted(near):
            if metres <= _SNAP_METRES and node not in self._stepped:
                self.kept.add(node)
                return node
        self._named[place] += 1
        node = f"{self._prefix}-{place}-{self._named[place]}"
        p, q = self._points[a], self._points[b]
        self._points[node] = Point(
            round(p.lat + spot.t * (q.lat - p.lat), 7), round(p.lon + spot.t * (q.lon - p.lon), 7)
        )
        new.append((spot.t, node))
        self.kept.add(node)
        return node

    def line(self, n: int) -> list[str]:
        """The nodes of a stretch with the new ones in their places."""
        nodes = self._stretches[n].nodes
        out = []
        for edge, node in enumerate(nodes):
            out.append(node)
            if (n, edge) in self._new:
                out += [new for _, new in sorted(self._new[n, edge])]
        return out


@dataclass(frozen=True, slots=True)
class _Edge:
    """Edge `number` of a stretch on the flat map; `only` where no more than one end of it counts."""

    stretch: int
    number: int
    a: tuple[float, float]
    b: tuple[float, float]
    handicap: float
    only: float | None = None


class _Nearest:
    """The nearest spot on a walkway within reach: a grid of cells over a flat map in metres."""

    def __init__(self, stretches: Sequence[Stretch], points: Mapping[str, Point]) -> None:
        lats = [p.lat for p in points.values()]
        self._y = 111_195.0
        self._x = self._y * max(0.01, math.cos(math.radians(sum(lats) / max(1, len(lats)))))
        self._edges: list[_Edge] = []
        self._cells: dict[tuple[int, int], list[int]] = defaultdict(list)
        scraps = _scraps(stretches, points)
        for n, stretch in enumerate(stretches):
            handicap = _SCRAP_HANDICAP if stretch.nodes[0] in scraps else 0.0
            flat = [self._flat(points[node]) for node in stretch.nodes]
            if stretch.ways[0][0] in _ENDS_ONLY:
                handicap += _ENDS_HANDICAP
                self._file(_Edge(n, 0, flat[0], flat[0], handicap, 0.0))
                self._file(_Edge(n, len(flat) - 2, flat[-1], flat[-1], handicap, 1.0))
                continue
            for edge, (a, b) in enumerate(itertools.pairwise(flat)):
                self._file(_Edge(n, edge, a, b, handicap))

    def _flat(self, p: Point) -> tuple[float, float]:
        return p.lon * self._x, p.lat * self._y

    def _file(self, edge: _Edge) -> None:
        a, b = edge.a, edge.b
        steps = math.ceil(math.dist(a, b) / _SAMPLE) or 1
        cells = {
            (
                math.floor((a[0] + (b[0] - a[0]) * i / steps) / _CELL),
                math.floor((a[1] + (b[1] - a[1]) * i / steps) / _CELL),
            )
            for i in range(steps + 1)
        }
        for cell in cells:
            self._cells[cell].append(len(self._edges))
        self._edges.append(edge)

    def __call__(self, point: Point) -> _Spot | None:
        x, y = self._flat(point)
        column, row = math.floor(x / _CELL), math.floor(y / _CELL)
        best: tuple[float, float, int, float] | None = None
        for ring in _RINGS:
            # An edge may cross a corner of a nearer cell between two samples: one ring more.
            if best is not None and best[0] <= (ring - 2) * _CELL:
                break
            for cell in _ring(column, row, ring):
                for number in self._cells.get(cell, ()):
                    edge = self._edges[number]
                    metres, t = _to_edge(x, y, edge.a, edge.b)
                    if metres <= REACH_METRES:
                        t = t if edge.only is None else edge.only
                        found = (metres + edge.handicap, metres, number, t)
                        best = found if best is None else min(best, found)
        if best is None:
            return None
        edge = self._edges[best[2]]
        return _Spot(best[1], edge.stretch, edge.number, best[3])


def _ring(column: int, row: int, ring: int) -> Iterator[tuple[int, int]]:
    for dx in range(-ring, ring + 1):
        for dy in range(-ring, ring + 1) if abs(dx) == ring else {-ring, ring}:
            yield column + dx, row + dy


def _to_edge(
    x: float, y: float, a: tuple[float, float], b: tuple[float, float]
) -> tuple[float, float]:
    dx, dy = b[0] - a[0], b[1] - a[1]
    square = dx * dx + dy * dy
    t = ((x - a[0]) * dx + (y - a[1]) * dy) / square if square else 0.0
    t = min(1.0, max(0.0, t))
    return math.hypot(x - a[0] - t * dx, y - a[1] - t * dy), t


def _scraps(stretches: Sequence[Stretch], points: Mapping[str, Point]) -> set[str]:
    """The nodes of connected parts that are short in all."""
    above: dict[str, str] = {}

    def top(node: str) -> str:
        while above.setdefault(node, node) != node:
            above[node] = node = above[above[node]]
        return node

    for stretch in stretches:
        first = top(stretch.nodes[0])
        for node in stretch.nodes[1:]:
            above[top(node)] = first
    lengths: dict[str, float] = defaultdict(float)
    for stretch in stretches:
        for a, b in itertools.pairwise(stretch.nodes):
            lengths[top(a)] += metres_between(points[a], points[b])
    longest = max(lengths.values(), default=0.0)
    short = {n for n, metres in lengths.items() if metres < min(_SCRAP_METRES, longest)}
    return {node for node in list(above) if top(node) in short}
