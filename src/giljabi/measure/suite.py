"""A guide, or a file of answers, on a question set: every row asked and scored.

Calls the same `answer` a visitor's question reaches, so what is measured is what is served.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.measure.asking import AnswerLike, GuideLike, converse
from giljabi.measure.questions import Question, read_questions, score
from giljabi.measure.records import RawRecords
from giljabi.measure.report import Report, Row

__all__ = ["Progress", "evaluate", "evaluate_texts", "read_questions", "write_report"]

Progress = Callable[[int, int], None]
"""Called with (asked so far, all) after every row."""


def evaluate(
    guide: GuideLike,
    questions: Sequence[Question],
    *,
    records: RawRecords | None = None,
    about: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask every question in a conversation of its own; with `records`, look every answer up."""
    rows: list[Row] = []
    for number, question in enumerate(questions, 1):
        start = time.perf_counter()
        answer = converse(guide, question.turns)
        # The earlier turns of a conversation count only where the guide does not time itself.
        spent = answer.timings.get("total", (time.perf_counter() - start) * 1000)
        rows.append(_row(question, answer, spent, records))
        if progress is not None:
            progress(number, len(questions))
    return Report(tuple(rows), dict(about or {}), records is not None)


def evaluate_texts(
    texts: Mapping[str, str],
    questions: Sequence[Question],
    *,
    writer: str,
    records: RawRecords | None = None,
    about: Mapping[str, str] | None = None,
) -> Report:
    """Score answers that exist already (a teacher's, another guide's), by question id.

    A question without an answer is scored as an empty one.
    """
    rows = []
    for question in questions:
        text = texts.get(question.id, "")
        result = score(question, text)
        checked = records.check(text, question.place_codes) if records else None
        rows.append(
            Row(
                **_asked(question),
                answer=text,
                right=result.right,
                missing=result.missing,
                banned=result.banned,
                written_by=writer,
                unsupported=checked.unsupported if checked else (),
                estimated=checked.estimated if checked else (),
            )
        )
    return Report(tuple(rows), dict(about or {}), records is not None)


def write_report(report: Report, folder: Path) -> None:
    """Write report.json and report.md into `folder`; each is whole or not there."""
    report.write(folder / "report.json")
    report.write(folder / "report.md")


def _asked(question: Question) -> dict[str, Any]:
    return {
        "id": question.id,
        "lang": question.lang,
        "slot": question.slot,
        "expect": question.expect,
        "turns": question.turns,
    }


def _row(question: Question, answer: AnswerLike, spent: float, records: RawRecords | None) -> Row:
    result = score(question, answer.text)
    codes = tuple(dict.fromkeys((*question.place_codes, *answer.places)))
    checked = records.check(answer.text, codes) if records else None
    return Row(
        **_asked(question),
        answer=answer.text,
        right=result.right,
        missing=result.missing,
        banned=result.banned,
        written_by=answer.written_by,
        outcome=answer.outcome,
        read_as=answer.slot,
        places=tuple(answer.places),
        verified=answer.verdict.ok if answer.verdict is not None else None,
        unsupported=checked.unsupported if checked else (),
        estimated=checked.estimated if checked else (),
        total_ms=round(spent, 3),
    )
