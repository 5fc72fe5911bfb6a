"""Sound files and bytes to samples and back: bounded in length, whatever their format claims."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.sound import RATE, Pcm

MOST_SECONDS = 120.0
"""Longest sound that is read, in seconds."""
MOST_BYTES = 25 << 20
"""Largest file that is read; what OpenAI's transcription accepts too."""

_RATES = range(4_000, 384_001)
_MOST_CHANNELS = 16


def read(path: Path, *, seconds: float = MOST_SECONDS, most_bytes: int = MOST_BYTES) -> Pcm:
    """The sound of a file as RATE mono, shape (samples,). See `decode` for what it refuses."""
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except OSError as error:
        raise GiljabiError(f"Cannot read {path}: {error.strerror}.") from error
    return decode(raw, seconds=seconds, most_bytes=most_bytes, where=str(path))


def decode(
    raw: bytes,
    *,
    seconds: float = MOST_SECONDS,
    most_bytes: int = MOST_BYTES,
    where: str = "The sound",
) -> Pcm:
    """WAV, FLAC, Ogg or MP3 bytes as RATE mono, shape (samples,), -1 to 1.

    Channels are averaged; samples that are no numbers become silence. Raises GiljabiError for
    more than `most_bytes` or `seconds`, and for bytes that are no such sound; no more than that
    is ever decoded, whatever the header says.
    """
    soundfile = _soundfile()
    if len(raw) > most_bytes:
        raise GiljabiError(f"{where} is larger than {most_bytes / (1 << 20):.0f} MiB.")
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            if file.samplerate not in _RATES or file.channels > _MOST_CHANNELS:
                raise GiljabiError(
                    f"{where} has {file.channels} channels at {file.samplerate} samples a second; "
                    f"up to {_MOST_CHANNELS} at {_RATES[0]} to {_RATES[-1]} are read."
                )
            return _mono(file, seconds, where)
    except soundfile.SoundFileError as error:
        raise GiljabiError(
            f"{where} is no sound that can be read (WAV, FLAC, Ogg or MP3)."
        ) from error


def _mono(file: Any, seconds: float, where: str) -> Pcm:
    import soxr  # noqa: PLC0415

    resampled = soxr.ResampleStream(file.samplerate, RATE, 1, dtype="float32")
    pieces: list[Pcm] = []
    left = int(seconds * file.samplerate)
    while True:
        block = file.read(min(file.samplerate, left + 1), dtype="float32", always_2d=True)
        left -= len(block)
        if left < 0:
            raise GiljabiError(f"{where} is longer than {seconds:.0f} seconds.")
        one = clean(block.mean(axis=1))
        pieces.append(resampled.resample_chunk(one, last=not len(block)))
        if not len(block):
            return np.clip(np.concatenate(pieces), -1.0, 1.0)


def clean(samples: Any) -> Pcm:
    """`samples` flat in float32 within -1 to 1; what is no number is silence."""
    flat = np.asarray(samples, dtype=np.float32).reshape(-1)
    return np.clip(np.nan_to_num(flat, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)


def encode(pcm: Pcm, rate: int = RATE) -> bytes:
    """`pcm`, `rate` samples a second, as the bytes of a WAV file in 16 bits."""
    out = io.BytesIO()
    _write(out, pcm, rate)
    return out.getvalue()


def write(path: Path, pcm: Pcm, rate: int = RATE) -> None:
    """`pcm` as a WAV file in 16 bits; GiljabiError where it cannot be written."""
    try:
        with path.open("wb") as file:
            _write(file, pcm, rate)
    except OSError as error:
        raise GiljabiError(f"Cannot write {path}: {error.strerror}.") from error


def _write(out: BinaryIO, pcm: Pcm, rate: int) -> None:
    _soundfile().write(out, clean(pcm), rate, format="WAV", subtype="PCM_16")


def resample(pcm: Pcm, rate: int, to: int = RATE) -> Pcm:
    """`pcm` of `rate` samples a second with `to` a second."""
    if rate == to or not len(pcm):
        return pcm
    _soundfile()
    import soxr  # noqa: PLC0415

    return np.asarray(soxr.resample(pcm, rate, to), dtype=np.float32)


def _soundfile() -> Any:
    try:
        import soundfile  # noqa: PLC0415
        import soxr  # noqa: F401, PLC0415
    except (ImportError, OSError) as error:  # OSError: soundfile without its C library
        raise GiljabiError(
            "Reading sound needs soundfile and soxr: pip install 'giljabi[voice]'"
        ) from error
    return soundfile
