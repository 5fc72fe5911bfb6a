"""Who answers: a venue's guide or a plain conversation partner, seen the same way by the routes.

The server depends on these protocols, not on how an answer is made.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, Protocol, runtime_checkable

from giljabi.answer.facts import Fact, Outcome
from giljabi.answer.memory import Turn
from giljabi.serve.work import Cancel
from giljabi.venue.place import Venue

Lang = Literal["ko", "en", "auto"]


class AnswerLike(Protocol):
    """What the server reads of an answer."""

    @property
    def text(self) -> str:
        """What to say."""

    @property
    def outcome(self) -> Outcome:
        """What was found, or why nothing was."""

    @property
    def lang(self) -> Literal["ko", "en"]:
        """The language it is in."""

    @property
    def written_by(self) -> Literal["model", "template", "mixed", "refusal"]:
        """Whose words it is in."""

    @property
    def places(self) -> Sequence[str]:
        """Ids of the places it speaks of."""

    @property
    def facts(self) -> Sequence[Fact]:
        """What it rests on."""

    @property
    def line(self) -> Sequence[tuple[float, float]] | None:
        """The way to draw, (lon, lat) pairs in WGS84 degrees."""

    @property
    def guessed(self) -> Sequence[bool]:
        """Which stretches of the line are estimates."""

    @property
    def stops(self) -> Sequence[str]:
        """Ids of the places the way passes, both ends included."""

    @property
    def minutes(self) -> float | None:
        """How long the way takes."""

    @property
    def timings(self) -> Mapping[str, float]:
        """Milliseconds by stage."""

    @property
    def dropped(self) -> Sequence[tuple[str, str]]:
        """Sentences that did not pass the check, each with the reason; "" for no sentence at all."""

    def to_json(self) -> dict[str, Any]:
        """Every field as plain JSON; the text under "answer"."""


@runtime_checkable
class Answerer(Protocol):
    """A venue's guide (`giljabi.answer.guide.Guide`), callable from several threads at once."""

    @property
    def venue(self) -> Venue:
        """The venue it knows."""

    @property
    def knows(self) -> str:
        """The hash of all it answers from."""

    @property
    def here(self) -> str:
        """Id of the place where it stands."""

    def answer(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        lang: Literal["ko", "en", "auto"] = "auto",
        origin: str | None = None,
        cancel: Cancel | None = None,
    ) -> AnswerLike:
        """One checked answer; ends soon after `cancel()` turns true."""

    def stream(
        self,
        question: str,
        history: Sequence[Turn] = (),
        *,
        lang: Literal["ko", "en", "auto"] = "auto",
        origin: str | None = None,
        cancel: Cancel | None = None,
    ) -> Iterator[str | AnswerLike]:
        """Checked sentences, which joined are the text, then the answer itself."""

    def find_place(self, name: str) -> str:
        """The id of the place called `name`; GiljabiError when there is none or several."""

    def route(self, a: str, b: str, *, step_free: bool = False, lang: Lang = "auto") -> AnswerLike:
        """The way from place `a` to place `b`, each an id or named freely."""


class Talker(Protocol):
    """A plain conversation partner (`giljabi.answer.chat.Chat`)."""

    system: str

    def stream(
        self, question: str, history: Sequence[Turn] = (), *, cancel: Cancel | None = None
    ) -> Iterator[str]:
        """The answer in pieces."""


class GuideSubject:
    """A guide: structured answers; whatever system text a client sends is not to be trusted."""

    def __init__(self, guide: Answerer) -> None:
        self.guide = guide

    def stream(
        self, question: str, history: Sequence[Turn], lang: Lang, cancel: Cancel
    ) -> Iterator[str | tuple[str, dict[str, Any]]]:
        """The checked sentences as they are ready; then the text, and every other field as JSON."""
        for piece in self.guide.stream(question, history, lang=lang, cancel=cancel):
            if isinstance(piece, str):
                yield piece
            else:
                fields = piece.to_json()
                yield str(fields.pop("answer")), fields

    def sentences(
        self, question: str, history: Sequence[Turn], system: str, cancel: Cancel
    ) -> Iterator[str]:
        """The checked sentences; `system` is ignored."""
        said = False
        for piece in self.guide.stream(question, history, cancel=cancel):
            if isinstance(piece, str):
                said = True
                yield piece
            elif not said:
                yield piece.text


class TalkSubject:
    """Plain chat: text only; a client's system text takes the place of the configured one."""

    def __init__(self, talker: Talker) -> None:
        self.talker = talker

    def stream(
        self, question: str, history: Sequence[Turn], lang: Lang, cancel: Cancel
    ) -> Iterator[str | tuple[str, dict[str, Any]]]:
        """The pieces as they come, then the text; `lang` is the model's business."""
        said = []
        for piece in self.talker.stream(question, history, cancel=cancel):
            said.append(piece)
            yield piece
        yield "".join(said), {}

    def sentences(
        self, question: str, history: Sequence[Turn], system: str, cancel: Cancel
    ) -> Iterator[str]:
        """The pieces as they come."""
        talker = self.talker
        if system:
            talker = copy.copy(talker)  # the one everybody shares keeps its own text
            talker.system = system
        yield from talker.stream(question, history, cancel=cancel)


Subject = GuideSubject | TalkSubject


def subject_of(answers: Answerer | Talker) -> Subject:
    """The adapter for what the server was given."""
    return GuideSubject(answers) if isinstance(answers, Answerer) else TalkSubject(answers)
