"""The passages of a venue's documents in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType

from giljabi.documents.passage import Passage, Source
from giljabi.errors import GiljabiError

_TABLES = """
create table if not exists sources (
  path text primary key, title text, sha256 text, date text, imported text, pages integer
);
create table if not exists passages (
  id text primary key, source text, titles text, text text, page integer, date text, n integer
);
"""


class Library:
    """The file at `path`, made where it is missing with `create`; a context manager."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if not create and not path.is_file():
            raise GiljabiError(f"There is no library {path}: run giljabi venue import first.")
        self._db = sqlite3.connect(path)
        self._db.executescript(_TABLES)

    def __enter__(self) -> Library:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self._db.close()

    def sources(self) -> tuple[Source, ...]:
        """What was imported, by path."""
        return tuple(
            Source(*row) for row in self._db.execute("select * from sources order by path")
        )

    def put(self, source: Source, passages: Sequence[Passage]) -> None:
        """Replace everything of `source.path`, in one transaction."""
        with self._db:
            self._remove(source.path)
            row = (
                source.path,
                source.title,
                source.sha256,
                source.date,
                source.imported,
                source.pages,
            )
            self._db.execute("insert into sources values (?, ?, ?, ?, ?, ?)", row)
            self._db.executemany(
                "insert into passages values (?, ?, ?, ?, ?, ?, ?)",
                [
                    (p.id, p.source, json.dumps(p.titles), p.text, p.page, p.date, n)
                    for n, p in enumerate(passages)
                ],
            )

    def remove(self, path: str) -> None:
        """Forget the source `path`."""
        with self._db:
            self._remove(path)

    def _remove(self, path: str) -> None:
        self._db.execute("delete from sources where path = ?", (path,))
        self._db.execute("delete from passages where source = ?", (path,))

    def passages(self, path: str | None = None) -> Iterator[Passage]:
        """All passages, or those of one source, in the order of reading."""
        query = "select id, source, titles, text, page, date from passages"
        where, values = (" where source = ?", (path,)) if path is not None else ("", ())
        for row in self._db.execute(f"{query}{where} order by source, n", values):
            yield Passage(row[0], row[1], tuple(json.loads(row[2])), *row[3:])
