"""One reply as it is written, spoken and played: what of it the visitor has heard.

Knows no threads; whoever owns it guards it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from giljabi.speech.events import Purpose
from giljabi.speech.sound import Lang

_LATE_S = 0.3  # a player's own buffers, where it does not report


@dataclass(slots=True)
class _Said:
    text: str
    purpose: Purpose
    samples: int = 0
    complete: bool = False
    """All its sound has been handed to the player."""


@dataclass(slots=True)
class Reply:
    """What is said in one turn, sentence by sentence."""

    rate: int
    """Samples a second; 0 where answers are text only and heard as soon as they are told."""
    question: str = ""
    """What it answers; empty where it answers nothing and is not remembered."""
    lang: Lang = "ko"
    hold_ms: float | None = None
    """Silence that was waited for after the last word, milliseconds."""
    failed: bool = False
    timings: dict[str, float] = field(default_factory=dict)
    """Milliseconds by stage, as in `events.Done`."""
    clock: Callable[[], float] = time.perf_counter
    _said: list[_Said] = field(default_factory=list)
    _sent: int = 0
    _until: float = 0.0
    """When what was sent will have been played, without gaps."""
    _reported: int | None = None
    _stopped_at: int | None = None
    _began: float = field(init=False)
    _passed: float = field(init=False)

    def __post_init__(self) -> None:
        self._began = self._passed = self.clock()
        if self.hold_ms is not None:
            self.timings["hold"] = self.hold_ms

    def passed(self, stage: str) -> None:
        """`stage` is over now; of several times the first counts."""
        if stage in self.timings:
            return
        now = self.clock()
        self.timings[stage] = 1e3 * (now - self._passed)
        self._passed = now

    def since_speech(self, name: str) -> None:
        """The time from the end of speech until now, under `name`; the first time counts."""
        self.timings.setdefault(name, (self.hold_ms or 0) + 1e3 * (self.clock() - self._began))

    def write(self, text: str, purpose: Purpose) -> int:
        """One more sentence; its index."""
        if purpose != "acknowledgement":
            self.passed("think")
        self._said.append(_Said(text, purpose))
        return len(self._said) - 1

    def send(self, index: int, samples: int) -> None:
        """A piece of sound of sentence `index` goes to the player."""
        said = self._said[index]
        if said.purpose != "acknowledgement":
            self.passed("voice")
            self.since_speech("first_sound")
        said.samples += samples
        self._sent += samples
        self._until = max(self._until, self.clock()) + samples / self.rate

    def complete(self, index: int) -> None:
        """Sentence `index` has no more sound."""
        self._said[index].complete = True

    def report(self, samples: int) -> None:
        """The player says how much has sounded."""
        self._reported = samples
        if self._stopped_at is not None:
            self._stopped_at = samples

    def stop(self) -> None:
        """It was interrupted now."""
        if self._stopped_at is None:
            self._stopped_at = self._played()

    @property
    def sounding(self) -> bool:
        """Whether sound that was sent may still be playing."""
        if self._stopped_at is not None or not self._sent:
            return False
        if self._reported is not None:
            return self._reported < self._sent
        return self.clock() < self._until + _LATE_S

    def text(self) -> str:
        """All of it, acknowledgement aside."""
        return "".join(s.text for s in self._said if s.purpose != "acknowledgement")

    def heard(self) -> str:
        """What the visitor heard: everything, or up to the interruption the whole sentences."""
        if self._stopped_at is None and not self.failed:
            return self.text()
        until = self._sent if self._stopped_at is None else self._stopped_at
        kept, end = [], 0
        for said in self._said:
            end += said.samples
            if not said.complete or end > until:
                break
            if said.purpose != "acknowledgement":
                kept.append(said.text)
        return "".join(kept)

    def _played(self) -> int:
        if self._reported is not None or not self.rate:
            return self._reported or 0
        left = max(0.0, self._until - self.clock())
        return max(0, self._sent - round(left * self.rate))
