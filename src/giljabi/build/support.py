"""What an answer says against what a venue holds: figures and rides that it contradicts or lacks.

For anyone's prose, not only ours: it looks at numbers with their units, lines and exits, and leaves
words alone. An answer may speak of the places asked about and of those it names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import permutations
from typing import Literal

from giljabi.answer.claims import Atom, atoms, sentences
from giljabi.answer.facts import Fact
from giljabi.answer.gather import Gatherer
from giljabi.answer.numbers import RECOGNISED
from giljabi.answer.query import Query
from giljabi.answer.understand import Understanding
from giljabi.venue.graph import Graph
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Venue

_SLOTS = ("about", "where", "route", "transit", "minutes", "distance", "floors", "nearby")
_UNITS_OF = {"floor": "floors", "basement": "floors", "min": "minutes", "km": "distance", "m": "distance",
             "exit": "transit", "line": "transit", "bus": "transit"}  # fmt: skip
_BUS = re.compile(
    r"(?:성동|Seongdong\s*)\s*(\d+(?:-\d+)?)|(?<!\d)(\d{3,4})\s*번(?!\s*출구)|\bbus(?:es)?\s+(\d{2,4})"
)

_DIGITS = re.compile(r"\d+(?:-\d+)?")

How = Literal["contradicted", "unsupported"]


@dataclass(frozen=True, slots=True)
class Fault:
    """A stretch of an answer the venue does not bear out; `about` are the places it is said of."""

    how: How
    what: str
    unit: str
    about: tuple[str, ...]


class Support:
    """Asks one venue whether it holds what answers say."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self._names = Names(venue)
        self._gatherer = Gatherer(venue, Graph(venue))
        self._understanding = Understanding(venue, self._names, self._gatherer.referent)
        self._facts = lru_cache(maxsize=None)(self._gather)
        self._between = lru_cache(maxsize=None)(self._walk)

    def places(self, turns: tuple[str, ...]) -> tuple[str, ...]:
        """The places the last of `turns` is about, as the guide reads it."""
        query = self._understanding.read(turns)
        origin = (query.origin,) if query.origin else ()
        return tuple(dict.fromkeys((*query.goals, *origin, *query.options)))

    def named(self, text: str) -> tuple[str, ...]:
        """The places a text names, spelt right."""
        return tuple(dict.fromkeys(i for m in self._names.written(text) for i in m.places))

    def faults(self, answer: str, about: tuple[str, ...], lang: Lang) -> list[Fault]:
        """Everything in `answer` that its places' records contradict or do not hold."""
        out: list[Fault] = []
        for sentence in sentences(answer):
            found, _ = atoms(sentence, lang, self._names, ())
            named = tuple(i for a in found if a.kind == "place" for i in a.ids)
            places = tuple(dict.fromkeys((*about, *named)))
            facts = [f for p in places for f in self._facts(p, lang)]
            facts += [f for a, b in permutations(places[:3], 2) for f in self._between(a, b, lang)]
            if not facts:
                continue
            out += self._rides(sentence, facts, about)
            for atom in found:
                if atom.kind != "number" or not atom.unit or atom.unit in ("nth", "count", "bus"):
                    continue
                if (how := _judge(atom, facts, about)) is not None:
                    out.append(Fault(how, atom.text, atom.unit, about))
        return list(dict.fromkeys(out))

    def _rides(self, sentence: str, facts: list[Fact], about: tuple[str, ...]) -> list[Fault]:
        """Bus numbers no record of these places has."""
        held = {n for f in facts if f.unit == "bus" for n in _DIGITS.findall(str(f.value))}
        held |= {n for f in facts if f.kind == "step" for n in _bus_numbers(str(f.value))}
        held |= {str(f.value) for f in facts if f.kind == "code"}
        rides = any(f.kind == "transit" for f in facts)
        out = []
        for number in _bus_numbers(sentence):
            if number.lstrip("0") not in {h.lstrip("0") for h in held}:
                how: How = "contradicted" if rides else "unsupported"
                out.append(Fault(how, number, "bus", about))
        return out

    def _gather(self, place: str, lang: Lang) -> tuple[Fact, ...]:
        """Every fact of a place, whatever is asked."""
        out: list[Fact] = []
        for slot in _SLOTS:
            for flags in ((), ("second",)) if slot == "route" else ((),):
                query = Query("", lang, slot, goals=(place,), flags=frozenset(flags))
                out += self._gatherer.gather(query).items
        return tuple(replace(f, id="") for f in out)

    def _walk(self, start: str, end: str, lang: Lang) -> tuple[Fact, ...]:
        """What the guide would say of the way from one place to another, and of the two beside
        each other."""
        out: list[Fact] = []
        for query in (
            Query("", lang, "route", goals=(end,), origin=start),
            Query("", lang, "distance", goals=(end,), origin=start),
            Query("", lang, "side", goals=(start, end)),
        ):
            out += self._gatherer.gather(query).items
        return tuple(out)


def _judge(atom: Atom, facts: list[Fact], about: tuple[str, ...]) -> How | None:
    """None where some fact says the figure; contradicted where the place's own says another."""
    for f in facts:
        if _says(f, atom):
            return None
    kind = _UNITS_OF.get(atom.unit, "code")
    own = [f for f in facts if f.subject in about and f.kind == kind and _comparable(f, atom)]
    return "contradicted" if own else "unsupported"


def _bus_numbers(text: str) -> list[str]:
    return [next(g for g in m.groups() if g) for m in _BUS.finditer(text)]


def _says(f: Fact, atom: Atom) -> bool:
    numbers = re.findall(r"\d+(?:\.\d+)?", str(f.value))
    if f.kind in RECOGNISED:
        same = {abs(float(n)) for n in numbers}
        fits = RECOGNISED[f.kind](f, atom.unit) or (
            f.kind == "distance" and atom.unit in ("m", "km")
        )
        if fits and f.kind == "distance" and f.unit != atom.unit:
            factor = 1000.0 if f.unit == "km" else 0.001
            same = {n * factor for n in same}
        if fits and any(abs(n - float(atom.value)) < 1e-6 for n in same):
            return True
        return f.kind == "transit" and atom.value in numbers
    return atom.value in numbers  # a step, a feature, a note: the figure stands in its words


def _comparable(f: Fact, atom: Atom) -> bool:
    recogniser = RECOGNISED.get(f.kind)
    return recogniser is not None and recogniser(f, atom.unit)
