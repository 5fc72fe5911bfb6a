"""An Ear on Whisper: heard once, heard again with the names that fit, and only then believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from giljabi.answer import loops
from giljabi.speech import belief
from giljabi.speech.belief import Doubts
from giljabi.speech.mending import Mended, Mender
from giljabi.speech.recogniser import Encoded, Guess, Recogniser
from giljabi.speech.shortlist import Shortlist
from giljabi.speech.sound import Cancel, Heard, Lang, Pcm
from giljabi.speech.wav import clean
from giljabi.venue.place import Venue

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Help:
    """How far a venue's names may change what is heard; chosen by measurement (docs/voice-ear.md)."""

    names: int = 12
    """Names given to the second pass; 0 turns it off."""
    least: float = 0.65
    """Nothing in the text is this like any name (Shortlist's score): no second pass."""
    margin: float = 0.1
    """The second pass may be less likely than the first by this (mean log probability)."""


class WhisperEar:
    """Implements Ear. With a `venue`, its names help; without, words are as Whisper wrote them.

    An utterance is decoded twice over one encoding: plainly, then with a dozen names that sound
    like something in it as context. `timings` are encode, language, decode, names, again, mend.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        venue: Venue | None = None,
        *,
        help: Help | None = None,
        doubts: Doubts | None = None,
    ) -> None:
        self._whisper = recogniser
        self._help = help or Help()
        self._doubts = doubts or Doubts()
        self._shortlist = Shortlist(venue) if venue else None
        self._mender = Mender(venue) if venue else None

    def know(self, venue: Venue) -> None:
        """See Ear.know."""
        if self._mender is not None:
            self._shortlist, self._mender = Shortlist(venue), Mender(venue)

    def hear(
        self, pcm: Pcm, *, lang: Lang | Literal["auto"] = "auto", cancel: Cancel | None = None
    ) -> Heard:
        """See Ear.hear. A pass that runs is not interrupted; none begins after `cancel()`."""
        pcm = clean(pcm)
        clock = _Clock(cancel)
        said: Lang = "ko" if lang == "auto" else lang
        try:
            encoded = clock.run("encode", lambda: self._whisper.encode(pcm))
            if lang == "auto":
                said = clock.run("language", lambda: self._whisper.language(encoded))
            first = clock.run("decode", lambda: self._whisper.decode(encoded, said))
            guess = self._again(encoded, first, said, clock)
            rejected = belief.judge(
                guess.text, pcm=pcm, log_prob=guess.log_prob, first_log_prob=first.log_prob,
                no_speech=first.no_speech, doubts=self._doubts,
            )  # fmt: skip
            mended = clock.run("mend", lambda: self._mend(guess.text, not rejected))
        except _Cancelled:
            return Heard("", said, timings=clock.timings)
        return Heard(
            mended.text, said, rejected, mended.asks, guess.log_prob, first.no_speech, clock.timings
        )

    def _again(self, encoded: Encoded, first: Guess, lang: Lang, clock: _Clock) -> Guess:
        help_ = self._help
        if (
            self._shortlist is None
            or not help_.names
            or first.log_prob < self._doubts.first_log_prob
        ):
            return first  # what is not believed anyway is not worth a second pass
        shortlist = self._shortlist
        names = clock.run("names", lambda: shortlist.of(first.text, lang, most=help_.names))
        if not names or names[0].score < help_.least:
            return first
        said = [name.name for name in names]
        second = clock.run("again", lambda: self._whisper.decode(encoded, lang, said))
        likely = second.log_prob > first.log_prob - help_.margin
        return second if likely and loops.find(second.text) is None else first

    def _mend(self, text: str, believed: bool) -> Mended:
        return self._mender.mend(text) if self._mender and believed else Mended(text)


class _Cancelled(Exception):
    pass


class _Clock:
    """Runs the stages, writes down how long they took, and begins none once cancelled."""

    def __init__(self, cancel: Cancel | None) -> None:
        self._cancel = cancel
        self.timings: dict[str, float] = {}

    def run(self, stage: str, work: Callable[[], T]) -> T:
        if self._cancel is not None and self._cancel():
            raise _Cancelled
        begin = time.perf_counter()
        done = work()
        self.timings[stage] = 1e3 * (time.perf_counter() - begin)
        return done
