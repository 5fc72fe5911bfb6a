"""A listener whose unfinished utterance can be thrown away without its clock starting anew."""

from __future__ import annotations

from dataclasses import replace

from giljabi.speech.hold import Hold, Paused, Resumed
from giljabi.speech.sound import Ended, Listener, Pcm, Started


class Clearable:
    """`listener`, and `clear`: forget what is being said. Samples go on being counted."""

    def __init__(self, listener: Listener | Hold) -> None:
        self._listener = listener
        self._fed = 0
        self._cleared_at = 0

    def feed(self, pcm: Pcm) -> list[Started | Paused | Resumed | Ended]:
        """The next samples, and what they began, paused or ended."""
        self._fed += len(pcm)
        return [replace(e, at=e.at + self._cleared_at) for e in self._listener.feed(pcm)]

    def clear(self) -> None:
        """Forget the utterance that is going on."""
        self._listener.reset()
        self._cleared_at = self._fed

    def reset(self) -> None:
        """Forget everything fed so far; counting begins anew."""
        self._listener.reset()
        self._fed = self._cleared_at = 0
