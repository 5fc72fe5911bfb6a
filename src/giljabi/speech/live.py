"""A conversation at this machine: its microphone, its loudspeaker, and a key to talk, if wanted.

Knows devices and the turn; not who hears, answers or speaks.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Self

import numpy as np

from giljabi.speech.devices import Device, Microphone
from giljabi.speech.echo import EchoCanceller
from giljabi.speech.events import Cancelled, Done, Event, Sound
from giljabi.speech.playback import Player
from giljabi.speech.sound import RATE, Pcm
from giljabi.speech.turn import Conversation

_REPORT_S = 0.05
_LONGEST = 25 * RATE
"""Samples that are gathered between two presses of the key."""


class Playing:
    """Plays what a conversation says, drops what was cancelled, and reports what has sounded.

    Its `tell` is the conversation's; `show` gets every event too, in a thread of its own.
    """

    def __init__(self, show: Callable[[Event], None]) -> None:
        self._show = show
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._sent = (0, 0)

    def tell(self, event: Event) -> None:
        """Takes an event; returns at once."""
        self._events.put(event)

    def start(self, conversation: Conversation, player: Player) -> Self:
        """Begin to play; both must be open."""
        self._conversation, self._player = conversation, player
        self._thread = threading.Thread(target=self._run, name="giljabi-play", daemon=True)
        self._thread.start()
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._events.put(None)
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                event = self._events.get(timeout=_REPORT_S)
            except queue.Empty:
                self._report()
                continue
            if event is None:
                return
            self._take(event)
            self._show(event)

    def _take(self, event: Event) -> None:
        if isinstance(event, Sound):
            self._player.play(event.turn, event.pcm)
            before = self._sent[1] if self._sent[0] == event.turn else 0
            self._sent = event.turn, before + len(event.pcm)
        elif isinstance(event, Cancelled):
            self._player.stop()
            self._conversation.played(*self._player.played())
        elif isinstance(event, Done):
            self._player.end()

    def _report(self) -> None:
        # Resampling rounds: at the end the whole is told, not what the device has counted.
        done = self._player.idle
        self._conversation.played(*(self._sent if done else self._player.played()))


class TalkKey:
    """Push-to-talk: the first press interrupts and records, the next one hands over."""

    def __init__(self, conversation: Conversation) -> None:
        self._conversation = conversation
        self._lock = threading.Lock()
        self._held: list[Pcm] | None = None

    @property
    def recording(self) -> bool:
        """Whether it is pressed."""
        return self._held is not None

    def press(self) -> None:
        """Begin to record, or end and have it answered."""
        with self._lock:
            if self._held is None:
                self._held = []
                self._conversation.cancel()
            else:
                self._hand_over()

    def feed(self, pcm: Pcm) -> None:
        """The next samples of the microphone; kept while recording, up to 25 s."""
        with self._lock:
            if self._held is None:
                return
            self._held.append(pcm)
            if sum(map(len, self._held)) >= _LONGEST:
                self._hand_over()

    def _hand_over(self) -> None:
        pieces, self._held = self._held or [], None
        if pieces:
            self._conversation.hear(np.concatenate(pieces)[:_LONGEST])


Presses = Callable[[Callable[[], None]], None]
"""Calls what it is given at every press of the key, until there are no more; then the talk ends."""


def converse(
    conversation: Conversation, playing: Playing, *, microphone: Device, loudspeaker: Device,
    echo: EchoCanceller | None = None, presses: Presses | None = None,
) -> None:  # fmt: skip
    """Talk until interrupted from outside, or until `presses` returns.

    With `presses` only what is said between two of them is heard. Raises GiljabiError where a
    device cannot be opened or falls silent.
    """
    key = TalkKey(conversation) if presses else None
    player = Player(loudspeaker, conversation.rate, echo.played if echo else None)
    with player, Microphone(microphone) as mic, playing.start(conversation, player):
        if key and presses:
            pressed = threading.Thread(target=presses, args=(key.press,), daemon=True)
            pressed.start()
        for block in mic.blocks():
            pcm = echo.clean(block) if echo else block
            if key is None:
                conversation.feed(pcm)
            else:
                key.feed(pcm)
                if not pressed.is_alive():
                    return
