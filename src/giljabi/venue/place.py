"""The values a venue is made of: frozen, plain, and knowing nothing of files or models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from giljabi import korean

Lang = Literal["ko", "en"]

Side = Literal[
    "left", "right", "up", "down", "front", "behind", "beside", "near", "far", "toward",
    "right-up", "right-down", "left-up", "left-down", "opposite",
]  # fmt: skip
"""Where a neighbour lies, in the record's own frame ("up" is 위쪽: uphill or up the map)."""

LinkKind = Literal["walk", "stairs", "lift", "escalator", "door", "ramp"]


@dataclass(frozen=True, slots=True)
class Text:
    """The same words in Korean and, where known, in English."""

    ko: str
    en: str | None = None

    def __getitem__(self, lang: Lang) -> str:
        return self.ko if lang == "ko" or self.en is None else self.en


@dataclass(frozen=True, slots=True)
class Point:
    """WGS84 degrees."""

    lat: float
    lon: float


@dataclass(frozen=True, slots=True)
class Floors:
    """Storeys above and below ground; `note` holds a description where there is no number."""

    above: int | None = None
    below: int | None = None
    note: Text | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """The building a place is in, and its storeys there (-1 is the first basement)."""

    host: Text | None
    levels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A place beside another: `name` as recorded, `place` its id when it resolves to one."""

    name: str
    side: Side
    place: str | None = None


@dataclass(frozen=True, slots=True)
class Transit:
    """One ride without a change: board, ride, alight, walk the rest."""

    mode: Literal["bus", "subway"]
    lines: tuple[str, ...]
    board: Text
    alight: Text
    board_exit: int | None = None
    alight_exit: int | None = None
    walk_minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A mend laid over a recorded field; the original stays visible."""

    field: str
    original: object
    reason: str
    source: str


@dataclass(frozen=True, slots=True)
class Place:
    """One place of the venue. `minutes` are walking minutes from the venue's origin."""

    id: str
    name: Text
    kind: Text
    area: str
    code: str | None = None
    aliases: tuple[str, ...] = ()
    floors: Floors | None = None
    inside: Inside | None = None
    features: tuple[Text, ...] = ()
    point: Point | None = None
    minutes: int | None = None
    distance_km: float | None = None
    neighbours: tuple[Neighbour, ...] = ()
    transit: Transit | None = None
    details: Mapping[str, Text] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    corrections: tuple[Correction, ...] = ()

    def label(self, lang: Lang) -> str:
        """The name to say: without an explaining parenthesis, but with an acronym in one."""
        if lang == "en" and self.name.en is not None:
            head, _, rest = self.name.en.partition(" (")
            return self.name.en if rest[:-1].isupper() else head
        head, _, rest = self.name.ko.partition("(")
        if not head.strip() or not rest or not korean.has_hangul(rest):
            return self.name.ko
        return head.strip()

    def source(self, name: str) -> str:
        """Where the field `name` was taken from, the correction's source first."""
        for mend in self.corrections:
            if mend.field == name:
                return mend.source
        return self.sources.get(name, "")

    def original(self, name: str) -> object | None:
        """The recorded value of a corrected field, or None where nothing was mended."""
        return next((c.original for c in self.corrections if c.field == name), None)


@dataclass(frozen=True, slots=True)
class Link:
    """A way between two places or junctions; `step_free` is None where nobody recorded it."""

    a: str
    b: str
    kind: LinkKind = "walk"
    metres: float | None = None
    minutes: float | None = None
    step_free: bool | None = None
    estimated: bool = False
    hint: Text | None = None
    source: str = ""


@dataclass(frozen=True, slots=True)
class Directions:
    """A way as somebody described it, step by step; rank 1 is the recommended one."""

    to: str
    origin: str
    rank: int
    steps: tuple[Text, ...]
    source: str


@dataclass(frozen=True)
class Venue:
    """Everything known about one place, and the hash of the files it was read from.

    `junctions` are points without a name where walkways meet; a link may end at one.
    """

    id: str
    name: Text
    origin: str
    languages: tuple[Lang, ...]
    places: tuple[Place, ...]
    links: tuple[Link, ...] = ()
    directions: tuple[Directions, ...] = ()
    own_names: tuple[str, ...] = ()
    readings: Mapping[str, str] = field(default_factory=dict)
    """Words of this venue and how they are said aloud in Korean."""
    origin_also: tuple[str, ...] = ()
    areas: Mapping[str, Text] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    hash: str = ""
    junctions: Mapping[str, Point] = field(default_factory=dict)

    def place(self, place_id: str) -> Place:
        """The place with this id; KeyError for an id the venue does not hold."""
        return self._by_id[place_id]

    def has(self, place_id: str) -> bool:
        """Whether there is a place with this id."""
        return place_id in self._by_id

    @cached_property
    def _by_id(self) -> dict[str, Place]:
        return {p.id: p for p in self.places}
