"""What was asked and what came of it: the rows of a measuring run, as values and as lines of a file.

Reads question sets with checkable answers, and conversations with reference answers as `giljabi
data build` writes them. Knows nothing of models.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from giljabi import korean
from giljabi.errors import GiljabiError
from giljabi.measure.asking import converse
from giljabi.measure.batch import answered_ids
from giljabi.measure.contestants import Contestant, abstains
from giljabi.measure.questions import LANGS, Question, read_lines, read_questions, score
from giljabi.measure.report import Row
from giljabi.measure.writing import Prompt, read_prompts

_EXPECTED = {
    "found": "answer", "ambiguous": "answer_or_clarify", "no_such_place": "abstain",
    "no_way": "abstain", "not_in_data": "abstain", "outside": "refuse_or_redirect",
    "greeting": "refuse_or_redirect",
}  # fmt: skip
"""By the outcome that `giljabi data build` writes into a row."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question, and an answer to compare with where the file has one.

    Without strings an answer must hold (`must_contain_any`) nobody can be right or wrong.
    """

    question: Question
    reference: str = ""
    prompt: Prompt | None = None
    """Where a text is to be written, and only its form can be counted."""


@dataclass(frozen=True, slots=True)
class Measured(Row):
    """A row with everything a measuring run notes; `verified` is the checker's word on every text.

    Milliseconds, 10⁶ bytes and joules; None is what nobody told.
    """

    reference: str = ""
    gold: bool = True
    """Whether the file says what is right."""
    for_model: bool = False
    """Whether the guide lets a model word this answer."""
    abstained: bool = False
    """Whether the text says that it does not know."""
    problems: Sequence[Sequence[str]] = ()
    """(words, what the checker has against them)."""
    facts: Sequence[str] = ()
    """What could be said, each with its source."""
    dropped: Sequence[Sequence[str]] = ()
    """(sentence of the model that never reached the visitor, why)."""
    capped: bool | None = None
    """Whether the token budget ended the model's text."""
    first_token_ms: float | None = None
    """From the request to the model's first piece of text."""
    first_sentence_ms: float | None = None
    """From the question to the first checked sentence, where there is a check before."""
    tokens: int | None = None
    decode_ms: float | None = None
    load_s: float | None = None
    """How long the model took to load in the process that answered."""
    peak_mb: float | None = None
    """The most that process had in memory until then."""
    joules: float | None = None


def read_items(path: Path) -> list[Item]:
    """A question set, conversations with references, or writing prompts (`.toml`).

    GiljabiError names file, line and field.
    """
    if path.suffix == ".toml":
        return [_to_write(one) for one in read_prompts(path)]
    if path.suffix == ".json":
        return _unique(_messages(path, _listed(path)), path)
    first = next(read_lines(path), None)
    if first is None:
        raise GiljabiError(f"{path}: holds no question.")
    if "must_contain_any" in first[1] or not {"messages", "conversation"} & first[1].keys():
        return [Item(question) for question in read_questions(path)]
    return _unique(_messages(path, read_lines(path)), path)


def _to_write(prompt: Prompt) -> Item:
    question = Question(
        id=prompt.id, lang="ko", turns=(prompt.prompt,), slot=prompt.kind, place_codes=(),
        must_contain_any=(), must_not_contain=(), expect="answer",
    )  # fmt: skip
    return Item(question, prompt=prompt)


def _listed(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        rows = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GiljabiError(f"{path}: cannot be read as JSON ({error}).") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise GiljabiError(f"{path}: must be a list of objects.")
    yield from enumerate(rows, 1)


def _messages(path: Path, rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[Item]:
    for number, row in rows:
        where = f"{path}, row {number}"
        # `messages` of a built row show the facts; the bare conversation is what a visitor said.
        turns = _turns(row.get("conversation") or row.get("messages"), where)
        *asked, reference = turns
        questions = tuple(asked[::2])
        lang = row.get("lang") or ("ko" if korean.has_hangul(questions[-1]) else "en")
        if lang not in LANGS:
            raise GiljabiError(f"{where}: field 'lang' is {lang!r}; known: {', '.join(LANGS)}.")
        expect = _EXPECTED.get(str(row.get("outcome", "")))
        yield Item(
            Question(
                id=str(row.get("id") or f"row-{number}"), lang=lang, turns=questions,
                slot=str(row.get("slot") or "unknown"), place_codes=(), must_contain_any=(),
                must_not_contain=(),
                expect=expect or ("abstain" if abstains(reference) else "answer"),
            ),
            reference,
        )  # fmt: skip


def _turns(found: Any, where: str) -> list[str]:
    """What was said, question and answer by turns, the system text left out."""
    said = [one for one in found or () if isinstance(one, dict) and one.get("role") != "system"]
    roles = [one.get("role") for one in said]
    texts = [one.get("content") for one in said]
    if (
        len(said) < 2
        or roles != ["user", "assistant"] * (len(said) // 2)
        or not all(isinstance(text, str) and text.strip() for text in texts)
    ):
        raise GiljabiError(
            f"{where}: 'messages' must read user, assistant, …, assistant, nothing of it empty."
        )
    return [str(text) for text in texts]


def _unique(items: Iterator[Item], path: Path) -> list[Item]:
    found: dict[str, Item] = {}
    for item in items:
        if item.question.id in found:
            raise GiljabiError(f"{path}: id {item.question.id!r} was used twice.")
        found[item.question.id] = item
    if not found:
        raise GiljabiError(f"{path}: holds no question.")
    return list(found.values())


def ask(contestant: Contestant, item: Item) -> Measured:
    """One question asked in a conversation of its own, and everything noted but the machine."""
    question = item.question
    if item.prompt is None:
        converse(contestant, question.turns)
    else:
        contestant.write(item.prompt.prompt)
    answer, calls = contestant.last, contestant.calls
    assert answer is not None  # noqa: S101 - one was asked for just now
    result = score(question, answer.text)
    told = [call for call in calls if call.tokens is not None]
    capped = [call.capped for call in calls if call.capped is not None]
    return Measured(
        id=question.id, lang=question.lang, slot=question.slot, expect=question.expect,
        turns=question.turns, answer=answer.text, right=result.right, missing=result.missing,
        banned=result.banned, written_by=answer.written_by, outcome=answer.outcome,
        read_as=answer.slot, places=tuple(answer.places),
        verified=None if item.prompt else answer.verdict.ok,
        total_ms=round(answer.timings["total"], 3), reference=item.reference,
        gold=bool(question.must_contain_any), for_model=contestant.for_model,
        abstained=abstains(answer.text),
        problems=[(claim.text, claim.problem) for claim in answer.verdict.claims if claim.problem],
        facts=contestant.told, dropped=answer.dropped,
        capped=any(capped) if capped else None,
        first_token_ms=_rounded(calls[0].first_ms) if calls else None,
        first_sentence_ms=_rounded(answer.timings.get("first_sentence")),
        tokens=sum(call.tokens or 0 for call in told) if told else None,
        decode_ms=_rounded(sum(call.decode_ms or 0 for call in told)) if told else None,
    )  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def line(row: Measured) -> str:
    """The row as a line of a file."""
    return json.dumps(asdict(row), ensure_ascii=False) + "\n"


def read_rows(path: Path) -> list[Measured]:
    """The rows of a file in their order; a torn last line is cut off, as a killed run leaves one.

    GiljabiError where a line is no row of a measuring run, or an id is there twice.
    """
    answered_ids(path)  # mends and checks the file
    return (
        [row_of(row, f"{path}, line {n}") for n, row in read_lines(path)] if path.exists() else []
    )


def row_of(row: Mapping[str, Any], where: str) -> Measured:
    """A row from plain values; GiljabiError naming `where` it stands when it is none."""
    try:
        known = {one.name: row[one.name] for one in fields(Measured)}
    except KeyError as error:
        raise GiljabiError(f"{where}: field {error} is missing; is this a measuring run?") from None
    return Measured(**known)
