"""spoken.toml, and text put into plain characters before it is read."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import Any

_ASCII_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_ROMAN = {0x2160 + n: str(n + 1) for n in range(12)} | {0x2170 + n: str(n + 1) for n in range(12)}
_CIRCLED = {0x2460 + n: f" ({n + 1}) " for n in range(20)}
_DASHES = dict.fromkeys(map(ord, "∼〜～–—―"), "~") | dict.fromkeys(map(ord, "‐‑−"), "-")
_QUOTES = dict.fromkeys(map(ord, "‘’′`´"), "'") | dict.fromkeys(map(ord, "“”„″"), '"')
_FRACTIONS = {0xBD: "1/2", 0xBC: "1/4", 0xBE: "3/4"}
_PLAIN: dict[int, int | str] = {
    **_ASCII_WIDE,
    **_ROMAN,
    **_CIRCLED,
    **_DASHES,
    **_QUOTES,
    **_FRACTIONS,
}
_PLAIN |= {ord("½"): "1/2", ord("‧"): "·", ord("･"): "·", ord("•"): "·", ord("～"): "~"}

NUMBER = r"(?<!\d)(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!,?\d)|\d+(?:\.\d+)*)"
"""Thousands in threes, or digits with any number of points between them."""


@lru_cache(maxsize=1)
def table() -> Mapping[str, Any]:
    """spoken.toml, read once."""
    data: Mapping[str, Any] = tomllib.loads(
        (files("giljabi.spoken") / "spoken.toml").read_text("utf-8")
    )
    return data


def plain(text: str) -> str:
    """`text` with one character for each kind of dash, quote, digit and letter."""
    text = unicodedata.normalize("NFC", text).translate(_PLAIN)
    text = re.sub(r"[^\S\n]+", " ", text)
    text = text.replace("km²", "㎢").replace("m²", "㎡").replace("m³", "㎥")
    return "".join(c if c.isascii() or "가" <= c <= "힣" else _ascii(c) for c in text)


def _ascii(c: str) -> str:
    if c.isdigit():
        return str(unicodedata.digit(c))
    bare = unicodedata.normalize("NFD", c)[0]
    return bare if bare.isascii() else c


def either(words: Iterable[str]) -> str:
    """A regular expression for any of `words`, the longest first."""
    return "|".join(re.escape(w) for w in sorted(words, key=lambda w: (-len(w), w)))


def whole(words: Iterable[str]) -> str:
    """`either`, where no letter or digit of the word's own kind goes on before or after it.

    A word in small letters is found in any case, a word with a capital exactly as it stands.
    """
    parts = []
    for word in sorted(words, key=lambda w: (-len(w), w)):
        found = re.escape(word) if word != word.lower() else f"(?i:{re.escape(word)})"
        parts.append(_edge(word[0], "<!") + found + _edge(word[-1], "!"))
    return "|".join(parts)


def _edge(c: str, look: str) -> str:
    if c.isdigit():
        return rf"(?{look}\d)"
    return rf"(?{look}[A-Za-z])" if c.isascii() and c.isalpha() else ""
