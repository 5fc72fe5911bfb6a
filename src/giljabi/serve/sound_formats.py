"""What a mouth says as bytes: file formats, 16-bit samples, another rate.

libsndfile writes (through `soundfile`), soxr changes rates; nothing touches a disk.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np

from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import Pcm

Format = Literal["mp3", "opus", "flac", "wav", "pcm"]
MEDIA_TYPES: dict[Format, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
PCM_RATE = 24_000
"""Samples a second of "pcm", as OpenAI's clients expect them; Opus cannot take every rate."""

_KINDS = {"mp3": ("MP3", None), "opus": ("OGG", "OPUS"), "flac": ("FLAC", "PCM_16")}


def pcm16(pcm: Pcm) -> bytes:
    """Signed 16-bit little-endian samples; what is louder than full scale is clipped."""
    data: bytes = np.rint(np.clip(pcm, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return data


def written(pieces: Iterable[Pcm], rate: int, form: Format) -> Iterator[bytes]:
    """The pieces of a sound at `rate` as the bytes of a file.

    "wav" (its length left open) and "pcm" (24 kHz, 16 bits, no header) come piece by piece; the
    compressed formats have their length in front, so they come at the end.
    """
    if form == "wav":
        yield _wav_head(rate)
        for piece in pieces:
            yield pcm16(piece)
    elif form == "pcm":
        for piece in _resampled(pieces, rate, PCM_RATE):
            yield pcm16(piece)
    else:
        yield _compressed(pieces, rate, form)


def _resampled(pieces: Iterable[Pcm], old: int, new: int) -> Iterator[Pcm]:
    resampler = Resampler(old, new, "LQ")
    for piece in pieces:
        yield resampler(piece)
    yield resampler(np.zeros(0, np.float32), last=True)


def _wav_head(rate: int) -> bytes:
    """A RIFF header of mono 16-bit PCM with both lengths at their maximum: read to the end."""
    unknown = (0xFFFFFFFF).to_bytes(4, "little")
    fmt = b"".join(
        number.to_bytes(size, "little")
        for number, size in ((16, 4), (1, 2), (1, 2), (rate, 4), (rate * 2, 4), (2, 2), (16, 2))
    )
    return b"RIFF" + unknown + b"WAVEfmt " + fmt + b"data" + unknown


def _compressed(pieces: Iterable[Pcm], rate: int, form: Format) -> bytes:
    import soundfile  # noqa: PLC0415

    kind, subtype = _KINDS[form]
    if form == "opus":
        pieces, rate = _resampled(pieces, rate, PCM_RATE), PCM_RATE
    buffer = io.BytesIO()
    with soundfile.SoundFile(buffer, "w", rate, 1, format=kind, subtype=subtype) as file:
        for piece in pieces:
            file.write(piece)
    return buffer.getvalue()
