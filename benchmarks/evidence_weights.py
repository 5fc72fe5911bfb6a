"""Learns what makes a sentence the evidence for a question: python benchmarks/evidence_weights.py.

Reads benchmarks/documents/train (documents and questions that nothing is measured on) and writes
src/giljabi/answer/evidence.toml: weights for answer/evidence.py, with an encoder and without, and
the bars above which one is taken for an answer. A conditional logit over the sentences of the
passages found and “none of them” (McFadden 1974) says which comes first; a logistic regression on the
first, by weights of other documents, whether it answers. The bars are where 1, 2, 5 and 10 % of the
questions without an answer get one: half the weight have train's, held out, made to be nearly
answered, half those of benchmarks/documents/questions (dev).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from giljabi.answer import evidence, spans
from giljabi.answer.asked_words import read as read_question
from giljabi.answer.cites import PASSAGES
from giljabi.answer.evidence import (
    FIGURES,
    FIRST_FIGURES,
    REFUSED,
    Finder,
    candidates,
    first_figures,
)
from giljabi.answer.passages import Passages
from giljabi.answer.spans import Span
from giljabi.answer.text_claims import squeezed
from giljabi.documents.encoders import Encoder, encoder
from giljabi.documents.importing import alone
from giljabi.documents.vectors import Vectors

TRAIN = Path(__file__).parent / "documents" / "train"
OUT = Path(evidence.__file__).with_name("evidence.toml")
DECAY = 3.0
UNANSWERABLE = 3.0  # what one of these weighs beside another question

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A question, the sentences found for it, their figures, and which of them answer."""

    document: str
    question: dict[str, Any]
    spans: list[Span]
    figures: Rows
    answers: Rows

    def order(self, weights: Rows) -> list[int]:
        """The numbers of the spans, the likeliest to answer first."""
        return [int(n) for n in np.argsort(-(self.figures @ weights), kind="stable")]

    def first(self, weights: Rows, bias: float) -> Rows:
        """What is known of the likeliest span, by these weights."""
        scores = (self.figures @ weights + bias).tolist()
        asked = read_question(self.question["question"])
        return np.array(first_figures(asked, self.spans, self.figures.tolist(), scores))

    def hit(self, weights: Rows) -> bool:
        """Whether the likeliest span is evidence."""
        return bool(self.answers[self.order(weights)[:1]].any())


def cases_of(
    document: Path, questions: Sequence[dict[str, Any]], by: Encoder | None, near: Encoder | None
) -> list[Case]:
    """The questions on one document, asked in a library that holds nothing else."""
    with alone(document) as library:
        if by is not None:
            Vectors(library).embed(by)
        search = Passages(library, by)
        finder = Finder(search.rarity, near)
        return [_case(document.stem, q, search, finder) for q in questions]


def _case(document: str, question: dict[str, Any], search: Passages, finder: Finder) -> Case:
    hits = search.search(question["question"], PASSAGES)
    found = candidates(hits)
    rows = finder.figures(read_question(question["question"]), found)
    wanted = [evidence_key(e) for e in question["evidence"]]
    answers = [float(any(_same(c.span.text, w) for w in wanted)) for c in found]
    return Case(
        document, question, [c.span for c in found],
        np.array(rows).reshape(len(found), len(FIGURES)), np.array(answers),
    )  # fmt: skip


def evidence_key(line: str) -> frozenset[str] | str:
    """What a line of Markdown says: a table row's cells, or the text without its mark."""
    if line.lstrip().startswith("|"):
        return frozenset(squeezed(c) for c in line.strip().strip("|").split("|") if squeezed(c))
    return squeezed(
        line.lstrip("-* ").split(". ", 1)[-1] if line[:1].isdigit() else line.lstrip("-* ")
    )


def _same(text: str, wanted: frozenset[str] | str) -> bool:
    said = squeezed(text)
    if isinstance(wanted, frozenset):
        return " · " in text and all(cell in said for cell in wanted)
    return wanted in said or (said in wanted and len(said) >= min(8, len(wanted)))


def learn(cases: Sequence[Case]) -> tuple[Rows, float]:
    """Weights and bias that make the evidence likeliest, or none where there is none."""
    scale = np.vstack([c.figures for c in cases]).std(0) + 1e-6
    used = [c for c in cases if len(c.spans) and (c.answers.any() or not c.question["evidence"])]

    # Each case's sentences, and last “none of them”, whose score is 0.
    rows = np.vstack([np.vstack([c.figures / scale, np.zeros(len(FIGURES))]) for c in used])
    some = np.concatenate([np.append(np.ones(len(c.spans)), 0.0) for c in used])
    right = np.concatenate([np.append(c.answers, float(not c.answers.any())) for c in used])
    begins = np.cumsum([0, *(len(c.spans) + 1 for c in used)])[:-1]
    sizes = np.array([len(c.spans) + 1 for c in used])

    def loss(w: Rows) -> tuple[float, Rows]:
        s = rows @ w[:-1] + w[-1] * some
        p = np.exp(s - np.repeat(np.maximum.reduceat(s, begins), sizes))
        every, good = np.add.reduceat(p, begins), np.add.reduceat(p * right, begins)
        d = (p / np.repeat(every, sizes) - p * right / np.repeat(good, sizes)) * some
        total = float(np.log(every / good).sum()) + DECAY * float(w[:-1] @ w[:-1]) / 2
        return total, np.append(rows.T @ d + DECAY * w[:-1], d.sum())

    found = minimize(loss, np.zeros(len(FIGURES) + 1), jac=True, method="L-BFGS-B")
    return found.x[:-1] / scale, float(found.x[-1])


def accept(rows: Rows, right: Rows, none: Rows) -> tuple[Rows, float]:
    """Weights and bias that tell whether a first span answers; `none`: that nothing can."""
    mean, scale = rows.mean(0), rows.std(0) + 1e-6
    x, heavy = (rows - mean) / scale, np.where(none, UNANSWERABLE, 1.0)

    def loss(w: Rows) -> tuple[float, Rows]:
        p = 1 / (1 + np.exp(-(x @ w[:-1] + w[-1])))
        wrong = right * np.log(p + 1e-12) + (1 - right) * np.log(1 - p + 1e-12)
        d = heavy * (p - right)
        total = float(-(heavy * wrong).sum()) + DECAY * float(w[:-1] @ w[:-1]) / 2
        return total, np.append(x.T @ d + DECAY * w[:-1], d.sum())

    found = minimize(loss, np.zeros(x.shape[1] + 1), jac=True, method="L-BFGS-B")
    weights = found.x[:-1] / scale
    return weights, float(found.x[-1] - weights @ mean)


def held_out(cases: Sequence[Case]) -> tuple[Rows, Rows]:
    """(n, len(FIRST_FIGURES)) and whether the first is evidence, by weights of other documents."""
    rows: list[Rows] = [np.empty(0)] * len(cases)
    hits = np.zeros(len(cases))
    for document in sorted({c.document for c in cases}):
        weights, bias = learn([c for c in cases if c.document != document])
        for n, c in enumerate(cases):
            if c.document == document:
                rows[n], hits[n] = c.first(weights, bias), c.hit(weights)
    return np.array(rows), hits


def bar(traps: Rows, plain: Rows, refused: float) -> float:
    """The score that at most 1 - `refused` are above, both lists weighing the same."""
    scores = np.concatenate([traps, plain])
    weigh = np.concatenate([np.full(len(x), 0.5 / len(x)) for x in (traps, plain)])
    order = np.argsort(scores)
    return float(scores[order][np.searchsorted(np.cumsum(weigh[order]), refused)])


def table(some: Rows, right: Rows, none: Rows, bars: Sequence[float]) -> str:
    """What each bar lets through of the scores of questions with an answer and without."""
    out = [f"{len(some)} with an answer, {len(none)} without; evidence first {right.mean():.3f}"]
    for at in bars:
        out.append(
            f"answered {(some > at).mean():.3f}, by the evidence {((some > at) * right).mean():.3f}, "
            f"refused {(none <= at).mean():.3f}"
        )
    return "; ".join(out)


def read_folder(folder: Path, documents: Path | None = None, split: str = "") -> dict[Path, Any]:
    """Documents with their questions; of those with a split only one side."""
    out = {}
    for path in sorted((documents or folder).glob("*.md")):
        file = folder / f"{path.stem}.jsonl"
        if file.is_file():
            rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            out[path] = [r for r in rows if not split or r.get("split") == split]
    return out


def learnt(name: str, train: Sequence[Case], dev: Sequence[Case]) -> list[str]:
    """The weights and bars as lines of TOML; what they do is printed."""
    sides = [[c for c in side if len(c.spans)] for side in (train, dev)]
    none = [np.array([not c.question["evidence"] for c in side]) for side in sides]
    weights, bias = learn(sides[0])
    rows, right = held_out(sides[0])
    first, offset = accept(rows, right, none[0])
    documents = np.array([c.document for c in sides[0]])
    scores = [
        np.zeros(len(rows)),
        np.array([c.first(weights, bias) for c in sides[1]]) @ first + offset,
    ]
    for document in set(documents):
        other = documents != document
        w, b = accept(rows[other], right[other], none[0][other])
        scores[0][~other] = rows[~other] @ w + b
    bars = {r: bar(scores[0][none[0]], scores[1][none[1]], int(r) / 100) for r in REFUSED}
    hits = [right, np.array([float(c.hit(weights)) for c in sides[1]])]
    for what, s, h, n in zip(("train, held out", "dev"), scores, hits, none, strict=True):
        print(name, f"{what}:", table(s[~n], h[~n], s[n], list(bars.values())))
    said = ", ".join(f"{r} = {_above(at):.4f}" for r, at in bars.items())
    lines = [f"[{name}]", f"bias = {bias:.4f}", f"[{name}.weights]", *_named(FIGURES, weights)]
    lines += [f"[{name}.first]", f"bias = {offset:.4f}", f"bars = {{ {said} }}"]
    return [*lines, f"[{name}.first.weights]", *_named(FIRST_FIGURES, first), ""]


def _named(names: Sequence[str], values: Rows) -> list[str]:
    return [f"{n} = {v:.4f}" for n, v in zip(names, values, strict=True)]


def _above(score: float) -> float:
    """The score as odds, rounded so that it is still below them."""
    return float(np.ceil(1e4 / (1 + np.exp(-score))) / 1e4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    dev = read_folder(TRAIN.parent / "questions", TRAIN.parent / "corpus", "dev")
    lines = [
        "# Made by benchmarks/evidence_weights.py from benchmarks/documents/train; see answer/evidence.py.\n"
    ]
    both = encoder("use+e5"), encoder(spans.ENCODER)
    for name, encoders in (("words_only", (None, None)), ("with_encoder", both)):
        train, tuned = (
            [c for path, rows in read.items() for c in cases_of(path, rows, *encoders)]
            for read in (read_folder(TRAIN), dev)
        )
        lines += learnt(name, train, tuned)
    if options.write:
        OUT.write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
