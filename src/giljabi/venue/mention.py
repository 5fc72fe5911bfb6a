"""Where a place is named in a text, and where words begin and end there."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from giljabi import korean

How = Literal["exact", "code", "family", "near", "maybe", "unknown"]


@lru_cache(maxsize=8)
def words(name: str) -> tuple[str, ...]:
    """A word list of vocabulary.toml."""
    raw = tomllib.loads((files("giljabi.venue") / "vocabulary.toml").read_text("utf-8"))
    return tuple(raw[name].split())


@lru_cache(maxsize=1)
def function_en() -> frozenset[str]:
    """English words a name neither starts nor ends with."""
    return frozenset(words("function_en"))


@lru_cache(maxsize=1)
def common_en() -> frozenset[str]:
    """English words that many places share."""
    return frozenset(words("common_en"))


@dataclass(frozen=True, slots=True)
class Mention:
    """A stretch of text that names a place, or a place the venue does not have.

    `places` holds ids, the likeliest first; empty when how is "unknown". `score` is 1 for exact
    matches, else a similarity in 0..1.
    """

    start: int
    end: int
    text: str
    places: tuple[str, ...]
    how: How
    score: float = 1.0


def squeezed(text: str) -> tuple[str, list[int]]:
    """Letters and digits in lower case, and where each stood in `text`."""
    pairs = [
        (c.lower(), i) for i, c in enumerate(text) if re.match(r"[0-9A-Za-z가-힣ㄱ-ㅎㅏ-ㅣ]", c)
    ]
    return "".join(c for c, _ in pairs), [i for _, i in pairs]


def boundary(text: str, where: list[int], i: int) -> bool:
    """Whether a word starts here: after a gap, or where Hangul meets Latin or digits."""
    if i == 0 or where[i] != where[i - 1] + 1:
        return True
    before, here = text[where[i - 1]], text[where[i]]
    return before.isascii() != here.isascii() and not before.isdigit()


def word_rest(text: str, where: list[int], chars: str, end: int) -> str:
    """What follows a match inside the same eojeol."""
    if end >= len(chars) or where[end] != where[end - 1] + 1:
        return ""
    stop = where[end]
    while stop < len(text) and not text[stop].isspace() and (text[stop].isalnum()):
        stop += 1
    return text[where[end] : stop].lower()


def particle_length(text: str, chars: str, where: list[int], end: int) -> int:
    """How long the particle is that hangs on a match ending at `end`."""
    rest = word_rest(text, where, chars, end)
    for particle in korean.PARTICLES:
        if rest.startswith(particle):
            return len(particle)
    return 0


def english_spans(text: str) -> list[tuple[str, int, int]]:
    """English words and numbers as (lower case, start, end)."""
    return [
        (m[0].lower(), m.start(), m.end())
        for m in re.finditer(r"[A-Za-z][A-Za-z'’-]*|\d+(?:st|nd|rd|th)?|&", text)
    ]


def is_question(word: str) -> bool:
    """Whether a Korean word asks or points rather than names."""
    return bool(word.startswith(words("question_ko"))) and not re.match(
        r"^(?:이[가-힣]*관|하[가-힣]*관)", word
    )


def bare(raw: str) -> str:
    """The window without a trailing particle or the word 건물."""
    cut = korean.strip_particle(raw)
    for tail in ("건물", "쪽", "앞"):
        if cut.endswith(tail) and len(cut) > len(tail) + 2:
            cut = cut[: -len(tail)].rstrip()
    return cut


def merged(found: list[Mention]) -> list[Mention]:
    """ "도서관(501관)" names one place twice: keep one mention."""
    out: list[Mention] = []
    for m in found:
        if out and m.places and out[-1].places[:1] == m.places[:1] and m.start - out[-1].end <= 8:
            continue
        if (
            out
            and m.how == "code"
            and m.places
            and m.places[0] in out[-1].places
            and m.start - out[-1].end <= 8
        ):
            out[-1] = m
            continue
        out.append(m)
    return out
