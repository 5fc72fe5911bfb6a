"""(text, cited sentences) -> Verdict: what an answer from documents may say.

A sentence passes where it is the template's, or where every number, date, quotation, Latin name
and content word of it stands in the cited sentences (a word may also come from the question), its
negation is theirs, and no number is moved to another condition than the one it stands with.
What it cannot see: a true sentence that leaves out a condition, or that is beside the point.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from giljabi import korean
from giljabi.answer import loops
from giljabi.answer.claims import sentences
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.text_claims import (
    Claims,
    Number,
    content_words,
    dates,
    latin_names,
    numbers,
    quotations,
    squeezed,
)
from giljabi.answer.verify import Claim, Verdict
from giljabi.answer.vocabulary import unknown_words
from giljabi.venue.place import Lang

_NEGATED = re.compile(
    r"없[가-힣]|않|아니[가-힣]|못\s?[하한할해됩되됨]|못[하한할해함]|불가|금지|제외|거부|거절|\bnot\b|n't\b|\bno\b|\bnever\b|\bcannot\b|"
    r"\bexcept|\bprohibit",
    re.I,
)
_CLAUSE = re.compile(
    r"[,;:·/()\n]|(?<=[고며나])\s|(?<=지만)\s|(?<=는데)\s|\b(?:and|but|while|whereas)\b"
)
_OPENING_YES = re.compile(r"^(?:네|예|응|아니요|아니오|아뇨|yes|no)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Cited:
    """One cited sentence, looked things up in, and its clauses apart."""

    fact: Fact
    claims: Claims
    clauses: tuple[Claims, ...]
    negated: bool


class CitedChecker:
    """Checks what is said against the cited sentences of `facts`; `ready` are template sentences."""

    def __init__(self, facts: Facts, ready: Sequence[str]) -> None:
        self._lang: Lang = facts.query.lang
        self._ready = {squeezed(part) for text in ready for part in (text, *sentences(text))}
        self._cited = [_cited(f) for f in facts.of("cites")]
        every = "\n".join(f"{f.unit}\n{f.value}" for f in facts.of("cites"))
        self._all = Claims(every)
        self._asked = Claims(f"{facts.query.text}\n{every}")
        self._known = frozenset(w for text in (every, facts.query.text) for w in _words(text))

    def check(self, text: str) -> Verdict:
        """The verdict on a whole answer or reasoning."""
        if squeezed(text) in self._ready:
            return Verdict(True, tuple(Claim(text, c.fact.id) for c in self._cited))
        parts = [s for s in sentences(text) if squeezed(s)]
        claims = [c for s in parts for c in self.sentence(s)]
        if loops.find(text) is not None:
            claims.append(Claim(text[-40:], problem="the text repeats itself or does not end"))
        return Verdict(bool(claims) and not any(c.problem for c in claims), tuple(claims))

    def sentence(self, sentence: str) -> list[Claim]:
        """The claims of one sentence, faults first; one names the cited sentence it rests on."""
        if squeezed(sentence) in self._ready:
            return [Claim(sentence, c.fact.id) for c in self._cited]
        problems = [*self._of_form(sentence), *self._of_words(sentence)]
        if problems:
            return problems
        rests_on = self._rests_on(sentence)
        if rests_on is None:
            return [Claim(sentence, problem="no cited sentence says this")]
        if bool(_NEGATED.search(sentence)) != rests_on.negated:
            return [Claim(sentence, problem="says no where the cited text says yes, or yes for no")]
        if moved := _moved(sentence, rests_on):
            return [Claim(moved.text, problem="a number of another condition")]
        return [Claim(sentence, rests_on.fact.id)]

    def _of_form(self, sentence: str) -> list[Claim]:
        if any(c not in "".join(str(x.fact.value) for x in self._cited)
               for c in korean.foreign_script(sentence)):  # fmt: skip
            return [Claim(sentence, problem="a script that the cited text does not have")]
        if self._lang == "ko" and not korean.has_hangul(sentence):
            return [Claim(sentence, problem="not Korean")]
        if _OPENING_YES.match(sentence):
            return [Claim(sentence[:3], problem="answers yes or no, which needs a reader")]
        return []

    def _of_words(self, sentence: str) -> list[Claim]:
        out = [
            Claim(n.text, problem="a number that the cited text does not have")
            for n in numbers(sentence)
            if not self._all.states(n)
        ]
        out += [
            Claim(d.text, problem="a date that the cited text does not have")
            for d in dates(sentence)
            if not self._all.has_date(d)
        ]
        out += [
            Claim(q, problem="a quotation that does not stand in the cited text")
            for q in quotations(sentence)
            if not self._all.has_quotation(q)
        ]
        out += [
            Claim(n, problem="a name that the cited text does not have")
            for n in latin_names(sentence)
            if not self._asked.has_name(n)
        ]
        out += [
            Claim(w, problem="a word that neither the cited text nor plain wording accounts for")
            for w in unknown_words(sentence, self._known)
            if self._asked.share([korean.strip_particle(w)]) < 1
        ]
        return out

    def _rests_on(self, sentence: str) -> _Cited | None:
        """The cited sentence that has every number of this one, and the most of its words."""
        stated = numbers(sentence)
        words = content_words(sentence)
        fits = [c for c in self._cited if all(c.claims.states(n) for n in stated)]
        shares = [(c.claims.share(words), -i, c) for i, c in enumerate(fits)]
        best = max(shares, key=lambda s: s[:2], default=None)
        return best[2] if best is not None and best[0] >= 0.5 else None


def _cited(fact: Fact) -> _Cited:
    text = str(fact.value)
    clauses = tuple(Claims(part) for part in _CLAUSE.split(text) if squeezed(part or ""))
    return _Cited(fact, Claims(text), clauses, bool(_NEGATED.search(text)))


def _words(text: str) -> set[str]:
    out: set[str] = set()
    for word in re.findall(r"[가-힣]+|[A-Za-z][A-Za-z'-]*", text):
        out |= {word.lower(), korean.strip_particle(word).lower()}
    return out


def _moved(sentence: str, cited: _Cited) -> Number | None:
    """A number said with a word that stands only beside another number of its unit."""
    words = content_words(sentence)
    for n in numbers(sentence):
        own = [c for c in cited.clauses if c.states(n)]
        others = [
            c for c in cited.clauses
            if c not in own and any(m.unit == n.unit and m.value != n.value for m in c.numbers)
        ]  # fmt: skip
        if any(
            any(c.share([w]) == 1 for c in others) and not any(c.share([w]) == 1 for c in own)
            for w in words
        ):
            return n
    return None
