"""Better or noise: the paired bootstrap against what is known in closed form."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from giljabi.errors import GiljabiError
from giljabi.measure.comparison import compare, differences, paired_bootstrap, together
from giljabi.measure.figures import figures
from giljabi.measure.measured import Measured
from giljabi.measure.results import Result, Run


def row(n: int, *, right: bool = True, **more: Any) -> Measured:
    values = {"verified": True, "written_by": "model", "for_model": True, "answer": "2층이에요."}
    return Measured(
        id=f"q{n}", lang="ko", slot="floors", expect="answer", turns=("몇 층?",), right=right,
        **{**values, **more},
    )  # fmt: skip


def result(name: str, rows: Sequence[Measured], similar: dict[str, float] | None = None) -> Result:
    found = figures(rows)
    if similar is not None:
        found["references"] = {"similarity": {"rows": similar, "sha256": "abc"}}
    return Result(name, found, rows)


def run(name: str, results: Sequence[Result], sha256: str = "f00") -> Run:
    return Run(
        name, {"identity": {"questions": {"file": f"{sha256}.jsonl", "sha256": sha256}}}, results
    )


# ---- the bootstrap itself ----


def test_the_same_answers_differ_by_nothing_at_all() -> None:
    marks = [1.0, 0.0, 1.0, 1.0, 0.0] * 20
    found = paired_bootstrap(marks, marks)
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.noise


def test_a_shift_in_every_row_is_no_noise_however_small() -> None:
    before = np.random.default_rng(3).normal(size=50)
    found = paired_bootstrap(before, before + 0.001)
    assert found.low == pytest.approx(0.001)
    assert found.high == pytest.approx(0.001)
    assert not found.noise


def test_the_interval_is_that_of_the_normal_distribution_where_there_are_many_rows() -> None:
    draw = np.random.default_rng(4)
    first = draw.normal(size=2000)
    second = first + draw.normal(0.1, 0.5, size=2000)
    found = paired_bootstrap(first, second)
    gaps = second - first
    half = 1.96 * gaps.std(ddof=1) / math.sqrt(len(gaps))
    assert found.difference == pytest.approx(gaps.mean())
    assert found.low == pytest.approx(gaps.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(gaps.mean() + half, abs=0.05 * half)


def test_a_single_flipped_answer_is_within_noise_for_the_reason_counting_gives() -> None:
    # One of n rows differs: it is drawn at least once in 1 - (1 - 1/n)^n of the resamples, about
    # 63 %, so 0 is the lower end of 95 %.
    first = [1.0] * 40
    found = paired_bootstrap(first, [*first[:-1], 0.0])
    assert found.difference == pytest.approx(-1 / 40)
    assert found.high == 0
    assert found.noise


def test_the_interval_holds_the_truth_nineteen_times_of_twenty() -> None:
    draw = np.random.default_rng(5)
    held, tries, gain = 0, 400, 0.15
    for n in range(tries):
        first = draw.random(100) < 0.6
        # What was right stays right, and 15 % of all become right on average.
        second = first | (draw.random(100) < gain / 0.4)
        found = paired_bootstrap(first.astype(float), second.astype(float), resamples=1000, seed=n)
        held += found.low <= gain <= found.high
    assert 0.91 <= held / tries <= 0.98


def test_pairing_sees_what_the_spread_of_questions_hides() -> None:
    draw = np.random.default_rng(6)
    first = draw.normal(0, 5, size=200)
    second = first + draw.normal(0.2, 0.5, size=200)
    assert not paired_bootstrap(first, second).noise
    assert paired_bootstrap(first, draw.permutation(second)).noise


def test_a_seed_gives_the_same_interval_again() -> None:
    draw = np.random.default_rng(7)
    first, second = draw.random(30), draw.random(30)
    assert paired_bootstrap(first, second, seed=2) == paired_bootstrap(first, second, seed=2)
    assert paired_bootstrap(first, second, seed=2) != paired_bootstrap(first, second, seed=3)


@pytest.mark.parametrize(("first", "second"), [([], []), ([1.0], [1.0, 0.0])])
def test_what_has_no_pair_is_refused(first: list[float], second: list[float]) -> None:
    with pytest.raises(GiljabiError, match="cannot be paired"):
        paired_bootstrap(first, second)


# ---- contestants beside each other ----


def test_rows_are_paired_by_question_whatever_their_order() -> None:
    marks = [n % 3 > 0 for n in range(30)]
    rows = [row(n, right=mark) for n, mark in enumerate(marks)]
    found = differences(result("a", rows), result("b", rows[::-1]))
    assert {one.figure: one.interval.difference for one in found} == {
        "right": 0, "unsupported": 0, "own words": 0,
    }  # fmt: skip
    assert {one.verdict for one in found} == {"noise"}
    assert "right: noise: b and a cannot be told apart" in found[0].said


def test_fewer_unsupported_answers_are_better_and_fewer_right_ones_worse() -> None:
    good = [row(n) for n in range(40)]
    bad = [row(n, right=n < 10, verified=n < 10) for n in range(40)]
    said = {one.figure: one for one in differences(result("good", good), result("bad", bad))}
    assert said["right"].verdict == said["unsupported"].verdict == "worse"
    assert said["right"].interval.difference == pytest.approx(-0.75)
    assert said["unsupported"].interval.difference == pytest.approx(0.75)
    assert "bad is worse than good (-75.0 points, 95 % -" in said["right"].said
    turned = {one.figure: one for one in differences(result("bad", bad), result("good", good))}
    assert turned["unsupported"].verdict == turned["right"].verdict == "better"


def test_only_questions_that_have_the_figure_in_both_count() -> None:
    first = [row(n, for_model=n < 4) for n in range(10)]
    second = [row(n, for_model=n < 6, gold=n > 7) for n in range(2, 10)]
    said = {one.figure: one for one in differences(result("a", first), result("b", second))}
    assert (said["right"].questions, said["unsupported"].questions) == (2, 8)
    assert said["own words"].questions == 2
    assert differences(result("a", [row(1)]), result("b", [row(2)])) == []


def test_similarities_compare_where_one_encoder_took_both() -> None:
    rows = [row(n, gold=False) for n in range(20)]
    low, high = ({one.id: 0.01 * n + shift for n, one in enumerate(rows)} for shift in (0.1, 0.3))
    a, b = result("a", rows, low), result("b", rows, high)
    found = {one.figure: one for one in differences(a, b)}["similarity"]
    assert found.verdict == "better"
    assert "(+0.200, 95 % +0.200 to +0.200, 20 questions)" in found.said
    b.figures["references"]["similarity"]["sha256"] = "another"
    assert "similarity" not in {one.figure for one in differences(a, b)}


def test_every_contestant_is_put_beside_the_first() -> None:
    some = [result(name, [row(1), row(2)]) for name in "abc"]
    assert {(one.first, one.second) for one in compare(some)} == {("a", "b"), ("a", "c")}


def test_runs_on_other_questions_are_refused_in_a_sentence() -> None:
    one, other = run("x", [result("guide", [row(1)])]), run("y", [result("guide", [row(1)])], "ba4")
    with pytest.raises(
        GiljabiError, match=r"x was asked f00\.jsonl and y ba4\.jsonl, not the same"
    ):
        together([one, other])


def test_contestants_of_one_name_are_told_apart_by_their_run() -> None:
    runs = [run(name, [result("guide", [row(1)]), result(f"of {name}", [row(1)])]) for name in "xy"]
    assert [one.name for one in together(runs)] == ["guide (x)", "of x", "guide (y)", "of y"]
