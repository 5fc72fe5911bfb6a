"""HWPX (OWPML, KS X 6101) as blocks: outline levels as headings, lists with their numbers, tables.

Read from the XML itself: the kept library for it is an editor of 9 MB that needs lxml.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from giljabi.documents.archive import Archive, attribute, child, local
from giljabi.documents.cleaning import cleaned
from giljabi.documents.numbering import Level, Numbers
from giljabi.documents.passage import Block, Document
from giljabi.documents.tabular import Cell, row_texts, spread
from giljabi.errors import GiljabiError

_SECTION = re.compile(r"Contents/section(\d+)\.xml")
_SPACES = frozenset({"tab", "lineBreak", "nbSpace", "fwSpace"})
# Headers, footers, notes, hidden comments, memos and fields are controls.
_LEFT_OUT = frozenset({"ctrl", "secPr", "equation", "linesegarray"})


def read(path: Path) -> Document:
    """The document at `path`. Memos, hidden comments, tracked deletions, notes, page headers and
    footers, and tables of contents are left out."""
    with Archive(path, "HWPX") as archive:
        numbered = sorted((int(m[1]), n) for n in archive.names if (m := _SECTION.fullmatch(n)))
        if not numbered:
            raise GiljabiError(
                f"{path} is no HWPX: it has no Contents/section0.xml; save it anew as HWPX."
            )
        body = _Body(archive.tree_if_there("Contents/header.xml"))
        blocks = tuple(b for _, name in numbered for b in body.section(archive.tree(name)))
    first = next((b.text for b in blocks if b.kind == "heading" and b.level == 1), "")
    return Document(first, blocks)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A paragraph shape's place in an outline (OUTLINE) or list (NUMBER, BULLET)."""

    kind: str
    list: str
    level: int


class _Body:
    def __init__(self, head: Element) -> None:
        self._shapes = {attribute(e, "id"): _shape(e) for e in head.iter() if local(e) == "paraPr"}
        styles = [e for e in head.iter() if local(e) == "style"]
        self._styles = {attribute(e, "id"): attribute(e, "name") for e in styles}
        self._numbers = Numbers(
            {attribute(e, "id"): _levels(e) for e in head.iter() if local(e) == "numbering"}
        )
        self._outline = ""
        self._deleting = 0

    def section(self, root: Element) -> Iterator[Block]:
        """The blocks of one section."""
        properties = next((e for e in root.iter() if local(e) == "secPr"), None)
        self._outline = attribute(properties, "outlineShapeIDRef")
        yield from self._blocks(root)

    def _blocks(self, parent: Element) -> Iterator[Block]:
        for p in parent:
            if local(p) == "p":
                yield from self._paragraph(p)

    def _paragraph(self, p: Element) -> Iterator[Block]:
        style = self._styles.get(attribute(p, "styleIDRef"), "")
        text = cleaned("".join(self._texts(p)))
        if text and not re.match(r"차례|TOC", style):
            shape = self._shapes.get(attribute(p, "paraPrIDRef"), _Shape("NONE", "", 0))
            label = self._label(shape)
            text = f"{label} {text}" if label else text
            level = shape.level + 1 if shape.kind == "OUTLINE" else 0
            yield Block("heading", text, level) if level else Block("text", text)
        for run in p:
            yield from self._objects(run)

    def _texts(self, parent: Element) -> Iterator[str]:
        for run in parent:
            for t in run:
                if local(run) == "run" and local(t) == "t":
                    yield from self._text(t)

    def _text(self, t: Element) -> Iterator[str]:
        """Mixed content: characters between tabs, breaks and the marks of tracked changes."""
        if not self._deleting:
            yield t.text or ""
        for mark in t:
            name = local(mark)
            self._deleting += (name == "deleteBegin") - (name == "deleteEnd" and self._deleting > 0)
            if self._deleting:
                continue
            if name in _SPACES:
                yield " "
            elif name == "hyphen":
                yield "-"
            else:
                yield from mark.itertext()
            yield mark.tail or ""

    def _label(self, shape: _Shape) -> str:
        if shape.kind == "BULLET":
            return "-"
        if shape.kind == "NUMBER":
            return self._numbers.label(shape.list, shape.level)
        if shape.kind == "OUTLINE":
            return self._numbers.label(
                shape.list if shape.list != "0" else self._outline, shape.level
            )
        return ""

    def _objects(self, parent: Element) -> Iterator[Block]:
        """Tables, and the text of drawn boxes, wherever they hang in a run."""
        for element in parent:
            name = local(element)
            if name == "tbl":
                yield from self._table(element)
            elif name in ("drawText", "caption"):
                for inside in element:
                    yield from self._blocks(inside)
            elif name != "t" and name not in _LEFT_OUT:
                yield from self._objects(element)

    def _table(self, table: Element) -> Iterator[Block]:
        rows: list[list[Cell]] = []
        boxed: list[Block] = []
        heads, in_heads = 0, True
        for tr in table:
            if local(tr) == "caption":
                yield from (b for inside in tr for b in self._blocks(inside))
            if local(tr) != "tr":
                continue
            cells = [tc for tc in tr if local(tc) == "tc"]
            row = []
            for tc in cells:
                inside = [b for part in tc if local(part) == "subList" for b in self._blocks(part)]
                boxed += inside
                span, text = child(tc, "cellSpan"), " ".join(b.text for b in inside)
                row.append(Cell(text, _number(span, "colSpan"), _number(span, "rowSpan")))
            rows.append(row)
            in_heads = (
                in_heads and bool(cells) and all(attribute(c, "header") == "1" for c in cells)
            )
            heads += in_heads
        table_rows = spread(rows)
        if max(map(len, table_rows), default=0) == 1:
            yield from boxed  # a frame around paragraphs
        else:
            yield from (Block("row", text) for text in row_texts(table_rows, heads))


def _shape(element: Element) -> _Shape:
    heading = next((e for e in element.iter() if local(e) == "heading"), None)
    kind = attribute(heading, "type") or "NONE"
    return _Shape(kind, attribute(heading, "idRef"), _number(heading, "level", 0))


def _levels(numbering: Element) -> dict[int, Level]:
    return {
        _number(e, "level") - 1: Level(
            _number(e, "start"), attribute(e, "numFormat"), (e.text or "").replace("^", "%")
        )
        for e in numbering if local(e) == "paraHead"
    }  # fmt: skip


def _number(element: Element | None, name: str, otherwise: int = 1) -> int:
    said = attribute(element, name)
    return int(said) if said.isdecimal() else otherwise
