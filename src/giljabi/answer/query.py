"""From what a visitor says to what is asked: rules first, places linked, follow-ups resolved."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

from giljabi import korean
from giljabi.answer.words import content_words, language
from giljabi.venue.mention import Mention
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Side, Venue

Slot = str
"""A name from questions.toml, or "search", "has", "check" and "none"."""

LangChoice = Literal["ko", "en", "auto"]

NEEDS_PLACE = frozenset(
    "closer taller transit transit.transfer transit.exit transit.alight transit.board transit.walk "
    "side nearby floors minutes distance code kind features route where about has".split()
)
_SIDES_KO: tuple[tuple[str, Side], ...] = (
    (r"오른(쪽|편)?위|우측상단", "right-up"), (r"오른(쪽|편)?아래|우측하단", "right-down"),
    (r"왼(쪽|편)?위", "left-up"), (r"왼(쪽|편)?아래", "left-down"),
    (r"오른(쪽|편)|우측", "right"), (r"왼(쪽|편)|좌측", "left"), (r"맞은편|건너편", "opposite"),
    (r"위쪽|위에|윗|(?<=@)위", "up"), (r"아래|밑", "down"), (r"앞", "front"), (r"뒤", "behind"),
)  # fmt: skip
_SIDES_EN: tuple[tuple[str, Side], ...] = (
    (r"(upper|top) right", "right-up"), (r"(lower|bottom) right", "right-down"),
    (r"\bright\b(?! next)", "right"), (r"\bleft\b", "left"), (r"opposite|across from", "opposite"),
    (r"\babove\b|\buphill\b|up from", "up"), (r"\bbelow\b|\bunder\b|downhill", "down"),
    (r"in front of|\bfront\b", "front"), (r"behind|\bback of\b", "behind"),
)  # fmt: skip
_HAS_KO = re.compile(
    r"(?:@)(?:에|에는|엔|안에|안에는|내에|건물에|건물에는|에서)?(.{1,14}?)(?:이|가|도|은|는)?(?:있(?:어|나|는지|을까|습니까|냐|니|죠|지|음|을까요|나요|어요)|이용|사먹|살수|마실수|먹을수|볼수)"
)
_HAS_EN = re.compile(
    r"(?:is|are) there (?:a |an |any |some )?(.+?) (?:in|at|inside|on) (?:the )?@"
    r"|does (?:the )?@ have (?:a |an |any |some )?(.+?)[?.]?$"
    r"|can i (.+?) (?:in|at|inside) (?:the )?@"
)
_CLAIM = re.compile(r"(\d+)\s*(층|분|번|km|킬로|floors?|stor\w+|-stor\w+|min\w*)")
_CHECK_KO = re.compile(
    r"(맞(아|나|지|죠|습|는|음)|이야\?|인가|이지\?|이죠|이에요\?|예요\?|입니까|이니\?|거야\?|거지|아니(야|지|에)|짜리)"
)
_CHECK_EN = re.compile(r"^(is|are|does|do|isn't|so)\b|right\?|correct\?")


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked.

    `goals` and `origin` are place ids. `options` are other readings of an ambiguous name: when
    `goals` is empty the visitor has to choose, else the first reading was taken. `unknown` holds
    names the venue does not have, `guess` is set when the name was only nearly heard.
    """

    text: str
    lang: Lang
    slot: Slot
    goals: tuple[str, ...] = ()
    origin: str | None = None
    options: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    guess: bool = False
    side: Side | None = None
    term: str = ""
    claim: tuple[int, str] | None = None
    flags: frozenset[str] = frozenset()


@lru_cache(maxsize=1)
def _patterns() -> dict[str, Any]:
    raw = tomllib.loads((files("giljabi.answer") / "questions.toml").read_text("utf-8"))
    out: dict[str, Any] = {"slots": []}
    for slot in raw.pop("slot"):
        ko, en = (re.compile("|".join(slot[lang])) for lang in ("ko", "en"))
        out["slots"].append((slot["name"], ko, en))
    raw.pop("stop")
    for name, both in raw.items():
        out[name] = {lang: re.compile(both[lang]) for lang in ("ko", "en")}
    return out


class Understanding:
    """Turns of a conversation into queries, for one venue."""

    def __init__(
        self, venue: Venue, names: Names, referent: Callable[[Query], tuple[str, ...]] | None = None
    ) -> None:
        self._venue = venue
        self._names = names
        self._referent = referent or (lambda query: query.goals[-1:])
        self._cached = lru_cache(maxsize=4096)(self._read)

    def read(self, turns: tuple[str, ...], lang: LangChoice = "auto") -> Query:
        """The query behind the last of `turns`, the earlier ones being its context."""
        return self._cached(turns[-10:], lang)

    def _read(self, turns: tuple[str, ...], lang: LangChoice) -> Query:
        before = self._cached(turns[:-1], lang) if len(turns) > 1 else None
        last = self._referent(before) if before else ()
        return _Reading(self._venue, self._names, turns[-1], lang, before, last).query()


class _Reading:
    """One question being read; small steps over shared text and mentions."""

    def __init__(
        self, venue: Venue, names: Names, text: str, lang: LangChoice, before: Query | None,
        last: tuple[str, ...],
    ) -> None:  # fmt: skip
        self.venue, self.text, self.before, self.last = venue, " ".join(text.split()), before, last
        self.lang: Lang = language(self.text, venue.languages) if lang == "auto" else lang
        self.mentions = names.find(self.text)
        self.masked = self._mask()
        self.squeezed = re.sub(r"[\s,.!~'\"“”‘’]+", "", self.masked.lower())
        self.p = _patterns()

    def _mask(self) -> str:
        out, last = [], 0
        for m in self.mentions:
            out += [self.text[last : m.start], " @ " if self.lang == "en" else "@"]
            last = m.end
        return re.sub(r"\s+", " ", "".join([*out, self.text[last:]])).strip()

    def _has(self, name: str) -> bool:
        lang = self.lang
        return bool(
            self.p[name][lang].search(self.squeezed if lang == "ko" else self.masked.lower())
        )

    def query(self) -> Query:
        slot = self._slot()
        query = Query(self.text, self.lang, slot, flags=self._flags())
        if slot == "injection" and any(m.places for m in self.mentions):
            # The honest part of the question is answered; none of its text reaches a model.
            slot = self._slot(skip="injection")
            query = replace(query, slot=slot, flags=query.flags | {"untrusted"})
        if slot in ("injection", "greeting", "outside"):
            return query
        query = self._link(query)
        query = self._follow(query)
        query = self._refine(query)
        return query

    def _flags(self) -> frozenset[str]:
        found = {f for f in ("second", "step_free", "farther", "lower", "here") if self._has(f)}
        words = self._search_term().split()
        if len(words) > 1 and all(w[0].isascii() and w.title() in self.text for w in words):
            found.add("proper")  # "Lotte World": a name, not a description
        return frozenset(found)

    def _slot(self, skip: str = "") -> Slot:
        low = self.masked.lower()
        plain = re.sub(r"\s+", "", self.text.lower())
        for name, ko, en in self.p["slots"]:
            if name == skip:
                continue
            if name == "injection" and (ko.search(plain) or en.search(self.text.lower())):
                return str(name)
            if (ko if self.lang == "ko" else en).search(
                self.squeezed if self.lang == "ko" else low
            ):
                return str(name)
        return "none"

    def _role(self, m: Mention) -> str:
        before, after = self.text[: m.start].rstrip(), self.text[m.end :]
        if re.match(
            r"\s*(?:건물|쪽|앞)?(?:을|를)?\s*(?:에서|애서|부터|기준|서\s)", after
        ) and not re.match(
            r"\s*에서\s*(?:가장|제일)?\s*(?:가까|뭐|무엇|어떤|볼|할|공연|먹|살)", after
        ):
            return "origin"
        if re.search(
            r"\b(?:from|leaving|leave|start(?:ing)? (?:at|from)|I'm (?:at|in)|I am (?:at|in))(?: the)?$",
            before,
            re.I,
        ):
            return "origin"
        if re.search(r"\bside of(?: the)?$", before):
            return "origin"
        return "goal"

    def _link(self, query: Query) -> Query:
        goals: list[str] = []
        options: list[str] = []
        unknown: list[str] = []
        origin, guess = None, False
        for m in self.mentions:
            if m.how == "unknown":
                unknown.append(m.text)
                continue
            place, others = self._choose(m)
            if (
                self._role(m) == "origin"
                and query.slot in _TRAVEL
                and len(self.mentions) + bool(self._pronoun()) > 1
            ):
                origin = place or (others[0] if others else None)
                continue
            if place is None:
                options += others
            elif place not in goals:
                goals.append(place)
                options += others
            guess = guess or m.how == "maybe"
        if guess:
            options, goals = [*goals, *options], []
        return replace(
            query, goals=tuple(goals), origin=origin, options=tuple(dict.fromkeys(options)),
            unknown=tuple(unknown), guess=guess,
        )  # fmt: skip

    def _choose(self, m: Mention) -> tuple[str | None, list[str]]:
        """The place meant and the others it might be; None where the visitor has to say."""
        if m.how in ("exact", "code", "near"):
            return m.places[0], list(m.places[1:])
        if self.before is not None and self.before.options:
            kept = [p for p in m.places if p in self.before.options]
            if len(kept) == 1:
                return kept[0], []
        return None, list(m.places)

    def _pronoun(self) -> bool:
        return self._has("pronoun")

    def _follow(self, query: Query) -> Query:
        before = self.before
        if before is None:
            return query
        known = bool(query.goals or query.options or query.unknown)
        last = self.last or before.options[:1] * (before.guess or len(before.options) == 1)
        if self._pronoun() and last:
            if re.search(r"(거기|그곳|그건물|거긴)(에서|서|부터)", self.squeezed) or re.search(
                r"from (there|it)\b", self.masked.lower()
            ):
                query = replace(query, origin=last[0])
                if query.slot in ("none", "about"):
                    query = replace(query, slot="route")
            elif not query.goals and not query.unknown:
                query = replace(query, goals=last)
            elif query.slot in ("closer", "taller", "side"):
                query = replace(query, goals=(*last, *query.goals))
        elif (
            not known and query.slot in NEEDS_PLACE | {"none"} | {"step_free"} and not self._fresh()
        ):
            query = self._bare_follow(query, before, last)
        elif not known and query.slot.startswith("detail."):
            query = replace(query, goals=last)
        if known and (
            (query.slot in ("none", "about", "where") and self._swaps()) or query.slot == "none"
        ):
            slot = (
                before.slot
                if before.slot not in ("greeting", "outside", "injection", "search")
                else "about"
            )
            origin = query.origin or (before.origin if slot in _TRAVEL else None)
            query = replace(query, slot=slot if slot != "none" else "about", origin=origin, term=before.term,
                            side=before.side if slot == "nearby" else None)  # fmt: skip
        return query

    def _bare_follow(self, query: Query, before: Query, last: tuple[str, ...]) -> Query:
        """No place named: "몇 층이야?" after a place was talked about; "네" to a guess."""
        if before.guess and re.match(
            r"^(네|예|응|맞|그래|어|yes|yeah|right|correct)", self.squeezed
        ):
            return replace(
                before, text=query.text, goals=before.options[:1], options=(), guess=False
            )
        if before.options and not before.goals:
            pick = re.match(r"^(첫|두|세|네|1|2|3|4)(번째|번)?", self.squeezed)
            order = {"첫": 0, "두": 1, "세": 2, "네": 3, "1": 0, "2": 1, "3": 2, "4": 3}
            if pick and order[pick[1]] < len(before.options):
                return replace(
                    before, text=query.text, goals=(before.options[order[pick[1]]],), options=()
                )
        if query.slot == "none" and "second" in query.flags:
            query = replace(query, slot="route")
        if query.slot in ("none", "nearby", "where") and (side := self._side()) and before.goals:
            return replace(query, slot="nearby", side=side, goals=before.goals[-1:])
        if query.slot in NEEDS_PLACE and last:
            goals = (
                before.goals
                if query.slot in ("closer", "taller") and len(before.goals) > 1
                else last
            )
            return replace(
                query, goals=goals, origin=before.origin if query.slot in _TRAVEL else None
            )
        return query

    def _fresh(self) -> bool:
        """A question that stands alone: it asks for what there is, not about the last place."""
        return bool(self._search_term()) and self._residue_is_new()

    def _residue_is_new(self) -> bool:
        return (
            bool(re.search(r"(어디|있어|있나|찾|추천|수있|싶)", self.squeezed))
            if self.lang == "ko"
            else bool(
                re.search(
                    r"\b(where can|any|find|looking for|somewhere|is there|are there|nearest|i want|i need)\b",
                    self.masked.lower(),
                )
            )
        )

    def _swaps(self) -> bool:
        text = (
            self.squeezed.rstrip("?")
            if self.lang == "ko"
            else re.sub(r"[?.!,]", "", self.masked.lower()).strip()
        )
        return bool(self.p["follow"][self.lang].match(text))

    def _search_term(self) -> str:
        return " ".join(content_words(self.masked, self.lang))

    def _refine(self, query: Query) -> Query:
        claim = None
        if found := _CLAIM.search(self.masked):
            ask = _CHECK_KO if self.lang == "ko" else _CHECK_EN
            if ask.search(self.squeezed if self.lang == "ko" else self.masked.lower()):
                claim = (int(found[1]), found[2])
        side = (
            query.side or self._side()
            if query.slot in ("nearby", "side", "none", "where", "about")
            else query.side
        )
        term = query.term
        slot = query.slot
        if query.goals and (facility := self._facility()) and slot in _OF_A_PLACE:
            slot, term = "has", facility
        elif (
            query.goals
            and slot in ("none", "about", "features", "where")
            and (has := self._has_term())
        ):
            slot, term = "has", has
        elif not query.goals and not query.options and not query.unknown:
            term = self._search_term()
            if (
                slot
                in (
                    "where",
                    "none",
                    "about",
                    "features",
                    "nearby",
                    "minutes",
                    "closer",
                    "route",
                    "distance",
                    "kind",
                    "has",
                    "floors",
                    "detail.menu",
                    "count",
                    "code",
                )
                and term
            ) or (slot.startswith("transit") and term and not _LINE.search(self.text)):
                slot = "search"
        if slot == "closer" and len(query.goals) <= 1 and (near := self._search_term()):
            slot, term = "search", near
            query = replace(query, origin=(query.goals or (query.origin,))[0], goals=())
        if slot == "side" and query.origin and len(query.goals) == 1:
            query = replace(query, goals=(*query.goals, query.origin), origin=None)
        if slot == "where" and query.origin and query.goals:
            slot = "route"
        if slot in ("route", "minutes", "distance") and len(query.goals) == 2 and not query.origin:
            query = self._two_ends(query)
        if slot in ("none", "about") and query.goals and not query.origin:
            term = self._search_term()
        if slot in ("none", "about") and len(query.goals) >= 1 and query.origin:
            slot = "route"
        if slot in ("nearby", "about", "kind", "where", "none") and len(query.goals) == 2 and side:
            slot = "side"
        if slot == "none" and query.goals:
            slot = "about"
        return replace(query, claim=claim, side=side, term=term, slot=slot)

    def _two_ends(self, query: Query) -> Query:
        """ "A 수업 끝나고 B로 가려면": the first place is where one starts, unless passed through."""
        first = next(m for m in self.mentions if query.goals[0] in m.places)
        if re.match(r"\s*(?:건물)?(?:을|를)?\s*(?:지나|거쳐|통해|통과|앞)", self.text[first.end :]):
            return replace(query, goals=query.goals[1:])
        return replace(query, origin=query.goals[0], goals=query.goals[1:])

    def _facility(self) -> str:
        """Something inside a building that the question is really about."""
        found = self.p["facility"][self.lang].search(
            self.squeezed if self.lang == "ko" else self.masked.lower()
        )
        return str(found[0]) if found else ""

    def _side(self) -> Side | None:
        table = _SIDES_KO if self.lang == "ko" else _SIDES_EN
        text = self.squeezed if self.lang == "ko" else self.masked.lower()
        return next((side for pattern, side in table if re.search(pattern, text)), None)

    def _has_term(self) -> str:
        if self.lang == "ko":
            found = _HAS_KO.search(self.squeezed)
            term = korean.strip_particle(found[1]) if found else ""
            odd = r"뭐|무엇|무슨|어디|어떤|몇|얼마|누|어느|왜|언제|번호|층|코드|위치|거리|갈수|가는|걸을|걸어|@"
            return "" if not term or re.search(odd, term) else term
        found = _HAS_EN.search(self.masked.lower())
        return next((g for g in found.groups() if g), "") if found else ""


_LINE = re.compile(r"\d{3,4}|성동\s*\d|\d호선|[Ll]ine \d")
_OF_A_PLACE = frozenset("floors where code none about features has kind".split())
_TRAVEL = frozenset("route minutes distance where about none transit side".split())
