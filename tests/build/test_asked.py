"""What visitors asked becomes training rows the way a served answer is made."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from small import HOSPITAL, SMALL, rows_of

from giljabi.build import asked
from giljabi.build.dataset import BuildOptions, build
from giljabi.cli.data import data
from giljabi.errors import GiljabiError

FOUND, REFUSED = "응급실 어디야?", "서울역 분수대는 어디예요?"


def write(path, *rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_a_file_gives_every_question_once_in_its_order(tmp_path):
    path = write(
        tmp_path / "q.jsonl",
        {"question": "화장실  어디야?", "outcome": "not_in_data", "times": 3},
        {"question": "Where is the pool?"},
        {"question": "화장실 어디야"},
    )
    assert asked.read(path) == ("화장실 어디야?", "Where is the pool?")


@pytest.mark.parametrize("row", [{"q": "왜?"}, {"question": ""}, {"question": 7}, ["왜?"],
                                 {"question": "가" * 1001}])  # fmt: skip
def test_a_row_that_is_no_question_is_one_sentence_with_its_number(tmp_path, row):
    path = write(tmp_path / "q.jsonl", {"question": "하나?"}, row)
    with pytest.raises(GiljabiError, match=r"q\.jsonl, row 2: .*question"):
        asked.read(path)


@given(st.lists(st.text(max_size=60), max_size=5))
def test_whatever_was_asked_is_an_example_that_passes_the_check_or_is_counted(
    hospital_maker, questions
):
    found, reasons = asked.examples(hospital_maker, questions, ("ko", "en"))
    assert len(found) + reasons.total() == len(questions)
    for example in found:
        facts = hospital_maker.facts(example.questions, example.lang)
        assert facts.outcome == example.outcome
        assert hospital_maker.problem(example.answer, facts) == ""
        json.dumps(example.to_json(), ensure_ascii=False).encode()


def test_what_is_found_by_now_is_answered_and_what_is_not_is_refused(hospital_maker):
    found, reasons = asked.examples(hospital_maker, [FOUND, REFUSED, "안녕하세요"], ("ko",))
    assert [e.outcome for e in found] == ["found", "no_such_place"]
    assert all(e.kind == "asked" and e.source == "visitors" for e in found)
    assert not found[1].for_model
    assert dict(reasons) == {"a greeting": 1}


def test_a_build_takes_them_in_and_keeps_held_out_places_held_out(tmp_path, built):
    questions = (FOUND, REFUSED, "Where is the emergency room?")
    out = tmp_path / "set"
    manifest = build(
        HOSPITAL, out, BuildOptions(counts=SMALL, workers=1, questions=questions)
    )  # fmt: skip
    told = manifest["asked"]
    assert told["given"] == 3
    assert told["kept"] + sum(told["left_out"].values()) == 3
    plain = json.loads((built / "manifest.json").read_text())
    assert "asked" not in plain
    train, val = rows_of(out, "train"), rows_of(out, "val")
    taken = [r for r in (*train, *val) if r["kind"] == "asked"]
    assert len(taken) == told["kept"] >= 1
    assert any(r["outcome"] == "no_such_place" for r in taken)
    held = set(manifest["validation_places"])
    assert not [r for r in train if r["kind"] == "asked" and held & set(r["places"])]
    others = [r for r in (*train, *val) if r["kind"] != "asked"]
    assert others == [*rows_of(built, "train"), *rows_of(built, "val")]


def test_the_verb_takes_the_operators_export(tmp_path):
    path = write(
        tmp_path / "unanswered.jsonl",
        {
            "question": REFUSED,
            "lang": "ko",
            "outcome": "no_such_place",
            "times": 2,
            "day": "2026-11-21",
        },
    )
    out = tmp_path / "out"
    counts = [x for kind in SMALL for x in ("--count", f"{kind}={1 if kind == 'basic' else 0}")]
    result = CliRunner().invoke(
        data, ["build", str(HOSPITAL), "--questions", str(path), "--out", str(out),
               "--workers", "1", "--layout", "jsonl", "--layout", "scopes", *counts],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "visitors: 1 of 1 questions taken in" in result.output
    assert REFUSED in (out / "train.jsonl").read_text("utf-8")
