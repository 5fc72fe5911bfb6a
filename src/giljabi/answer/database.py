"""A database by URL: SQLite in a file or in this process, or PostgreSQL; its troubles in one sentence.

Knows no table: whoever keeps something brings its own (`memory`, `giljabi.serve.desk`).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from giljabi.errors import GiljabiError

_BUSY_S = 30.0


class Database:
    """Connections to `url`, used from any number of threads; `what` names it in messages.

    "sqlite://" keeps everything in this process, "sqlite:////var/lib/giljabi/turns.db" in a file
    that only its owner may read, "postgresql://user@host/db" in a server. Raises GiljabiError when
    it cannot be opened, and from every transaction when it stops working.
    """

    def __init__(self, url: str, what: str) -> None:
        parsed = _parse(url, what)
        self.what = what
        self._shown = parsed.render_as_string(hide_password=True)
        self._one: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if parsed.drivername == "postgresql+psycopg":
            self._engine = _postgresql(parsed)
        elif parsed.database in (None, "", ":memory:"):
            self._engine = _sqlite(parsed, what, in_memory=True)
            self._one = threading.Lock()  # every thread shares the only connection
        else:
            self._engine = _sqlite(parsed, what, in_memory=False)

    def create(self, metadata: sa.MetaData) -> None:
        """The tables and indexes of `metadata`, those that are not there yet."""
        parts: list[sa.schema.ExecutableDDLElement] = []
        for table in metadata.sorted_tables:
            parts.append(sa.schema.CreateTable(table, if_not_exists=True))
            parts += [sa.schema.CreateIndex(i, if_not_exists=True) for i in table.indexes]
        # PostgreSQL's IF NOT EXISTS fails when somebody else creates the same at that moment.
        for last in (False, True):
            try:
                with self.begin() as connection:
                    for part in parts:
                        connection.execute(part)
                return
            except GiljabiError:
                if last:
                    raise

    @contextlib.contextmanager
    def begin(self) -> Iterator[sa.Connection]:
        """A transaction, committed at the end; a database error becomes one sentence."""
        try:
            with self._one, self._engine.begin() as connection:
                yield connection
        except sa.exc.SQLAlchemyError as e:
            # Only the driver's words: SQLAlchemy's own would quote the visitor's question.
            reason = str(getattr(e, "orig", None) or type(e).__name__).strip().splitlines()[0]
            raise GiljabiError(
                f"The {self.what} {self._shown} does not answer: {reason}."
            ) from None

    def close(self) -> None:
        """Give the connections back; what was kept in this process only is gone."""
        self._engine.dispose()


def storable(text: str) -> str:
    """`text` as any database takes it: no NUL (PostgreSQL), no lone surrogates (UTF-8)."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _parse(url: str, what: str) -> URL:
    try:
        parsed = make_url(url)
    except sa.exc.ArgumentError:
        raise GiljabiError(
            f"The {what}'s URL cannot be read; use sqlite:///file.db or postgresql://user@host/db."
        ) from None
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername in ("sqlite", "sqlite+pysqlite"):
        return parsed
    raise GiljabiError(f"The {what} can be sqlite or postgresql, not {parsed.drivername}.")


def _postgresql(url: URL) -> sa.Engine:
    try:
        return sa.create_engine(url, hide_parameters=True, pool_pre_ping=True)
    except ModuleNotFoundError:
        raise GiljabiError(
            "PostgreSQL needs its driver: run pip install 'giljabi[postgresql]'."
        ) from None


def _sqlite(url: URL, what: str, *, in_memory: bool) -> sa.Engine:
    arguments: dict[str, Any] = {"timeout": _BUSY_S, "check_same_thread": False}
    if in_memory:
        engine = sa.create_engine(
            url, connect_args=arguments, hide_parameters=True, poolclass=StaticPool
        )
    else:
        _touch(str(url.database), what)
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


def _touch(path: str, what: str) -> None:
    """Create the file readable by its owner only: it holds what visitors said."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as e:
        raise GiljabiError(f"The {what} {path} cannot be opened: {e.strerror}.") from None
