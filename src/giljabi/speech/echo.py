"""Taking what the loudspeaker says out of what the microphone hears.

WebRTC's echo canceller (AEC3) as the `livekit` wheel brings it; nothing of that wheel's network
code is used. Measured against Speex's (`pyaec`) on synthetic rooms: see docs/voice.md.
"""

from __future__ import annotations

from collections import deque
from importlib.util import find_spec
from typing import Any

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import RATE, Pcm

_FRAME = RATE // 100  # the module takes 10 ms at a time
_LATEST = 30  # frames of the loudspeaker kept: clocks drift, and what is late helps nobody


def is_installed() -> bool:
    """Whether the extra `echo` is there."""
    return find_spec("livekit") is not None


class EchoCanceller:
    """`played` is told what sounds, `clean` gives what the microphone heard beside it.

    The two may be called from different threads; the delay between them is found by itself, up
    to some hundred milliseconds. Raises GiljabiError where the extra `echo` is missing.
    """

    def __init__(self) -> None:
        try:
            from livekit import rtc  # noqa: PLC0415
        except ImportError:
            raise GiljabiError(
                "Echo cancellation needs livekit: run pip install 'giljabi[echo]'."
            ) from None
        self._rtc = rtc
        self._module = rtc.AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        self._blocks: deque[Pcm] = deque(maxlen=_LATEST)
        self._resample: Resampler | None = None
        self._far = np.zeros(0, np.float32)
        self._near = np.zeros(0, np.float32)

    def played(self, block: Pcm, rate: int) -> None:
        """The next block of the loudspeaker, silence too, `rate` samples a second."""
        if self._resample is None:
            self._resample = Resampler(rate, RATE)
        self._blocks.append(block)

    def clean(self, pcm: Pcm) -> Pcm:
        """The next samples of the microphone (RATE), without the loudspeaker; up to 10 ms late."""
        while self._blocks and self._resample is not None:
            self._far = np.concatenate([self._far, self._resample(self._blocks.popleft())])
        self._far = self._far[-_LATEST * _FRAME :]
        self._near = np.concatenate([self._near, pcm])
        out = []
        while len(self._near) >= _FRAME:
            near, self._near = self._near[:_FRAME], self._near[_FRAME:]
            far, self._far = self._far[:_FRAME], self._far[_FRAME:]
            out.append(self._frame(near, far))
        return np.concatenate(out) if out else np.zeros(0, np.float32)

    def _frame(self, near: Pcm, far: Pcm) -> Pcm:
        if len(far) == _FRAME:
            self._module.process_reverse_stream(self._of(far))
        frame = self._of(near)
        self._module.process_stream(frame)
        samples = np.frombuffer(bytes(frame.data), np.int16)
        return samples.astype(np.float32) / np.float32(32768)

    def _of(self, pcm: Pcm) -> Any:
        ints = (np.clip(pcm, -1, 1) * 32767).astype(np.int16)
        return self._rtc.AudioFrame(bytearray(ints.tobytes()), RATE, 1, _FRAME)
