"""What was said under an id, for every door alike: written or spoken, and wiped for all of them."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from giljabi.answer.memory import Memory, Turn
from giljabi.errors import GiljabiError
from giljabi.serve.shapes import RefusalError
from giljabi.serve.work import Cancel, Workers

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Conversations:
    """The memory behind a lock: a conversation that is wiped while it is answered stays wiped.

    Every method raises RefusalError 503 where the memory does not work.
    """

    def __init__(self, memory: Memory, workers: Workers) -> None:
        self._memory = memory
        self._workers = workers
        self._keeping = threading.Lock()
        self._live: dict[str, list[Callable[[], None]]] = defaultdict(list)

    def history(self, conversation: str) -> tuple[Turn, ...]:
        """The turns so far, oldest first."""
        return self._remembering(lambda: self._memory.history(conversation))

    def add(self, conversation: str, question: str, answer: str, over: Cancel) -> bool:
        """Keep a turn, unless `over()`; whether it was kept."""
        with self._keeping:
            if over():
                return False
            self._remembering(lambda: self._memory.add(conversation, question, answer))
            return True

    def wipe(self, conversation: str) -> bool:
        """Forget all of it, and call off what is going on in it; whether there was anything."""
        with self._keeping:
            self._workers.cancel_key(conversation)
            for end in self._live.pop(conversation, ()):
                end()
            return self._remembering(lambda: self._memory.wipe(conversation))

    @contextmanager
    def live(self, conversation: str, end: Callable[[], None]) -> Iterator[None]:
        """While inside, wiping the conversation calls `end`, from any thread."""
        with self._keeping:
            self._live[conversation].append(end)
        try:
            yield
        finally:
            with self._keeping:
                ends = self._live.get(conversation, [])
                if end in ends:
                    ends.remove(end)
                if not ends:
                    self._live.pop(conversation, None)

    def _remembering(self, act: Callable[[], T]) -> T:
        """Do something with the memory; its failing is the server's fault, not the client's."""
        try:
            return act()
        except GiljabiError as e:
            _log.error("%s", e)
            message = "The memory of conversations does not work."
            raise RefusalError(503, message, "memory_unavailable") from None
