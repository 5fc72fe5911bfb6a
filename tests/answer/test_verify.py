"""The checker: what is true passes in many wordings, what is planted wrong does not."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path

import pytest
from planted import PLANTERS, Bench, planted, true_cases

from giljabi.answer import numbers, verify
from giljabi.answer.facts import FACT_KINDS
from giljabi.venue.place import Venue

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def bench(hanyang: Venue) -> Bench:
    return Bench(hanyang)


@pytest.mark.parametrize(
    ("question", "text", "passes"),
    [
        ("국제관은 몇 층이야?", "국제관은 6층 건물입니다.", True),
        ("국제관은 몇 층이야?", "국제관은 지상 6층으로 되어 있어요.", True),
        ("국제관은 몇 층이야?", "국제관은 5층 건물입니다.", False),
        ("국제관은 몇 층이야?", "박물관은 6층 건물이에요.", False),
        ("국제관은 몇 층이야?", "국제관은 6층짜리 붉은 건물이에요.", False),
        ("국제관은 몇 층이야?", "국제관은 지하 6층 건물이에요.", False),
        (
            "건축관 옆에 뭐 있어?",
            "건축관의 왼쪽에는 재성토목관이, 오른쪽에는 과학기술관이 있습니다.",
            True,
        ),
        ("건축관 옆에 뭐 있어?", "과학기술관은 건축관의 오른쪽에 있습니다.", True),
        ("건축관 옆에 뭐 있어?", "건축관은 과학기술관의 오른쪽에 있어요.", False),
        ("건축관 옆에 뭐 있어?", "과학기술관은 건축관의 왼쪽에 있습니다.", False),
        ("박물관까지 얼마나 걸려?", "본관에서 박물관까지는 걸어서 3분이에요.", False),
        ("박물관이랑 국제관 중 어디가 가까워?", "국제관보다 박물관이 더 가까워요.", True),
        ("박물관이랑 국제관 중 어디가 가까워?", "국제관이 박물관보다 더 가깝습니다.", False),
        ("박물관이랑 국제관 중 어디가 가까워?", "박물관은 4분, 국제관은 3분 걸려요.", False),
        (
            "노천극장에서 206관까지 몇 분?",
            "노천극장에서 공업센터 본관까지 걸어서 4분입니다.",
            False,
        ),
        (
            "노천극장에서 206관까지 몇 분?",
            "노천극장에서 공업센터 본관까지 걸어서 약 4분입니다.",
            True,
        ),
        ("박물관 어떻게 가?", "왼쪽 내리막길을 내려가시면 됩니다.", True),
        ("박물관 어떻게 가?", "오른쪽 내리막길을 내려가시면 됩니다.", False),
        (
            "신당초등학교 어떻게 가",
            "한양대역에서 241번 버스를 타고 신당초등학교에서 내리세요.",
            True,
        ),
        (
            "신당초등학교 어떻게 가",
            "신당초등학교에서 241번 버스를 타고 한양대역에서 내리세요.",
            False,
        ),
        ("How many floors does the Museum have?", "The Museum is a 5-story building.", True),
        (
            "How many floors does the Museum have?",
            "The Museum is a 5-story building 입니다.",
            False,
        ),
        ("What is next to the Museum?", "The Student Hall is above the Museum.", False),
    ],
)
def test_a_claim_and_what_it_is_said_of(
    bench: Bench, question: str, text: str, passes: bool
) -> None:
    assert bench.passes(question, text) is passes


def test_a_verdict_says_which_fact_and_what_is_wrong(bench: Bench) -> None:
    facts = bench.facts("국제관은 몇 층이야?")
    good = bench.checker.check("국제관은 6층 건물입니다.", facts)
    assert good.facts == {facts.items[0].id}
    bad = bench.checker.check("국제관은 5층 건물입니다.", facts)
    assert [(c.text, c.problem) for c in bad.claims if c.problem] == [
        ("5층", "a number that the facts do not give here")
    ]


def test_nothing_said_is_no_answer(bench: Bench) -> None:
    assert not bench.passes("국제관은 몇 층이야?", "")


@pytest.mark.parametrize("venue", ["hanyang", "hospital"])
def test_true_paraphrases_pass_and_planted_errors_do_not(
    venue: str, request: pytest.FixtureRequest
) -> None:
    bench = Bench(request.getfixturevalue(venue))
    cases = list(true_cases(bench))[:: 5 if venue == "hanyang" else 1]
    passed = [c for c in cases if bench.passes(c.question, c.text)]
    errors = list(planted(bench, cases, seed=11))
    missed = [p for p in errors if bench.passes(p.case.question, p.text)]
    assert len(errors) >= (500 if venue == "hanyang" else 100)
    assert len(passed) >= 0.99 * len(cases)
    assert len(missed) <= 0.005 * len(errors), [(p.how, p.text) for p in missed[:5]]


@pytest.mark.slow
def test_every_planted_error_over_the_whole_venue(bench: Bench) -> None:
    cases = list(true_cases(bench))
    errors = list(planted(bench, cases, seed=7))
    missed = [p for p in errors if bench.passes(p.case.question, p.text)]
    assert len(errors) > 20_000
    assert len(missed) <= 0.005 * len(errors)


def test_each_kind_of_fact_has_its_four_things() -> None:
    """Where it comes from, how it is said, how it is recognised, how it is planted wrong."""
    sources = "".join(
        (ROOT / "src/giljabi/answer" / f"{m}.py").read_text("utf-8")
        for m in ("gather", "finder", "ways", "cites")
    )
    wording = tomllib.loads((files("giljabi.answer") / "wording.toml").read_text("utf-8"))
    said = {
        "step": "direct", "transit": "transit_bus", "neighbour": "neighbour", "closer": "closer_least",
        "taller": "taller_most", "floors": "floors_above", "distance": "distance_km", "check": "yes",
    }  # fmt: skip
    recognised = (
        set(numbers.RECOGNISED) | set(verify._LITERAL)
        | {"neighbour", "closer", "taller", "step", "check", "bearing", "feature", "cites"}
    )  # fmt: skip
    for kind in FACT_KINDS:
        assert f'"{kind}"' in sources, kind
        for lang in ("ko", "en"):
            assert said.get(kind, kind) in wording[lang] or kind == "step", kind
        assert kind in recognised, kind
        assert kind in PLANTERS or kind == "cites", kind  # those are planted in test_cited.py
