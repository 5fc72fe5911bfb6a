"""Query -> Facts: refusals are decided here, before any model is asked."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from giljabi.answer.facts import Fact, FactKind, Facts, Outcome
from giljabi.answer.query import Query
from giljabi.answer.search import Hit, has, search
from giljabi.answer.ways import Ways
from giljabi.venue.graph import Graph, metres_between
from giljabi.venue.place import Place, Side, Venue

MAX_MEMBERS = 5
_SPECIALTY = re.compile(r"(?:과|관|실|장|원|학부|학과)$")
_OPPOSITE: dict[Side, Side] = {
    "left": "right", "right": "left", "up": "down", "down": "up", "front": "behind", "behind": "front",
}  # fmt: skip
_COMPASS = (
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
)


class Gatherer:
    """Facts for queries over one venue."""

    def __init__(self, venue: Venue, graph: Graph) -> None:
        self.venue = venue
        self.ways = Ways(venue, graph)
        self._slots: dict[str, Callable[[Query, Place], list[Fact]]] = {
            "floors": self._floors, "code": self._code, "kind": self._kind, "features": self._features,
            "nearby": self._nearby, "minutes": self._minutes, "distance": self._distance,
            "where": self._where, "about": self._about,
        }  # fmt: skip

    def gather(self, query: Query) -> Facts:
        """Everything that may be said to `query`, and how it came out."""
        if query.slot in ("injection", "outside"):
            hits = self._said_features(query) if query.slot == "outside" else []
            return self._members(query, hits) if hits else Facts(query, "outside")
        if query.slot == "greeting":
            return Facts(query, "greeting")
        if query.unknown and not query.goals and (hits := self._described(query)):
            return self._members(query, hits)
        if query.unknown and (not query.goals or query.slot in ("closer", "taller", "side")):
            return Facts(query, "no_such_place", missing=query.unknown[0])
        if query.slot == "search" and not query.goals:
            return self._search(query)
        if query.slot == "count":
            return self._count(query)
        if not query.goals:
            return self._placeless(query)
        facts = self._of_places(query)
        facts = replace(facts, places=query.goals, items=_numbered(facts.items))
        if query.options and facts.outcome == "found":
            facts = replace(facts, notes=facts.notes | {"assumed"})
        return facts

    def _placeless(self, query: Query) -> Facts:
        if query.options:
            return Facts(query, "ambiguous", places=query.options)
        if query.slot.startswith("detail."):
            if hits := self._said_features(query):
                return self._members(query, hits)
            return Facts(query, "not_in_data", missing=query.slot)
        if query.slot.startswith("transit") and (line := _line_asked(query.text)):
            return self._by_line(query, line)
        if query.slot == "none":
            return Facts(query, "not_in_data", missing="question")
        return Facts(query, "ambiguous")

    def referent(self, query: Query) -> tuple[str, ...]:
        """What "거기" means after `query`: the place found, else the place asked about."""
        if query.unknown or query.slot == "search" or (query.slot == "nearby" and query.side):
            facts = self.gather(query)
            found = [f.object for f in facts.of("neighbour")] or list(facts.places)
            known = {p.id for p in self.venue.places}
            return tuple(i for i in found if i in known)[:1] or query.goals[-1:]
        return query.goals[-1:]

    def _of_places(self, query: Query) -> Facts:
        goals = [self.venue.place(g) for g in query.goals]
        slot, goal = query.slot, goals[-1]
        if slot.startswith("transit"):
            goal = next((g for g in goals if g.transit is not None), goal)
        if slot.startswith("detail."):
            return self._detail(query, goal)
        if slot in ("closer", "taller") and len(goals) > 1:
            return self._compare(query, goals)
        if slot in ("closer", "taller"):
            slot = "minutes" if slot == "closer" else "floors"
        if slot == "has":
            return self._has(query, goals[0])
        if slot == "side" and len(goals) > 1:
            return self._side(query, goals[0], goals[1])
        if slot == "side":
            slot = "nearby" if goal.neighbours else "where"
        if slot == "route" or (slot in ("minutes", "distance", "where") and query.origin):
            return self.ways.facts(query, query.origin or self.venue.origin, goal)
        if slot.startswith("transit"):
            return self._transit(query, goal)
        if slot in ("minutes", "distance") and goal.id == self.venue.origin:
            slot = "about"
        if slot in ("minutes", "distance") and len(goals) == 2:
            return self.ways.facts(replace(query, slot=slot), goals[0].id, goals[1])
        if slot == "about" and query.term:
            known = [f for g in goals for f in self._about(query, g)]
            return Facts(query, "not_in_data", tuple(known), missing="term")
        items = [f for g in goals for f in self._slots[slot](query, g)]
        if not items:
            return Facts(query, "not_in_data", missing=slot)
        items += self._check(query, items, goal)
        return Facts(replace(query, slot=slot), "found", tuple(items))

    def _fact(
        self, kind: FactKind, place: Place, value: str | float, unit: str = "",
        obj: str = "", source: str = "", *, estimated: bool = False,
    ) -> Fact:  # fmt: skip
        return Fact("", kind, place.id, value, unit, obj, estimated, place.source(source or kind))

    def _floors(self, query: Query, p: Place) -> list[Fact]:
        out = []
        if p.inside and (p.inside.levels or p.inside.host) and not p.floors:
            return self._inside(query, p)
        if p.floors and p.floors.below is not None:
            out.append(self._fact("floors", p, p.floors.below, "below"))
        if p.floors and p.floors.above is not None:
            out.append(self._fact("floors", p, p.floors.above, "above"))
        if p.floors and p.floors.note is not None and not out:
            out.append(self._fact("floors", p, p.floors.note[query.lang], "note"))
        return out

    def _inside(self, query: Query, p: Place) -> list[Fact]:
        if p.inside is None:
            return []
        host = p.inside.host[query.lang] if p.inside.host else ""
        levels = [self._fact("inside", p, n, "level", host, "inside") for n in p.inside.levels]
        return levels or ([self._fact("inside", p, host, "host", host, "inside")] if host else [])

    def _code(self, query: Query, p: Place) -> list[Fact]:
        return [self._fact("code", p, p.code)] if p.code else []

    def _kind(self, query: Query, p: Place) -> list[Fact]:
        return [self._fact("kind", p, p.kind[query.lang]), *self._features(query, p)]

    def _features(self, query: Query, p: Place) -> list[Fact]:
        features = [self._fact("feature", p, f[query.lang], "", "", "features") for f in p.features]
        if not features and query.slot == "features":
            return [self._fact("kind", p, p.kind[query.lang])]
        return features

    def _nearby(self, query: Query, p: Place) -> list[Fact]:
        """Recorded neighbours; on one side also the records that name this place from there."""
        if query.side is None:
            return self._own_neighbours(query, p) or self._close(query, p)
        own = self._own_neighbours(query, p)
        on_side = [f for f in own if f.unit == query.side or query.side in f.unit.split("-")]
        if on_side:
            return on_side
        other = _OPPOSITE.get(query.side)
        seen = [
            self._neighbour(query, q, n.side, p.id, n.name)
            for q in self.venue.places
            for n in q.neighbours
            if n.place == p.id and n.side == other
        ]
        return seen

    def _own_neighbours(self, query: Query, p: Place) -> list[Fact]:
        return [self._neighbour(query, p, n.side, n.place or "", n.name) for n in p.neighbours]

    def _neighbour(self, query: Query, p: Place, side: Side, place: str, name: str) -> Fact:
        label = self.venue.place(place).label(query.lang) if place else name
        return self._fact("neighbour", p, label, side, place or name, "neighbours")

    def _close(self, query: Query, p: Place) -> list[Fact]:
        if p.point is None:
            return []
        near = sorted(
            (metres_between(p.point, q.point), q.id, q)
            for q in self.venue.places
            if q.point is not None and q.id != p.id and q.area == "campus"
        )[:2]
        return [
            self._fact("neighbour", p, q.label(query.lang), "near", q.id, "point", estimated=True)
            for d, _, q in near
            if d < 400
        ]

    def _minutes(self, query: Query, p: Place) -> list[Fact]:
        return [*self.ways.minutes(p), *self.ways.kilometres(p)]

    def _distance(self, query: Query, p: Place) -> list[Fact]:
        return [*(self.ways.kilometres(p) or self.ways.straight(p)), *self.ways.minutes(p)]

    def _where(self, query: Query, p: Place) -> list[Fact]:
        steps = self.ways.described(query, p, rank=1)
        inside = [] if steps else self._inside(query, p)
        around = self._own_neighbours(query, p) or ([] if steps else self._close(query, p))
        ride = self.ways.ride(query.lang, p) if not steps else []
        known = [*steps, *inside, *ride, *around, *self.ways.minutes(p), *self.ways.kilometres(p)]
        return [*self._code(query, p), *known] if known else []

    def _about(self, query: Query, p: Place) -> list[Fact]:
        head = [*self._code(query, p), self._fact("kind", p, p.kind[query.lang])]
        around = self._own_neighbours(query, p)
        more = [*self._floors(query, p), *self._features(query, p), *around, *self.ways.minutes(p)]
        close = [] if more and p.area != "landmark" else self._close(query, p)
        return [*head, *more, *close, *self.ways.kilometres(p)]

    def _check(self, query: Query, items: list[Fact], p: Place) -> list[Fact]:
        """Yes or no, where the visitor put a number to it."""
        if query.claim is None:
            return []
        said, unit = query.claim
        for f in items:
            if f.subject == p.id and _same_unit(f, unit):
                return [
                    self._fact("check", p, "yes" if f.value == said else "no", f.kind, str(said))
                ]
        return []

    def _detail(self, query: Query, p: Place) -> Facts:
        key = query.slot.removeprefix("detail.")
        if key not in p.details:
            return Facts(query, "not_in_data", missing=query.slot)
        fact = self._fact("detail", p, p.details[key][query.lang], key, "", f"details.{key}")
        return Facts(query, "found", (fact,))

    def _compare(self, query: Query, goals: list[Place]) -> Facts:
        if query.slot == "taller":
            values = [(g.floors.above, g) for g in goals if g.floors and g.floors.above is not None]
            items = [f for g in goals for f in self._floors(query, g) if f.unit == "above"]
        else:
            items = [f for g in goals for f in self.ways.walk(query, query.origin, g)]
            values = [
                (int(f.value), self.venue.place(f.subject)) for f in items if f.unit != "recorded"
            ]
        if len(values) < len(goals):
            return Facts(query, "not_in_data", tuple(items), missing=query.slot)
        low = ("lower" in query.flags) if query.slot == "taller" else "farther" not in query.flags
        values.sort(key=lambda v: v[0], reverse=not low)
        winner = values[0][1]
        if values[0][0] == values[1][0]:
            return Facts(query, "found", tuple(items), notes=frozenset({"tie"}))
        kind: FactKind = "taller" if query.slot == "taller" else "closer"
        unit = "least" if low else "most"
        others = ",".join(v[1].id for v in values[1:])
        return Facts(query, "found", (self._fact(kind, winner, values[0][0], unit, others), *items))

    def _has(self, query: Query, p: Place) -> Facts:
        if hit := has(p, query.term, query.lang):
            fact = self._fact("feature" if hit.unit == "feature" else "kind", p, hit.value)
            return Facts(query, "found", (fact, self._fact("check", p, "yes", fact.kind)))
        return Facts(query, "not_in_data", tuple(self._features(query, p)), missing="has")

    def _side(self, query: Query, a: Place, b: Place) -> Facts:
        """Where `a` lies from `b`: b's record first, then a's, then the compass."""
        pairs = ((b, a), (a, b))
        # "과학기술관 오른쪽이 신소재공학관 맞아?" names the reference first.
        for here, there in pairs[::-1] if query.side else pairs:
            found = [
                self._neighbour(query, here, n.side, there.id, n.name)
                for n in here.neighbours
                if n.place == there.id
            ]
            if found:
                return Facts(query, "found", tuple(found))
        if a.point and b.point:
            metres = round(metres_between(a.point, b.point), -1)
            north = (a.point.lat - b.point.lat) * 111_000
            east = (a.point.lon - b.point.lon) * 88_000
            index = round(_degrees(east, north) / 45) % 8
            fact = self._fact(
                "bearing", a, _COMPASS[index], str(int(metres)), b.id, "point", estimated=True
            )
            return Facts(query, "found", (fact,))
        return Facts(query, "not_in_data", missing="side")

    def _transit(self, query: Query, p: Place) -> Facts:
        ride = self.ways.ride(query.lang, p)
        walk = [*self.ways.minutes(p), *self.ways.kilometres(p)]
        if not ride:
            steps = self.ways.described(query, p, rank=1)
            return Facts(query, "not_in_data", (*steps, *walk), missing="transit")
        asked = {"transit.exit": ("exit", "transit_exit"), "transit.walk": ("walk", "transit_walk")}
        if query.slot in asked:
            word, missing = asked[query.slot]
            if not any(word in f.unit for f in ride):
                return Facts(query, "not_in_data", tuple(ride), missing=missing)
        return Facts(query, "found", (*ride, *walk))

    def _described(self, query: Query) -> list[Hit]:
        """A stranger's name that is what some place has: "웨딩홀", "콘서트홀"."""
        name = query.unknown[0].replace(" ", "") if query.lang == "ko" else query.unknown[0]
        hits = [has(p, name, query.lang, literal=True) for p in self.venue.places]
        return [h for h in hits if h is not None and h.unit == "feature"]

    def _said_features(self, query: Query) -> list[Hit]:
        """Places whose recorded feature stands word for word in the question: 총장실."""
        said = query.text.lower().replace(" ", "")
        return [
            Hit(p, f[query.lang], "feature")
            for p in self.venue.places
            for f in p.features
            if len(f[query.lang]) >= 3 and f[query.lang].lower().replace(" ", "") in said
        ]

    def _search(self, query: Query) -> Facts:
        hits = search(self.venue, query.term, query.lang, proper="proper" in query.flags)
        if not hits:
            return Facts(query, "not_in_data", missing="search")
        return self._members(query, hits)

    def _members(self, query: Query, hits: list[Hit]) -> Facts:
        term = query.term or (query.unknown[0] if query.unknown else hits[0].value)
        query = replace(query, slot="search", term=term)
        hits = hits[:MAX_MEMBERS]
        told = "".join(h.value + h.place.label(query.lang) for h in hits)
        loose = [w for w in term.split() if _SPECIALTY.search(w) and w not in told]
        items: list[Fact] = []
        for h in hits:
            items.append(self._fact("member", h.place, h.value, h.unit, "", "features"))
            items += self.ways.minutes(h.place)
        return Facts(
            query, "found", _numbered(items), missing=loose[0] if loose else "",
            places=tuple(h.place.id for h in hits),
        )  # fmt: skip

    def _count(self, query: Query) -> Facts:
        hits = [h for h in search(self.venue, query.term, query.lang) if h.unit != "feature"]
        if not hits:
            return Facts(query, "not_in_data", missing="count")
        fact = Fact("f1", "count", hits[0].place.id, len(hits), query.term, source="places.json")
        return Facts(query, "found", (fact,), places=tuple(h.place.id for h in hits))

    def _by_line(self, query: Query, line: str) -> Facts:
        places = [p for p in self.venue.places if p.transit and line in p.transit.lines]
        if not places:
            return Facts(query, "not_in_data", missing="transit")
        items = [
            self._fact("member", p, p.transit.alight[query.lang], "stop", line, "transit")
            for p in places[:MAX_MEMBERS]
            if p.transit
        ]
        return Facts(
            query, "found", _numbered(items), places=tuple(p.id for p in places[:MAX_MEMBERS])
        )


def _numbered(items: list[Fact] | tuple[Fact, ...]) -> tuple[Fact, ...]:
    unique: Iterator[Fact] = iter(dict.fromkeys(replace(f, id="") for f in items))
    return tuple(replace(f, id=f"f{n}") for n, f in enumerate(unique, 1))


def _line_asked(text: str) -> str | None:
    found = re.search(
        r"(성동\s*\d{2}(?:-\d)?|\d{3,4}(?=\s*번?\s*버스)|(?<=bus )\d{3,4}|\d호선)", text
    )
    return found[1].replace(" ", "") if found else None


def _same_unit(fact: Fact, unit: str) -> bool:
    if unit == "층" or unit.lower().lstrip("-").startswith(("floor", "stor")):
        return (fact.kind == "floors" and fact.unit == "above") or fact.kind == "inside"
    if unit == "분" or unit.lower().startswith("min"):
        return fact.kind == "minutes" and fact.unit != "recorded"
    return unit == "번" and fact.kind == "code"


def _degrees(east: float, north: float) -> float:
    return math.degrees(math.atan2(east, north)) % 360


def outcome_is_refusal(outcome: Outcome) -> bool:
    """Whether an outcome is said by a fixed sentence and never by the model."""
    return outcome != "found"
