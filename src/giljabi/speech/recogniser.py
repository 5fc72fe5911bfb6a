"""Whisper on CTranslate2 for one utterance: encoded once, decoded as often as is needed.

The window fits the utterance: the library's own call always pads to 30 s and pays for all of it.
Knows nothing of venues and believes whatever it hears.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.model.llamacpp import spare_cores
from giljabi.speech.sound import RATE, Lang, Pcm

LONGEST_S = 30.0
"""Whisper hears no more than this at once."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How an utterance is decoded. Temperature is always 0: sampling again took 20 s once."""

    window_floor_s: float = 10.0
    """Shortest window; below it a short utterance collapses."""
    window_margin_s: float = 2.0
    """Silence behind the utterance, which tells the decoder that it is over."""
    beam: int = 5
    repetition_penalty: float = 1.1
    tokens_per_s: float = 12.0
    """Bounds what may be written of so many seconds (and 10 tokens more)."""
    prompt_tokens: int = 200
    """Most tokens of names given as context; Whisper has room for 223."""


@dataclass(frozen=True, slots=True)
class Guess:
    """What one pass of the decoder wrote."""

    text: str
    log_prob: float
    """Mean over its tokens and the end, natural logarithm."""
    no_speech: float


@dataclass(frozen=True, slots=True)
class Encoded:
    """An utterance as the encoder left it."""

    features: Any
    seconds: float


class Recogniser:
    """A multilingual Whisper from a CTranslate2 `folder`, int8 on the processor.

    `threads` is how many cores it may use (default: all but one). Raises GiljabiError where the
    folder holds no such model. Safe to call from several threads; calls take turns.
    """

    def __init__(
        self, folder: Path, *, threads: int | None = None, decoding: Decoding | None = None
    ) -> None:
        self.decoding = decoding or Decoding()
        self._model = _load(folder, threads or spare_cores())
        if not self._model.model.is_multilingual:
            raise GiljabiError(f"{folder} is an English-only Whisper; it cannot hear Korean.")
        token = self._model.hf_tokenizer.token_to_id
        self._start, self._end = token("<|startoftranscript|>"), token("<|endoftext|>")
        self._before, self._task = token("<|startofprev|>"), token("<|transcribe|>")
        self._plain = token("<|notimestamps|>")
        self._lang: dict[Lang, int] = {"ko": token("<|ko|>"), "en": token("<|en|>")}

    def encode(self, pcm: Pcm) -> Encoded:
        """`pcm` (RATE, mono; at most LONGEST_S of it) on a window that fits it."""
        d = self.decoding
        pcm = pcm[: int(LONGEST_S * RATE)]
        seconds = len(pcm) / RATE
        window = min(LONGEST_S, max(d.window_floor_s, seconds + d.window_margin_s))
        # Silence as samples, as Whisper was trained; two frames are one position of the encoder.
        padded = np.zeros(int(window * 50) * 2 * RATE // 100, np.float32)
        padded[: len(pcm)] = pcm[: len(padded)]
        features = self._model.feature_extractor(padded, padding=0)
        return Encoded(self._model.encode(features), seconds)

    def language(self, encoded: Encoded) -> Lang:
        """Korean or English, whichever is likelier; other languages are not in question."""
        likely = dict(self._model.model.detect_language(encoded.features)[0])
        return "ko" if likely.get("<|ko|>", 0.0) >= likely.get("<|en|>", 0.0) else "en"

    def decode(self, encoded: Encoded, lang: Lang, names: Sequence[str] = ()) -> Guess:
        """What was said, with `names` as the words that are likely to occur."""
        d = self.decoding
        prompt = [self._start, self._lang[lang], self._task, self._plain]
        if names:
            prompt = [self._before, *self._context(names), *prompt]
        most = len(prompt) + 10 + int(encoded.seconds * d.tokens_per_s)
        (result,) = self._model.model.generate(
            encoded.features,
            [prompt],
            beam_size=d.beam,
            repetition_penalty=d.repetition_penalty,
            max_length=min(most, self._model.max_length),
            return_scores=True,
            return_no_speech_prob=True,
        )
        tokens = [t for t in result.sequences_ids[0] if t < self._end]
        # CTranslate2 divides by the tokens written; the end was scored too.
        log_prob = result.scores[0] * len(tokens) / (len(tokens) + 1)
        text = self._model.hf_tokenizer.decode(tokens).strip()
        return Guess(text, log_prob, result.no_speech_prob)

    def _context(self, names: Sequence[str]) -> list[int]:
        tokens: list[int] = []
        for name in names:
            more = self._model.hf_tokenizer.encode(" " + name, add_special_tokens=False).ids
            if len(tokens) + len(more) > self.decoding.prompt_tokens:
                break
            tokens += more
        return tokens


def _load(folder: Path, threads: int) -> Any:
    try:
        from faster_whisper import WhisperModel  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Hearing needs faster-whisper and CTranslate2: pip install 'giljabi[voice]'"
        ) from error
    try:
        return WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=threads,
            local_files_only=True,
        )  # fmt: skip
    except (RuntimeError, ValueError, OSError) as error:
        said = " ".join(str(error).split())
        raise GiljabiError(f"CTranslate2 cannot load Whisper from {folder}: {said}") from error
