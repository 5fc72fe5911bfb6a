"""Rows of a text, a question and its answer: each asked as a visitor asks, of its own text alone.

The shape that recipes/context.toml trains on: JSONL with context, question, answer, cot_answer.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from giljabi.answer.text_claims import quotations, squeezed
from giljabi.answer.words import language
from giljabi.documents.importing import alone
from giljabi.documents.library import Library
from giljabi.errors import GiljabiError
from giljabi.measure.cited_answers import (
    UNANSWERABLE,
    CitedRow,
    CitingAnswer,
    DocumentQuestion,
    refuses,
    score,
)
from giljabi.measure.questions import read_lines, string


class ReadingGuide(Protocol):
    """A guide over documents."""

    def read(self, question: str) -> CitingAnswer:
        """The answer from the documents alone."""


GuideOver = Callable[[Library], ReadingGuide]
"""A guide whose documents are a library's."""


@dataclass(frozen=True, slots=True)
class ContextQuestion:
    """One row: the text and the question that is asked of it."""

    context: str
    question: DocumentQuestion


def is_of_contexts(path: Path) -> bool:
    """Whether the file's first row is of this kind."""
    return next(("context" in row for _, row in read_lines(path)), False)


def read_context_questions(path: Path) -> list[ContextQuestion]:
    """Every row of `path`; the first fault is an error naming its line.

    The evidence is what `cot_answer` quotes of the text; without a quotation, its whole. An answer
    that says it does not know makes a question that is to be refused.
    """
    out = []
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        context, said = string(row, "context", where), string(row, "question", where)
        answer = string(row, "answer", where)
        why = row.get("cot_answer") or ""
        if not isinstance(why, str):
            raise GiljabiError(f"{where}: field 'cot_answer' must be a string.")
        none = refuses(answer)
        inside = squeezed(context)
        quoted = tuple(q for q in quotations(why) if squeezed(q) in inside)
        question = DocumentQuestion(
            f"{number}", language(said), UNANSWERABLE if none else "context", said,
            () if none else ((answer,),), () if none else quoted or (why or answer,),
        )  # fmt: skip
        out.append(ContextQuestion(context, question))
    if not out:
        raise GiljabiError(f"{path} holds no row.")
    return out


def ask_contexts(
    rows: Sequence[ContextQuestion], guide_over: GuideOver,
    progress: Callable[[int], None] = lambda done: None,
) -> list[CitedRow]:  # fmt: skip
    """Ask every question of a guide that has its text for the only document, and score."""
    out: dict[int, CitedRow] = {}
    by_text: dict[str, list[int]] = {}
    for n, row in enumerate(rows):
        by_text.setdefault(row.context, []).append(n)
    for context, numbers in by_text.items():
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "text.md"
            file.write_text(context, "utf-8")
            with alone(file) as library:
                guide = guide_over(library)
                for n in numbers:
                    question = rows[n].question
                    out[n] = score(question, guide.read(question.question))
                    progress(len(out))
    return [out[n] for n in range(len(rows))]
