"""Answers from documents, measured: right, cited, supported, refused where there is no answer.

A row asks one question of the documents a venue has imported and says what a right answer holds and
which sentences it stands in. Overlap is KorQuAD's (Lim et al. 2019, evaluate-v1.0): exact match and
F1 over characters, after case, white space and punctuation are folded.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from giljabi.answer.facts import Fact
from giljabi.answer.memory import Turn
from giljabi.answer.text_claims import Claims, numbers, squeezed
from giljabi.documents.passage import Passage
from giljabi.errors import GiljabiError
from giljabi.measure.asking import AnswerLike
from giljabi.measure.questions import holds, read_lines, string, strings
from giljabi.measure.similarity import Encoder, similarity

UNANSWERABLE = "unanswerable"
_NO_ANSWER = re.compile(
    r"모르겠|알 수 없|(?:답|내용|정보)[이가은는]? ?(?:없|나와 ?있지 않)|"
    r"\b(?:do not|don't|does not|cannot) (?:know|say|tell|hold)",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile(r"[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class DocumentQuestion:
    """One row. `groups`: at least one string of every group occurs in a right answer; `evidence`
    are the sentences it stands in, as the document has them. Both empty where nothing answers."""

    id: str
    lang: str
    kind: str
    question: str
    groups: tuple[tuple[str, ...], ...]
    evidence: tuple[str, ...]
    split: str = ""

    @property
    def answerable(self) -> bool:
        """Whether the documents answer it."""
        return bool(self.evidence)


class CitingAnswer(AnswerLike, Protocol):
    """What is read of an answer from documents."""

    @property
    def facts(self) -> Sequence[Fact]:
        """What it rests on."""

    @property
    def passages(self) -> Sequence[Passage]:
        """The passages it cites."""

    @property
    def reasoning(self) -> str:
        """Why, in words."""


class CitingGuide(Protocol):
    """A guide over a venue with documents."""

    def answer(self, question: str, history: Sequence[Turn]) -> CitingAnswer:
        """The answer to one question."""


@dataclass(frozen=True, slots=True)
class CitedRow:
    """One question, what was answered, and its figures.

    `right` says that it was answered and the text holds what it must; `shown` that the text does,
    also after an “I do not know”. `exact` and `overlap` (0 to 1) are of the answer beside the
    accepted ones, `cited` and `cited_overlap` of the cited sentences beside the evidence.
    `supported`: the checker's word, and every number of the text stands in the cited passages.
    `similarity`: the cosine of the answer with the accepted one, where an encoder was given.
    """

    id: str
    lang: str
    kind: str
    question: str
    answer: str
    reasoning: str
    outcome: str
    written_by: str
    answered: bool
    right: bool
    shown: bool
    exact: bool
    overlap: float
    cited: bool
    cited_overlap: float
    supported: bool
    total_ms: float
    similarity: float | None = None


def is_of_documents(path: Path) -> bool:
    """Whether the file's first row is of this kind."""
    return next(("evidence" in row for _, row in read_lines(path)), False)


def read_document_questions(path: Path, split: str = "") -> list[DocumentQuestion]:
    """Every row of `path`, or those of one split; the first fault is an error naming its line."""
    rows = []
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        groups = row.get("answers_all", [row["answers"]] if row.get("answers") else [])
        if not isinstance(groups, list):
            raise GiljabiError(f"{where}: field 'answers_all' must be a list of lists of strings.")
        question = DocumentQuestion(
            id=string(row, "id", where), lang=string(row, "lang", where),
            kind=string(row, "kind", where), question=string(row, "question", where),
            groups=tuple(strings(g, "answers", where, empty=False) for g in groups),
            evidence=strings(row.get("evidence"), "evidence", where), split=row.get("split", ""),
        )  # fmt: skip
        if question.answerable != bool(question.groups):
            raise GiljabiError(f"{where}: give both answers and evidence, or neither.")
        rows.append(question)
    chosen = [r for r in rows if not split or r.split == split]
    if not chosen:
        raise GiljabiError(f"{path}: holds no question{f' of the split {split}' * bool(split)}.")
    return chosen


def ask_documents(
    guide: CitingGuide, questions: Sequence[DocumentQuestion],
    progress: Callable[[int], None] = lambda done: None,
) -> list[CitedRow]:  # fmt: skip
    """Ask every question by itself and score what comes."""
    rows = []
    for number, question in enumerate(questions, 1):
        rows.append(score(question, guide.answer(question.question, ())))
        progress(number)
    return rows


def score(question: DocumentQuestion, answer: CitingAnswer) -> CitedRow:
    """The figures of one answer."""
    answered = answer.outcome == "found"
    has = bool(question.groups) and all(
        any(holds(answer.text, one) for one in g) for g in question.groups
    )
    cites = [str(f.value) for f in answer.facts if f.kind == "cites"]
    said = " ".join(cites)
    short = [one for g in question.groups for one in g]
    best = max((overlap(answer.text, one) for one in short), default=0.0)
    wanted = [_as_said(e) for e in question.evidence]
    hit = any(_stands_in(w, c) for w in wanted for c in cites)
    # Two line breaks: “제53조” and the “①” below it would be read as one number.
    held = Claims("\n\n".join(f"{p.place}\n\n{p.text}" for p in answer.passages))
    supported = answer.verdict is not None and answer.verdict.ok
    if answer.passages:
        supported = supported and all(held.has_number(n) for n in numbers(answer.text))
    return CitedRow(
        question.id, question.lang, question.kind, question.question, answer.text,
        answer.reasoning, answer.outcome, answer.written_by, answered, answered and has, has,
        any(folded(answer.text) == folded(one) for one in short), best,
        answered and hit, overlap(said, " ".join(" ".join(w) for w in wanted)) if cites else 0.0,
        supported, float(answer.timings.get("total", 0.0)),
    )  # fmt: skip


def with_similarity(
    rows: Sequence[CitedRow], questions: Sequence[DocumentQuestion], by: Encoder
) -> list[CitedRow]:
    """The rows of answerable questions with how near each answer comes to the accepted one.

    That is the first string of each group, one after another. What a figure says and does not is
    told in `giljabi.measure.similarity`.
    """
    some = [n for n, q in enumerate(questions) if q.answerable]
    out = list(rows)
    if some:
        found = similarity(
            [rows[n].answer for n in some],
            [" ".join(g[0] for g in questions[n].groups) for n in some], by,
        )  # fmt: skip
        for n, cosine in zip(some, found.scores, strict=True):
            out[n] = replace(rows[n], similarity=cosine)
    return out


def refuses(text: str) -> bool:
    """Whether an accepted answer says that nothing answers."""
    return bool(_NO_ANSWER.search(text))


def folded(text: str) -> str:
    """Case, white space and punctuation aside, as KorQuAD compares."""
    return re.sub(r"\s+", "", _PUNCTUATION.sub("", unicodedata.normalize("NFKC", text).lower()))


def overlap(text: str, reference: str) -> float:
    """F1 over characters, each counted as often as it occurs: KorQuAD's."""
    a, b = Counter(folded(text)), Counter(folded(reference))
    common = (a & b).total()
    return 2 * common / (a.total() + b.total()) if common else 0.0


def _as_said(evidence: str) -> tuple[str, ...]:
    """A line of Markdown as its parts: the cells of a row, or the text without its mark."""
    line = evidence.strip()
    if line.startswith("|"):
        return tuple(c for c in map(str.strip, line.strip("|").split("|")) if c)
    return (re.sub(r"^(?:[-*]|\d+\.)\s+", "", line),)


def _stands_in(wanted: tuple[str, ...], cited: str) -> bool:
    said = squeezed(cited)
    parts = [squeezed(w) for w in wanted]
    return all(w in said for w in parts) or (len(parts) == 1 and said in parts[0])


def figures(rows: Sequence[CitedRow]) -> dict[str, float]:
    """Shares over these rows, 0 to 1; of no rows 0. Refusals are of those without an answer."""
    some = [r for r in rows if r.kind != UNANSWERABLE]
    none = [r for r in rows if r.kind == UNANSWERABLE]
    given = [r for r in rows if r.answered]

    def mean(values: Sequence[float]) -> float:
        return sum(values) / len(values) if values else 0.0

    return {
        "answerable": len(some), "answered": mean([r.answered for r in some]),
        "right": mean([r.right for r in some]), "shown": mean([r.shown for r in some]),
        "right_of_answered": mean([r.right for r in some if r.answered]),
        "exact": mean([r.exact for r in some]), "overlap": mean([r.overlap for r in some]),
        "evidence": mean([r.cited for r in some]),
        "evidence_overlap": mean([r.cited_overlap for r in some]),
        "similarity": mean([r.similarity for r in some if r.similarity is not None]),
        "supported": mean([r.supported for r in given]),
        "unanswerable": len(none), "refused": mean([not r.answered for r in none]),
    }  # fmt: skip


def to_markdown(rows: Sequence[CitedRow]) -> str:
    """All and kind by kind, as a table."""
    kinds = ["all", *dict.fromkeys(r.kind for r in rows)]
    names = [
        "answered", "right", "shown", "exact", "overlap", "evidence", "evidence_overlap", "supported",
    ]  # fmt: skip
    if any(r.similarity is not None for r in rows):
        names.insert(5, "similarity")
    out = [
        "| kind | questions | " + " | ".join(n.replace("_", " ") for n in names) + " | refused |"
    ]
    out.append("|---" * (len(names) + 3) + "|")
    for kind in kinds:
        of = [r for r in rows if kind in ("all", r.kind)]
        f = figures(of)
        cells = [
            f"{100 * f[n]:.1f}" if f["answerable"] and (n != "supported" or f["answered"]) else ""
            for n in names
        ]
        refused = f"{100 * f['refused']:.1f}" if f["unanswerable"] else ""
        out.append(f"| {kind} | {len(of)} | {' | '.join(cells)} | {refused} |")
    return "\n".join(out) + "\n"


def to_json(rows: Sequence[CitedRow]) -> dict[str, Any]:
    """Figures and rows as plain values."""
    return {"figures": figures(rows), "rows": [asdict(r) for r in rows]}
