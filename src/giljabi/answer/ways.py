"""Facts about getting there: recorded directions first, else a route over the graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from giljabi.answer.facts import Fact, Facts
from giljabi.answer.query import Query
from giljabi.answer.words import articled
from giljabi.venue.graph import DETOUR, Graph, Leg, NoRoute, Route, metres_between
from giljabi.venue.place import Lang, Place, Side, Venue

_LINK_WORDS = {
    "stairs": ("계단으로 ", "take the stairs to "), "lift": ("엘리베이터를 타고 ", "take the lift to "),
    "escalator": ("에스컬레이터를 타고 ", "take the escalator to "), "door": ("문을 지나 ", "go through the door to "),
    "ramp": ("경사로를 따라 ", "follow the ramp to "), "walk": ("", "walk to "),
}  # fmt: skip
SIDE_WORDS: dict[Side, tuple[str, str]] = {
    "left": ("왼쪽", "to the left of"), "right": ("오른쪽", "to the right of"),
    "up": ("위쪽", "above"), "down": ("아래쪽", "below"), "front": ("앞쪽", "in front of"),
    "behind": ("뒤쪽", "behind"), "beside": ("옆", "next to"), "near": ("근처", "near"),
    "far": ("멀리", "far from"), "toward": ("방향", "in the direction of"),
    "right-up": ("오른쪽 위", "to the upper right of"), "right-down": ("오른쪽 아래", "to the lower right of"),
    "left-up": ("왼쪽 위", "to the upper left of"), "left-down": ("왼쪽 아래", "to the lower left of"),
    "opposite": ("맞은편", "opposite"),
}  # fmt: skip


class Ways:
    """Minutes, distances and routes as facts."""

    def __init__(self, venue: Venue, graph: Graph) -> None:
        self.venue, self.graph = venue, graph
        self.home = frozenset({venue.origin, *venue.origin_also})

    def minutes(self, p: Place) -> list[Fact]:
        """The walk from the venue's origin, and beside a mend what the record says.

        Where the walk starts there is none, whatever is recorded.
        """
        if p.id in self.home:
            return []
        if p.minutes is None:
            return self._computed(p)
        mended = p.original("minutes")
        out = [
            Fact("", "minutes", p.id, p.minutes, "min", self.venue.origin,
                 estimated=mended is not None, source=p.source("minutes"))
        ]  # fmt: skip
        if isinstance(mended, int):
            recorded = p.sources.get("minutes", "")
            out.append(
                Fact("", "minutes", p.id, mended, "recorded", self.venue.origin, source=recorded)
            )
        return out

    def _computed(self, p: Place) -> list[Fact]:
        """Nobody recorded the walk: the graph's own figure, where it has one."""
        try:
            return [self._total(self.graph.route(self.venue.origin, p.id), self.venue.origin, p)]
        except NoRoute:
            return []

    def kilometres(self, p: Place) -> list[Fact]:
        """The recorded distance from the origin."""
        if p.distance_km is None or p.id in self.home:
            return []
        return [
            Fact(
                "",
                "distance",
                p.id,
                p.distance_km,
                "km",
                self.venue.origin,
                source=p.source("distance_km"),
            )
        ]

    def straight(self, p: Place) -> list[Fact]:
        """The straight line from the origin times a detour factor: marked as an estimate."""
        home = self.venue.place(self.venue.origin)
        if p.point is None or home.point is None or p.id == home.id:
            return []
        metres = int(round(metres_between(p.point, home.point) * DETOUR, -1))
        return [Fact("", "distance", p.id, metres, "m", home.id, True, p.source("point"))]

    def walk(self, query: Query, origin: str | None, p: Place) -> list[Fact]:
        """Minutes to `p` from `origin` (the venue's own when None)."""
        if origin is None or origin in self.home:
            return self.minutes(p)
        try:
            route = self.graph.route(origin, p.id)
        except NoRoute:
            return []
        return [self._total(route, origin, p)]

    def described(self, query: Query, p: Place, rank: int) -> list[Fact]:
        """Recorded directions to `p` as step facts in order."""
        for d in self.venue.directions:
            if d.to == p.id and d.rank == rank:
                return [
                    Fact("", "step", p.id, s[query.lang], f"{rank}.{n}", d.origin, source=d.source)
                    for n, s in enumerate(d.steps, 1)
                ]
        return []

    def ride(self, lang: Lang, p: Place) -> list[Fact]:
        """The recorded ride in the order it is taken; units are the roles of its parts."""
        t = p.transit
        if t is None:
            return []
        parts: list[tuple[str, str | int | None]] = [
            ("board", t.board[lang]), ("board_exit", t.board_exit),
            *((t.mode, line) for line in t.lines),
            ("alight", t.alight[lang]), ("alight_exit", t.alight_exit), ("walk", t.walk_minutes),
        ]  # fmt: skip
        source = p.source("transit")
        return [
            Fact("", "transit", p.id, v, unit, source=source) for unit, v in parts if v is not None
        ]

    def facts(self, query: Query, origin: str, goal: Place) -> Facts:
        """How to get from `origin` to `goal`, or why not."""
        if origin == goal.id:
            return Facts(query, "no_way", missing="same", places=(goal.id,))
        step_free = "step_free" in query.flags
        if origin in self.home and not step_free:
            recorded = self._recorded(query, goal)
            if recorded:
                return self._drawn(recorded, origin, goal)
        try:
            route = self.graph.route(origin, goal.id, "step-free" if step_free else "shortest")
        except NoRoute as no:
            missing = "route" if not step_free else "step_free" if no.unrecorded else "stairs_only"
            return Facts(query, "no_way", missing=missing)
        return self._over_graph(query, route, origin, goal)

    def _recorded(self, query: Query, goal: Place) -> Facts | None:
        second = "second" in query.flags
        steps = self.described(query, goal, 2 if second else 1)
        if not steps and second:
            return Facts(query, "not_in_data", missing="second_route")
        ride = self.ride(query.lang, goal) if not steps else []
        if not steps and not ride:
            return None
        offer = bool(self.described(query, goal, 2)) and not second
        walk = [*self.minutes(goal), *self.kilometres(goal)]
        if query.slot in ("minutes", "distance"):
            steps, ride, offer = [], [], False
        notes = frozenset({"second_route"} if offer else ())
        around = self._landmarks(query, steps, goal) if query.slot == "route" and steps else []
        return Facts(
            query, "found", (*steps, *ride, *around, *([] if second else walk)), notes=notes
        )

    def _landmarks(self, query: Query, steps: Sequence[Fact], goal: Place) -> list[Fact]:
        """The neighbours, where the described way passes no other place to look out for."""
        told = " ".join(str(f.value) for f in steps).replace(goal.label(query.lang), "")
        for p in self.venue.places:
            if p.id not in (goal.id, *self.home) and p.label(query.lang) in told:
                return []
        return [
            Fact("", "neighbour", goal.id, self.venue.place(n.place).label(query.lang), n.side,
                 n.place, source=goal.source("neighbours"))
            for n in goal.neighbours
            if n.place and n.side not in ("far", "toward")
        ]  # fmt: skip

    def _over_graph(self, query: Query, route: Route, origin: str, goal: Place) -> Facts:
        items: list[Fact] = []
        if query.slot not in ("minutes", "distance"):
            items += self._steps(query, route, goal)
        items.append(self._total(route, origin, goal))
        if route.metres is not None and query.slot == "distance":
            items.append(
                Fact("", "distance", goal.id, route.metres, "m", origin, route.estimated, "graph")
            )
        notes = frozenset({"estimated"} if route.estimated else ())
        return _with_line(Facts(query, "found", tuple(items), notes=notes), route)

    def _total(self, route: Route, origin: str, goal: Place) -> Fact:
        sources = "; ".join(dict.fromkeys(leg.link.source for leg in route.legs if leg.link.source))
        return Fact("", "minutes", goal.id, route.minutes, "min", origin, route.estimated, sources)

    def _steps(self, query: Query, route: Route, goal: Place) -> list[Fact]:
        out = []
        for n, leg in enumerate(route.legs, 1):
            if (
                leg.start in self.home
                and n == len(route.legs)
                and (told := self.described(query, goal, 1))
            ):
                out += [replace(f, unit=f"0.{n}{f.unit}") for f in told]
                continue
            if {leg.start, leg.end} <= self.home and len(route.legs) > 1:
                continue  # the gate and its exit are one start
            out.append(
                Fact("", "step", goal.id, self._say(query.lang, leg), f"0.{n}", leg.start,
                     leg.link.estimated, leg.link.source)
            )  # fmt: skip
        return out

    def _say(self, lang: Lang, leg: Leg) -> str:
        a, b = self.venue.place(leg.start), self.venue.place(leg.end)
        if leg.link.hint is not None and leg.start == leg.link.a:
            return leg.link.hint[lang]
        side = next((n.side for n in a.neighbours if n.place == b.id), None)
        by_ko, by_en = _LINK_WORDS[leg.link.kind]
        if lang == "ko":
            toward = (
                f"{SIDE_WORDS[side][0]}에 있는 " if side and side not in ("far", "toward") else ""
            )
            return f"{a.label('ko')}에서 {by_ko}{toward}{b.label('ko')} 쪽으로 가세요."
        toward = f", {SIDE_WORDS[side][1]} it" if side and side not in ("far", "toward") else ""
        return f"From {articled(a.label('en'))}, {by_en}{articled(b.label('en'))}{toward}."

    def _drawn(self, facts: Facts, origin: str, goal: Place) -> Facts:
        """A described way with the line of the graph's own, where it has one."""
        try:
            return _with_line(facts, self.graph.route(origin, goal.id))
        except NoRoute:
            return facts


def _with_line(facts: Facts, route: Route) -> Facts:
    line = tuple((p.lon, p.lat) for p in route.line)
    return replace(facts, line=line, guessed=route.guessed, stops=route.stops)
