"""What documents answer: python benchmarks/document_answers.py [--split dev] [--words].

Each document of benchmarks/documents/corpus is imported alone and its questions of one split are
asked of it, at each bar that `--refuse` of the verbs offers. Prints the kinds of questions at the
first bar, every bar, and how often passages are found where all documents are searched at once.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import retrieval
from numpy.typing import NDArray

from giljabi.answer.cites import Documents
from giljabi.answer.evidence import REFUSED
from giljabi.answer.guide import Guide
from giljabi.answer.spans import ENCODER, texts
from giljabi.documents import readers
from giljabi.documents.encoders import Encoder, encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source
from giljabi.documents.splitting import passages_of
from giljabi.documents.vectors import Vectors
from giljabi.measure import cited_answers
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks" / "documents"


class Once:
    """An encoder that makes each text's vector once, however many libraries want it."""

    def __init__(self, by: Encoder) -> None:
        self._by = by
        self.sha256 = by.sha256
        self._made: dict[str, NDArray[np.float32]] = {}

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See Encoder.passages."""
        if new := [t for t in dict.fromkeys(texts) if t not in self._made]:
            self._made |= dict(zip(new, self._by.passages(new), strict=True))
        return np.stack([self._made[t] for t in texts])

    def question(self, text: str) -> NDArray[np.float32]:
        """See Encoder.question."""
        return self._by.question(text)


class Corpus:
    """The documents and questions; `words`: found by words alone."""

    def __init__(self, split: str, *, words: bool = False) -> None:
        self.split = split
        self._words = words

    @cached_property
    def encoders(self) -> tuple[Encoder, Encoder] | tuple[None, None]:
        """What makes vectors of passages, and of sentences."""
        return (None, None) if self._words else (Once(encoder("use+e5")), Once(encoder(ENCODER)))

    def files(self) -> Iterator[tuple[Sequence[Passage], list[cited_answers.DocumentQuestion]]]:
        """The passages of each document and the questions about it."""
        for path in sorted((HERE / "corpus").glob("*.md")):
            read = readers.read(path)
            asked = HERE / "questions" / f"{path.stem}.jsonl"
            yield (
                passages_of(read, Source(path.name, read.title, "")),
                cited_answers.read_document_questions(asked, self.split),
            )

    @contextmanager
    def library(self, found: Sequence[Passage]) -> Iterator[Library]:
        """One that holds these passages and all vectors."""
        with (
            tempfile.TemporaryDirectory() as place,
            Library(Path(place) / "documents.db", create=True) as library,
        ):
            retrieval.put_all(library, found)
            by, near = self.encoders
            if by is not None and near is not None:
                Vectors(library).embed(by)
                Vectors(library).embed_parts(near, texts)
            yield library


def answers(corpus: Corpus) -> dict[str, list[cited_answers.CitedRow]]:
    """What the guide makes of every question, by bar."""
    venue = folder.load(ROOT / "venues" / "hanyang")
    out: dict[str, list[cited_answers.CitedRow]] = {bar: [] for bar in REFUSED}
    for found, asked in corpus.files():
        with corpus.library(found) as library:
            for bar, rows in out.items():
                guide = Guide(venue, documents=Documents(library, *corpus.encoders, refuse=bar))
                rows += [cited_answers.score(q, guide.read(q.question)) for q in asked]
    return out


def found(corpus: Corpus) -> dict[str, Any]:
    """recall@5 and the like where all documents are searched at once."""
    passages, questions = retrieval.read_corpus(HERE)
    with corpus.library(passages) as library:
        search = retrieval.ranked(Documents(library, *corpus.encoders))
        of = retrieval.figures(search, [q for q in questions if q.split == corpus.split])
    return {key: value for key, value in of.items() if key != "missed"}


def measure(split: str = "test") -> dict[str, Any]:
    """Figures for results.json."""
    corpus = Corpus(split)
    rows = answers(corpus)
    times = [r.total_ms for r in rows[REFUSED[0]]]
    return {
        "found": found(corpus), "answers": {bar: cited_answers.figures(r) for bar, r in rows.items()},
        "p50_ms": statistics.median(times), "p95_ms": statistics.quantiles(times, n=20)[18],
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", default="test")
    parser.add_argument("--words", action="store_true", help="without encoders")
    options = parser.parse_args()
    corpus = Corpus(options.split, words=options.words)
    rows = answers(corpus)
    print(cited_answers.to_markdown(rows[REFUSED[0]]))
    for bar, of in rows.items():
        figures = cited_answers.figures(of)
        print(bar, {key: round(value, 3) for key, value in figures.items()})
    times = [r.total_ms for r in rows[REFUSED[0]]]
    print(
        f"p50 {statistics.median(times):.0f} ms, p95 {statistics.quantiles(times, n=20)[18]:.0f} ms"
    )
    print(found(corpus))


if __name__ == "__main__":
    main()
