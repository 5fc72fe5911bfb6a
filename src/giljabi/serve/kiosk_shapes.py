"""What the page is told of a venue: names, categories, what may be asked, and what to draw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel

from giljabi.serve.venue_shapes import TextOut
from giljabi.venue.graph import landmark_links
from giljabi.venue.place import Lang, Link, Place, Venue
from giljabi.venue.schematic import positions, storeys

_FREQUENT = 8
_TOPICS = ("hours", "phone", "fee", "website")
Position = tuple[float, float]


class SpotOut(BaseModel):
    """A place as the page shows it: the name to say, and the questions its data can answer."""

    id: str
    name: TextOut
    kind: TextOut
    code: str | None
    area: str
    topics: list[str]


class CategoryOut(BaseModel):
    """Places of one kind, by id."""

    name: TextOut
    places: list[str]


class WaysOut(BaseModel):
    """Ways of one kind, each two (lon, lat) positions."""

    kind: str
    estimated: bool
    lines: list[tuple[Position, Position]]


class StoreyOut(BaseModel):
    """A storey of a schematic and the height it is drawn at."""

    level: int
    y: float


class MapOut(BaseModel):
    """What is drawn. A `schematic` has positions of its own, (x, y), not to scale."""

    schematic: bool
    points: dict[str, Position]
    ways: list[WaysOut]
    storeys: list[StoreyOut]


class TilesOut(BaseModel):
    """Map tiles to lay under the geometry."""

    url: str
    attribution: str


class OptionsOut(BaseModel):
    """How this kiosk is set up, and what this server can do."""

    idle_s: int
    voice: bool
    qr: bool
    print: bool
    tiles: TilesOut | None


class KioskOut(BaseModel):
    """Everything of the venue that the page needs."""

    version: str
    id: str
    hash: str
    name: TextOut
    languages: list[Lang]
    here: str
    areas: dict[str, TextOut]
    sources: dict[str, str]
    frequent: list[str]
    categories: list[CategoryOut]
    places: list[SpotOut]
    map: MapOut
    options: OptionsOut


def spots(venue: Venue, here: str) -> list[SpotOut]:
    """Every place; a name that several bear carries its number too."""
    borne: dict[Lang, Counter[str]] = {
        "ko": Counter(place.label("ko") for place in venue.places),
        "en": Counter(place.label("en") for place in venue.places),
    }
    return [_spot(place, borne, here) for place in venue.places]


def categories(places: Iterable[Place]) -> list[CategoryOut]:
    """The places by their kind, the largest kind first."""
    kinds: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        kinds[place.kind.ko].append(place)
    return [
        CategoryOut(name=_text(of[0].kind.ko, of[0].kind.en), places=[p.id for p in of])
        for of in sorted(kinds.values(), key=len, reverse=True)
    ]


def frequent(venue: Venue, here: str) -> list[str]:
    """Where nobody says which: of each kind in the venue itself the place that has most in it."""
    own = next(iter(venue.areas), "")
    candidates = [p for p in venue.places if p.id != here and (not own or p.area == own)]
    ranked = sorted(candidates, key=lambda p: len(p.features) + len(p.details), reverse=True)
    of_each_kind: dict[str, str] = {}
    for place in ranked:
        of_each_kind.setdefault(place.kind.ko, place.id)
    return list(of_each_kind.values())[:_FREQUENT]


def drawing(venue: Venue) -> MapOut:
    """The walkways, or where nobody drew any the links between landmarks."""
    points = {p.id: (p.point.lon, p.point.lat) for p in venue.places if p.point is not None}
    schematic = not points
    if schematic:
        points = positions(venue)
    joints = {j: (p.lon, p.lat) for j, p in venue.junctions.items()}
    links = venue.links or landmark_links(venue)
    return MapOut(
        schematic=schematic,
        points={place: _rounded(p) for place, p in points.items()},
        ways=list(_ways(links, {**joints, **points})),
        storeys=[StoreyOut(level=n, y=y) for n, y in storeys(venue)] if schematic else [],
    )


def _spot(place: Place, borne: Mapping[Lang, Counter[str]], here: str) -> SpotOut:
    def name(lang: Lang) -> str:
        label = place.label(lang)
        return f"{label} ({place.code})" if place.code and borne[lang][label] > 1 else label

    return SpotOut(
        id=place.id,
        name=_text(name("ko"), name("en")),
        kind=_text(place.kind.ko, place.kind.en),
        code=place.code,
        area=place.area,
        topics=_topics(place, here),
    )


def _topics(place: Place, here: str) -> list[str]:
    known = {
        "route": place.id != here,
        "where": bool(place.inside or place.neighbours or place.point or place.transit),
        "floors": place.floors is not None,
        "features": bool(place.features),
        "nearby": bool(place.neighbours),
        **{topic: topic in place.details for topic in _TOPICS},
    }
    return [topic for topic, is_known in known.items() if is_known]


def _ways(links: Sequence[Link], at: Mapping[str, Position]) -> Iterator[WaysOut]:
    lines: dict[tuple[str, bool], list[tuple[Position, Position]]] = defaultdict(list)
    for link in links:
        if link.a in at and link.b in at:
            line = (_rounded(at[link.a]), _rounded(at[link.b]))
            lines[link.kind, link.estimated].append(line)
    for (kind, estimated), of in lines.items():
        yield WaysOut(kind=kind, estimated=estimated, lines=of)


def _rounded(position: Position) -> Position:
    return round(position[0], 6), round(position[1], 6)  # a tenth of a metre


def _text(ko: str, en: str | None) -> TextOut:
    return TextOut(ko=ko, en=en)
