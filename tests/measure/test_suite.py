from __future__ import annotations

import json
from pathlib import Path

import pytest
from fakes import FakeAnswer, FakeGuide, FakeVerdict, row, write_lines

from giljabi.errors import GiljabiError
from giljabi.measure.questions import Question, read_questions
from giljabi.measure.records import RawRecords
from giljabi.measure.report import Report, Row
from giljabi.measure.suite import evaluate, evaluate_texts, write_report


@pytest.fixture
def questions(tmp_path: Path) -> list[Question]:
    rows = [
        row(id="a"),
        row(id="b", lang="en", turns=["How many floors?"], slot="other"),
        row(id="c", turns=["국제관 어디야?", "몇 층이야?"]),
        row(
            id="d",
            turns=["제8공학관?"],
            expect="abstain",
            must_contain_any=[["없"]],
            must_not_contain=["분 걸"],
            place_codes=[],
        ),
    ]
    return read_questions(write_lines(tmp_path / "q.jsonl", rows))


@pytest.fixture
def guide() -> FakeGuide:
    return FakeGuide(
        {
            "국제관은 몇 층이야?": FakeAnswer("국제관은 6층이에요.", places=("108",)),
            "How many floors?": FakeAnswer(
                "It has 9 floors.", "en", written_by="model", verdict=FakeVerdict(False)
            ),
            "몇 층이야?": FakeAnswer("6층이에요.", timings={"total": 40.0}),
            "제8공학관?": FakeAnswer(
                "기록에 없어요.", outcome="no_such_place", written_by="refusal", verdict=None
            ),
        }
    )


def test_counts_by_slot_language_and_expectation(
    guide: FakeGuide, questions: list[Question]
) -> None:
    seen: list[int] = []
    report = evaluate(
        guide, questions, about={"model": "none"}, progress=lambda n, _: seen.append(n)
    )
    assert (report.accuracy.right, report.accuracy.all) == (3, 4)
    assert {key: (t.right, t.all) for key, t in report.by("slot").items()} == {
        "floors": (3, 3),
        "other": (0, 1),
    }
    assert report.by("lang")["en"].share == 0
    assert report.by("expect")["abstain"].share == 1
    assert report.written_by == {"model": 0.25, "refusal": 0.25, "template": 0.5}
    assert report.unverified == pytest.approx(1 / 3)
    assert [one.id for one in report.wrong] == ["b"]
    assert (report.latency(0.5), report.latency(0.95), report.latency(0.95, "model")) == (5, 40, 5)
    assert seen == [1, 2, 3, 4]


def test_each_row_is_a_fresh_conversation(guide: FakeGuide, questions: list[Question]) -> None:
    evaluate(guide, questions)
    histories = [[turn.question for turn in history] for _, history in guide.asked]
    assert histories == [[], [], [], ["국제관 어디야?"], []]


def test_the_records_are_asked_too(
    guide: FakeGuide, questions: list[Question], shared: Path
) -> None:
    report = evaluate(guide, questions, records=RawRecords.load(shared / "venue"))
    assert report.unsupported == 0.25
    assert report.wrong[0].unsupported == ("9 floors",)
    assert "9 floors" in report.to_markdown()


def test_json_and_markdown_hold_the_wrong_rows(
    guide: FakeGuide, questions: list[Question], tmp_path: Path
) -> None:
    report = evaluate(guide, questions, about={"venue": "hanyang"})
    write_report(report, tmp_path / "deep")
    content = json.loads((tmp_path / "deep" / "report.json").read_text("utf-8"))
    assert content["accuracy"] == {"right": 3, "all": 4, "share": 0.75}
    assert content["unsupported_by_records"] is None
    assert content["latency_ms"]["all"] == {"p50": 5.0, "p95": 40.0}
    assert [one["id"] for one in content["answers"]] == ["a", "b", "c", "d"]
    page = (tmp_path / "deep" / "report.md").read_text("utf-8")
    assert "- right: 3 of 4 (75.0%)" in page
    assert "| floors | 3 | 3 | 100.0% |" in page
    assert "said: It has 9 floors." in page
    assert "lacks one of: “6층”" in page
    assert list(tmp_path.rglob("*.partial")) == []


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(GiljabiError, match="cannot be written"):
        Report(()).write(tmp_path / "file" / "report.json")


def test_an_empty_or_untimed_report_still_prints() -> None:
    assert "0 of 0" in Report(()).to_markdown()
    untimed = Report((Row("a", "ko", "s", "answer", ("?",), "x", True),))
    assert untimed.latency(0.5) is None
    assert "not timed" in untimed.to_markdown()


def test_texts_are_scored_like_answers(questions: list[Question]) -> None:
    texts = {"a": "국제관은 6층이야.", "c": "8층"}
    report = evaluate_texts(texts, questions, writer="teacher")
    assert [one.right for one in report.rows] == [True, False, False, False]
    assert report.rows[2].banned == ("8층",)
    assert report.written_by == {"teacher": 1.0}
