"""The passages that may hold what a question asks for: by its words, and by its meaning if wanted.

Words are found with BM25 over `giljabi.documents.terms`, meaning with the cosines of an encoder;
the two orders are joined by reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009).
"""

from __future__ import annotations

import math
import re
import threading
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi import korean
from giljabi.documents import terms
from giljabi.documents.library import Encoder, Library
from giljabi.documents.passage import Passage
from giljabi.errors import GiljabiError

_DEPTH = 50
_RRF = 60  # the paper's constant


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage found; ranks count from 1, None where that road did not find it."""

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
        self._encoder = encoder
        self._vectors: Any = None
        self._hash = ""
        self._lock = threading.Lock()
        self._rarity = lru_cache(maxsize=50_000)(self._rarity_of)
        if encoder is not None:
            self._loaded(encoder)

    def search(
        self, question: str, k: int = 5, *, within: Collection[str] | None = None
    ) -> tuple[Hit, ...]:
        """At most `k` passages, best first; `within` are the paths of sources to look in."""
        words = [i for i, _ in self._library.match(query_terms(question), _DEPTH, within)]
        meant = self._meant(question, within)
        scores: dict[str, float] = {}
        for ranked in (words, meant):
            for rank, id in enumerate(ranked, 1):
                scores[id] = scores.get(id, 0.0) + 1 / (_RRF + rank)
        best = sorted(scores, key=lambda id: -scores[id])[:k]
        return tuple(
            Hit(self._library.passage(id), scores[id], _rank(words, id), _rank(meant, id))
            for id in best
        )

    def rarity(self, word: str) -> float:
        """log((n + 1) / (n with the word + ½)) of the library's n passages; what is in none is rarest."""
        return self._rarity(word, self._library.hash)

    def _meant(self, question: str, within: Collection[str] | None) -> list[str]:
        if self._encoder is None:
            return []
        import numpy as np  # noqa: PLC0415

        ids, sources, vectors = self._loaded(self._encoder)
        asked = np.asarray(self._encoder.encode([question]), dtype=np.float32)[0]
        cosines = vectors @ (asked / max(float(np.linalg.norm(asked)), 1e-9))
        if within is not None:
            inside = np.fromiter((s in within for s in sources), dtype=bool, count=len(sources))
            cosines = np.where(inside, cosines, -2)
        order = np.argsort(-cosines, kind="stable")[:_DEPTH]
        return [ids[n] for n in order if cosines[n] > -2]

    def _rarity_of(self, word: str, content: str) -> float:
        held = self._library.frequency(terms.terms(word))
        return math.log((len(self._library) + 1) / (held + 0.5))

    def _loaded(self, encoder: Encoder) -> Any:
        """The vectors of the library as it is now."""
        with self._lock:
            now = self._library.hash
            if now != self._hash:
                ids, sources, vectors = self._library.vectors(encoder)
                if not ids:
                    raise GiljabiError(
                        f"The library {self._library.path} holds no vectors of this encoder:"
                        " run giljabi venue import again with it."
                    )
                self._vectors, self._hash = (ids, sources, vectors.astype("float32")), now
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
                found = [at[m.start()] for m in re.finditer(re.escape(key), joined)]
                size = len(key)
            out += [(start, _after(at, start, size), values) for start in found]
    for pattern, values in _english_keys():
        out += [(*m.span(), values) for m in pattern.finditer(question)]
    return out


def _after(at: list[int], start: int, letters: int) -> int:
    """Where a stretch of so many letters from `start` ends, spaces not counted."""
    return at[at.index(start) + letters - 1] + 1


def _stands_for(question: str) -> list[str]:
    """What documents write for the words of a question."""
    return list(dict.fromkeys(v for _, _, values in synonyms_within(question) for v in values))


def _rank(ranked: list[str], id: str) -> int | None:
    return ranked.index(id) + 1 if id in ranked else None
