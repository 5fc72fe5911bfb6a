from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import row, write_lines

from giljabi.errors import GiljabiError
from giljabi.measure.questions import Question, holds, read_questions, score


def question(**changes: Any) -> Question:
    whole = row(**changes)
    return Question(
        **{
            **whole,
            "turns": tuple(whole["turns"]),
            "place_codes": tuple(whole["place_codes"]),
            "must_contain_any": tuple(map(tuple, whole["must_contain_any"])),
            "must_not_contain": tuple(whole["must_not_contain"]),
        }
    )


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("지상 6 층입니다", "6층"),
        ("It has 6 Floors.", "6 floors"),
        ("a 3-min walk", "3-min"),
        ("3minutes", "3 min"),
        ("I don’t know", "don't know"),
        ("건물번호 306 3분", "3분"),
        ("Building 2012.", "2012"),
    ],
)
def test_white_space_and_case_do_not_count(text: str, gold: str) -> None:
    assert holds(text, gold)


@pytest.mark.parametrize(
    ("text", "gold"),
    [
        ("13분 걸려요", "3분"),
        ("It takes 13 min", "3 min"),
        ("약 1.3 km예요", "3 km"),
        ("1,300 m", "300 m"),
        ("Architecture Building", "HIT"),
        ("성동 2012번", "201"),
        ("7층", "6층"),
    ],
)
def test_a_piece_of_a_number_or_word_is_not_the_number(text: str, gold: str) -> None:
    assert not holds(text, gold)


def test_every_group_needs_one_and_nothing_banned() -> None:
    asked = question(must_contain_any=[["6층"], ["국제관", "International Hall"]])
    assert score(asked, "국제관은 6층입니다.").right
    lacking = score(asked, "6층이에요.")
    assert lacking.missing == (("국제관", "International Hall"),)
    assert not lacking.right
    assert score(asked, "국제관은 6층이 아니라 8층이에요.").banned == ("8층",)
    assert not score(asked, "").right


def test_reads_the_example_form(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "q.jsonl", [row(), "", row(id="E2", teacher_answer="6층이야.")])
    first, second = read_questions(path)
    assert first.must_contain_any == (("6층", "6 floors"),)
    assert (second.id, second.teacher_answer) == ("E2", "6층이야.")


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (row(expect=None), "field 'expect' is missing"),
        (row(expect="maybe"), "field 'expect' is 'maybe'"),
        (row(lang="fr"), "field 'lang' is 'fr'"),
        (row(turns=[]), "field 'turns' must be a list of strings, not empty"),
        (row(turns=["국제관", " "]), "field 'turns'"),
        (row(must_contain_any=[]), "field 'must_contain_any'"),
        (row(must_contain_any=[[]]), "field 'must_contain_any'"),
        (row(must_contain_any="6층"), "field 'must_contain_any'"),
        (row(must_not_contain=[3]), "field 'must_not_contain'"),
        (row(id=7), "field 'id'"),
        (row(answr="x"), "field 'answr' is unknown"),
        (row(id="E0"), "id 'E0' was used on line 1 already"),
        ('{"id": ', "not valid JSON"),
        ("[1]", "must be a JSON object"),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path: Path, bad: Any, said: str) -> None:
    path = write_lines(tmp_path / "q.jsonl", [row(id="E0"), bad])
    with pytest.raises(GiljabiError) as error:
        read_questions(path)
    assert said in str(error.value)
    assert f"{path}, line 2" in str(error.value)


def test_no_file_no_rows_no_utf8(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="cannot be read"):
        read_questions(tmp_path / "absent.jsonl")
    with pytest.raises(GiljabiError, match="holds no question"):
        read_questions(write_lines(tmp_path / "empty.jsonl", []))
    (tmp_path / "latin.jsonl").write_bytes("국제관".encode("euc-kr"))
    with pytest.raises(GiljabiError, match="UTF-8"):
        read_questions(tmp_path / "latin.jsonl")


def test_reads_the_shared_example(shared: Path) -> None:
    path = shared / "questions.example.jsonl"
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert [one.id for one in read_questions(path)] == [one["id"] for one in rows]
