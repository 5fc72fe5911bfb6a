"""The shapes of GeoJSON: points, areas, and lines that are walkways and meet at junctions."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from giljabi.errors import GiljabiError
from giljabi.venue.graph import metres_between
from giljabi.venue.place import Link, LinkKind, Point
from giljabi.venue.schema import shown
from giljabi.venue.walkways import Stretch, Tie, network

LINES = frozenset({"LineString", "MultiLineString"})

_DEPTHS = {"Point": 0, "MultiPoint": 1, "Polygon": 2, "MultiPolygon": 3}
_KINDS = {"path": "walk", "footway": "walk", "steps": "stairs", "elevator": "lift"}
_FREE = {"yes": True, "true": True, "no": False, "false": False, "": None}
_SNAP_METRES = 2.0

Json = Mapping[str, Any]


def parts(feature: Any, spot: str) -> tuple[Json, Json]:
    """A feature's geometry and properties; `spot` is where it is, for the GiljabiError."""
    shape = feature.get("geometry") if isinstance(feature, dict) else None
    known = (*_DEPTHS, *sorted(LINES))
    if not isinstance(shape, dict) or shape.get("type") not in known:
        raise GiljabiError(f"{spot}: its geometry is none of {', '.join(known)}.")
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise GiljabiError(f"{spot}: properties should be an object, found {shown(properties)}.")
    return shape, properties


def points(shape: Json, spot: str) -> tuple[Point, ...]:
    """The points of a point or the corners of an area."""
    level = [shape.get("coordinates")]
    for _ in range(_DEPTHS[shape["type"]]):
        level = [inner for outer in level for inner in _list(outer, spot)]
    return tuple(_point(p, spot) for p in level)


def _list(value: Any, spot: str) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise GiljabiError(f"{spot}: its coordinates should be a list that is not empty.")
    return value


def _point(value: Any, spot: str) -> Point:
    numbers = value[:2] if isinstance(value, list) else []
    if (
        len(numbers) < 2
        or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers)
        or not (abs(numbers[1]) <= 90 and abs(numbers[0]) <= 180)
    ):
        raise GiljabiError(
            f"{spot}: expected [longitude, latitude] in degrees, found {shown(value)}."
        )
    return Point(float(numbers[1]), float(numbers[0]))


class Lines:
    """The walkways of a file, gathered line by line."""

    def __init__(self) -> None:
        self._lines: list[tuple[list[Point], LinkKind, bool | None, str]] = []

    def add(self, shape: Json, properties: Json, spot: str, source: str) -> None:
        """Add the lines of one feature. Without a `step_free` only steps are known to have any."""
        said = properties.get("kind") or "walk"
        kind: Any = _KINDS.get(said, said) if isinstance(said, str) else said
        if kind not in get_args(LinkKind):
            raise GiljabiError(
                f"{spot}: kind {shown(said)} is none of {', '.join(get_args(LinkKind))}."
            )
        free = properties.get("step_free")
        free = _FREE.get(free, free) if isinstance(free, str) else free
        if not (free is None or isinstance(free, bool)):
            raise GiljabiError(
                f"{spot}: step_free should be true, false or null, found {shown(free)}."
            )
        if free is None and kind in ("stairs", "escalator"):
            free = False
        drawn = _list(shape.get("coordinates"), spot)
        for line in [drawn] if shape["type"] == "LineString" else drawn:
            corners = [_point(p, spot) for p in _list(line, spot)]
            if len(corners) < 2:
                raise GiljabiError(f"{spot}: a line needs two points.")
            self._lines.append((corners, kind, free, str(properties.get("source") or source)))

    def network(self, ties: Sequence[Tie]) -> tuple[tuple[Link, ...], dict[str, Point]]:
        """Links and junctions, with the places of `ties` tied to the nearest walkway."""
        prefix = "j"
        while any(tie.place.startswith(prefix) for tie in ties):
            prefix += "j"
        nodes = _Nodes(prefix)
        ends = [(nodes.end(line[0]), nodes.end(line[-1])) for line, *_ in self._lines]
        stretches = []
        for (line, kind, free, source), (first, last) in zip(self._lines, ends, strict=True):
            run = [first, *map(nodes.corner, line[1:-1]), last]
            run = [node for node, _ in itertools.groupby(run)]
            if len(run) > 1:
                stretches.append(Stretch(tuple(run), ((kind, free),), source))
        return network(stretches, nodes.points, ties, prefix=prefix)


class _Nodes:
    """Names points: what lies within two metres of an end of a line is that end."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._cells: dict[tuple[int, int], list[str]] = defaultdict(list)
        self._shrink: float | None = None
        self._exact: dict[Point, str] = {}
        self.points: dict[str, Point] = {}

    def end(self, p: Point) -> str:
        """The node an end of a line is: an end near by, else a new one."""
        near = self._near(p)
        if near is None:
            near = self._new(p)
            self._cells[self._cell(p)].append(near)
        return near

    def corner(self, p: Point) -> str:
        """The node a corner inside a line is: an end near by, else the same for equal points."""
        near = self._near(p)
        if near is None:
            near = self._exact[p] = self._exact.get(p) or self._new(p)
        return near

    def _new(self, p: Point) -> str:
        name = f"{self._prefix}{len(self.points) + 1}"
        self.points[name] = p
        return name

    def _cell(self, p: Point) -> tuple[int, int]:
        # A little more than the reach each way; a degree of longitude shrinks towards the poles.
        size = 1.1 * _SNAP_METRES / 111_000
        if self._shrink is None:
            self._shrink = max(0.01, math.cos(math.radians(p.lat)))
        return math.floor(p.lat / size), math.floor(p.lon * self._shrink / size)

    def _near(self, p: Point) -> str | None:
        row, column = self._cell(p)
        around = itertools.product((row - 1, row, row + 1), (column - 1, column, column + 1))
        found = [
            (metres_between(p, self.points[node]), node)
            for cell in around
            for node in self._cells.get(cell, ())
        ]
        metres, node = min(found, default=(math.inf, ""))
        return node if metres <= _SNAP_METRES else None
