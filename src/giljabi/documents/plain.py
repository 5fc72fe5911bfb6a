"""Plain text as blocks: paragraphs parted by empty lines, items and headings by their shape."""

from __future__ import annotations

import re
from pathlib import Path

from giljabi.documents.cleaning import cleaned_lines
from giljabi.documents.encoding import decoded
from giljabi.documents.headings import ends_sentence, is_contents_line, is_item, rule_heading
from giljabi.documents.passage import Block, Document

_RULE_LINE = re.compile(r"[-=_*~─━═·.\s]{3,}$")
_NUMBERED = re.compile(r"(?:[Ⅰ-Ⅻ]|\d{1,2}(?:\.\d{1,2})?)\.?\s+\S|[□■◆◇▣]")
_WRAPPED = 0.7
"""The share of the longest usual line from which a line is taken to go on in the next."""


def read(path: Path) -> Document:
    """The text file at `path`; its title is a short first line that is no sentence."""
    lines = [x for x in cleaned_lines(decoded(path)) if not is_contents_line(x)]
    width = _wrap_width(lines)
    blocks: list[Block] = []
    open_line = ""
    for line in lines:
        if not line or _RULE_LINE.fullmatch(line):
            open_line = ""
            continue
        starts = rule_heading(line) or is_item(line) or _NUMBERED.match(line)
        if blocks and width and not starts and len(open_line) >= _WRAPPED * width:
            blocks[-1] = Block("text", f"{blocks[-1].text} {line}")
        else:
            blocks.append(Block("text", line))
        open_line = line
    return _titled(blocks)


def _wrap_width(lines: list[str]) -> int:
    """The length at which the lines are wrapped; 0 where each paragraph is one line."""
    lengths = sorted(len(x) for x in lines if len(x) > 20)
    if len(lengths) < 5:
        return 0
    longest = lengths[int(len(lengths) * 0.95)]
    ends = [x for x in lines if len(x) >= _WRAPPED * longest]
    # Wrapped text has most of its full lines end inside a sentence.
    return longest if longest <= 130 and sum(map(ends_sentence, ends)) < len(ends) / 2 else 0


def _titled(blocks: list[Block]) -> Document:
    if len(blocks) > 1:
        first = blocks[0].text
        if len(first) <= 60 and not (ends_sentence(first) or rule_heading(first) or is_item(first)):
            return Document(first, (Block("heading", first, 1), *blocks[1:]))
    return Document("", tuple(blocks))
