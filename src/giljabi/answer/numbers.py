"""Which numbers a fact accounts for, unit by unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from giljabi.answer.claims import Atom
from giljabi.answer.facts import Fact, FactKind

_RECORD = re.compile(r"기록|record", re.I)


def states(f: Fact, atom: Atom, text: str, found: Sequence[Atom], i: int) -> bool:
    """Whether fact `f` is what a number says, unit for unit."""
    recogniser = RECOGNISED.get(f.kind)
    if recogniser is None or not recogniser(f, atom.unit):
        return False
    if f.kind == "transit":
        digits = re.findall(r"\d+", str(f.value))
        if f.unit == "walk":
            off = (
                any(a.kind == "ride" and a.value == "off" for a in found[:i])
                or "From there" in text
            )
            return off and float(atom.value) == float(f.value)
        return atom.value in digits
    whole_way = f.kind in ("minutes", "distance")
    if whole_way and any(a.kind == "ride" and a.value == "off" for a in found[:i]):
        return False
    if f.unit == "recorded" and not _RECORD.search(text):
        return False
    try:
        return float(atom.value) == float(f.value)
    except ValueError:
        return False


RECOGNISED: dict[FactKind, Callable[[Fact, str], bool]] = {
    "code": lambda f, u: u in ("code", ""),
    "floors": lambda f, u: u == {"above": "floor", "below": "basement"}.get(f.unit),
    "inside": lambda f, u: f.unit == "level" and u == ("basement" if int(f.value) < 0 else "floor"),
    "minutes": lambda f, u: u == "min",
    "distance": lambda f, u: u == f.unit,
    "count": lambda f, u: u in ("count", ""),
    "transit": lambda f, u: u == {"walk": "min", "bus": "bus", "subway": "line", "board_exit": "exit",
                                  "alight_exit": "exit"}.get(f.unit)
    or (u == "code" and f.unit == "bus"),
}  # fmt: skip
