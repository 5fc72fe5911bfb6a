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
_ENDING = re.compile(r"(?:습니다|니다|습니까|니까|는다|다|며|고|면|지|나|요|는|은)$")
_LIGHT = re.compile(
    r"(?:있|없|하|되|이|아니)\S?(?:습니다|니다|어요|아요|며|고|는|을|은)$|(?:입니다|합니다|됩니다|아닙니다|예요|이에요)$|"
    r"(?:수|것|때|등|및|또는|그리고|경우|동안|따라|따르면|대해|위해|모두|각각|이|그|해당|네|답|질문|문서|오전|오후)(?:[은는이가을를에의도]|에서|에는)?$"
)
_OPENING_YES = re.compile(r"^(?:네|예|응|아니요|아니오|아뇨|yes|no)\b", re.I)


@dataclass(frozen=True, slots=True)
class _Cited:
    """One cited sentence, looked things up in, and its clauses apart."""

    fact: Fact
    claims: Claims
    squeezed: str
    clauses: tuple[tuple[Claims, str], ...]
    """Each with what stands in it before its first number: what that number is of."""
    negated: bool


class CitedChecker:
    """Checks what is said against the cited sentences of `facts`; `ready` are template sentences."""

    def __init__(self, facts: Facts, ready: Sequence[str]) -> None:
        self._lang: Lang = facts.query.lang
        self._said = tuple(ready)
        self._ready = {squeezed(part) for text in ready for part in (text, *sentences(text))}
        self._cited = [_cited(f) for f in facts.of("cites")]
        every = "\n".join(f"{f.unit}\n{f.value}" for f in facts.of("cites"))
        self._all = Claims(every)
        self._asked = Claims(f"{facts.query.text}\n{every}")
        words = _korean_words(f"{every}\n{facts.query.text}")
        self._known = {f for w in words for f in _forms(w)}
        self._english = frozenset(
            re.findall(r"[a-z][a-z'-]+", f"{every} {facts.query.text}".lower())
        )
        self._begun = {w[:2] for w in words if len(w) > 2}

    def check(self, text: str) -> Verdict:
        """The verdict on a whole answer or reasoning."""
        if squeezed(text) in self._ready:
            return Verdict(True, tuple(Claim(text, c.fact.id) for c in self._cited))
        rest = text
        claims: list[Claim] = []
        # First of all: where one ends cannot be told from a quotation without a full stop.
        for said in self._said:
            if said in rest:
                rest = rest.replace(said, "\n", 1)
                claims += self.sentence(said)
        parts = [s for s in sentences(rest) if squeezed(s)]
        claims += [c for s in parts for c in self.sentence(s)]
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
            Claim(w, problem="a word that the cited text does not account for")
            for w in _korean_words(sentence)
            if not (_LIGHT.match(w) or w[:2] in self._begun or self._known & _forms(w))
        ]
        if self._lang == "en":
            out += [
                Claim(w, problem="a word that the cited text does not account for")
                for w in unknown_words(sentence, self._english)
                if not korean.has_hangul(w)
            ]
        return out

    def _rests_on(self, sentence: str) -> _Cited | None:
        """The cited sentence that has every number of this one, and the most of its words."""
        stated = numbers(sentence)
        words = [w for w in _korean_words(sentence) if not _LIGHT.match(w)] or content_words(
            sentence
        )
        fits = [c for c in self._cited if all(c.claims.states(n) for n in stated)]
        shares = [(_share(words, c.squeezed), -i, c) for i, c in enumerate(fits)]
        best = max(shares, key=lambda s: s[:2], default=None)
        return best[2] if best is not None and best[0] >= 0.5 else None


def _cited(fact: Fact) -> _Cited:
    text = str(fact.value)
    parts = [part for part in _CLAUSE.split(text) if squeezed(part or "")]
    clauses = tuple((Claims(p), squeezed(re.split(r"\d", p, maxsplit=1)[0])) for p in parts)
    return _Cited(fact, Claims(text), squeezed(text), clauses, bool(_NEGATED.search(text)))


def _share(words: Sequence[str], text: str) -> float:
    """The share of `words` that stand in `text` (squeezed), whatever their endings; 1 of none."""
    if not words:
        return 1.0
    return sum(w[:2] in text or any(f in text for f in _forms(w)) for w in words) / len(words)


def _korean_words(text: str) -> list[str]:
    """Runs of Hangul; what hangs on a number is its unit, which the numbers account for."""
    return re.findall(r"(?<![\d가-힣])[가-힣]+", text)


def _forms(word: str) -> set[str]:
    """A word whole, without its particle, and as a verb without its ending: 한다, 합니다 -> 하."""
    bare = korean.strip_particle(word)
    out = {word, bare}
    if stem := _ENDING.sub("", word):
        out.add(stem if stem != word else bare)
        if (ending := _ENDING.search(word)) and stem == word[: ending.start()]:
            out.add(_open(stem))
    return {f for f in out if f}


def _open(stem: str) -> str:
    """A stem whose last syllable is cut of the ㄴ, ㄹ or ㅂ of its ending: 연 and 엽 -> 여."""
    code = ord(stem[-1]) - 0xAC00
    if 0 <= code < 11172 and code % 28 in (4, 8, 17, 20):
        return stem[:-1] + chr(0xAC00 + code - code % 28)
    return stem


def _moved(sentence: str, cited: _Cited) -> Number | None:
    """A number said with a word that stands only before another number of its unit."""
    words = [w for w in map(korean.strip_particle, _korean_words(sentence)) if len(w) >= 2]
    for n in numbers(sentence):
        own = [c for c, _ in cited.clauses if c.states(n)]
        others = [
            head for c, head in cited.clauses
            if c not in own and any(m.unit == n.unit and m.value != n.value for m in c.numbers)
        ]  # fmt: skip
        for w in words:
            if any(w in head for head in others) and not any(c.share([w]) == 1 for c in own):
                return n
    return None
