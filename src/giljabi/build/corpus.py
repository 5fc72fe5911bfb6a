"""Anyone's question–answer files as rows: messages in JSON or JSONL, with what cannot be read.

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
from giljabi.errors import GiljabiError
from giljabi.venue.place import Lang

Split = Literal["train", "val"]
_VALIDATION = re.compile(r"(?:^|[_\-.])(?:val|valid|validation|dev|test|eval)(?:[_\-.]|$)", re.I)
_ROLES = {"user": "user", "human": "user", "assistant": "assistant", "gpt": "assistant", "model": "assistant",
          "system": "system"}  # fmt: skip


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

    A folder stands for its *.jsonl, or where it has none its *.json but manifest.json. Raises
    GiljabiError for a file that is no JSON at all.
    """
    pairs: list[Pair] = []
    bad: list[Malformed] = []
    for path in _files(paths):
        for number, row in _rows(path):
            found = _pair(row, path, number)
            (pairs if isinstance(found, Pair) else bad).append(found)  # type: ignore[arg-type]
    return pairs, bad


def _files(paths: Sequence[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            inside = sorted(path.glob("*.jsonl")) or sorted(
                p for p in path.glob("*.json") if p.name not in ("manifest.json", "report.json")
            )
            if not inside:
                raise GiljabiError(f"{path} holds no .jsonl and no .json file.")
            yield from inside
        elif path.is_file():
            yield path
        else:
            raise GiljabiError(f"{path} does not exist.")


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as e:
        raise GiljabiError(f"{path} is not UTF-8 text (byte {e.start}).") from None
    if path.suffix == ".jsonl":
        # Not splitlines: U+2028 may stand inside an answer.
        for number, line in enumerate(text.removesuffix("\n").split("\n"), 1):
            try:
                yield number, json.loads(line)
            except json.JSONDecodeError as e:
                yield number, ValueError(f"not JSON: {e.msg}")
        return
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as e:
        raise GiljabiError(f"{path}, line {e.lineno}: not JSON: {e.msg}.") from None
    if not isinstance(rows, list):
        raise GiljabiError(f"{path}: expected a list of rows with messages.")
    yield from enumerate(rows, 1)


def _pair(row: Any, path: Path, number: int) -> Pair | Malformed:
    def bad(reason: str) -> Malformed:
        return Malformed(path.name, number, reason)

    if isinstance(row, ValueError):
        return bad(str(row))
    if not isinstance(row, dict):
        return bad("not an object")
    messages = row.get("messages") or row.get("conversations")
    if not isinstance(messages, list) or not messages:
        return bad("no messages")
    turns: list[tuple[str, str]] = []
    for m in row.get("conversation") or messages:
        role = _ROLES.get(str(m.get("role", m.get("from")))) if isinstance(m, dict) else None
        content = m.get("content", m.get("value")) if isinstance(m, dict) else None
        if role is None:
            return bad(f"unknown role in message {len(turns) + 1}")
        if not isinstance(content, str) or not content.strip():
            return bad(f"empty {role} message")
        turns.append((role, content))
    spoken = [t for t in turns if t[0] != "system"]
    roles = [role for role, _ in spoken]
    if roles != ["user", "assistant"] * (len(roles) // 2) or not roles:
        return bad(f"turns do not alternate: {', '.join(roles) or 'none'}")
    asked = tuple(text for role, text in spoken if role == "user")
    whole = "\n".join(str(m.get("content", m.get("value", ""))) for m in messages)
    linked = tuple(row.get("places") or ()) if row.get("conversation") else ()
    return Pair(
        path.name,
        number,
        split_of(path),
        asked,
        spoken[-1][1],
        whole,
        language_of(asked[-1]),
        linked,
    )


def language_of(text: str) -> Lang:
    """English where Latin letters outnumber Hangul: a Korean name inside stays a name."""
    hangul, latin = len(re.findall(r"[가-힣]", text)), len(re.findall(r"[A-Za-z]", text))
    return language(text) if not hangul else "en" if latin > hangul else "ko"
