"""Facts -> plain Korean and English. Without a model this is the answer; with one, the net."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

from giljabi import korean
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.query import Query
from giljabi.answer.ways import SIDE_WORDS
from giljabi.answer.words import articled
from giljabi.venue.place import Lang, Place, Venue


@dataclass(frozen=True, slots=True)
class Said:
    """One sentence (or a short run of them) and the ids of the facts it says."""

    text: str
    facts: frozenset[str] = frozenset()


class _Worder(Formatter):
    """{P:은} takes a josa; {v|이에요} gives the josa alone, after a value already written."""

    def get_field(self, field_name: str, args: Sequence[Any], kwargs: Any) -> Any:
        if "|" in field_name:
            name, particle = field_name.split("|")
            return korean.josa(str(kwargs[name]), particle)[len(str(kwargs[name])) :], name
        return super().get_field(field_name, args, kwargs)

    def format_field(self, value: Any, format_spec: str) -> str:
        return korean.josa(str(value), format_spec) if format_spec else str(value)


_WORDER = _Worder()


@lru_cache(maxsize=1)
def _wording() -> dict[str, Any]:
    return tomllib.loads((files("giljabi.answer") / "wording.toml").read_text("utf-8"))


class Phrasebook:
    """The template answers of one venue.

    `wording` lays other sentences over those of wording.toml: {language: {key: text}}.
    """

    def __init__(
        self, venue: Venue, wording: Mapping[str, Mapping[str, str]] | None = None
    ) -> None:
        self.venue = venue
        self._table = {k: {**v, **(wording or {}).get(k, {})} for k, v in _wording().items()}
        self._by_slot: dict[str, Callable[[Facts, Lang], list[Said]]] = {
            "closer": self._compare, "taller": self._compare, "search": self._members,
            "count": self._count, "has": self._has,
        }  # fmt: skip

    def say(self, lang: Lang, key: str, *, note: bool = False, **values: Any) -> str:
        """One wording filled in; `key` is a name in wording.toml, of its notes with `note`."""
        table = self._table[lang]
        text: str = _WORDER.vformat((table["note"] if note else table)[key], (), values)
        return text[:1].upper() + text[1:] if lang == "en" else text

    def answer(self, facts: Facts) -> list[Said]:
        """The sentences of the template answer, refusals included; never empty."""
        lang = facts.query.lang
        if facts.of("cites"):
            return self._cited(facts, lang)
        if facts.outcome != "found":
            return self._refusal(facts, lang)
        slot = facts.query.slot
        said = self._checked(facts, lang) + self._by_slot.get(slot, self._plain)(facts, lang)
        if "estimated" in facts.notes and any(f.kind == "step" for f in facts.items):
            said.append(Said(self.say(lang, "estimated")))
        if "second_route" in facts.notes:
            said.append(Said(self.say(lang, "second_route")))
        if "assumed" in facts.notes:
            others = self._labels(facts.query.options[:4], lang)
            goal = self._label(facts.query.assumed, lang)
            said.append(Said(self.say(lang, "assumed", P=goal, others=", ".join(others))))
        return said

    def notes(self, facts: Facts, said: Set[str] = frozenset()) -> list[str]:
        """The facts as short statements in their order, without those whose ids are all in `said`:
        what a model is shown."""
        every = self._plain(facts, facts.query.lang, note=True)
        return [s.text for s in every if not s.facts <= said]

    def _cited(self, facts: Facts, lang: Lang) -> list[Said]:
        """Sentences of documents, quoted with where they stand; after a refusal the nearest ones."""
        near = facts.outcome != "found"
        said = [Said(self.say(lang, "missing_document"))] if near else []
        for f in facts.of("cites"):
            nearest = near and len(said) == 1
            text = self.say(lang, "cites_near" if nearest else "cites", w=f.unit, v=f.value)
            said.append(Said(text, frozenset({f.id})))
        return said

    def reasoning(self, facts: Facts) -> str:
        """Where a cited answer stands, page included; "" for others."""
        lang, pages = facts.query.lang, {p.id: p.page for p in facts.passages}
        said = []
        for f in facts.of("cites"):
            page = pages.get(f.subject)
            where = f"{f.unit}, {self.say(lang, 'page', n=page)}" if page else f.unit
            said.append(self.say(lang, "cites_why", w=where, v=f.value))
        return " ".join(said)

    def _label(self, place: str, lang: Lang) -> str:
        label = self.venue.place(place).label(lang)
        return articled(label) if lang == "en" else label

    def _labels(self, places: Sequence[str], lang: Lang) -> list[str]:
        return [self._coded(self.venue.place(p), lang) for p in places]

    def _coded(self, p: Place, lang: Lang) -> str:
        if p.code is None:
            return p.label(lang)
        return f"{p.label(lang)}({p.code}번)" if lang == "ko" else f"{p.label(lang)} ({p.code})"

    def _plain(self, facts: Facts, lang: Lang, *, note: bool = False) -> list[Said]:
        """Every fact in its order; facts of one kind about one place share a sentence."""
        said: list[Said] = []
        done: set[str] = set()
        for fact in facts.items:
            if fact.id in done or fact.kind == "check":
                continue
            group = _group(facts, fact)
            done.update(f.id for f in group)
            text = self._sentence(group, lang, facts, note)
            if text:
                said.append(Said(text, frozenset(f.id for f in group)))
        return said

    def _sentence(self, group: Sequence[Fact], lang: Lang, facts: Facts, note: bool) -> str:
        f = group[0]
        p = self._label(f.subject, lang)
        if f.kind == "step":
            return str(f.value)
        if f.kind == "transit" and f.unit == "walk":
            return _one(self.say(lang, "transit_walk", v=f.value), f.value)
        if f.kind == "transit":
            return self._ride(group, lang, p, facts)
        if f.kind == "floors":
            return self._floors({x.unit: x.value for x in group}, lang, p, note)
        if f.kind == "minutes":
            return self._minutes(group, lang, p, note)
        if f.kind == "neighbour":
            return self._neighbour(f, lang, p, note)
        if f.kind == "inside":
            return self._inside(group, lang, p, note)
        if f.kind == "distance":
            key = (
                "distance_km"
                if f.unit == "km"
                else "distance_m"
                if f.estimated
                else "distance_m_sure"
            )
            return self.say(
                lang, key, note=note, P=p, v=_number(f.value), o=self._label(f.object, lang)
            )
        if f.kind == "bearing":
            compass = self._table[lang]["compass"][f.value]
            return self.say(
                lang, "bearing", P=p, o=self._label(f.object, lang), s=compass, v=f.unit
            )
        if f.kind in ("closer", "taller"):
            return self.say(lang, f"{f.kind}_{f.unit}", note=note, P=p)
        if f.kind == "member":
            return self.say(lang, "member", P=p, v=f.value)
        what = self._table[lang]["what"].get(f"detail.{f.unit}", f.unit)
        values = ", ".join(str(x.value) for x in group)
        return self.say(lang, f.kind, note=note, P=p, v=values, t=f.unit, w=what)

    def _floors(self, v: dict[str, Any], lang: Lang, p: str, note: bool) -> str:
        if "note" in v:
            return self.say(lang, "floors_note", P=p, v=v["note"])
        if "above" in v and "below" in v:
            return _one(
                self.say(lang, "floors_both", note=note, P=p, v=v["above"], b=v["below"]),
                v["above"],
            )
        key, value = next(iter(v.items()))
        return _one(self.say(lang, f"floors_{key}", note=note, P=p, v=value), value)

    def _minutes(self, group: Sequence[Fact], lang: Lang, p: str, note: bool) -> str:
        values = {f.unit: f for f in group}
        f = values["min"]
        o = self._label(f.object, lang)
        if "recorded" in values:
            return self.say(lang, "minutes_mended", P=p, o=o, v=f.value, r=values["recorded"].value)
        key = "minutes_about" if f.estimated else "minutes"
        return _one(self.say(lang, key, note=note, P=p, o=o, v=f.value), f.value)

    def _neighbour(self, f: Fact, lang: Lang, p: str, note: bool) -> str:
        # A name that nobody has put into English stands in quotes.
        foreign = lang == "en" and korean.has_hangul(str(f.value))
        value = f"“{f.value}”" if foreign else articled(str(f.value)) if lang == "en" else f.value
        if f.unit in ("far", "toward") and not note:
            return self.say(lang, f"neighbour_{f.unit}", P=p, v=value)
        word = SIDE_WORDS[f.unit][lang == "en"]  # type: ignore[index]
        return self.say(lang, "neighbour", note=note, P=p, v=value, s=word)

    def _inside(self, group: Sequence[Fact], lang: Lang, p: str, note: bool) -> str:
        host = group[0].object
        if group[0].unit == "host":
            return self.say(lang, "inside_host", note=note, P=p, o=host)
        levels = _levels([int(f.value) for f in group], lang)
        return self.say(
            lang, "inside" if host else "inside_level", note=note, P=p, o=host, v=levels
        )

    def _ride(self, group: Sequence[Fact], lang: Lang, p: str, facts: Facts) -> str:
        role = {f.unit: f.value for f in group}
        lines = [str(f.value) for f in group if f.unit in ("bus", "subway")]
        by_bus = "bus" in role
        if by_bus:
            lines = [self.say(lang, "bus_line", v=x) for x in lines]
        elif lang == "en":
            lines = [re.sub(r"(\d+)호선", r"Line \1", x) for x in lines]
        text = (
            self.say(
                lang, "transit_bus" if by_bus else "transit_subway", P=p,
                board=role["board"], alight=role["alight"],
                line=self.say(lang, "bus_or").join(_english_lines(lines, lang)),
                bexit=self.say(lang, "board_exit", v=role["board_exit"]) if "board_exit" in role else "",
                aexit=self.say(lang, "alight_exit", v=role["alight_exit"]) if "alight_exit" in role else "",
            )
        )  # fmt: skip
        if facts.query.slot == "transit.transfer":
            text += " " + self.say(lang, "no_transfer")
        return text

    def _checked(self, facts: Facts, lang: Lang) -> list[Said]:
        return [
            Said(self.say(lang, str(f.value)), frozenset({f.id}))
            for f in facts.of("check")
            if facts.query.slot != "has"
        ]

    def _compare(self, facts: Facts, lang: Lang) -> list[Said]:
        said = self._plain(facts, lang)
        if "tie" in facts.notes:
            said.insert(0, Said(self.say(lang, f"tie_{facts.query.slot}")))
        return said

    def _members(self, facts: Facts, lang: Lang) -> list[Said]:
        members = facts.of("member")
        stops = members[0].unit == "stop"
        entries = []
        for f in members:
            minutes = list(facts.of("minutes", f.subject))
            if len(minutes) > 1:
                minutes = []  # a mended figure needs its explanation beside it
            key = "member_minutes" if minutes else "member"
            if minutes and minutes[0].estimated:
                key = "member_minutes_about"
            place = self.venue.place(f.subject)
            label = place.label(lang) if stops else self._coded(place, lang)
            spent = minutes[0].value if minutes else ""
            entries.append(_one(self.say(lang, key, P=label, v=f.value, m=spent), spent))
        key = "stops" if stops else "members"
        if key == "members" and not _may_echo(facts.query.term):
            key = "members_plain"
        text = self.say(lang, key, t=facts.query.term, v=members[0].object, list=", ".join(entries))
        listed = Said(text, frozenset(f.id for f in facts.items))
        if facts.missing and _may_echo(facts.missing):
            return [Said(self.say(lang, "partial", t=facts.missing)), listed]
        return [listed]

    def _count(self, facts: Facts, lang: Lang) -> list[Said]:
        f = facts.items[0]
        names = ", ".join(self._labels(facts.places[:6], lang))
        return [
            Said(f"{self.say(lang, 'count', v=f.value, t=f.unit)} ({names})", frozenset({f.id}))
        ]

    def _has(self, facts: Facts, lang: Lang) -> list[Said]:
        f = facts.items[0]
        text = self.say(lang, "has_yes", P=self._label(f.subject, lang), v=f.value)
        return [Said(text, frozenset(x.id for x in facts.items))]

    def _refusal(self, facts: Facts, lang: Lang) -> list[Said]:
        q, name = facts.query, self.venue.name[lang]
        if facts.outcome in ("greeting", "outside"):
            return [Said(self.say(lang, facts.outcome, venue=name))]
        if facts.outcome == "no_such_place":
            named = _may_echo(re.sub(r"\d", "", facts.missing))  # 제8공학관: a number in a name
            key = "no_such_place" if named else "no_such_place_plain"
            return [Said(self.say(lang, key, t=facts.missing, venue=name))]
        if facts.outcome == "no_way":
            place = self._label(q.goals[-1], lang)
            return [Said(self.say(lang, f"no_way_{facts.missing}", P=place))]
        if facts.outcome == "ambiguous":
            if not facts.places:
                return [Said(self.say(lang, "ambiguous_none"))]
            names = ", ".join(self._labels(facts.places[:6], lang))
            return [Said(self.say(lang, "guess_plain" if q.guess else "ambiguous", list=names))]
        return self._missing(facts, lang)

    def _missing(self, facts: Facts, lang: Lang) -> list[Said]:
        q = facts.query
        what = self._table[lang]["what"].get(facts.missing, self._table[lang]["what"]["about"])
        if facts.missing == "question":
            return [Said(self.say(lang, "missing_question"))]
        if facts.missing == "search":
            key = "missing_search" if _may_echo(q.term) else "missing_search_plain"
            return [Said(self.say(lang, key, t=q.term))]
        if not q.goals:
            return [Said(self.say(lang, "missing_plain", what=what))]
        place = self._label(q.goals[-1], lang)
        if facts.missing in ("has", "term", "which_floor"):
            t = _as_asked(q) if _may_echo(q.term) else self._table[lang]["what"]["has"]
            said = [Said(self.say(lang, f"missing_{facts.missing}", P=place, t=t))]
        else:
            said = [Said(self.say(lang, "missing", P=place, what=what))]
        # What is known stands beside what is not; the first sentence stays the refusal.
        said += self._plain(facts, lang)
        if len(said) == 1 and (can := self._can_ask(q.goals[-1], lang)):
            said.append(
                Said(
                    self.say(
                        lang, "ask_instead", can=korean.josa(can, "을") if lang == "ko" else can
                    )
                )
            )
        return said

    def _can_ask(self, place: str, lang: Lang) -> str:
        p = self.venue.place(place)
        words: dict[str, str] = self._table[lang]["can"]
        known = {
            "floors": p.floors is not None and p.floors.note is None, "features": bool(p.features),
            "minutes": p.minutes is not None and p.id not in (self.venue.origin, *self.venue.origin_also),
            "route": any(d.to == p.id for d in self.venue.directions) or p.transit is not None,
        }  # fmt: skip
        said = [words[k] for k, yes in known.items() if yes]
        if lang == "ko" or len(said) < 2:
            return ", ".join(said)
        return f"{', '.join(said[:-1])}{self._table[lang]['bus_or']}{said[-1]}"


def _may_echo(words: str) -> bool:
    """Only a short name is said back: a visitor's sentence never becomes part of an answer."""
    return len(words) <= 24 and len(words.split()) <= 3 and not re.search(r"\d", words)


def _as_asked(query: Query) -> str:
    """The thing with the article it was asked with: "a billiard room", "an optician"."""
    if query.lang == "ko" or query.slot != "has":
        return query.term
    found = re.search(rf"\b(?:an?|any|some) {re.escape(query.term)}", query.text, re.I)
    return found[0] if found else query.term


def _group(facts: Facts, first: Fact) -> list[Fact]:
    """The facts that share a sentence with `first`: values of one list, parts of one ride."""
    if first.kind not in {"feature", "floors", "minutes", "inside", "transit"}:
        return [first]
    alone = first.kind == "transit" and first.unit == "walk"
    return [
        f
        for f in facts.of(first.kind, first.subject)
        if first.kind != "transit" or (f.unit == "walk") == alone
    ]


def _number(value: str | int | float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _one(text: str, value: Any) -> str:
    """English singular: "1 floors" reads as a slip."""
    return re.sub(r"\b1 (floor|minute)s\b", r"1 \1", text) if value == 1 else text


def _levels(levels: Sequence[int], lang: Lang) -> str:
    if lang == "ko":
        return ", ".join(f"지하 {-n}층" if n < 0 else f"{n}층" for n in levels)
    return " and ".join(f"basement level {-n}" if n < 0 else f"floor {n}" for n in levels)


def _english_lines(lines: Sequence[str], lang: Lang) -> list[str]:
    return [x.replace("성동", "Seongdong ") for x in lines] if lang == "en" else list(lines)
