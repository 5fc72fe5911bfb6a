"""Automatic numbers of DOCX and HWPX as text: “제3조” stands in no paragraph, it is counted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_HANGUL = "가나다라마바사아자차카타파하"
_JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎ"
_ROMAN = (
    (100, "c"),
    (90, "xc"),
    (50, "l"),
    (40, "xl"),
    (10, "x"),
    (9, "ix"),
    (5, "v"),
    (4, "iv"),
    (1, "i"),
)
_LETTERS = {
    "ganada": _HANGUL, "HANGUL_SYLLABLE": _HANGUL, "chosung": _JAMO, "HANGUL_JAMO": _JAMO,
    "upperLetter": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "LATIN_CAPITAL": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "lowerLetter": "abcdefghijklmnopqrstuvwxyz", "LATIN_SMALL": "abcdefghijklmnopqrstuvwxyz",
    "decimalEnclosedCircle": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳", "CIRCLED_DIGIT": "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳",
    "HANGUL_PHONETIC": "일이삼사오육칠팔구십", "koreanCounting": "일이삼사오육칠팔구십",
    "koreanDigital": "일이삼사오육칠팔구십",
}  # fmt: skip
_BULLETS = frozenset({"bullet", "BULLET"})


@dataclass(frozen=True, slots=True)
class Level:
    """One depth of a list: its first number, its kind of number, and “제%1조” around it."""

    start: int
    style: str
    pattern: str


class Numbers:
    """The counters of a document's lists, gone through in the order of reading."""

    def __init__(self, lists: Mapping[str, Mapping[int, Level]]) -> None:
        self._lists = lists
        self._counts: dict[str, dict[int, int]] = {}

    def label(self, name: str, level: int) -> str:
        """The label of the list's next item at `level` (0 the highest), "" where it has none."""
        levels = self._lists.get(name, {})
        if level not in levels:
            return ""
        here = levels[level]
        counts = self._counts.setdefault(name, {})
        counts[level] = counts.get(level, here.start - 1) + 1
        for deeper in [n for n in counts if n > level]:
            del counts[deeper]
        if here.style in _BULLETS:
            return "-"

        def written(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            if at not in levels:
                return ""
            return numeral(counts.setdefault(at, levels[at].start), levels[at].style)

        return re.sub(r"%(\d)", written, here.pattern).strip()


def numeral(value: int, style: str) -> str:
    """`value` in a numbering style of OOXML (ST_NumberFormat) or OWPML; in digits if unknown."""
    if style in ("none", "NONE"):
        return ""
    if style in ("upperRoman", "lowerRoman", "ROMAN_CAPITAL", "ROMAN_SMALL"):
        rest, out = value, ""
        for unit, letter in _ROMAN:
            count, rest = divmod(rest, unit)
            out += letter * min(count, 50)
        return out.upper() if style in ("upperRoman", "ROMAN_CAPITAL") else out
    letters = _LETTERS.get(style, "")
    return letters[value - 1] if 0 < value <= len(letters) else str(value)
