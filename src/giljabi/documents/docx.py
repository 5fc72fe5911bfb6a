"""DOCX (ECMA-376) as blocks: headings by style or outline level, lists with their numbers, tables.

Read from the XML itself: the kept libraries lose automatic numbers (“제3조” is often one) and take
hidden text for text.
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
from giljabi.documents.tabular import row_texts

_LEFT_OUT = frozenset(
    "pPr rPr del moveFrom Fallback rt delText instrText footnoteReference endnoteReference".split()
)
_HOLDERS = frozenset("sdt sdtContent customXml ins moveTo smartTag AlternateContent Choice".split())
_OFF = frozenset({"0", "false", "off"})


def read(path: Path) -> Document:
    """The document at `path`. Deleted, hidden and struck-out text, comments, notes, page headers
    and footers, and tables of contents are left out."""
    with Archive(path, "DOCX") as archive:
        main = _main_part(archive)
        folder = main.rpartition("/")[0]
        styles = _Styles(archive.tree_if_there(f"{folder}/styles.xml"))
        lists = _lists(archive.tree_if_there(f"{folder}/numbering.xml"))
        body = child(archive.tree(main), "body")
    body_reader = _Body(styles, Numbers(lists))
    blocks = tuple(body_reader.blocks(body)) if body is not None else ()
    first = next((b.text for b in blocks if b.kind == "heading" and b.level == 1), "")
    return Document(first, blocks)


def _main_part(archive: Archive) -> str:
    for relation in archive.tree("_rels/.rels"):
        if attribute(relation, "Type").endswith("/officeDocument"):
            return attribute(relation, "Target").lstrip("/")
    return "word/document.xml"


def _on(element: Element | None) -> bool:
    return element is not None and attribute(element, "val") not in _OFF


@dataclass(slots=True)
class _Style:
    name: str
    based_on: str
    paragraph: Element | None
    run: Element | None


class _Styles:
    def __init__(self, root: Element) -> None:
        self._styles = {
            attribute(s, "styleId"): _Style(
                attribute(child(s, "name"), "val").lower(),
                attribute(child(s, "basedOn"), "val"), child(s, "pPr"), child(s, "rPr"),
            )
            for s in root if local(s) == "style"
        }  # fmt: skip

    def chain(self, style: str) -> Iterator[_Style]:
        """The style and those it is based on."""
        seen = set[str]()
        while style in self._styles and style not in seen:
            seen.add(style)
            yield self._styles[style]
            style = self._styles[style].based_on

    def hides(self, properties: Element | None, style: str) -> bool:
        """Whether a run with these properties in this style is hidden or struck out."""
        of_style = [s.run for s in self.chain(style)]
        own = [s.run for s in self.chain(attribute(child(properties, "rStyle"), "val"))]
        layers = [properties, *own, *of_style]
        for name in ("vanish", "webHidden", "strike", "dstrike"):
            said = next((e for layer in layers if (e := child(layer, name)) is not None), None)
            if _on(said):
                return True
        return False


class _Body:
    def __init__(self, styles: _Styles, numbers: Numbers) -> None:
        self._styles, self._numbers = styles, numbers

    def blocks(self, parent: Element) -> Iterator[Block]:
        """The blocks of what holds paragraphs and tables."""
        for element in parent:
            name = local(element)
            if name == "p":
                yield from self._paragraph(element)
            elif name == "tbl":
                yield from self._table(element)
            elif name in _HOLDERS:
                yield from self.blocks(element)

    def _paragraph(self, p: Element) -> Iterator[Block]:
        properties = child(p, "pPr")
        style = attribute(child(properties, "pStyle"), "val")
        text = cleaned("".join(self._texts(p, style)))
        chain = list(self._styles.chain(style))
        label = self._label(properties, chain) if text else ""
        names = [s.name for s in chain]
        if text and not any(n.startswith("toc ") for n in names):
            level = _outline_level(properties, chain)
            text = f"{label} {text}" if label else text
            yield Block("heading", text, level) if level else Block("text", text)
        for box in _outermost(p, "txbxContent"):
            yield from self.blocks(box)

    def _texts(self, parent: Element, style: str) -> Iterator[str]:
        for element in parent:
            name = local(element)
            if name in _LEFT_OUT or name == "txbxContent":
                continue
            if name == "t":
                yield element.text or ""
            elif name in ("tab", "br", "cr"):
                yield " "
            elif name == "noBreakHyphen":
                yield "-"
            elif name != "r" or not self._styles.hides(child(element, "rPr"), style):
                yield from self._texts(element, style)

    def _label(self, properties: Element | None, chain: list[_Style]) -> str:
        layers = [properties, *(s.paragraph for s in chain)]
        said = [n for layer in layers if (n := child(layer, "numPr")) is not None]
        name = next((v for n in said if (v := attribute(child(n, "numId"), "val"))), "")
        level = next((v for n in said if (v := attribute(child(n, "ilvl"), "val"))), "0")
        return self._numbers.label(name, int(level)) if name else ""

    def _table(self, table: Element) -> Iterator[Block]:
        rows: list[list[str]] = []
        boxed: list[Block] = []
        heads, in_heads = 0, True
        above: dict[int, str] = {}
        for tr in _outermost(table, "tr"):
            if child(tr, "trPr", "del") is not None:
                continue
            row: list[str] = []
            for tc in _outermost(tr, "tc"):
                inside = list(self.blocks(tc))
                boxed += inside
                text = " ".join(b.text for b in inside)
                merged = child(tc, "tcPr", "vMerge")
                if merged is not None and attribute(merged, "val") != "restart":
                    text = above.get(len(row), "")
                span = attribute(child(tc, "tcPr", "gridSpan"), "val") or "1"
                for _ in range(min(int(span), 200)):
                    above[len(row)] = text
                    row.append(text)
            rows.append(row)
            in_heads = in_heads and _on(child(tr, "trPr", "tblHeader"))
            heads += in_heads
        if max(map(len, rows), default=0) == 1:
            yield from boxed  # a frame around paragraphs
        else:
            yield from (Block("row", text) for text in row_texts(rows, heads))


def _outermost(parent: Element, name: str) -> Iterator[Element]:
    for element in parent:
        if local(element) == name:
            yield element
        elif local(element) not in ("Fallback", "del", "moveFrom"):
            yield from _outermost(element, name)


def _outline_level(properties: Element | None, chain: list[_Style]) -> int:
    for layer in (properties, *(s.paragraph for s in chain)):
        said = attribute(child(layer, "outlineLvl"), "val")
        if said.isdigit():
            return int(said) + 1 if int(said) < 9 else 0
    for style in chain:
        if style.name in ("title", "제목"):
            return 1
        if found := re.fullmatch(r"(?:heading|제목|개요) ?([1-9])", style.name):
            return int(found[1])
    return 0


def _lists(root: Element) -> dict[str, dict[int, Level]]:
    """The levels of each w:num, through its w:abstractNum."""
    abstract = {attribute(e, "abstractNumId"): e for e in root if local(e) == "abstractNum"}
    out: dict[str, dict[int, Level]] = {}
    for num in (e for e in root if local(e) == "num"):
        base = abstract.get(attribute(child(num, "abstractNumId"), "val"))
        levels = [e for e in (base if base is not None else ()) if local(e) == "lvl"]
        starts = {
            attribute(o, "ilvl"): attribute(child(o, "startOverride"), "val")
            for o in num if local(o) == "lvlOverride"
        }  # fmt: skip
        out[attribute(num, "numId")] = {
            int(attribute(e, "ilvl")): _level(e, starts.get(attribute(e, "ilvl"), ""))
            for e in levels
        }
    return out


def _level(element: Element, start: str) -> Level:
    return Level(
        int(start or attribute(child(element, "start"), "val") or 1),
        attribute(child(element, "numFmt"), "val"),
        attribute(child(element, "lvlText"), "val"),
    )
