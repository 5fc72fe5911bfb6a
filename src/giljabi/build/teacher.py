"""Wordings from any OpenAI-compatible endpoint: asked once, written down, paid for once.

Every reply goes to a journal before anything is done with it, so that a killed run
pays for nothing twice but what was in flight (and those requests carry an Idempotency-Key). What
is made of the replies is for taught.py to say; this module knows nothing of venues.
"""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

import httpx

from giljabi.answer.generator import Message
from giljabi.build.journal import MOST_TOKENS, Journal
from giljabi.errors import GiljabiError

KEY_VARIABLE = "GILJABI_TEACHER_KEY"
"""Environment variable with the teacher's key; never written anywhere."""

_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0
_NO_COMPLETION = "no chat completion"
_HOPELESS = 8  # requests without an answer where none was ever answered
_CHARACTERS_A_TOKEN = 2.0  # of mixed Korean and English text, on the safe side; for estimates only


@dataclass(frozen=True, slots=True)
class TeacherOptions:
    """Which teacher, how hard it is asked, and what it may cost.

    Prices are US dollars for a million tokens; `ceiling` in dollars stops the run before it is
    passed (None: no ceiling). `pairs` are asked for in one request.
    """

    url: str
    model: str
    pairs: int = 10
    concurrency: int = 8
    attempts: int = 6
    timeout_s: float = 120.0
    price_in: float = 0.0
    price_out: float = 0.0
    ceiling: float | None = None
    first_wait_s: float = 1.0
    """Seconds before the first retry; doubled for each further one."""

    @property
    def endpoint(self) -> str:
        """The chat completions address, with or without /v1 in what was given."""
        root = self.url.rstrip("/").removesuffix("/chat/completions")
        return (root if root.endswith("/v1") else f"{root}/v1") + "/chat/completions"

    def check(self) -> None:
        """GiljabiError where an option makes no sense."""
        if not _host(self.url):
            raise GiljabiError(
                f"--teacher {self.url!r} is not a URL; write it as http://host:port/v1."
            )
        if not self.model:
            raise GiljabiError("Say which model the teacher should run: --model NAME.")
        if self.pairs < 1 or self.concurrency < 1 or self.attempts < 1:
            raise GiljabiError("Pairs, concurrency and attempts must be 1 or more.")
        dollars = (self.price_in, self.price_out, self.ceiling or 0.0)
        if not all(math.isfinite(x) and x >= 0 for x in dollars):
            raise GiljabiError("Prices and the ceiling must be dollars, 0 or more.")
        if self.ceiling is not None and not (self.price_in or self.price_out):
            raise GiljabiError(
                "A ceiling needs prices: --price-in and --price-out, dollars a million tokens."
            )


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: what it is known by in the journal, and what is said."""

    id: str
    messages: tuple[Message, ...]
    pairs: int


@dataclass
class Bill:
    """What was asked and what it cost; dollars by the given prices."""

    requests: int = 0
    from_journal: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float = 0.0
    failed: Counter[str] = field(default_factory=Counter)
    retries: Counter[str] = field(default_factory=Counter)
    stopped: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON for a manifest."""
        return {
            "requests": self.requests, "tokens_in": self.tokens_in, "tokens_out": self.tokens_out,
            "dollars": round(self.dollars, 6), "failed": dict(sorted(self.failed.items())),
            "stopped": self.stopped,
        }  # fmt: skip


class Teacher:
    """Asks one teacher many things at once, within its budget."""

    def __init__(self, options: TeacherOptions, journal: Journal) -> None:
        options.check()
        self._options, self._journal = options, journal
        self.bill = Bill()
        self._lock = threading.Lock()
        self._reserved = 0.0
        self._stop = threading.Event()

    def ask(self, asks: Sequence[Ask], progress: Callable[[int, int], None]) -> None:
        """Have every ask answered in the journal, or say in `bill` why not.

        Raises GiljabiError where the teacher cannot be reached or refuses the key; the journal
        keeps what was answered until then.
        """
        todo = [a for a in asks if a.id not in self._journal.replies]
        for a in asks:
            if a.id in self._journal.replies:
                self.bill.from_journal += 1
                self._count(self._journal.replies[a.id])
        progress(len(asks) - len(todo), len(asks))
        waiting = iter(todo)
        with (
            _client(self._options) as self._client,
            ThreadPoolExecutor(self._options.concurrency) as pool,
        ):
            try:
                self._keep_busy(pool, waiting, len(asks), progress)
            except BaseException:
                self._stop.set()
                raise

    def _keep_busy(
        self, pool: ThreadPoolExecutor, waiting: Iterator[Ask], total: int,
        progress: Callable[[int, int], None],
    ) -> None:  # fmt: skip
        pending: set[Future[None]] = set()
        exhausted = False
        while True:
            while not exhausted and len(pending) < self._options.concurrency:
                ask = next(waiting, None)
                if ask is None or not self._reserve(ask):
                    exhausted = True
                    break
                pending.add(pool.submit(self._one, ask))
            if not pending:
                self._go_on_if_answered(1)
                return
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            for future in finished:
                future.result()
            self._go_on_if_answered(_HOPELESS)
            progress(self.bill.from_journal + self.bill.requests, total)

    def _go_on_if_answered(self, patience: int) -> None:
        failed, answered = self.bill.failed, self.bill.requests + self.bill.from_journal
        if not answered and failed.total() >= patience:
            why = ", ".join(f"{reason} ({n})" for reason, n in sorted(failed.items()))
            raise GiljabiError(
                f"The teacher at {self._options.endpoint} answered no request: {why}."
            )

    def _reserve(self, ask: Ask) -> bool:
        ceiling = self._options.ceiling
        price = cost(self._options, ask)
        with self._lock:
            if ceiling is not None and self.bill.dollars + self._reserved + price > ceiling:
                self.bill.stopped = f"the ceiling of ${ceiling:g} would be passed"
                return False
            self._reserved += price
        return True

    def _one(self, ask: Ask) -> None:
        try:
            reply = self._post(ask)
        finally:
            with self._lock:
                self._reserved -= cost(self._options, ask)
        if reply is not None:
            self._journal.write(reply)
            with self._lock:
                self._count(reply)
                self.bill.requests += 1

    def _count(self, reply: dict[str, Any]) -> None:
        self.bill.tokens_in += reply["tokens_in"]
        self.bill.tokens_out += reply["tokens_out"]
        self.bill.dollars += (
            reply["tokens_in"] * self._options.price_in
            + reply["tokens_out"] * self._options.price_out
        ) / 1e6

    def _post(self, ask: Ask) -> dict[str, Any] | None:
        """The reply to journal; None when the tries are used up or the run is stopping."""
        why = ""
        for attempt in range(self._options.attempts):
            if self._stop.is_set():
                return None
            try:
                response = self._client.post(
                    self._options.endpoint, json=_body(self._options.model, ask),
                    headers={"Idempotency-Key": ask.id},
                )  # fmt: skip
            except httpx.ConnectError as error:
                why = f"cannot be reached: {error}"
            except httpx.HTTPError as error:
                why = type(error).__name__
            else:
                if response.status_code == 200 and (reply := _reply(ask, response)) is not None:
                    return reply
                if response.status_code == 200 and why == _NO_COMPLETION:
                    break  # twice in a row: it does not speak the protocol, or will not
                ok = response.status_code == 200
                why = _NO_COMPLETION if ok else f"HTTP {response.status_code}"
                self._refuse_if_hopeless(response)
                self._pause(attempt, why, response.headers.get("retry-after"))
                continue
            self._pause(attempt, why, None)
        if why.startswith("cannot be reached"):
            raise GiljabiError(f"The teacher at {self._options.endpoint} {why}.")
        with self._lock:
            self.bill.failed[why] += 1
        return None

    def _refuse_if_hopeless(self, response: httpx.Response) -> None:
        status = response.status_code
        if status in (401, 403):
            raise GiljabiError(
                f"The teacher at {self._options.endpoint} answered {status}: check {KEY_VARIABLE}."
            )
        if 300 <= status < 500 and status not in _RETRIED:
            said = response.headers.get("location") or response.text
            raise GiljabiError(
                f"The teacher at {self._options.endpoint} answered {status}: {' '.join(said[:200].split())}"
            )

    def _pause(self, attempt: int, why: str, retry_after: str | None) -> None:
        with self._lock:
            self.bill.retries[why.partition(":")[0]] += 1
        if attempt + 1 >= self._options.attempts:
            return
        wait_s = self._options.first_wait_s * 2**attempt * random.uniform(0.75, 1.25)
        if retry_after and retry_after.isdigit():
            wait_s = max(wait_s, float(retry_after))
        self._stop.wait(min(wait_s, _LONGEST_WAIT_S))


def _host(url: str) -> str:
    """The host of a web address, "" where it is none."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return ""
    return parsed.host if parsed.scheme in ("http", "https") else ""


def _client(options: TeacherOptions) -> httpx.Client:
    local = _host(options.url) in {"localhost", "127.0.0.1", "::1"}
    key = os.environ.get(KEY_VARIABLE)
    return httpx.Client(
        timeout=options.timeout_s, trust_env=not local,
        headers={"Authorization": f"Bearer {key}"} if key else {},
        limits=httpx.Limits(max_connections=options.concurrency),
    )  # fmt: skip


def cost(options: TeacherOptions, ask: Ask) -> float:
    """Dollars one request may cost, on the safe side."""
    said = sum(len(m["content"]) for m in ask.messages) / _CHARACTERS_A_TOKEN
    return (said * options.price_in + _room(ask) * options.price_out) / 1e6


def _room(ask: Ask) -> int:
    return 60 + 220 * ask.pairs


def _body(model: str, ask: Ask) -> dict[str, Any]:
    return {
        "model": model,
        "messages": list(ask.messages),
        "temperature": 0.9,
        "max_tokens": _room(ask),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "pairs", "strict": True, "schema": SCHEMA},
        },
    }


def _reply(ask: Ask, response: httpx.Response) -> dict[str, Any] | None:
    """What is written down of a response; None for one that is no chat completion."""
    try:
        body = response.json()
        choice = body["choices"][0]
        content = choice["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(content, str):
        return None
    finish, usage = choice.get("finish_reason"), body.get("usage")
    said = sum(len(m["content"]) for m in ask.messages)
    return {
        "id": ask.id,
        "content": _written(content),
        "finish": _written(finish) if isinstance(finish, str) else "",
        "tokens_in": _tokens(usage, "prompt_tokens", said),
        "tokens_out": _tokens(usage, "completion_tokens", len(content)),
        "date": time.strftime("%Y-%m-%d"),
    }


def _written(text: str) -> str:
    """As it can be written: JSON can spell half a surrogate pair, which no file can hold."""
    return text.encode("utf-8", "replace").decode()


def _tokens(usage: Any, name: str, characters: int) -> int:
    """What the endpoint counted, else an estimate: a ceiling must hold whatever it says."""
    counted = usage.get(name) if isinstance(usage, dict) else None
    if isinstance(counted, int | float) and counted is not True and 0 < counted < MOST_TOKENS:
        return int(counted)
    return int(characters / _CHARACTERS_A_TOKEN)


SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["pairs"],
    "properties": {
        "pairs": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["question", "answer"],
                "properties": {"question": {"type": "string"}, "answer": {"type": "string"}},
            },
        }
    },
}
"""The structured output asked for: {"pairs": [{"question", "answer"}]}."""
