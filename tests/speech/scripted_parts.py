"""An ear, a mouth, an answerer and a listener that do as they are told, in real threads and time.

An utterance is a constant level: `utterance(3)` is heard as the third of the ear's texts.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.events import Cancelled, Done
from giljabi.speech.sound import Ended, Heard, Started

RATE_OUT = 8000
PIECE = 400  # 50 ms
SILENCE = np.zeros(1600, np.float32)


def utterance(number, samples=1600):
    return np.full(samples, number / 100, np.float32)


def voice_of(text):
    """The level at which `text` is said."""
    return np.float32(sum(map(ord, text)) % 997 / 997)


def until(true, timeout=5.0):
    end = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.002)


class Gate:
    """Something a part goes through; closed, it waits there until opened or cancelled."""

    def __init__(self):
        self._left = float("inf")
        self.reached = threading.Event()

    def close(self, after=0):
        """Let so many through, and then nobody; `reached` tells that somebody waits."""
        self.reached.clear()
        self._left = after

    def open(self):
        self._left = float("inf")

    def passes(self, cancel):
        while self._left <= 0:
            self.reached.set()
            if cancel():
                return False
            time.sleep(0.002)
        self._left -= 1
        return not cancel()


@dataclass
class LevelListener:
    """Sound is speech; 50 ms without any end it."""

    silent: int = 800
    fed: int = 0
    speech: list = field(default_factory=list)
    quiet: int = 0

    def feed(self, pcm):
        events = []
        for n in range(0, len(pcm), 160):
            events += self._frame(pcm[n : n + 160])
        return events

    def _frame(self, frame):
        at, self.fed = self.fed, self.fed + len(frame)
        if frame.any():
            begun = not self.speech
            self.speech.append(frame)
            self.quiet = 0
            return [Started(at)] if begun else []
        self.quiet += len(frame)
        if not self.speech or self.quiet < self.silent:
            return []
        pcm, self.speech = np.concatenate(self.speech), []
        return [Ended(self.fed - self.quiet, pcm)]

    def reset(self):
        self.fed, self.speech, self.quiet = 0, [], 0


@dataclass
class Part:
    """What every scripted part counts: how many work at once, and how soon they give up."""

    gate: Gate = field(default_factory=Gate)
    fails: list = field(default_factory=list)
    """Errors to raise, one a call; None is none."""
    busy: int = 0
    most: int = 0
    ended: list = field(default_factory=list)
    """When calls ended, time.monotonic()."""

    def __enter__(self):
        self.busy += 1
        self.most = max(self.most, self.busy)
        if self.fails and (error := self.fails.pop(0)) is not None:
            self.__exit__()
            raise error
        return self

    def __exit__(self, *_):
        self.busy -= 1
        self.ended.append(time.monotonic())


@dataclass
class ScriptedEar(Part):
    texts: dict = field(default_factory=dict)
    """Text, or a whole Heard, by the utterance's number."""
    heard: list = field(default_factory=list)

    def hear(self, pcm, *, lang="auto", cancel=None):
        assert cancel is not None
        with self:
            number = round(float(pcm.max()) * 100)
            self.heard.append(number)
            if not self.gate.passes(cancel):
                return Heard("", "ko")
            said = self.texts.get(number, f"질문 {number}")
            return said if isinstance(said, Heard) else Heard(said, "ko")


@dataclass
class ScriptedMouth(Part):
    rate: int = RATE_OUT
    said: list = field(default_factory=list)
    pieces: int = 3

    def say(self, text, lang, *, cancel=None):
        with self:
            self.said.append((text, lang))
            for _ in range(self.pieces):
                if not self.gate.passes(cancel):
                    return
                yield np.full(PIECE, voice_of(text), np.float32)


@dataclass
class ScriptedAnswerer(Part):
    """Answers in three sentences; the gate stands before each."""

    asked: list = field(default_factory=list)
    langs: list = field(default_factory=list)

    def stream(self, question, history=(), *, lang="auto", cancel=None):
        with self:
            self.asked.append((question, tuple(history)))
            self.langs.append(lang)
            for n, sentence in enumerate(sentences(question)):
                if not self.gate.passes(cancel):
                    return
                yield sentence if n == 0 else f" {sentence}"


def sentences(question):
    return [f"{question}에 답하는 문장 {n}." for n in range(3)]


class Log:
    """Every event with the moment it was told."""

    def __init__(self):
        self.events = []
        self.times = []
        self._new = threading.Condition()

    def __call__(self, event):
        with self._new:
            self.events.append(event)
            self.times.append(time.monotonic())
            self._new.notify_all()

    def of(self, kind, turn=None):
        return [e for e in list(self.events) if isinstance(e, kind) and turn in (None, e.turn)]

    def wait(self, kind, turn=None, timeout=5.0):
        """The first event of this kind, once it has been told."""
        with self._new:
            assert self._new.wait_for(lambda: self.of(kind, turn), timeout), (
                f"no {kind.__name__} of turn {turn} in {self.events}"
            )
        return self.of(kind, turn)[0]

    def wait_over(self, turn, timeout=5.0):
        with self._new:
            assert self._new.wait_for(
                lambda: self.of(Done, turn) or self.of(Cancelled, turn), timeout
            ), f"turn {turn} never ended: {self.events}"


def broken(what):
    return GiljabiError(f"The {what} is broken; mend it.")
