"""The wordings as data: each is read as it is meant, each answer passes, none is dead weight."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from giljabi.build import asking, telling
from giljabi.build.maker import Job, Maker, Reject
from giljabi.build.needs import has
from giljabi.venue.place import Venue

LANGS = ("ko", "en")


@pytest.mark.parametrize("lang", LANGS)
def test_each_family_gives_a_question_the_guide_reads_as_meant(
    lang: str, hanyang_maker: Maker
) -> None:
    """Over some places and endings; a family that never works is a mistake in the file."""
    venue = hanyang_maker.venue
    places = [p for p in venue.places if p.minutes][::12]
    others = tuple(p.id for p in places)
    dead = []
    for kind, names in asking.kinds().items():
        for family in asking.families(lang):
            if family.name not in names:
                continue
            if not any(_works(hanyang_maker, kind, family, p.id, others) for p in places):
                dead.append((family.id, family.text))
    assert dead == []


def _works(
    maker: Maker, kind: str, family: asking.Family, place: str, others: tuple[str, ...]
) -> bool:
    if not maker._can(maker.venue.place(place), family.needs):
        return False
    job = Job(place, family.lang, 0, ((kind, 1),), frozenset(), others, False)
    for seed in range(4):
        try:
            maker._example(job, kind, family, random.Random(seed))
        except Reject:
            continue
        return True
    return False


def test_every_need_is_known(hanyang: Venue) -> None:
    from giljabi.build.maker import _GATHERED

    for lang in LANGS:
        for part in ("ask", "follow"):
            for family in asking.families(lang, part):
                if family.needs not in _GATHERED:
                    has(hanyang, hanyang.places[0], family.needs)


@pytest.mark.parametrize(
    ("lang", "register"), [("ko", "haeyo"), ("ko", "hamnida"), ("ko", "plain"), ("en", "neutral")]
)
def test_each_answer_wording_passes_the_checker_somewhere(
    lang: str, register: str, hanyang_maker: Maker
) -> None:
    """Each wording is forced in turn; the checker has to pass it for one place at least."""
    maker, book = hanyang_maker, telling.wordings(lang, register)
    asks = {
        "ko": ["{p} 몇 층이야?", "{p} 번호가 뭐야?", "{p} 무슨 건물이야?", "{p}에 뭐가 있어?", "{p} 옆에 뭐가 있어?", "{p}까지 걸어서 얼마나 걸려?", "{p}까지 거리가 얼마나 돼?",
               "{p} 대중교통으로 어떻게 가?", "{p} 어떻게 가?", "박물관에서 {p}까지 어떻게 가?", "{p}랑 박물관 중 어디가 더 가까워?", "{p}이랑 박물관 중 어디가 더 멀어?", "{p}랑 박물관 중 어디가 층이 더 많아?",
               "{p}랑 박물관 중 층수가 더 적은 건물은 뭐야?", "{p} 5층 맞아?", "{p}까지 7분 맞아?", "{p}에 동아리방 있어?", "{p}에 강의실이 있어?", "{p} 어디에 있어?"],
        "en": ["How many floors does {p} have?", "What is the building number of {p}?", "What kind of place is {p}?", "What facilities does {p} have?", "What is next to {p}?", "How long does it take to walk to {p}?",
               "How far is {p}?", "How do I get to {p} by public transport?", "How do I get to {p}?", "How do I get from the Museum to {p}?", "Which is closer, {p} or the Museum?", "Which is farther, {p} or the Museum?",
               "Which has more floors, {p} or the Museum?", "Which has fewer floors, {p} or the Museum?", "Does {p} have 5 floors?", "Is it 7 minutes on foot to {p}?", "Is there club rooms in {p}?", "Does {p} have lecture rooms?", "Where is {p}?"],
    }  # fmt: skip
    seen: Counter[tuple[str, int]] = Counter()
    facts = [
        f
        for p in [p for p in maker.venue.places if p.minutes][::3]
        for a in asks[lang]
        if (f := maker.facts((a.format(p=p.label(lang)),), lang)).outcome == "found"
    ]
    random.Random(0).shuffle(facts)
    kinds: Counter[frozenset[tuple[str, str]]] = Counter()
    kept = []
    for f in facts:
        shape = frozenset((x.kind, x.unit) for x in f.items)
        kinds[shape] += 1
        if kinds[shape] <= 12:
            kept.append(f)
    for key, texts in book.items():
        for n, text in enumerate(texts):

            class One(random.Random):
                def choice(self, options, text=text, n=n):
                    return options[n % len(options)]

            for f in kept:
                told = telling.tell(maker.venue, f, register, One())
                if told and not maker.problem(told, f):
                    drawn = telling._Drawn(
                        maker.venue, lang, {k: t[n % len(t)] for k, t in book.items()}
                    )
                    said = {k for k in (key,) if _uses(drawn, f, k)}
                    if said:
                        seen[key, n] += 1
                        break
    rare = {
        "floors_below",
        "inside_host",
        "inside_level",
        "neighbour_far",
        "neighbour_toward",
        "tie_closer",
        "tie_taller",
        "has_yes",
        "no",
        "distance_m",
    }
    dead = [
        (k, n, texts[n])
        for k, texts in book.items()
        for n in range(len(texts))
        if not seen[k, n] and k not in rare
    ]
    assert dead == []


def _uses(drawn: telling._Drawn, facts, key: str) -> bool:
    said: set[str] = set()
    say = drawn.say

    def spy(lang, k, *, note=False, **values):
        said.add(k)
        return say(lang, k, note=note, **values)

    drawn.say = spy  # type: ignore[method-assign]
    drawn.answer(facts)
    return key in said


@pytest.mark.parametrize(
    ("served", "haeyo", "hamnida", "plain"),
    [
        ("왼쪽 길로 가세요.", "왼쪽 길로 가세요.", "왼쪽 길로 가십시오.", "왼쪽 길로 가."),
        ("언덕을 올라가세요.", "언덕을 올라가세요.", "언덕을 올라가십시오.", "언덕을 올라가."),
        (
            "그 건물이 박물관입니다.",
            "그 건물이 박물관이에요.",
            "그 건물이 박물관입니다.",
            "그 건물이 박물관이야.",
        ),
        (
            "오른쪽에 HIT가 있습니다.",
            "오른쪽에 HIT가 있어요.",
            "오른쪽에 HIT가 있습니다.",
            "오른쪽에 HIT가 있어.",
        ),
        ("알 수 없는 끝", None, None, None),
    ],
)
def test_a_described_step_in_each_speech_level(
    served: str, haeyo: str, hamnida: str, plain: str
) -> None:
    assert [telling.step(served, r) for r in ("haeyo", "hamnida", "plain")] == [
        haeyo,
        hamnida,
        plain,
    ]


def test_held_out_families_are_whole_names_apart() -> None:
    hold = asking.held_out(0, 0.25)
    for lang in LANGS:
        for part in ("ask", "follow", "unknown", "strangers"):
            by_name: dict[str, set[bool]] = {}
            for f in asking.families(lang, part):
                by_name.setdefault(f.name, set()).add(f.id in hold)
            assert all(sides == {True, False} for sides in by_name.values()), (lang, part)
