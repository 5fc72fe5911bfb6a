"""What is asked, as a value. Made by understand.py, read by gather.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from giljabi.venue.place import Lang, Side

Slot = str
"""A name from questions.toml, or "search", "has" and "none"."""

LangChoice = Literal["ko", "en", "auto"]

NEEDS_PLACE = frozenset(
    "closer taller transit transit.transfer transit.exit transit.alight transit.board transit.walk "
    "side nearby floors minutes distance code kind features route where about has".split()
)
"""Slots that ask about some place."""

TRAVEL = frozenset("route minutes distance where about none transit side".split())
"""Slots in which "from A" is where the visitor starts."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    `goals` and `origin` are place ids. `options` are other readings of an ambiguous name: when
    `goals` is empty the visitor has to choose, else `assumed` is the reading taken. `unknown` holds
    names the venue does not have, `guess` is set when the name was only nearly heard.
    """

    text: str
    lang: Lang
    slot: Slot
    goals: tuple[str, ...] = ()
    origin: str | None = None
    options: tuple[str, ...] = ()
    assumed: str = ""
    unknown: tuple[str, ...] = ()
    guess: bool = False
    side: Side | None = None
    term: str = ""
    claim: tuple[int, str] | None = None
    flags: frozenset[str] = frozenset()
