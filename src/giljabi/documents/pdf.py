"""PDF as lines with their places, by PDFium; `pdf_layout` makes blocks of them.

The document information (title, author, keywords) is never read. Text drawn invisibly is left out,
but for pages that have no other: a scan with its recognised text beneath.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from giljabi.documents.cleaning import cleaned
from giljabi.documents.passage import Document
from giljabi.documents.pdf_layout import Line, Page, blocks_of
from giljabi.errors import GiljabiError

PAGES = 5_000
_GAP = 0.7
"""Heights of a letter between two characters from which they stand in two cells of a table."""
_TINY = 2.0
"""Points; nobody reads smaller letters."""
_HYPHEN = "\x02"
"""What PDFium gives for a hyphen at which a word was divided."""


def read(path: Path) -> Document:
    """The document at `path`; its title is the largest text of the first page."""
    try:
        import pypdfium2  # noqa: PLC0415
        from pypdfium2 import raw  # noqa: PLC0415
    except ModuleNotFoundError:
        raise GiljabiError(
            "Reading PDF needs pypdfium2: run pip install 'giljabi[documents]'."
        ) from None
    try:
        pdf = pypdfium2.PdfDocument(path)
    except pypdfium2.PdfiumError as e:
        if e.err_code in (raw.FPDF_ERR_PASSWORD, raw.FPDF_ERR_SECURITY):
            raise GiljabiError(
                f"{path} is encrypted: save it without a password and import it again."
            ) from None
        raise GiljabiError(
            f"{path} is no PDF, or a broken one: print it to PDF anew and import it again."
        ) from None
    count = len(pdf)
    if not 0 < count <= PAGES:
        raise GiljabiError(
            f"{path} says it has {count:,} pages; 1 to {PAGES:,} are read: split it."
        )
    pages = []
    for n in range(count):
        try:
            page = pdf[n]
            width, height = page.get_size()
            lines = tuple(_lines(page.get_textpage(), raw, width, height))
            page.close()
        except pypdfium2.PdfiumError:
            raise GiljabiError(
                f"{path} is broken at page {n + 1}: print it to PDF anew and import it again."
            ) from None
        pages.append(Page(n + 1, width, height, lines))
    blocks = blocks_of(pages)
    largest = next(
        (b.text for b in blocks if b.kind == "heading" and b.level == 1 and b.page == 1), ""
    )
    return Document(largest, blocks, pages=count)


def _lines(text: Any, raw: Any, width: float, height: float) -> Iterator[Line]:
    """The page's lines in the order of its content; boxes in points, y upwards."""
    characters = list(_characters(text, raw, width, height))
    if any(not hidden for *_, hidden in characters):
        characters = [c for c in characters if not c[2]]
    run: list[tuple[str, Any]] = []
    for character, box, _ in characters:
        if character in "\r\n":
            yield from _line(run)
            run = []
        else:
            run.append((character, box))
    yield from _line(run)


def _characters(
    text: Any, raw: Any, width: float, height: float
) -> Iterator[tuple[str, Any, bool]]:
    """Each character with its box (None for spaces PDFium put in) and whether it cannot be seen."""
    seen: dict[int, bool] = {}
    for n in range(text.count_chars()):
        code = raw.FPDFText_GetUnicode(text, n)
        character = chr(code) if 0 < code < 0x110000 else ""
        if raw.FPDFText_IsGenerated(text, n) == 1:
            yield character, None, False
            continue
        box = raw.FS_RECTF()
        if not character or not raw.FPDFText_GetLooseCharBox(text, n, box):
            continue
        drawn = raw.FPDFText_GetTextObject(text, n)
        key = ctypes.cast(drawn, ctypes.c_void_p).value or 0
        if key not in seen:
            seen[key] = raw.FPDFTextObj_GetTextRenderMode(drawn) in (
                raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP,
            )  # fmt: skip
        middle, middle_y = (box.left + box.right) / 2, (box.bottom + box.top) / 2
        # A page turned by /Rotate gives its boxes before turning: any side bounds them.
        inside = 0 <= middle <= max(width, height) and 0 <= middle_y <= max(width, height)
        if inside and abs(box.top - box.bottom) >= _TINY:
            yield character, box, seen[key]


def _line(run: list[tuple[str, Any]]) -> Iterator[Line]:
    boxes = [box for character, box in run if box is not None and not character.isspace()]
    if not boxes:
        return
    sizes = sorted(abs(b.top - b.bottom) for b in boxes)
    size = sizes[len(sizes) // 2]
    cells: list[list[tuple[str, Any]]] = [[]]
    at = boxes[0].left
    for character, box in run:
        if box is not None and not character.isspace():
            if box.left - at > _GAP * size:
                cells.append([])
            at = box.right
        cells[-1].append((character, box))
    texts = [cleaned("".join(c for c, _ in cell)) for cell in cells]
    edges = [_edges(cell) for cell, text in zip(cells, texts, strict=True) if text]
    if edges:
        yield Line(
            tuple(filter(None, texts)), min(b.left for b in boxes), max(b.right for b in boxes),
            sorted(b.bottom for b in boxes)[len(boxes) // 2], round(size, 1),
            "".join(c for c, _ in run).rstrip().endswith(_HYPHEN), tuple(edges),
        )  # fmt: skip


def _edges(cell: list[tuple[str, Any]]) -> tuple[float, float, float]:
    boxes = [box for character, box in cell if box is not None and not character.isspace()]
    left = min((b.left for b in boxes), default=0.0)
    right = max((b.right for b in boxes), default=0.0)
    return left, (left + right) / 2, right
