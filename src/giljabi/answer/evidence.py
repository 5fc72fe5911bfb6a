"""Which sentences of the found passages answer a question, and whether any does.

Every sentence, list item and table row gets figures: how many of the question's words it accounts
for and where, whether it holds the kind of value asked for, how near its meaning is by an encoder
where there is one. Weights learnt from questions with known evidence (evidence.toml; made by
benchmarks/evidence_weights.py) make them one figure, the odds that it answers, which says what comes
first. Whether the first does answer is learnt apart, from the same figures and how it stands beside
the others; below a bar set on questions without an answer nothing does. No sentence is changed.
"""

from __future__ import annotations

import math
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi.answer.asked_words import Asked, Group, read
from giljabi.answer.passages import Hit
from giljabi.answer.spans import Span, spans
from giljabi.answer.text_claims import squeezed
from giljabi.documents.encoders import Encoder
from giljabi.documents.library import Library
from giljabi.documents.vectors import Vectors, part_key

FIGURES = (
    "noun_own", "noun_near", "noun_passage", "verb_near", "own_words", "worst_missing", "missing",
    "fits", "unfit", "free", "pairs", "rank", "row", "except", "length", "english",
    "below_first",
    "cos_own", "cos_near", "cos_english", "cos_fits", "own_below_best", "near_below_best",
    "cos_nouns", "cos_missing",
)  # fmt: skip
"""What is known of a sentence beside a question, in the order of the weights. From cos_own on they
need an encoder, and are 0 without one: that has weights of its own."""
FIRST_FIGURES = (
    *FIGURES, "score", "margin", "crowd", "asks_number", "asks_when", "asks_who", "asks_where",
    "asks_several", "words", "all_own", "all_near", "all_passage", "stands_out",
)  # fmt: skip
"""What is known of the likeliest sentence: all of the above, and it beside the others."""
REFUSED = ("99", "98", "95", "90")
"""Of a hundred questions without an answer, how many may be asked to be refused."""
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span and the odds, as a probability, that it answers."""

    span: Span
    odds: float


@dataclass(frozen=True, slots=True)
class Found:
    """The spans of all passages, the likeliest first, and the odds that the first answers."""

    evidence: list[Evidence]
    answers: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A span, the rank of its passage, and how far that one's score is below the first's."""

    span: Span
    rank: int
    below: float


def candidates(hits: Sequence[Hit]) -> list[Candidate]:
    """Every span of `hits` in their order."""
    best = hits[0].score if hits else 0.0
    return [
        Candidate(span, rank, best - hit.score)
        for rank, hit in enumerate(hits, 1)
        for span in spans(hit.passage)
    ]


Frequency = Callable[[str], float]
"""How rare a word is in the documents: the logarithm of passages over passages with it."""


class Finder:
    """Finds evidence among passages; `rarity` is of the documents' words. Threads may share one.

    Of an `encoder`, vectors that `library` holds of the sentences are not made again.
    """

    def __init__(
        self, rarity: Frequency, encoder: Encoder | None = None, library: Library | None = None
    ) -> None:
        self._rarity = rarity
        self._encoder = encoder
        self._kept = Vectors(library) if library is not None else None
        self._vectors: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._learnt = "with_encoder" if encoder else "words_only"

    def find(self, question: str, hits: Sequence[Hit]) -> Found:
        """Every span of `hits`, weighed."""
        asked = read(question)
        found = candidates(hits)
        if not found:
            return Found([])
        rows = self.figures(asked, found)
        learnt = weights()[self._learnt]
        scores = [_weighed(learnt, FIGURES, row) for row in rows]
        order = sorted(range(len(found)), key=lambda n: -scores[n])
        first = first_figures(asked, [c.span for c in found], rows, scores)
        return Found(
            [Evidence(found[n].span, _sigmoid(scores[n])) for n in order],
            _sigmoid(_weighed(learnt["first"], FIRST_FIGURES, first)),
        )

    def bar(self, refuse: str) -> float:
        """The odds, one for each of REFUSED, below which the first is taken for no answer."""
        return float(weights()[self._learnt]["first"]["bars"][refuse])

    def figures(self, asked: Asked, found: Sequence[Candidate]) -> list[list[float]]:
        """(n, len(FIGURES)) of n candidates."""
        weighted = [(g, self._weight(g)) for g in asked.groups]
        cosines = self._cosines(asked, [c.span for c in found])
        best = tuple(max((c[n] for c in cosines), default=0.0) for n in (0, 1))
        out = []
        for candidate, (own, near) in zip(found, cosines, strict=True):
            row = self._row(asked, weighted, candidate)
            known = dict(zip(FIGURES, row, strict=False))
            out.append(
                [*row, own, near, known["english"] * near, known["fits"] * near, own - best[0],
                 near - best[1], known["noun_near"] * near, known["worst_missing"] * near]
            )  # fmt: skip
        return out

    def _weight(self, group: Group) -> float:
        """How much a word tells: a known one by its rarity, an unknown one more than any."""
        own = self._rarity(group.text) if group.text else 0.0
        others = [self._rarity(o) for o in group.others]
        known = [r for r in others if r < self._rarity("")]
        return min(own, max(known)) if known and group.text else max(known, default=own)

    def _row(
        self, asked: Asked, groups: Sequence[tuple[Group, float]], candidate: Candidate
    ) -> list[float]:
        span = candidate.span
        own, near, whole = span.own, span.near, span.whole
        nouns = [(g, w) for g, w in groups if not g.verbal]
        verbs = [(g, w) for g, w in groups if g.verbal]
        missing = [w for g, w in nouns if _held(g, whole) < 0.5]
        most = max((w for _, w in nouns), default=1.0) or 1.0
        wants = asked.wants
        fits = asked.fits(span.claims, span.text)
        said = squeezed(asked.text)
        pairs = {said[i : i + 2] for i in range(len(said) - 1)}
        return [
            _share(nouns, own), _share(nouns, near), _share(nouns, whole), _share(verbs, near),
            _share([(Group(g.text), w) for g, w in nouns], near),
            max(missing, default=0.0) / most, min(len(missing), 4) / 4,
            float(wants and fits), float(wants and not fits), float(not wants),
            sum(p in near for p in pairs) / max(1, len(pairs)), 1 / candidate.rank,
            float(span.is_row), float(span.is_exception),
            math.log1p(len(own)) / 6, float(asked.lang == "en"),
            candidate.below,
        ]  # fmt: skip

    def _cosines(self, asked: Asked, found: Sequence[Span]) -> list[tuple[float, float]]:
        if self._encoder is None:
            return [(0.0, 0.0)] * len(found)
        vectors = self._encoded(found)
        question = self._encoder.question(asked.text)
        return [
            (float(question @ vectors[s.texts[0]]), float(question @ vectors[s.texts[1]]))
            for s in found
        ]

    def _encoded(self, found: Sequence[Span]) -> dict[str, Any]:
        """Unit vectors by text: those kept in the library, those made before, and new ones."""
        wanted = dict.fromkeys(t for s in found for t in s.texts)
        held: dict[str, Any] = {}
        if self._kept is not None and self._encoder is not None:
            ids = list(dict.fromkeys(s.passage.id for s in found))
            kept = self._kept.of_parts(self._encoder, ids)
            held = {t: kept[key] for t in wanted if (key := part_key(t)) in kept}
        with self._lock:
            held |= {t: self._vectors[t] for t in wanted if t not in held and t in self._vectors}
        new = [t for t in wanted if t not in held]
        if new and self._encoder is not None:
            made = dict(zip(new, self._encoder.passages(new), strict=True))
            held |= made
            with self._lock:
                self._vectors |= made
                while len(self._vectors) > _KEPT:
                    self._vectors.popitem(last=False)
        return held


def first_figures(
    asked: Asked, found: Sequence[Span], rows: Sequence[Sequence[float]], scores: Sequence[float]
) -> list[float]:
    """(len(FIRST_FIGURES),) of the one of `found` with the highest of `scores`.

    `rows` are their figures. The same words said twice are no rivals.
    """
    each: dict[str, int] = {}
    for n in sorted(range(len(rows)), key=lambda n: -scores[n]):
        each.setdefault(found[n].own, n)
    order = list(each.values())
    first = rows[order[0]]
    known = dict(zip(FIGURES, first, strict=True))
    best = scores[order[0]]
    margin = best - scores[order[1]] if order[1:] else best + 10.0
    near = sorted((rows[n][FIGURES.index("cos_near")] for n in order), reverse=True)[:5]
    return [
        *first, best, margin, math.log(sum(math.exp(scores[n] - best) for n in order)),
        float(asked.units is not None), float(asked.when), float(asked.who), float(asked.where),
        float(asked.several), float(len(asked.groups)), float(known["noun_own"] == 1),
        float(known["noun_near"] == 1), float(known["noun_passage"] == 1),
        near[0] - sum(near) / len(near),
    ]  # fmt: skip


def _weighed(learnt: dict[str, Any], names: Sequence[str], row: Sequence[float]) -> float:
    w = learnt["weights"]
    return float(learnt["bias"] + sum(w[n] * x for n, x in zip(names, row, strict=True)))


@lru_cache(maxsize=1)
def weights() -> dict[str, Any]:
    """The learnt weights and bars, with and without an encoder, and what they were learnt from."""
    return tomllib.loads((files("giljabi.answer") / "evidence.toml").read_text("utf-8"))


def _share(groups: Sequence[tuple[Group, float]], text: str) -> float:
    """The share of the words' weight that `text` accounts for; 0 of none."""
    total = sum(w for _, w in groups)
    return sum(w * _held(g, text) for g, w in groups) / total if total else 0.0


def _held(group: Group, text: str) -> float:
    """1 where the word stands in `text` (squeezed), less where a part of it or another word for it."""
    word = squeezed(group.text)
    if len(word) >= 2 and word in text:
        return 1.0
    best = 0.0
    if len(word) >= 3:
        pairs = [word[i : i + 2] for i in range(len(word) - 1)]
        found = sum(p in text for p in pairs) / len(pairs)
        best = 0.8 * found if found >= 0.5 else 0.0
    return max(best, 0.8 * any(squeezed(o) in text for o in group.others if len(o) >= 2))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, x))))
