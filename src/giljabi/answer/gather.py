"""Query -> Facts: refusals are decided here, before any model is asked."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from giljabi.answer.facts import Fact, FactKind, Facts
from giljabi.answer.finder import Finder, fact, line_asked, numbered
from giljabi.answer.query import Query
from giljabi.answer.search import has
from giljabi.answer.ways import Ways
from giljabi.venue.graph import Graph, metres_between
from giljabi.venue.place import Place, Side, Venue

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
        self.finder = Finder(venue, self.ways)
        self._slots: dict[str, Callable[[Query, Place], list[Fact]]] = {
            "floors": self._floors, "code": self._code, "kind": self._kind, "features": self._features,
            "nearby": self._nearby, "minutes": self._minutes, "distance": self._distance,
            "where": self._where, "about": self._about,
        }  # fmt: skip

    def gather(self, query: Query) -> Facts:
        """Everything that may be said to `query`, and how it came out."""
        if query.slot in ("injection", "outside"):
            hits = self.finder.said_features(query) if query.slot == "outside" else []
            return self.finder.members(query, hits) if hits else Facts(query, "outside")
        if query.slot == "greeting":
            return Facts(query, "greeting")
        if query.unknown and not query.goals and (hits := self.finder.described(query)):
            return self.finder.members(query, hits)
        if query.unknown and (not query.goals or query.slot in ("closer", "taller", "side")):
            return Facts(query, "no_such_place", missing=query.unknown[0])
        if query.slot == "search" and not query.goals:
            return self.finder.search(query)
        if query.slot == "count":
            return self.finder.count(query)
        if not query.goals:
            return self._placeless(query)
        facts = self._of_places(query)
        facts = replace(facts, places=query.goals, items=numbered(facts.items))
        if query.assumed and facts.outcome == "found":
            facts = replace(facts, notes=facts.notes | {"assumed"})
        return facts

    def _placeless(self, query: Query) -> Facts:
        if query.options:
            return Facts(query, "ambiguous", places=query.options)
        if query.slot.startswith("detail."):
            people = query.slot == "detail.people"
            if people and (hits := self.finder.said_features(query)):
                return self.finder.members(query, hits)
            return Facts(query, "not_in_data", missing=query.slot)
        if query.slot in ("closer", "taller"):
            return self.finder.extreme(query)
        if query.slot.startswith("transit") and (line := line_asked(query.text)):
            return self.finder.by_line(query, line)
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
        if slot == "about" and query.term:
            if (answered := self._has(query, goal)).outcome == "found":
                return answered
            known = [f for g in goals for f in self._about(query, g)]
            return Facts(query, "not_in_data", tuple(known), missing="term")
        items = [f for g in goals for f in self._slots[slot](query, g)]
        if not items:
            return Facts(query, "not_in_data", missing=slot)
        items += self._check(query, items, goal)
        return Facts(replace(query, slot=slot), "found", tuple(items))

    def _floors(self, query: Query, p: Place) -> list[Fact]:
        out = []
        if p.inside and (p.inside.levels or p.inside.host) and not p.floors:
            return self._inside(query, p)
        if p.floors and p.floors.below is not None:
            out.append(fact("floors", p, p.floors.below, "below"))
        if p.floors and p.floors.above is not None:
            out.append(fact("floors", p, p.floors.above, "above"))
        if p.floors and p.floors.note is not None and not out:
            out.append(fact("floors", p, p.floors.note[query.lang], "note"))
        return out

    def _inside(self, query: Query, p: Place) -> list[Fact]:
        if p.inside is None:
            return []
        host = p.inside.host[query.lang] if p.inside.host else ""
        levels = [fact("inside", p, n, "level", host, "inside") for n in p.inside.levels]
        return levels or ([fact("inside", p, host, "host", host, "inside")] if host else [])

    def _code(self, query: Query, p: Place) -> list[Fact]:
        return [fact("code", p, p.code)] if p.code else []

    def _kind(self, query: Query, p: Place) -> list[Fact]:
        return [fact("kind", p, p.kind[query.lang]), *self._features(query, p)]

    def _features(self, query: Query, p: Place) -> list[Fact]:
        features = [fact("feature", p, f[query.lang], "", "", "features") for f in p.features]
        if not features and query.slot == "features":
            return [fact("kind", p, p.kind[query.lang])]
        return features

    def _nearby(self, query: Query, p: Place) -> list[Fact]:
        """Recorded neighbours; on one side also the records that name this place from there."""
        if query.side is None:
            near = [f for f in self._own_neighbours(query, p) if f.unit != "far"]
            return near or self._close(query, p)
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
        return fact("neighbour", p, label, side, place or name, "neighbours")

    def _close(self, query: Query, p: Place) -> list[Fact]:
        if p.point is None:
            return []
        near = sorted(
            (metres_between(p.point, q.point), q.id, q)
            for q in self.venue.places
            if q.point is not None and q.id != p.id and q.area == "campus"
        )[:2]
        return [
            fact("neighbour", p, q.label(query.lang), "near", q.id, "point", estimated=True)
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
        head = [*self._code(query, p), fact("kind", p, p.kind[query.lang])]
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
                    fact(
                        "check", p, "yes" if str(f.value) == str(said) else "no", f.kind, str(said)
                    )
                ]
        return []

    def _detail(self, query: Query, p: Place) -> Facts:
        key = query.slot.removeprefix("detail.")
        if key not in p.details:
            return Facts(query, "not_in_data", missing=query.slot)
        found = fact("detail", p, p.details[key][query.lang], key, "", f"details.{key}")
        return Facts(query, "found", (found,))

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
        return Facts(query, "found", (fact(kind, winner, values[0][0], unit, others), *items))

    def _has(self, query: Query, p: Place) -> Facts:
        if hit := has(p, query.term, query.lang):
            found = fact("feature" if hit.unit == "feature" else "kind", p, hit.value)
            if "which_floor" in query.flags:  # that it is there says not where inside
                return Facts(query, "not_in_data", (found,), missing="which_floor")
            return Facts(query, "found", (found, fact("check", p, "yes", found.kind)))
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
            bearing = fact(
                "bearing", a, _COMPASS[index], str(int(metres)), b.id, "point", estimated=True
            )
            return Facts(query, "found", (bearing,))
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


def _same_unit(fact: Fact, unit: str) -> bool:
    if unit == "층" or unit.lower().lstrip("-").startswith(("floor", "stor")):
        return (fact.kind == "floors" and fact.unit == "above") or fact.kind == "inside"
    if unit == "분" or unit.lower().startswith("min"):
        return fact.kind == "minutes" and fact.unit != "recorded"
    return unit == "번" and fact.kind == "code"


def _degrees(east: float, north: float) -> float:
    return math.degrees(math.atan2(east, north)) % 360
