"""Minutes, kilometres and neighbours held against the coordinates; silent without any."""

from __future__ import annotations

import re
from collections.abc import Iterator
from statistics import median

from giljabi.venue.evidence import Evidence
from giljabi.venue.findings import Finding
from giljabi.venue.graph import metres_between
from giljabi.venue.place import Link, Place, Point
from giljabi.venue.sides_lint import KOREAN

SLOW, FAST = 30.0, 110.0
"""Metres a minute of a walk, measured as a straight line: hills below, a run above."""
BESIDE, FAR = 100.0, 200.0
RANK = 10
_RANKED = 600.0  # metres: nearer places are counted no further out than this
RIDE_MINUTES = 10
_ROUNDING = 0.5  # minutes are whole numbers: "1" may stand for a minute and a half
_STATED = re.compile(r"(?P<n>\d+(?:\.\d+)?)\s*(?P<unit>km|m)(?![a-z])")


def origins(e: Evidence) -> list[Point]:
    """The points from which recorded walks may have been measured."""
    ids = (e.venue.origin, *e.venue.origin_also)
    return [p.point for i in ids if (p := e.get(i)) is not None and p.point is not None]


def pace(e: Evidence) -> Iterator[Finding]:
    """Minutes from the origin that nobody can walk, or that nobody would need."""
    origin = e.origin
    if origin is None or origin.point is None:
        return
    paces = []
    for p in e.venue.places:
        if p.point is None or not p.minutes or p.id == origin.id:
            continue
        metres = metres_between(origin.point, p.point)
        paces.append(metres / p.minutes)
        if not SLOW <= paces[-1] <= FAST:
            yield _pace(e, origin, p, metres, p.minutes)
    if paces:
        yield Finding(
            "pace-summary",
            "info",
            f"{len(paces)} recorded walks can be held against coordinates: the median is "
            f"{median(paces):.0f} m a minute in a straight line, and "
            f"{sum(not SLOW <= x <= FAST for x in paces)} lie outside {SLOW:.0f}-{FAST:.0f}.",
            "Walk the outliers with a watch.",
            field="minutes",
            figures=(
                ("walks", len(paces)),
                ("median", median(paces)),
                ("outside", sum(not SLOW <= x <= FAST for x in paces)),
            ),
        )


def _pace(e: Evidence, origin: Place, p: Place, metres: float, minutes: int) -> Finding:
    too_fast = metres / minutes > FAST
    sure = metres / (minutes + _ROUNDING) > FAST
    return Finding(
        "pace-fast" if too_fast else "pace-slow",
        "error" if too_fast and sure else "warning",
        f"{metres:.0f} m in a straight line from {origin.label('ko')} in {minutes} min would be "
        f"{metres / minutes:.0f} m a minute.",
        f"Correct the minutes; at 80 m a minute it is {max(1, -(-int(metres) // 80))} or more."
        if too_fast
        else "Check the minutes and the point; say so in a source where a hill or a detour is why.",
        file=e.file(p),
        place=p.id,
        name=p.label("ko"),
        field="minutes",
        figures=(("metres", round(metres)), ("minutes", minutes)),
    )


def to_itself(e: Evidence) -> Iterator[Finding]:
    """A walk recorded for a place where walks start: it would be told as a way to itself."""
    for start in dict.fromkeys((e.venue.origin, *e.venue.origin_also)):
        if (p := e.get(start)) is None:
            continue
        for field, value, unit in (
            ("minutes", p.minutes, "min"),
            ("distance_km", p.distance_km, "km"),
        ):
            if value is not None:
                yield Finding(
                    "walk-to-itself", "warning",
                    f"{value} {unit} are recorded, but walks start here.",
                    f"Drop {field}, or name another origin if the walks were measured from elsewhere.",
                    file=e.file(p), place=p.id, name=p.label("ko"), field=field,
                )  # fmt: skip


def kilometres(e: Evidence) -> Iterator[Finding]:
    """A recorded distance that fits neither the recorded minutes nor the straight line."""
    starts = origins(e)
    for p in e.venue.places:
        if p.distance_km is None:
            continue
        metres = p.distance_km * 1000
        straight = min((metres_between(s, p.point) for s in starts), default=0) if p.point else 0
        if p.minutes and not SLOW <= metres / p.minutes <= FAST:
            what = (
                f"{p.distance_km} km in {p.minutes} min would be {metres / p.minutes:.0f} m a "
                "minute."
            )
        # A tenth of a kilometre is what such figures are rounded to.
        elif straight > metres + 100:
            what = f"{p.distance_km} km are recorded, but the straight line is {straight:.0f} m."
        else:
            continue
        yield Finding(
            "distance-disagrees", "warning", what, "Correct the kilometres or the minutes.",
            file=e.file(p), place=p.id, name=p.label("ko"), field="distance_km",
        )  # fmt: skip


def links(e: Evidence) -> Iterator[Finding]:
    """Measured ways that are faster than a run, slower than a crawl or shorter than straight."""
    for x in e.venue.links:
        a, b = e.get(x.a), e.get(x.b)
        if a is None or b is None:
            continue
        if x.kind == "walk" and x.metres and x.minutes:
            speed = x.metres / x.minutes
            if speed > FAST:
                yield _link(x, "link-fast", f"{x.metres:g} m in {x.minutes:g} min would be "
                            f"{speed:.0f} m a minute", "Correct the metres or the minutes.")  # fmt: skip
            elif speed < SLOW and x.minutes > 1:
                yield _link(x, "link-slow", f"{x.metres:g} m in {x.minutes:g} min would be "
                            f"{speed:.0f} m a minute", "Correct the metres or the minutes.")  # fmt: skip
        if x.metres and not x.estimated and a.point and b.point:
            straight = metres_between(a.point, b.point)
            if x.metres < straight - max(20.0, straight * 0.1):
                yield _link(x, "link-short", f"{x.metres:g} m are recorded, but the straight line "
                            f"is {straight:.0f} m", "Correct the metres or a point.")  # fmt: skip


def _link(x: Link, rule: str, what: str, mend: str) -> Finding:
    return Finding(
        rule, "error" if rule == "link-fast" else "warning", f"{x.a} to {x.b}: {what}.", mend,
        file="links.csv", place=x.a, field=f"{x.a},{x.b}",
    )  # fmt: skip


def neighbours(e: Evidence) -> Iterator[Finding]:
    """Neighbours that the coordinates put far away, and the first one's rank among all."""
    ranks: list[int] = []
    far, beside, beside_far = 0, 0, 0
    for p in e.venue.places:
        for n_at, n in enumerate(p.neighbours):
            other = e.get(n.place)
            if p.point is None or other is None or other.point is None or other is p:
                continue
            metres = metres_between(p.point, other.point)
            close = n.side not in ("far", "toward", "opposite")
            beside += n.side == "beside"
            beside_far += n.side == "beside" and metres > BESIDE
            rank = 0
            if n_at == 0:
                rank = _rank(e, p, other, metres)
                ranks.append(rank)
                far += metres > FAR
            if finding := _far(e, p, n.name, n.side, metres, rank if close else 0, close=close):
                yield finding
    if ranks:
        yield _nearest_summary(ranks, far, beside, beside_far)


def _rank(e: Evidence, p: Place, other: Place, metres: float) -> int:
    """1 where no other place of the same area lies nearer; beyond _RANKED metres a lower bound."""
    if p.point is None:
        return 0
    nearer = (q for d, q in e.grid.near(p.point, min(metres, _RANKED)) if d < metres)
    return 1 + sum(q.area == p.area and q.id not in (p.id, other.id) for q in nearer)


def _far(
    e: Evidence, p: Place, name: str, side: str, metres: float, rank: int, *, close: bool
) -> Finding | None:
    if close and metres > FAR:
        rule, what = "neighbour-far", f"{name} ({KOREAN[side]}) is {metres:.0f} m away"
    elif side == "beside" and metres > BESIDE:
        rule, what = "beside-far", f"{name} is said to be 옆, but is {metres:.0f} m away"
    elif rank > RANK:
        rule, what = "nearest-not", f"{name} is named first, {metres:.0f} m away"
    else:
        return None
    if rank > 1:
        least = "at least " if metres > _RANKED else ""
        what += f", and {least}{rank - 1} places of the same area are nearer"
    return Finding(
        rule,
        "info" if rule == "nearest-not" else "warning",
        what + ".",
        "Name a nearer neighbour, or check both points.",
        file=e.file(p),
        place=p.id,
        name=p.label("ko"),
        field=f"neighbours.{name}",
        figures=(("metres", round(metres)), ("rank", rank)),
    )


def _nearest_summary(ranks: list[int], far: int, beside: int, beside_far: int) -> Finding:
    one, three = sum(r == 1 for r in ranks), sum(r <= 3 for r in ranks)
    late = sum(r > RANK for r in ranks)
    return Finding(
        "nearest-summary",
        "info",
        f"of {len(ranks)} neighbours named first, {one} are the closest by coordinates, {three} "
        f"among the closest three, {late} beyond the tenth and {far} over {FAR:.0f} m away; "
        f"{beside_far} of {beside} neighbours called 옆 are over {BESIDE:.0f} m away.",
        "Do not call the first neighbour the nearest one.",
        field="neighbours",
        figures=(("first", len(ranks)), ("rank_1", one), ("rank_3", three), ("rank_over_10", late),
                 ("far", far), ("beside", beside), ("beside_far", beside_far)),
    )  # fmt: skip


def stated(e: Evidence) -> Iterator[Finding]:
    """A way that gives fewer metres to a place than the straight line from the origin has."""
    starts = origins(e)
    groups: dict[tuple[float, tuple[str, ...]], list[tuple[str, str, str]]] = {}
    for said in e.sayings:
        if not said.way or not starts:
            continue
        for m in _STATED.finditer(said.text):
            metres = float(m["n"]) * (1000 if m["unit"] == "km" else 1)
            if not (ids := _goal(e, said.text[m.end() :])) or _STATED.search(
                said.text[: m.start()]
            ):
                continue
            groups.setdefault((metres, ids), []).append((said.place, said.field, said.file))
    for (metres, ids), told in sorted(groups.items()):
        points = [p.point for i in ids if (p := e.get(i)) is not None and p.point is not None]
        straight = min((metres_between(s, q) for s in starts for q in points), default=0.0)
        if straight > metres * 1.05:
            name = e.venue.place(ids[0]).label("ko").partition(" (")[0]
            places = list(dict.fromkeys(t[0] for t in told))
            first = e.venue.place(places[0])
            yield Finding(
                "metres-stated",
                "warning",
                f"{len(places)} ways give {metres:.0f} m to {name}, but the straight line is "
                f"already {straight:.0f} m ({', '.join(places)}).",
                "Measure the way and correct the metres in the texts.",
                file=told[0][2],
                place=first.id,
                name=first.label("ko"),
                field=told[0][1],
                figures=(("ways", len(places)), ("metres", metres), ("straight", round(straight))),
            )


def _goal(e: Evidence, rest: str) -> tuple[str, ...]:
    """The place that the metres lead to: the first one named next, not only as a direction."""
    for spot in e.spots(rest[:60]):
        if not spot.rest.startswith(("쪽", "방향")) and all(_placed(e, i) for i in spot.places):
            return spot.places
    return ()


def _placed(e: Evidence, place_id: str) -> bool:
    p = e.get(place_id)
    return p is not None and p.point is not None


def rides(e: Evidence) -> Iterator[Finding]:
    """A ride recorded for a place within a short walk, and a walk whose way takes a ride."""
    for p in e.venue.places:
        if p.transit is not None and p.minutes is not None and p.minutes <= RIDE_MINUTES:
            yield Finding(
                "ride-short",
                "info",
                f"a ride is recorded though the walk takes {p.minutes} min.",
                "Drop the ride, or correct the minutes.",
                file=e.file(p),
                place=p.id,
                name=p.label("ko"),
                field="transit",
            )
    for said in e.sayings:
        p = e.venue.place(said.place)
        if said.way != 1 or p.transit is not None or not p.minutes:
            continue
        if m := _RIDE.search(said.text):
            yield Finding(
                "ride-in-walk",
                "warning",
                f"it is recorded as a walk of {p.minutes} min, but its way takes a ride "
                f"(“{m[0]}”).",
                "Record the ride as transit, or describe the walk.",
                file=said.file,
                place=p.id,
                name=p.label("ko"),
                field=said.field,
            )


_RIDE = re.compile(
    r"(?:지하철|전철|버스|\d+호선)[^.\s]*(?:\s[^.\s]*){0,2}?\s*(?:타고|타세요|타면|타서|탑니다|승차)"
)
