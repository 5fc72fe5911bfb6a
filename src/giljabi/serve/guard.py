"""What stands in front of the application: hosts, origins, bodies, and the last net for errors.

Pure ASGI middleware. A refused request never reaches a route, and nothing a visitor wrote
reaches the log: neither bodies nor query strings.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import re
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from giljabi.serve.options import ServeOptions, host_name

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_log = logging.getLogger(__name__)
_DRAIN = 16  # how many times the allowed body is read and thrown away, so that 413 is seen
_HEADER_LIST = re.compile(rb"[A-Za-z0-9-]+( *, *[A-Za-z0-9-]+)*")
_METHODS = "GET, POST, DELETE"
FORM = "application/x-www-form-urlencoded"
_WRONG_KIND = {
    "application/json": "not_json", "multipart/form-data": "not_multipart", FORM: "not_form"
}  # fmt: skip
_GUARDED = ("http", "websocket")
_PAGE_SCHEMES = {"ws": "http", "wss": "https"}  # a page's origin names how the page was loaded


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


async def refuse_any(scope: Scope, send: Send, status: int, message: str, code: str) -> None:
    """Answer a request, or a WebSocket's handshake, with an error and close the connection."""

    async def handshake(message: Message) -> None:
        await send({**message, "type": f"websocket.{message['type']}"})

    await refuse(handshake if scope["type"] == "websocket" else send, status, message, code)


class Net:
    """Outermost: fixed headers, one log line per request, and no traceback for a client."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one request; an exception becomes a 500 without the words that caused it."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
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
                headers = [*message.get("headers", ()), (b"x-content-type-options", b"nosniff")]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message = {**message, "headers": headers}
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

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run one WebSocket; an exception closes it with 1011, or refuses its handshake."""
        accepted = False
        began = time.perf_counter()

        async def watched(message: Message) -> None:
            nonlocal accepted
            accepted = accepted or message["type"] == "websocket.accept"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as e:  # noqa: BLE001 - a connection's edge: logged, closed
            log_failure(e)
            with contextlib.suppress(Exception):  # the client may be gone already
                if accepted:
                    await send({"type": "websocket.close", "code": 1011})
                else:
                    message = "Something went wrong inside the server."
                    await refuse_any(scope, send, 500, message, "internal_error")
        finally:
            elapsed = time.perf_counter() - began
            _log.info("socket %s %.1f s", "open" if accepted else "refused", elapsed)


class HostGuard:
    """Turns away every Host the server does not answer to: the cure for DNS rebinding."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.hosts = options.allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 403."""
        if scope["type"] in _GUARDED:
            named = [value for key, value in scope["headers"] if key == b"host"]
            host = host_name(named[0].decode("latin-1")) if len(named) == 1 else None
            if host not in self.hosts:
                message = "This server does not answer to that host."
                await refuse_any(scope, send, 403, message, "bad_host")
                return
        await self.app(scope, receive, send)


class OriginGuard:
    """Lets web pages call only from this server's own origin and from the configured ones."""

    def __init__(self, app: ASGIApp, options: ServeOptions) -> None:
        self.app = app
        self.origins = frozenset(origin.encode() for origin in options.origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what no other page sent; answer the preflights of configured origins."""
        if scope["type"] not in _GUARDED:
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin")
        scheme: str = scope["scheme"]
        own = _PAGE_SCHEMES.get(scheme, scheme).encode() + b"://" + headers.get(b"host", b"")
        if origin is None or origin == own:
            await self.app(scope, receive, send)
        elif origin not in self.origins:
            message = "Pages of that origin may not call this server."
            await refuse_any(scope, send, 403, message, "bad_origin")
        elif scope["type"] == "websocket":
            await self.app(scope, receive, send)  # no headers of CORS here: being let in is all
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


@dataclass(frozen=True, slots=True)
class BodyRule:
    """What bodies a path takes."""

    limit: int
    """Largest body, in bytes."""
    kind: str = "application/json"
    """The only content type, without its parameters."""
    at_once: int | None = None
    """Bodies that may be in hand at the same time; the next one is turned away with 429."""


class BodyGuard:
    """Reads the whole body first: of one content type, of a bounded size, in a bounded time.

    `rules` are by path; every other path takes JSON of `options.body_bytes`. Bodies for the
    paths of `closed` are thrown away and answered with 404 and the sentence given there.
    """

    def __init__(
        self,
        app: ASGIApp,
        options: ServeOptions,
        rules: Mapping[str, BodyRule] | None = None,
        closed: Mapping[str, str] | None = None,
    ) -> None:
        self.app = app
        self.plain = BodyRule(options.body_bytes)
        self.rules = rules or {}
        self.closed = closed or {}
        self.seconds = options.stall_s
        self._in_hand: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body in hand, or answer 404, 408, 413, 415 or 429."""
        headers = dict(scope["headers"]) if scope["type"] == "http" else {}
        length = headers.get(b"content-length", b"0")
        path = scope.get("path", "")
        if scope["type"] == "http" and path in self.closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.seconds):
                    await _body(receive, self.plain.limit)  # so that the answer is seen
            await refuse(send, 404, self.closed[path], "not_found")
            return
        if length == b"0" and b"transfer-encoding" not in headers:
            await self.app(scope, receive, send)
            return
        rule = self.rules.get(path, self.plain)
        if rule.at_once is not None and self._in_hand[path] >= rule.at_once:
            await refuse(send, 429, "Too many uploads at once; try again soon.", "busy")
            return
        self._in_hand[path] += 1
        try:
            await self._take(rule, headers, scope, receive, send)
        finally:
            self._in_hand[path] -= 1

    async def _take(
        self,
        rule: BodyRule,
        headers: Mapping[bytes, bytes],
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        try:
            async with asyncio.timeout(self.seconds):
                body = await _body(receive, rule.limit)
        except TimeoutError:
            await refuse(send, 408, "The request's body did not arrive in time.", "slow_body")
            return
        if body is None:
            return  # the client left
        if len(body) > rule.limit:
            await refuse(send, 413, f"A body may have {rule.limit} bytes.", "body_too_large")
            return
        kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        if kind != rule.kind.encode():
            await refuse(send, 415, f"Send the body as {rule.kind}.", _WRONG_KIND[rule.kind])
            return
        given = False

        async def replay() -> Message:
            nonlocal given
            if given:
                return await receive()  # from here on only the client's leaving
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)


async def _body(receive: Receive, limit: int) -> bytes | None:
    """The body, cut off just past the limit; None when the client left."""
    body, seen = bytearray(), 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        piece = message.get("body", b"")
        seen += len(piece)
        body += piece[: limit + 1 - len(body)]
        if not message.get("more_body", False) or seen > limit * _DRAIN:
            return bytes(body)
