"""A question set with checkable answers: reading one, and scoring a text against one row.

Knows strings only; gold is whatever the file says.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

LANGS = ("ko", "en")
EXPECTATIONS = ("answer", "abstain", "answer_or_clarify", "refuse_or_redirect")
_KEYS = (
    "id",
    "lang",
    "turns",
    "slot",
    "place_codes",
    "must_contain_any",
    "must_not_contain",
    "expect",
)
_EXTRA = ("teacher_answer",)


@dataclass(frozen=True, slots=True)
class Question:
    """One row: the turns of a conversation and what the last answer must and must not hold.

    `teacher_answer` is another system's answer to the same question, scored by the same rules.
    """

    id: str
    lang: str
    turns: tuple[str, ...]
    slot: str
    place_codes: tuple[str, ...]
    must_contain_any: tuple[tuple[str, ...], ...]
    must_not_contain: tuple[str, ...]
    expect: str
    teacher_answer: str = ""


@dataclass(frozen=True, slots=True)
class Score:
    """Whether a text is right; if not, the groups it misses and the banned strings it holds."""

    missing: tuple[tuple[str, ...], ...]
    banned: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Nothing missing, nothing banned."""
        return not self.missing and not self.banned


def read_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON-lines file with their line numbers."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise GiljabiError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise GiljabiError(f"{path}, line {number}: not valid JSON ({error.msg}).") from error
        if not isinstance(row, dict):
            raise GiljabiError(f"{path}, line {number}: must be a JSON object.")
        yield number, row


def read_questions(path: Path) -> list[Question]:
    """Every row of a question set; the first fault is an error naming file, line and field."""
    rows: list[Question] = []
    seen: dict[str, int] = {}
    for number, row in read_lines(path):
        question = _question(row, f"{path}, line {number}")
        if question.id in seen:
            first = seen[question.id]
            raise GiljabiError(
                f"{path}, line {number}: id {question.id!r} was used on line {first} already."
            )
        seen[question.id] = number
        rows.append(question)
    if not rows:
        raise GiljabiError(f"{path}: holds no question.")
    return rows


def _question(row: Mapping[str, Any], where: str) -> Question:
    for key in _KEYS:
        if key not in row:
            raise GiljabiError(f"{where}: field {key!r} is missing.")
    for key in row:
        if key not in _KEYS and key not in _EXTRA:
            raise GiljabiError(f"{where}: field {key!r} is unknown.")
    groups = row["must_contain_any"]
    if not isinstance(groups, list) or not groups:
        raise GiljabiError(
            f"{where}: field 'must_contain_any' must be a list of groups, not empty."
        )
    return Question(
        id=string(row, "id", where),
        lang=_one_of(row, "lang", LANGS, where),
        turns=strings(row["turns"], "turns", where, empty=False),
        slot=string(row, "slot", where),
        place_codes=strings(row["place_codes"], "place_codes", where),
        must_contain_any=tuple(
            strings(group, "must_contain_any", where, empty=False) for group in groups
        ),
        must_not_contain=strings(row["must_not_contain"], "must_not_contain", where),
        expect=_one_of(row, "expect", EXPECTATIONS, where),
        teacher_answer=string(row, "teacher_answer", where) if "teacher_answer" in row else "",
    )


def string(row: Mapping[str, Any], key: str, where: str) -> str:
    """The non-empty string under `key`."""
    if key not in row:
        raise GiljabiError(f"{where}: field {key!r} is missing.")
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise GiljabiError(f"{where}: field {key!r} must be a string with something in it.")
    return value


def strings(value: object, key: str, where: str, *, empty: bool = True) -> tuple[str, ...]:
    """A list of non-empty strings; the list itself may be empty only where `empty` allows it."""
    fine = isinstance(value, list) and all(isinstance(one, str) and one.strip() for one in value)
    if not isinstance(value, list) or not fine or not (value or empty):
        raise GiljabiError(
            f"{where}: field {key!r} must be a list of strings{'' if empty else ', not empty'}."
        )
    return tuple(value)


def _one_of(row: Mapping[str, Any], key: str, allowed: tuple[str, ...], where: str) -> str:
    value = string(row, key, where)
    if value not in allowed:
        raise GiljabiError(
            f"{where}: field {key!r} is {value!r}; it must be one of {', '.join(allowed)}."
        )
    return value


@lru_cache(maxsize=20_000)
def _pattern(gold: str) -> re.Pattern[str]:
    letters = re.sub(r"\s+", "", gold).replace("’", "'")
    body = r"\s*".join(re.escape(letter) for letter in letters)
    # "3분" is not in "13분", nor "HIT" in "architecture": plain containment would call both right.
    before = (
        r"(?<!\d)(?<!\d[.,])"
        if letters[0].isdigit()
        else r"(?<![a-z])"
        if letters[0].isascii()
        else ""
    )
    after = r"(?!\d)(?!\.\d)" if letters[-1].isdigit() else ""
    return re.compile(before + body + after, re.I)


def holds(text: str, gold: str) -> bool:
    """Whether `text` contains `gold`, white space and case ignored.

    A number only matches a whole number, and Latin letters only from the start of a word.
    """
    return _pattern(gold).search(text.replace("’", "'")) is not None


def score(question: Question, text: str) -> Score:
    """What an answer misses and what it should not have said."""
    missing = tuple(
        group for group in question.must_contain_any if not any(holds(text, one) for one in group)
    )
    return Score(missing, tuple(one for one in question.must_not_contain if holds(text, one)))
