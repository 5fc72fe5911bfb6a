"""HTML as blocks: what a visitor of the page would read, without its menus, scripts and comments."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

from giljabi.documents.cleaning import cleaned
from giljabi.documents.dating import iso_day
from giljabi.documents.encoding import decoded
from giljabi.documents.passage import Block, BlockKind, Document
from giljabi.documents.tabular import Cell, row_texts, spread
from giljabi.errors import GiljabiError

DEPTH = 1_000
"""Elements within each other; a page somebody wrote has a few dozen."""

_VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
_LEFT_OUT = frozenset(
    "script style template noscript nav button select textarea svg math iframe object canvas audio "
    "video head dialog del s strike".split()
)
_PAGE_FRAME = frozenset({"header", "footer"})
_CONTENT = frozenset({"main", "article", "section"})
_BLOCKS = frozenset(
    "address article aside blockquote body caption center dd details div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hr html legend li main nav ol p pre section summary "
    "table tbody td tfoot th thead tr ul br".split()
)
# An element begun ends the one before it whose end tag may be left out, up to what holds both.
_ENDS = {
    **dict.fromkeys(_BLOCKS - {"br", "td", "th"}, ("p",)),
    "li": ("li",), "dt": ("dt", "dd"), "dd": ("dt", "dd"), "tr": ("tr",), "td": ("td", "th"),
    "th": ("td", "th"), "tbody": ("thead", "tbody"), "tfoot": ("thead", "tbody"),
}  # fmt: skip
_HOLDERS = frozenset("ul ol dl table tr td th div body".split())
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|opacity\s*:\s*0*\.?0+\s*(?:;|$)"
    r"|font-size\s*:\s*(?:0*\.?0+\s*(?:[a-z%]+)?|[01](?:\.\d+)?\s*p[xt])\s*(?:;|$)"
    r"|(?<![-\w])color\s*:\s*transparent\s*(?:;|!|$)"
    r"|(?:height|width)\s*:\s*[01](?:px)?\s*(?:;|$)|(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)
_DATE_NAMES = frozenset(
    "article:published_time article:modified_time dc.date dcterms.modified date".split()
)

Attributes = list[tuple[str, str | None]]


def read(path: Path) -> Document:
    """The page at `path`; its title is its first heading's, else what its tab shows."""
    return page(decoded(path), path)


def page(text: str, path: Path) -> Document:
    """HTML `text`, which `path` holds or makes, as a document."""
    # A comment without an end hides all that follows, as in a browser.
    closed = text.rfind("-->")
    opened = text.find("<!--", closed + 3 if closed >= 0 else 0)
    parser = _Page(path)
    parser.feed(text if opened < 0 else text[:opened])
    parser.close()
    return parser.document()


class _Page(HTMLParser):
    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self._path = path
        self._blocks: list[Block] = []
        self._open: list[tuple[str, bool]] = []
        self._text: list[str] = []
        self._lists: list[int | None] = []
        self._marker = ""
        self._tables: list[_Table] = []
        self._tab = ""
        self._date = ""

    def document(self) -> Document:
        self._flush()
        for table in reversed(self._tables):
            self._blocks += table.blocks()
        first = next((b.text for b in self._blocks if b.kind == "heading" and b.level == 1), "")
        return Document(first or cleaned(self._tab), tuple(self._blocks), self._date)

    def handle_starttag(self, tag: str, attrs: Attributes) -> None:
        if tag in _BLOCKS:
            self._flush()
        self._end_before(tag)
        hidden = self._hidden or self._is_hidden(tag, attrs)
        if tag == "meta":
            self._note(dict(attrs))
        if tag not in _VOID:
            if len(self._open) >= DEPTH:
                raise GiljabiError(
                    f"{self._path} nests elements deeper than {DEPTH:,}: save its text anew."
                )
            self._open.append((tag, hidden))
        if not hidden:
            self._begin(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        at = next((n for n in range(len(self._open) - 1, -1, -1) if self._open[n][0] == tag), None)
        if at is None:
            return
        if tag in _BLOCKS:
            self._flush()
        for name, hidden in reversed(self._open[at:]):
            if not hidden:
                self._finish(name)
        del self._open[at:]

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "title":
            self._tab += data
        elif not self._hidden:
            if "\n" in data and any(name == "pre" for name, _ in self._open):
                for line in data.split("\n"):
                    self._text.append(line)
                    self._flush()
            else:
                self._text.append(data)

    @property
    def _hidden(self) -> bool:
        return bool(self._open) and self._open[-1][1]

    def _is_hidden(self, tag: str, attrs: Attributes) -> bool:
        if tag in _LEFT_OUT or (
            tag in _PAGE_FRAME and not any(n in _CONTENT for n, _ in self._open)
        ):
            return True
        values = dict(attrs)
        return (
            "hidden" in values
            or values.get("role") in ("navigation", "menu", "search")
            or bool(_HIDDEN.search(values.get("style") or ""))
        )

    def _end_before(self, tag: str) -> None:
        ends = _ENDS.get(tag, ())
        for n in range(len(self._open) - 1, -1, -1):
            name = self._open[n][0]
            if name in ends:
                self.handle_endtag(name)
                return
            if name in _HOLDERS and not (
                tag in ("tr", "tbody", "tfoot") and name in ("td", "th", "tr")
            ):
                return

    def _note(self, values: dict[str, str | None]) -> None:
        name = values.get("name") or values.get("property") or ""
        if name.lower() in _DATE_NAMES:
            self._date = self._date or iso_day(values.get("content") or "")

    def _begin(self, tag: str, attrs: Attributes) -> None:
        if tag in ("ul", "ol"):
            start = dict(attrs).get("start") or "1"
            number = int(start) if re.fullmatch(r"\d{1,6}", start) else 1
            self._lists.append(number if tag == "ol" else None)
        elif tag == "li" and self._lists:
            number_of = self._lists[-1]
            self._marker = "- " if number_of is None else f"{number_of}. "
            self._lists[-1] = None if number_of is None else number_of + 1
        elif tag == "table":
            self._tables.append(_Table())
        elif self._tables:
            self._tables[-1].begin(tag, dict(attrs))
        if tag == "q":
            self._text.append("“")

    def _finish(self, tag: str) -> None:
        if tag in ("ul", "ol") and self._lists:
            self._lists.pop()
        elif tag == "li":
            self._marker = ""
        elif tag == "table" and self._tables:
            self._blocks += self._tables.pop().blocks()
        elif tag == "q":
            self._text.append("”")

    def _flush(self) -> None:
        text = cleaned("".join(self._text))
        self._text.clear()
        if not text:
            return
        names = [name for name, _ in self._open]
        if self._tables and self._tables[-1].add(text):
            return
        level = next((int(n[1]) for n in reversed(names) if re.fullmatch("h[1-6]", n)), 0)
        kind: BlockKind = "heading" if level else "text"
        self._blocks.append(Block(kind, text if level else self._marker + text, level))
        self._marker = ""


class _Table:
    """A table while it is read."""

    def __init__(self) -> None:
        self._rows: list[list[Cell]] = []
        self._heads: list[bool] = []
        self._in_head = False

    def begin(self, tag: str, attrs: dict[str, str | None]) -> None:
        if tag in ("thead", "tbody", "tfoot"):
            self._in_head = tag == "thead"
        elif tag == "tr":
            self._row()
        elif tag in ("td", "th"):
            if not self._rows:
                self._row()
            self._heads[-1] &= self._in_head or tag == "th"
            self._rows[-1].append(Cell("", _span(attrs, "colspan"), _span(attrs, "rowspan")))

    def add(self, text: str) -> bool:
        """Take `text` for the cell last begun; False where there is none yet: a caption."""
        if not self._rows or not self._rows[-1]:
            return False
        cell = self._rows[-1][-1]
        self._rows[-1][-1] = Cell(f"{cell.text} {text}".strip(), cell.columns, cell.rows)
        return True

    def blocks(self) -> list[Block]:
        rows = [(row, head) for row, head in zip(self._rows, self._heads, strict=True) if row]
        heads = 0
        while heads < len(rows) and rows[heads][1]:
            heads += 1
        table = spread([row for row, _ in rows])
        kind: BlockKind = "row" if max(map(len, table), default=0) > 1 else "text"
        return [Block(kind, text) for text in row_texts(table, heads) if text]

    def _row(self) -> None:
        self._rows.append([])
        self._heads.append(True)


def _span(attrs: dict[str, str | None], name: str) -> int:
    said = attrs.get(name) or "1"
    return int(said) if re.fullmatch(r"\d{1,4}", said) else 1
