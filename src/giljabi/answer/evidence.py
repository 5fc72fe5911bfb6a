"""Which sentences of the found passages answer a question, and whether any does.

Every sentence, list item and table row gets figures: how many of the question's words it accounts
for and where, whether it holds the kind of value asked for, how near its meaning is by an encoder
where there is one. Weights learnt from questions with known evidence (evidence.toml; made by
benchmarks/evidence_weights.py) make them one figure: the odds that it answers. Below a bar set on
questions that have no answer, nothing answers. No sentence is ever changed.
"""

from __future__ import annotations

import math
import re
import threading
import tomllib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi.answer.asked_words import Asked, Group, read
from giljabi.answer.claims import sentences
from giljabi.answer.passages import Hit
from giljabi.answer.text_claims import Claims, squeezed
from giljabi.documents.encoders import Encoder
from giljabi.documents.passage import Passage

FIGURES = (
    "noun_own", "noun_near", "noun_passage", "verb_near", "own_words", "worst_missing", "missing",
    "fits", "unfit", "free", "pairs", "rank", "row", "except", "length", "english",
    "cos_own", "cos_near", "cos_english", "cos_fits", "own_below_best", "near_below_best",
    "cos_nouns", "cos_missing",
)  # fmt: skip
"""What is known of a sentence beside a question, in the order of the weights. From cos_own on they
need an encoder, and are 0 without one: that has weights of its own."""
REFUSED = ("98", "95", "90")
"""Of a hundred questions without an answer, how many may be asked to be refused."""
_ROW = re.compile(r"^[^:：.]{1,30}[:：] .+ · ")
EXCEPTION = re.compile(r"다만|단,|그러나")
"""How a sentence begins that takes back some of the one before it."""
_LEADS = re.compile(
    r"(?:[:：]|다음 각 ?호\S*|다음과 같\S*|아래와 같\S*|다음의? \S+[을를이가].{0,20})\s*\.?$"
)
_KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Span:
    """One sentence, item or row of a passage: the `line` it is in, and what leads into it."""

    passage: Passage
    text: str
    line: int
    lead: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A span and the odds, as a probability, that it answers."""

    span: Span
    odds: float


Frequency = Callable[[str], float]
"""How rare a word is in the documents: the logarithm of passages over passages with it."""


def spans(passage: Passage) -> list[Span]:
    """The sentences, items and rows of `passage` in order, without those that give orders."""
    out: list[Span] = []
    lead = ""
    for number, line in enumerate(passage.text.split("\n")):
        parts = [line] if _ROW.match(line) else sentences(line)
        out += [Span(passage, part, number, lead) for part in parts if not gives_orders(part)]
        if _LEADS.search(line):
            lead = line
    return out


def gives_orders(text: str) -> bool:
    """Whether a sentence speaks to a machine: what documents say is data and is never obeyed."""
    ko, en = _orders()
    return bool(ko.search(re.sub(r"\s+", "", text)) or en.search(text))


@lru_cache(maxsize=1)
def _orders() -> tuple[re.Pattern[str], re.Pattern[str]]:
    table = tomllib.loads((files("giljabi.answer") / "passages.toml").read_text("utf-8"))["orders"]
    return re.compile("|".join(table["ko"])), re.compile("|".join(table["en"]), re.IGNORECASE)


class Finder:
    """Finds evidence among passages; `rarity` is of the documents' words. Threads may share one."""

    def __init__(self, rarity: Frequency, encoder: Encoder | None = None) -> None:
        self._rarity = rarity
        self._encoder = encoder
        self._vectors: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._learnt = "with_encoder" if encoder else "words_only"

    def find(self, question: str, hits: Sequence[Hit]) -> list[Evidence]:
        """Every span of `hits`, the likeliest to answer first."""
        asked = read(question)
        found = [(span, rank) for rank, hit in enumerate(hits, 1) for span in spans(hit.passage)]
        rows = self.figures(asked, found)
        learnt = weights()[self._learnt]
        w, bias = learnt["weights"], learnt["bias"]
        odds = [
            _sigmoid(bias + sum(w[n] * x for n, x in zip(FIGURES, row, strict=True)))
            for row in rows
        ]
        ranked = [Evidence(s, o) for (s, _), o in zip(found, odds, strict=True)]
        return sorted(ranked, key=lambda e: -e.odds)

    def bar(self, refuse: str) -> float:
        """The odds below which nothing is taken for an answer.

        Of the questions without one, held out, at least so many in a hundred stay below.
        """
        return float(weights()[self._learnt]["bars"][refuse])

    def figures(self, asked: Asked, found: Sequence[tuple[Span, int]]) -> list[list[float]]:
        """(n, len(FIGURES)) of n spans with the ranks of their passages."""
        weighted = [(g, self._weight(g)) for g in asked.groups]
        cosines = self._cosines(asked, [s for s, _ in found])
        best = tuple(max((c[n] for c in cosines), default=0.0) for n in (0, 1))
        out = []
        for (span, rank), (own, near) in zip(found, cosines, strict=True):
            row = self._row(asked, weighted, span, rank)
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
        self, asked: Asked, groups: Sequence[tuple[Group, float]], span: Span, rank: int
    ) -> list[float]:
        own = squeezed(span.text)
        near = own + "|" + squeezed(" ".join((*span.passage.titles, span.lead)))
        whole = near + "|" + squeezed(span.passage.text)
        claims = Claims(span.text)
        nouns = [(g, w) for g, w in groups if not g.verbal]
        verbs = [(g, w) for g, w in groups if g.verbal]
        missing = [w for g, w in nouns if _held(g, whole) < 0.5]
        most = max((w for _, w in nouns), default=1.0) or 1.0
        wants = asked.units is not None or asked.when
        fits = asked.fits(claims, span.text)
        said = squeezed(asked.text)
        pairs = {said[i : i + 2] for i in range(len(said) - 1)}
        return [
            _share(nouns, own), _share(nouns, near), _share(nouns, whole), _share(verbs, near),
            _share([(Group(g.text), w) for g, w in nouns], near),
            max(missing, default=0.0) / most, min(len(missing), 4) / 4,
            float(wants and fits), float(wants and not fits), float(not wants),
            sum(p in near for p in pairs) / max(1, len(pairs)), 1 / rank,
            float(bool(_ROW.match(span.text))), float(bool(EXCEPTION.match(span.text))),
            math.log1p(len(own)) / 6, float(asked.lang == "en"),
        ]  # fmt: skip

    def _cosines(self, asked: Asked, found: Sequence[Span]) -> list[tuple[float, float]]:
        if self._encoder is None:
            return [(0.0, 0.0)] * len(found)
        texts = [(s.text, f"{' '.join(s.passage.titles[1:])} {s.lead} {s.text}") for s in found]
        vectors = self._encoded([t for both in texts for t in both])
        question = self._encoder.question(asked.text)
        return [(float(question @ vectors[a]), float(question @ vectors[b])) for a, b in texts]

    def _encoded(self, texts: Sequence[str]) -> dict[str, Any]:
        """Unit vectors by text; those of the documents' sentences are kept for the next question."""
        wanted = dict.fromkeys(texts)
        with self._lock:
            held = {t: self._vectors[t] for t in wanted if t in self._vectors}
        new = [t for t in wanted if t not in held]
        if new and self._encoder is not None:
            held |= dict(zip(new, self._encoder.passages(new), strict=True))
        with self._lock:
            for t in wanted:
                self._vectors[t] = held[t]
                self._vectors.move_to_end(t)
            while len(self._vectors) > _KEPT:
                self._vectors.popitem(last=False)
        return held


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
