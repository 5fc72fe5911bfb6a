"""The formats that are read, by suffix; a new one is a function and a line in the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from giljabi.documents import docx, html, hwpx, markdown, pdf, plain
from giljabi.documents.cleaning import cleaned
from giljabi.documents.dating import own_date
from giljabi.documents.headings import with_rule_headings
from giljabi.documents.passage import Block, Document
from giljabi.errors import GiljabiError

CHARACTERS = 20_000_000
"""Of text in one document; a thousand printed pages have two million."""
_LONGEST_HEADING = 150
_LONGEST_TITLE = 120


class Reader(Protocol):
    """Reads the file at `path`; GiljabiError in one sentence where it cannot be read.

    Its texts are `cleaned`; title and date may be "".
    """

    def __call__(self, path: Path) -> Document:
        """The document at `path`."""


@dataclass(frozen=True, slots=True)
class Format:
    """How files of a suffix are read; `marks_headings` where headings are more than their shape."""

    reader: Reader
    marks_headings: bool


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        ".md": Format(markdown.read, marks_headings=True),
        ".markdown": Format(markdown.read, marks_headings=True),
        ".txt": Format(plain.read, marks_headings=False),
        ".html": Format(html.read, marks_headings=True),
        ".htm": Format(html.read, marks_headings=True),
        ".pdf": Format(pdf.read, marks_headings=False),
        ".docx": Format(docx.read, marks_headings=False),
        ".hwpx": Format(hwpx.read, marks_headings=False),
    }
)
SAVE_AS = MappingProxyType({".hwp": "HWPX", ".doc": "DOCX", ".rtf": "DOCX", ".odt": "DOCX"})
"""Formats that are not read, and what to save them as."""


def format_of(path: Path) -> Format:
    """The format of `path` by its suffix; GiljabiError where it is not read."""
    suffix = path.suffix.lower()
    if suffix in SAVE_AS:
        raise GiljabiError(f"{path}: {suffix} is not read: save it as {SAVE_AS[suffix]} or PDF.")
    if suffix not in FORMATS:
        raise GiljabiError(
            f"{path}: no reader for {suffix or 'a file without a suffix'}; known: {', '.join(FORMATS)}."
        )
    return FORMATS[suffix]


def read(path: Path) -> Document:
    """The document at `path`, in this process: `confined.read` is for files one does not trust.

    Its title is never empty (the file's name at last); its date is the day it says it takes effect
    or was written. GiljabiError where it cannot be read or holds no text.
    """
    form = format_of(path)
    made = form.reader(path)
    if sum(len(b.text) for b in made.blocks) > CHARACTERS:
        raise GiljabiError(f"{path} holds more than {CHARACTERS:,} characters: split it.")
    blocks = with_rule_headings(
        (_no_long_heading(b) for b in made.blocks if b.text), numbered=not form.marks_headings
    )
    if not any(b.kind != "heading" for b in blocks):
        raise GiljabiError(
            f"{path} holds no text: if it is scanned, recognise its text with another program first."
        )
    title = made.title if 0 < len(made.title) <= _LONGEST_TITLE else _named(path)
    date = made.date or own_date(b.text for b in blocks)
    return replace(made, title=title, blocks=blocks, date=date)


def _no_long_heading(block: Block) -> Block:
    if block.kind == "heading" and len(block.text) > _LONGEST_HEADING:
        return replace(block, kind="text", level=0)
    return block


def _named(path: Path) -> str:
    return cleaned(path.stem.replace("_", " ")) or path.name
