"""Who reads documents best, and how much of them: python benchmarks/reading.py [--adapter READER.gguf].

Every question of benchmarks/documents/questions (one split) is given to every reader, those too that
the guide would refuse unasked: quoting the likeliest sentence, the untuned base, and the base with an
adapter tuned to read (tune/recipes/reader.toml), each shown the sentences found and the whole
document. Prints one row each: what of its own words passed the check and was right, what is right
with the quotation that takes over where they fail, what was refused.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from document_answers import Corpus

from giljabi.answer.cites import SHOWN, Documents, basis, cited
from giljabi.answer.evidence import Evidence
from giljabi.answer.query import Query
from giljabi.answer.reader import Reader
from giljabi.answer.spans import Span, spans
from giljabi.answer.words import language
from giljabi.cli.guides import SHIPPED, embedded, read_by_model
from giljabi.measure.cited_answers import DocumentQuestion
from giljabi.measure.questions import holds
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
HERE = ROOT / "benchmarks" / "documents"
WINDOW = 16_384


@dataclass
class Score:
    """What one reader made of the questions."""

    own: list[bool] = field(default_factory=list)
    right: list[bool] = field(default_factory=list)
    refused: list[bool] = field(default_factory=list)
    refused_answerable: list[bool] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(
        self, q: DocumentQuestion, said: str, fallback: str, refused: bool, took: float
    ) -> None:
        """One answer: `said` in its own words ("" where they failed the check)."""
        self.seconds.append(took)
        if not q.answerable:
            self.refused.append(refused)
            return
        self.refused_answerable.append(refused)
        self.own.append(not refused and _right(q, said))
        self.right.append(not refused and _right(q, said or fallback))

    def row(self) -> str:
        """Percentages and the median of seconds, as cells of a table."""
        shares = (self.own, self.right, self.refused_answerable, self.refused)
        cells = [f"{100 * statistics.fmean(s):.1f}" if s else "" for s in shares]
        return " | ".join([*cells, f"{statistics.median(self.seconds):.1f}"])


def _right(question: DocumentQuestion, text: str) -> bool:
    return all(any(holds(text, one) for one in group) for group in question.groups)


def ask(
    reader: Reader | None, found: Sequence[tuple[DocumentQuestion, list[Evidence]]],
    whole: Sequence[Span], score: Score,
) -> None:  # fmt: skip
    """Give every question to `reader`, or quote; `whole` is what is shown, or what was found."""
    for q, evidence in found:
        top = [e.span for e in evidence[:SHOWN]]
        if reader is None:
            score.add(q, "", top[0].text, False, 0.0)
            continue
        query = Query(q.question, language(q.question), "document")
        facts = cited(query, top[:1], whole or top, basis(evidence))
        began = time.perf_counter()
        got = reader.read(facts, ())
        said = "" if got.problem else got.answer
        score.add(q, said, top[0].text, got.refused, time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, help="a LoRA in GGUF form that learnt to read")
    parser.add_argument("--split", default="dev")
    parser.add_argument("--limit", type=int, help="questions a document")
    options = parser.parse_args()
    venue = folder.load(ROOT / "venues" / "hanyang")
    adapters = {"base": "none"} | ({"tuned": str(options.adapter)} if options.adapter else {})
    scores: dict[str, Score] = {"quoting": Score()}
    corpus = Corpus(options.split)
    for passages, asked in corpus.files():
        n = options.limit or len(asked)
        with corpus.library(passages) as library:
            of = Documents(library, *corpus.encoders)
            some = asked[:: max(1, len(asked) // n)][:n]
            found = [(q, e) for q in some if (e := of.evidence(q.question).evidence)]
            ask(None, found, (), scores["quoting"])
            whole = [s for p in library.passages() for s in spans(p)]
            for name, adapter in adapters.items():
                chosen = replace(SHIPPED, reader="model", adapter=adapter, window=WINDOW)
                with closing(embedded(venue, chosen, read_by_model(chosen, of))) as model:
                    reader = Reader(model, learnt=name == "tuned")
                    ask(reader, found, (), scores.setdefault(f"{name}, found", Score()))
                    ask(reader, found, whole, scores.setdefault(f"{name}, whole", Score()))
        print(passages[0].source)
        for name, score in scores.items():
            print("|", name, "|", len(score.seconds), "|", score.row(), "|", flush=True)


if __name__ == "__main__":
    main()
