"""Whether what was recognised was said at all: doubts, loops and stock phrases.

Thresholds were chosen on 64 real clips, the same under pink noise and a crowd, and on minutes of
crowds alone (benchmarks/hearing.py; docs/voice-ear.md has the figures). Knows no model.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from giljabi import korean
from giljabi.answer import loops
from giljabi.speech.sound import RATE, Pcm, Rejection
from giljabi.venue.forms import squeeze


@dataclass(frozen=True, slots=True)
class Doubts:
    """Where belief ends. Probabilities are natural logarithms, means over tokens."""

    log_prob: float = -0.75
    """Text less likely than this was misheard more often than not."""
    first_log_prob: float = -1.0
    """The same for the pass without the venue's names: they make even noise say a name."""
    no_speech: float = 0.45
    """With this probability that nobody spoke …"""
    no_speech_log_prob: float = -0.5
    """… text must be likelier than this."""
    contrast_db: float = 12.0
    """Where the loud tenth of a turn is so little louder than its quiet tenth, as in a crowd …"""
    contrast_log_prob: float = -0.6
    """… text must be likelier than this."""
    letters_per_s: float = 1.5
    """Fewer letters than this, after a second's grace: most of the sound was not understood."""


def judge(
    text: str,
    *,
    pcm: Pcm | None = None,
    log_prob: float | None = None,
    first_log_prob: float | None = None,
    no_speech: float = 0.0,
    doubts: Doubts | None = None,
) -> Rejection:
    """Why `text` is not to be answered; "" where it is.

    `pcm` (RATE) is what was heard; `log_prob` of the text, and `first_log_prob` of what was heard
    without any names as context. What is None is not judged.
    """
    d = doubts or Doubts()
    said = squeeze(text)
    if not said:  # nothing, or nothing in a script we know
        return "unsure" if any(c.isalpha() for c in text) else "no_speech"
    if _loops(text, said):
        return "loop"
    likely = 0.0 if log_prob is None else log_prob
    first = likely if first_log_prob is None else first_log_prob
    if _stock()["always"].fullmatch(said):
        return "stock_phrase"
    if _stock()["doubtful"].fullmatch(said) and (likely < d.no_speech_log_prob or no_speech > 0.3):
        return "stock_phrase"
    if no_speech > d.no_speech and likely < d.no_speech_log_prob:
        return "no_speech"
    if likely < d.log_prob or first < d.first_log_prob:
        return "unsure"
    if 3 * len(korean.foreign_script(text)) > len(text):
        return "unsure"
    if pcm is not None and _too_little(said, pcm, likely, d):
        return "unsure"
    return ""


def _too_little(said: str, pcm: Pcm, likely: float, d: Doubts) -> bool:
    if len(said) < d.letters_per_s * (len(pcm) / RATE - 1.0):
        return True
    return likely < d.contrast_log_prob and contrast(pcm) < d.contrast_db


def contrast(pcm: Pcm) -> float:
    """How much louder the loud tenth of `pcm` is than its quiet tenth, in dB, by 32 ms."""
    frames = pcm[: len(pcm) // 512 * 512].reshape(-1, 512)
    if not len(frames):
        return 0.0
    power = 10 * np.log10(np.mean(frames.astype(np.float64) ** 2, axis=1) + 1e-10)
    quiet, loud = np.percentile(power, (10, 90))
    return float(loud - quiet)


# A few seconds hold shorter loops than an answer does: "핫도그, 핫도그, 핫도그, 핫도그".
_AGAIN = re.compile(r"(.{1,40}?)\1{3,}|(.{6,60}?)\2{2,}")


def _loops(text: str, said: str) -> bool:
    if loops.find(text) is not None:
        return True
    found = (again[0] for again in _AGAIN.finditer(said))
    # "1111 1111" may be a telephone's number.
    return any(len(again) >= 8 and (len(set(again)) > 1 or not again.isdigit()) for again in found)


@cache
def _stock() -> dict[str, re.Pattern[str]]:
    table = tomllib.loads((files("giljabi.speech") / "stock_phrases.toml").read_text("utf-8"))
    return {kind: re.compile(f"(?:{'|'.join(table[kind])})+") for kind in table}
