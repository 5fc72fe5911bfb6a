"""Asking a map service politely, and remembering every answer in a journal.

What the services share: one connection, a bounded number of requests a second, retries with growing
waits, a clean stop when a quota is used up, and `collect.jsonl`, one line per answered request.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import httpx

from giljabi.errors import GiljabiError
from giljabi.venue.place import Point

KOREA = timezone(timedelta(hours=9), "KST")
"""Both services count their daily quotas in Korean time, so records are dated in it too."""

Verdict = Literal["again", "spent", "refused", "failed"]
"""What an error answer means: ask again, the quota is used up, the key is wrong, give this one up."""


@dataclass(frozen=True, slots=True)
class Request:
    """One GET: the service, its call, and the parameters without any key."""

    service: str
    call: str
    params: tuple[tuple[str, str], ...]

    def param(self, name: str) -> str | None:
        """The value of one parameter, or None."""
        return dict(self.params).get(name)

    def __str__(self) -> str:
        return f"{self.service} {self.call} " + " ".join(f"{k}={v}" for k, v in self.params)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service said to a request, and the Korean date it said it on (YYYY-MM-DD)."""

    request: Request
    date: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One place as one service gave it.

    `metres` is the service's own straight line from the centre; `page` is the service's page about
    the place, `website` the place's own. `source` and `point_source` say where it was read.
    """

    id: str
    name: str
    kind: str
    point: Point
    source: str
    point_source: str
    phone: str = ""
    address: str = ""
    website: str = ""
    page: str = ""
    metres: int | None = None


class Unreadable(Exception):
    """A body, or one place in it, that does not keep to the service's documented shape."""


class Unanswered(Exception):
    """One request that got no usable answer; `down` where the service could not be reached."""

    def __init__(self, reason: str, down: bool = False) -> None:
        super().__init__(reason)
        self.down = down


class Service(Protocol):
    """What the client has to know about one service."""

    @property
    def name(self) -> str:
        """The short name used in requests, sources and messages."""

    @property
    def check(self) -> str:
        """What to look at when the service refuses the key: the environment variables."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """Strings that must never be shown or written."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The request headers that carry the key."""

    def url(self, call: str) -> str:
        """The address of one call."""

    def kept(self, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The part of an answer worth keeping. Unreadable where a documented field is missing."""

    def verdict(self, status: int, body: Mapping[str, Any]) -> tuple[Verdict, str]:
        """What an error answer means, and the service's own words for it."""


def usual_verdict(status: int) -> Verdict:
    """What an HTTP status means where the body says nothing more exact."""
    if status in (401, 403):
        return "refused"
    return "again" if status == 429 or status >= 500 else "failed"


def in_korea(lat: float, lon: float) -> Point | None:
    """The point in WGS84 degrees, or None outside Korea (KATEC metres read as degrees, a swap, NaN)."""
    return Point(lat, lon) if 32.0 <= lat <= 39.5 and 124.0 <= lon <= 132.5 else None


def text_of(item: Any, field: str, needed: bool = False) -> str:
    """A string field of one place in a body, stripped; Unreadable where it is no string or needed."""
    value = item.get(field, "") if isinstance(item, dict) else None
    if not isinstance(value, str) or len(value) > 500 or (needed and not value.strip()):
        raise Unreadable(f"a place without a usable {field}")
    return value.strip()


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an answer and between tries, in seconds."""

    tries: int = 5
    first_wait_s: float = 0.5
    longest_wait_s: float = 60.0
    timeout_s: float = 10.0


class Client:
    """A polite client over one connection: at most `rate` requests a second, retries included."""

    def __init__(self, rate: float, patience: Patience) -> None:
        if not rate > 0:
            raise GiljabiError(f"The rate must be more than 0 requests a second, not {rate}.")
        self._gap = 1 / rate
        self._patience = patience
        self._next = 0.0
        self._chance = random.SystemRandom()
        self._http = httpx.Client(
            timeout=patience.timeout_s, limits=httpx.Limits(max_connections=1)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def ask(self, service: Service, request: Request) -> dict[str, Any]:
        """The kept part of the answer.

        Unanswered where this one request is to be given up; GiljabiError where asking on makes no
        sense: a refused key or a used-up quota.
        """
        reason, status, unreadable = "no answer", 0, 0
        for attempt in range(self._patience.tries):
            wait: float | None = None
            self._pace()
            try:
                response = self._http.get(
                    service.url(request.call),
                    params=dict(request.params),
                    headers=dict(service.headers),
                )
            except httpx.RequestError as e:
                reason, status = type(e).__name__, 0
            else:
                status, body = response.status_code, _json_object(response)
                try:
                    if status == 200:
                        return service.kept(request.call, _need(body))
                    reason = self._said(service, status, body or {})
                    wait = _retry_after(response.headers.get("retry-after", ""))
                except Unreadable as e:
                    reason, unreadable = f"unreadable answer: {e}", unreadable + 1
                    if unreadable == 2:
                        raise Unanswered(reason) from None
            if attempt + 1 < self._patience.tries:
                self._sleep(service, attempt, wait)
        if status == 429:
            raise _spent(service, reason)
        raise Unanswered(f"{reason}, {self._patience.tries} tries", down=True)

    def _said(self, service: Service, status: int, body: Mapping[str, Any]) -> str:
        """The reason to ask again; raises where there is none to."""
        verdict, words = service.verdict(status, body)
        for secret in service.secrets:
            words = words.replace(secret, "…")
        reason = f"HTTP {status} {words[:200]}".strip()
        if verdict == "refused":
            raise GiljabiError(f"{service.name} refused the key ({reason}): check {service.check}.")
        if verdict == "spent":
            raise _spent(service, reason)
        if verdict == "failed":
            raise Unanswered(reason)
        return reason

    def _pace(self) -> None:
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._gap

    def _sleep(self, service: Service, attempt: int, asked_for: float | None) -> None:
        longest = self._patience.longest_wait_s
        if asked_for is not None and asked_for > longest:
            back = datetime.now(KOREA) + timedelta(seconds=asked_for)
            raise GiljabiError(
                f"{service.name} asks to wait until {back:%Y-%m-%d %H:%M} Korean time: "
                "run the same command again then; what was answered is kept."
            )
        backoff = min(longest, self._patience.first_wait_s * 2**attempt)
        jitter = self._chance.uniform(0, backoff / 2)
        time.sleep(backoff / 2 + jitter if asked_for is None else asked_for)


def _spent(service: Service, reason: str) -> GiljabiError:
    tomorrow = datetime.now(KOREA).date() + timedelta(days=1)
    return GiljabiError(
        f"{service.name}'s quota is used up ({reason}): run the same command again on {tomorrow} "
        "Korean time, when the daily quota starts anew; what was answered is kept."
    )


def _json_object(response: httpx.Response) -> dict[str, Any] | None:
    try:
        body = response.json()
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair cannot be written
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _need(body: dict[str, Any] | None) -> dict[str, Any]:
    if body is None:
        raise Unreadable("not a JSON object")
    return body


def _retry_after(value: str) -> float | None:
    """Seconds from a Retry-After header (RFC 9110 section 10.2.3: seconds or a date)."""
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


class Journal:
    """`collect.jsonl`: every answered request, on disk before the next one is asked."""

    def __init__(self, path: Path) -> None:
        """Read what is there, dropping a torn last line. GiljabiError names a bad line in the middle."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        self._known: dict[Request, Answer] = {}
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._read(path)
        except BlockingIOError:
            os.close(self._file)
            raise GiljabiError(f"{path} is being written by another collection.") from None
        except GiljabiError:
            os.close(self._file)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def get(self, request: Request) -> Answer | None:
        """The journal's answer to a request, or None where it has to be asked."""
        return self._known.get(request)

    def add(self, answer: Answer) -> None:
        """Append an answer and wait until it is on disk."""
        r = answer.request
        line = {
            "service": r.service, "call": r.call, "params": dict(r.params),
            "date": answer.date, "status": 200, "body": answer.body,
        }  # fmt: skip
        data = json.dumps(line, ensure_ascii=False).encode() + b"\n"
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)
        self._known[r] = answer

    def _read(self, path: Path) -> None:
        whole = path.read_bytes()
        end = 0
        for n, line in enumerate(whole.splitlines(keepends=True), 1):
            last = end + len(line) == len(whole)
            answer = _answer(line) if line.endswith(b"\n") else None
            if answer is None and not last:
                raise GiljabiError(f"{path}, line {n}: not a line of this journal; remove it.")
            if answer is not None:
                self._known[answer.request] = answer
                end += len(line)
        if end < len(whole):
            os.ftruncate(self._file, end)


def _answer(line: bytes) -> Answer | None:
    try:
        r = json.loads(line)
        request = Request(r["service"], r["call"], tuple(dict(r["params"]).items()))
        return Answer(request, str(r["date"]), dict(r["body"]))
    except (ValueError, KeyError, TypeError):
        return None
