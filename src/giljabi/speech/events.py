"""What happens in a spoken conversation, as values: told to players, screens and servers.

`turn` counts: every utterance, typed question and cancellation begins a new one, and nothing of
an older turn is told after that. A turn that is answered ends with one `Done` or one `Cancelled`;
a `Cancelled` after `Done` means that the rest of its sound must not be played.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from giljabi.answer.guide import Answer
from giljabi.speech.sound import Heard, Lang, Pcm

Purpose = Literal["answer", "acknowledgement", "repeat", "confirm", "failure"]
"""Why something is said: it answers; "네," at once; asks to repeat; asks "… 말씀이세요?"; says
that something failed."""


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Somebody began to speak, `at` samples (RATE) after the first that was fed."""

    turn: int
    at: int


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The utterance is over and is being recognised; speech ended at sample `at`."""

    turn: int
    at: int


@dataclass(frozen=True, slots=True)
class Transcribed:
    """What the utterance said; with `heard.rejected` it will not be answered."""

    turn: int
    heard: Heard


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence was written and is handed to the voice.

    The `text` of a turn's sentences of one purpose, joined, are the whole text: later ones begin
    with a space.
    """

    turn: int
    index: int
    """Counts the sentences of this turn from 0."""
    text: str
    lang: Lang
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Sound:
    """The next piece of sound, of sentence `index`, `Conversation.rate` samples a second."""

    turn: int
    index: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Failed:
    """A part failed; `message` is one sentence for people. `Done` follows."""

    turn: int
    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """Everything of this turn has been told; its last sound may still be playing."""

    turn: int
    purpose: Purpose
    text: str
    """All that was said, acknowledgement aside."""
    lang: Lang
    answer: Answer | None = None
    """The answer with what it rests on; None unless `purpose` is "answer"."""
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds: `hold` (silence waited for), `wait` (for the worker), `hear` (less what was
    recognised during the hold), `think` (to the
    first sentence), `voice` (to its first sound), `first_sound` and `total` (from the end of
    speech, hold included, to the first sound and to Done; an acknowledgement does not count).
    Stages that did not happen are missing."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The turn was interrupted by speech or called off: drop whatever of it is queued."""

    turn: int


Event = SpeechStarted | SpeechStopped | Transcribed | Sentence | Sound | Failed | Done | Cancelled
