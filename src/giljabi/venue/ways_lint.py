"""Ways: places none reaches, and ways to one place that set out in opposite directions."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from collections.abc import Iterator

from giljabi.venue.distance_lint import origins
from giljabi.venue.evidence import Evidence, Saying, apart, bearing
from giljabi.venue.findings import Finding
from giljabi.venue.graph import NEAR_METRES
from giljabi.venue.place import Place

OPPOSED = 90.0
_NEAREST = 3
_STEPS = ("stairs", "escalator")
_RIDES = re.compile(r"셔틀|버스|지하철|택시|차량")
# "행당시장 근처", "'행당시장' 입구": a landmark that several texts lead to, listed or not.
_LANDMARK = re.compile(
    r"(?P<name>[가-힣A-Za-z0-9]{3,})['’”\"]?\s?(?:근처|방향|입구|앞|맞은편|옆|쪽)(?![가-힣]*길)"
)


def reach(e: Evidence, *, step_free: bool = False) -> set[str]:
    """Ids that a route from the origin reaches, by the same ways that venue.graph.Graph uses.

    Graph looks at every pair of places; this does not, so that a venue of thousands is checked
    in seconds. A test holds the two against each other.
    """
    beside: dict[str, set[str]] = defaultdict(set)
    for a, b in _edges(e, step_free=step_free):
        beside[a].add(b)
        beside[b].add(a)
    seen, todo = {e.venue.origin}, [e.venue.origin]
    while todo:
        for other in beside[todo.pop()] - seen:
            seen.add(other)
            todo.append(other)
    return seen


def _edges(e: Evidence, *, step_free: bool) -> Iterator[tuple[str, str]]:
    if step_free:
        for x in e.venue.links:
            if x.step_free is True and x.kind not in _STEPS:
                yield x.a, x.b
        return
    walked = {end for x in e.venue.links for end in (x.a, x.b)}
    yield from ((x.a, x.b) for x in e.venue.links)
    for a, b in _landmark_pairs(e):
        if not (a in walked and b in walked):
            yield a, b


def _landmark_pairs(e: Evidence) -> Iterator[tuple[str, str]]:
    for p in e.venue.places:
        for n in p.neighbours:
            if n.place and n.place != p.id and n.side not in ("far", "toward"):
                yield p.id, n.place
        if p.point is not None:
            near = [q for _, q in e.grid.near(p.point, NEAR_METRES) if q.id != p.id]
            yield from ((p.id, q.id) for q in near[:_NEAREST])
        if p.minutes is not None and (p.point is None or p.area != "campus"):
            yield e.venue.origin, p.id


def unreached(e: Evidence) -> Iterator[Finding]:
    """Places without any route from the origin, and how many have no step-free one."""
    if e.origin is None:
        return
    reached = reach(e)
    for p in e.venue.places:
        if p.id not in reached and not any(d.to == p.id for d in e.venue.directions):
            yield Finding(
                "unreached", "warning", f"no route from {e.origin.label('ko')} reaches it.",
                "Add a link, a neighbour, or the minutes from the origin.",
                file=e.file(p), place=p.id, name=p.label("ko"),
            )  # fmt: skip
    free = reach(e, step_free=True)
    without = [p for p in e.venue.places if p.id not in free]
    if without:
        yield Finding(
            "step-free-summary",
            "info",
            f"{len(without)} of {len(e.venue.places)} places have no recorded step-free way.",
            "Record step_free in links.csv for the ways that have no steps.",
            file="links.csv",
            figures=(("without", len(without)), ("places", len(e.venue.places))),
        )


def starts(e: Evidence) -> Iterator[Finding]:
    """Ways recorded from another start than the origin; ways to one place that part at once."""
    also = {e.venue.origin, *e.venue.origin_also}
    for d in e.venue.directions:
        if d.origin not in also:
            p, start = e.venue.place(d.to), e.venue.place(d.origin)
            yield Finding(
                "start-differs", "info", f"way {d.rank} starts at {start.label('ko')}, not at the "
                "origin.", "Describe it from the origin, or add the start to origin_also.",
                file="routes.json", place=p.id, name=p.label("ko"), field=f"way {d.rank}",
            )  # fmt: skip
    by_place: dict[str, list[tuple[Saying, Place, float]]] = defaultdict(list)
    headings: list[tuple[Saying, Place, float]] = []
    for said in e.sayings:
        if said.way and (first := _heading(e, said)) is not None:
            by_place[said.place].append((said, *first))
            headings.append((said, *first))
    yield from _parting(e, by_place)
    yield from _landmarks(e, headings)


def _heading(e: Evidence, said: Saying) -> tuple[Place, float] | None:
    """The first place with a point that a way names after its start, and the direction to it."""
    points = origins(e)
    if not points or _RIDES.search(said.text.partition(".")[0]):
        return None
    also = {e.venue.origin, *e.venue.origin_also, said.place}
    for spot in e.spots(said.text):
        if also & set(spot.places):
            continue
        p = e.get(spot.places[0])
        if p is None or p.point is None or p.point == points[0]:
            continue
        return p, bearing(points[0], p.point)
    return None


def _parting(
    e: Evidence, by_place: dict[str, list[tuple[Saying, Place, float]]]
) -> Iterator[Finding]:
    for place_id, ways in sorted(by_place.items()):
        for (said, via, deg), (other, other_via, other_deg) in itertools.pairwise(ways):
            if apart(deg, other_deg) < OPPOSED or said.way == other.way:
                continue
            p = e.venue.place(place_id)
            yield Finding(
                "ways-part",
                "info",
                f"way {said.way} sets out towards {via.label('ko')} ({deg:.0f}°) and way "
                f"{other.way} towards {other_via.label('ko')} ({other_deg:.0f}°).",
                "Check that both arrive at the same place.",
                file=said.file,
                place=p.id,
                name=p.label("ko"),
                field=other.field,
            )


def _landmarks(e: Evidence, headings: list[tuple[Saying, Place, float]]) -> Iterator[Finding]:
    """A landmark outside the venue to which the ways of several places go by opposite sides."""
    by_name: dict[str, dict[str, tuple[Saying, Place, float]]] = defaultdict(dict)
    for row in headings:
        if row[0].way != 1:
            continue
        for m in _LANDMARK.finditer(row[0].text):
            name = m["name"]
            if not any(s.start == 0 for s in e.spots(name)):
                by_name[name].setdefault(row[0].place, row)
    for name, rows in sorted(by_name.items()):
        ways = list(rows.values())
        one = [w for w in ways if apart(w[2], ways[0][2]) < OPPOSED]
        two = [w for w in ways if apart(w[2], ways[0][2]) >= OPPOSED]
        if len(one) < 2 or len(two) < 2:
            continue
        told = " and ".join(
            f"{', '.join(w[0].place for w in side)} towards {side[0][1].label('ko')}"
            for side in (one, two)
        )
        first = e.venue.place(ways[0][0].place)
        yield Finding(
            "landmark-two-ways",
            "warning",
            f"the ways past {name} set out in opposite directions: {told}.",
            f"Find out where {name} is and mend the ways that go the wrong way round.",
            file=ways[0][0].file,
            place=first.id,
            name=first.label("ko"),
            field=ways[0][0].field,
            figures=(("one", len(one)), ("other", len(two))),
        )
