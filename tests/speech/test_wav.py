from __future__ import annotations

import io
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError

np = pytest.importorskip("numpy", reason="needs giljabi[voice]")
soundfile = pytest.importorskip("soundfile", reason="needs giljabi[voice]")
pytest.importorskip("soxr", reason="needs giljabi[voice]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from giljabi.speech import wav  # noqa: E402
from giljabi.speech.sound import RATE  # noqa: E402


def tone(seconds: float, rate: int, hertz: float = 440.0):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(
        np.float32
    )


def packed(samples, rate: int, kind: str = "WAV", subtype: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(
    ("kind", "subtype"), [("WAV", "PCM_16"), ("WAV", "ULAW"), ("FLAC", None), ("OGG", "VORBIS")]
)
def test_any_rate_and_format_becomes_the_same_tone(
    rate: int, kind: str, subtype: str | None
) -> None:
    heard = wav.decode(packed(tone(1.0, rate), rate, kind, subtype))
    assert heard.dtype == np.float32
    assert abs(len(heard) - RATE) <= RATE // 100
    spectrum = np.abs(np.fft.rfft(heard[: RATE // 2]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)


def test_channels_are_averaged() -> None:
    both = np.stack([tone(0.5, RATE), -tone(0.5, RATE)], axis=1)
    assert np.abs(wav.decode(packed(both, RATE))).max() < 1e-3


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    said = tone(0.3, RATE)
    wav.write(tmp_path / "a.wav", said)
    assert np.allclose(wav.read(tmp_path / "a.wav"), said, atol=1e-4)
    assert np.allclose(wav.decode(wav.encode(said)), said, atol=1e-4)


def test_samples_that_are_no_numbers_are_silence() -> None:
    broken = np.array([np.nan, np.inf, -np.inf, 0.5, 7.0], np.float32)
    assert wav.decode(packed(np.tile(broken, 1000), RATE, subtype="FLOAT")).max() <= 1.0
    assert list(wav.clean(broken)) == [0.0, 0.0, 0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("raw", "options", "said"),
    [
        (b"", {}, "no sound that can be read"),
        (b"RIFF\x00\x00", {}, "no sound that can be read"),
        (b"x" * 2000, {"most_bytes": 1000}, "larger than"),
        (packed(tone(2.0, RATE), RATE), {"seconds": 1.0}, "longer than 1 seconds"),
        (packed(tone(2.0, 2000), 2000), {}, "2000 samples a second"),
    ],
)
def test_a_fault_is_one_sentence(raw: bytes, options: dict[str, float], said: str) -> None:
    with pytest.raises(GiljabiError, match=said) as error:
        wav.decode(raw, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"Cannot read .*none\.wav"):
        wav.read(tmp_path / "none.wav")
    with pytest.raises(GiljabiError, match="Cannot write"):
        wav.write(tmp_path / "no" / "a.wav", tone(0.1, RATE))


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.integers(0, 60))
def test_bytes_are_sound_or_one_sentence_and_nothing_else(junk: bytes, keep: int) -> None:
    for raw in (junk, packed(tone(0.01, RATE), RATE)[:keep] + junk):
        try:
            heard = wav.decode(raw)
        except GiljabiError:
            continue
        assert np.isfinite(heard).all()
        assert len(heard) <= wav.MOST_SECONDS * RATE
