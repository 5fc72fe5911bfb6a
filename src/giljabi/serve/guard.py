"""What stands in front of the application: hosts, origins, bodies, and the last net for errors.

Pure ASGI middleware. A refused request never reaches a route, and nothing a visitor wrote
reaches the log: neither bodies nor query strings.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
import traceback
from collections.abc import Mapping
from typing import TYPE_CHECKING

from giljabi.serve.options import ServeOptions, host_name

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)
_DRAIN = 16  # how many times the allowed body is read and thrown away, so that 413 is seen
_HEADER_LIST = re.compile(rb"[A-Za-z0-9-]+( *, *[A-Za-z0-9-]+)*")
_METHODS = "GET, POST, DELETE"


class _BrokenOffError(Exception):
    """A response ended in the middle."""


def error_body(message: str, kind: str, code: str) -> dict[str, dict[str, str]]:
    """The one shape of every error: {"error": {"message", "type", "code"}}."""
    return {"error": {"message": message, "type": kind, "code": code}}


def log_failure(e: BaseException) -> None:
    """Log where a bug struck: its type and place, not its message, which may quote a question."""
    where = "".join(traceback.format_tb(e.__traceback__))
    _log.error("a request failed with %s\n%s", type(e).__name__, where)


async def refuse(send: Send, status: int, message: str, code: str) -> None:
    """Answer with an error and close the connection."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    body = json.dumps(error_body(message, kind, code), ensure_ascii=False).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # part of the body may still be on its way
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Net:
    """Outermost: fixed headers, one log line per request, and no traceback for a client."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; an exception becomes a 500 without the words that caused it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status = 0
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
                message = {**message, "headers": [*message.get("headers", ()), *extra]}
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as e:  # noqa: BLE001 - a request's edge: logged, answered with a 500
            log_failure(e)
            if status:
                raise _BrokenOffError from None  # too late to answer; uvicorn hangs up
            await refuse(watched, 500, "Something went wrong inside the server.", "internal_error")
        finally:
            route = getattr(scope.get("route"), "path", "-")
            elapsed = (time.perf_counter() - began) * 1000
            _log.info("%s %s %s %.1f ms", scope["method"], route, status or "-", elapsed)


class HostGuard:
    """Turns away every Host the server does not answer to: the cure for DNS rebinding."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.hosts = options.allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] == "http":
            named = [value for key, value in scope["headers"] if key == b"host"]
            host = host_name(named[0].decode("latin-1")) if len(named) == 1 else None
            if host not in self.hosts:
                await refuse(send, 403, "This server does not answer to that host.", "bad_host")
                return
        await self.app(scope, receive, send)


class OriginGuard:
    """Lets web pages call only from this server's own origin and from the configured ones."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.origins = frozenset(origin.encode() for origin in options.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what no other page sent; answer the preflights of configured origins."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        own = scope["scheme"].encode() + b"://" + headers.get(b"host", b"")
        if origin is None or origin == own:
            await self.app(scope, receive, send)
        elif origin not in self.origins:
            await refuse(send, 403, "Pages of that origin may not call this server.", "bad_origin")
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(send, origin, headers)
        else:

            async def opened(message: Message) -> None:
                if message["type"] == "http.response.start":
                    extra = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
                    message = {**message, "headers": [*message.get("headers", ()), *extra]}
                await send(message)

            await self.app(scope, receive, opened)


async def _preflight(send: Send, origin: bytes, headers: Mapping[bytes, bytes]) -> None:
    asked = headers.get(b"access-control-request-headers", b"")
    out = [
        (b"access-control-allow-origin", origin),
        (b"access-control-allow-methods", _METHODS.encode()),
        (b"vary", b"Origin"),
    ]
    if _HEADER_LIST.fullmatch(asked):  # client libraries add names of their own
        out.append((b"access-control-allow-headers", asked))
    await send({"type": "http.response.start", "status": 204, "headers": out})
    await send({"type": "http.response.body", "body": b""})


class BodyGuard:
    """Reads the whole body first: JSON only, of a bounded size, in a bounded time."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.limit = options.body_bytes
        self.seconds = options.stall_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body in hand, or answer 408, 413 or 415."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        length = headers.get(b"content-length", b"0")
        if length == b"0" and b"transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self.seconds):
                body = await self._read(receive)
        except TimeoutError:
            await refuse(send, 408, "The request's body did not arrive in time.", "slow_body")
            return
        if body is None:
            return  # the client left
        if len(body) > self.limit:
            await refuse(send, 413, f"A body may have {self.limit} bytes.", "body_too_large")
            return
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != b"application/json":
            await refuse(send, 415, "Send the body as application/json.", "not_json")
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()  # from here on only the client's leaving
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)

    async def _read(self, receive: Receive) -> bytes | None:
        """The body, cut off just past the limit; None when the client left."""
        body, seen = bytearray(), 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            piece = message.get("body", b"")
            seen += len(piece)
            body += piece[: self.limit + 1 - len(body)]
            if not message.get("more_body", False) or seen > self.limit * _DRAIN:
                return bytes(body)
