"""Any OpenAI-compatible server as a Generator: /v1/chat/completions, streamed.

The seam for whatever we do not run ourselves: llama-server, vLLM, Ollama, a vendor. Knows nothing
of templates, because the server renders its own.
"""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model.connection import Line, Server, error_text
from giljabi.model.pump import pump
from giljabi.model.store import Settings

if TYPE_CHECKING:
    import httpx

_BUSY = (429, 503)
_LONGEST_WAIT_S = 30.0
_LONGEST_LINE = 1 << 20
_MOST_STOPS = 4  # what the protocol allows


class OpenAIUrl:
    """A model behind `url` (with or without the closing /v1), called by its name there.

    Implements `giljabi.answer.generator.Generator`. Timeouts are in seconds: `connect` to reach
    the server, `silence` between two pieces (and before the first). Busy servers are asked
    `attempts` times in all, waiting as long as Retry-After says.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        settings: Settings | None = None,
        connect: float = 5.0,
        silence: float = 120.0,
        attempts: int = 4,
    ) -> None:
        self.name = model
        self.tuned = False
        self.settings = settings or Settings()
        self._server = Server(url, "/chat/completions", connect=connect, silence=silence)
        self._attempts = attempts

    def stream(
        self,
        messages: Sequence[Message],
        *,
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """See Generator.stream; leaving the iterator closes the connection, so the server stops."""
        s = self.settings
        body: dict[str, Any] = {
            "model": self.name,
            "messages": list(messages),
            "stream": True,
            "max_tokens": max_tokens or s.max_tokens,
            "temperature": s.temperature if temperature is None else temperature,
            "top_p": s.top_p,
        }
        if stop:
            body["stop"] = list(stop)[:_MOST_STOPS]
        if seed is not None:
            body["seed"] = seed
        line = Line()
        return pump(
            lambda emit, stopped: self._ask(body, line, emit, stopped),
            cancel=cancel,
            abort=line.hang_up,
        )

    def close(self) -> None:
        """Nothing to free: each request has its own connection."""

    def _ask(
        self,
        body: Mapping[str, Any],
        line: Line,
        emit: Callable[[str], None],
        stopped: threading.Event,
    ) -> None:
        import httpx  # noqa: PLC0415

        try:
            with self._server.client() as client:
                for attempt in range(1, self._attempts + 1):
                    with client.stream(
                        "POST",
                        self._server.endpoint,
                        json=dict(body),
                        extensions={"trace": line.trace},
                    ) as response:
                        if response.status_code not in _BUSY or attempt == self._attempts:
                            self._read(response, emit, stopped)
                            return
                        wait = _wait_for(response.headers.get("retry-after"), attempt)
                    if stopped.wait(wait):
                        return
        except httpx.HTTPError as error:
            if stopped.is_set():
                return  # we hung up ourselves
            raise self._server.unreachable(error) from error

    def _read(
        self, response: httpx.Response, emit: Callable[[str], None], stopped: threading.Event
    ) -> None:
        if response.status_code != 200:
            raise self._server.refused(response.status_code, next(response.iter_bytes(4096), b""))
        for event in events(response.iter_bytes()):
            if stopped.is_set() or event == "[DONE]":
                return
            try:
                chunk = json.loads(event)
            except ValueError as error:
                raise GiljabiError(
                    f"{self._server.endpoint} sent no JSON: {event[:80]!r}."
                ) from error
            if "error" in chunk:
                raise GiljabiError(f"{self._server.endpoint} failed: {error_text(event.encode())}")
            for choice in chunk.get("choices") or ():
                text = (choice.get("delta") or {}).get("content")
                if text:
                    emit(text)


def events(chunks: Iterator[bytes]) -> Iterator[str]:
    """The `data:` lines of a server-sent stream, however the bytes are cut.

    Lines are split as bytes and decoded whole, so a Hangul letter cut in two stays whole; and only
    at line feeds, because U+2028 may stand inside an answer. Raises GiljabiError for a line of
    more than a mebibyte or bytes that are not UTF-8.
    """
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for raw in lines:
            yield from _data(raw)
        if len(rest) > _LONGEST_LINE:
            raise GiljabiError("The server sent a line of more than a mebibyte.")
    yield from _data(rest)


def _data(raw: bytes) -> Iterator[str]:
    if not raw.startswith(b"data:"):
        return  # comments, event names and the blank line between events
    try:
        yield raw[5:].strip().decode("utf-8")
    except UnicodeDecodeError as error:
        raise GiljabiError("The server sent bytes that are not UTF-8.") from error


def _wait_for(retry_after: str | None, attempt: int) -> float:
    # Spread out, so that clients turned away together do not come back together.
    backoff: float = min(_LONGEST_WAIT_S, 0.5 * 2**attempt) * random.uniform(0.5, 1.0)  # noqa: S311
    if not retry_after:
        return backoff
    asked: float
    try:
        asked = float(retry_after)
    except ValueError:
        try:
            until = parsedate_to_datetime(retry_after)
        except ValueError:
            return backoff
        asked = (until - datetime.now(UTC)).total_seconds()
    return max(0.0, min(asked, _LONGEST_WAIT_S))
