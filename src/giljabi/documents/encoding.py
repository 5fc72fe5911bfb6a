"""The bytes of a text file as text: UTF-8, UTF-16 with its mark, or CP949 (which holds EUC-KR)."""

from __future__ import annotations

import codecs
import unicodedata
from pathlib import Path

from giljabi.errors import GiljabiError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_KNOWN = (
    (b"%PDF-", "a PDF"), (b"PK\x03\x04", "a zip (DOCX, HWPX, …)"),
    (b"\xd0\xcf\x11\xe0", "an old binary document"), (b"\x7fELF", "a program"), (b"MZ\x90", "a program"),
    (b"\x89PNG", "a picture"), (b"\xff\xd8\xff", "a picture"), (b"GIF8", "a picture"),
)  # fmt: skip
_STRANGE = 0.01
"""The share of control characters above which bytes are no text."""


def decoded(path: Path) -> str:
    """The text of `path`; GiljabiError where it is no text, or in no encoding known here."""
    raw = path.read_bytes()
    for magic, what in _KNOWN:
        if raw.startswith(magic):
            raise GiljabiError(f"{path} is {what} under another name: give it its own suffix.")
    text = _decode(raw)
    if text is None:
        raise GiljabiError(f"{path} is neither UTF-8 nor CP949 text: save it as UTF-8.")
    sample = text[:100_000]
    strange = sum(unicodedata.category(c) == "Cc" and not c.isspace() for c in sample)
    if "\0" in text or strange > _STRANGE * len(sample):
        raise GiljabiError(f"{path} holds binary data and no text: import what it was made from.")
    return text


def _decode(raw: bytes) -> str | None:
    marked = [name for mark, name in _MARKS if raw.startswith(mark)]
    for encoding in marked[:1] or ("utf-8", "cp949"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None
