"""Plain chat, without a venue: the last turns and a question to a model, its answer sentence-wise.

Nothing here checks facts; the guide does that, and a venue's questions go there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from giljabi.answer import loops
from giljabi.answer.generator import Generator, Message

if TYPE_CHECKING:
    from giljabi.answer.memory import Turn


NOTHING_SAID = "답을 만들지 못했습니다. 다시 물어봐 주세요."
"""What is said where the model says nothing."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """How much is remembered and how long an answer may be."""

    turns: int = 6
    """Earlier question-and-answer pairs sent along."""
    history_chars: int = 4000
    """At most this much of them, the newest first, so that the context never overflows."""
    max_tokens: int | None = None
    """Budget of one answer; None leaves it to the model's own settings."""
    temperature: float | None = None
    """None leaves it to the model's own settings."""


class Chat:
    """A conversation partner made of a generator and a system text."""

    def __init__(
        self, generator: Generator, system: str, settings: ChatSettings | None = None
    ) -> None:
        self.generator = generator
        self.system = system
        self.settings = settings or ChatSettings()

    def messages(self, question: str, history: Sequence[Turn] = ()) -> list[Message]:
        """What the generator is sent: system, the last turns that fit, the question."""
        out: list[Message] = [{"role": "user", "content": question}]
        room = self.settings.history_chars
        for turn in reversed(history[-self.settings.turns :] if self.settings.turns else ()):
            room -= len(turn.question) + len(turn.answer)
            if room < 0:
                break
            out[:0] = [
                {"role": "user", "content": turn.question},
                {"role": "assistant", "content": turn.answer},
            ]
        if self.system:
            out.insert(0, {"role": "system", "content": self.system})
        return out

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        seed: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """The answer, a sentence (or line) at a time; joined, the pieces are its text.

        Where the model starts to repeat itself it is stopped, and the answer ends with the last
        sentence before that. Raises GiljabiError where the generator does.
        """
        pieces = self.generator.stream(
            self.messages(question, history),
            max_tokens=self.settings.max_tokens,
            temperature=self.settings.temperature,
            seed=seed,
            cancel=cancel,
        )
        return _never_empty(without_loops(pieces))


def _never_empty(pieces: Iterator[str]) -> Iterator[str]:
    said = False
    for piece in pieces:
        said = said or bool(piece.strip())
        yield piece
    if not said:
        yield NOTHING_SAID


def without_loops(pieces: Iterator[str]) -> Iterator[str]:
    """The text of `pieces` by sentences, ending before a loop; `pieces` is then closed.

    A sentence that has been said before is held back until another one follows it, so that of a
    loop of sentences not even the second round is heard.
    """
    watch, said = loops.LoopWatch(), set[str]()
    text, given = "", 0  # everything received; how much of it is out or held
    held = ""
    try:
        for piece in pieces:
            text += piece
            began = watch.feed(piece)
            for sentence in loops.split(text[given:began])[0]:
                given += len(sentence)
                held += sentence
                key = loops.plain(sentence)
                if len(key) < loops.SENTENCE_CHARS or key not in said:
                    said.add(key)
                    yield held
                    held = ""
            if began is not None:
                return
        rest = text[given:]
        if rest and loops.plain(rest) not in said:
            yield held + rest
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()  # stops the generation
