"""The documents and questions of benchmarks/documents, held to their form."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2] / "benchmarks" / "documents"
DOCUMENTS = sorted((ROOT / "corpus").glob("*.md"))
QUESTIONS = sorted((ROOT / "questions").glob("*.jsonl"))
KINDS = set(
    "number date time who where what howto yesno list condition several unanswerable".split()
)
FIELDS = set("id lang kind question document sections evidence split".split())
IN_PARTS = {"list", "several"}


def questions_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def sections_of(document: str) -> dict[str, str]:
    """Each heading path below the title, and the text which stands directly under it."""
    path: list[str] = []
    found: dict[str, str] = {}
    for line in document.splitlines():
        if heading := re.match(r"(#{1,6}) (.+)", line):
            path = [*path[: len(heading[1]) - 1], heading[2].strip()]
            place = " › ".join(path[1:])
            assert len(path) == len(heading[1]), f"a heading skips a level: {line}"
            assert place not in found, f"two headings share a path: {place}"
            found[place] = ""
        else:
            found[" › ".join(path[1:])] += line + "\n"
    return found


def without_space(text: str) -> str:
    return re.sub(r"\s", "", text)


ASKED = [
    pytest.param(q, id=q.get("id", "?")) for path in QUESTIONS for q in questions_of(path)
]  # fmt: skip


def test_every_document_has_its_questions_and_the_other_way_round() -> None:
    assert DOCUMENTS
    assert {p.stem for p in DOCUMENTS} == {p.stem for p in QUESTIONS}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.stem)
def test_a_document_is_long_dated_and_free_of_telephone_numbers(path: Path) -> None:
    text = path.read_text("utf-8")
    assert 9_000 <= len(without_space(text)) <= 18_000
    assert text.startswith("# ")
    assert re.search(
        r"^(시행일|작성일): \d{4}-\d{2}-\d{2}$", "\n".join(text.splitlines()[:6]), re.M
    )
    assert not re.search(r"\d{2,4}-\d{3,4}-\d{4}|\b1[56]\d\d-\d{4}", text)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.stem)
def test_the_rows_of_a_table_have_as_many_cells_as_its_head(path: Path) -> None:
    width = 0
    for line in path.read_text("utf-8").splitlines():
        cells = line.count("|") - 1 if line.startswith("|") else 0
        assert cells in (0, width) or not width, line
        width = cells


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: p.stem)
def test_a_document_is_asked_enough_of_every_kind(path: Path) -> None:
    asked = questions_of(path)
    counts = Counter(q["kind"] for q in asked)
    assert set(counts) == KINDS
    assert len(asked) - counts["unanswerable"] >= 45
    assert counts["unanswerable"] >= 20
    assert counts["several"] >= 6
    assert {q["document"] for q in asked} == {f"corpus/{path.stem}.md"}
    chapters = [{s.split(" › ")[0] for s in q["sections"]} for q in asked if q["kind"] == "several"]
    assert sum(len(c) > 1 for c in chapters) >= 2, "several reach over chapters"


@pytest.mark.parametrize("path", QUESTIONS, ids=lambda p: p.stem)
def test_the_odd_are_for_tuning_and_the_even_for_the_test(path: Path) -> None:
    for q in questions_of(path):
        assert q["split"] == ("dev" if int(q["id"].rsplit("-", 1)[1]) % 2 else "test"), q["id"]


def test_ids_and_questions_are_unique() -> None:
    asked = [q for path in QUESTIONS for q in questions_of(path)]
    assert len({q["id"] for q in asked}) == len(asked)
    assert len({(q["document"], without_space(q["question"])) for q in asked}) == len(asked)


@pytest.mark.parametrize("q", ASKED)
def test_a_question_has_the_fields_of_its_kind(q: dict[str, Any]) -> None:
    assert q["kind"] in KINDS
    assert set(q) == FIELDS | {"answers_all" if q["kind"] in IN_PARTS else "answers"}
    assert q["lang"] == ("ko" if re.search("[가-힣]", q["question"]) else "en")
    if q["kind"] == "unanswerable":
        assert q["sections"] == q["evidence"] == q["answers"] == []
    elif q["kind"] in IN_PARTS:
        assert len(q["answers_all"]) >= 2
        assert all(group and all(group) for group in q["answers_all"])
    else:
        assert q["answers"]
        assert all(q["answers"])
    if q["kind"] == "several":
        assert len(q["evidence"]) >= 2


@pytest.mark.parametrize("q", ASKED)
def test_the_evidence_stands_where_the_question_says(q: dict[str, Any]) -> None:
    places = sections_of((ROOT / q["document"]).read_text("utf-8"))
    assert set(q["sections"]) <= set(places)
    assert bool(q["sections"]) == bool(q["evidence"])
    for evidence in q["evidence"]:
        assert any(evidence in places[s] for s in q["sections"]), evidence
    for section in q["sections"]:
        assert any(evidence in places[section] for evidence in q["evidence"]), section


@pytest.mark.parametrize("q", ASKED)
def test_what_is_accepted_can_be_read_in_the_evidence(q: dict[str, Any]) -> None:
    """At least one accepted form of each part; yes and no are seldom said in those words."""
    read = without_space(" ".join(q["evidence"]))
    groups = q.get("answers_all") or ([q["answers"]] if q["answers"] else [])
    for group in groups:
        assert any(without_space(answer) in read for answer in group), group


@pytest.mark.parametrize("q", ASKED)
def test_a_question_is_asked_in_a_visitors_words(q: dict[str, Any]) -> None:
    """No sentence of the document serves as its question."""
    text = without_space((ROOT / q["document"]).read_text("utf-8"))
    asked = without_space(q["question"]).rstrip("?.!")
    assert len(asked) >= 5
    assert asked not in text
