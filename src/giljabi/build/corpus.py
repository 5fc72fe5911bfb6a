"""Anyone's question–answer files as rows: messages in JSON, JSONL or Parquet, with what cannot be read.

Knows nothing of venues or of what makes a row good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from giljabi.answer.words import language
from giljabi.build.row_files import Fault, rows, whole
from giljabi.errors import GiljabiError
from giljabi.venue.place import Lang

Split = Literal["train", "val"]
_VALIDATION = re.compile(r"(?:^|[_\-.])(?:val|valid|validation|dev|test|eval)(?:[_\-.]|$)", re.I)
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant",
          "system": "system"}  # fmt: skip
_FORMS = (".jsonl", ".parquet", ".json")
_NO_ROWS = frozenset({"manifest.json", "report.json", "teacher.jsonl", "rejected.jsonl"})


@dataclass(frozen=True, slots=True)
class Pair:
    """One row: what was asked (all user turns joined) and the last answer.

    `number` is the row in its file, counting from 1; `text` everything a model would be trained
    on; `linked` the place ids the row itself says it is about.
    """

    file: str
    number: int
    split: Split
    turns: tuple[str, ...]
    answer: str
    text: str
    lang: Lang
    linked: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """The user turns in one string."""
        return " / ".join(self.turns)


@dataclass(frozen=True, slots=True)
class Malformed:
    """A row that is no question with an answer, and why."""

    file: str
    number: int
    reason: str


def split_of(path: Path) -> Split:
    """Validation where the file's name says so, else training."""
    return "val" if _VALIDATION.search(path.stem) else "train"


def read(paths: Sequence[Path]) -> tuple[list[Pair], list[Malformed]]:
    """Every row of the files, each either a Pair or Malformed with its row number.

    A folder stands for one form of its rows, as files its manifest lists where it has one: *.jsonl,
    else *.parquet, else *.json. Raises GiljabiError for a file that is none of these.
    """
    pairs: list[Pair] = []
    bad: list[Malformed] = []
    for path in _files(paths):
        for number, row in rows(path):
            found = _pair(row, path, number)
            (pairs if isinstance(found, Pair) else bad).append(found)  # type: ignore[arg-type]
    return pairs, bad


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.name not in _NO_ROWS)
            if listed := _listed(path / "manifest.json"):
                inside = [p for p in inside if p.name in listed]
            # The forms of a data set hold the same rows.
            forms = ([p for p in inside if p.suffix == form] for form in _FORMS)
            found = next(filter(None, forms), None)
            if found is None:
                raise GiljabiError(f"{path} holds no rows: no {', no '.join(_FORMS)} file.")
            yield from found
        elif path.is_file():
            yield path
        else:
            raise GiljabiError(f"{path} does not exist.")


def _listed(manifest: Path) -> set[str]:
    try:
        return set(json.loads(manifest.read_text("utf-8"))["files"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return set()  # somebody else's, or none


def _pair(row: Any, path: Path, number: int) -> Pair | Malformed:
    try:
        return _read(row, path, number)
    except ValueError as reason:
        return Malformed(path.name, number, str(reason))


def _read(row: Any, path: Path, number: int) -> Pair:
    """Raises ValueError with the reason where the row is no question with an answer."""
    if isinstance(row, Fault):
        raise ValueError(row.reason)
    if not isinstance(row, dict):
        raise ValueError("not an object")
    trained = _turns(row.get("messages") or row.get("conversations"))
    bare = row.get("conversation")
    spoken = [t for t in (_turns(bare) if bare else trained) if t[0] != "system"]
    roles = [role for role, _ in spoken]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
        raise ValueError(f"turns do not alternate: {', '.join(roles) or 'none'}")
    asked = tuple(text for role, text in spoken if role == "user")
    linked = (row.get("places") or []) if bare else []
    if not isinstance(linked, list) or not all(isinstance(i, str) for i in linked):
        raise ValueError("places is no list of ids")
    return Pair(
        path.name, number, split_of(path), asked, spoken[-1][1],
        "\n".join(text for _, text in trained), language_of(asked[-1]), tuple(linked),
    )  # fmt: skip


def _turns(messages: Any) -> list[tuple[str, str]]:
    """Role and text of each message."""
    if not isinstance(messages, list) or not messages:
        raise ValueError("no messages")
    turns: list[tuple[str, str]] = []
    for n, m in enumerate(messages, 1):
        role = _ROLES.get(str(m.get("role") or m.get("from"))) if isinstance(m, dict) else None
        if role is None:
            raise ValueError(f"unknown role in message {n}")
        content = m.get("content") or m.get("value")
        if not isinstance(content, str) or not content.strip():
            raise ValueError(f"empty {role} message")
        if not whole(content):
            raise ValueError(f"half a character in message {n}")
        turns.append((role, content))
    return turns


def language_of(text: str) -> Lang:
    """English where Latin letters outnumber Hangul: a Korean name inside stays a name."""
    hangul, latin = len(re.findall(r"[가-힣]", text)), len(re.findall(r"[A-Za-z]", text))
    return language(text) if not hangul else "en" if latin > hangul else "ko"
