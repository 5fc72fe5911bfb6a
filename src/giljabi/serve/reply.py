"""How a job's result reaches the client: whole, or piece by piece.

Either way the job is called off when the client leaves.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from starlette.responses import Response

from giljabi.errors import GiljabiError
from giljabi.serve.guard import log_failure
from giljabi.serve.shapes import RefusalError
from giljabi.serve.work import Job

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

T = TypeVar("T")
T_contra = TypeVar("T_contra", contravariant=True)


class StalledError(Exception):
    """A stream is cut: the client stopped reading, or its form has no place for an error."""


@contextlib.asynccontextmanager
async def attended(job: Job[Any], receive: Receive) -> AsyncIterator[None]:
    """While inside, the client's leaving cancels `job`; at the end it is cancelled in any case."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        job.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    finally:
        job.cancel()
        watching.cancel()
        await asyncio.wait([watching])


async def result_of(job: Job[T], receive: Receive, seconds: float) -> T:
    """The one item of `job`.

    Raises what the job raised, RefusalError 503 after `seconds`, and RefusalError 409 when it was
    called off.
    """
    async with attended(job, receive):
        try:
            async with asyncio.timeout(seconds):
                async for item in job:
                    return item
        except TimeoutError:
            raise _too_slow() from None
    raise _called_off()


class Framing(Protocol[T_contra]):
    """How the items of a job become bytes."""

    media_type: str

    def opening(self) -> bytes:
        """What comes first."""

    def piece(self, item: T_contra, /) -> bytes:
        """One item."""

    def closing(self) -> bytes:
        """What comes last, when the job ended well."""

    def broken(self, message: str, code: str) -> bytes | None:
        """What comes last when it did not; None: nothing can be said, the connection is cut."""


class Stream(Response, Generic[T]):
    """The items of a job as they come.

    An error before the first item is an ordinary HTTP error; a later one ends the stream as the
    framing says, so that a cut answer never looks whole.
    """

    def __init__(
        self, job: Job[T], framing: Framing[T], *, answer_s: float, stall_s: float
    ) -> None:
        super().__init__(media_type=framing.media_type)
        del self.headers["content-length"]
        self.job = job
        self.framing = framing
        self.answer_s = answer_s
        self.stall_s = stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; ends early when the client leaves or stops reading."""
        async with attended(self.job, receive):
            began = False
            try:
                async with asyncio.timeout(self.answer_s):
                    first = await anext(self.job, None)
                    if self.job.cancelled:
                        raise _called_off()
                    began = True
                    await self._head(send)
                    if first is not None:
                        await self._send(send, self.framing.piece(first))
                        async for piece in self.job:
                            await self._send(send, self.framing.piece(piece))
                    if self.job.cancelled:
                        raise _called_off()
                await self._send(send, self.framing.closing(), more=False)
            except TimeoutError:
                await self._broken(send, began, _too_slow())
            except (RefusalError, GiljabiError) as e:
                await self._broken(send, began, e)
            except StalledError:
                raise
            except Exception as e:  # a request's edge: logged, told as the framing does
                if not began:
                    raise
                log_failure(e)
                await self._broken(send, began, e)

    async def _head(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        await self._send(send, self.framing.opening())

    async def _send(self, send: Send, data: bytes, *, more: bool = True) -> None:
        """Send a piece; StalledError, and with it the end of the connection, when nobody reads."""
        try:
            async with asyncio.timeout(self.stall_s):
                await send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise StalledError from None

    async def _broken(self, send: Send, began: bool, e: Exception) -> None:
        if not began:
            raise e
        message, code = "Something went wrong inside the server.", "internal_error"
        if isinstance(e, RefusalError):
            message, code = e.message, e.code
        elif isinstance(e, GiljabiError):
            message, code = str(e), "bad_request"
        last = self.framing.broken(message, code)
        if last is None:
            raise StalledError(message)
        await self._send(send, last, more=False)


def _too_slow() -> RefusalError:
    return RefusalError(503, "The answer took too long.", "too_slow", headers={"Retry-After": "5"})


def _called_off() -> RefusalError:
    return RefusalError(409, "The question was called off.", "called_off")
