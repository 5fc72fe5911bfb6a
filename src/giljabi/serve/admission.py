"""Who may open the operator's pages: one token, sessions of a browser, and a limit on guessing.

Knows no web framework. The token is compared as a hash in constant time, never stored beside what
it opens and never written anywhere.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from pathlib import Path

from giljabi.errors import GiljabiError

TOKEN_VARIABLE = "GILJABI_ADMIN_TOKEN"  # noqa: S105 - a name, not a token
SHORTEST = 16
SESSION_S = 8 * 3600
FAILURES = 5
"""Wrong tokens from one address within `FORGIVEN_S` seconds; the next attempt must wait."""
FORGIVEN_S = 60.0
_SESSIONS = 16
_ADDRESSES = 1024


class TooManyFailuresError(Exception):
    """Too many wrong tokens came from there; `wait_s` says how long to wait."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(wait_s)
        self.wait_s = wait_s


class Admission:
    """Lets in who knows `token`. Raises GiljabiError for one that is short or cannot be sent."""

    def __init__(self, token: str, *, now: Callable[[], float] = time.monotonic) -> None:
        if len(token) < SHORTEST:
            raise GiljabiError(f"An admin token has at least {SHORTEST} characters.")
        if not (token.isascii() and token.isprintable() and " " not in token):
            raise GiljabiError("An admin token has ASCII letters, digits and signs, no spaces.")
        self._token = _digest(token)
        self._now = now
        self._lock = threading.Lock()
        self._sessions: OrderedDict[bytes, float] = OrderedDict()  # hash → when it ends
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def knows(self, token: str, address: str) -> bool:
        """Whether `token`, sent from `address`, is the one.

        Raises TooManyFailuresError, whatever the token, after too many wrong ones from there.
        """
        with self._lock:
            now = self._now()
            failed = self._failures.get(address, deque())
            while failed and failed[0] <= now - FORGIVEN_S:
                failed.popleft()
            if len(failed) >= FAILURES:
                raise TooManyFailuresError(int(failed[0] + FORGIVEN_S - now) + 1)
            if hmac.compare_digest(_digest(token), self._token):
                return True
            failed.append(now)
            self._failures[address] = failed
            self._failures.move_to_end(address)
            while len(self._failures) > _ADDRESSES:
                self._failures.popitem(last=False)
            return False

    def begin(self) -> str:
        """A session for a browser that showed the token: what its cookie holds."""
        session = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[_digest(session)] = self._now() + SESSION_S
            while len(self._sessions) > _SESSIONS:
                self._sessions.popitem(last=False)
        return session

    def goes_on(self, session: str) -> bool:
        """Whether `session` was begun here and has not ended."""
        with self._lock:
            return self._sessions.get(_digest(session), 0.0) > self._now()

    def end(self, session: str) -> None:
        """End a session."""
        with self._lock:
            self._sessions.pop(_digest(session), None)


def token_from(file: Path | None) -> str:
    """The token in `file`, or in the environment variable GILJABI_ADMIN_TOKEN.

    Raises GiljabiError where there is none.
    """
    if file is None:
        token = os.environ.get(TOKEN_VARIABLE, "")
        if not token:
            raise GiljabiError(
                f"--admin needs a token: set {TOKEN_VARIABLE} or give --admin-token-file."
            )
        return token
    try:
        return file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as e:
        why = e.strerror if isinstance(e, OSError) else "it is not text"
        raise GiljabiError(f"The admin token cannot be read from {file}: {why}.") from None


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()
