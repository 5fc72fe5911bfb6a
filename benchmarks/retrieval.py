"""How well passages are found, and at what cost: python benchmarks/retrieval.py [--scale N].

Reads benchmarks/documents/{corpus,questions}; every road searches all documents at once. A hit is a
passage under one of the question's sections that holds its evidence, white space ignored. With
--korquad FILE the contexts of SQuAD 1.1/KorQuAD JSON are the passages and their questions are asked.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi import korean
from giljabi.answer import passages as searching
from giljabi.answer import spans
from giljabi.answer.cites import Documents
from giljabi.documents import readers, terms
from giljabi.documents.encoders import NAMES, Encoder, encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source
from giljabi.documents.splitting import passages_of
from giljabi.documents.vectors import Vectors
from giljabi.errors import GiljabiError

HERE = Path(__file__).parent / "documents"
DEPTH = 50

Search = Callable[[str], Sequence[str]]
"""From a question to ids of passages, best first."""


@dataclass(frozen=True)
class Question:
    id: str
    text: str
    lang: str
    kind: str
    split: str
    document: str
    wanted: tuple[frozenset[str], ...]
    """For each piece of evidence the ids of the passages that hold it."""


# ---- what is searched, and what for ----


def read_corpus(folder: Path) -> tuple[list[Passage], list[Question]]:
    found = [
        p
        for path in sorted((folder / "corpus").glob("*.md"))
        for p in passages_of(readers.read(path), Source(path.name, "", ""))
    ]
    questions = []
    for path in sorted((folder / "questions").glob("*.jsonl")):
        for row in map(json.loads, path.read_text("utf-8").splitlines()):
            if row["kind"] != "unanswerable":
                questions.append(_question(row, found))
    return found, questions


def _question(row: dict[str, Any], found: list[Passage]) -> Question:
    name = Path(row["document"]).name
    inside = [
        p
        for p in found
        if p.source == name
        and any(f"{' › '.join(p.titles[1:])} › ".startswith(f"{s} › ") for s in row["sections"])
    ]
    wanted = tuple(frozenset(p.id for p in inside if holds(p.text, e)) for e in row["evidence"])
    if not all(wanted):
        raise GiljabiError(f"{row['id']}: no passage holds the evidence")
    return Question(
        row["id"], row["question"], row["lang"], row["kind"], row["split"], name, wanted
    )


def holds(text: str, evidence: str) -> bool:
    """White space, emphasis and list marks ignored; of a table's row every cell, in one line."""
    if evidence.startswith("|"):
        cells = [_bare(c) for c in evidence.strip("| ").split("|")]
        return any(all(c in _bare(line) for c in cells) for line in text.splitlines())
    return _bare(re.sub(r"^([-*]|\d+\.)\s+", "", evidence)) in _bare(text)


def _bare(text: str) -> str:
    return re.sub(r"[\s*`_]", "", text)


def read_korquad(path: Path) -> tuple[list[Passage], list[Question]]:
    """Contexts as passages, each once; every question wants its own context."""
    found: dict[str, Passage] = {}
    questions = []
    for article in json.loads(path.read_text("utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            context = paragraph["context"]
            id = f"{path.name}#{len(found) + 1}"
            passage = found.setdefault(
                context, Passage(id, path.name, (article.get("title", ""),), context)
            )
            for qa in paragraph["qas"]:
                if not qa.get("is_impossible"):
                    wanted = (frozenset([passage.id]),)
                    questions.append(
                        Question(qa["id"], qa["question"], "ko", "", "all", path.name, wanted)
                    )
    return list(found.values()), questions


# ---- the roads ----


class Bm25:
    """FTS5 in memory over any terms: what the library's own road is compared with."""

    def __init__(self, found: Iterable[Passage], of: Callable[[str], list[str]]) -> None:
        self._of = of
        self._ids: list[str] = []
        self._db = sqlite3.connect(":memory:")
        self._db.execute(
            "CREATE VIRTUAL TABLE term USING fts5 (titles, text, content='',"
            " tokenize='unicode61 remove_diacritics 0')"
        )
        for p in found:
            self._ids.append(p.id)
            row = (len(self._ids), " ".join(of(" ".join(p.titles))), " ".join(of(p.text)))
            self._db.execute("INSERT INTO term (rowid, titles, text) VALUES (?, ?, ?)", row)

    def __call__(self, question: str) -> list[str]:
        asked = " OR ".join(f'"{t}"' for t in dict.fromkeys(self._of(question)))
        rows = self._db.execute(
            "SELECT rowid FROM term WHERE term MATCH ? ORDER BY bm25(term, 2.0, 1.0) LIMIT ?",
            (asked or '""', DEPTH),
        )
        return [self._ids[n - 1] for (n,) in rows]


def white_space(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def stems(text: str) -> list[str]:
    return [korean.strip_particle(w) for w in white_space(text)]


def morphemes() -> Callable[[str], list[str]] | None:
    """Content morphemes by Kiwi, where it is installed."""
    try:
        from kiwipiepy import Kiwi
    except ImportError:
        return None
    kiwi = Kiwi(num_workers=1)
    kept = ("N", "V", "XR", "MAG", "SN", "SL", "SH", "XPN", "XSN")
    return lambda text: [
        t.form.lower() for t in kiwi.tokenize(text) if t.tag.startswith(kept) and t.form.isalnum()
    ]


def roads(
    found: Sequence[Passage], library: Library, encoders: Mapping[str, Encoder]
) -> Iterator[tuple[str, Search]]:
    """Each road by name; the library holds one encoder's vectors at a time."""
    yield "white space", Bm25(found, white_space)
    yield "stems", Bm25(found, stems)
    yield "pairs of syllables", Bm25(found, terms.terms)
    if kiwi := morphemes():
        yield "morphemes (Kiwi)", Bm25(found, kiwi)

    def words(**how: bool) -> Search:
        def search(question: str) -> list[str]:
            return [i for i, _ in library.match(searching.query_terms(question, **how), DEPTH)]

        return search

    yield "pairs, asking words left out", words(synonyms=False)
    yield "**words**: … and synonyms", words()
    for name, by in encoders.items():
        Vectors(library).embed(by)
        joined = searching.Passages(library, by)

        def meaning(question: str, joined: searching.Passages = joined) -> list[str]:
            hits = [h for h in joined.search(question, 2 * DEPTH) if h.by_meaning]
            return [h.passage.id for h in sorted(hits, key=lambda h: h.by_meaning or 0)]

        def fused(question: str, joined: searching.Passages = joined) -> list[str]:
            hits = joined.search(question, 2 * DEPTH)
            best = sorted(hits, key=lambda h: -_rrf(h.by_words) - _rrf(h.by_meaning))
            return [h.passage.id for h in best]

        def added(question: str, joined: searching.Passages = joined) -> list[str]:
            return [h.passage.id for h in joined.search(question, DEPTH)]

        yield f"encoder {name}", meaning
        yield f"words and {name}, reciprocal ranks", fused
        yield f"**words and {name}**, weighted sum", added
    for name, by in encoders.items():
        if spans.ENCODER in name and name != spans.ENCODER:
            Vectors(library).embed(by)
            near = encoder(spans.ENCODER)
            Vectors(library).embed_parts(near, spans.texts)
            documents = Documents(library, by, near)
            yield f"**words and {name}**, and their sentences", ranked(documents)
    yield "**words**, and their sentences", ranked(Documents(library))


def ranked(documents: Documents) -> Search:
    return lambda question: [p.id for p in documents.passages(question, DEPTH)]


def _rrf(rank: int | None) -> float:
    return 1 / (60 + rank) if rank else 0.0


# ---- figures ----


def figures(search: Search, questions: Sequence[Question]) -> dict[str, Any]:
    """recall@1, recall@5 (a hit; `whole`: all evidence), MRR, and the ids of what was missed."""
    ranks, whole, missed = [], 0, []
    for q in questions:
        got = list(search(q.text))
        at = next((n for n, i in enumerate(got, 1) if any(i in w for w in q.wanted)), 0)
        ranks.append(at)
        whole += all(w & set(got[:5]) for w in q.wanted)
        if not 0 < at <= 5:
            missed.append(q.id)
    n = len(questions)
    return {
        "questions": n,
        "recall@1": sum(r == 1 for r in ranks) / n,
        "recall@5": sum(0 < r <= 5 for r in ranks) / n,
        "whole@5": whole / n,
        "MRR": sum(1 / r for r in ranks if r) / n,
        "missed": missed,
    }


def table(
    found: list[Passage], questions: list[Question], names: Sequence[str], missed: bool
) -> None:
    splits = sorted({q.split for q in questions})
    encoders = {name: e for name in names if (e := packaged(name))}
    with (
        tempfile.TemporaryDirectory() as folder,
        Library(Path(folder) / "documents.db", create=True) as library,
    ):
        put_all(library, found)
        for name, search in roads(found, library, encoders):
            cells = []
            for split in splits:
                of = figures(search, [q for q in questions if q.split == split])
                cells += [f"{of[key]:.1%}" for key in ("recall@1", "recall@5", "whole@5")]
                cells.append(f"{of['MRR']:.3f}")
                if missed and split == "dev":
                    print(name, "missed", *of["missed"], file=sys.stderr)
            print("|", name, "|", " | ".join(cells), "|", flush=True)


def put_all(library: Library, found: Sequence[Passage]) -> None:
    by_path: dict[str, list[Passage]] = {}
    for p in found:
        by_path.setdefault(p.source, []).append(p)
    for path, mine in by_path.items():
        library.put(Source(path, mine[0].titles[0], ""), mine)


def packaged(name: str) -> Encoder | None:
    try:
        return encoder(name)
    except GiljabiError:
        return None


# ---- scale ----


def scale(size: int, found: Sequence[Passage], questions: Sequence[Question], by: str) -> None:
    """Index and query time, memory and file size for `size` passages of shuffled sentences.

    Seconds are of the processor, one thread: on an idle machine as many pass, whatever else runs.
    """
    chance = random.Random(size)
    sentences = [line for p in found for line in p.text.splitlines()]
    made = []
    for n in range(size):
        text = "\n".join(chance.choice(sentences) for _ in range(chance.randint(1, 6)))
        source = f"{n // 200}.md"  # a document of a hundred pages or so
        made.append(Passage(f"{source}#{n}", source, chance.choice(found).titles, text))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "documents.db"
        with Library(path, create=True) as library:
            began = time.process_time()
            put_all(library, made)
            index_s = time.process_time() - began
            began = time.process_time()
            meaning = packaged(by) if by else None
            if meaning:
                Vectors(library).embed(meaning)
            embed_s = time.process_time() - began
            began = time.process_time()
            library.put(Source("0.md", "", "again"), [p for p in made if p.source == "0.md"])
            again_s = time.process_time() - began
        del made
        with Library(path) as library:
            search = searching.Passages(library, meaning).search
            took = []
            search(questions[0].text)  # loads the words of questions, once a process
            for q in questions[:: max(1, len(questions) // 100)]:
                began = time.process_time()
                search(q.text)
                took.append((time.process_time() - began) * 1e3)
        p50, p95 = (statistics.quantiles(took, n=20)[i] for i in (9, 18))
        print(
            f"| {size:,} | {index_s:.1f} s | {embed_s:.1f} s | {again_s * 1e3:.0f} ms | {p50:.1f} ms"
            f" | {p95:.1f} ms | {_resident():.0f} MB | {path.stat().st_size / 1e6:.1f} MB |",
            flush=True,
        )


def _resident() -> float:
    """MB that this process holds now."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--korquad", type=Path)
    parser.add_argument("--missed", action="store_true", help="name the dev questions not found")
    parser.add_argument("--scale", type=int, help="passages to make and search instead")
    parser.add_argument("--encoders", nargs="*", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    found, questions = read_korquad(options.korquad) if options.korquad else read_corpus(HERE)
    if options.scale:
        scale(options.scale, found, questions, next(iter(options.encoders), ""))
        return
    counts = ", ".join(
        f"{sum(q.split == s for q in questions)} {s}" for s in sorted({q.split for q in questions})
    )
    print(f"{len(found):,} passages; questions: {counts}")
    table(found, questions, options.encoders, options.missed)


if __name__ == "__main__":
    main()
