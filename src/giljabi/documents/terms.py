"""Text as index terms, so that neither particles nor spacing decide what is found.

Hangul becomes pairs of neighbouring syllables, joined across spaces: “대출 기간” and “대출기간” have
the same ones, and “도서관에서는” has those of 도서관. Words of one syllable, numbers and Latin words
stay whole. Letters are named by range, not by Unicode class, so that every Python makes the same.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from giljabi import korean

FORMAT = 1
"""Grows whenever the same text would give other terms: an index is of one format."""

_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_STRETCH = re.compile(r"[가-힣]+(?: +[가-힣]+)*|[一-鿿]+|[0-9]+|[a-zà-öø-ɏ]+")
_SHORT_PARTICLES = "은는이가을를에의로도만과와랑"


def terms(text: str) -> list[str]:
    """The terms of `text` in its order, repeated as they are repeated."""
    return [term for stretch in _stretches(text) for term in _of_stretch(stretch)]


def words(text: str) -> list[str]:
    """Words without their particles, whole: the other way to index, for comparison."""
    out = []
    for stretch in _stretches(text):
        out += [korean.strip_particle(word) for word in stretch.split()]
    return out


def _stretches(text: str) -> Iterator[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return (m[0] for m in _STRETCH.finditer(_THOUSANDS.sub("", folded)))


def _of_stretch(stretch: str) -> Iterator[str]:
    if stretch.isdigit():
        yield str(int(stretch)) if len(stretch) < 10 else stretch
    elif not "가" <= stretch[0] <= "힣":
        yield stretch
    else:
        for word in stretch.split():
            if len(word) == 1 or (len(word) == 2 and word[1] in _SHORT_PARTICLES):
                yield word[0]
        joined = stretch.replace(" ", "")
        yield from (joined[i : i + 2] for i in range(len(joined) - 1))
