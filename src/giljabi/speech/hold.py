"""Silence waited for before a turn is over, and a first guess long before that.

Knows a listener with little patience and adds the patience: its end of speech is a pause, which
becomes the end once the silence has lasted. So recognition may begin during the silence.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.sound import RATE, Ended, Listener, Pcm, Started
from giljabi.speech.vad import Turns, Vad

_PIECE = RATE // 50
_BEFORE, _AFTER = round(0.32 * RATE), round(0.192 * RATE)
_LONGEST = 25 * RATE


@dataclass(frozen=True, slots=True)
class Paused:
    """Speech paused at sample `at` and may be over: all of the utterance so far.

    `Resumed` or `Ended` follows; the latter with the same sound.
    """

    at: int
    pcm: Pcm


@dataclass(frozen=True, slots=True)
class Resumed:
    """It was not over."""

    at: int


PAUSE_MS = 200
"""Silence after which recognition begins."""


def listening(silence_ms: int = 500) -> Hold:
    """Silero listening, with the patience of `silence_ms` and a first guess after PAUSE_MS."""
    return Hold(Vad(Turns(silence_ms=min(PAUSE_MS, silence_ms))), silence_ms)


class Hold:
    """A Listener that ends an utterance after `silence_ms` and tells `Paused` before.

    `listener` is one that ends it much sooner (200 ms). Speech that goes on after a pause makes
    one utterance of both; it must have been noticed by `listener` before the silence is over. An
    utterance is ended after 25 s, spoken out or not.
    """

    def __init__(self, listener: Listener, silence_ms: int = 500) -> None:
        if silence_ms < 1:
            raise GiljabiError("The silence that ends a turn is at least a millisecond.")
        self._listener = listener
        self._silence = silence_ms * RATE // 1000
        self.reset()

    def reset(self) -> None:
        """Forget everything fed so far; counting begins anew."""
        self._listener.reset()
        self._kept: deque[Pcm] = deque()
        self._first = 0  # sample the first piece kept begins with
        self._fed = 0
        self._begun: int | None = None
        self._said = 0  # sample the last utterance ended at: no other holds a part of it
        self._paused: Paused | None = None

    def feed(self, pcm: Pcm) -> list[Started | Paused | Resumed | Ended]:
        """The next samples (RATE, any number of them), and what they began, paused or ended."""
        events: list[Started | Paused | Resumed | Ended] = []
        for n in range(0, len(pcm), _PIECE):
            events += self._piece(pcm[n : n + _PIECE])
        return events

    def _piece(self, pcm: Pcm) -> list[Started | Paused | Resumed | Ended]:
        events: list[Started | Paused | Resumed | Ended] = []
        self._kept.append(pcm)
        self._fed += len(pcm)
        for event in self._listener.feed(pcm):
            if isinstance(event, Ended):
                self._paused = Paused(event.at, self._utterance(event.at))
                events.append(self._paused)
            elif self._paused is not None:
                self._paused = None
                events.append(Resumed(event.at))
            else:
                self._begun = event.at
                events.append(event)
        if self._paused is not None and self._is_over(self._paused):
            events.append(Ended(self._paused.at, self._paused.pcm))
            self._said = self._paused.at
            self._begun = self._paused = None
        while self._begun is None and self._first < self._fed - 2 * _BEFORE:
            self._first += len(self._kept.popleft())
        return events

    def _is_over(self, paused: Paused) -> bool:
        return self._fed - paused.at >= self._silence or len(paused.pcm) >= _LONGEST

    def _utterance(self, end: int) -> Pcm:
        start = max(0, (self._begun or 0) - _BEFORE - self._first, self._said - self._first)
        return np.concatenate(self._kept)[start : end + _AFTER - self._first]
