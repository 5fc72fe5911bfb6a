"""Cited sentences read by a model: its answer with its reasoning, each checked, or neither.

The model is shown the sentences that came nearest, fenced as a document (context_prompt.py), and
says on what its answer rests and what it is. Where it says that the document has no answer, that is
the answer; where a word of it fails the check, the template quotes instead. However much it is
shown, what it says has to stand in the likeliest sentences: others may be there to lead it astray.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from giljabi.answer.cited import CitedChecker
from giljabi.answer.context_prompt import asking, told
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.generator import Generator
from giljabi.answer.text_claims import squeezed
from giljabi.errors import GiljabiError

_TOKENS = 220
_NO_ANSWER = re.compile(
    r"모르겠|없습니다\.?$|알 수 없|\bdo(?:es)? not\b.*\b(?:know|hold|say)|\bI don't know", re.I
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a model made of the shown sentences: `facts` are those its answer rests on.

    `refused` where it found no answer in them. `problem` says why its words are not used.
    """

    facts: Facts
    answer: str = ""
    reasoning: str = ""
    refused: bool = False
    problem: str = ""


class Reader:
    """Reads with one generator, which has `learnt` to (recipes/reader.toml) or is told the form."""

    def __init__(self, generator: Generator, *, learnt: bool = True) -> None:
        self._generator = generator
        self._learnt = learnt

    def read(
        self, facts: Facts, ready: Sequence[str], cancel: Callable[[], bool] | None = None
    ) -> Reading:
        """What the model says of `facts.shown`. `ready` are the template's sentences, which pass."""
        lang = facts.query.lang
        question = " ".join(facts.query.text.split())
        prompt = asking(excerpt(facts), question, lang, learnt=self._learnt)
        try:
            pieces = self._generator.stream(
                [{"role": "user", "content": prompt}],
                max_tokens=_TOKENS, temperature=0.0, cancel=cancel,
            )  # fmt: skip
            text = "".join(pieces).strip()
        except GiljabiError as error:  # a dead backend costs the model's words, never the answer
            return Reading(facts, problem=str(error))
        reasoning, answer = told(text, lang)
        if not answer:
            return Reading(facts, problem="no answer in the form asked for")
        quoted = tuple(f for f in facts.basis if squeezed(str(f.value)) in squeezed(reasoning))
        if _NO_ANSWER.search(answer) and not quoted:  # “… 대출할 수 없습니다.” quotes its rule
            return Reading(facts, refused=True)
        # The sentence it quotes is the one its answer has to stand in.
        return self._checked(replace(facts, items=quoted or facts.basis), answer, reasoning, ready)

    def _checked(self, over: Facts, answer: str, reasoning: str, ready: Sequence[str]) -> Reading:
        checker = CitedChecker(over, ready)
        verdict = checker.check(answer)
        if not verdict.ok:
            wrong = next((c for c in verdict.claims if c.problem), None)
            return Reading(over, answer, problem=wrong.problem if wrong else "nothing is claimed")
        rests = tuple(f for f in over.items if f.id in verdict.facts)
        found = replace(over, outcome="found", missing="", items=rests)
        return Reading(found, answer, reasoning if checker.check(reasoning).ok else "")


def excerpt(facts: Facts) -> str:
    """The shown sentences as one document: passages in the order shown, each under its headings."""
    held: dict[str, list[Fact]] = {}
    for f in facts.shown:
        held.setdefault(f.subject, []).append(f)
    passages = {p.id: p for p in facts.passages}
    parts = []
    for ident, found in held.items():
        passage = passages[ident]
        lines = sorted(found, key=lambda f: passage.text.find(str(f.value)))
        head = " › ".join(passage.titles[1:] or passage.titles)
        parts.append("\n".join([f"[{head}]", *(str(f.value) for f in lines)]))
    return "\n\n".join(parts)
