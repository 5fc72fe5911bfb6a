"""A guide that answers from a table, in the shape measuring asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giljabi.answer.memory import Turn


@dataclass(frozen=True)
class FakeVerdict:
    ok: bool = True


@dataclass(frozen=True)
class FakeAnswer:
    text: str
    lang: str = "ko"
    outcome: str = "found"
    written_by: str = "template"
    slot: str = "floors"
    places: tuple[str, ...] = ()
    verdict: FakeVerdict | None = FakeVerdict()
    timings: Mapping[str, float] = field(default_factory=lambda: {"total": 5.0})

    def to_json(self) -> dict[str, Any]:
        return {"answer": self.text, "lang": self.lang, "outcome": self.outcome}


class FakeGuide:
    """Answers from the table; remembers what it was asked with which history."""

    def __init__(self, table: Mapping[str, FakeAnswer] | None = None, dies_at: int = 0) -> None:
        self.table = dict(table or {})
        self.dies_at = dies_at
        self.asked: list[tuple[str, tuple[Turn, ...]]] = []

    def answer(self, question: str, history: Sequence[Turn]) -> FakeAnswer:
        self.asked.append((question, tuple(history)))
        if len(self.asked) == self.dies_at:
            raise KeyboardInterrupt
        return self.table.get(question, FakeAnswer(f"답: {question}"))


def row(**changes: Any) -> dict[str, Any]:
    """A valid row of a question set, with changes; None takes a field away."""
    whole = {
        "id": "E1",
        "lang": "ko",
        "turns": ["국제관은 몇 층이야?"],
        "slot": "floors",
        "place_codes": ["108"],
        "must_contain_any": [["6층", "6 floors"]],
        "must_not_contain": ["8층"],
        "expect": "answer",
    }
    return {key: value for key, value in {**whole, **changes}.items() if value is not None}


def write_lines(path: Path, rows: Sequence[Any]) -> Path:
    lines = [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in rows]
    path.write_text("".join(line + "\n" for line in lines), "utf-8")
    return path
