"""A loudspeaker that can be silenced at once and knows what it has played.

Knows turns only as numbers that sound belongs to.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Self

import numpy as np

from giljabi.speech.devices import Device, opened, sounddevice, usable_rate
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import Pcm

_AHEAD_S = 0.05
"""Sound in the device that may still be heard when told to stop; more is thrown away."""


class Player:
    """Plays pieces of sound of `rate` samples a second, one after the other, until told to stop.

    `sounding` is given every block on its way to the device, silence too, with its rate (for
    echo cancellation); it is called from the sound thread and must return at once. Raises
    GiljabiError where the device cannot be opened.
    """

    def __init__(
        self, device: Device, rate: int, sounding: Callable[[Pcm, int], None] | None = None
    ) -> None:
        self._device = device
        self._rate = rate
        self._sounding = sounding
        self._lock = threading.Lock()
        self._pieces: deque[Pcm] = deque()
        self._turn = 0
        self._handed = 0
        """Samples of the turn that the device has taken, at its own rate."""
        self._since = 0
        """Samples of silence it has taken since."""

    def __enter__(self) -> Self:
        self._own = usable_rate(self._device, "output", self._rate)
        self._resample = Resampler(self._rate, self._own)
        make = sounddevice().OutputStream
        self._stream = opened(make, self._device, samplerate=self._own, callback=self._fill)
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def play(self, turn: int, pcm: Pcm) -> None:
        """The next piece of `turn`; a new turn begins to be counted anew."""
        with self._lock:
            if turn != self._turn:
                self._turn, self._handed, self._since = turn, 0, 0
            self._pieces.append(self._resample(pcm))

    def end(self) -> None:
        """There are no more pieces for now: what the resampler kept back is played too."""
        with self._lock:
            self._pieces.append(self._resample(np.zeros(0, np.float32), last=True))
            self._resample = Resampler(self._rate, self._own)

    def stop(self) -> None:
        """Silence at once: what is queued is dropped, in the device too."""
        with self._lock:
            self._pieces.clear()
            self._resample = Resampler(self._rate, self._own)
            self._handed = self._sounded()
            self._since = round(self._own * self._stream.latency)
        if self._stream.latency > _AHEAD_S:
            self._stream.abort()
            self._stream.start()

    def played(self) -> tuple[int, int]:
        """The turn last played, and how many of its samples have sounded, at `rate`."""
        with self._lock:
            return self._turn, round(self._sounded() * self._rate / self._own)

    @property
    def idle(self) -> bool:
        """Whether everything has sounded."""
        with self._lock:
            return not self._pieces and self._sounded() == self._handed

    def _sounded(self) -> int:
        # What the device took last is still in its buffers.
        late: int = max(0, round(self._own * self._stream.latency) - self._since)
        return max(0, self._handed - late)

    def _fill(self, out: Any, frames: int, when: Any, status: Any) -> None:
        block = np.zeros(frames, np.float32)
        filled = 0
        with self._lock:
            while filled < frames and self._pieces:
                piece = self._pieces[0][: frames - filled]
                block[filled : filled + len(piece)] = piece
                filled += len(piece)
                if len(piece) == len(self._pieces[0]):
                    self._pieces.popleft()
                else:
                    self._pieces[0] = self._pieces[0][len(piece) :]
            self._handed += filled
            self._since = 0 if filled == frames else self._since + frames - filled
        out[:, 0] = block
        if self._sounding is not None:
            self._sounding(block, self._own)
