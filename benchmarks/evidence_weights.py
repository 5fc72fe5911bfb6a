"""Learns what makes a sentence the evidence for a question: python benchmarks/evidence_weights.py.

Reads benchmarks/documents/train (documents and questions that nothing is measured on) and writes
src/giljabi/answer/evidence.toml: weights for answer/evidence.py, with an encoder and without, and
the bar above which a sentence is taken for an answer. A conditional logit over the sentences of the
passages found and “none of them” (McFadden 1974); the bar is where, each document judged by weights
learnt from the others, at most 2 % of the questions without an answer get one.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from giljabi.answer import evidence
from giljabi.answer.asked_words import read as read_question
from giljabi.answer.evidence import FIGURES, Finder, Span
from giljabi.answer.passages import Passages
from giljabi.answer.text_claims import squeezed
from giljabi.documents import readers
from giljabi.documents.encoders import Encoder, encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Source
from giljabi.documents.splitting import passages_of

TRAIN = Path(__file__).parent / "documents" / "train"
OUT = Path(evidence.__file__).with_name("evidence.toml")
PASSAGES = 8
REFUSED = 0.98
DECAY = 3.0

Rows = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """A question, the sentences found for it, their figures, and which of them answer."""

    document: str
    question: dict[str, Any]
    spans: list[Span]
    figures: Rows
    answers: Rows

    def ranked(self) -> list[int]:
        """The numbers of the spans, the likeliest to answer first, by the weights that are kept."""
        learnt = evidence.weights()["with_encoder"]["weights"]
        scores = self.figures @ np.array([learnt[f] for f in FIGURES])
        return [int(n) for n in np.argsort(-scores, kind="stable")]


def cases_of(document: Path, questions: Sequence[dict[str, Any]], by: Encoder | None) -> list[Case]:
    """The questions on one document, asked in a library that holds nothing else."""
    with (
        tempfile.TemporaryDirectory() as folder,
        Library(Path(folder) / "documents.db", create=True) as library,
    ):
        read = readers.read(document)
        source = Source(document.name, read.title, "")
        library.put(source, passages_of(read, source))
        if by is not None:
            library.embed(by)
        search = Passages(library, by)
        finder = Finder(search.rarity, by)
        return [_case(document.stem, q, search, finder) for q in questions]


def _case(document: str, question: dict[str, Any], search: Passages, finder: Finder) -> Case:
    hits = search.search(question["question"], PASSAGES)
    found = [(s, rank) for rank, hit in enumerate(hits, 1) for s in evidence.spans(hit.passage)]
    rows = finder.figures(read_question(question["question"]), found)
    wanted = [evidence_key(e) for e in question["evidence"]]
    answers = [float(any(_same(s.text, w) for w in wanted)) for s, _ in found]
    return Case(
        document, question, [s for s, _ in found],
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


def bar(cases: Sequence[Case]) -> float:
    """The score that at most 1 - REFUSED of the questions without an answer reach, held out."""
    scores = []
    for document in sorted({c.document for c in cases}):
        weights, bias = learn([c for c in cases if c.document != document])
        for c in cases:
            if c.document == document and not c.question["evidence"] and len(c.spans):
                scores.append(float((c.figures @ weights).max() + bias))
    return sorted(scores)[int(np.ceil(REFUSED * len(scores))) - 1]


def table(cases: Sequence[Case], weights: Rows, bias: float, at: float) -> str:
    """How many answerable questions have their evidence first, and first above the bar."""
    some = [c for c in cases if c.question["evidence"]]
    none = [c for c in cases if not c.question["evidence"]]
    first = right = answered = 0
    for c in some:
        if not len(c.spans):
            continue
        s = c.figures @ weights + bias
        hit = bool(c.answers[s.argmax()])
        first, answered = first + hit, answered + bool(s.max() > at)
        right += hit and bool(s.max() > at)
    refused = sum(not len(c.spans) or bool((c.figures @ weights + bias).max() <= at) for c in none)
    return (
        f"{len(some)} with an answer: evidence first {first / len(some):.3f}, answered "
        f"{answered / len(some):.3f}, by the evidence {right / len(some):.3f}; {len(none)} without: "
        f"refused {refused / max(1, len(none)):.3f}"
    )


def read_folder(folder: Path, documents: Path | None = None, split: str = "") -> dict[Path, Any]:
    """Documents with their questions; of those with a split only one side."""
    out = {}
    for path in sorted((documents or folder).glob("*.md")):
        file = folder / f"{path.stem}.jsonl"
        if file.is_file():
            rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
            out[path] = [r for r in rows if not split or r.get("split") == split]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--encoder", default="e5")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    dev = read_folder(TRAIN.parent / "questions", TRAIN.parent / "corpus", "dev")
    lines = [
        "# Made by benchmarks/evidence_weights.py from benchmarks/documents/train; see answer/evidence.py.\n"
    ]
    for name, by in (("words_only", None), ("with_encoder", encoder(options.encoder))):
        sets = [
            [c for path, rows in read.items() for c in cases_of(path, rows, by)]
            for read in (read_folder(TRAIN), dev)
        ]
        weights, bias = learn(sets[0])
        at = bar(sets[0])
        print(name, "train:", table(sets[0], weights, bias, at))
        print(name, "dev:", table(sets[1], weights, bias, at))
        lines += [
            f"[{name}]",
            f"bias = {bias:.4f}",
            f"bar = {1 / (1 + np.exp(-at)):.4f}",
            f"[{name}.weights]",
        ]
        lines += [f"{f} = {w:.4f}" for f, w in zip(FIGURES, weights, strict=True)] + [""]
    if options.write:
        OUT.write_text("\n".join(lines), "utf-8")


if __name__ == "__main__":
    main()
