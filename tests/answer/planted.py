"""True paraphrases written by hand, and errors planted in them, one planter per kind of fact.

The paraphrases are not the product's templates. A planted text is false by construction.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from giljabi.answer.facts import FactKind, Facts
from giljabi.answer.gather import Gatherer
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.understand import Understanding
from giljabi.answer.verify import Checker
from giljabi.answer.ways import SIDE_WORDS
from giljabi.korean import josa
from giljabi.venue.graph import Graph
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Place, Venue

SIDES_KO = ("왼쪽", "오른쪽", "위쪽", "아래쪽", "앞쪽", "뒤쪽")
FLIP_KO = {"왼쪽": "오른쪽", "오른쪽": "왼쪽", "위쪽": "아래쪽", "아래쪽": "위쪽", "앞쪽": "뒤쪽", "뒤쪽": "앞쪽",
           "오르막": "내리막", "내리막": "오르막", "올라": "내려", "왼편": "오른편"}  # fmt: skip
FLIP_EN = {"left": "right", "right": "left", "above": "below", "below": "above",
           "in front of": "behind", "behind": "in front of", "uphill": "downhill"}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A true text for a question, with the pieces planters need."""

    kind: FactKind
    lang: Lang
    question: str
    text: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Planted:
    """A false text; `how` names the error."""

    case: Case
    text: str
    how: str


class Bench:
    """Everything needed to gather and check for one venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        names = Names(venue)
        self.gatherer = Gatherer(venue, Graph(venue))
        self.understanding = Understanding(venue, names, self.gatherer.referent)
        self.book = Phrasebook(venue)
        self.checker = Checker(venue, names, self.book)

    def facts(self, question: str) -> Facts:
        return self.gatherer.gather(self.understanding.read((question,)))

    def passes(self, question: str, text: str) -> bool:
        return self.checker.check(text, self.facts(question)).ok


def _en(place: Place) -> str:
    label = place.label("en")
    heads = ("Building", "Hall", "Center", "Museum", "Library", "Field", "Annex", "Gymnasium")
    return f"the {label}" if label.rpartition(" ")[2] in heads else label


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]


def _both(
    kind: FactKind, ask: tuple[str, str], ko: list[str], en: list[str], v: dict[str, str]
) -> Iterator[Case]:
    for text in ko:
        yield Case(kind, "ko", ask[0], text, v)
    for text in en:
        yield Case(kind, "en", ask[1], _cap(text), v)


def true_cases(bench: Bench) -> Iterator[Case]:
    """Paraphrases of what the venue's records say, over all places."""
    for p in bench.venue.places:
        if p.area == "landmark" or p.name.en is None:
            continue
        for make in (
            _floors,
            _code,
            _kind,
            _feature,
            _neighbours,
            _minutes,
            _distance,
            _ride,
            _inside,
            _steps,
        ):
            yield from make(bench, p)
    yield from _compared(bench)


def _floors(bench: Bench, p: Place) -> Iterator[Case]:
    if p.floors is None or p.floors.above is None or p.floors.below is not None:
        return
    n, ko, en = p.floors.above, p.label("ko"), _en(p)
    yield from _both(
        "floors", (f"{ko} 몇 층이야?", f"How many floors does {en} have?"),
        [f"{josa(ko, '은')} {n}층짜리 건물이에요.", f"{ko}의 층수는 지상 {n}층입니다.", f"{josa(ko, '은')} 총 {n}층으로 되어 있습니다."],
        [f"{en} is a {n}-story building.", f"there are {n} floors in {en}.", f"{en} has {n} floors in total."],
        {"n": str(n), "ko": ko, "en": en},
    )  # fmt: skip


def _code(bench: Bench, p: Place) -> Iterator[Case]:
    if p.code is None:
        return
    ko, en = p.label("ko"), _en(p)
    yield from _both(
        "code", (f"{ko} 번호가 뭐야?", f"What is the building number of {en}?"),
        [f"{ko}의 건물 번호는 {p.code}번입니다.", f"{josa(ko, '은')} {p.code}번 건물이에요."],
        [f"{en} is building {p.code}.", f"the number of {en} is {p.code}."],
        {"n": p.code, "ko": ko, "en": en},
    )  # fmt: skip


def _kind(bench: Bench, p: Place) -> Iterator[Case]:
    ko, en = p.label("ko"), _en(p)
    yield from _both(
        "kind", (f"{ko} 무슨 건물이야?", f"What kind of place is {en}?"),
        [f"{josa(ko, '은')} {p.kind.ko}입니다.", f"{ko}의 종류는 {p.kind.ko}예요."],
        [f"{en} belongs to the category {p.kind.en}.", f"{en} is classified as {p.kind.en}."],
        {"ko": ko, "en": en},
    )  # fmt: skip


def _feature(bench: Bench, p: Place) -> Iterator[Case]:
    if not p.features:
        return
    ko, en, f = p.label("ko"), _en(p), p.features[0]
    yield from _both(
        "feature", (f"{ko}에 뭐가 있어?", f"What facilities does {en} have?"),
        [f"{ko}에는 {josa(f.ko, '이')} 있습니다.", f"{ko}의 시설은 {f.ko} 등입니다."],
        [f"{en} has {f.en}.", f"you can find {f.en} inside {en}."], {"ko": ko, "en": en},
    )  # fmt: skip


def _neighbours(bench: Bench, p: Place) -> Iterator[Case]:
    for n in p.neighbours:
        if n.place is None or n.side in ("far", "toward"):
            continue
        o = bench.venue.place(n.place)
        s_ko, s_en = SIDE_WORDS[n.side]
        ko, en, oko, oen = p.label("ko"), _en(p), o.label("ko"), _en(o)
        sidewise = s_ko in FLIP_KO
        yield from _both(
            "neighbour", (f"{ko} 옆에 뭐가 있어?", f"What is next to {en}?"),
            [f"{ko}의 {s_ko}에 {josa(oko, '이')} 있습니다.", f"{josa(oko, '은')} {ko}의 {s_ko}에 있어요.",
             f"{s_ko}에는 {josa(oko, '이')} 있어요."],
            [f"{oen} is {s_en} {en}.", f"{s_en} {en} is {oen}.", f"{oen} is located {s_en} {en}."],
            {"ko": ko, "en": en, "oko": oko, "oen": oen, "flip": "1" if sidewise else "",
             "mutual": "1" if any(m.place == p.id and m.side == n.side for m in o.neighbours) else ""},
        )  # fmt: skip


def _minutes(bench: Bench, p: Place) -> Iterator[Case]:
    if p.minutes is None or p.original("minutes") is not None:
        return
    home = bench.venue.place(bench.venue.origin)
    n, ko, en, hko, hen = p.minutes, p.label("ko"), _en(p), home.label("ko"), home.label("en")
    yield from _both(
        "minutes", (f"{ko}까지 걸어서 얼마나 걸려?", f"How long does it take to walk to {en}?"),
        [f"{hko}에서 {ko}까지 도보로 {n}분 정도 걸립니다.", f"{ko}까지는 {hko}에서 걸어서 {n}분이에요.",
         f"걸어서 약 {n}분이면 {ko}에 도착해요."],
        [f"it is about a {n}-minute walk from {hen} to {en}.", f"from {hen}, {en} is {n} minutes on foot.",
         f"walking to {en} takes {n} minutes."],
        {"n": str(n), "ko": ko, "en": en, "hko": hko, "hen": hen},
    )  # fmt: skip


def _distance(bench: Bench, p: Place) -> Iterator[Case]:
    if p.distance_km is None:
        return
    n, ko, en = f"{p.distance_km:g}", p.label("ko"), _en(p)
    yield from _both(
        "distance", (f"{ko}까지 몇 km야?", f"How far is {en}?"),
        [f"{ko}까지는 {n}km예요.", f"한양대역에서 {ko}까지 거리는 약 {n}km입니다."],
        [f"{en} is {n} km away.", f"the distance to {en} is about {n} km."],
        {"n": n, "ko": ko, "en": en},
    )  # fmt: skip


def _ride(bench: Bench, p: Place) -> Iterator[Case]:
    t = p.transit
    if t is None or t.board.ko == t.alight.ko:
        return
    ko, en, line = p.label("ko"), _en(p), t.lines[0]
    v = {"ko": ko, "en": en, "line": line, "board": t.board.ko, "alight": t.alight.ko,
         "ben": str(t.board.en), "aen": str(t.alight.en)}  # fmt: skip
    ask = (f"{ko} 대중교통으로 어떻게 가?", f"How do I get to {en} by public transport?")
    if t.mode == "bus":
        en_line = line.replace("성동", "Seongdong ")
        texts = ([f"{t.board.ko} 정류장에서 {line}번 버스를 타고 {t.alight.ko} 정류장에서 내리세요."],
                 [f"take bus {en_line} from {t.board.en} and get off at {t.alight.en}."])  # fmt: skip
    else:
        x = f" {t.alight_exit}번 출구로 나가" if t.alight_exit else ""
        texts = ([f"{t.board.ko}에서 {josa(line, '을')} 타고 {t.alight.ko}에서 내려{x} 가세요."],
                 [f"take Line 2 from {t.board.en} and get off at {t.alight.en}."])  # fmt: skip
        v["exit"] = str(t.alight_exit or "")
    yield from _both("transit", ask, *texts, v)


def _inside(bench: Bench, p: Place) -> Iterator[Case]:
    if p.inside is None or len(p.inside.levels) != 1 or p.inside.levels[0] < 1:
        return
    n, ko, en, host = p.inside.levels[0], p.label("ko"), _en(p), p.inside.host
    hko, hen = (host.ko, f" of {host.en}") if host else ("", "")
    yield from _both(
        "inside", (f"{ko} 몇 층에 있어?", f"Which floor is {en} on?"),
        [f"{josa(ko, '은')} {hko} {n}층에 있습니다."], [f"you can find {en} on floor {n}{hen}."],
        {"n": str(n), "ko": ko, "en": en},
    )  # fmt: skip


def _steps(bench: Bench, p: Place) -> Iterator[Case]:
    for d in bench.venue.directions:
        if d.to == p.id and d.rank == 1 and len(d.steps) >= 2:
            ko = " ".join(re.sub(r"세요\.$", "시면 됩니다.", s.ko) for s in d.steps)
            en = " ".join(s.en or "" for s in d.steps)
            v = {"ko": p.label("ko"), "en": _en(p), "steps": "1"}
            yield from _both(
                "step", (f"{p.label('ko')} 어떻게 가?", f"How do I get to {_en(p)}?"), [ko], [en], v
            )


def _compared(bench: Bench) -> Iterator[Case]:
    own = [p for p in bench.venue.places if p.area == "campus" and p.name.en]
    for a, b in zip(own, own[7:] + own[:7], strict=True):
        ko, en = (a.label("ko"), b.label("ko")), (_en(a), _en(b))
        if (
            a.minutes
            and b.minutes
            and a.minutes != b.minutes
            and not (a.corrections or b.corrections)
        ):
            w, x = (0, 1) if a.minutes < b.minutes else (1, 0)
            yield from _both(
                "closer", (f"{ko[0]}, {ko[1]} 중 어디가 더 가까워?", f"Which is closer, {en[0]} or {en[1]}?"),
                [f"{josa(ko[w], '이')} {ko[x]}보다 더 가까워요.", f"{ko[x]}보다 {josa(ko[w], '이')} 더 가깝습니다."],
                [f"{en[w]} is closer than {en[x]}."],
                {"ko": ko[w], "en": en[w], "oko": ko[x], "oen": en[x]},
            )  # fmt: skip
        fa, fb = (p.floors.above if p.floors else None for p in (a, b))
        if fa and fb and fa != fb:
            w, x = (0, 1) if fa > fb else (1, 0)
            yield from _both(
                "taller", (f"{ko[0]}, {ko[1]} 중 어디가 층이 더 많아?", f"Which has more floors, {en[0]} or {en[1]}?"),
                [f"{josa(ko[w], '이')} {ko[x]}보다 층수가 더 많습니다."], [f"{en[w]} has more floors than {en[x]}."],
                {"ko": ko[w], "en": en[w], "oko": ko[x], "oen": en[x]},
            )  # fmt: skip


# ---- errors ----

Planter = Callable[[Case, random.Random], Iterator[tuple[str, str]]]


def _number(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    old = c.values["n"]
    new = f"{float(old) + 0.3:g}" if "." in old else str(int(old) + rng.choice((1, 2, 3)))
    yield "wrong number", re.sub(rf"(?<![\d.]){re.escape(old)}(?![\d.])", new, c.text)


def _sides(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    if c.values["flip"]:
        table = FLIP_KO if c.lang == "ko" else FLIP_EN
        yield "flipped side", _flip_once(c.text, table)
    mine, other = ("ko", "oko") if c.lang == "ko" else ("en", "oen")
    if not c.values["mutual"] and c.values[mine].lower() in c.text.lower():
        yield "swapped places", _swap(c.text, c.values[mine], c.values[other])


def _flip_once(text: str, table: dict[str, str]) -> str:
    pattern = re.compile("|".join(re.escape(k) for k in sorted(table, key=len, reverse=True)))
    return pattern.sub(lambda m: table[m[0]], text, count=1)


def _swap(text: str, a: str, b: str) -> str:
    marked = re.sub(re.escape(a), "\x01", text, flags=re.I)
    marked = re.sub(re.escape(b), "\x02", marked, flags=re.I)
    return _cap(marked.replace("\x01", b).replace("\x02", a))


def _origin(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    yield from _number(c, rng)
    home, other = (
        (c.values["hko"], "후문") if c.lang == "ko" else (c.values["hen"], "the back gate")
    )
    if home in c.text:
        yield "wrong start", c.text.replace(home, other)


def _rides(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    a, b = ("board", "alight") if c.lang == "ko" else ("ben", "aen")
    yield "stops swapped", _swap(c.text, c.values[a], c.values[b])
    yield (
        "wrong line",
        re.sub(r"\d{2,4}(?=번|\s+from)|(?<=Line )2|2(?=호선)", "77", c.text, count=1),
    )
    if c.values.get("exit") and c.lang == "ko":
        wrong = str(int(c.values["exit"]) + 5)
        yield "wrong exit", c.text.replace(f"{c.values['exit']}번 출구", f"{wrong}번 출구")


def _winner(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    mine, other = ("ko", "oko") if c.lang == "ko" else ("en", "oen")
    yield "wrong winner", _swap(c.text, c.values[mine], c.values[other])


def _way(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    table = FLIP_KO if c.lang == "ko" else FLIP_EN
    flipped = _flip_once(c.text, table)
    if flipped != c.text:
        yield "flipped side", flipped


def _value(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    yield (
        "invented feature",
        (
            f"{c.values['ko']}에는 수영장이 있어요."
            if c.lang == "ko"
            else _cap(f"{c.values['en']} has a swimming pool.")
        ),
    )


def _none(c: Case, rng: random.Random) -> Iterator[tuple[str, str]]:
    return iter(())


PLANTERS: dict[FactKind, Planter] = {
    "code": _number, "kind": _value, "floors": _number, "inside": _number, "feature": _value,
    "neighbour": _sides, "minutes": _origin, "distance": _number, "step": _way, "transit": _rides,
    "detail": _none, "closer": _winner, "taller": _winner, "member": _value, "count": _number,
    "check": _none, "bearing": _sides,
}  # fmt: skip


def _anywhere(c: Case, places: list[Place], rng: random.Random) -> Iterator[tuple[str, str]]:
    """Errors that can be planted in any sentence."""
    label = c.values[c.lang]
    said = re.compile(re.escape(label), re.I)
    if said.search(c.text):
        stranger = rng.choice([p for p in places if p.label("ko") not in c.question + c.text])
        name = stranger.label("ko") if c.lang == "ko" else _en(stranger)
        if name.lower() not in c.text.lower() and label.lower() not in name.lower():
            yield "wrong place", _cap(said.sub(name, c.text))
        yield (
            "invented place",
            _cap(said.sub("해오름관" if c.lang == "ko" else "Sunrise Hall", c.text)),
        )
    yield "foreign script", c.text[:-1] + " 本館."
    if c.lang == "en":
        yield "Korean in English", c.text[:-1] + " 입니다."
        yield "invented remark", c.text[:-1] + " and it is famous for its garden."
    else:
        yield "invented remark", c.text[:-1] + " 경치가 아름답기로 유명해요."
        yield (
            "negation",
            re.sub(r"(입니다|이에요|예요|있어요|있습니다)\.$", r"이 아닙니다.", c.text),
        )


def planted(bench: Bench, cases: list[Case], seed: int) -> Iterator[Planted]:
    """Errors planted in `cases`; a text that stayed the same is no error and is left out."""
    rng = random.Random(seed)
    places = [p for p in bench.venue.places if p.area == "campus" and p.name.en]
    for c in cases:
        for how, text in (*PLANTERS[c.kind](c, rng), *_anywhere(c, places, rng)):
            if text != c.text:
                yield Planted(c, text, how)
