"""One connection to the server: it says within a time what it wants, or is closed.

uvicorn waits for the head of a request as long as it takes, and every such connection counts
against the number it serves at the same time (RFC 9110, 15.5.9; the attack is called Slowloris).
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol


def patient(seconds: float) -> type[asyncio.Protocol]:
    """uvicorn's HTTP/1.1 protocol that waits `seconds` for the head of a request.

    From the connection, or from the first byte of a later request; what is being answered and
    bodies have their own times.
    """

    class HttpConnection(H11Protocol):
        _late: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._late = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state is not h11.IDLE:
                self._arrived()
            elif self._late is None:
                self._late = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

        def connection_lost(self, exc: Exception | None) -> None:
            self._arrived()
            super().connection_lost(exc)

        def _arrived(self) -> None:
            if self._late is not None:
                self._late.cancel()
                self._late = None

    return HttpConnection
