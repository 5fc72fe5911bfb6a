"""Conversations: the last turns of each, kept in SQLite or PostgreSQL for a limited time.

Knows nothing of what a turn says. Reading and writing are safe from any number of threads and
processes: turns are numbered by the database itself, so two never share a number.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from giljabi.errors import GiljabiError

_BUSY_S = 30.0
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)

_metadata = sa.MetaData()
_turns = sa.Table(
    "turns",
    _metadata,
    sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    sa.Column("conversation", sa.String(64), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    sa.Column("at", sa.Double, nullable=False, index=True),  # seconds since 1970
    sa.Index("turns_of", "conversation", "number"),
    # Without this a number is given out again once the newest turn is wiped.
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Turn:
    """One question and what was answered."""

    question: str
    answer: str


def check_id(conversation: str) -> str:
    """`conversation` unchanged; GiljabiError unless it is 1-64 characters of A-Z a-z 0-9 _ -."""
    if not _ID.fullmatch(conversation):
        raise GiljabiError("A conversation id is 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'.")
    return conversation


class Memory:
    """Turns by conversation id.

    `url` is an SQLAlchemy URL: "sqlite://" (the default) keeps turns in this process only,
    "sqlite:////var/lib/giljabi/turns.db" in a file, "postgresql://user@host/db" in a server.
    `turns` is how many of the newest are handed out, `ttl_s` after how many seconds a turn is
    forgotten. Raises GiljabiError when the database cannot be opened, and from every method when
    it stops working.
    """

    def __init__(self, url: str = "sqlite://", *, turns: int = 10, ttl_s: float = 1800) -> None:
        if turns < 1 or ttl_s <= 0:
            raise GiljabiError("Memory needs turns >= 1 and ttl_s > 0.")
        parsed = _parse(url)
        self.turns = turns
        self.ttl_s = ttl_s
        self._shown = parsed.render_as_string(hide_password=True)
        self._one: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if parsed.drivername == "postgresql+psycopg":
            self._engine = _postgresql(parsed)
        elif parsed.database in (None, "", ":memory:"):
            self._engine = _sqlite(parsed, in_memory=True)
            self._one = threading.Lock()  # every thread shares the only connection
        else:
            self._engine = _sqlite(parsed, in_memory=False)
        self._create()

    def history(self, conversation: str) -> tuple[Turn, ...]:
        """The last `turns` turns that have not expired, oldest first; () for an unknown id."""
        query = (
            sa.select(_turns.c.question, _turns.c.answer)
            .where(_turns.c.conversation == check_id(conversation), _turns.c.at > self._horizon())
            .order_by(_turns.c.number.desc())
            .limit(self.turns)
        )
        with self._begin() as connection:
            rows = connection.execute(query).all()
        return tuple(Turn(question, answer) for question, answer in reversed(rows))

    def add(self, conversation: str, question: str, answer: str) -> None:
        """Keep a turn. It is committed when this returns: a killed process does not lose it."""
        row = {
            "conversation": check_id(conversation),
            "question": _storable(question),
            "answer": _storable(answer),
            "at": time.time(),
        }
        with self._begin() as connection:
            connection.execute(sa.insert(_turns).values(row))

    def wipe(self, conversation: str) -> bool:
        """Forget a conversation now; whether there was anything to forget."""
        gone = sa.delete(_turns).where(_turns.c.conversation == check_id(conversation))
        with self._begin() as connection:
            return connection.execute(gone).rowcount > 0

    def expire(self) -> int:
        """Delete every turn older than `ttl_s`; how many went."""
        with self._begin() as connection:
            return connection.execute(
                sa.delete(_turns).where(_turns.c.at <= self._horizon())
            ).rowcount

    def close(self) -> None:
        """Give the connections back; an in-memory store is empty afterwards."""
        self._engine.dispose()

    def _horizon(self) -> float:
        return time.time() - self.ttl_s

    def _create(self) -> None:
        parts: list[sa.schema.ExecutableDDLElement] = [
            sa.schema.CreateTable(_turns, if_not_exists=True),
            *(sa.schema.CreateIndex(i, if_not_exists=True) for i in _turns.indexes),
        ]
        # PostgreSQL's IF NOT EXISTS fails when somebody else creates the same at that moment.
        for last in (False, True):
            try:
                with self._begin() as connection:
                    for part in parts:
                        connection.execute(part)
                return
            except GiljabiError:
                if last:
                    raise

    @contextlib.contextmanager
    def _begin(self) -> Iterator[sa.Connection]:
        """A transaction, committed at the end; a database error becomes one sentence."""
        try:
            with self._one, self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as e:
            # Only the driver's words: SQLAlchemy's own would quote the visitor's question.
            reason = str(getattr(e, "orig", None) or type(e).__name__).strip().splitlines()[0]
            raise GiljabiError(f"The memory {self._shown} does not answer: {reason}.") from None


def _parse(url: str) -> URL:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise GiljabiError(
            "The memory's URL cannot be read; use sqlite:///file.db or postgresql://user@host/db."
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    raise GiljabiError(f"The memory can be sqlite or postgresql, not {parsed.drivername}.")


def _postgresql(url: URL) -> sa.Engine:
    try:
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise GiljabiError(
            "PostgreSQL needs its driver: run pip install 'giljabi[postgresql]'."
        ) from None


def _sqlite(url: URL, *, in_memory: bool) -> sa.Engine:
    arguments: dict[str, Any] = {"timeout": _BUSY_S, "check_same_thread": False}
    if in_memory:
        engine = sa.create_engine(
            url, connect_args=arguments, hide_parameters=True, poolclass=StaticPool
        )
    else:
        _touch(str(url.database))
        engine = sa.create_engine(url, connect_args=arguments, hide_parameters=True)

    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        _until_free(lambda: cursor.execute("PRAGMA journal_mode=WAL"))
        # NORMAL loses nothing to a killed process; only a power cut can take the last turns.
        cursor.execute("PRAGMA synchronous=NORMAL")
        cursor.execute("PRAGMA secure_delete=ON")
        cursor.close()

    sa.event.listen(engine, "connect", prepare)
    return engine


def _until_free(act: Callable[[], object]) -> None:
    """Repeat `act` while the file is locked: SQLite's own timeout does not cover the WAL switch."""
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            act()
            return
        except sqlite3.OperationalError as e:
            if e.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
        time.sleep(0.01)


def _touch(path: str) -> None:
    """Create the file readable by its owner only: it holds what visitors said."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as e:
        raise GiljabiError(f"The memory {path} cannot be opened: {e.strerror}.") from None


def _storable(text: str) -> str:
    """`text` as any database takes it: no NUL (PostgreSQL), no lone surrogates (UTF-8)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
