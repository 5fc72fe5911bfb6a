"""Has this text begun to go round in circles? Knows nothing of models.

Small models do, and penalties that forbid repeating also forbid saying a place's name twice; so we
watch, and stop.
"""

from __future__ import annotations

import re

UNIT_TIMES = 4
"""A unit said this often in a row is a loop …"""
UNIT_CHARS = 32
"""… where it covers at least this many characters."""
LONGEST_UNIT = 120
"""Longest unit looked for, in characters; longer ones are caught as sentences."""
SENTENCE_TIMES = 3
"""A sentence said this often anywhere in the text is a loop …"""
SENTENCE_CHARS = 8
"""… unless it is as short as a list entry such as "지상 5층", which may well come back."""

# "1. " opens a list entry, it does not end a sentence.
_SENTENCE_END = re.compile(r"(?<=[.!?。…])(?<!\d\.)[\"'”’)\]*]*\s+|\n+")
_MARKER = re.compile(r"^[\s\-*•#>]*(?:\(?\d{1,3}[.)]\s*)?")


class LoopWatch:
    """Reads a growing text piece by piece; `feed` says where a loop began, once there is one.

    Costs at most LONGEST_UNIT steps a character, whatever the text's length.
    """

    def __init__(self) -> None:
        self._tail = ""
        self._length = 0
        # For each distance p: how many characters up to here equal the one p before them.
        self._runs = [0] * (LONGEST_UNIT + 1)
        self._sentence = ""
        self._begin = 0
        self._said: dict[str, int] = {}

    def feed(self, piece: str) -> int | None:
        """Index into the whole text from which on it only repeats, or None."""
        for char in piece:
            if (at := self._unit(char)) is not None:
                return at
            if (at := self._sentences(char)) is not None:
                return at
        return None

    def _unit(self, char: str) -> int | None:
        tail, runs = self._tail, self._runs
        self._length += 1
        for p in range(1, min(LONGEST_UNIT, len(tail)) + 1):
            if tail[-p] != char:
                runs[p] = 0
                continue
            runs[p] += 1
            covered = runs[p] + p
            # The smallest distance comes first, so the unit is never itself a repetition.
            if covered >= max(UNIT_TIMES * p, UNIT_CHARS):
                return self._length - covered + p
        self._tail = (tail + char)[-LONGEST_UNIT:]
        return None

    def _sentences(self, char: str) -> int | None:
        self._sentence += char
        parts = _SENTENCE_END.split(self._sentence) if char.isspace() else [self._sentence]
        if len(parts) < 2:
            return None
        begin, self._begin = self._begin, self._length
        said, self._sentence = plain(parts[0]), ""
        if len(said) < SENTENCE_CHARS:
            return None
        self._said[said] = self._said.get(said, 0) + 1
        return begin if self._said[said] >= SENTENCE_TIMES else None


def plain(sentence: str) -> str:
    """The sentence without its list marker and the white space around and inside it."""
    return "".join(_MARKER.sub("", sentence).split())


def find(text: str) -> int | None:
    """Index into `text` from which on it only repeats, or None."""
    return LoopWatch().feed(text + "\n")


def split(text: str) -> tuple[list[str], str]:
    """The finished sentences and lines of `text`, white space kept, and what is still growing."""
    out, begin = [], 0
    for match in _SENTENCE_END.finditer(text):
        out.append(text[begin : match.end()])
        begin = match.end()
    return out, text[begin:]
