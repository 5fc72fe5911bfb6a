"""Lines on pages as blocks: running heads dropped, lines joined, headings and simple tables found.

Korean is wrapped without hyphens, between words or inside them; which of the two a document
does is read off its own words.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from giljabi import korean
from giljabi.documents.headings import ends_sentence, is_contents_line, is_item, rule_heading
from giljabi.documents.passage import Block
from giljabi.documents.tabular import row_texts

_MARGIN = 0.15
"""The share of the page's height, above and below, in which running heads stand."""
_PAGE_NUMBER = re.compile(
    r"[-–—\s\[(<·]*(?:p(?:age|p)?\.?\s*)?\d{1,4}(?:\s*(?:/|of)\s*\d{1,4})?\s*(?:쪽|페이지|면)?[-–—\s\])>·]*",
    re.IGNORECASE,
)
_LARGER = 1.15
"""Times the size of the text from which a line is a heading."""
_LONGEST_HEADING = 80
_NUMBERED = re.compile(r"(?:[Ⅰ-Ⅻ]|\d{1,2}(?:\.\d{1,2})?)\.?\s+\S|[□■◆◇▣]")

_WHOLE = re.compile(
    r"(?:하[며고는여면]|[으하][면니]|으며|되[는며고어]|에서|에는|까지|부터|으로|에게|한다|있는|없는|[은는을를의와과및]"
    r"|또는|다만|경우|때|수|등)$"
)
"""Ends after which a Korean word is usually over."""


@dataclass(frozen=True, slots=True)
class Line:
    """A printed line: its text by cells (one, unless it has wide gaps) and its place in points.

    `y` is its lower edge, upwards from the page's foot; `size` the height of its letters' boxes;
    `divided` whether a hyphen at its end divides a word; `edges` each cell's left, middle and right.
    """

    cells: tuple[str, ...]
    left: float
    right: float
    y: float
    size: float
    divided: bool = False
    edges: tuple[tuple[float, float, float], ...] = ()

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(self.cells)


@dataclass(frozen=True, slots=True)
class Page:
    """A page's number, from 1, its size in points and its lines in the order of reading."""

    number: int
    width: float
    height: float
    lines: tuple[Line, ...]


def blocks_of(pages: Sequence[Page]) -> tuple[Block, ...]:
    """The blocks of a document's pages; a paragraph over two pages stands on its first."""
    pages = [_without_contents(page) for page in _without_running_heads(pages)]
    lines = [line for page in pages for line in page.lines]
    if not lines:
        return ()
    sizes = Counter[float]()
    for line in lines:
        sizes[line.size] += len(line.text)
    body = sizes.most_common(1)[0][0]
    larger = {x.size for x in lines if _stands_out(x, body)}
    levels = {size: n for n, size in enumerate(sorted(larger, reverse=True), 1)}
    joints = _Joints(lines)
    return tuple(
        _block(part, page, joints, body, levels)
        if isinstance(part, _Paragraph)
        else Block("row", part, page=page)
        for page, part in _parts(pages, body)
    )


def _stands_out(line: Line, body: float) -> bool:
    return line.size >= _LARGER * body and len(line.text) <= _LONGEST_HEADING


def _without_contents(page: Page) -> Page:
    kept = tuple(x for x in page.lines if not is_contents_line(x.text))
    return Page(page.number, page.width, page.height, kept)


def _without_running_heads(pages: Sequence[Page]) -> list[Page]:
    """The pages without numbers and lines that repeat in their margins."""
    pages_with: Counter[str] = Counter()
    for page in pages:
        pages_with.update({_pattern(x) for x in page.lines if _in_margin(x, page)})
    running = {p for p, n in pages_with.items() if n >= 2 and n >= 0.3 * len(pages)}
    out = []
    for page in pages:
        kept = tuple(
            x for x in page.lines
            if not (_in_margin(x, page) and (_pattern(x) in running or _PAGE_NUMBER.fullmatch(x.text)))
        )  # fmt: skip
        out.append(Page(page.number, page.width, page.height, kept))
    return out


def _in_margin(line: Line, page: Page) -> bool:
    edge = _MARGIN * page.height
    ys = sorted(x.y for x in page.lines)
    if line.y < edge:
        return line.y <= ys[:2][-1]
    return line.y + line.size > page.height - edge and line.y >= ys[-2:][0]


def _pattern(line: Line) -> str:
    text = line.text
    # “제1조” over one page and “제2조” over the next are no running head.
    if rule_heading(text) or is_item(text) or _NUMBERED.match(text):
        return text
    return re.sub(r"\d+", "#", text)


@dataclass(slots=True)
class _Paragraph:
    lines: list[Line]
    right: float


def _parts(pages: Sequence[Page], body: float) -> Iterator[tuple[int, _Paragraph | str]]:
    """Paragraphs and table rows with the number of the page on which each begins."""
    pitch = _pitch(pages)
    held: tuple[int, _Paragraph] | None = None
    for page in pages:
        right = _right_edge(page, body)
        for group in _tables_apart(page.lines):
            if isinstance(group, list):
                if held:
                    yield held
                    held = None
                yield from ((page.number, text) for text in row_texts([x.cells for x in group]))
                continue
            if held and _goes_on(held[1], group, pitch, body, new_page=held[0] != page.number):
                held[1].lines.append(group)
                continue
            if held:
                yield held
            held = (page.number, _Paragraph([group], right))
    if held:
        yield held


def _tables_apart(lines: Iterable[Line]) -> Iterator[Line | list[Line]]:
    """Two and more lines in a row with the same columns, as a table; the others one by one."""
    run: list[Line] = []
    for line in lines:
        if run and not _same_columns(run[0], line):
            yield from _run(run)
            run = []
        run.append(line)
    yield from _run(run)


def _same_columns(a: Line, b: Line) -> bool:
    # Justified text has wide gaps too, but not below each other.
    edges = zip(a.edges, b.edges, strict=False)
    near = (min(abs(p - q) for p, q in zip(x, y, strict=True)) < a.size for x, y in edges)
    return len(a.cells) == len(b.cells) and all(near)


def _run(run: list[Line]) -> Iterator[Line | list[Line]]:
    if len(run) > 1 and len(run[0].cells) > 1:
        yield run
    else:
        yield from run


def _right_edge(page: Page, body: float) -> float:
    rights = sorted(x.right for x in page.lines if abs(x.size - body) <= 0.05 * body)
    return rights[int(len(rights) * 0.95)] if rights else page.width


def _pitch(pages: Sequence[Page]) -> float:
    """The usual distance between lines of one size, in sizes."""
    steps = [
        (a.y - b.y) / a.size
        for page in pages for a, b in pairwise(page.lines)
        if a.size == b.size and 0.5 < (a.y - b.y) / a.size < 3
    ]  # fmt: skip
    return median(steps) if steps else 1.5


def _goes_on(held: _Paragraph, line: Line, pitch: float, body: float, *, new_page: bool) -> bool:
    """Whether `line` belongs to the paragraph."""
    last = held.lines[-1]
    if abs(line.size - last.size) > 0.05 * last.size:
        return False
    if rule_heading(line.text) or is_item(line.text) or _NUMBERED.match(line.text):
        return False
    step = (last.y - line.y) / last.size
    if _stands_out(last, body):
        return 0 < step <= 1.4 * pitch and not new_page
    slack = (held.right - last.right) / last.size
    if (found := rule_heading(last.text)) and not found[2] and (slack > 2 or found[0] < 5):
        return False
    if slack > 6 or (slack > 1.5 and ends_sentence(last.text)):
        return False
    if step < 0 or new_page:  # another column or page
        return not ends_sentence(last.text)
    if step > 1.35 * pitch:
        return False
    if len(held.lines) > 1:
        return line.left <= held.lines[1].left + 0.8 * line.size
    return is_item(last.text) or line.left <= last.left + 0.8 * line.size


def _block(
    paragraph: _Paragraph, page: int, joints: _Joints, body: float, levels: dict[float, int]
) -> Block:
    text = joints.joined(paragraph)
    size = paragraph.lines[0].size
    if (
        size in levels
        and all(_stands_out(x, body) for x in paragraph.lines)
        and not ends_sentence(text)
    ):
        ruled = rule_heading(text)
        return Block("heading", text, ruled[0] if ruled and not ruled[2] else levels[size], page)
    return Block("text", text, page=page)


class _Joints:
    """Whether a line's end parts two words, by the words that stand whole inside lines."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._words = {_bare(w) for x in lines for w in x.text.split()[1:-1]}
        votes = Counter(
            self._known(a.text, b.text) for a, b in pairwise(lines) if _both_hangul(a, b)
        )
        self._inside = votes[""] > votes[" "] or not votes[" "]

    def joined(self, paragraph: _Paragraph) -> str:
        """The lines of the paragraph as one text."""
        out = paragraph.lines[0].text
        for a, b in pairwise(paragraph.lines):
            out += self._joint(a, b, paragraph.right) + b.text
        return out

    def _joint(self, a: Line, b: Line, right: float) -> str:
        if a.divided:
            return ""
        if not _both_hangul(a, b):
            return " "
        known = self._known(a.text, b.text)
        if known is not None:
            return known
        if _first_word(b.text) in korean.PARTICLES:
            return ""
        # Where the next syllable would have fitted, the line was ended for the sake of a word.
        if right - a.right > a.size or not self._inside or _WHOLE.search(a.text):
            return " "
        return ""

    def _known(self, a: str, b: str) -> str | None:
        before, after = _last_word(a), _first_word(b)
        if _bare(before + after) in self._words:
            return ""
        return " " if before in self._words and _bare(after) in self._words else None


def _both_hangul(a: Line, b: Line) -> bool:
    last, first = a.text[-1], b.text[0]
    return (last.isdigit() or "가" <= last <= "힣") and "가" <= first <= "힣"


def _first_word(text: str) -> str:
    return text.split(maxsplit=1)[0]


def _last_word(text: str) -> str:
    return text.rsplit(maxsplit=1)[-1]


def _bare(word: str) -> str:
    return word.strip(".,:;!?()[]“”‘’\"'·")
