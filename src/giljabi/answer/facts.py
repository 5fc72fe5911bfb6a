"""The closed set of what may be said, each fact with its source. Values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

from giljabi.answer.query import Query
from giljabi.documents.passage import Passage

FactKind = Literal[
    "code", "kind", "floors", "inside", "feature", "neighbour", "minutes", "distance",
    "step", "transit", "detail", "closer", "taller", "member", "count", "check", "bearing", "cites",
]  # fmt: skip
FACT_KINDS: tuple[FactKind, ...] = get_args(FactKind)

Outcome = Literal[
    "found", "ambiguous", "no_such_place", "no_way", "not_in_data", "outside", "greeting"
]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the venue's data says, in the language of the question.

    `subject` is a place id; `value` a string or number; `unit` says what the value is (a side, a
    transit role, minutes as recorded, …); `object` is the second place of a relation: a
    neighbour, the origin of a walk. `estimated` marks what was computed from geometry.
    Of the kind "cites" the subject is a passage id, the value a sentence as it stands there, and
    the unit where that is, for people.
    """

    id: str
    kind: FactKind
    subject: str
    value: str | int | float
    unit: str = ""
    object: str = ""
    estimated: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What may be said to one query.

    `missing` names what was asked and is not in the data; `line` is the route as (lon, lat),
    `guessed` which stretches of it are estimates, `stops` the places it passes, ends included;
    `passages` are those that facts of the kind "cites" stand in, `shown` all the sentences of them
    that a model may read, `basis` those of them that its answer may rest on, `items` among both.
    """

    query: Query
    outcome: Outcome
    items: tuple[Fact, ...] = ()
    missing: str = ""
    line: tuple[tuple[float, float], ...] = ()
    guessed: tuple[bool, ...] = ()
    stops: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    notes: frozenset[str] = field(default_factory=frozenset)
    passages: tuple[Passage, ...] = ()
    shown: tuple[Fact, ...] = ()
    basis: tuple[Fact, ...] = ()

    def of(self, kind: FactKind, subject: str | None = None) -> tuple[Fact, ...]:
        """The facts of one kind, of one place when `subject` is given."""
        return tuple(
            f for f in self.items if f.kind == kind and (subject is None or f.subject == subject)
        )
