"""A server that speaks OpenAI's protocol: where it is, our key, hanging up, what its errors say."""

from __future__ import annotations

import json
import os
import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    import httpx

KEY_VARIABLE = "GILJABI_API_KEY"
"""Environment variable with the server's key; ours alone, so no other vendor's key leaks out."""
SPEECH_KEY_VARIABLE = "GILJABI_SPEECH_API_KEY"
"""The key of servers that hear and speak: apart from the model's, which may be elsewhere."""


class Server:
    """One door (`path`, as "/audio/speech") of the server at `url`, with or without its /v1.

    Timeouts are in seconds: `connect` to reach it, `silence` between two pieces and before the
    first. Raises GiljabiError where `url` is none.
    """

    def __init__(
        self, url: str, path: str, *, connect: float, silence: float,
        key_variable: str = KEY_VARIABLE,
    ) -> None:  # fmt: skip
        import httpx  # noqa: PLC0415

        try:
            host = httpx.URL(url).host
        except httpx.InvalidURL:
            host = ""
        if not host:
            raise GiljabiError(f"{url} is not a URL; write it as http://host:port/v1.")
        self._key_variable = key_variable
        root = url.rstrip("/").removesuffix(path)
        self.endpoint = (root if root.endswith("/v1") else root + "/v1") + path
        self._timeout = httpx.Timeout(silence, connect=connect)
        # Loading the certificates is slow, so once; a proxy never stands before our own machine.
        self._tls = httpx.create_ssl_context() if url.startswith("https:") else True
        self._trust_env = host not in {"localhost", "127.0.0.1", "::1"}

    def client(self) -> httpx.Client:
        """A client for one request, with our key if there is one."""
        import httpx  # noqa: PLC0415

        key = os.environ.get(self._key_variable)
        return httpx.Client(
            timeout=self._timeout,
            verify=self._tls,
            trust_env=self._trust_env,
            headers={"Authorization": f"Bearer {key}"} if key else {},
        )

    def refused(self, status: int, raw: bytes) -> GiljabiError:
        """Why it answered anything but 200, `raw` being the beginning of what it said."""
        return GiljabiError(
            f"{self.endpoint} answered {status}: {error_text(raw) or 'no reason given'}"
            + (f" (is {self._key_variable} set?)" if status in {401, 403} else "")
        )

    def unreachable(self, error: Exception) -> GiljabiError:
        """Why it did not answer."""
        reason = str(error).rstrip(".") or type(error).__name__
        return GiljabiError(f"No answer from {self.endpoint}: {reason}.")


class Line:
    """The connection of one request, so that another thread can cut it while a read blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._cut = False

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """httpx reports each step of a request here; the steps that connect bring the socket."""
        if event not in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            return
        with self._lock:
            self._socket = info["return_value"].get_extra_info("socket")
        if self._cut:
            self.hang_up()

    def hang_up(self) -> None:
        """Close both directions: a blocked read returns, and the server learns that we left."""
        with self._lock:
            self._cut = True
            if self._socket is not None:
                with suppress(OSError):  # it may be gone already
                    self._socket.shutdown(socket.SHUT_RDWR)


def error_text(raw: bytes) -> str:
    """The message inside an error's JSON, or the text itself; 200 characters at most."""
    text = raw.decode("utf-8", "replace").strip()
    try:
        error = json.loads(text).get("error", text)
    except (ValueError, AttributeError):
        return text[:200]
    return str(error.get("message", error) if isinstance(error, dict) else error)[:200]
