"""Turns of a conversation -> Query: places linked, follow-ups resolved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from giljabi.answer.heard import Heard
from giljabi.answer.query import NEEDS_PLACE, TRAVEL, LangChoice, Query
from giljabi.venue.mention import Mention
from giljabi.venue.names import Names
from giljabi.venue.place import Venue

_TURNS = 10
_OF_A_PLACE = frozenset("floors where code none about features has kind".split())
_SEARCHABLE = frozenset(
    "where none about features nearby minutes closer route distance kind has floors detail.menu "
    "code".split()
)
_UNASKED = frozenset("greeting outside injection search none".split())


class Understanding:
    """Reads the last of several turns in the light of the others, for one venue.

    `referent` says what "거기" means after a query; by default the place asked about.
    """

    def __init__(
        self, venue: Venue, names: Names, referent: Callable[[Query], tuple[str, ...]] | None = None
    ) -> None:
        self._venue = venue
        self._names = names
        self._referent = referent or (lambda query: query.goals[-1:])
        self._cached = lru_cache(maxsize=4096)(self._read)

    def read(self, turns: tuple[str, ...], lang: LangChoice = "auto") -> Query:
        """The query behind the last of `turns`, the earlier ones being its context."""
        return self._cached(turns[-_TURNS:], lang)

    def _read(self, turns: tuple[str, ...], lang: LangChoice) -> Query:
        before = self._cached(turns[:-1], lang) if len(turns) > 1 else None
        heard = Heard(self._venue, self._names, turns[-1], lang)
        slot, flags = heard.slot(), heard.flags()
        if slot == "injection" and any(m.places for m in heard.mentions):
            # The honest part of the question is answered; none of its text reaches a model.
            slot, flags = heard.slot(skip="injection"), flags | {"untrusted"}
        query = Query(heard.text, heard.lang, slot, flags=flags)
        if slot in ("injection", "greeting", "outside"):
            return query
        query = _link(heard, query, before, {self._venue.origin, *self._venue.origin_also})
        if before is not None:
            query = _follow(heard, query, before, self._referent(before))
        return _refine(heard, query)


def _link(heard: Heard, query: Query, before: Query | None, home: set[str]) -> Query:
    """Mentions become goals, an origin, options to choose from, or strangers.

    Names of `home`, the places that are all the same start, need no choosing.
    """
    goals: list[str] = []
    options: list[str] = []
    unknown: list[str] = []
    origin, guess, assumed = None, False, ""
    several = len(heard.mentions) + heard.has("pronoun") > 1
    for m in heard.mentions:
        if m.how == "unknown":
            unknown.append(m.text)
            continue
        if heard.excludes(m):
            continue
        same_start = len(m.places) > 1 and home.issuperset(m.places)
        place, others = (m.places[0], []) if same_start else _choose(m, before)
        if several and query.slot in TRAVEL and heard.starts_at(m):
            origin = place or (others[0] if others else None)
            continue
        if place is None:
            options += others
        elif place not in goals:
            goals.append(place)
            options += others
            assumed = place if others else assumed
        guess = guess or m.how == "maybe"
    if guess:
        options, goals = [*goals, *options], []
    return replace(
        query, goals=tuple(goals), origin=origin, options=tuple(dict.fromkeys(options)),
        unknown=tuple(unknown), guess=guess, assumed=assumed,
    )  # fmt: skip


def _choose(m: Mention, before: Query | None) -> tuple[str | None, list[str]]:
    """The place meant and the others it might be; None where the visitor has to say."""
    if m.how in ("exact", "code", "near"):
        return m.places[0], list(m.places[1:])
    if before is not None and before.options:
        kept = [p for p in m.places if p in before.options]
        if len(kept) == 1:
            return kept[0], []
    return None, list(m.places)


def _follow(heard: Heard, query: Query, before: Query, referent: tuple[str, ...]) -> Query:
    """What the earlier turns supply: the place, the kind of question, the start."""
    known = bool(query.goals or query.options or query.unknown)
    last = referent or before.options[:1] * (before.guess or len(before.options) == 1)
    if heard.has("pronoun") and last:
        query = _with_pronoun(heard, query, last)
    elif not known and query.slot in NEEDS_PLACE | {"none"} and not heard.stands_alone():
        query = _without_place(heard, query, before, last)
    elif not known and query.slot.startswith("detail."):
        query = replace(query, goals=last)
    swapped = query.slot in ("about", "where") and heard.swaps()
    if known and (swapped or query.slot == "none"):
        slot = "about" if before.slot in _UNASKED else before.slot
        return replace(
            query, slot=slot, term=before.term, side=before.side if slot == "nearby" else None,
            origin=query.origin or (before.origin if slot in TRAVEL else None),
        )  # fmt: skip
    return query


def _with_pronoun(heard: Heard, query: Query, last: tuple[str, ...]) -> Query:
    if heard.asks_from_pronoun():
        slot = "route" if query.slot in ("none", "about") else query.slot
        return replace(query, origin=last[0], slot=slot)
    if not query.goals and not query.unknown:
        return replace(query, goals=last)
    if query.slot in ("closer", "taller", "side"):
        return replace(query, goals=(*last, *query.goals))
    return query


def _without_place(heard: Heard, query: Query, before: Query, last: tuple[str, ...]) -> Query:
    """No place named: "몇 층이야?" after a place was talked about; "네" to a guess."""
    if before.guess and heard.agrees():
        return replace(before, text=query.text, goals=before.options[:1], options=(), guess=False)
    if before.options and not before.goals:
        pick = heard.choice()
        if pick is not None and pick < len(before.options):
            return replace(before, text=query.text, goals=(before.options[pick],), options=())
    if query.slot == "none" and query.flags & {"second", "step_free"}:
        query = replace(query, slot="route")
    if query.slot in ("none", "nearby", "where") and (side := heard.side()) and before.goals:
        return replace(query, slot="nearby", side=side, goals=before.goals[-1:])
    if query.slot in NEEDS_PLACE and last:
        several = query.slot in ("closer", "taller") and len(before.goals) > 1
        origin = before.origin if query.slot in TRAVEL else None
        return replace(query, goals=before.goals if several else last, origin=origin)
    return query


def _refine(heard: Heard, query: Query) -> Query:
    """The slot settled by what was linked: two ends are a way, no place is a search."""
    query = replace(query, claim=heard.claim())
    if query.side is None and query.slot in ("nearby", "side", "none", "where", "about", "kind"):
        query = replace(query, side=heard.side())
    if query.goals:
        return _settle(heard, _as_thing(heard, query))
    if not query.options and not query.unknown:
        return _as_search(heard, query)
    return query


def _as_thing(heard: Heard, query: Query) -> Query:
    if query.slot in _OF_A_PLACE and (facility := heard.facility()):
        flags = query.flags | ({"which_floor"} if query.slot == "floors" else set())
        return replace(query, slot="has", term=facility, flags=flags)
    if query.slot in ("none", "about", "features", "where") and (thing := heard.thing()):
        return replace(query, slot="has", term=thing)
    return query


def _as_search(heard: Heard, query: Query) -> Query:
    term = heard.search_term()
    rides = query.slot.startswith("transit") and not heard.names_a_line()
    searchable = bool(term) and (query.slot in _SEARCHABLE or rides)
    return replace(query, term=term, slot="search" if searchable else query.slot)


def _settle(heard: Heard, query: Query) -> Query:
    slot, goals = query.slot, query.goals
    two = len(goals) == 2
    if slot == "closer" and len(goals) == 1 and (term := heard.search_term()):
        return replace(query, slot="search", term=term, origin=goals[0], goals=())
    if slot == "side" and query.origin and len(goals) == 1:
        return replace(query, goals=(*goals, query.origin), origin=None)
    if slot in ("nearby", "about", "kind", "where", "none") and two and query.side:
        return replace(query, slot="side")
    if slot in ("where", "none", "about") and query.origin:
        return replace(query, slot="route")
    if slot in ("route", "minutes", "distance") and two and not query.origin:
        if heard.passes_through(goals[0]):
            return replace(query, goals=goals[1:])
        return replace(query, origin=goals[0], goals=goals[1:])
    if slot in ("none", "about"):
        return replace(query, slot="about", term=heard.search_term())
    return query
