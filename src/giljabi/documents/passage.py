"""The values: a document as blocks, as a reader hands it over, and as passages, as it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "text", "row"]


@dataclass(frozen=True, slots=True)
class Block:
    """One heading, paragraph or list item, or table row, in the order of reading.

    `level` is a heading's depth, 1 the highest; `page` counts from 1, None where a format has no
    pages. A row reads by itself: “대출 기간: 14일 · 대상: 학부생”, each cell with its column's head.
    """

    kind: BlockKind
    text: str
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader makes of a file. `date` is the day it gives itself, ISO 8601, "" for none."""

    title: str
    blocks: tuple[Block, ...]
    date: str = ""
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """An imported file: its path below the documents folder, and what it was when it was read.

    `sha256` is of the file's bytes; `date` the day it gives itself (ISO 8601, "" for none),
    `imported` the moment it was read (ISO 8601, UTC).
    """

    path: str
    title: str
    sha256: str
    date: str = ""
    imported: str = ""
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document under one heading, small enough to be read whole.

    `id` is the source's path, “#” and the passage's number in it, from 1; `titles` the headings it
    stands under, the document's title first; its `text` keeps one block a line.
    """

    id: str
    source: str
    titles: tuple[str, ...]
    text: str
    page: int | None = None
    date: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for people: “이용 규정 › 제2장 대출 › 제7조”."""
        return " › ".join(self.titles)
