"""One training example: what was asked, the facts it was given, what is answered. Values only."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from giljabi.answer.facts import Fact
from giljabi.answer.generator import Message
from giljabi.venue.place import Lang

_NOT_SAID = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Example:
    """A question about one place, the facts shown with it, and the answer to learn.

    `messages` is what the model is shown when serving, the answer last; `conversation` the bare
    turns (question, answer, question, …). `family` is the wording the question was made from,
    `source` who worded it: "wordings", or a teacher's name. `for_model` is false where the served
    guide answers in its own templates. `distractors` counts facts shown and not to be said.
    """

    id: str
    lang: Lang
    kind: str
    slot: str
    place: str
    places: tuple[str, ...]
    register: str
    family: str
    outcome: str
    messages: tuple[Message, ...]
    conversation: tuple[Message, ...]
    facts: tuple[Fact, ...]
    for_model: bool
    distractors: int = 0
    source: str = "wordings"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON with fields in the order above; values of facts are text in every row."""
        out = asdict(self)
        for fact in out["facts"]:
            fact["value"] = str(fact["value"])
        return out

    @property
    def answer(self) -> str:
        """What is to be learnt."""
        return self.messages[-1]["content"]

    @property
    def questions(self) -> tuple[str, ...]:
        """What the visitor says, turn by turn."""
        return tuple(m["content"] for m in self.conversation if m["role"] == "user")


def question_key(text: str) -> str:
    """`text` without case, white space and punctuation."""
    return _NOT_SAID.sub("", text).casefold()
