"""Vectors of passages and of their parts, kept in the library's file beside what they are of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from giljabi.documents.encoders import Encoder
from giljabi.documents.library import Library, as_passage
from giljabi.documents.passage import Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_BATCH = 64


class Vectors:
    """What encoders made of a library's passages and their parts; theirs goes when a passage goes."""

    def __init__(self, library: Library) -> None:
        self._library = library

    @property
    def encoder(self) -> str:
        """The sha256 of the encoder whose vectors are kept; "" without vectors."""
        return self._maker("vector")

    def embed(self, encoder: Encoder, progress: Callable[[int], None] = lambda done: None) -> int:
        """Make the vectors that `encoder` has not made yet, kept as float16; how many were made.

        A library keeps one encoder's: another's takes their places. `progress` hears how many
        have been made; what was made stays where it is interrupted.
        """
        import numpy as np  # noqa: PLC0415

        query = (
            "SELECT number, titles, text FROM passage LEFT JOIN vector ON passage = number"
            " AND encoder = ? WHERE value IS NULL ORDER BY number LIMIT ?"
        )
        made = 0
        while True:
            with self._library.reading() as connection:
                rows = connection.execute(query, (encoder.sha256, _BATCH)).fetchall()
            if not rows:
                return made
            texts = [f"{' '.join(json.loads(titles))}\n{text}" for _, titles, text in rows]
            values = [v.tobytes() for v in encoder.passages(texts).astype(np.float16)]
            with self._library.changing() as connection:
                connection.executemany(
                    "INSERT OR REPLACE INTO vector SELECT number, ?, ? FROM passage"
                    " WHERE number = ?",
                    [(encoder.sha256, v, row[0]) for v, row in zip(values, rows, strict=True)],
                )
            made += len(rows)
            progress(made)

    def missing(self, encoder: Encoder) -> int:
        """How many passages `encoder` has made no vector of."""
        query = "SELECT (SELECT count(*) FROM passage) - count(*) FROM vector WHERE encoder = ?"
        with self._library.reading() as connection:
            return int(connection.execute(query, (encoder.sha256,)).fetchone()[0])

    @property
    def near(self) -> str:
        """The sha256 of the encoder that made vectors of parts of passages; "" without any."""
        return self._maker("part")

    def _maker(self, table: str) -> str:
        with self._library.reading() as connection:
            row = connection.execute(f"SELECT encoder FROM {table} LIMIT 1").fetchone()  # noqa: S608
        return str(row[0]) if row else ""

    def embed_parts(
        self, encoder: Encoder, parts: Callable[[Passage], Sequence[str]],
        progress: Callable[[int], None] = lambda done: None,
    ) -> int:  # fmt: skip
        """Make the vectors of the `parts` of passages that have none by `encoder`; of how many.

        What `embed` does for passages, for texts made of them: `progress` hears of passages.
        """
        import numpy as np  # noqa: PLC0415

        query = (
            "SELECT number, id, source, titles, text, page, date FROM passage WHERE number > ?"
            " AND NOT EXISTS (SELECT 1 FROM part WHERE passage = number AND encoder = ?)"
            " ORDER BY number LIMIT 1"
        )
        made = at = 0
        while True:
            with self._library.reading() as connection:
                row = connection.execute(query, (at, encoder.sha256)).fetchone()
            if row is None:
                return made
            at, texts = row[0], list(dict.fromkeys(parts(as_passage(row[1:]))))
            values = encoder.passages(texts).astype(np.float16) if texts else ()
            made_of = zip(texts, values, strict=True)
            with self._library.changing() as connection:
                connection.execute("DELETE FROM part WHERE passage = ?", (at,))
                connection.executemany(
                    "INSERT INTO part SELECT number, ?, ?, ? FROM passage WHERE number = ?",
                    [(part_key(t), encoder.sha256, v.tobytes(), at) for t, v in made_of],
                )
            made += 1
            progress(made)

    def of_parts(self, encoder: Encoder, ids: Sequence[str]) -> dict[bytes, NDArray[np.float32]]:
        """By `part_key`, the vectors that `encoder` made of parts of the passages `ids`."""
        import numpy as np  # noqa: PLC0415

        which = f"SELECT number FROM passage WHERE id IN ({', '.join('?' * len(ids))})"  # noqa: S608
        query = f"SELECT text, value FROM part WHERE encoder = ? AND passage IN ({which})"  # noqa: S608
        with self._library.reading() as connection:
            rows = connection.execute(query, (encoder.sha256, *ids)).fetchall()
        return {key: np.frombuffer(v, dtype=np.float16).astype(np.float32) for key, v in rows}

    def of_passages(self, encoder: Encoder) -> tuple[list[str], list[str], NDArray[np.float16]]:
        """The ids, their sources and the (n, width) vectors that `encoder` made."""
        import numpy as np  # noqa: PLC0415

        query = (
            "SELECT id, source, value FROM vector JOIN passage ON number = passage"
            " WHERE encoder = ? ORDER BY number"
        )
        with self._library.reading() as connection:
            rows = connection.execute(query, (encoder.sha256,)).fetchall()
        flat = np.frombuffer(b"".join(value for *_, value in rows), dtype=np.float16)
        wide = flat.reshape(len(rows), len(flat) // max(len(rows), 1))
        return [r[0] for r in rows], [r[1] for r in rows], wide


def part_key(text: str) -> bytes:
    """What a part of a passage is found by."""
    return hashlib.sha256(text.encode()).digest()[:16]
