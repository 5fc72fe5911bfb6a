"""A few worker threads, a bounded queue in front of them, and jobs that can be called off.

Answers are made by plain blocking iterators; the server is asynchronous. A job is one such
iterator running in a worker thread, read from the event loop through a small buffer.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Cancel = Callable[[], bool]
Make = Callable[[Cancel], Iterator[T]]
"""Given `cancel`, an iterator that ends soon after `cancel()` turns true."""

_BUFFER = 16
_POLL_S = 0.1
_log = logging.getLogger(__name__)


class BusyError(Exception):
    """Every worker is taken and the queue is full."""


class Job(Generic[T]):
    """One iterator in a worker thread. Read it asynchronously, once; `cancel` it at any time.

    The worker runs at most 16 items ahead of the reader. An exception of the iterator is raised
    to the reader. A cancelled job ends for its reader at once, and for its worker when the
    iterator notices; the worker stays taken until then.
    """

    def __init__(self, make: Make[T], key: str, leave: Callable[[Job[Any]], None]) -> None:
        self.key = key
        self._make = make
        self._leave = leave
        self._stopped = threading.Event()
        self._room = threading.Semaphore(_BUFFER)
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[tuple[T] | BaseException | None] = asyncio.Queue()

    @property
    def cancelled(self) -> bool:
        """Whether somebody called it off."""
        return self._stopped.is_set()

    def cancel(self) -> None:
        """Call the job off; from any thread, any number of times."""
        self._stopped.set()
        self._leave(self)
        self._put(None)

    def __aiter__(self) -> Job[T]:
        return self

    async def __anext__(self) -> T:
        item = None if self.cancelled else await self._items.get()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, BaseException):
            raise item
        self._room.release()
        return item[0]

    def run(self) -> None:
        """Called by the worker: drive the iterator to its end, its error, or the cancellation."""
        try:
            items = self._make(self._stopped.is_set)
            try:
                for item in items:
                    if not self._wait_for_room():
                        return
                    self._put((item,))
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except BaseException as e:  # noqa: BLE001 - a thread's edge: raised to the reader
            self._put(e)
        finally:
            self._put(None)

    def _wait_for_room(self) -> bool:
        while not self.cancelled:
            if self._room.acquire(timeout=_POLL_S):
                return True
        return False

    def _put(self, item: tuple[T] | BaseException | None) -> None:
        try:
            self._loop.call_soon_threadsafe(self._items.put_nowait, item)
        except RuntimeError:
            _log.debug("the event loop is gone; nobody reads this job any more")


class Workers:
    """`size` threads and at most `waiting` jobs waiting for one of them."""

    def __init__(self, size: int, waiting: int) -> None:
        self._size = size
        self._limit = size + waiting
        self._change = threading.Condition()
        self._waiting: deque[Job[Any]] = deque()
        self._running: set[Job[Any]] = set()
        self._threads = 0
        self._closed = False
        self.turned_away = 0
        """Jobs there was no room for."""

    @property
    def running(self) -> int:
        """Jobs in a worker now."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Jobs in the queue now."""
        return len(self._waiting)

    def submit(self, make: Make[T], key: str = "") -> Job[T]:
        """Queue a job (from the event loop). Raises BusyError at once when there is no room.

        `key` names what the job belongs to, for `cancel_key`.
        """
        job: Job[T] = Job(make, key, self._leave)
        with self._change:
            if self._closed or len(self._waiting) + len(self._running) >= self._limit:
                self.turned_away += 1
                raise BusyError
            self._waiting.append(job)
            if self._threads < self._size:
                # Daemons: a generator that ignores `cancel` must not keep the program alive.
                self._threads += 1
                threading.Thread(target=self._work, name="giljabi-answer", daemon=True).start()
            self._change.notify()
        return job

    def cancel_key(self, key: str) -> None:
        """Call off every job that belongs to `key`."""
        with self._change:
            jobs = [job for job in (*self._waiting, *self._running) if job.key == key]
        for job in jobs:
            job.cancel()

    def open(self) -> None:
        """Take jobs again after `close`; a new pool is open."""
        with self._change:
            self._closed = False

    def close(self) -> None:
        """Call everything off and let the threads end; does not wait for them."""
        with self._change:
            self._closed = True
            jobs = [*self._waiting, *self._running]
            self._change.notify_all()
        for job in jobs:
            job.cancel()

    def _leave(self, job: Job[Any]) -> None:
        """A cancelled job gives its place in the queue back; a running one keeps its worker."""
        with self._change:
            if job in self._waiting:
                self._waiting.remove(job)

    def _work(self) -> None:
        while True:
            with self._change:
                while not self._waiting and not self._closed:
                    self._change.wait()
                if not self._waiting:
                    self._threads -= 1
                    return
                job = self._waiting.popleft()
                self._running.add(job)
            try:
                job.run()
            finally:
                with self._change:
                    self._running.discard(job)
