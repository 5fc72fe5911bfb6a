"""Near duplicates: questions that share almost all their letters in the same order.

Exact set-similarity search with a prefix filter (Bayardo, Ma, Srikant, "Scaling up all pairs
similarity search", WWW 2007): two sets of trigrams that overlap by a Jaccard index of at least
`threshold` must share one of their rarest few.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

from giljabi.build.example import question_key


def trigrams(text: str) -> frozenset[str]:
    """The three-letter pieces of a question without case, spaces and punctuation."""
    key = f"  {question_key(text)} "
    return frozenset(key[i : i + 3] for i in range(len(key) - 2))


class NearIndex:
    """Texts added so far, asked for one that is nearly the same.

    `corpus` are texts whose pieces tell rare from frequent. Texts whose digits differ are never
    near: "제1의학관" is not "제2의학관".
    """

    def __init__(self, corpus: Iterable[str], threshold: float = 0.9) -> None:
        self._frequency = Counter(piece for text in corpus for piece in trigrams(text))
        self._threshold = threshold
        self._sets: list[tuple[frozenset[str], str]] = []
        self._by_piece: dict[str, list[int]] = defaultdict(list)

    def add(self, text: str) -> int:
        """Keep a text; gives its number, counting from 0."""
        pieces = trigrams(text)
        self._sets.append((pieces, _digits(text)))
        for piece in self._prefix(pieces):
            self._by_piece[piece].append(len(self._sets) - 1)
        return len(self._sets) - 1

    def find(self, text: str) -> int | None:
        """The number of the first text kept that is nearly `text`, or None."""
        pieces, digits = trigrams(text), _digits(text)
        low, high = len(pieces) * self._threshold, len(pieces) / self._threshold
        candidates = {n for piece in self._prefix(pieces) for n in self._by_piece.get(piece, ())}
        for n in sorted(candidates):
            other, their_digits = self._sets[n]
            if not low <= len(other) <= high or their_digits != digits:
                continue
            both = len(pieces & other)
            if both >= self._threshold * (len(pieces) + len(other) - both):
                return n
        return None

    def _prefix(self, pieces: frozenset[str]) -> list[str]:
        rarest = sorted(pieces, key=lambda p: (self._frequency[p], p))
        return rarest[: len(pieces) - math.ceil(self._threshold * len(pieces)) + 1]


def _digits(text: str) -> str:
    return " ".join(re.findall(r"\d+", text))
