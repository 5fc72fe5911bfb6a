"""Rows to tune a reader on: python benchmarks/reading_rows.py OUT.jsonl.

Asks every question of benchmarks/documents/train (nothing is measured on those) as a visitor would
and takes what a reader would be shown, with the answer and the sentences it stands in; a quarter of
the questions once more with those sentences left out, answered by not knowing. `giljabi data
context OUT.jsonl` checks the rows and makes messages of them, `giljabi train` tunes on those.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from evidence_weights import TRAIN, Case, cases_of, read_folder

from giljabi.answer import evidence, spans
from giljabi.answer.cites import SHOWN, cited
from giljabi.answer.query import Query
from giljabi.answer.reader import excerpt
from giljabi.answer.spans import Span
from giljabi.answer.words import language
from giljabi.documents.encoders import encoder
from giljabi.venue.place import Lang

NOTHING: dict[Lang, tuple[str, str]] = {
    "ko": ("이 문서에는 질문의 답이 없습니다.", "모르겠습니다."),
    "en": ("The document does not hold the answer.", "I do not know."),
}
LEFT_OUT = 0.25


def rows_of(case: Case, order: list[int], chance: random.Random) -> Iterator[dict[str, Any]]:
    """What is learnt from one question; `order` are its sentences, the likeliest first."""
    lang = language(case.question["question"])
    top = order[:SHOWN]
    quoted = [case.spans[n].text for n in top if case.answers[n]]
    wanted = len(case.question["evidence"])
    if wanted and len(quoted) >= wanted:
        why = " ".join(f"“{text}”" for text in quoted[:3])
        yield _row(case, top, lang, why, case.question["answer"])
    if not wanted:
        yield _row(case, top, lang, *NOTHING[lang])
    elif chance.random() < LEFT_OUT:
        yield _row(case, [n for n in order if not case.answers[n]][:SHOWN], lang, *NOTHING[lang])


def _row(case: Case, chosen: list[int], lang: Lang, why: str, answer: str) -> dict[str, Any]:
    shown: list[Span] = [case.spans[n] for n in chosen]
    question = case.question["question"]
    context = excerpt(cited(Query(question, lang, "document"), shown[:1], shown))
    return {"context": context, "question": question, "cot_answer": why, "answer": answer}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    options = parser.parse_args()
    encoders, chance, out = (encoder("use+e5"), encoder(spans.ENCODER)), random.Random(1), []
    learnt = evidence.weights()["with_encoder"]["weights"]
    weights = np.array([learnt[f] for f in evidence.FIGURES])
    for path, questions in read_folder(TRAIN).items():
        for case in cases_of(path, questions, *encoders):
            if case.spans:
                out += list(rows_of(case, case.order(weights), chance))
        print(f"{path.name}: {len(out)} rows")
    chance.shuffle(out)
    lines = [json.dumps(row, ensure_ascii=False) for row in out]
    options.out.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
