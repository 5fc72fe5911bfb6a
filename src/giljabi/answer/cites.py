"""A venue's documents as one more source of facts: question -> passages -> sentences to cite.

Facts of the kind "cites" are sentences as they stand in a document. Nothing here writes: what is
said of them is a template's quotation, or a model's words checked against them (cited.py).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from giljabi.answer.asked_words import read
from giljabi.answer.evidence import REFUSED, Evidence, Finder, Found
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.orders import without_orders
from giljabi.answer.passages import Passages
from giljabi.answer.query import Query
from giljabi.answer.spans import Span, spans
from giljabi.answer.text_claims import squeezed
from giljabi.documents.encoders import Encoder
from giljabi.documents.library import NAME, Library
from giljabi.documents.passage import Passage

PASSAGES = 20
"""Found by words and meaning; their sentences then say which of them come first."""
_LOGIT = 0.08  # of a passage's likeliest sentence, beside the score it was found with (0 to 1)
_CITED, _BESIDE = 4, 2
_LISTED = 12
SHOWN = 6
"""Sentences that a reader is shown."""
_BASIS = 0.2  # of the best one's odds: a sentence that a model's answer may rest on as well
_LETTERS = (
    1.0  # of Korean a token, at least: 1.5 to 1.6 for Gemma's tokenizer, fewer for older ones
)
_NOTHING = 30.0  # the logit of a passage without sentences, below any other
_NEAR = 0.1  # odds below which a sentence is about something else
_MORE = 0.5  # of the best one's odds: a second sentence that may be meant as well
_EACH = 0.05  # the same, of a question that asks for several things
_LIST = re.compile(
    r"종류|뭐뭐|누구누구|어디어디|목록|모두|전부|각각|다 (?:알려|말해)|\b(?:all|list|which)\b", re.I
)


class Documents:
    """The documents of one venue, asked. Threads may share one; `close` gives the file back.

    `encoder` is the one that made the library's vectors; `near` tells how near sentences are to a
    question, and is the one that the weights were learnt with: "e5". `refuse`: of a hundred
    questions without an answer, how many are refused at least. A reader is shown whole documents
    that fit `window` tokens, and where that is 0 the sentences found.
    """

    def __init__(
        self, library: Library, encoder: Encoder | None = None, near: Encoder | None = None, *,
        refuse: str = REFUSED[0], window: int = 0,
    ) -> None:  # fmt: skip
        self.library = library
        self._passages = Passages(library, encoder)
        self._finder = Finder(self._passages.rarity, near, library)
        self._bar = self._finder.bar(refuse)
        self._sure = self._finder.bar(REFUSED[0])
        self._window = window

    @classmethod
    def of(cls, folder: Path) -> Documents | None:
        """Those of the venue in `folder`, found by words alone; None where none were imported."""
        path = folder / NAME
        return cls(Library(path)) if path.is_file() else None

    def close(self) -> None:
        """Give the library's file back."""
        self.library.close()

    def evidence(self, question: str) -> Found:
        """The sentences of the passages found, the likeliest to answer first."""
        return self._finder.find(question, self._passages.search(question, PASSAGES))

    def passages(self, question: str, k: int = 5) -> list[Passage]:
        """The passages likeliest to hold the answer, by how they were found and what they say."""
        hits = self._passages.search(question, PASSAGES)
        best: dict[str, float] = {}
        for e in self._finder.find(question, hits).evidence:
            best.setdefault(e.span.passage.id, math.log(e.odds / (1 - e.odds)))
        ranked = sorted(hits, key=lambda h: -h.score - _LOGIT * best.get(h.passage.id, -_NOTHING))
        return [without_orders(h.passage) for h in ranked[:k]]

    def facts(self, query: Query, *, instead: bool = False) -> Facts | None:
        """What the documents hold for `query`: found, or "not_in_data" with what comes nearest.

        None where they hold nothing of the kind. `instead` of an answer there is, more is asked.
        """
        weighed = self.evidence(query.text)
        found = weighed.evidence
        if not found or found[0].odds < _NEAR:
            return None
        query = replace(query, slot="document")
        answers = weighed.answers >= (self._sure if instead else self._bar)
        chosen = _together(query, found)
        nearest = found[:SHOWN]
        facts = cited(query, chosen, self._whole(found) or [e.span for e in nearest], basis(found))
        return facts if answers else replace(facts, outcome="not_in_data", missing="document")

    def _whole(self, found: Sequence[Evidence]) -> list[Span]:
        """The documents that hold what was found, the likeliest first, as many as fit the window.

        In the order of reading, and so that a model which read a document has its prefix kept.
        """
        out: list[Span] = []
        left = self._window * _LETTERS
        for source in dict.fromkeys(e.span.passage.source for e in found if left):
            passages = list(self.library.passages(source))
            left -= sum(len(p.text) + len(" › ".join(p.titles)) + 4 for p in passages)
            if left < 0:
                break
            out += [s for p in passages for s in spans(p)]
        return out


def basis(found: Sequence[Evidence]) -> list[Span]:
    """The spans that a model's answer may rest on."""
    return [e.span for e in found[:SHOWN] if e.odds >= _BASIS * found[0].odds]


def cited(
    query: Query, chosen: Sequence[Span], shown: Sequence[Span] = (), basis: Sequence[Span] = ()
) -> Facts:
    """The facts that the `chosen` spans are, with those that a reader is shown and may rest on."""
    every = list(dict.fromkeys((*chosen, *basis, *shown)))
    facts = {
        s: Fact(
            f"f{n}", "cites", s.passage.id, s.text, _where(s.passage), source=_source(s.passage)
        )
        for n, s in enumerate(every, 1)
    }
    passages = {s.passage.id: s.passage for s in every}
    return Facts(
        query, "found", tuple(facts[s] for s in chosen), passages=tuple(passages.values()),
        shown=tuple(facts[s] for s in dict.fromkeys((*shown, *chosen))),
        basis=tuple(facts[s] for s in dict.fromkeys((*chosen, *basis))),
    )  # fmt: skip


def _together(query: Query, found: Sequence[Evidence]) -> list[Span]:
    """The best span, its exception, the list it leads into or stands in, and others as likely.

    Of a question that asks for several things, the likeliest of each are seldom as likely.
    """
    best = found[0].span
    lines = spans(best.passage)
    chosen = [best, *_exception(best, lines)]
    if _LIST.search(query.text) or best.text.rstrip().endswith((":", "：")):
        chosen = [*chosen, *_list_of(best, lines)][:_LISTED]
    share, most = (_EACH, _CITED) if read(query.text).several else (_MORE, _BESIDE)
    for e in found[1:most]:
        if e.odds >= share * found[0].odds:
            chosen.append(e.span)
    held = {squeezed(s.text): s for s in chosen}
    return list(held.values())


def _exception(best: Span, lines: Sequence[Span]) -> list[Span]:
    """“다만, …” belongs to the sentence before it: without it a rule would be said too widely."""
    at = next((n for n, s in enumerate(lines) if s.text == best.text), len(lines))
    after = lines[at + 1 : at + 2]
    return [s for s in after if s.line == best.line and s.is_exception]


def _list_of(best: Span, lines: Sequence[Span]) -> list[Span]:
    lead = best.text if any(s.lead.endswith(best.text) for s in lines) else best.lead
    return [s for s in lines if lead and s.lead.endswith(lead)]


def _where(passage: Passage) -> str:
    """“「이용 규정」 제7조(대출 기간)”: the document and the nearest heading."""
    title, *rest = passage.titles or ("",)
    return f"「{title}」" + (f" {rest[-1]}" if rest else "")


def _source(passage: Passage) -> str:
    page = f", p. {passage.page}" if passage.page else ""
    return f"{passage.id}{page}"
