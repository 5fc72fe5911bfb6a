"""What the rules of a check look at: a venue, every text about it, its names and its points.

Built once for a check and only read afterwards. It states facts and judges nothing.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.graph import metres_between
from giljabi.venue.place import Place, Point, Venue

LONGEST_NAME = 24
_AFTER = (
    *korean.PARTICLES,
    *"인 이나 건물 쪽 앞 뒤 옆 안 방향 내부 입구 위 아래 바로 근처".split(),
)


@dataclass(frozen=True, slots=True)
class Saying:
    """A piece of text about `place` (an id): where it stands, and whether it describes a way."""

    place: str
    text: str
    field: str
    file: str
    way: int = 0
    """The rank of the way it describes; 0 where it is no way."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A name found in a text: its place ids, where it begins in the squeezed text, what follows."""

    places: tuple[str, ...]
    start: int
    rest: str


class Grid:
    """Places with a point, in cells of a fixed size, so that near ones are found at once."""

    def __init__(self, places: Sequence[Place], cell: float = 220.0) -> None:
        self._cell = cell
        self.placed = [(p, p.point) for p in places if p.point is not None]
        mean = sum(q.lat for _, q in self.placed) / len(self.placed) if self.placed else 0.0
        self._north = 111_190.0
        self._east = max(1.0, self._north * math.cos(math.radians(mean)))
        self._cells: dict[tuple[int, int], list[tuple[Place, Point]]] = defaultdict(list)
        for p, q in self.placed:
            self._cells[self._key(q)].append((p, q))

    def _key(self, q: Point) -> tuple[int, int]:
        return math.floor(q.lat * self._north / self._cell), math.floor(
            q.lon * self._east / self._cell
        )

    def near(self, centre: Point, metres: float) -> list[tuple[float, Place]]:
        """(metres, place) of every place within `metres` of `centre`, nearest first."""
        # One cell more than needed: a degree of longitude shrinks within the venue itself.
        reach = math.ceil(metres / self._cell) + 1
        if (2 * reach + 1) ** 2 > len(self._cells):
            candidates = self.placed
        else:
            y, x = self._key(centre)
            steps = range(-reach, reach + 1)
            cells = (
                self._cells.get((y + i, x + j), []) for i, j in itertools.product(steps, steps)
            )
            candidates = [c for cell in cells for c in cell]
        found = ((metres_between(centre, q), p) for p, q in candidates)
        return sorted(((d, p) for d, p in found if d <= metres), key=lambda f: (f[0], f[1].id))


class Evidence:
    """A venue and the texts about it; `texts` are further raw texts by place id, the best way first.

    `raw` says that the venue was read from records: findings then name the records' file.
    """

    def __init__(self, venue: Venue, texts: Mapping[str, Sequence[str]] | None = None) -> None:
        self.venue = venue
        self.raw = texts is not None
        self._texts = texts or {}

    def get(self, place_id: str | None) -> Place | None:
        """The place with this id, or None."""
        return self._by_id.get(place_id or "")

    def file(self, place: Place) -> str:
        """The file a finding on `place` is about."""
        source = place.sources.get("name", "").partition(" ")[0]
        return source if self.raw and source.endswith(".json") else "places.json"

    @cached_property
    def _by_id(self) -> dict[str, Place]:
        return {p.id: p for p in self.venue.places}

    @cached_property
    def origin(self) -> Place | None:
        """The place where recorded walks start; None where the records name none we know."""
        return self.get(self.venue.origin)

    @cached_property
    def grid(self) -> Grid:
        """All places that have a point."""
        return Grid(self.venue.places)

    @cached_property
    def sayings(self) -> tuple[Saying, ...]:
        """Every text of the venue and the raw ones, in a fixed order."""
        return tuple(self._sayings())

    def _sayings(self) -> Iterator[Saying]:
        for p in self.venue.places:
            file = self.file(p)
            for n in p.neighbours:
                yield Saying(p.id, n.name, "neighbours", file)
            for f in p.features:
                yield Saying(p.id, f.ko, "features", file)
            for key in sorted(p.details):
                yield Saying(p.id, p.details[key].ko, f"details.{key}", file)
            for n_text, text in enumerate(self._texts.get(p.id, ()), 1):
                yield Saying(p.id, text, f"text {n_text}", file, way=n_text)
        for d in self.venue.directions:
            text = " ".join(s.ko for s in d.steps)
            yield Saying(d.to, text, f"way {d.rank}", "routes.json", way=d.rank)
        for x in self.venue.links:
            if x.hint is not None:
                yield Saying(x.a, x.hint.ko, f"hint to {x.b}", "links.csv")

    @cached_property
    def forms(self) -> dict[str, tuple[str, ...]]:
        """Squeezed Korean form of a name -> ids of the places it can mean."""
        out: dict[str, list[str]] = defaultdict(list)
        for p in self.venue.places:
            for form in sorted(forms.korean_forms(p)):
                out[form].append(p.id)
        return {form: tuple(ids) for form, ids in out.items()}

    def spots(self, text: str) -> Iterator[Spot]:
        """Names that stand at the start of a word, longest first, in reading order."""
        squeezed, starts = _squeezed(text)
        end = 0
        for n, i in enumerate(starts):
            if i < end:
                continue
            for stop in range(min(len(squeezed), i + LONGEST_NAME), i + 1, -1):
                ids = self.forms.get(squeezed[i:stop])
                if ids is None:
                    continue
                after = next((s for s in starts[n + 1 :] if s >= stop), len(squeezed))
                rest = squeezed[stop:after]
                if not rest or rest.startswith(_AFTER):
                    yield Spot(ids, i, squeezed[stop:])
                    end = stop
                    break

    def ending(self, text: str) -> tuple[str, ...]:
        """The ids of the longest name that `text` ends with; () where it ends with none."""
        squeezed, starts = _squeezed(text)
        for i in starts:
            if len(squeezed) - i <= LONGEST_NAME and (ids := self.forms.get(squeezed[i:])):
                return ids
        return ()


def _squeezed(text: str) -> tuple[str, list[int]]:
    """The text without spaces and punctuation, and the positions in it where words start."""
    out: list[str] = []
    starts: list[int] = []
    at = 0
    for word in re.findall(r"[0-9a-z가-힣]+", text.lower()):
        starts.append(at)
        out.append(word)
        at += len(word)
    return "".join(out), starts


def bearing(a: Point, b: Point) -> float:
    """The compass direction from `a` to `b` in degrees, 0 is north and 90 east."""
    east = (b.lon - a.lon) * math.cos(math.radians((a.lat + b.lat) / 2))
    return math.degrees(math.atan2(east, b.lat - a.lat)) % 360


def apart(a: float, b: float) -> float:
    """The angle between two compass directions, 0 to 180 degrees."""
    return abs((a - b + 180) % 360 - 180)
