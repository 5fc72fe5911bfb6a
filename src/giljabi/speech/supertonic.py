"""Supertonic: a small neural voice in ONNX with good Korean (package `supertonic` 1.3, MIT).

Its weights (Supertone/supertonic-3 on the hub) come under OpenRAIL-M, which restricts some uses:
who configures this voice accepts them. Nothing is downloaded here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from giljabi.answer.claims import sentences
from giljabi.errors import GiljabiError
from giljabi.model.pump import pump
from giljabi.speech.pieces import cut
from giljabi.speech.sound import Cancel, Lang, Pcm

MODEL = "supertonic-3"
LICENCE = "OpenRAIL-M"
"""What its weights are under; the package itself is MIT."""


class Supertonic:
    """One Supertonic voice ("F1" to "F5", "M1" to "M5"); implements `giljabi.speech.sound.Mouth`.

    `folder` holds `onnx/` and `voice_styles/`; without it the package's own cache and then the
    hub's are looked in, at the revision the package names. Sentences are synthesised one at a
    time, the next while the last is heard; one that has begun is finished even after a cancel,
    unheard. Raises GiljabiError where the package, the weights or the voice are missing.
    """

    def __init__(
        self,
        voice: str = "F1",
        *,
        folder: Path | None = None,
        steps: int = 8,
        speed: float = 1.05,
        threads: int | None = None,
    ) -> None:
        package = _package()
        place = folder or _cached()
        if not package.loader.has_all_onnx_modules(place):
            raise GiljabiError(
                f"There are no weights of {MODEL} in {place}; it holds onnx/ and voice_styles/."
            )
        try:
            self._tts: Any = package.TTS(
                MODEL, place, auto_download=False, intra_op_num_threads=threads
            )
            self._style: Any = self._tts.get_voice_style(voice)
        except FileNotFoundError as error:
            raise GiljabiError(f"Supertonic cannot speak as {voice}: {error}") from error
        except Exception as error:
            # onnxruntime's errors have no common class, and a broken file raises any of them.
            raise GiljabiError(f"The Supertonic weights in {place} are broken: {error}") from error
        self.rate: int = self._tts.sample_rate
        self._steps = steps
        self._speed = speed
        self._lock = threading.Lock()

    def say(self, text: str, lang: Lang, *, cancel: Cancel | None = None) -> Iterator[Pcm]:
        """See Mouth.say; pieces of at most 40 ms, the first when the first sentence is made."""
        return pump(lambda emit, stopped: self._speak(text, lang, emit, stopped), cancel=cancel)

    def _speak(
        self, text: str, lang: Lang, emit: Callable[[Pcm], None], stopped: threading.Event
    ) -> None:
        for sentence in sentences(text):
            while not self._lock.acquire(timeout=0.02):
                if stopped.is_set():
                    return
            try:
                if stopped.is_set():
                    return
                wav = self._synthesise(sentence, lang)
            finally:
                self._lock.release()
            for piece in cut(wav, self.rate):
                emit(piece)

    def _synthesise(self, sentence: str, lang: Lang) -> Pcm:
        try:
            wav, _ = self._tts.synthesize(
                sentence, self._style, total_steps=self._steps, speed=self._speed, lang=lang
            )
        except ValueError as error:  # characters it does not know, a speed it does not take
            raise GiljabiError(f"Supertonic cannot say a sentence: {error}") from error
        return np.asarray(wav, np.float32).reshape(-1)


def _package() -> Any:
    try:
        import supertonic  # noqa: PLC0415
        import supertonic.loader  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "The voice supertonic needs its package: pip install 'giljabi[supertonic]'"
        ) from error
    return supertonic


def _cached() -> Path:
    """Where the weights are on this machine already."""
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from supertonic import config, loader  # noqa: PLC0415

    own: Path = config.get_model_cache_dir(MODEL)
    if loader.has_all_onnx_modules(own):
        return own
    repo = config.get_model_repo(MODEL)
    try:
        return Path(
            snapshot_download(
                repo, revision=config.get_model_revision(MODEL), local_files_only=True
            )
        )
    except FileNotFoundError as error:  # LocalEntryNotFoundError
        raise GiljabiError(
            f"The weights of {repo} are neither in {own} nor in the hub's cache; with a network, "
            f"'supertonic download' brings them (licence: {LICENCE})."
        ) from error
