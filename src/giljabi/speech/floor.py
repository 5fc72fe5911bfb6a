"""Whose turn it is: the one counter that every stage looks at, what is being done, and what was said.

Knows neither ears nor mouths. Events go out through here, so that none of a turn that is over can.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from giljabi.answer.memory import Turn
from giljabi.speech.events import Cancelled, Event
from giljabi.speech.reply import Reply
from giljabi.speech.sound import Lang

Stage = Literal["listening", "hearing", "thinking", "speaking"]
Tell = Callable[[Event], None]


class Floor:
    """The state of one conversation. `changed` guards it: hold it over several steps.

    `rate` is the voice's samples a second, `turns` how many turns are remembered.
    """

    def __init__(self, tell: Tell, rate: int, turns: int, history: Sequence[Turn]) -> None:
        self.changed = threading.Condition(threading.RLock())
        self.turn = 0
        self.doing: Stage = "listening"
        self.reply = Reply(rate)
        self.taken = False
        """Whether this turn has had its question."""
        self.closed = False
        self._tell_all = tell
        self._rate = rate
        self._turns = turns
        self._before = tuple(history)
        self._kept: deque[tuple[int, Reply]] = deque(maxlen=turns)

    @property
    def stage(self) -> Stage:
        """What is being done; speaking lasts until the sound has been played."""
        with self.changed:
            return "speaking" if self.reply.sounding else self.doing

    @property
    def history(self) -> tuple[Turn, ...]:
        """The remembered turns, oldest first; of an interrupted answer what was heard."""
        with self.changed:
            kept = [Turn(r.question, r.heard()) for _, r in self._kept if r.question]
        return (*self._before, *kept)[-self._turns :]

    def over(self, turn: int) -> bool:
        """Whether nothing of `turn` is wanted any more."""
        return turn != self.turn or self.closed

    def tell(self, turn: int, event: Event) -> bool:
        """Tell the event, unless its turn is over; whether it was told."""
        with self.changed:
            if self.over(turn):
                return False
            # Under the lock: otherwise a cancellation could overtake it.
            self._tell_all(event)
            return True

    def next_turn(self) -> None:
        """Nothing of the turn so far is wanted any more."""
        with self.changed:
            interrupted = self.stage != "listening"
            if interrupted:
                self.reply.stop()
            old, self.turn = self.turn, self.turn + 1
            self.doing, self.reply, self.taken = "listening", Reply(self._rate), False
            if interrupted:
                self.tell(self.turn, Cancelled(old))
            self.changed.notify_all()

    def take(self, hold_ms: float | None) -> int:
        """An utterance of this turn is over; its answer begins. The turn's number."""
        with self.changed:
            self.doing, self.reply = "hearing", Reply(self._rate, hold_ms=hold_ms)
            self.taken = True
            return self.turn

    def answer(self, question: str, lang: Lang) -> tuple[Turn, ...]:
        """This turn answers `question`, and is remembered; the turns before it."""
        with self.changed:
            history = self.history
            self.doing = "thinking"
            self.reply.question, self.reply.lang = question, lang
            self._kept.append((self.turn, self.reply))
            return history

    def played(self, turn: int, samples: int) -> None:
        """The player has played that much of `turn`, which may be over."""
        with self.changed:
            if turn == self.turn:
                self.reply.report(samples)
            for number, reply in self._kept:
                if turn == number:
                    reply.report(samples)

    def forget(self) -> None:
        """Remember nothing."""
        with self.changed:
            self._kept.clear()
            self._before = ()

    def close(self) -> None:
        """Cancel; nothing is told afterwards."""
        with self.changed:
            if not self.closed:
                self.next_turn()
            self.closed = True
