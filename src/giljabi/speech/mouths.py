"""Which voice speaks, by name; and an answer said sentence by sentence while it is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.model.pump import pump
from giljabi.speech.espeak import Espeak
from giljabi.speech.sound import Cancel, Lang, Mouth, Pcm
from giljabi.speech.speech_url import SpeechUrl
from giljabi.speech.supertonic import Supertonic
from giljabi.spoken import spoken

NAMES = "espeak, supertonic, supertonic:VOICE or http://host/v1@VOICE"


def mouth(
    name: str = "espeak",
    *,
    weights: Path | None = None,
    fall_back: Callable[[str], None] | None = None,
) -> Mouth:
    """The voice called `name` (NAMES); `weights` is the folder of supertonic's, if not its cache.

    With `fall_back`, a supertonic voice that is not here is replaced by espeak-ng, and
    `fall_back(sentence)` is told so. Without it, and for any other trouble, GiljabiError.
    """
    kind, _, voice = name.partition(":")
    if name == "espeak":
        return Espeak()
    if kind == "supertonic":
        try:
            return Supertonic(voice or "F1", folder=weights)
        except GiljabiError as error:
            if fall_back is None:
                raise
            fall_back(f"espeak-ng speaks instead of {name}: {error}")
            return Espeak()
    if kind in {"http", "https"}:
        url, at, voice = name.rpartition("@")
        if not at or "/" in voice or not voice:
            raise GiljabiError(f"{name} names no voice; write it as http://host:port/v1@VOICE.")
        return SpeechUrl(url, voice)
    raise GiljabiError(f"There is no voice called {name}; there are {NAMES}.")


@dataclass(frozen=True, slots=True)
class Aloud:
    """One sentence of an answer, how it is said, and its sound as it comes."""

    sentence: str
    said: str
    pieces: Iterator[Pcm]
    """What is not taken of it before the next sentence is asked for is lost."""


def aloud(
    sentences: Iterable[str],
    voice: Mouth,
    lang: Lang,
    *,
    readings: Mapping[str, str] | None = None,
    cancel: Cancel | None = None,
) -> Iterator[Aloud]:
    """The checked sentences of an answer, each with its sound, in order.

    One thread writes and speaks in turn (they would only take the cores from each other) and runs
    ahead, so the next sentence is written while the first is heard. Ends soon after `cancel()`
    turns true; leaving the iterator stops the voice, and the writer after the sentence it is at.
    An error of either is raised once what came before it was taken.
    """

    def work(emit: Callable[[tuple[str, str] | Pcm], None], stopped: threading.Event) -> None:
        def over() -> bool:
            return stopped.is_set() or (cancel is not None and cancel())

        for sentence in sentences:
            if over():
                return
            said = spoken(sentence, lang, readings)
            emit((sentence, said))
            if said:
                for piece in voice.say(said, lang, cancel=over):
                    emit(piece)

    stream = pump(work, cancel=cancel)
    try:
        head = next(stream, None)
        while isinstance(head, tuple):
            pieces = _Pieces(stream)
            yield Aloud(*head, pieces)
            for _ in pieces:
                pass
            head = pieces.following
    finally:
        stream.close()


class _Pieces:
    """The sound up to the next sentence, which it keeps for whoever comes after."""

    def __init__(self, stream: Iterator[tuple[str, str] | Pcm]) -> None:
        self._stream = stream
        self.following: tuple[str, str] | None = None

    def __iter__(self) -> _Pieces:
        return self

    def __next__(self) -> Pcm:
        if self.following is not None:
            raise StopIteration
        item = next(self._stream)
        if isinstance(item, np.ndarray):
            return item
        self.following = item
        raise StopIteration
