"""Facts about which places there are: by what they have, by a line, by number, by extremes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from giljabi.answer.facts import Fact, FactKind, Facts
from giljabi.answer.query import Query
from giljabi.answer.search import Hit, has
from giljabi.answer.search import search as find
from giljabi.answer.ways import Ways
from giljabi.venue.place import Place, Venue

MAX_MEMBERS = 5
_SPECIALTY = re.compile(r"(?:과|관|실|장|원|학부|학과)$")


class Finder:
    """Finds places of one venue."""

    def __init__(self, venue: Venue, ways: Ways) -> None:
        self.venue, self.ways = venue, ways

    def described(self, query: Query) -> list[Hit]:
        """A stranger's name that is what some place has: "웨딩홀", "콘서트홀"."""
        name = query.unknown[0].replace(" ", "") if query.lang == "ko" else query.unknown[0]
        hits = [has(p, name, query.lang, literal=True) for p in self.venue.places]
        return [h for h in hits if h is not None and h.unit == "feature"]

    def said_features(self, query: Query) -> list[Hit]:
        """Places whose recorded feature stands word for word in the question: 총장실."""
        said = query.text.lower().replace(" ", "")
        return [
            Hit(p, f[query.lang], "feature")
            for p in self.venue.places
            for f in p.features
            if len(f[query.lang]) >= 3 and f[query.lang].lower().replace(" ", "") in said
        ]

    def search(self, query: Query) -> Facts:
        """Places that are or have what is looked for."""
        hits = find(self.venue, query.term, query.lang, proper="proper" in query.flags)
        if not hits:
            return Facts(query, "not_in_data", missing="search")
        return self.members(query, hits)

    def members(self, query: Query, hits: list[Hit]) -> Facts:
        """The first hits as facts, each with its walk; says which word none of them fits."""
        term = query.term or (query.unknown[0] if query.unknown else hits[0].value)
        query = replace(query, slot="search", term=term)
        hits = hits[:MAX_MEMBERS]
        told = "".join(h.value + h.place.label(query.lang) for h in hits)
        loose = [w for w in term.split() if _SPECIALTY.search(w) and w not in told]
        items: list[Fact] = []
        for h in hits:
            items.append(fact("member", h.place, h.value, h.unit, "", "features"))
            items += self.ways.minutes(h.place) if h.place.minutes is not None else []
        return Facts(
            query, "found", numbered(items), missing=loose[0] if loose else "",
            places=tuple(h.place.id for h in hits),
        )  # fmt: skip

    def count(self, query: Query) -> Facts:
        """How many places of a kind there are; of the venue itself when none is named."""
        hits = [h for h in find(self.venue, query.term, query.lang) if h.unit != "feature"]
        if not query.term:
            area = next(iter(self.venue.areas))
            own = [p for p in self.venue.places if p.area == area]
            hits = [Hit(p, p.kind[query.lang], "kind") for p in own]
            query = replace(query, term=self.venue.areas[area][query.lang])
        if not hits:
            return Facts(query, "not_in_data", missing="count")
        fact = Fact("f1", "count", hits[0].place.id, len(hits), query.term, source="places.json")
        return Facts(query, "found", (fact,), places=tuple(h.place.id for h in hits))

    def by_line(self, query: Query, line: str) -> Facts:
        """Places that a bus or subway line is recorded to reach."""
        places = [p for p in self.venue.places if p.transit and line in p.transit.lines]
        if not places:
            return Facts(query, "not_in_data", missing="transit")
        items = [
            fact("member", p, p.transit.alight[query.lang], "stop", line, "transit")
            for p in places[:MAX_MEMBERS]
            if p.transit
        ]
        return Facts(
            query, "found", numbered(items), places=tuple(p.id for p in places[:MAX_MEMBERS])
        )

    def extreme(self, query: Query) -> Facts:
        """The nearest, farthest, tallest or lowest building of the venue itself."""
        area = next(iter(self.venue.areas))
        own = [p for p in self.venue.places if p.area == area]
        if query.slot == "taller":
            values = [(p.floors.above, p) for p in own if p.floors and p.floors.above is not None]
            low = "lower" in query.flags
        else:
            values = [
                (p.minutes, p) for p in own if p.minutes is not None and p.id not in self.ways.home
            ]
            low = "farther" not in query.flags
        if not values:
            return Facts(query, "not_in_data", missing=query.slot)
        best = (min if low else max)(v for v, _ in values)
        hits = [Hit(p, p.kind[query.lang], "kind") for v, p in values if v == best]
        facts = replace(self.members(replace(query, term=query.text), hits), missing="")
        if query.slot == "taller":
            floors = [fact("floors", h.place, best, "above") for h in hits[:MAX_MEMBERS]]
            facts = replace(facts, items=numbered((*facts.items, *floors)))
        return facts


def fact(
    kind: FactKind, place: Place, value: str | float, unit: str = "",
    obj: str = "", source: str = "", *, estimated: bool = False,
) -> Fact:  # fmt: skip
    """A Fact whose source is that of the place's field `source` (by default named as `kind`)."""
    return Fact("", kind, place.id, value, unit, obj, estimated, place.source(source or kind))


def numbered(items: list[Fact] | tuple[Fact, ...]) -> tuple[Fact, ...]:
    """The facts with ids f1, f2, … and without doubles."""
    unique: Iterator[Fact] = iter(dict.fromkeys(replace(f, id="") for f in items))
    return tuple(replace(f, id=f"f{n}") for n, f in enumerate(unique, 1))


def line_asked(text: str) -> str | None:
    """The bus or subway line a question names."""
    found = re.search(
        r"(성동\s*\d{2}(?:-\d)?|\d{3,4}(?=\s*번?\s*버스)|(?<=bus )\d{3,4}|\d호선)", text
    )
    return found[1].replace(" ", "") if found else None
