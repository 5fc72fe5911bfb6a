"""Facts -> an answer in one register, worded otherwise than the template (telling.toml).

Says nothing the facts do not say: it is the guide's own phrasebook with other sentences in it.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from giljabi import korean
from giljabi.answer.facts import Facts
from giljabi.answer.phrase import Phrasebook
from giljabi.venue.place import Lang, Venue

Register = Literal["haeyo", "hamnida", "plain", "neutral"]
"""Korean speech levels (해요체, 합니다체, 반말); English has one."""

_NOUN_IS = re.compile(r"^(.*?)입니다\.$", re.S)
_LAST = re.compile(r"([가-힣]+)\.$")
_COPULA = {"haeyo": "이에요", "plain": "이야"}


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads(digest_text())


@lru_cache(maxsize=1)
def digest_text() -> str:
    """The wordings as they stand, for a manifest's hash."""
    return (files("giljabi.build") / "telling.toml").read_text("utf-8")


def wordings(lang: Lang, register: Register) -> Mapping[str, list[str]]:
    """Every wording of a register by its key."""
    table: Mapping[str, list[str]] = _table()[lang][register]
    return table


def instruction(register: Register) -> str:
    """What the instruction says of the register; "" for the one that is served."""
    return str(_table()["instruction"].get(register, ""))


class _Drawn(Phrasebook):
    """A phrasebook with one wording a key drawn, which notes what it had to say as served."""

    def __init__(self, venue: Venue, lang: Lang, drawn: Mapping[str, str]) -> None:
        super().__init__(venue, {lang: drawn})
        self._drawn = {*drawn, "bus_line", "bus_or", "board_exit", "alight_exit"}
        self.fell_back = False

    def say(self, lang: Lang, key: str, *, note: bool = False, **values: Any) -> str:
        """See Phrasebook.say."""
        self.fell_back = self.fell_back or key not in self._drawn
        return super().say(lang, key, note=note, **values)


def tell(venue: Venue, facts: Facts, register: Register, rng: random.Random) -> str | None:
    """An answer that says every fact in the register; None where the register lacks a wording.

    Refusals, and in the polite register what has no other wording, are said as served.
    """
    lang = facts.query.lang
    if facts.outcome != "found":
        return " ".join(s.text for s in Phrasebook(venue).answer(facts))
    if any(f.unit == "note" for f in facts.items):
        return None  # says what is not known, which is for the served words
    # Offers and warnings at the end are added when serving; no fact says when.
    facts = replace(facts, notes=facts.notes & {"tie"})
    drawn = {key: rng.choice(texts) for key, texts in wordings(lang, register).items()}
    book = _Drawn(venue, lang, drawn)
    if lang == "ko":
        items = []
        for f in facts.items:
            said = step(str(f.value), register) if f.kind == "step" else None
            if f.kind == "step" and said is None and register != "haeyo":
                return None
            items.append(f if said is None else replace(f, value=said))
        facts = replace(facts, items=tuple(items))
    text = " ".join(s.text for s in book.answer(facts))
    if book.fell_back and register in ("hamnida", "plain"):
        return None
    return text


def step(text: str, register: Register) -> str | None:
    """A described step ("…세요.", "…입니다.") in the register, or None where its ending is unknown."""
    endings: Mapping[str, str] = _table()["ko"]["steps"].get(register, {})
    last = _LAST.search(text)
    if last is None:
        return None
    if last[1] in endings:
        return text[: last.start()] + endings[last[1]] + "."
    if register == "hamnida" and last[1].endswith("니다"):
        return text
    if register == "haeyo" and last[1].endswith("세요"):
        return text
    if (noun := _NOUN_IS.match(text)) and register in _COPULA and not noun[1].endswith("습"):
        return korean.josa(noun[1], _COPULA[register]) + "."
    return None
