"""The turn: listening -> thinking -> speaking, interruptible at every moment.

Knows no microphone, no server and no model. One counter, the turn's number, decides what is still
wanted: every stage looks at it, and whatever belongs to an older turn is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, Self

from giljabi.answer.guide import Answer
from giljabi.answer.memory import Turn
from giljabi.speech.events import Event
from giljabi.speech.sound import Cancel, Ear, Lang, Listener, Mouth, Pcm

Stage = Literal["listening", "hearing", "thinking", "speaking"]
Tell = Callable[[Event], None]


class Answerer(Protocol):
    """Whoever answers: `giljabi.answer.guide.Guide`, or anything that streams as it does."""

    def stream(
        self, question: str, history: Sequence[Turn] = (), *,
        lang: Literal["ko", "en", "auto"] = "auto", cancel: Cancel | None = None,
    ) -> Iterator[str | Answer]:  # fmt: skip
        """Whole sentences as they are ready, later ones with a space before them; where there is
        one, the Answer last. Ends soon after `cancel()` turns true. Raises GiljabiError.
        """
        ...


@dataclass(frozen=True, slots=True)
class TurnOptions:
    """How a conversation goes."""

    lang: Lang | Literal["auto"] = "auto"
    """What visitors are expected to speak."""
    barge_in: bool = True
    """False: nothing is listened to while an answer sounds (no echo cancellation, no headset)."""
    acknowledge: bool = False
    """Say a short fixed "네," as soon as an utterance has been understood as words."""
    turns: int = 10
    """How many of the newest turns are remembered."""
    repeats: int = 2
    """How often in a row to ask for a repetition; beyond that a noisy place is met by silence."""


class Conversation:
    """One visitor's spoken conversation; fed sound, it tells events.

    `tell` gets every event in order, from several threads but never two at once, while a lock is
    held: it must return at once and not call back (put the event into a queue; for asyncio
    `loop.call_soon_threadsafe(queue.put_nowait, event)`). `place` gives the name of a place id,
    for "학생회관 말씀이세요?"; `spoken` turns written text into text to be read aloud. Without a
    mouth the answers are text only.

    Two threads: one recognises and thinks, strictly in order, so the two never fight for cores;
    the other speaks. Nothing is computed speculatively.
    """

    def __init__(
        self, listener: Listener, ear: Ear, mouth: Mouth | None, answerer: Answerer, tell: Tell,
        *, options: TurnOptions = TurnOptions(), place: Callable[[str, Lang], str] = ...,
        spoken: Callable[[str, Lang], str] = ..., history: Sequence[Turn] = (),
    ) -> None:  # fmt: skip
        raise NotImplementedError

    @property
    def rate(self) -> int:
        """Samples a second of every `Sound`."""
        raise NotImplementedError

    @property
    def turn(self) -> int:
        """The turn that is on; what belongs to a smaller number is stale."""
        raise NotImplementedError

    @property
    def stage(self) -> Stage:
        """What it is doing; speaking lasts until the sound has been played."""
        raise NotImplementedError

    @property
    def history(self) -> tuple[Turn, ...]:
        """The remembered turns, oldest first; of an interrupted answer what the visitor heard."""
        raise NotImplementedError

    def feed(self, pcm: Pcm) -> None:
        """The next samples of the microphone (RATE, any number); never waits for recognition.

        Speech that begins while something is recognised, thought or said cancels that. One
        thread at a time.
        """
        raise NotImplementedError

    def hear(self, pcm: Pcm) -> None:
        """One whole utterance, as push-to-talk and committed buffers give it; not fed as well."""
        raise NotImplementedError

    def ask(self, text: str, lang: Lang | Literal["auto"] = "auto") -> None:
        """A question in writing, answered as if it had been heard."""
        raise NotImplementedError

    def played(self, turn: int, samples: int) -> None:
        """How much of the sound of `turn` has been heard by now; also after it was cancelled.

        Decides what memory keeps of an interrupted answer. Who never reports is taken to play
        at once and without gaps.
        """
        raise NotImplementedError

    def cancel(self) -> None:
        """Call off whatever is recognised, thought or said; what is being spoken goes on."""
        raise NotImplementedError

    def forget(self) -> None:
        """Cancel, and forget the conversation and everything fed: the next visitor's turn."""
        raise NotImplementedError

    def close(self) -> None:
        """Cancel, and end the threads; any number of times. Nothing is told afterwards."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
