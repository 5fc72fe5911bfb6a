"""A minute each of what is no question: silence, noises, hum, clicks, music and a crowd talking.

Deterministic; levels are dB below full scale (root mean square). All sound is RATE mono.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from giljabi.speech.sound import RATE, Pcm

SECONDS = 60


def all_of(clips: Sequence[Pcm], seconds: int = SECONDS) -> Iterator[tuple[str, Pcm]]:
    """Each noise by name; `clips` of people speaking make the crowds."""
    n = seconds * RATE
    yield "silence", np.zeros(n, np.float32)
    for level in (-50, -35, -20):
        yield f"white {level} dB", at(white(n), level)
        yield f"pink {level} dB", at(pink(n), level)
    for hertz in (50, 60):
        for level in (-35, -20):
            yield f"hum {hertz} Hz {level} dB", at(hum(n, hertz), level)
    for level in (-40, -25):
        yield f"clicks {level} dB", at(clicks(n), level)
    for level in (-35, -20):
        yield f"music {level} dB", at(music(n), level)
        for voices in (4, 8):
            yield f"babble of {voices} {level} dB", at(babble(n, clips, voices), level)


def at(sound: Pcm, level: float) -> Pcm:
    """`sound` scaled to this root mean square, and cut off at full scale."""
    rms = float(np.sqrt(np.mean(sound.astype(np.float64) ** 2)))
    return np.asarray(np.clip(sound * (10 ** (level / 20) / rms), -1, 1), np.float32)


def white(n: int) -> Pcm:
    """Equal power at every frequency."""
    return np.random.default_rng(1).standard_normal(n).astype(np.float32)


def pink(n: int) -> Pcm:
    """Equal power in every octave."""
    spectrum = np.fft.rfft(np.random.default_rng(2).standard_normal(n))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    return np.fft.irfft(spectrum, n).astype(np.float32)


def hum(n: int, hertz: float) -> Pcm:
    """Mains hum: the mains' frequency and five overtones, and a little hiss."""
    t = np.arange(n) / RATE
    tones = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 7))
    return np.asarray(tones + 0.01 * white(n), np.float32)


def clicks(n: int) -> Pcm:
    """Knocks and clicks: bursts of 2 to 60 ms that die away, about two a second."""
    rng = np.random.default_rng(3)
    out = np.zeros(n, np.float32)
    for start in rng.integers(0, n - RATE, 2 * n // RATE):
        length = int(rng.uniform(0.002, 0.06) * RATE)
        burst = rng.standard_normal(length) * np.exp(-5 * np.arange(length) / length)
        out[start : start + length] += burst.astype(np.float32)
    return out


def music(n: int) -> Pcm:
    """Chords of plucked tones with overtones and a melody over them, four a bar."""
    rng = np.random.default_rng(4)
    out = np.zeros(n + 4 * RATE)
    chords = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
    for beat in range(2 * n // RATE):
        notes = list(chords[beat // 4 % 4]) if beat % 2 == 0 else []
        notes.append(int(rng.choice([69, 71, 72, 74, 76, 79])))
        for note in notes:
            _pluck(out, beat * RATE // 2, 440 * 2 ** ((note - 69) / 12))
    return out[:n].astype(np.float32)


def _pluck(out: np.ndarray[tuple[int], np.dtype[np.float64]], start: int, hertz: float) -> None:
    t = np.arange(2 * RATE) / RATE
    tone = sum(np.sin(2 * np.pi * hertz * k * t) * 0.6**k for k in range(1, 6))
    out[start : start + len(t)] += tone * np.exp(-3 * t) * np.minimum(1, 200 * t)


def babble(n: int, clips: Sequence[Pcm], voices: int) -> Pcm:
    """So many people at once, each going through the clips from another one on."""
    out = np.zeros(n, np.float32)
    for voice in range(voices):
        order = np.random.default_rng(100 + voice).permutation(len(clips))
        line = np.concatenate([at(clips[i], -25) for i in order])
        out += np.resize(line, n)
    return out
