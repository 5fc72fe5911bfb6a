"""Who is speaking, and when they have done: Silero VAD in ONNX, and turns made of its judgement.

Silero VAD 6 (github.com/snakers4/silero-vad, MIT) as faster-whisper packs it; no torch. Knows
nothing of words.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.sound import RATE, Ended, Pcm, Started
from giljabi.speech.wav import clean

FRAME = 512
"""Samples judged at once: 32 ms."""
_CONTEXT = 64  # samples of the frame before that the network sees too
_STATE = (1, 1, 128)
_UNDECIDED = 32  # frames after which evidence that led nowhere is forgotten


@dataclass(frozen=True, slots=True)
class Turns:
    """When speech begins and ends. Times are in milliseconds."""

    doubt: float = 0.25
    """What a frame's probability of speech is above this is evidence, what it is below is
    evidence against (Page's cumulative sum, 1954): faint beginnings add up, clicks do not."""
    evidence: float = 0.5
    """Speech has begun where the sum of evidence, never below 0, comes to this."""
    speech_ms: int = 64
    """Shortest stretch of sound that may begin a turn."""
    quiet: float = 0.35
    """Once somebody speaks, frames below this are silence."""
    silence_ms: int = 500
    """Silence that ends a turn; 400 to 600 suits people who pause to think of a name."""
    before_ms: int = 480
    """Sound kept from before the first evidence: soft consonants begin there."""
    longest_ms: int = 25_000
    """A turn is ended here, spoken out or not: Whisper hears no more than 30 s at once."""

    def __post_init__(self) -> None:
        if not (0 < self.doubt < 1 and 0 < self.quiet < 1 and self.evidence > 0):
            raise GiljabiError("Turns need probabilities between 0 and 1, and evidence above 0.")
        shortest = min(self.speech_ms, self.silence_ms, self.before_ms)
        if shortest < 0 or not self.silence_ms < self.longest_ms <= 30_000:
            raise GiljabiError("Times of a turn are milliseconds, the longest at most 30,000.")


class Silero:
    """The network: one frame in, the probability that it holds speech out. Remembers the past."""

    def __init__(self) -> None:
        self._session = _session()
        self.reset()

    def reset(self) -> None:
        """Forget every frame so far."""
        self._h = np.zeros(_STATE, np.float32)
        self._c = np.zeros(_STATE, np.float32)
        self._input = np.zeros((1, _CONTEXT + FRAME), np.float32)

    def __call__(self, frame: Pcm) -> float:
        """Probability of speech in `frame`, FRAME samples at RATE, following the last one."""
        self._input[0, :_CONTEXT] = self._input[0, -_CONTEXT:]
        self._input[0, _CONTEXT:] = frame
        out, self._h, self._c = self._session.run(
            None, {"input": self._input, "h": self._h, "c": self._c}
        )
        return float(out[0])


class Vad:
    """A Listener on Silero. Not thread-safe: one for each stream of sound.

    Every Started is followed by one Ended. Memory is bounded by the longest turn.
    """

    def __init__(self, turns: Turns | None = None) -> None:
        self._turns = turns or Turns()
        self._speech = Silero()
        self._kept = _frames(self._turns.before_ms)
        self.reset()

    def reset(self) -> None:
        """Forget everything fed so far; counting begins anew."""
        self._speech.reset()
        self._rest = np.zeros(0, np.float32)
        self._at = 0  # samples judged
        self._idle()

    def feed(self, pcm: Pcm) -> list[Started | Ended]:
        """The next samples (RATE, any number of them), and what they began or ended."""
        pieces = np.concatenate([self._rest, clean(pcm)])
        whole = len(pieces) // FRAME * FRAME
        self._rest = pieces[whole:].copy()
        events: list[Started | Ended] = []
        for frame in pieces[:whole].reshape(-1, FRAME):
            event = self._judge(frame.copy(), self._speech(frame))
            if event is not None:
                events.append(event)
        return events

    def _idle(self, left: Iterable[Pcm] = ()) -> None:
        self._frames = deque(left)
        self._speaking = False
        self._evidence = 0.0
        self._spoken = 0  # frames since evidence was last 0
        self._last = 0  # where the last frame of speech ended

    def _judge(self, frame: Pcm, probability: float) -> Started | Ended | None:
        t = self._turns
        self._frames.append(frame)
        self._at += FRAME
        if not self._speaking:
            return self._maybe_started(probability - t.doubt)
        if probability >= t.quiet:
            self._last = self._at
        silent = self._at - self._last >= t.silence_ms * RATE // 1000
        if silent or len(self._frames) >= _frames(t.longest_ms):
            return self._ended(silent=silent)
        return None

    def _maybe_started(self, more: float) -> Started | None:
        t = self._turns
        self._evidence = max(0.0, self._evidence + more)
        self._spoken = self._spoken + 1 if self._evidence else 0
        if self._evidence >= t.evidence and self._spoken >= _frames(t.speech_ms):
            self._speaking, self._last = True, self._at
            return Started(self._at - self._spoken * FRAME)
        if self._spoken > _UNDECIDED:
            self._evidence, self._spoken = 0.0, 0
        while len(self._frames) > self._kept + self._spoken:
            self._frames.popleft()
        return None

    def _ended(self, *, silent: bool) -> Ended:
        frames = list(self._frames)
        event = Ended(self._last, np.concatenate(frames))
        # The next turn may begin in the silence that ended this one.
        self._idle(frames[-self._kept :] if silent and self._kept else ())
        return event


def _frames(ms: int) -> int:
    return -(-ms * RATE // 1000 // FRAME)


def _session() -> Any:
    try:
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Telling speech from noise needs onnxruntime: pip install 'giljabi[voice]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        str(_network()), sess_options=options, providers=["CPUExecutionProvider"]
    )


def _network() -> Path:
    found = find_spec("faster_whisper")  # finds the folder without loading recognition too
    for folder in (found.submodule_search_locations or ()) if found else ():
        for path in sorted(Path(folder).glob("assets/silero_vad*.onnx")):
            return path
    raise GiljabiError(
        "Telling speech from noise needs the Silero VAD in faster-whisper 1.2 or later: "
        "pip install 'giljabi[voice]'"
    )
