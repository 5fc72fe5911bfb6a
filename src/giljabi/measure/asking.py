"""What measuring asks of a guide, and how a conversation is replayed.

Knows the shape of an answer and nothing of how one is made: any object with this shape is
measured by the same call a visitor's question goes through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from giljabi.answer.memory import Turn


class VerdictLike(Protocol):
    """What the checker said of the text that was shown."""

    @property
    def ok(self) -> bool:
        """Whether every claim was found among the facts."""
        ...


class AnswerLike(Protocol):
    """What is read of an answer."""

    @property
    def text(self) -> str:
        """What the visitor reads."""
        ...

    @property
    def lang(self) -> str:
        """The language it is written in."""
        ...

    @property
    def outcome(self) -> str:
        """Found, ambiguous, not in the data and so on."""
        ...

    @property
    def written_by(self) -> str:
        """The model, the template, both mixed, or a refusal."""
        ...

    @property
    def slot(self) -> str:
        """What kind of question it was taken for."""
        ...

    @property
    def places(self) -> Sequence[str]:
        """The ids of the places it is about."""
        ...

    @property
    def verdict(self) -> VerdictLike | None:
        """The checker's word, if it was asked."""
        ...

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds by name; "total" is the whole answer."""
        ...

    def to_json(self) -> dict[str, Any]:
        """The answer as plain values; `answer` holds its text."""
        ...


class GuideLike(Protocol):
    """Anything that answers a question in a conversation."""

    def answer(self, question: str, history: Sequence[Turn]) -> AnswerLike:
        """The answer to one question, given what was said before."""
        ...


def converse(guide: GuideLike, turns: Sequence[str]) -> AnswerLike:
    """Say the turns one after another in a fresh conversation; the answer to the last one."""
    history: list[Turn] = []
    for question in turns[:-1]:
        history.append(Turn(question, guide.answer(question, tuple(history)).text))
    return guide.answer(turns[-1], tuple(history))
