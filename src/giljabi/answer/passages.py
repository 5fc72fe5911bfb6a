"""The passages that may hold what a question asks for: by its words, and by its meaning if wanted.

Words are found with BM25 over `giljabi.documents.terms`, meaning with the cosines of an encoder. Both
are brought to one scale and added: it found more than reciprocal rank fusion (docs/retrieval.md).
"""

from __future__ import annotations

import math
import re
import threading
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi import korean
from giljabi.documents import terms
from giljabi.documents.encoders import Encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Passage
from giljabi.documents.vectors import Vectors
from giljabi.errors import GiljabiError

_DEPTH = 100
_KOREAN_WORDS, _OTHER_WORDS = 0.45, 0.2
"""What words count for beside meaning. Another language shares few words with Korean documents."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found; ranks count from 1, None where that road did not find it.

    `score` orders the hits of one question, 1 where both roads put it first; those of two
    questions do not compare.
    """

    passage: Passage
    score: float
    by_words: int | None
    by_meaning: int | None


class Passages:
    """Search in a library; with an encoder, also by meaning. Threads may share one.

    Raises GiljabiError where there is an encoder and the library holds no vectors by it.
    """

    def __init__(self, library: Library, encoder: Encoder | None = None) -> None:
        self._library = library
        self._made = Vectors(library)
        self._encoder = encoder
        self._vectors: tuple[list[str], list[str], Any] = ([], [], None)
        self._seen = -1
        self._lock = threading.Lock()
        self._rarity = lru_cache(maxsize=50_000)(self._rarity_of)
        if encoder is not None:
            self._loaded(encoder)

    def search(
        self, question: str, k: int = 5, *, within: Collection[str] | None = None
    ) -> tuple[Hit, ...]:
        """At most `k` passages, best first; `within` are the paths of sources to look in."""
        by_words = dict(self._library.match(query_terms(question), _DEPTH, within))
        by_meaning = self._meant(question, within)
        share = _KOREAN_WORDS if korean.has_hangul(question) else _OTHER_WORDS
        scores = _weighted(by_words, share if by_meaning else 1.0)
        for id, score in _weighted(by_meaning, 1 - share).items():
            scores[id] = scores.get(id, 0.0) + score
        words, meant = (_ranks(found) for found in (by_words, by_meaning))
        return tuple(
            Hit(self._library.passage(id), scores[id], words.get(id), meant.get(id))
            for id in sorted(scores, key=lambda id: -scores[id])[:k]
        )

    def rarity(self, word: str) -> float:
        """log((n + 1) / (n with the word + ½)) of the library's n passages; what is in none is rarest."""
        return self._rarity(word, self._library.changes)

    def _meant(self, question: str, within: Collection[str] | None) -> dict[str, float]:
        """Cosines, how far they are above the mean of all; those of the nearest passages."""
        if self._encoder is None:
            return {}
        import numpy as np  # noqa: PLC0415

        ids, sources, vectors = self._loaded(self._encoder)
        inside: Sequence[int] = range(len(ids))
        if within is not None:
            inside = [n for n, source in enumerate(sources) if source in within]
            vectors = vectors[inside]
        cosines = vectors @ self._encoder.question(question)
        above = cosines - (cosines.mean() if len(inside) > 1 else 0)
        return {ids[inside[n]]: float(above[n]) for n in np.argsort(-above, kind="stable")[:_DEPTH]}

    def _rarity_of(self, word: str, changes: int) -> float:
        held = self._library.frequency(terms.terms(word))
        return math.log((len(self._library) + 1) / (held + 0.5))

    def _loaded(self, encoder: Encoder) -> tuple[list[str], list[str], Any]:
        """The vectors of the library as it is now."""
        with self._lock:
            if self._seen != (now := self._library.changes):
                ids, sources, vectors = self._made.of_passages(encoder)
                if not ids:
                    raise GiljabiError(
                        f"The library {self._library.path} holds no vectors of this encoder:"
                        " run giljabi venue import again with it."
                    )
                self._vectors, self._seen = (ids, sources, vectors.astype("float32")), now
            return self._vectors


def query_terms(question: str, *, clear: bool = True, synonyms: bool = True) -> list[str]:
    """The index terms a question is looked up with: its own twice, what they stand for once.

    `clear` leaves out words that only ask. A term given twice counts twice.
    """
    said = cleared(question) if clear else question
    own = list(dict.fromkeys(terms.terms(said)))
    if not synonyms:
        return own
    meant = [term for word in _stands_for(question) for term in terms.terms(word)]
    return own + own + [term for term in dict.fromkeys(meant) if term not in own]


def cleared(question: str) -> str:
    """The question without the words that only ask; “|” stands where some were."""
    empty = _words()["empty"]
    text = _anywhere().sub(" | ", question)
    english = frozenset(empty["en"].split())
    korean_words = frozenset(empty["words"].split())
    kept = []
    for word in text.split():
        bare = re.sub(r"[^\w'’-]", "", word).lower().replace("’", "'")
        if bare in english or bare in korean_words or _short(bare) in korean_words:
            kept.append("|")
        else:
            kept.append(word)
    return " ".join(kept)


def _short(word: str) -> str:
    """A word of one syllable without its particle: 거는 -> 거."""
    return word[0] if len(word) == 2 and word[1] in "은는이가을를에의로도만" else word


@lru_cache(maxsize=1)
def _words() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("giljabi.answer") / "passages.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _anywhere() -> re.Pattern[str]:
    phrases = sorted(_words()["empty"]["anywhere"].split(), key=len, reverse=True)
    return re.compile("|".join(r"\s?".join(map(re.escape, phrase)) for phrase in phrases))


@lru_cache(maxsize=1)
def _korean_keys() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (key, tuple(values.split()))
        for keys, values in _words()["ko"].items()
        for key in keys.split("|")
    )


@lru_cache(maxsize=1)
def _english_keys() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    return tuple(
        (re.compile(rf"\b(?:{keys})", re.IGNORECASE), tuple(values.split()))
        for keys, values in _words()["en"].items()
    )


def synonyms_within(question: str) -> list[tuple[int, int, tuple[str, ...]]]:
    """(start, end, what documents write for it) of each stretch of the question that has a key.

    A Korean key is found whatever the spaces; one of a single syllable only as a word of its own.
    """
    out: list[tuple[int, int, tuple[str, ...]]] = []
    if korean.has_hangul(question):
        at = [i for i, c in enumerate(question) if not c.isspace()]
        joined = "".join(question[i] for i in at).lower()
        words = {_short(m[0]): m.start() for m in re.finditer(r"[가-힣]+", question)}
        for key, values in _korean_keys():
            if len(key) == 1:
                found, size = ([words[key]] if key in words else []), 1
            else:
                found = [at[n] for n in _found(key, joined)]
                size = len(key)
            out += [(start, _after(at, start, size), values) for start in found]
    for pattern, values in _english_keys():
        out += [(*m.span(), values) for m in pattern.finditer(question)]
    return out


def _found(key: str, text: str) -> Iterator[int]:
    """Where `key` begins in `text`."""
    n = text.find(key)
    while n >= 0:
        yield n
        n = text.find(key, n + 1)


def _after(at: list[int], start: int, letters: int) -> int:
    """Where a stretch of so many letters from `start` ends, spaces not counted."""
    return at[at.index(start) + letters - 1] + 1


def _stands_for(question: str) -> list[str]:
    """What documents write for the words of a question."""
    return list(dict.fromkeys(v for _, _, values in synonyms_within(question) for v in values))


def _weighted(found: Mapping[str, float], share: float) -> dict[str, float]:
    """The best becomes `share`, the others in proportion."""
    best = max(found.values(), default=0.0)
    return {id: share * score / best for id, score in found.items()} if best > 0 else {}


def _ranks(found: Mapping[str, float]) -> dict[str, int]:
    return {id: rank for rank, id in enumerate(found, 1)}
