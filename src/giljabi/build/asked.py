"""Questions that visitors asked -> Examples: read, linked, gathered, told and checked as served.

What the venue answers by now becomes an answer, what it still does not a refusal in the served
words. Follow-ups without their turns are read as they stand.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.answer.words import language
from giljabi.answer.write import is_for_model, messages
from giljabi.build import row_files
from giljabi.build.example import Example, question_key
from giljabi.build.layouts import Row
from giljabi.build.maker import Maker
from giljabi.build.near import NearIndex
from giljabi.build.telling import Register, tell
from giljabi.errors import GiljabiError
from giljabi.venue.place import Lang

KIND = "asked"
_LONGEST = 1000  # characters, as the server takes them


def read(path: Path) -> tuple[str, ...]:
    """The questions of a file, each once, in its order: rows with a field `question`.

    Raises GiljabiError, which names the row, for what is no such row.
    """
    found: dict[str, str] = {}
    for number, row in row_files.rows(path):
        if isinstance(row, row_files.Fault):
            raise GiljabiError(f"{path}, row {number}: {row.reason}")
        asked = row.get("question") if isinstance(row, dict) else None
        text = _line(asked) if isinstance(asked, str) else ""
        if not text or len(text) > _LONGEST:
            raise GiljabiError(
                f"{path}, row {number}: a row needs a field question, text of 1 to {_LONGEST} "
                'characters, as {"question": "…"}.'
            )
        found.setdefault(question_key(text) or text, text)
    return tuple(found.values())


def digest(questions: Sequence[str]) -> str:
    """A hash over the questions, for what the bytes of a build depend on."""
    return hashlib.sha256("\0".join(questions).encode()).hexdigest()


def examples(
    maker: Maker, questions: Sequence[str], languages: Sequence[Lang]
) -> tuple[list[Example], Counter[str]]:
    """The examples of the questions in their order, and why others were left out."""
    out: list[Example] = []
    reasons: Counter[str] = Counter()
    for question in questions:
        made = _example(maker, question, languages)
        if isinstance(made, Example):
            out.append(made)
        else:
            reasons[made] += 1
    return out, reasons


def join(
    maker: Maker, questions: Sequence[str], languages: Sequence[Lang],
    validation: frozenset[str], rows: Mapping[str, list[Row]],
) -> dict[str, Any]:  # fmt: skip
    """Add the examples to the splits "train" and "val"; gives the manifest's part about them.

    A question about a place held out is held out with it; one that stands in the set, or nearly
    so, is left out.
    """
    found, reasons = examples(maker, questions, languages)
    near = NearIndex(
        " / ".join(m["content"] for m in row["conversation"][::2])
        for split in rows.values()
        for row in split
    )
    kept = 0
    for example in found:
        question = example.questions[0]
        if near.find(question) is not None:
            reasons["nearly the same question again"] += 1
            continue
        near.add(question)
        kept += 1
        held = not validation.isdisjoint(example.places)
        rows["val" if held else "train"].append(example.to_json())
    return {"given": len(questions), "kept": kept, "left_out": dict(sorted(reasons.items()))}


def _example(maker: Maker, question: str, languages: Sequence[Lang]) -> Example | str:
    """The example, or the reason against it."""
    lang = language(question, maker.venue.languages)
    if lang not in languages:
        return "asked in a language that is not built"
    facts = maker.facts((question,), lang)
    if facts.outcome == "greeting":
        return "a greeting"
    register: Register = "neutral" if lang == "en" else "haeyo"
    ident = hashlib.sha256(question.encode()).hexdigest()[:12]
    answer = tell(maker.venue, facts, register, random.Random(ident))
    if answer is None:
        return "the register lacks a wording"
    if problem := maker.problem(answer, facts):
        return f"the answer does not pass: {problem}"
    said: Message = {"role": "assistant", "content": answer}
    return Example(
        id=f"{lang}-{KIND}-{ident}", lang=lang, kind=KIND, slot=facts.query.slot,
        place=next(iter(facts.places), maker.venue.origin), places=facts.places,
        register=register, family=KIND, outcome=facts.outcome,
        messages=(*messages(facts, maker.notes(facts), tuned=True), said),
        conversation=({"role": "user", "content": question}, said), facts=facts.items,
        for_model=is_for_model(facts), source="visitors",
    )  # fmt: skip


def _line(text: str) -> str:
    """One line that can be written: JSON can spell half a surrogate pair, which nothing can."""
    return " ".join(text.split()).encode("utf-8", "replace").decode()
