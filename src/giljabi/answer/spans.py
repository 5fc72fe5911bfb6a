"""Passages as their sentences, list items and table rows: what is found, cited and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache

from giljabi.answer import orders
from giljabi.answer.text_claims import Claims, squeezed
from giljabi.documents.passage import Passage

ENCODER = "e5"
"""What the weights of evidence were learnt with, and so what makes vectors of spans."""
_EXCEPTION = re.compile(r"다만|단,|그러나")
_LEADS = re.compile(
    r"(?:[:：]|다음 각 ?호\S*|다음과 같\S*|아래와 같\S*|다음의? \S+[을를이가].{0,20})\s*\.?$"
)


@dataclass(frozen=True)  # no slots: what is read out of a span is kept with it
class Span:
    """One sentence, item or row of a passage: the `line` it is in, and what leads into it."""

    passage: Passage
    text: str
    line: int
    lead: str = ""

    @property
    def texts(self) -> tuple[str, str]:
        """It alone, and as a reader meets it: what vectors are made of."""
        return self.text, f"{' '.join(self.passage.titles[1:])} {self.lead} {self.text}"

    @cached_property
    def own(self) -> str:
        """Its text, squeezed."""
        return squeezed(self.text)

    @cached_property
    def near(self) -> str:
        """Its text, its headings and what leads into it, squeezed."""
        return self.own + "|" + squeezed(" ".join((*self.passage.titles, self.lead)))

    @cached_property
    def whole(self) -> str:
        """`near` and the whole passage, squeezed."""
        return self.near + "|" + squeezed(self.passage.text)

    @cached_property
    def claims(self) -> Claims:
        """Its numbers, dates and names."""
        return Claims(self.text)

    @property
    def is_row(self) -> bool:
        """Whether it was the row of a table."""
        return orders.is_row(self.text)

    @property
    def is_exception(self) -> bool:
        """Whether it takes back some of the sentence before it."""
        return bool(_EXCEPTION.match(self.text))


@lru_cache(maxsize=2_000)
def spans(passage: Passage) -> tuple[Span, ...]:
    """The spans of `passage` in order, without those that give orders."""
    passage = orders.without_orders(passage)
    out: list[Span] = []
    lead = ""
    for number, line in enumerate(passage.text.split("\n")):
        parts = (part.strip(f"{orders.LEFT_OUT} ") for part in orders.parts_of(line))
        out += [Span(passage, part, number, lead) for part in parts if part]
        if _LEADS.search(line):
            lead = line
    return tuple(out)


def texts(passage: Passage) -> list[str]:
    """Every text of which the spans of `passage` need a vector."""
    return [t for s in spans(passage) for t in s.texts]
