"""The path itself: question -> places -> facts -> draft -> verdict -> answer.

Owns no model and no server: it is handed a Generator, or none, and then the template answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from giljabi.answer.facts import Fact, Facts, Outcome
from giljabi.answer.gather import Gatherer
from giljabi.answer.generator import Generator
from giljabi.answer.memory import Turn
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.query import LangChoice, Query
from giljabi.answer.understand import Understanding
from giljabi.answer.verify import Checker, Verdict
from giljabi.answer.words import language
from giljabi.answer.write import Draft, Writer, is_for_model
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
    are estimates, `stops` are the places it passes; `timings` are milliseconds.
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

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; the text is under "answer"."""
        out = asdict(self)
        return {"answer": out.pop("text"), **out}


class Guide:
    """Answers questions about one venue. Safe to call from several threads.

    `model_wait_s` bounds how long an answer waits for the one model slot before the template
    takes over; None waits as long as it takes.
    """

    def __init__(
        self, venue: Venue, generator: Generator | None = None, *,
        model_wait_s: float | None = None, origin: str | None = None,
    ) -> None:  # fmt: skip
        self.venue = venue
        self.generator = generator
        self._names = Names(venue)
        self._gatherer = Gatherer(venue, Graph(venue))
        self._understanding = Understanding(venue, self._names, self._gatherer.referent)
        self._phrasebook = Phrasebook(venue)
        self._checker = Checker(venue, self._names, self._phrasebook)
        self._slot = threading.Lock()
        self._queue = threading.Lock()
        self._wait = model_wait_s
        self._origin = self.find_place(origin) if origin else None

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
        return self._gatherer.gather(query)

    def check(self, text: str, facts: Facts) -> Verdict:
        """The verdict on any text about `facts`, whoever wrote it."""
        return self._checker.check(text, facts)

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
        for sentence in self._sentences(facts, draft, timings, cancel, with_model=with_model):
            if not parts:
                timings["first_sentence"] = (time.perf_counter() - began) * 1e3
            piece = sentence if not parts else f" {sentence}"
            parts.append(piece)
            yield piece
        written = time.perf_counter()
        text = "".join(parts)
        verdict = self._checker.check(text, facts)
        timings |= {
            "write": (written - start) * 1e3,
            "check": (time.perf_counter() - written) * 1e3,
            "total": (time.perf_counter() - began) * 1e3,
        }
        yield Answer(
            text=text, lang=facts.query.lang, outcome=facts.outcome, slot=facts.query.slot,
            written_by=_written_by(facts, draft), places=facts.places, facts=facts.items,
            verdict=verdict, line=facts.line or None, guessed=facts.guessed, stops=facts.stops,
            minutes=_minutes(facts), timings=timings, dropped=tuple(draft.dropped),
        )  # fmt: skip

    def _sentences(
        self, facts: Facts, draft: Draft, timings: dict[str, float], cancel: Cancel | None,
        *, with_model: bool,
    ) -> Iterator[str]:  # fmt: skip
        if with_model and self.generator is not None and is_for_model(facts):
            asked = time.perf_counter()
            taken = self._take_slot(cancel)
            timings["wait"] = (time.perf_counter() - asked) * 1e3
            if taken:
                try:
                    writer = Writer(self.generator, self._checker, self._phrasebook)
                    yield from writer.write(facts, draft, cancel)
                finally:
                    self._slot.release()
                return
            draft.dropped.append(("", MODEL_BUSY))
        for said in self._phrasebook.answer(facts):
            draft.by_template += 1
            yield said.text

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
