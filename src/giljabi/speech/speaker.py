"""Saying sentences in a thread of its own, while later ones are still being written.

Knows a mouth and the floor; not where sentences come from nor who plays the sound.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from giljabi.answer.guide import Answer
from giljabi.errors import GiljabiError
from giljabi.speech.events import Done, Failed, Purpose, Sentence, Sound
from giljabi.speech.floor import Floor
from giljabi.speech.sound import Lang, Mouth, Pcm

T = TypeVar("T")
BROKEN = "This turn failed by a fault of the program; the log says where."
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Line:
    turn: int
    index: int
    text: str
    lang: Lang


@dataclass(frozen=True, slots=True)
class _End:
    turn: int
    purpose: Purpose
    answer: Answer | None


class Speaker:
    """What is written is told, said piece by piece, and finished, in order.

    `spoken` turns written text into text to be read aloud; without a mouth nothing sounds.
    `answered` is called, the floor's lock held, when an answer has been told to its end.
    """

    def __init__(
        self, mouth: Mouth | None, spoken: Callable[[str, Lang], str], floor: Floor,
        answered: Callable[[], None],
    ) -> None:  # fmt: skip
        self._mouth, self._spoken, self._floor, self._answered = mouth, spoken, floor, answered
        self._changed, self._over = floor.changed, floor.over
        self._lines: deque[_Line | _End] = deque()
        # A daemon: a voice that ignores `cancel` must not keep the program alive.
        self.thread = threading.Thread(target=self._speak_on, name="giljabi-speak", daemon=True)
        self.thread.start()

    def write(self, turn: int, text: str, lang: Lang, purpose: Purpose) -> bool:
        """Tell a sentence and hand it to the voice; False where it is not wanted any more."""
        with self._changed:
            reply = self._floor.reply
            if self._over(turn) or (reply.failed and purpose != "failure"):
                return False
            index = reply.write(text, purpose)
            self._floor.tell(turn, Sentence(turn, index, text, lang, purpose))
            self._lines.append(_Line(turn, index, text, lang))
            self._changed.notify_all()
            return True

    def finish(self, turn: int, lang: Lang, purpose: Purpose, answer: Answer | None = None) -> None:
        """The turn is done once the voice has said what is queued."""
        with self._changed:
            reply = self._floor.reply
            # The voice may have failed and ended the turn already.
            if not self._over(turn) and (purpose == "failure" or not reply.failed):
                reply.lang = lang
                self._lines.append(_End(turn, purpose, answer))
                self._changed.notify_all()

    def _speak_on(self) -> None:
        while (line := self._next_line()) is not None:
            if isinstance(line, _End):
                self._done(line.turn, line.purpose, line.answer)
                continue
            try:
                self._say(line)
            except GiljabiError as error:
                self._voice_failed(line.turn, str(error))
            except Exception as error:  # noqa: BLE001 - a thread's edge: the next turn shall work
                log_fault(error)
                self._voice_failed(line.turn, BROKEN)

    def _next_line(self) -> _Line | _End | None:
        with self._changed:
            while not self._lines and not self._floor.closed:
                self._changed.wait()
            return None if self._floor.closed else self._lines.popleft()

    def _say(self, line: _Line) -> None:
        if self._over(line.turn):
            return
        if self._mouth is not None:
            text = self._spoken(line.text.strip(), line.lang)
            pieces = self._mouth.say(text, line.lang, cancel=lambda: self._over(line.turn))
            with left(pieces):
                for pcm in pieces:
                    if not self._sound(line, pcm):
                        return
        with self._changed:
            if not self._over(line.turn):
                self._floor.reply.complete(line.index)

    def _sound(self, line: _Line, pcm: Pcm) -> bool:
        with self._changed:
            if self._over(line.turn):
                return False
            self._floor.doing = "speaking"
            self._floor.reply.send(line.index, len(pcm))
            return self._floor.tell(line.turn, Sound(line.turn, line.index, pcm))

    def _done(self, turn: int, purpose: Purpose, answer: Answer | None = None) -> None:
        with self._changed:
            if self._over(turn):
                return
            self._floor.doing = "listening"
            if purpose == "answer":
                self._answered()
            reply = self._floor.reply
            reply.since_speech("total")
            done = Done(turn, purpose, reply.text(), reply.lang, answer, dict(reply.timings))
            self._floor.tell(turn, done)

    def _voice_failed(self, turn: int, message: str) -> None:
        """Nothing more can be said; what has been written was told."""
        with self._changed:
            if self._over(turn):
                return
            self._lines.clear()
            if not self._floor.reply.failed:
                self._floor.reply.failed = True
                self._floor.tell(turn, Failed(turn, message))
            self._done(turn, "failure")


@contextmanager
def left(pieces: Iterator[T]) -> Iterator[None]:
    """Closes `pieces` at once when they are left half read: generators free what they hold."""
    try:
        yield
    finally:
        close = getattr(pieces, "close", None)
        if close is not None:
            close()


def log_fault(error: Exception) -> None:
    """Log where a bug struck: its type and place, not its message, which may quote a visitor."""
    where = "".join(traceback.format_tb(error.__traceback__))
    _log.error("a turn failed with %s\n%s", type(error).__name__, where)
