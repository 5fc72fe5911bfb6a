"""Sound in the small pieces that everything downstream can drop between."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from giljabi.speech.sound import Pcm

PIECE_S = 0.04
"""Seconds of one piece: what is still heard after somebody interrupts."""


def cut(pcm: Pcm, rate: int) -> Iterator[Pcm]:
    """`pcm`, shape (samples,), in pieces of at most PIECE_S."""
    size = int(rate * PIECE_S)
    for start in range(0, len(pcm), size):
        yield pcm[start : start + size]


def from_int16(samples: bytes) -> Pcm:
    """Little-endian 16-bit samples as sound between -1 and 1."""
    return np.frombuffer(samples, "<i2").astype(np.float32) / 32768.0
