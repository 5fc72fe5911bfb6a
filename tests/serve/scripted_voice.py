"""Ears, mouths and listeners that do as they are told; sounds whose loudness says the words."""

from __future__ import annotations

import base64
import io
import threading
import time
from dataclasses import dataclass, field

import numpy as np
from scripted import ScriptedGuide

from giljabi.errors import GiljabiError
from giljabi.serve.voice import Voice, VoiceLimits
from giljabi.speech.sound import RATE, Ended, Heard, Started

WORDS = ("도서관 어디야?", "느리게 말해 줘", "학생회관은?", "길게", "고장", "영어로")


def utterance(words, seconds=0.4, rate=RATE):
    """A tone that ScriptedEar hears as `words`, one of WORDS."""
    level = 0.2 + 0.1 * WORDS.index(words)
    tone = level * np.sign(np.sin(np.arange(int(seconds * rate)) * 0.2))
    return tone.astype(np.float32)


def silence(seconds=0.8, rate=RATE):
    return np.zeros(int(seconds * rate), np.float32)


def pcm16(pcm):
    return (pcm * 32767).astype("<i2").tobytes()


def b64(pcm):
    return base64.b64encode(pcm16(pcm)).decode()


def wav_file(pcm, rate=RATE, form="WAV"):
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, pcm, rate, format=form)
    return out.getvalue()


@dataclass
class ScriptedEar:
    """Hears WORDS by loudness; silence is no_speech, `slow` waits for `go`."""

    rejected: str = ""
    fails: bool = False
    slow: bool = False
    started: int = 0
    cancelled: int = 0
    langs: list = field(default_factory=list)
    seconds: list = field(default_factory=list)

    def hear(self, pcm, *, lang="auto", cancel=None):
        self.started += 1
        self.langs.append(lang)
        self.seconds.append(len(pcm) / RATE)
        if self.fails:
            raise GiljabiError("The recogniser is not there.")
        while self.slow:
            if cancel is not None and cancel():
                self.cancelled += 1
                return Heard("", "ko")
            time.sleep(0.005)
        loud = np.median(np.abs(pcm[np.abs(pcm) > 0.05])) if (np.abs(pcm) > 0.05).any() else 0
        if not loud:
            return Heard("", "ko", "no_speech", no_speech=0.99)
        words = WORDS[min(len(WORDS) - 1, max(0, round((float(loud) - 0.2) * 10)))]
        return Heard(words, "ko", self.rejected, log_prob=-0.25, no_speech=0.01)


@dataclass
class ScriptedMouth:
    """A tone of 0.05 s a character, in pieces of 0.1 s; 고장난 breaks its voice."""

    rate: int = 22_050
    piece_s: float = 0.0
    """Seconds that a piece takes to make."""
    said: list = field(default_factory=list)
    cut: int = 0
    """How often it was stopped before the end."""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def say(self, text, lang, *, cancel=None):
        with self.lock:
            self.said.append((text, lang))
        if "고장난" in text:
            raise GiljabiError("The voice is not there.")
        left = max(1, len(text) // 2)
        try:
            while left and not (cancel is not None and cancel()):
                time.sleep(self.piece_s)
                yield (0.3 * np.sin(np.arange(self.rate // 10) * 0.3)).astype(np.float32)
                left -= 1
        finally:
            self.cut += left > 0


class ScriptedListener:
    """Loud is speech; so many milliseconds of anything else end it."""

    def __init__(self, silence_ms):
        self.silence = silence_ms * RATE // 1000
        self.reset()

    def reset(self):
        self.at, self.kept, self.quiet, self.speaking = 0, [], 0, False

    def feed(self, pcm):
        events = []
        for start in range(0, len(pcm), 160):
            frame = pcm[start : start + 160]
            loud = bool((np.abs(frame) > 0.05).any())
            if loud and not self.speaking:
                self.speaking, self.kept = True, []
                events.append(Started(self.at))
            self.at += len(frame)
            if self.speaking:
                self.kept.append(frame)
                self.quiet = 0 if loud else self.quiet + len(frame)
                if self.quiet >= self.silence:
                    self.speaking = False
                    ended = Ended(self.at - self.quiet, np.concatenate(self.kept))
                    self.quiet = 0
                    events.append(ended)
        return events


class SpokenGuide(ScriptedGuide):
    """ScriptedGuide's sentences; its made-up answers are nothing a conversation knows."""

    def stream(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        for piece in super().stream(question, history, lang=lang, cancel=cancel):
            if isinstance(piece, str):
                yield piece


def scripted_voice(ear=None, mouth=None, **limits):
    return Voice(
        ear or ScriptedEar(),
        mouth or ScriptedMouth(),
        ScriptedListener,
        lambda text, lang, readings: text.replace("2층", "이 층"),
        VoiceLimits(**limits),
    )
