"""The guide of the moment: it may be exchanged while answers are made, and each answer is told.

Whoever calls sees one guide. An answer is made by the guide there was when it began, from its
first word to its last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from giljabi.answer.memory import Turn
from giljabi.serve.subject import Answerer, AnswerLike, Lang
from giljabi.serve.work import Cancel
from giljabi.venue.place import Venue

Door = Literal["text", "voice", "route"]
"""How a question came: written, spoken in a live conversation, or as two ends of a way."""


@dataclass(frozen=True, slots=True)
class Given:
    """An answer that was given: to what, how, and after how many seconds."""

    question: str
    answer: AnswerLike
    door: Door
    seconds: float


Tell = Callable[[Given], None]
"""Told of every answer; returns at once, never raises, may be called from several threads."""


class CurrentGuide:
    """Implements Answerer by the guide it holds, and holds no other."""

    def __init__(self, guide: Answerer) -> None:
        self._guide = guide
        self._tell: list[Tell] = []

    def tell(self, tell: Tell) -> None:
        """Call `tell` for every answer given from now on."""
        self._tell.append(tell)

    @property
    def venue(self) -> Venue:
        """The venue of the guide of the moment: read it once for what belongs together."""
        return self._guide.venue

    @property
    def knows(self) -> str:
        """See Answerer.knows."""
        return self._guide.knows

    @property
    def here(self) -> str:
        """See Answerer.here."""
        return self._guide.here

    def find_place(self, name: str) -> str:
        """See Answerer.find_place."""
        return self._guide.find_place(name)

    def exchange(self, guide: Answerer) -> None:
        """Answer with `guide` from now on; what has begun ends with the old one."""
        self._guide = guide

    def spoken(self) -> Spoken:
        """The same guide, for live conversations."""
        return Spoken(self)

    def answer(
        self, question: str, history: Sequence[Turn] = (), *, lang: Lang = "auto",
        origin: str | None = None, cancel: Cancel | None = None,
    ) -> AnswerLike:  # fmt: skip
        """See Answerer.answer."""
        began = time.perf_counter()
        answer = self._guide.answer(question, history, lang=lang, origin=origin, cancel=cancel)
        if not (cancel and cancel()):
            self._given(question, answer, "text", began)
        return answer

    def stream(
        self, question: str, history: Sequence[Turn] = (), *, lang: Lang = "auto",
        origin: str | None = None, cancel: Cancel | None = None, door: Door = "text",
    ) -> Iterator[str | AnswerLike]:  # fmt: skip
        """See Answerer.stream."""
        began = time.perf_counter()
        pieces = self._guide.stream(question, history, lang=lang, origin=origin, cancel=cancel)
        for piece in pieces:
            if not isinstance(piece, str) and not (cancel and cancel()):
                self._given(question, piece, door, began)
            yield piece

    def route(self, a: str, b: str, *, step_free: bool = False, lang: Lang = "auto") -> AnswerLike:
        """See Answerer.route."""
        began = time.perf_counter()
        answer = self._guide.route(a, b, step_free=step_free, lang=lang)
        self._given(f"{a} → {b}", answer, "route", began)
        return answer

    def _given(self, question: str, answer: AnswerLike, door: Door, began: float) -> None:
        given = Given(question, answer, door, time.perf_counter() - began)
        for tell in self._tell:
            tell(given)


class Spoken(CurrentGuide):
    """The guide as live conversations call it: whatever is exchanged, it is the same one."""

    def __init__(self, current: CurrentGuide) -> None:
        super().__init__(current)
        self._current = current

    def stream(
        self, question: str, history: Sequence[Turn] = (), *, lang: Lang = "auto",
        origin: str | None = None, cancel: Cancel | None = None, door: Door = "voice",
    ) -> Iterator[str | AnswerLike]:  # fmt: skip
        """See Answerer.stream."""
        yield from self._current.stream(
            question, history, lang=lang, origin=origin, cancel=cancel, door=door
        )
