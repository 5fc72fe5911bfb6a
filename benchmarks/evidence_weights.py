"""Learns what makes a sentence the evidence for a question: python benchmarks/evidence_weights.py.

Reads benchmarks/documents/train (documents and questions that nothing is measured on) and writes
src/giljabi/answer/evidence.toml: weights for answer/evidence.py, with an encoder and without, and
the bars above which a sentence is taken for an answer. A conditional logit over the sentences of the
passages found and “none of them” (McFadden 1974); the bars are where 2, 5 and 10 % of the questions
of benchmarks/documents/questions (dev) that have no answer get one, and “sure” where 2 % of train's
do, held out: those were made to be nearly answered.
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

from giljabi.answer import evidence, spans
from giljabi.answer.asked_words import read as read_question
from giljabi.answer.cites import PASSAGES
from giljabi.answer.evidence import FIGURES, REFUSED, SURE, Finder, candidates
from giljabi.answer.passages import Passages
from giljabi.answer.spans import Span
from giljabi.answer.text_claims import squeezed
from giljabi.documents import readers
from giljabi.documents.encoders import Encoder, encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Source
from giljabi.documents.splitting import passages_of

TRAIN = Path(__file__).parent / "documents" / "train"
OUT = Path(evidence.__file__).with_name("evidence.toml")
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

    def order(self, weights: Rows) -> list[int]:
        """The numbers of the spans, the likeliest to answer first."""
        return [int(n) for n in np.argsort(-(self.figures @ weights), kind="stable")]

    def best(self, weights: Rows, bias: float) -> float:
        """The score of the likeliest span; below all of any where there is none."""
        return float((self.figures @ weights).max() + bias) if len(self.spans) else -np.inf


def cases_of(
    document: Path, questions: Sequence[dict[str, Any]], by: Encoder | None, near: Encoder | None
) -> list[Case]:
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


def bar(cases: Sequence[Case], weights: Rows, bias: float, refused: float) -> float:
    """The score that at most 1 - `refused` of the questions without an answer are above."""
    scores = sorted(c.best(weights, bias) for c in cases if not c.question["evidence"])
    return scores[int(np.ceil(refused * len(scores))) - 1]


def table(cases: Sequence[Case], weights: Rows, bias: float, bars: Sequence[float]) -> str:
    """How many answerable questions have their evidence first, and what each bar lets through."""
    some = [c for c in cases if c.question["evidence"]]
    none = [c for c in cases if not c.question["evidence"]]
    first = [c for c in some if c.answers[c.order(weights)[:1]].any()]
    out = [
        f"{len(some)} with an answer, {len(none)} without; evidence first {len(first) / len(some):.3f}"
    ]
    for at in bars:
        answered, right, refused = (
            sum(c.best(weights, bias) > at for c in some) / len(some),
            sum(c.best(weights, bias) > at for c in first) / len(some),
            sum(c.best(weights, bias) <= at for c in none) / len(none),
        )
        out.append(f"answered {answered:.3f}, by the evidence {right:.3f}, refused {refused:.3f}")
    return "; ".join(out)


def held_out(cases: Sequence[Case]) -> list[tuple[Case, Rows, float]]:
    """Each case with weights learnt from the other documents."""
    out = []
    for document in sorted({c.document for c in cases}):
        learnt = learn([c for c in cases if c.document != document])
        out += [(c, *learnt) for c in cases if c.document == document]
    return out


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
    weights, bias = learn(train)
    at = {r: bar(dev, weights, bias, int(r) / 100) for r in REFUSED}
    print(name, "dev:", table(dev, weights, bias, list(at.values())))
    traps = sorted(c.best(w, b) for c, w, b in held_out(train) if not c.question["evidence"])
    shares = [sum(s <= bar for s in traps) / len(traps) for bar in at.values()]
    print(
        name, f"of {len(traps)} questions of train that nothing answers, held out, refused:", shares
    )
    at[SURE] = traps[int(np.ceil(0.98 * len(traps))) - 1]
    bars = ", ".join(f"{r} = {1 / (1 + np.exp(-bar)):.4f}" for r, bar in at.items())
    lines = [f"[{name}]", f"bias = {bias:.4f}", f"bars = {{ {bars} }}", f"[{name}.weights]"]
    return lines + [f"{f} = {w:.4f}" for f, w in zip(FIGURES, weights, strict=True)] + [""]


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
