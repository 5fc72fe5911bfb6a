"""The venue's own JSON: places as they are given out, and ways as GeoJSON."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel

from giljabi.answer.facts import Fact, Outcome
from giljabi.serve.shapes import Error
from giljabi.venue.place import Place, Side

if TYPE_CHECKING:
    from giljabi.serve.subject import AnswerLike


class NoWay(Error):
    """No way could be given: which of the reasons it was, and the places that were meant."""

    outcome: Outcome
    places: list[str]


class TextOut(BaseModel):
    """The same words in Korean and, where known, in English."""

    ko: str
    en: str | None = None


class PointOut(BaseModel):
    """WGS84 degrees."""

    lat: float
    lon: float


class FloorsOut(BaseModel):
    """Storeys above and below ground."""

    above: int | None
    below: int | None
    note: TextOut | None


class InsideOut(BaseModel):
    """The building a place is in, and its storeys there (-1 is the first basement)."""

    host: TextOut | None
    levels: list[int]


class NeighbourOut(BaseModel):
    """A place beside another."""

    name: str
    side: Side
    place: str | None


class TransitOut(BaseModel):
    """One ride without a change."""

    mode: Literal["bus", "subway"]
    lines: list[str]
    board: TextOut
    alight: TextOut
    board_exit: int | None
    alight_exit: int | None
    walk_minutes: int | None


class PlaceOut(BaseModel):
    """One place; `minutes` and `distance_km` are from the venue's origin."""

    id: str
    name: TextOut
    kind: TextOut
    area: str
    code: str | None
    aliases: list[str]
    floors: FloorsOut | None
    inside: InsideOut | None
    features: list[TextOut]
    point: PointOut | None
    minutes: int | None
    distance_km: float | None
    neighbours: list[NeighbourOut]
    transit: TransitOut | None
    details: dict[str, TextOut]
    sources: dict[str, str]

    @staticmethod
    def of(place: Place) -> PlaceOut:
        """The place as it is given out."""
        return PlaceOut.model_validate(asdict(place))


class PlaceList(BaseModel):
    """Places that match, at most `limit` of `total`."""

    total: int
    places: list[PlaceOut]


class LineString(BaseModel):
    """A GeoJSON line of (lon, lat) positions."""

    type: Literal["LineString"] = "LineString"
    coordinates: list[tuple[float, float]]


class StepOut(BaseModel):
    """One step of a way; `place` is where it begins, where it is one of the way's stops."""

    text: str
    place: str | None
    estimated: bool
    source: str


class WayProperties(BaseModel):
    """A way in words; `estimated` where any part was computed rather than recorded.

    `guessed` says so of each stretch from one position of the geometry to the next; `stops` are
    the ids of the places passed, both ends included.
    """

    text: str
    minutes: float | None
    estimated: bool
    guessed: list[bool]
    stops: list[str]
    steps: list[StepOut]


class WayFeature(BaseModel):
    """A way; without a geometry where the data has no coordinates for it."""

    type: Literal["Feature"] = "Feature"
    geometry: LineString | None
    properties: WayProperties


class Way(BaseModel):
    """A GeoJSON FeatureCollection of one way."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[WayFeature]

    @staticmethod
    def of(answer: AnswerLike) -> Way:
        """The way an answer describes; a line needs two positions."""
        line = answer.line or ()
        geometry = LineString(coordinates=list(line)) if len(line) > 1 else None
        properties = WayProperties(
            text=answer.text,
            minutes=answer.minutes,
            estimated=any(fact.estimated for fact in answer.facts),
            guessed=list(answer.guessed),
            stops=list(answer.stops),
            steps=[_step(fact) for fact in answer.facts if fact.kind == "step"],
        )
        return Way(features=[WayFeature(geometry=geometry, properties=properties)])


def _step(fact: Fact) -> StepOut:
    drawn = fact.unit.startswith("0.")  # a leg of the graph's; a described way is numbered else
    return StepOut(
        text=str(fact.value),
        place=fact.object if drawn else None,
        estimated=fact.estimated,
        source=fact.source,
    )


def matching(places: Iterable[Place], q: str, kind: str) -> list[Place]:
    """Places whose name, alias or number holds `q` and whose kind is `kind` ("" for any).

    Spaces and case do not count; an exact name comes first, then one that begins with `q`.
    """
    wanted, sort = _plain(q), _plain(kind)
    found: list[tuple[int, Place]] = []
    for place in places:
        if sort and sort not in (_plain(place.kind.ko), _plain(place.kind.en or "")):
            continue
        names = [place.name.ko, place.name.en or "", place.code or "", *place.aliases]
        plain = [_plain(name) for name in names]
        if wanted in plain:
            found.append((0, place))
        elif any(name.startswith(wanted) for name in plain):
            found.append((1, place))
        elif any(wanted in name for name in plain):
            found.append((2, place))
    return [place for _, place in sorted(found, key=lambda pair: pair[0])]


def _plain(text: str) -> str:
    return "".join(text.split()).casefold()
