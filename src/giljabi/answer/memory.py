"""Conversations: the last turns of each, kept in SQLite or PostgreSQL for a limited time.

Knows nothing of what a turn says. Reading and writing are safe from any number of threads and
processes: turns are numbered by the database itself, so two never share a number.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

import sqlalchemy as sa

from giljabi.answer.database import Database, storable
from giljabi.errors import GiljabiError

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
        self.turns = turns
        self.ttl_s = ttl_s
        self._database = Database(url, "memory")
        self._database.create(_metadata)

    def history(self, conversation: str) -> tuple[Turn, ...]:
        """The last `turns` turns that have not expired, oldest first; () for an unknown id."""
        query = (
            sa.select(_turns.c.question, _turns.c.answer)
            .where(_turns.c.conversation == check_id(conversation), _turns.c.at > self._horizon())
            .order_by(_turns.c.number.desc())
            .limit(self.turns)
        )
        with self._database.begin() as connection:
            rows = connection.execute(query).all()
        return tuple(Turn(question, answer) for question, answer in reversed(rows))

    def add(self, conversation: str, question: str, answer: str) -> None:
        """Keep a turn. It is committed when this returns: a killed process does not lose it."""
        row = {
            "conversation": check_id(conversation),
            "question": storable(question),
            "answer": storable(answer),
            "at": time.time(),
        }
        with self._database.begin() as connection:
            connection.execute(sa.insert(_turns).values(row))

    def wipe(self, conversation: str) -> bool:
        """Forget a conversation now; whether there was anything to forget."""
        gone = sa.delete(_turns).where(_turns.c.conversation == check_id(conversation))
        with self._database.begin() as connection:
            return connection.execute(gone).rowcount > 0

    def expire(self) -> int:
        """Delete every turn older than `ttl_s`; how many went."""
        with self._database.begin() as connection:
            return connection.execute(
                sa.delete(_turns).where(_turns.c.at <= self._horizon())
            ).rowcount

    def close(self) -> None:
        """Give the connections back; an in-memory store is empty afterwards."""
        self._database.close()

    def _horizon(self) -> float:
        return time.time() - self.ttl_s
