"""What a place's records must hold for a question about it to have an answer."""

from __future__ import annotations

from typing import Any

from giljabi.answer.facts import Facts
from giljabi.build.asking import SIDED, Family
from giljabi.venue.place import Lang, Place, Venue


def things(place: Place, lang: Lang) -> list[str]:
    """Features one can ask for: not the place's own name or kind over again."""
    own = f"{place.label(lang)} {place.kind[lang]}".casefold()
    return [f[lang] for f in place.features if f[lang].casefold() not in own]


def all_have(facts: Facts, place: Place, lang: Lang) -> bool:
    """Whether every place found has a thing of this place that the question names."""
    asked = [t for t in things(place, lang) if t.casefold() in facts.query.text.casefold()]
    members = [str(f.value).casefold() for f in facts.of("member")]
    return bool(asked) and all(any(t.casefold() in m for t in asked) for m in members)


def recorded_number(family: Family, place: Place) -> int | None:
    """The figure a question of this family asks to be confirmed."""
    value: Any = {
        "check_floors": place.floors and place.floors.above, "negation": place.floors and place.floors.above,
        "check_minutes": place.minutes,
    }.get(family.name)  # fmt: skip
    return int(value) if value is not None and str(value).isdigit() else None


def has(venue: Venue, place: Place, need: str) -> bool:
    """Whether the records hold what a wording asks for."""
    beside = [n for n in place.neighbours if n.place and n.side in SIDED]
    ways = [d.rank for d in venue.directions if d.to == place.id]
    transit = place.transit
    answers: dict[str, object] = {
        "": True, "kind": True, "floors": place.floors, "code": place.code,
        "floors_above": place.floors and place.floors.above,
        "code_number": place.code and place.code.isdigit(), "features": things(place, "ko"),
        "inside": place.inside and place.inside.levels,
        "minutes_sure": (place.minutes or 0) > 1 and place.original("minutes") is None,
        "transit": transit, "transit_exit": transit and (transit.alight_exit or transit.board_exit),
        "transit_walk": transit and transit.walk_minutes, "second": 2 in ways, "neighbour": beside,
        "sides": any(n.side in SIDED for n in place.neighbours),
    }  # fmt: skip
    return bool(answers[need])
