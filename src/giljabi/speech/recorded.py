"""A recording answered as if it were a visitor: every utterance, one after the other.

Knows the turn and no device; time is counted in samples, so it may run faster than it sounds.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from giljabi.speech.events import Cancelled, Done, Event, Failed, Sound, SpeechStopped, Transcribed
from giljabi.speech.sound import RATE, Pcm
from giljabi.speech.turn import Conversation

_PIECE = RATE // 50
PAUSE_S = 0.5
"""Silence after every answer in what is written."""


@dataclass(slots=True)
class Exchange:
    """One utterance and what was said to it."""

    at: int
    """Sample of the recording where speech ended."""
    transcribed: Transcribed | None = None
    failed: str = ""
    done: Done | None = None
    sound: list[Pcm] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Plain values; seconds of the recording, milliseconds of the stages."""
        heard, done = self.transcribed and self.transcribed.heard, self.done
        out: dict[str, Any] = {"speech_ended_s": round(self.at / RATE, 3)}
        if heard:
            out |= {"heard": heard.text, "lang": heard.lang, "rejected": heard.rejected}
            out |= {"asks": list(heard.asks), "log_prob": round(heard.log_prob, 3)}
        if self.failed:
            out["error"] = self.failed
        if done:
            out |= {"said": done.text, "purpose": done.purpose}
            if done.answer is not None:
                out |= {"outcome": done.answer.outcome, "places": list(done.answer.places)}
            out["timings"] = {k: round(v, 1) for k, v in done.timings.items()}
        return out


def exchanges(
    pcm: Pcm, conversation: Callable[[Callable[[Event], None]], Conversation], silence_s: float
) -> Iterator[Exchange]:
    """Every utterance of `pcm` (RATE) as it has been answered.

    `conversation` makes the conversation that tells its events to the function it is given.
    `silence_s` follows the recording, so that its last utterance ends.
    """
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    sound = np.concatenate([pcm, np.zeros(round(silence_s * RATE), np.float32)])
    with conversation(events.put) as talk:
        for start in range(0, len(sound), _PIECE):
            talk.feed(sound[start : start + _PIECE])
            while not events.empty():
                event = events.get()
                if isinstance(event, SpeechStopped):
                    yield _answered(event, events, talk)


def _answered(
    stopped: SpeechStopped, events: queue.SimpleQueue[Event], talk: Conversation
) -> Exchange:
    out = Exchange(stopped.at)
    while out.done is None:
        event = events.get()
        if isinstance(event, Transcribed):
            out.transcribed = event
        elif isinstance(event, Failed):
            out.failed = event.message
        elif isinstance(event, Sound):
            out.sound.append(event.pcm)
        elif isinstance(event, Done):
            out.done = event
        elif isinstance(event, Cancelled):
            break
    talk.played(stopped.turn, sum(map(len, out.sound)))
    return out


def said(exchange: Exchange, rate: int) -> Pcm:
    """The sound of one answer, with its silence after it."""
    pause = np.zeros(round(PAUSE_S * rate), np.float32)
    return np.concatenate([*exchange.sound, pause]) if exchange.sound else pause[:0]
