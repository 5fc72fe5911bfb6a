"""The closed set of what may be said, each fact with its source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FactKind = Literal[
    "name", "code", "kind", "floors", "inside", "feature", "neighbour", "minutes", "distance",
    "step", "leg", "transit", "detail", "closer", "taller", "member", "count", "scope",
]  # fmt: skip
Outcome = Literal[
    "found", "ambiguous", "no_such_place", "no_way", "not_in_data", "outside", "greeting"
]


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing the venue's data says.

    `subject` is a place id; `value` is a plain string or number; `object` names the second
    place of a relation (a neighbour, the origin of a walk); `estimated` marks what was computed
    from geometry rather than recorded.
    """

    id: str
    kind: FactKind
    subject: str
    value: str | int | float
    unit: str = ""
    object: str = ""
    estimated: bool = False
    source: str = ""
