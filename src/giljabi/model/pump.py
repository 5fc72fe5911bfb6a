"""A blocking producer of text or sound as an iterator that can be left at any moment."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TypeVar

_POLL_S = 0.02

Piece = TypeVar("Piece")
Work = Callable[[Callable[[Piece], None], threading.Event], None]
"""`work(emit, stopped)`: calls `emit(piece)` as pieces come; gives up once `stopped` is set."""


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


def pump(
    work: Work[Piece],
    *,
    cancel: Callable[[], bool] | None = None,
    abort: Callable[[], None] | None = None,
) -> Generator[Piece, None, None]:
    """Run `work` in a thread and yield what it emits while it is still running.

    Ends when the work ends, within about 20 ms of `cancel()` turning true, or when the consumer
    closes the iterator; in the last two cases `stopped` is set and `abort()` called once, and the
    thread is left to wind down by itself. An exception of the work is raised here.
    """
    pieces: queue.SimpleQueue[Piece | _End] = queue.SimpleQueue()
    stopped = threading.Event()

    def run() -> None:
        error: BaseException | None = None
        try:
            work(pieces.put, stopped)
        except BaseException as caught:  # noqa: BLE001 - a thread's edge: raised by the consumer
            error = caught
        pieces.put(_End(error))

    # A daemon: leaving the program must not wait for a server that stopped answering.
    threading.Thread(target=run, name="giljabi-generate", daemon=True).start()
    finished = False
    try:
        while cancel is None or not cancel():
            try:
                item = pieces.get(timeout=None if cancel is None else _POLL_S)
            except queue.Empty:
                continue
            if isinstance(item, _End):
                finished = True
                if item.error is not None:
                    raise item.error
                return
            yield item
    finally:
        if not finished:
            stopped.set()
            if abort is not None:
                abort()
