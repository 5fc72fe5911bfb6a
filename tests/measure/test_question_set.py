"""The committed question set: that it is what its maker makes, and that it is varied enough."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from giljabi.measure.questions import read_questions, score

GUIDE = Path(__file__).resolve().parents[2] / "benchmarks" / "guide"
SLOTS = """
floors code category features nearby walk_minutes location route_between compare search transit
distance off_campus inside check follow_up slips numbers short_forms romanised ambiguous
unknown_place unknown_fact outside injection
"""


@pytest.mark.parametrize("folder", [GUIDE, GUIDE / "held_out"], ids=["open", "held_out"])
def test_it_is_regenerated_byte_for_byte(shared: Path, tmp_path: Path, folder: Path) -> None:
    out = tmp_path / "questions.jsonl"
    places = ["--shared", str(shared), "--wordings", str(folder), "--out", str(out)]
    command = [sys.executable, str(GUIDE / "make_questions.py"), *places]
    subprocess.run(command, check=True, capture_output=True)
    assert out.read_bytes() == (folder / "questions.jsonl").read_bytes()


def test_no_held_out_question_is_in_the_open_set() -> None:
    sets = [read_questions(path / "questions.jsonl") for path in (GUIDE, GUIDE / "held_out")]
    opened, held_out = ({one.turns for one in rows} for rows in sets)
    assert len(held_out) >= 100
    assert not opened & held_out


def test_it_covers_slots_languages_and_expectations() -> None:
    questions = read_questions(GUIDE / "questions.jsonl")
    assert len(questions) >= 360
    assert {one.slot for one in questions} == set(SLOTS.split())
    langs = Counter(one.lang for one in questions)
    assert langs["en"] * 3 >= len(questions)
    assert {one.expect for one in questions} == {
        "answer",
        "abstain",
        "answer_or_clarify",
        "refuse_or_redirect",
    }
    assert len({one.turns for one in questions}) == len(questions)


def test_no_question_is_answered_by_repeating_it() -> None:
    """An echo must not score, except where being asked back, or naming both places, is right."""
    echoes = [
        one.id
        for one in read_questions(GUIDE / "questions.jsonl")
        if one.expect == "answer"
        and one.slot not in ("check", "compare", "features", "route_between")
        and score(one, one.turns[-1]).right
    ]
    assert echoes == []


def test_the_teacher_rows_carry_gold_and_answer(shared: Path, tmp_path: Path) -> None:
    out = tmp_path / "teacher.jsonl"
    script = str(GUIDE / "teacher_questions.py")
    command = [sys.executable, script, str(out), "--shared", str(shared)]
    subprocess.run(command, check=True, capture_output=True)
    rows = read_questions(out)
    assert len(rows) >= 80
    assert all(one.teacher_answer and len(one.place_codes) == 1 for one in rows)
    assert sum(score(one, one.teacher_answer).right for one in rows) / len(rows) > 0.9


@pytest.mark.parametrize("wrong", ["999 | 그 건물 몇 층?", "301 | 대운동장까지 몇 분?"])
def test_an_unsupported_question_stops_the_making(shared: Path, tmp_path: Path, wrong: str) -> None:
    script = f"""
import sys
sys.path.insert(0, {str(GUIDE)!r})
from pathlib import Path
from make_questions import question
from gold_rules import Rules
rules = Rules(Path({str(shared)!r}) / "venue", Path({str(GUIDE)!r}) / "renderings.toml")
question(rules, {{"gold": "minutes", "slot": "x", "lang": "ko", "rows": []}}, {wrong!r})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "KeyError" in done.stderr or "known to be wrong" in done.stderr
