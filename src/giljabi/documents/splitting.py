"""Blocks as passages: small enough to be read whole, never across a heading, nothing cut apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from giljabi.documents.headings import ends_sentence, is_item
from giljabi.documents.passage import Block, Document, Passage, Source

PASSAGE = 600
"""Characters at which a passage is full."""
LONGEST = 1_200
"""Characters from which a single block is cut, at the ends of its sentences."""

_SENTENCE = re.compile(r".+?(?:[.!?。](?:[)\]”’\"']*)(?=\s)|$)", re.DOTALL)


def passages_of(document: Document, source: Source) -> tuple[Passage, ...]:
    """The passages of `document`, kept under `source.path`, in the order of reading.

    Every block that is no heading stands in exactly one passage, whole unless it is longer than
    `LONGEST`; a passage has at most `PASSAGE` characters, or one block. Rows of a table, and the
    items of a list with the sentence that leads to them, stay together where they fit.
    """
    out: list[Passage] = []
    for titles, blocks in _sections(document):
        for group in _groups([part for b in blocks for part in _cut(b)]):
            out.append(
                Passage(
                    id=f"{source.path}#{len(out) + 1}", source=source.path, titles=titles,
                    text="\n".join(b.text for b in group), page=group[0].page, date=source.date,
                )
            )  # fmt: skip
    return tuple(out)


def _sections(document: Document) -> Iterator[tuple[tuple[str, ...], list[Block]]]:
    """The blocks under each heading, with the headings above them, the document's title first."""
    path: list[Block] = []
    held: list[Block] = []

    def titles() -> tuple[str, ...]:
        own = [b.text for b in path]
        return (document.title, *(own[1:] if own[:1] == [document.title] else own))

    for block in document.blocks:
        if block.kind != "heading":
            held.append(block)
            continue
        if held:
            yield titles(), held
            held = []
        while path and path[-1].level >= block.level:
            path.pop()
        path.append(block)
    if held:
        yield titles(), held


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Runs of blocks that fit one passage, broken where least is torn apart."""
    units = _units(blocks)
    held: list[Block] = []
    for unit in units:
        if held and _length([*held, *unit]) > PASSAGE:
            yield held
            held = []
        # Only a unit that is too long by itself is ever parted.
        while _length(unit) > PASSAGE and len(unit) > 1:
            fits = max(
                1, next(n for n in range(1, len(unit) + 1) if _length(unit[:n]) > PASSAGE) - 1
            )
            yield unit[:fits]
            del unit[:fits]
        held += unit
    if held:
        yield held


def _units(blocks: Sequence[Block]) -> list[list[Block]]:
    """Blocks that belong together: a table, a list with what leads to it, or one paragraph."""
    units: list[list[Block]] = []
    for block in blocks:
        last = units[-1][-1] if units else None
        if last is not None and _belongs(block, last):
            units[-1].append(block)
        else:
            units.append([block])
    return units


def _belongs(block: Block, last: Block) -> bool:
    if block.kind == "row":
        return last.kind == "row" or _leads(last.text)
    if last.kind == "row" or not is_item(block.text):
        return False
    return is_item(last.text) or _leads(last.text)


def _leads(text: str) -> bool:
    """Whether `text` announces what follows: “다음과 같다.”, “다음 각 호와 같다.”, “… are:”."""
    return (
        text.endswith((":", "："))
        or not ends_sentence(text)
        or bool(re.search(r"다음|아래|below|following", text))
    )


def _length(blocks: Sequence[Block]) -> int:
    return sum(len(b.text) for b in blocks) + len(blocks) - 1


def _cut(block: Block) -> list[Block]:
    if len(block.text) <= LONGEST:
        return [block]
    parts: list[str] = []
    for found in _SENTENCE.finditer(block.text):
        for sentence in _pieces(found[0].strip()):
            if parts and len(parts[-1]) + 1 + len(sentence) <= PASSAGE:
                parts[-1] += " " + sentence
            elif sentence:
                parts.append(sentence)
    return [replace(block, text=part) for part in parts]


def _pieces(sentence: str) -> Iterator[str]:
    """A sentence longer than a passage may be, at its last spaces or, without any, by length."""
    while len(sentence) > LONGEST:
        at = sentence.rfind(" ", LONGEST // 2, LONGEST)
        at = LONGEST if at < 0 else at
        yield sentence[:at].rstrip()
        sentence = sentence[at:].lstrip()
    yield sentence
