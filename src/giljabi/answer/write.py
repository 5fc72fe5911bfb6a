"""Facts -> sentences in a model's own words, each checked before it leaves.

At the first sentence that fails the draft ends. The model is asked once more, for what has not been
said yet; what is missing then is said by the template. Which examples an untuned model is shown
lives in fewshot.toml.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi.answer import loops
from giljabi.answer.claims import sentences
from giljabi.answer.facts import FactKind, Facts
from giljabi.answer.generator import Generator, Message
from giljabi.answer.phrase import Phrasebook, Said
from giljabi.answer.verify import Checker
from giljabi.errors import GiljabiError
from giljabi.venue.place import Lang

Cancel = Callable[[], bool]

# Said by the template alone: yes and no, lists, and values that need an explanation beside them.
_TEMPLATE_ONLY: frozenset[FactKind] = frozenset({"check", "member", "count", "bearing", "cites"})
_ATTEMPTS = 2
_OTHERWISE = 0.7  # temperature of a second draft that would else be the first again
_POLITE = re.compile(r"(?:요|니다|니까|시오|죠)[.!?]$")
_LIST_MARK = re.compile(r"^\d{1,2}\.\s+")


@dataclass
class Draft:
    """How a text came about: sentences that state facts by who wrote them, what was dropped and why."""

    by_model: int = 0
    by_template: int = 0
    attempts: int = 0
    dropped: list[tuple[str, str]] = field(default_factory=list)


@lru_cache(maxsize=1)
def _fewshot() -> dict[str, Any]:
    return tomllib.loads((files("giljabi.answer") / "fewshot.toml").read_text("utf-8"))


def is_for_model(facts: Facts) -> bool:
    """Whether these facts are put into a model's words at all."""
    if facts.outcome != "found" or "tie" in facts.notes or "untrusted" in facts.query.flags:
        return False
    explained = any(f.unit in ("note", "recorded") for f in facts.items)
    return not explained and not any(f.kind in _TEMPLATE_ONLY for f in facts.items)


def messages(facts: Facts, notes: Sequence[str], *, tuned: bool = False) -> list[Message]:
    """The prompt: the instruction, examples of the same kind of fact, then facts and question.

    A `tuned` model has learnt the task and is shown no examples. What does not change between
    questions comes first, so that the runtime's prefix cache holds.
    """
    lang: Lang = facts.query.lang
    table = _fewshot()[lang]
    joiner = _fewshot()["joiner"]
    out: list[Message] = [{"role": "system", "content": table["intro"]}]
    for e in () if tuned else table[_examples(facts, table)]["examples"]:
        user = table["user"].format(question=e["question"], facts=joiner.join(e["facts"]))
        out += [{"role": "user", "content": user}, {"role": "assistant", "content": e["answer"]}]
    question = " ".join(facts.query.text.split())
    asked = table["user"].format(question=question, facts=joiner.join(notes) or table["nothing"])
    return [*out, {"role": "user", "content": asked}]


def _examples(facts: Facts, table: dict[str, Any]) -> str:
    groups = Counter(
        name
        for kind in {f.kind for f in facts.items}
        for name, group in table.items()
        if isinstance(group, dict) and kind in group["fits"]
    )
    if "route" in groups or "compare" in groups:
        return "route" if "route" in groups else "compare"
    return next(iter(groups)) if len(groups) == 1 else "about"


class Writer:
    """Writes checked sentences for facts with one generator."""

    def __init__(self, generator: Generator, checker: Checker, phrasebook: Phrasebook) -> None:
        self._generator, self._checker, self._book = generator, checker, phrasebook

    def write(self, facts: Facts, draft: Draft, cancel: Cancel | None = None) -> Iterator[str]:
        """Yield checked sentences that together say every fact; `draft` records the making."""
        covered: set[str] = set()
        for attempt in range(_ATTEMPTS):
            draft.attempts += 1
            try:
                for text, facts_said in self._attempt(facts, attempt, covered, draft, cancel):
                    covered |= facts_said
                    draft.by_model += 1
                    yield text
            except GiljabiError as error:
                # A dead backend costs the model's words, never the answer.
                draft.dropped.append(("", str(error)))
                break
            if not self._book.notes(facts, covered) or (cancel and cancel()):
                break
        for rest in self._rest(facts, covered):
            draft.by_template += bool(rest.facts)
            yield rest.text

    def _attempt(
        self, facts: Facts, attempt: int, covered: set[str], draft: Draft, cancel: Cancel | None
    ) -> Iterator[tuple[str, frozenset[str]]]:
        """(sentence, ids of the facts it states) up to the first that fails."""
        context = self._checker.context(facts)
        for raw in self._sentences(facts, attempt, frozenset(covered), cancel):
            sentence = _LIST_MARK.sub("", raw)
            claims = self._checker.sentence(sentence, context)
            problem = next((c.problem for c in claims if c.problem), "")
            stated = frozenset(c.fact for c in claims if c.fact)
            if not problem and _out_of_turn(facts, covered, stated):
                problem = "a later step of the way before an earlier one"
            if not problem and not sentence.endswith((".", "!", "?")):
                problem = "it was cut off"
            if not problem and context.lang == "ko" and not _POLITE.search(sentence):
                problem = "not a polite form"
            if problem or not stated:
                draft.dropped.append((sentence, problem or "it states no fact"))
                return
            if not stated <= covered:
                yield sentence, stated

    def _sentences(
        self, facts: Facts, attempt: int, said: frozenset[str], cancel: Cancel | None
    ) -> Iterator[str]:
        notes = self._book.notes(facts, said)
        pieces = self._generator.stream(
            messages(facts, notes, tuned=self._generator.tuned),
            stop=("\n",),
            max_tokens=48 + 2 * sum(map(len, notes)),
            temperature=_OTHERWISE if attempt and not said else None,
            seed=_seed(facts.query.text) + attempt,
            cancel=cancel,
        )
        text, watch = "", loops.LoopWatch()
        for piece in pieces:
            text += piece
            if watch.feed(piece) is not None:
                break  # the check will refuse it; there is nothing to wait for
            parts = sentences(text)
            yield from parts[:-1]
            text = text if len(parts) < 2 else parts[-1]
        if text.strip():
            yield text.strip()

    def _rest(self, facts: Facts, covered: set[str]) -> list[Said]:
        """Template sentences for what has not been said; all of them when nothing was."""
        template = self._book.answer(facts)
        steps = [f.id for f in facts.of("step")]
        told = [s in covered for s in steps]
        if told != sorted(told, reverse=True):
            covered = covered - set(steps)  # a way is told from its beginning or not at all
        return [s for s in template if not s.facts or not s.facts <= covered]


def _out_of_turn(facts: Facts, covered: set[str], stated: frozenset[str]) -> bool:
    untold = [f.id for f in facts.of("step") if f.id not in covered]
    return bool(stated.intersection(untold)) and untold[0] not in stated


def _seed(text: str) -> int:
    """The same question gets the same draft."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") & 0x7FFFFFFF
