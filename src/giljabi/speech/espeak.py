"""espeak-ng in this process: robotic, instant, no weights. Knows nothing of sentences or numbers.

The library (`espeakng-loader` brings it with its data) keeps one voice and one set of parameters
for the whole process, so there is one of it here behind one lock. Its interface: speak_lib.h of
espeak-ng 1.52.
"""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.model.pump import pump
from giljabi.speech.pieces import cut
from giljabi.speech.sound import Cancel, Lang, Pcm

LONGEST_TEXT = 5_000
"""Characters said in one call, some twenty minutes; what is made waits in memory for its listener."""

_BUFFER_MS = 60  # sound between two looks at whether to stop; it goes no lower, whatever it is told
_SYNCHRONOUS, _DONT_EXIT = 2, 0x8000
_UTF8, _IPA = 1, 2
_RATE, _VOLUME, _PITCH = 1, 2, 3
_VOICES: dict[Lang, bytes] = {"ko": b"ko", "en": b"en-us"}
_ON_SOUND = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_int16), ctypes.c_int, ctypes.c_void_p
)


@dataclass(frozen=True, slots=True)
class Manner:
    """How espeak-ng speaks."""

    words_a_minute: int = 160
    """80 to 450."""
    pitch: int = 50
    """0 to 99."""
    volume: int = 100
    """0 to 200; 100 is full scale, above it clips."""

    def __post_init__(self) -> None:
        for name, low, high in (("words_a_minute", 80, 450), ("pitch", 0, 99), ("volume", 0, 200)):
            if not low <= getattr(self, name) <= high:
                raise GiljabiError(
                    f"espeak-ng takes {name} from {low} to {high}, not {getattr(self, name)}."
                )


class Espeak:
    """espeak-ng with its Korean and its English voice; implements `giljabi.speech.sound.Mouth`.

    Thread-safe: a second `say` waits until the first is synthesised (milliseconds), not until it
    was listened to. Raises GiljabiError where the library is missing or does not start.
    """

    def __init__(self, manner: Manner | None = None) -> None:
        self._manner = manner or Manner()
        self._library = _library()
        self.rate = self._library.rate

    def say(self, text: str, lang: Lang, *, cancel: Cancel | None = None) -> Iterator[Pcm]:
        """See Mouth.say; pieces of at most 40 ms, and nothing runs on once the iterator is left."""
        if len(text) > LONGEST_TEXT:
            raise GiljabiError(
                f"espeak-ng is given at most {LONGEST_TEXT} characters at once, not {len(text)}."
            )
        return pump(
            lambda emit, stopped: self._library.speak(text, lang, self._manner, emit, stopped),
            cancel=cancel,
        )

    def phonemes(self, text: str, lang: Lang) -> str:
        """`text` in IPA as it would be said; a change of language within it shows as "(en)"."""
        return self._library.phonemes(text, lang)


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


class _Library:
    """The one espeak-ng of this process."""

    def __init__(self) -> None:
        try:
            import espeakng_loader  # noqa: PLC0415
        except ImportError as error:
            raise GiljabiError("Speaking needs espeak-ng: pip install 'giljabi[voice]'") from error
        try:
            self._lib: Any = ctypes.CDLL(espeakng_loader.get_library_path())
            data = espeakng_loader.get_data_path()
        except (OSError, RuntimeError) as error:
            raise GiljabiError(f"espeak-ng cannot be loaded: {error}") from error
        _declare(self._lib)
        self.rate: int = self._lib.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, os.fsencode(data), _DONT_EXIT
        )
        if self.rate <= 0:
            raise GiljabiError(
                f"espeak-ng does not start with its data in {data} (it takes paths up to 160 bytes)."
            )
        self._lock = threading.Lock()
        self._closing = threading.Event()
        # At the program's end: a callback into an interpreter that is gone brings it down.
        weakref.finalize(self, _close, self._closing, self._lock)

    def speak(
        self,
        text: str,
        lang: Lang,
        manner: Manner,
        emit: Callable[[Pcm], None],
        stopped: threading.Event,
    ) -> None:
        def over() -> bool:
            return stopped.is_set() or self._closing.is_set()

        def on_sound(samples: Any, count: int, _events: Any) -> int:
            if over():
                return 1  # espeak-ng stops here
            if count > 0:
                # A copy: the buffer is espeak-ng's own.
                pcm = np.ctypeslib.as_array(samples, (count,)).astype(np.float32) / 32768.0
                for piece in cut(pcm, self.rate):
                    emit(piece)
            return 0

        while not self._lock.acquire(timeout=0.02):
            if over():
                return
        try:
            if over():
                return
            self._choose(lang)
            for parameter, value in (
                (_RATE, manner.words_a_minute),
                (_PITCH, manner.pitch),
                (_VOLUME, manner.volume),
            ):
                self._lib.espeak_SetParameter(parameter, value, 0)
            callback = _ON_SOUND(on_sound)
            self._lib.espeak_SetSynthCallback(callback)
            raw = _encoded(text)
            code = self._lib.espeak_Synth(raw, len(raw) + 1, 0, 0, 0, _UTF8, None, None)
            if code != 0 and not over():
                raise GiljabiError(
                    f"espeak-ng could not say a text of {len(text)} characters: {code}."
                )
        finally:
            self._lock.release()

    def phonemes(self, text: str, lang: Lang) -> str:
        with self._lock:
            self._choose(lang)
            rest = ctypes.c_char_p(_encoded(text))
            clauses = []
            while rest.value:
                said = self._lib.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA)
                clauses.append((said or b"").decode("utf-8"))
        return " ".join(clauses)

    def _choose(self, lang: Lang) -> None:
        voice = _VOICES[lang]
        if self._lib.espeak_SetVoiceByName(voice) != 0:
            raise GiljabiError(f"This espeak-ng has no voice {voice.decode()}.")


def _encoded(text: str) -> bytes:
    return text.replace("\0", " ").encode("utf-8", "replace")


def _close(closing: threading.Event, lock: threading.Lock) -> None:
    closing.set()
    if lock.acquire(timeout=1):
        lock.release()


def _declare(lib: Any) -> None:
    c = ctypes
    lib.espeak_Initialize.argtypes = [c.c_int, c.c_int, c.c_char_p, c.c_int]
    lib.espeak_SetVoiceByName.argtypes = [c.c_char_p]
    lib.espeak_SetParameter.argtypes = [c.c_int, c.c_int, c.c_int]
    lib.espeak_SetSynthCallback.argtypes = [_ON_SOUND]
    lib.espeak_SetSynthCallback.restype = None
    lib.espeak_Synth.argtypes = [
        c.c_char_p, c.c_size_t, c.c_uint, c.c_int, c.c_uint, c.c_uint, c.c_void_p, c.c_void_p,
    ]  # fmt: skip
    lib.espeak_TextToPhonemes.argtypes = [c.POINTER(c.c_char_p), c.c_int, c.c_int]
    lib.espeak_TextToPhonemes.restype = c.c_char_p
