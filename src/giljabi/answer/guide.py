"""The path itself: question -> places -> facts -> draft -> verdict -> answer.

Owns no model and no server: it is handed a Generator, or none, and then the template answers.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from giljabi.answer.asked_words import leans
from giljabi.answer.cited import CitedChecker
from giljabi.answer.cites import Documents
from giljabi.answer.facts import Fact, Facts, Outcome
from giljabi.answer.gather import Gatherer
from giljabi.answer.generator import Generator
from giljabi.answer.memory import Turn
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.query import LangChoice, Query
from giljabi.answer.reader import Reader, Reading
from giljabi.answer.understand import Understanding
from giljabi.answer.verify import Checker, Verdict
from giljabi.answer.words import language
from giljabi.answer.write import Draft, Writer, is_for_model
from giljabi.documents.passage import Passage
from giljabi.errors import GiljabiError
from giljabi.venue.graph import Graph
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Venue

MODEL_BUSY = "the model was busy"
"""Why nothing was drafted, where somebody else had the model: no fault of a sentence."""
_LOOK_UP_S = 0.2  # how often one who waits for the model looks whether the visitor is still there
WrittenBy = Literal["model", "template", "mixed", "refusal"]
Cancel = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the visitor gets, and everything it rests on.

    `line` is the route as (lon, lat) pairs in WGS84 degrees, `guessed` says which stretches of it
    are estimates, `stops` are the places it passes; `timings` are milliseconds. Of an answer from
    documents, `passages` are those it cites and `reasoning` says what it rests on.
    """

    text: str
    lang: Lang
    outcome: Outcome
    written_by: WrittenBy
    slot: str
    places: tuple[str, ...]
    facts: tuple[Fact, ...]
    verdict: Verdict
    line: tuple[tuple[float, float], ...] | None = None
    guessed: tuple[bool, ...] = ()
    stops: tuple[str, ...] = ()
    minutes: float | None = None
    timings: dict[str, float] = field(default_factory=dict)
    dropped: tuple[tuple[str, str], ...] = ()
    reasoning: str = ""
    passages: tuple[Passage, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the text is under "answer"."""
        out = asdict(self)
        return {"answer": out.pop("text"), **out}


class Guide:
    """Answers questions about one venue. Safe to call from several threads.

    `model_wait_s` bounds how long an answer waits for the one model slot before the template
    takes over; None waits as long as it takes. `documents` are asked where the places have no
    answer; `reader` words what they say, without one they are quoted.
    """

    def __init__(
        self, venue: Venue, generator: Generator | None = None, *,
        model_wait_s: float | None = None, origin: str | None = None,
        documents: Documents | None = None, reader: Reader | None = None,
    ) -> None:  # fmt: skip
        self.venue = venue
        self.generator = generator
        self._names = Names(venue)
        self._gatherer = Gatherer(venue, Graph(venue))
        self._understanding = Understanding(venue, self._names, self._gatherer.referent)
        self._phrasebook = Phrasebook(venue)
        self._checker = Checker(venue, self._names, self._phrasebook)
        self._documents = documents
        held = documents.library.hash if documents else ""
        self._knows = hashlib.sha256(f"{venue.hash} {held}".encode()).hexdigest()
        self._reader = reader
        self._slot = threading.Lock()
        self._queue = threading.Lock()
        self._wait = model_wait_s
        self._origin = self.find_place(origin) if origin else None

    @property
    def knows(self) -> str:
        """The hash of all it answers from: the venue and, as they were at first, its documents."""
        return self._knows

    @property
    def here(self) -> str:
        """The place where this guide stands: its own, or else the venue's origin."""
        return self._origin or self.venue.origin

    def find_place(self, name: str) -> str:
        """The id of the place called `name`; GiljabiError when there is none or several."""
        found = [m for m in self._names.find(name) if m.how in ("exact", "code", "near")]
        if len(found) != 1 or not found[0].places:
            raise GiljabiError(
                f"{name!r} is not one place of {self.venue.name.en or self.venue.name.ko}; "
                "give a name or a building number."
            )
        return found[0].places[0]

    def answer(
        self, question: str, history: Sequence[Turn] = (), *, lang: LangChoice = "auto",
        origin: str | None = None, cancel: Cancel | None = None,
    ) -> Answer:  # fmt: skip
        """One checked answer to `question` in the light of `history` (oldest turn first)."""
        return _last(self.stream(question, history, lang=lang, origin=origin, cancel=cancel))

    def stream(
        self, question: str, history: Sequence[Turn] = (), *, lang: LangChoice = "auto",
        origin: str | None = None, cancel: Cancel | None = None,
    ) -> Iterator[str | Answer]:  # fmt: skip
        """Checked sentences as they are ready, then the Answer; joined they are its text."""
        began = time.perf_counter()
        facts = self.facts(question, history, lang=lang, origin=origin)
        understood = time.perf_counter()
        yield from self._say(facts, {"understand": (understood - began) * 1e3}, began, cancel)

    def facts(
        self, question: str, history: Sequence[Turn] = (), *, lang: LangChoice = "auto",
        origin: str | None = None,
    ) -> Facts:  # fmt: skip
        """What may be said to `question` in the light of `history`: what `answer` rests on."""
        turns = (*(t.question for t in history), question)
        query = self._understanding.read(turns, lang)
        query = self._from_here(query, self.find_place(origin) if origin else self._origin)
        facts = self._gatherer.gather(query)
        if self._documents is None or not _may_be_written(facts):
            return facts
        answered = facts.outcome == "found" and not facts.missing
        written = self._documents.facts(query, instead=answered)
        if history and leans(question) and (written is None or written.outcome != "found"):
            with_last = replace(query, text=f"{question} {history[-1].question}")
            written = self._documents.facts(with_last, instead=True) or written
        # Beside a place, what is known of it says more than a passage that only comes near.
        if written is None or (written.outcome != "found" and (query.goals or facts.items)):
            return facts
        return replace(written, query=replace(query, slot="document"))

    def check(self, text: str, facts: Facts) -> Verdict:
        """The verdict on any text about `facts`, whoever wrote it."""
        if not facts.of("cites"):
            return self._checker.check(text, facts)
        ready = [s.text for s in self._phrasebook.answer(facts)]
        return CitedChecker(facts, [*ready, self._phrasebook.reasoning(facts)]).check(text)

    def read(self, question: str) -> Answer:
        """One answer from the documents alone, whatever the places would say."""
        began = time.perf_counter()
        query = replace(self._understanding.read((question,), "auto"), slot="document")
        facts = self._documents.facts(query) if self._documents else None
        facts = facts or Facts(query, "not_in_data", missing="document")
        return _last(self._say(facts, {}, began, None))

    def route(
        self, a: str, b: str, *, step_free: bool = False, lang: LangChoice = "auto"
    ) -> Answer:
        """The way from `a` to `b`; refused as an answer, not by an error.

        Both are place ids, or names as people say them.
        """
        if lang == "auto":
            lang = language(f"{a} {b}", self.venue.languages)
        began = time.perf_counter()
        flags = frozenset({"step_free"} if step_free else ())
        query = Query(f"{a} → {b}", lang, "route", flags=flags)
        ends = []
        for name in (a, b):
            if self.venue.has(name):
                ends.append(name)
                continue
            found = self._names.find(name)
            if len(found) == 1 and found[0].how in ("exact", "code", "near"):
                ends.append(found[0].places[0])
            elif len(found) == 1 and found[0].places:
                query = Query(query.text, lang, "route", options=found[0].places)
            else:
                query = Query(query.text, lang, "route", unknown=(name,))
        if len(ends) == 2:
            query = Query(query.text, lang, "route", goals=(ends[1],), origin=ends[0], flags=flags)
        facts = self._gatherer.gather(query)
        return _last(self._say(facts, {}, began, None, with_model=False))

    def _from_here(self, query: Query, origin: str | None) -> Query:
        """A kiosk stands somewhere: what starts nowhere else starts there."""
        if origin is None or query.origin is not None or origin in query.goals:
            return query
        if query.slot in ("route", "minutes", "distance", "closer"):
            return replace(query, origin=origin)
        return query

    def _say(
        self, facts: Facts, timings: dict[str, float], began: float, cancel: Cancel | None,
        *, with_model: bool = True,
    ) -> Iterator[str | Answer]:  # fmt: skip
        draft = Draft()
        parts: list[str] = []
        start = time.perf_counter()
        reading = self._read(facts, draft, timings, cancel) if with_model else None
        facts = reading.facts if reading else facts
        for sentence in self._sentences(
            facts, reading, draft, timings, cancel, with_model=with_model
        ):
            if not parts:
                timings["first_sentence"] = (time.perf_counter() - began) * 1e3
            piece = sentence if not parts else f" {sentence}"
            parts.append(piece)
            yield piece
        written = time.perf_counter()
        text = "".join(parts)
        verdict = self.check(reading.answer if reading and reading.answer else text, facts)
        timings |= {
            "write": (written - start) * 1e3,
            "check": (time.perf_counter() - written) * 1e3,
            "total": (time.perf_counter() - began) * 1e3,
        }
        why = reading.reasoning if reading and reading.answer else ""
        yield Answer(
            text=text, lang=facts.query.lang, outcome=facts.outcome, slot=facts.query.slot,
            written_by=_written_by(facts, draft), places=facts.places, facts=facts.items,
            verdict=verdict, line=facts.line or None, guessed=facts.guessed, stops=facts.stops,
            minutes=_minutes(facts), timings=timings, dropped=tuple(draft.dropped),
            reasoning=why or self._phrasebook.reasoning(facts), passages=_cited(facts),
        )  # fmt: skip

    def _read(
        self, facts: Facts, draft: Draft, timings: dict[str, float], cancel: Cancel | None
    ) -> Reading | None:
        """What the model makes of the documents' sentences; None where it is not asked."""
        # What is refused stays refused: a small reader finds an answer in anything (docs/documents.md).
        if self._reader is None or facts.outcome != "found" or not facts.of("cites"):
            return None
        if "untrusted" in facts.query.flags:
            return None
        if not self._has_slot(draft, timings, cancel):
            return None
        try:
            ready = [s.text for s in self._phrasebook.answer(facts)]
            reading = self._reader.read(facts, ready, cancel)
        finally:
            self._slot.release()
        draft.attempts += 1
        if reading.problem:
            draft.dropped.append((reading.answer, reading.problem))
            return None
        draft.by_model += not reading.refused
        if reading.refused:
            refused = replace(
                facts, outcome="not_in_data", missing="document", items=facts.items[:1]
            )
            return replace(reading, facts=refused)
        return reading

    def _sentences(
        self, facts: Facts, reading: Reading | None, draft: Draft, timings: dict[str, float],
        cancel: Cancel | None, *, with_model: bool,
    ) -> Iterator[str]:  # fmt: skip
        if reading is not None and reading.answer:
            yield self._phrasebook.say(
                facts.query.lang, "cites_from", t=reading.answer, w=facts.items[0].unit
            )
            return
        if (
            with_model
            and self.generator is not None
            and is_for_model(facts)
            and self._has_slot(draft, timings, cancel)
        ):
            try:
                writer = Writer(self.generator, self._checker, self._phrasebook)
                yield from writer.write(facts, draft, cancel)
            finally:
                self._slot.release()
            return
        for said in self._phrasebook.answer(facts):
            draft.by_template += 1
            yield said.text

    def _has_slot(self, draft: Draft, timings: dict[str, float], cancel: Cancel | None) -> bool:
        """Whether the model is this answer's now; it has to be released then."""
        asked = time.perf_counter()
        taken = self._take_slot(cancel)
        timings["wait"] = (time.perf_counter() - asked) * 1e3
        if not taken:
            draft.dropped.append(("", MODEL_BUSY))
        return taken

    def _take_slot(self, cancel: Cancel | None) -> bool:
        """Wait for the one model slot: no longer than allowed, nor for a visitor who left.

        Where waiting is bounded one may wait; for whoever comes then the template is quicker.
        """
        if self._slot.acquire(blocking=False):
            return True
        if self._wait is None:
            return self._wait_for_slot(None, cancel)
        if not self._queue.acquire(blocking=False):
            return False
        try:
            return self._wait_for_slot(time.monotonic() + self._wait, cancel)
        finally:
            self._queue.release()

    def _wait_for_slot(self, until: float | None, cancel: Cancel | None) -> bool:
        while not (cancel and cancel()):
            left = _LOOK_UP_S if until is None else min(_LOOK_UP_S, until - time.monotonic())
            if self._slot.acquire(timeout=max(0.0, left)):
                return True
            if until is not None and time.monotonic() >= until:
                return False
        return False


def _last(parts: Iterator[str | Answer]) -> Answer:
    """The Answer a stream ends with."""
    answers = [p for p in parts if isinstance(p, Answer)]
    return answers[-1]


_ELSEWHERE: frozenset[Outcome] = frozenset({"not_in_data", "no_such_place", "outside"})


def _may_be_written(facts: Facts) -> bool:
    """Whether the venue's documents may know better: the places have no answer, or only a place
    that matches a word of a question which names none."""
    if facts.query.slot in ("injection", "greeting", "route"):
        return False
    if facts.outcome in _ELSEWHERE or (facts.outcome == "ambiguous" and not facts.places):
        return True
    return facts.outcome == "found" and facts.query.slot == "search" and not facts.query.goals


def _cited(facts: Facts) -> tuple[Passage, ...]:
    """The passages that the facts stand in, in their order."""
    held = {p.id: p for p in facts.passages}
    return tuple(held[i] for i in dict.fromkeys(f.subject for f in facts.of("cites")))


def _written_by(facts: Facts, draft: Draft) -> WrittenBy:
    if facts.outcome != "found":
        return "refusal"
    if draft.by_model and draft.by_template:
        return "mixed"
    return "model" if draft.by_model else "template"


def _minutes(facts: Facts) -> float | None:
    goals = facts.query.goals[-1:]
    found = [f for f in facts.of("minutes") if f.unit == "min" and f.subject in goals]
    return float(found[0].value) if found else None
