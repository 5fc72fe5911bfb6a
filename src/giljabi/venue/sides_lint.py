"""Direction words held against each other, against the texts and against the coordinates."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from giljabi.venue.evidence import Evidence, Saying, apart, bearing
from giljabi.venue.findings import Finding, Severity
from giljabi.venue.place import Neighbour, Place

KOREAN = {
    "left": "왼쪽", "right": "오른쪽", "up": "위쪽", "down": "아래쪽", "front": "앞쪽",
    "behind": "뒤쪽", "beside": "옆", "near": "근처", "far": "멀리", "toward": "방향",
    "right-up": "오른쪽 위", "right-down": "오른쪽 아래", "left-up": "왼쪽 위",
    "left-down": "왼쪽 아래", "opposite": "맞은편",
}  # fmt: skip
_PAIRS = (("left", "right"), ("up", "down"), ("front", "behind"), ("right-up", "left-down"),
          ("left-up", "right-down"))  # fmt: skip
REVERSE = {a: b for pair in _PAIRS for a, b in (pair, pair[::-1])}
# Two buildings may face each other or stand back to back, so these agree with themselves too.
_SYMMETRIC = ("opposite", "front", "behind")
OPPOSITES = {
    **{side: {other} for side, other in REVERSE.items()},
    "front": {"behind", "front"},
    "behind": {"front", "behind"},
    "opposite": {"opposite"},
}
VAGUE = frozenset(("beside", "near", "far", "toward"))
ANGLES = {"up": 0, "right": 90, "down": 180, "left": 270, "right-up": 45, "right-down": 135,
          "left-down": 225, "left-up": 315}  # fmt: skip
PLAIN = ("right", "left", "up", "down")
AGREE, OPPOSED = 60.0, 120.0
FRAME_LEAST, FRAME_WORDS = 0.5, 8

_WORDS = {
    "왼쪽 위": "left-up", "왼쪽 아래": "left-down", "오른쪽 위": "right-up",
    "오른쪽 아래": "right-down", "왼쪽": "left", "왼편": "left", "좌측": "left",
    "오른쪽": "right", "오른편": "right", "우측": "right", "위쪽": "up", "아래쪽": "down",
    "앞쪽": "front", "뒤쪽": "behind", "뒤편": "behind",
}  # fmt: skip
# "본관 왼쪽에 위치", "본관 왼쪽 건물이 역사관": a road on the left ("왼쪽 길") says nothing of a place.
_CLAIM = re.compile(
    rf"(?:의|\s건물)?\s*(?:바로\s*)?(?P<side>{'|'.join(_WORDS)})"
    r"(?:(?P<self>에\s*(?:바로\s*)?(?:위치|있습니다|있으며|있고))"
    r"|(?:에\s*(?:있는|위치한)(?:\s*건물이)?|의?\s*건물이)\s+(?=(?P<other>[^.]{2,30})))"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody says that place `a` lies on `side` of place `b`."""

    a: str
    b: str
    side: str
    said: Saying

    def seen_from(self, b: str) -> str:
        """The side on which the other place lies as seen from `b`; "" for a word without reverse."""
        if b == self.b:
            return self.side
        return "" if self.side in _SYMMETRIC else REVERSE.get(self.side, "")


def recorded_pairs(e: Evidence) -> dict[tuple[str, str], Neighbour]:
    """(place, neighbour) ids -> the first entry that names the neighbour."""
    out: dict[tuple[str, str], Neighbour] = {}
    for p in e.venue.places:
        for n in p.neighbours:
            if n.place and n.place != p.id:
                out.setdefault((p.id, n.place), n)
    return out


def mutual(e: Evidence) -> Iterator[Finding]:
    """Two places that name each other: their words must be opposite ones."""
    pairs = recorded_pairs(e)
    counts: Counter[str] = Counter(mutual=0, opposite=0, vague=0, one_vague=0, disagree=0, same=0)
    for (a, b), there in pairs.items():
        if (b, a) not in pairs:
            counts["one_sided"] += 1
            continue
        if (a, b) > (b, a):
            continue
        back = pairs[b, a]
        how = _agreement(there.side, back.side)
        counts["mutual"] += 1
        counts[how] += 1
        if how not in ("opposite", "vague"):
            yield _disagreement(e, e.venue.place(a), there, e.venue.place(b), back, how)
    if pairs:
        counts["entries"] = sum(len(p.neighbours) for p in e.venue.places)
        counts["vague_entries"] = sum(n.side in VAGUE for p in e.venue.places for n in p.neighbours)
        yield Finding(
            "sides-summary",
            "info",
            f"of {counts['mutual']} pairs that name each other, {counts['opposite']} use opposite "
            f"words, {counts['vague']} vague ones on both sides, {counts['same']} the same word "
            f"and {counts['one_vague'] + counts['disagree']} disagree; {counts['one_sided']} of "
            f"{len(pairs)} links are named from one side only; {counts['vague_entries']} of "
            f"{counts['entries']} words are vague (옆, 근처, 멀리, 방향).",
            "Record a direction for both places of a pair, and the opposite one.",
            field="neighbours",
            figures=(*sorted(counts.items()), ("links", len(pairs))),
        )


def _agreement(there: str, back: str) -> str:
    if back in OPPOSITES.get(there, ()):
        return "opposite"
    if there in VAGUE or back in VAGUE:
        return "vague" if there in VAGUE and back in VAGUE else "one_vague"
    return "same" if there == back else "disagree"


def _disagreement(
    e: Evidence, a: Place, there: Neighbour, b: Place, back: Neighbour, how: str
) -> Finding:
    rule, severity = _DISAGREEMENTS[how]
    wants = " or ".join(KOREAN[s] for s in sorted(OPPOSITES.get(there.side, ())))
    wants = wants or f"anything but {KOREAN[back.side]}"
    return Finding(
        rule,
        severity,
        f"{a.label('ko')} says {b.label('ko')} is {KOREAN[there.side]}, but {b.label('ko')} says "
        f"{a.label('ko')} is {KOREAN[back.side]}"
        + (f"; {wants} was to be expected." if there.side not in VAGUE else "."),
        "Stand at one of the two and record both sides from there."
        if how != "one_vague"
        else f"Write the direction instead of {KOREAN['beside']} or {KOREAN['near']}.",
        file=e.file(a),
        place=a.id,
        name=a.label("ko"),
        field=f"neighbours.{there.name}.side",
    )


_DISAGREEMENTS: dict[str, tuple[str, Severity]] = {
    "same": ("sides-same", "error"),
    "disagree": ("sides-disagree", "warning"),
    "one_vague": ("sides-vague", "info"),
}


def claims(e: Evidence) -> Iterator[Claim]:
    """What the ways say of places beside each other."""
    for said in e.sayings:
        if not said.way:
            continue
        for m in _CLAIM.finditer(said.text):
            other = e.ending(re.split(r"[.,]", said.text[: m.start()])[-1])
            subject = said.place
            if m["other"]:
                spot = next(iter(e.spots(m["other"])), None)
                if spot is None or spot.start or len(spot.places) != 1:
                    continue
                subject = spot.places[0]
            if len(other) == 1 and other[0] != subject:
                yield Claim(subject, other[0], _WORDS[m["side"]], said)


def contradictions(e: Evidence) -> Iterator[Finding]:
    """A way says "X is left of Y" where another, or a neighbour entry, says the opposite."""
    by_pair: dict[tuple[str, str], list[Claim]] = defaultdict(list)
    for c in claims(e):
        by_pair[min(c.a, c.b), max(c.a, c.b)].append(c)
    entries = recorded_pairs(e)
    for (a, b), said in sorted(by_pair.items()):
        every = list(said)
        for p, q in ((a, b), (b, a)):
            if n := entries.get((p, q)):
                owner = e.venue.place(p)
                every.append(Claim(q, p, n.side, Saying(p, "", "neighbours", e.file(owner))))
        sides = {c.seen_from(b) for c in said} - {""}
        against = {REVERSE[s] for s in sides if s in REVERSE and s not in _SYMMETRIC}
        clash = [c for c in every if c.seen_from(b) in sides | against]
        if against & {c.seen_from(b) for c in clash}:
            first = e.venue.place(said[0].said.place)
            told = "; ".join(dict.fromkeys(_told(e, c) for c in clash))
            yield Finding(
                "sides-told",
                "warning",
                f"the texts contradict each other: {told}.",
                "Find out which is true, and mend the other text.",
                file=said[0].said.file,
                place=first.id,
                name=first.label("ko"),
                field=said[0].said.field,
            )


def _told(e: Evidence, c: Claim) -> str:
    a, b = e.venue.place(c.a).label("ko"), e.venue.place(c.b).label("ko")
    return f"{c.said.place} ({c.said.field}) puts {a} {KOREAN[c.side]} of {b}"


def geometry(e: Evidence) -> Iterator[Finding]:
    """Direction words against the map, north up or in the frame that the words themselves fit."""
    rows: list[tuple[Place, Neighbour, float]] = []
    for (a, b), n in recorded_pairs(e).items():
        p, q = e.venue.place(a), e.venue.place(b)
        if n.side in ANGLES and p.point and q.point and p.point != q.point:
            rows.append((p, n, bearing(p.point, q.point)))
    if not rows:
        return
    strength, turn = _mean([deg - ANGLES[n.side] for _, n, deg in rows])
    fits = strength >= FRAME_LEAST and len(rows) >= FRAME_WORDS
    turn = turn if fits else 0.0
    frame = f"up turned {round(turn)}° from north" if fits else "north up"
    for p, n, deg in rows:
        off = apart(deg, ANGLES[n.side] + turn)
        if off >= OPPOSED:
            yield Finding(
                "sides-geometry",
                "warning" if fits else "info",
                f"{n.name} is said to be {KOREAN[n.side]}, but lies at {round(deg)}° on the map: "
                f"{round(off)}° off with {frame}.",
                "Check the word on the spot, or say in which frame the words are meant.",
                file=e.file(p),
                place=p.id,
                name=p.label("ko"),
                field=f"neighbours.{n.name}.side",
            )
    yield _geometry_summary(rows, strength, turn, frame, fits=fits)


def _geometry_summary(
    rows: list[tuple[Place, Neighbour, float]],
    strength: float,
    turn: float,
    frame: str,
    *,
    fits: bool,
) -> Finding:
    plain = [(n.side, deg) for _, n, deg in rows if n.side in PLAIN]
    off = [apart(deg, ANGLES[side] + turn) for side, deg in plain]
    figures: dict[str, float] = {
        "words": len(plain), "diagonal_words": len(rows) - len(plain),
        "agree": sum(o <= AGREE for o in off), "opposed": sum(o >= OPPOSED for o in off),
        "frame_r": round(strength, 2),
    }  # fmt: skip
    told = []
    for side in PLAIN:
        degrees = [deg for s, deg in plain if s == side]
        if degrees:
            quarter = Counter("NESW"[int((d + 45) % 360 // 90)] for d in degrees)
            spread = " ".join(f"{k}{quarter[k]}" for k in "NESW")
            r = round(_mean(degrees)[0], 2)
            told.append(f"{KOREAN[side]} {len(degrees)}: {spread} (R={r:.2f})")
            figures |= {f"{side}_{k}": quarter[k] for k in "NESW"} | {f"{side}_r": r}
            figures[f"{side}_links"] = len(degrees)
    verdict = "fit one frame" if fits else "fit no frame"
    return Finding(
        "geometry-summary",
        "info",
        f"{len(plain)} words can be held against coordinates ({frame}): {figures['agree']:.0f} "
        f"agree within {AGREE:.0f}°, {figures['opposed']:.0f} are {OPPOSED:.0f}° or more off; "
        f"together they {verdict} (R={strength:.2f}); {', '.join(told)}.",
        "Do not turn these words into compass directions."
        if not fits
        else "Mend the words that lie outside the frame.",
        field="neighbours",
        figures=tuple(figures.items()),
    )


def _mean(degrees: list[float]) -> tuple[float, float]:
    """Mean resultant length (0 scattered, 1 all the same) and mean direction in degrees."""
    x = sum(math.cos(math.radians(d)) for d in degrees) / len(degrees)
    y = sum(math.sin(math.radians(d)) for d in degrees) / len(degrees)
    return math.hypot(x, y), math.degrees(math.atan2(y, x))
