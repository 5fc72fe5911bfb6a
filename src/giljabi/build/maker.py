"""Facts -> Examples for one place in one language: asked, read, gathered, told and checked.

Every example goes the way a visitor's question goes: the guide's own reading links the question to
its places, its own gathering finds the facts, and its own checker passes the answer. What is read
otherwise than it was meant is left out and counted with its reason.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

from giljabi.answer.facts import Fact, FactKind, Facts
from giljabi.answer.gather import Gatherer
from giljabi.answer.generator import Message
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.query import Query
from giljabi.answer.understand import Understanding
from giljabi.answer.verify import Checker
from giljabi.answer.words import articled
from giljabi.answer.write import is_for_model, messages
from giljabi.build import asking
from giljabi.build.asking import Callings, Family
from giljabi.build.example import Example
from giljabi.build.near import NearIndex
from giljabi.build.needs import all_have, has, recorded_number, things
from giljabi.build.telling import Register, instruction, tell
from giljabi.venue.graph import Graph
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Place, Venue

_SPARES = 3  # made beyond the number asked for, in case another place has the same question
_TRIES = 16


@dataclass(frozen=True, slots=True)
class Job:
    """One place in one language: what to make, from which wordings, beside which other places."""

    place: str
    lang: Lang
    seed: int
    counts: tuple[tuple[str, int], ...]
    hold: frozenset[str]
    others: tuple[str, ...]
    validation: bool


class Reject(Exception):
    """A candidate that is left out; the argument is the reason to count."""


class Maker:
    """Makes examples over one venue."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        names = Names(venue)
        self._gatherer = Gatherer(venue, Graph(venue))
        self._understanding = Understanding(venue, names, self._gatherer.referent)
        self._book = Phrasebook(venue)
        self._checker = Checker(venue, names, self._book)
        self._callings = Callings(venue, names)
        self._can_ask: dict[tuple[str, str], bool] = {}

    def make(self, job: Job) -> tuple[list[Example], Counter[str]]:
        """The examples of a job in their order, with spares, and why candidates were left out."""
        rng = random.Random(f"{job.seed}/{job.lang}/{job.place}")
        out: list[Example] = []
        reasons: Counter[str] = Counter()
        near = NearIndex(())
        if not self._callings.of(self.venue.place(job.place), job.lang)[0]:
            return [], Counter({"no name means this place and no other": 1})
        for kind, wanted in job.counts:
            made = 0
            for attempt in islice(self._attempts(job, kind, rng), (wanted + _SPARES) * _TRIES):
                if made >= wanted + (_SPARES if wanted else 0):
                    break
                try:
                    example = self._example(job, kind, attempt, rng)
                    asked = " / ".join(example.questions)
                    if near.find(asked) is not None:
                        raise Reject("the same question again")
                except Reject as reason:
                    reasons[f"{kind}: {reason}"] += 1
                    continue
                near.add(asked)
                made += 1
                ident = f"{job.lang}-{job.place}-{kind}-{made:02d}"
                out.append(replace(example, id=ident))
        return out, reasons

    def described(self) -> list[str]:
        """The places of which more is recorded than what they are and where: ids in order."""
        ways = {d.to for d in self.venue.directions}
        home = self._gatherer.ways.home
        return [
            p.id
            for p in self.venue.places
            if p.neighbours
            or p.features
            or p.transit
            or p.details
            or p.id in ways
            or (p.minutes and p.id not in home)
        ]

    def facts(self, turns: Sequence[str], lang: Lang) -> Facts:
        """What the guide would gather for the last of `turns`."""
        return self._gatherer.gather(self._understanding.read(tuple(turns), lang))

    def gather(self, query: Query) -> Facts:
        """What may be said to a query that nobody had to read."""
        return self._gatherer.gather(query)

    def notes(self, facts: Facts) -> list[str]:
        """The facts as a model is shown them."""
        return self._book.notes(facts)

    def problem(self, text: str, facts: Facts) -> str:
        """What is wrong with an answer that does not pass, "" with one that does."""
        verdict = self._checker.check(text, facts)
        if verdict.ok:
            return ""
        return next((c.problem for c in verdict.claims if c.problem), "it states nothing")

    def _attempts(self, job: Job, kind: str, rng: random.Random) -> Iterator[Family]:
        """Families to try, the names of a kind taking turns."""
        part = {"unknown_place": "strangers", "unknown_fact": "unknown", "follow_up": "follow"}
        place = self.venue.place(job.place)
        pool = [
            f
            for f in asking.families(job.lang, part.get(kind, "ask"))
            if (f.id in job.hold) == job.validation and self._can(place, f.needs)
        ]
        wanted = asking.kinds().get(kind, ())
        by_name: dict[str, list[Family]] = {}
        for f in pool:
            if f.name in wanted or not wanted:
                by_name.setdefault(f.name, []).append(f)
        if kind in ("distractor", "spoken", "plain"):
            by_name = {n: fs for n, fs in by_name.items() if n in _PLAIN_NAMES}
        order = sorted(by_name)
        rng.shuffle(order)
        for name in cycle(order) if order else ():
            yield rng.choice(by_name[name])

    def _example(self, job: Job, kind: str, family: Family, rng: random.Random) -> Example:
        place = self.venue.place(job.place)
        register: Register = "neutral" if job.lang == "en" else "haeyo"
        if job.lang == "ko" and kind == "plain":
            register = "plain"
        elif job.lang == "ko" and rng.random() < 0.2:
            register = "hamnida"
        turns, told = self._history(job, kind, family, place, rng)
        asked = self._ask(job, kind, family, place, rng)
        facts = self.facts((*turns, asked), job.lang)
        self._as_meant(job, kind, family, facts)
        answer = tell(self.venue, facts, register, rng)
        if answer is None:
            raise Reject("the register lacks a wording")
        if facts.outcome != "found":
            register = "neutral" if job.lang == "en" else "haeyo"
        if problem := self.problem(answer, facts):
            raise Reject(f"the answer does not pass: {problem}")
        notes = self.notes(facts)
        extra: tuple[Fact, ...] = ()
        if kind == "distractor":
            extra = self._distract(job, facts, rng)
            others = self.notes(replace(facts, items=extra))
            notes = [*notes, *others] if rng.random() < 0.5 else [*others, *notes]
        prompt = with_register(messages(facts, notes, tuned=True), register)
        bare = _conversation((*turns, asked), (*told, answer))
        return Example(
            id="", lang=job.lang, kind=kind, slot=facts.query.slot, place=place.id,
            places=facts.places, register=register, family=family.id, outcome=facts.outcome,
            messages=(*prompt, {"role": "assistant", "content": answer}), conversation=bare,
            facts=(*facts.items, *extra), for_model=is_for_model(facts), distractors=len(extra),
        )  # fmt: skip

    def _ask(
        self, job: Job, kind: str, family: Family, place: Place, rng: random.Random,
        *, first: bool = False,
    ) -> str:  # fmt: skip
        values = self._values(job, kind, family, place, rng)
        text = asking.word(family, values, rng, leads=kind not in ("spoken", "follow_up") or first)
        return asking.misheard(text, job.lang, rng) if kind == "spoken" else text

    def _history(
        self, job: Job, kind: str, family: Family, place: Place, rng: random.Random
    ) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Earlier turns of a follow-up, answered as they are served."""
        if kind != "follow_up":
            return (), ()
        firsts = [
            f for f in asking.families(job.lang)
            if f.name in _PLAIN_NAMES and f.slot != family.slot
            and (f.id in job.hold) == job.validation and self._can(place, f.needs)
        ]  # fmt: skip
        between = [
            f for f in asking.families(job.lang, "follow")
            if f.slot != family.slot and (f.id in job.hold) == job.validation
            and self._can(place, f.needs)
        ]  # fmt: skip
        opening = rng.choice(firsts)
        slots = {opening.slot, family.slot}
        chosen = [opening]
        for f in rng.sample(between, len(between))[: rng.choice((0, 0, 1, 2))]:
            if f.slot not in slots:
                slots.add(f.slot)
                chosen.append(f)
        turns: tuple[str, ...] = ()
        told: tuple[str, ...] = ()
        for f in chosen:
            turns = (*turns, self._ask(job, kind, f, place, rng, first=not turns))
            facts = self.facts(turns, job.lang)
            if facts.query.goals[-1:] != (place.id,) or not _reads_as(facts.query, f):
                raise Reject("an earlier turn is read otherwise")
            answer = " ".join(s.text for s in self._book.answer(facts))
            if facts.outcome != "found" or answer in told:
                raise Reject("an earlier turn has no answer of its own")
            told = (*told, answer)
        return turns, told

    def _values(
        self, job: Job, kind: str, family: Family, place: Place, rng: random.Random
    ) -> dict[str, str]:
        """What the slots of a wording are filled with."""
        values = {"P": self._called(job, kind, family, place, rng)}
        if kind == "unknown_place":
            values["P"] = asking.stranger(job.lang, rng)
        if "{F" in family.text:
            known = things(place, job.lang)
            if not known:
                raise Reject("it has nothing but its own name")
            values["F"] = rng.choice(known)
        if "{X" in family.text:
            values["X"] = asking.absent(job.lang, rng)
        if "{S" in family.text:
            values["S"] = asking.side_word(place, job.lang, rng) or ""
        if "{O" in family.text:
            values["O"] = self._other(job, family, place, rng)
        right = recorded_number(family, place)
        if right is not None:
            values |= {"N": str(right), "W": str(max(1, right + rng.choice((-2, -1, 1, 2, 3))))}
            if values["W"] == values["N"]:
                values["W"] = str(right + 1)
        return values

    def _called(self, job: Job, kind: str, family: Family, place: Place, rng: random.Random) -> str:
        plain, aliases, codes = self._callings.of(place, job.lang)
        if family.coded and codes:
            return rng.choice(codes)
        if family.aliased and aliases:
            return rng.choice(aliases)
        roll = rng.random()
        if kind not in ("spoken", "distractor") and roll < 0.2 and aliases:
            return rng.choice(aliases)
        if kind not in ("spoken", "distractor") and roll < 0.3 and codes:
            return rng.choice(codes)
        return rng.choice(plain)

    def _other(self, job: Job, family: Family, place: Place, rng: random.Random) -> str:
        if family.name == "side":
            beside = [n.place for n in place.neighbours if n.place and n.side in asking.SIDED]
            other = self.venue.place(rng.choice(beside))
        else:
            home = next(iter(self.venue.areas))
            fit = [
                o for o in job.others
                if o != place.id and self._can(self.venue.place(o), family.needs)
                # Between two places far from the venue nobody walks by way of its gate.
                and (family.name != "between" or home in (place.area, self.venue.place(o).area))
            ]  # fmt: skip
            if not fit:
                raise Reject("there is no other place to set beside it")
            other = self.venue.place(rng.choice(fit))
        label = other.label(job.lang)
        return label if job.lang == "ko" else articled(label)

    def _as_meant(self, job: Job, kind: str, family: Family, facts: Facts) -> None:
        """Raises Reject unless the guide read the question as it was meant."""
        query = facts.query
        if query.lang != job.lang:
            raise Reject("read in the other language")
        if kind == "unknown_place":
            if facts.outcome != "no_such_place":
                raise Reject("the stranger is taken for a place")
            return
        about = facts.places if family.placeless else query.goals
        alone = family.placeless or family.two or family.name == "side"
        if job.place not in about or query.options or "assumed" in facts.notes:
            raise Reject("linked to another place")
        if not alone and query.goals != (job.place,):
            raise Reject("linked to another place as well")
        if kind == "unknown_fact":
            asked = facts.missing.startswith("detail.") or facts.missing == "has"
            if facts.outcome != "not_in_data" or not asked:
                raise Reject("the fact is in the data, or asked otherwise")
            return
        if facts.outcome != "found":
            raise Reject(f"no answer: {facts.outcome}")
        if family.placeless and not all_have(facts, self.venue.place(job.place), job.lang):
            raise Reject("others are found that do not have it")
        if not _reads_as(query, family):
            raise Reject(f"read as {query.slot}")

    def _can(self, place: Place, need: str) -> bool:
        """Whether the guide would have an answer: recorded, or found by gathering."""
        key = (place.id, need)
        if key not in self._can_ask:
            slot = _GATHERED.get(need)
            if slot is None:
                self._can_ask[key] = has(self.venue, place, need)
            else:
                facts = self._gatherer.gather(Query("", "ko", slot, goals=(place.id,)))
                kinds = {f.kind for f in facts.items}
                told = kinds & _TELLS.get(need, kinds)
                self._can_ask[key] = facts.outcome == "found" and bool(told)
        return self._can_ask[key]

    def _distract(self, job: Job, facts: Facts, rng: random.Random) -> tuple[Fact, ...]:
        """Facts of another place, of the same kind, that are shown and not asked for."""
        others = list(job.others)
        rng.shuffle(others)
        for other in others[:8]:
            if other in facts.places:
                continue
            query = replace(facts.query, goals=(other,))
            found = self._gatherer.gather(query)
            # Steps and "from there" do not say whose they are.
            clear = [f for f in found.items if f.kind != "step" and f.unit != "walk"]
            if found.outcome == "found" and clear:
                return tuple(replace(f, id=f"d{n}") for n, f in enumerate(clear, 1))
        raise Reject("there is nothing to distract with")


# What a question of this kind has to be answered with at least.
_TELLS: dict[str, set[FactKind]] = {
    "where": {"step", "inside", "neighbour"}, "distance": {"distance"}, "near": {"neighbour"},
}  # fmt: skip
_GATHERED = {
    "way": "route",
    "where": "where",
    "near": "nearby",
    "minutes": "minutes",
    "distance": "distance",
    "point": "route",
}
_PLAIN_NAMES = frozenset(
    "floors code kind building features about inside route minutes transit where nearby distance".split()
)


def _reads_as(query: Query, family: Family) -> bool:
    """ "transit" may be read as a way by ride, a code question about a place as its number."""
    wanted = {family.slot, *_ALSO.get(family.name, ())}
    return query.slot in wanted


_ALSO: dict[str, tuple[str, ...]] = {
    "between": ("where", "minutes"), "kind": ("about",), "building": ("about",),
    "about": ("kind", "where"), "transport": ("transit",), "by_code": ("about",),
    "where_alias": ("about",), "nearby_side": ("side",), "find": ("where",),
}  # fmt: skip


def with_register(prompt: Sequence[Message], register: Register) -> list[Message]:
    """The prompt with what its instruction says of the register, nothing for the served one."""
    extra = instruction(register)
    if not extra:
        return list(prompt)
    system: Message = {"role": "system", "content": f"{prompt[0]['content']} {extra}"}
    return [system, *prompt[1:]]


def _conversation(asked: Sequence[str], told: Sequence[str]) -> tuple[Message, ...]:
    out: list[Message] = []
    for question, answer in zip(asked, told, strict=True):
        out += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
    return tuple(out)
