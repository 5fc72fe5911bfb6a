"""The operator's record: what went unanswered, what was confused, what did not pass the check.

Counts by hour are always kept, for 90 days. Words of visitors only where the operator asked for
it, with the day and the outcome and nothing else: no conversation, no address, no time of day;
after so many days a sweep deletes them, and at once where they are no longer to be kept.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from giljabi.answer.database import Database, storable
from giljabi.answer.facts import Outcome
from giljabi.errors import GiljabiError
from giljabi.serve.current_guide import Given

Kind = Literal["outcome", "route", "confused", "failed", "model"]
"""What is counted: answers by outcome and writer; ways by outcome; places among which a visitor
had to choose; reasons of sentences dropped; reasons why the model wrote nothing."""

FIGURES_DAYS = 90
_HOUR = 3600
_ANSWERED = ("found", "greeting")
_KEY_CHARS = 200
_WAITING = 1000  # words between two flushes; more in that time is a flood and not kept
_ROWS = 20_000  # words on the disk; the oldest make room
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_metadata = sa.MetaData()
_counts = sa.Table(
    "desk_counts",
    _metadata,
    sa.Column("hour", sa.Integer, primary_key=True),  # hours since 1970, UTC
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(_KEY_CHARS), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
)
_questions = sa.Table(
    "desk_questions",
    _metadata,
    sa.Column("number", _NUMBER, primary_key=True),
    sa.Column("day", sa.String(10), nullable=False, index=True),
    sa.Column("lang", sa.String(8), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("question", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)
_sentences = sa.Table(
    "desk_sentences",
    _metadata,
    sa.Column("number", _NUMBER, primary_key=True),
    sa.Column("day", sa.String(10), nullable=False, index=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("sentence", sa.Text, nullable=False),
    sqlite_autoincrement=True,
)


@dataclass(frozen=True, slots=True)
class Unanswered:
    """A question that was refused: how often, and on which day last."""

    question: str
    lang: str
    outcome: Outcome
    times: int
    day: str


class Desk:
    """The record at an SQLAlchemy URL, as `giljabi.answer.memory` takes them.

    `keep_days` is how many days the words of unanswered questions are kept, None: not at all.
    `note` only counts in memory; `flush` writes, `sweep` deletes what is too old: call both now
    and then. `now` gives seconds since 1970. Raises GiljabiError as the memory does.
    """

    def __init__(
        self, url: str, *, keep_days: int | None = None, now: Callable[[], float] = time.time
    ) -> None:
        if keep_days is not None and not 1 <= keep_days <= 366:
            raise GiljabiError("Unanswered questions can be kept for 1 to 366 days.")
        self.keep_days = keep_days
        self._now = now
        self._lock = threading.Lock()
        self._counted: Counter[tuple[int, Kind, str]] = Counter()
        self._asked: list[dict[str, str]] = []
        self._dropped: list[dict[str, str]] = []
        self._database = Database(url, "operator's record")
        self._database.create(_metadata)
        self.sweep()

    def note(self, given: Given) -> None:
        """Take down one answer; from any thread, without touching the database."""
        answer, hour = given.answer, int(self._now() // _HOUR)
        with self._lock:
            if given.door == "route":
                self._counted[hour, "route", answer.outcome] += 1
                return
            self._counted[hour, "outcome", f"{answer.outcome}/{answer.written_by}"] += 1
            if answer.outcome == "ambiguous" and answer.places:
                self._counted[hour, "confused", _key(",".join(sorted(answer.places)))] += 1
            for sentence, reason in answer.dropped:
                self._counted[hour, "failed" if sentence else "model", _key(reason)] += 1
                if sentence and self.keep_days and len(self._dropped) < _WAITING:
                    row = {"reason": storable(reason), "sentence": storable(sentence)}
                    self._dropped.append({"day": self._today().isoformat(), **row})
            kept = self.keep_days and answer.outcome not in _ANSWERED
            if kept and len(self._asked) < _WAITING:
                row = {"lang": answer.lang, "outcome": answer.outcome}
                question = storable(" ".join(given.question.split()))
                self._asked.append({"day": self._today().isoformat(), **row, "question": question})

    def flush(self) -> None:
        """Write what was noted since the last time; what cannot be written is noted still."""
        with self._lock:
            counted, self._counted = self._counted, Counter()
            asked, self._asked = self._asked, []
            dropped, self._dropped = self._dropped, []
        try:
            with self._database.begin() as connection:
                for (hour, kind, key), n in sorted(counted.items()):  # one order: no deadlock
                    connection.execute(_added(connection, hour, kind, key, n))
                for table, rows in ((_questions, asked), (_sentences, dropped)):
                    if rows:
                        connection.execute(sa.insert(table), rows)
        except GiljabiError:
            with self._lock:
                self._counted += counted
                self._asked = [*asked, *self._asked][:_WAITING]
                self._dropped = [*dropped, *self._dropped][:_WAITING]
            raise

    def sweep(self) -> int:
        """Delete what is older than it may be; how many questions and sentences went."""
        gone = 0
        with self._database.begin() as connection:
            for table in (_questions, _sentences):
                too_old: Any = sa.true()
                if self.keep_days is not None:
                    until = (self._today() - timedelta(self.keep_days)).isoformat()
                    newest = sa.select(sa.func.max(table.c.number)).scalar_subquery()
                    too_old = (table.c.day <= until) | (table.c.number <= newest - _ROWS)
                gone += connection.execute(sa.delete(table).where(too_old)).rowcount
            horizon = int(self._now() // _HOUR) - 24 * FIGURES_DAYS
            connection.execute(sa.delete(_counts).where(_counts.c.hour <= horizon))
        return gone

    def forget(self) -> int:
        """Delete every question and sentence now; how many went."""
        with self._lock:
            gone = len(self._asked) + len(self._dropped)
            self._asked, self._dropped = [], []
        with self._database.begin() as connection:
            return gone + sum(
                connection.execute(sa.delete(table)).rowcount for table in (_questions, _sentences)
            )

    def totals(self, kind: Kind, hours: int | None = None) -> dict[str, int]:
        """How often each key of `kind` was counted, the most frequent first; in the last `hours`."""
        total = sa.func.sum(_counts.c.n)
        query = sa.select(_counts.c.key, total).where(_counts.c.kind == kind)
        if hours is not None:
            query = query.where(_counts.c.hour > int(self._now() // _HOUR) - hours)
        query = query.group_by(_counts.c.key).order_by(total.desc(), _counts.c.key)
        with self._database.begin() as connection:
            return {key: int(n) for key, n in connection.execute(query)}

    def by_hour(self, hours: int = 24) -> dict[int, dict[str, int]]:
        """Answers by outcome for each of the last `hours` that had any: hour since 1970 → counts."""
        query = (
            sa.select(_counts.c.hour, _counts.c.key, _counts.c.n)
            .where(_counts.c.kind == "outcome")
            .where(_counts.c.hour > int(self._now() // _HOUR) - hours)
            .order_by(_counts.c.hour)
        )
        out: dict[int, dict[str, int]] = {}
        with self._database.begin() as connection:
            for hour, key, n in connection.execute(query):
                counts = out.setdefault(hour, {})
                outcome = key.partition("/")[0]
                counts[outcome] = counts.get(outcome, 0) + n
        return out

    def unanswered(self, limit: int | None = None) -> Iterator[Unanswered]:
        """The refused questions that are kept, each once, the most frequent first."""
        q = _questions.c
        times, day = sa.func.count(), sa.func.max(q.day)
        query = (
            sa.select(q.question, q.lang, q.outcome, times, day)
            .group_by(q.question, q.lang, q.outcome)
            .order_by(times.desc(), day.desc(), q.question)
            .limit(limit)
        )
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        for question, lang, outcome, n, last in rows:
            yield Unanswered(question, lang, outcome, n, last)

    def dropped(self, limit: int = 50) -> list[tuple[str, str, str]]:
        """(day, sentence, reason) of sentences that did not pass the check, the newest first."""
        s = _sentences.c
        query = sa.select(s.day, s.sentence, s.reason).order_by(s.number.desc()).limit(limit)
        with self._database.begin() as connection:
            return [(day, sentence, reason) for day, sentence, reason in connection.execute(query)]

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def _today(self) -> date:
        return date.fromtimestamp(self._now())


def _key(text: str) -> str:
    return storable(text)[:_KEY_CHARS]


def _added(connection: sa.Connection, hour: int, kind: Kind, key: str, n: int) -> sa.Insert:
    """The statement that adds `n`, whoever else adds to the same count at that moment."""
    insert: Any = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(_counts).values(hour=hour, kind=kind, key=key, n=n)
    made: sa.Insert = row.on_conflict_do_update(
        index_elements=["hour", "kind", "key"], set_={"n": _counts.c.n + row.excluded.n}
    )
    return made
