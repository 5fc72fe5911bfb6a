"""The imported documents of a venue: sources, passages and their index, in one SQLite file.

Knows no language but that of `terms`; what a question means is for `giljabi.answer.passages`.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import astuple
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any

from giljabi.documents import terms
from giljabi.documents.passage import Passage, Source
from giljabi.errors import GiljabiError

NAME = "documents.db"
"""A venue folder's library, beside its other parts."""
_APPLICATION = 0x676A6462  # "gjdb", the file's own mark
_FORMAT = 200 + terms.FORMAT
_BUSY_S = 30.0
_TITLE_WEIGHT, _TEXT_WEIGHT = 2.0, 1.0
_TABLES = f"""
PRAGMA application_id = {_APPLICATION};
PRAGMA user_version = {_FORMAT};
CREATE TABLE source (
  path TEXT PRIMARY KEY, title TEXT NOT NULL, sha256 TEXT NOT NULL, date TEXT NOT NULL,
  imported TEXT NOT NULL, pages INTEGER, content TEXT NOT NULL);
CREATE TABLE passage (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, source TEXT NOT NULL REFERENCES source,
  titles TEXT NOT NULL, text TEXT NOT NULL, page INTEGER, date TEXT NOT NULL);
CREATE INDEX passage_source ON passage (source);
CREATE TABLE change (number INTEGER NOT NULL);
INSERT INTO change VALUES (0);
CREATE TABLE vector (passage INTEGER PRIMARY KEY, encoder TEXT NOT NULL, value BLOB NOT NULL);
CREATE TABLE part (
  passage INTEGER NOT NULL, text BLOB NOT NULL, encoder TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (passage, text)) WITHOUT ROWID;
CREATE VIRTUAL TABLE term USING fts5 (
  titles, text, content='', tokenize='unicode61 remove_diacritics 0');
INSERT INTO term (term, rank) VALUES ('rank', 'bm25({_TITLE_WEIGHT}, {_TEXT_WEIGHT})');
"""  # noqa: S608
PASSAGE = "SELECT id, source, titles, text, page, date FROM passage"
"""The columns that `as_passage` reads."""


class Library:
    """The file at `path`, read-only unless `create`; any number of threads may share one.

    Raises GiljabiError where there is no file (and not `create`), the file is no library or of
    another format, or this Python's SQLite lacks FTS5. A change is made whole or not at all.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._writes = create
        self._free: SimpleQueue[sqlite3.Connection] = SimpleQueue()
        if not create and not path.is_file():
            raise GiljabiError(
                f"There is no library {path}; run giljabi venue import with the documents first."
            )
        try:
            with self.reading() as connection:
                if create and not connection.execute("PRAGMA schema_version").fetchone()[0]:
                    _make(connection)
                self._check(connection)
        except GiljabiError:
            self.close()
            raise

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back; connections in use by other threads close when they end."""
        while True:
            try:
                self._free.get_nowait().close()
            except Empty:
                return

    @property
    def hash(self) -> str:
        """Of what the documents hold; when they were imported does not matter."""
        with self.reading() as connection:
            rows = connection.execute("SELECT path, content FROM source ORDER BY path").fetchall()
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()

    @property
    def changes(self) -> int:
        """How often anything was changed, vectors too: whoever keeps some of it looks here."""
        with self.reading() as connection:
            (number,) = connection.execute("SELECT number FROM change").fetchone()
        return int(number)

    def sources(self) -> tuple[Source, ...]:
        """All imported files in order of their paths."""
        query = "SELECT path, title, sha256, date, imported, pages FROM source ORDER BY path"
        with self.reading() as connection:
            return tuple(Source(*row) for row in connection.execute(query))

    def passages(self, path: str | None = None) -> Iterator[Passage]:
        """Those of the source `path`, or all, in the order of reading."""
        where, value = ("", ()) if path is None else (" WHERE source = ?", (path,))
        with self.reading() as connection:
            query = f"{PASSAGE}{where} ORDER BY source, number"
            yield from map(as_passage, connection.execute(query, value))

    def passage(self, id: str) -> Passage:
        """The passage of this id; GiljabiError where there is none."""
        with self.reading() as connection:
            row = connection.execute(f"{PASSAGE} WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise GiljabiError(f"The library {self.path} holds no passage {id!r}.")
        return as_passage(row)

    def put(self, source: Source, passages: Sequence[Passage]) -> None:
        """Replace all that is held of `source.path`; every other source is left as it is."""
        if stray := next((p for p in passages if p.source != source.path), None):
            raise GiljabiError(f"The passage {stray.id} is not of the source {source.path}.")
        with self.changing() as connection:
            _take_out(connection, source.path)
            connection.execute(
                "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*astuple(source), _content(source, passages)),
            )
            for p in passages:
                titles = json.dumps(p.titles, ensure_ascii=False)
                number = connection.execute(
                    "INSERT INTO passage (id, source, titles, text, page, date)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (p.id, p.source, titles, p.text, p.page, p.date),
                ).lastrowid
                connection.execute(
                    "INSERT INTO term (rowid, titles, text) VALUES (?, ?, ?)",
                    (number, *_indexed(p)),
                )

    def remove(self, path: str) -> None:
        """Take the source `path` out; GiljabiError where there is none."""
        with self.changing() as connection:
            if not _take_out(connection, path):
                raise GiljabiError(f"The library {self.path} holds no source {path!r}.")

    def match(
        self, words: Sequence[str], limit: int, within: Collection[str] | None = None
    ) -> list[tuple[str, float]]:
        """Ids of at most `limit` passages with any of the terms `words`, and their BM25, best first.

        A term given twice counts twice; `within` are the paths of sources to look in. BM25 is
        FTS5's (k1 1.2, b 0.75), a term in a title counting as two.
        """
        if not words:
            return []
        asked = " OR ".join('"' + word.replace('"', "") + '"' for word in words)
        chosen, paths = "", tuple(within or ())
        if within is not None:
            chosen = f" AND source IN ({', '.join('?' * len(paths))})"
        with self.reading() as connection:
            return connection.execute(
                "SELECT id, -rank FROM term JOIN passage ON number = term.rowid"  # noqa: S608
                f" WHERE term MATCH ?{chosen} ORDER BY rank LIMIT ?",
                (asked, *paths, limit),
            ).fetchall()

    def frequency(self, words: Sequence[str]) -> int:
        """How many passages hold every one of the terms `words`."""
        if not words:
            return 0
        asked = " AND ".join('"' + word.replace('"', "") + '"' for word in words)
        with self.reading() as connection:
            query = "SELECT count(*) FROM term WHERE term MATCH ?"
            return int(connection.execute(query, (asked,)).fetchone()[0])

    def __len__(self) -> int:
        """How many passages there are."""
        with self.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM passage").fetchone()[0])

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection of this thread's own for as long as it is needed; trouble in one sentence."""
        try:
            try:
                connection = self._free.get_nowait()
            except Empty:
                connection = self._open()
            try:
                yield connection
            finally:
                self._free.put(connection)
        except sqlite3.Error as e:
            raise GiljabiError(f"The library {self.path} cannot be used: {e}.") from None

    def _open(self) -> sqlite3.Connection:
        mode = "rwc" if self._writes else "rw"
        where = f"{self.path.absolute().as_uri()}?mode={mode}"
        connection = sqlite3.connect(
            where, uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
        )
        # Not mode=ro: after a killed import whoever reads first must be able to roll it back.
        connection.execute(f"PRAGMA query_only = {'OFF' if self._writes else 'ON'}")
        # Spilling would lock readers out for the whole change instead of for its last moment.
        connection.execute("PRAGMA cache_spill = OFF")
        return connection

    def changing(self) -> AbstractContextManager[sqlite3.Connection]:
        """A connection whose changes are made whole or not at all; others see them in `changes`."""
        if not self._writes:
            raise GiljabiError(f"The library {self.path} was opened for reading only.")
        return self._transaction()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("UPDATE change SET number = number + 1")
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def _check(self, connection: sqlite3.Connection) -> None:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if mark != _APPLICATION:
            raise GiljabiError(f"{self.path} is not a library of documents.")
        if version != _FORMAT:
            raise GiljabiError(
                f"The library {self.path} is of format {version}, not {_FORMAT}: delete it and run"
                " giljabi venue import again."
            )


def _make(connection: sqlite3.Connection) -> None:
    try:
        connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")
    except sqlite3.OperationalError as e:
        if "fts5" not in str(e):
            raise
        raise GiljabiError(
            "This Python's SQLite lacks FTS5, which documents need: use a Python built with it."
        ) from None


def _take_out(connection: sqlite3.Connection, path: str) -> bool:
    """Whether there was such a source. A contentless index must be told what it held."""
    rows = connection.execute(
        "SELECT number, id, source, titles, text, page, date FROM passage WHERE source = ?", (path,)
    ).fetchall()
    connection.executemany(
        "INSERT INTO term (term, rowid, titles, text) VALUES ('delete', ?, ?, ?)",
        [(number, *_indexed(as_passage(row))) for number, *row in rows],
    )
    numbers = [(row[0],) for row in rows]
    connection.executemany("DELETE FROM vector WHERE passage = ?", numbers)
    connection.executemany("DELETE FROM part WHERE passage = ?", numbers)
    connection.execute("DELETE FROM passage WHERE source = ?", (path,))
    return connection.execute("DELETE FROM source WHERE path = ?", (path,)).rowcount > 0


def _indexed(passage: Passage) -> tuple[str, str]:
    return " ".join(terms.terms("\n".join(passage.titles))), " ".join(terms.terms(passage.text))


def _content(source: Source, passages: Sequence[Passage]) -> str:
    held: list[Any] = [source.title, source.sha256, source.date, source.pages]
    held += [[p.id, p.titles, p.text, p.page, p.date] for p in passages]
    return hashlib.sha256(json.dumps(held).encode()).hexdigest()


def as_passage(row: Sequence[Any]) -> Passage:
    """A row of PASSAGE."""
    id, source, titles, text, page, date = row
    return Passage(id, source, tuple(json.loads(titles)), text, page, date)
