"""(text, Facts) -> Verdict: every claim in the text is one of the facts, or the text is dropped.

Closed world: a number, name, side, move or plain word that no fact accounts for is a fault. What
is checked is the claim together with what it is said of: "국제관은 5층" is wrong although some
other building has five floors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from giljabi import korean
from giljabi.answer import loops
from giljabi.answer.claims import Atom, atoms, cut_name, sentences
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.numbers import states
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.sides import find_side
from giljabi.answer.vocabulary import fact_words, unknown_words
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Venue

_HEDGE = re.compile(r"약|정도|추정|about|approximately|around|roughly|estimate|고친|record", re.I)
_YES, _NO = re.compile(r"^(?:네|예|응|yes)\b", re.I), re.compile(r"^(?:아니|no)\b", re.I)
_ORIGIN_KO = re.compile(r"^(?:\s*\([^)]*\))?\s*(?:에서|부터|에서부터)")
# A start that is no place of the venue: "왕십리교회에서 … 16분".
_LOOSE_ORIGIN_KO = re.compile(r"(?<![\x00가-힣])[가-힣]{2,}(?:에서|부터)(?=\s)")
_LOOSE_ORIGIN_EN = re.compile(r"\bfrom (?:the )?(?!there\b|here\b|the\b)[A-Za-z]\w+")
_ORIGIN_EN = re.compile(r"\b(?:from|leaving|leave)(?:\s+the)?\s*$", re.I)
_SPARE = 4  # sentences an answer may have beyond the template's


@dataclass(frozen=True, slots=True)
class Claim:
    """A stretch of text and the fact it states, or what is wrong with it."""

    text: str
    fact: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every claim is a fact, and claim by claim which."""

    ok: bool
    claims: tuple[Claim, ...] = ()

    @property
    def facts(self) -> frozenset[str]:
        """The ids of the facts the text states."""
        return frozenset(c.fact for c in self.claims if c.fact)


@dataclass
class _Context:
    """What one text is checked against; `spot` is how far along the route it has come."""

    facts: Facts
    lang: Lang
    ready: dict[str, frozenset[str]]
    words: frozenset[str]
    subjects: tuple[str, ...]
    allowed: frozenset[str]
    values: list[tuple[str, str]]
    labels: list[tuple[str, str]]
    route: list[tuple[tuple[str, str], str]] = field(default_factory=list)
    spot: int = 0

    def by_id(self, ident: str) -> Fact | None:
        return next((f for f in self.facts.items if f.id == ident), None)


class Checker:
    """Checks text against facts for one venue."""

    def __init__(self, venue: Venue, names: Names, phrasebook: Phrasebook) -> None:
        self._venue, self._names, self._book = venue, names, phrasebook
        self._ids = {p.id for p in venue.places}

    def check(self, text: str, facts: Facts) -> Verdict:
        """The verdict on a whole answer."""
        context = self.context(facts)
        parts = sentences(text)
        claims = [c for s in parts for c in self.sentence(s, context)]
        if len(parts) > _SPARE + len(context.ready) or loops.find(text) is not None:
            claims.append(Claim(text[-40:], problem="the text repeats itself or does not end"))
        return Verdict(bool(claims) and not any(c.problem for c in claims), tuple(claims))

    def context(self, facts: Facts) -> _Context:
        """Everything about `facts` that checking needs, computed once for many sentences."""
        lang = facts.query.lang
        ready: dict[str, frozenset[str]] = {}
        said = self._book.answer(facts)
        steps = {f.id for f in facts.of("step")}
        for s in said:
            for part in sentences(s.text):
                ready.setdefault(_plain(part), s.facts)
                if lang == "ko" and s.facts & steps:
                    ready.setdefault(_stemmed(part), s.facts)
        text = " ".join(s.text for s in said)
        subjects = tuple(dict.fromkeys(f.subject for f in facts.items))

        objects = {o for f in facts.items for o in f.object.split(",") if o in self._ids}
        allowed = {*subjects, *objects, *facts.places, self._venue.origin, *self._venue.origin_also}
        context = _Context(
            facts, lang, ready, fact_words(text), subjects, frozenset(allowed), self._values(facts),
            [(self._venue.place(p).label(lang), p) for p in {*subjects, *objects}],
        )  # fmt: skip
        for step in facts.of("step"):
            found, _ = atoms(str(step.value), lang, self._names, (), context.labels)
            context.route += [(_route_key(a), step.id) for a in found if a.kind in _ROUTE_KINDS]
            context.allowed |= {i for a in found if a.kind == "place" for i in a.ids}
        return context

    def _values(self, facts: Facts) -> list[tuple[str, str]]:
        out = []
        for f in facts.items:
            if isinstance(f.value, str) and f.kind in _LITERAL:
                out.append((f.value, f.id))
            if f.kind == "inside" and f.object:
                out.append((f.object, f.id))
            if (
                f.kind == "transit"
                and f.unit == "subway"
                and (n := re.match(r"(\d+)호선", str(f.value)))
            ):
                out.append((f"Line {n[1]}", f.id))
            if f.kind == "transit" and f.unit == "bus" and str(f.value).startswith("성동"):
                out.append((str(f.value).replace("성동", "Seongdong "), f.id))
        return out

    def sentence(self, sentence: str, context: _Context) -> list[Claim]:
        """The claims of one sentence; advances the context along the route."""
        key = _plain(sentence)
        if key not in context.ready and context.lang == "ko":
            key = _stemmed(sentence)
        if key in context.ready:
            return [Claim(sentence, f) for f in sorted(context.ready[key])] or [Claim(sentence)]
        if problem := _script_problem(sentence, context):
            return [Claim(sentence, problem=problem)]
        if loops.find(sentence) is not None:
            return [Claim(sentence[-40:], problem="the sentence goes round in circles")]
        found, rest = atoms(sentence, context.lang, self._names, context.values, context.labels)
        claims = [
            Claim(w, problem="a word that no fact and no plain wording accounts for")
            for w in unknown_words(rest, context.words)
        ]
        claims += [
            Claim(a.text, problem="says no or not, which no fact does")
            for a in found
            if a.kind == "negation"
        ]
        if context.lang == "ko" and (cut := cut_name(sentence, found, context.labels)):
            claims.append(Claim(cut, problem="a name cut short"))
        if _YES.match(sentence) or _NO.match(sentence):
            claims += self._yes_or_no(sentence, context)
        routed = self._along_route(sentence, found, context)
        if routed is not None:
            return claims + routed
        for i, atom in enumerate(found):
            claims += self._claim(sentence, found, i, atom, context)
        return claims or [Claim(sentence)]

    def _claim(
        self, text: str, found: Sequence[Atom], i: int, atom: Atom, context: _Context
    ) -> list[Claim]:
        check: Callable[[str, Sequence[Atom], int, _Context], Claim] | None = {
            "place": self._place, "value": self._value, "number": self._number,
            "side": self._side, "compare": self._compare, "ride": self._ride,
        }.get(atom.kind)  # fmt: skip
        if atom.kind == "move":
            return [Claim(atom.text, problem="a move that the facts do not describe")]
        return [check(text, found, i, context)] if check else []

    def _place(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        atom = found[i]
        if not context.allowed.intersection(atom.ids) and not any(map(context.by_id, atom.ids)):
            return Claim(atom.text, problem="a place that the facts do not name")
        return Claim(atom.text)

    def _topic(
        self, text: str, found: Sequence[Atom], i: int, context: _Context
    ) -> set[str] | None:
        """The places a value is said of; None when the sentence names none."""
        before = [
            a for a in found[:i] if a.kind == "place" and not _is_origin(text, a, context.lang)
        ]
        if before:
            return set(before[-1].ids)
        after = [
            a for a in found[i + 1 :] if a.kind == "place" and not _is_origin(text, a, context.lang)
        ]
        if after and context.lang == "en":
            return set(after[0].ids)
        return None

    def _of_topic(
        self, candidates: Sequence[Fact], topic: set[str] | None, context: _Context
    ) -> Fact | None:
        subjects = {f.subject for f in context.facts.items}
        for f in candidates:
            if topic is None:
                if len(subjects) == 1:
                    return f
            elif f.subject in topic:
                return f
        return None

    def _value(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        facts = [f for ident in found[i].ids if (f := context.by_id(ident))]
        neighbour = [f for f in facts if f.kind in ("neighbour", "transit")]
        if neighbour:
            return Claim(found[i].text, neighbour[0].id)
        topic = self._topic(text, found, i, context)
        if fact := self._of_topic(facts, topic, context):
            return Claim(found[i].text, fact.id)
        after = {p for a in found[i + 1 :] if a.kind == "place" for p in a.ids}
        if fact := next((f for f in facts if f.subject in after and not topic), None):
            return Claim(found[i].text, fact.id)
        return Claim(found[i].text, problem="said of a place it does not belong to")

    def _number(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        atom = found[i]
        candidates = [f for f in context.facts.items if states(f, atom, text, found, i)]
        fact = self._of_topic(candidates, self._topic(text, found, i, context), context)
        if fact is None:
            return Claim(atom.text, problem="a number that the facts do not give here")
        if fact.estimated and not _HEDGE.search(text):
            return Claim(atom.text, problem="an estimate said as if it were measured")
        if fact.kind in ("minutes", "distance"):
            if wrong := self._wrong_origin(text, found, fact, context):
                return Claim(wrong, problem="a walk from somewhere the facts do not start")
            ends = [a for a in found if a.kind == "place" and not _is_origin(text, a, context.lang)]
            if ends and not any(fact.subject in a.ids for a in ends):
                return Claim(ends[0].text, problem="a walk to somewhere the facts do not end")
        if atom.unit == "exit" and not _beside_its_stop(found, i, fact, context):
            return Claim(atom.text, problem="an exit of another station")
        return Claim(atom.text, fact.id)

    def _wrong_origin(self, text: str, found: Sequence[Atom], fact: Fact, context: _Context) -> str:
        """Where the sentence starts the walk, if that is not where the fact starts it."""
        starts = {
            fact.object,
            *(self._venue.origin_also if fact.object == self._venue.origin else ()),
        }
        starts |= {f.id for f in context.facts.of("transit") if f.unit == "board"}
        for a in found:
            named = a.kind in ("place", "value") and not starts & set(a.ids)
            if named and _is_origin(text, a, context.lang):
                return a.text
        rest = "".join(
            "\x00" if any(a.start <= n < a.end for a in found) else c for n, c in enumerate(text)
        )
        loose = (_LOOSE_ORIGIN_KO if context.lang == "ko" else _LOOSE_ORIGIN_EN).search(rest)
        return loose[0].strip() if loose else ""

    def _side(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        atom = found[i]
        if atom.value == "compass":
            bearing = context.facts.of("bearing")
            ok = bearing and _plain(atom.text) in _plain(" ".join(context.words))
            return (
                Claim(atom.text, bearing[0].id)
                if ok
                else Claim(atom.text, problem="a bearing no fact gives")
            )
        stop = next((f for f in context.facts.of("transit") if f.unit == "board_exit"), None)
        if stop is not None and atom.value == "front" and found[i - 1].unit == "exit":
            return Claim(atom.text, stop.id)
        fact = find_side(text, found, i, context.facts, context.lang)
        if fact is None:
            return Claim(atom.text, problem="a direction that the facts do not give")
        return Claim(atom.text, fact.id)

    def _compare(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        atom = found[i]
        if atom.value == "same":
            ok = "tie" in context.facts.notes
            return Claim(atom.text) if ok else Claim(atom.text, problem="not the same")
        verdicts = [*context.facts.of("closer"), *context.facts.of("taller")]
        places = [a for a in found if a.kind == "place"]
        than = re.compile(r"^(?:\s*\([^)]*\))?\s*보다") if context.lang == "ko" else None
        rivals = [
            a for a in places
            if (than and than.match(text[a.end :])) or re.search(r"\bthan(?:\s+the)?\s*$", text[: a.start])
        ]  # fmt: skip
        said_of = [a for a in places if a not in rivals and not _is_origin(text, a, context.lang)]
        nearest = [a for a in said_of if a.end <= atom.start][-1:] or said_of[:1]
        for f in verdicts:
            if f.unit == atom.value and nearest and f.subject in nearest[0].ids:
                return Claim(atom.text, f.id)
        return Claim(atom.text, problem="a comparison that the facts do not make")

    def _ride(self, text: str, found: Sequence[Atom], i: int, context: _Context) -> Claim:
        """Getting on happens at the boarding stop, getting off where the ride ends."""
        atom = found[i]
        stops = {f.unit: f for f in context.facts.of("transit") if f.unit in ("board", "alight")}
        if not stops:
            return Claim(atom.text, problem="a ride that the facts do not describe")
        wanted = stops["alight" if atom.value == "off" else "board"]
        other = stops["board" if atom.value == "off" else "alight"]
        around = found[:i][::-1] if context.lang == "ko" else found[i + 1 :]
        ends = {wanted.id, other.id}
        said = next((j for a in around for j in a.ids if j in ends), None)
        if said == other.id and wanted.value != other.value:
            return Claim(atom.text, problem="the wrong stop for getting on or off")
        return Claim(atom.text, wanted.id if said else "")

    def _along_route(
        self, text: str, found: Sequence[Atom], context: _Context
    ) -> list[Claim] | None:
        """A sentence about the way follows the described steps in order and leaves none out."""
        said = [_route_key(a) for a in found if a.kind in _ROUTE_KINDS]
        moves = any(a.kind in ("side", "move") for a in found)
        if not context.route or not said or not (moves or len(said) > 2):
            return None
        for start in range(context.spot, len(context.route) - len(said) + 1):
            end = start + len(said)
            if [key for key, _ in context.route[start:end]] == said:
                context.spot = end - 1
                told = {s for _, s in context.route[start:end]}
                partly = {s for _, s in context.route[:start] + context.route[end:]}
                return [Claim(text, s) for s in sorted(told - partly)] or [Claim(text)]
        sides = [a for a in found if a.kind == "side"]
        if sides and not any(a.kind == "move" for a in found) and context.facts.of("neighbour"):
            return None
        if not moves:
            return None
        return [Claim(text, problem="does not follow the described way")]

    def _yes_or_no(self, text: str, context: _Context) -> list[Claim]:
        wanted = "yes" if _YES.match(text) else "no"
        checks = context.facts.of("check")
        if checks and checks[0].value == wanted:
            return [Claim(text[:3], checks[0].id)]
        return [Claim(text[:3], problem="answers yes or no where the facts do not")]


_LITERAL = frozenset({"kind", "feature", "neighbour", "transit", "detail", "floors", "member"})
_ROUTE_KINDS = frozenset({"place", "side", "move", "number", "ride"})


_ENDINGS = re.compile(
    r"(?:(?:으?시면|면)(?:됩니다|돼요|돼)|으?십시오|으?세요|습니다|입니다|이에요|예요|이야|야|어요|아요|어|아)$"
)
_CONTRACTED = (("올라", "오르"), ("나와", "나오"), ("와", "오"), ("봐", "보"), ("질러", "지르"), ("해", "하"),
               ("돌", "도"), ("나옵니다", "나오"), ("보입니다", "보이"), ("보여", "보이"))  # fmt: skip


def _plain(text: str) -> str:
    return re.sub(r"[\s.!?,'\"“”‘’]+", "", text).lower()


def _stemmed(text: str) -> str:
    """A Korean sentence without the speech level of its last verb: "가세요", "가십시오" and "가"."""
    bare = _ENDINGS.sub("", _plain(text))
    for short, full in _CONTRACTED:
        if bare.endswith(short):
            return f"{bare.removesuffix(short)}{full}\x00"
    return f"{bare}\x00"


def _script_problem(sentence: str, context: _Context) -> str:
    if foreign := korean.foreign_script(sentence):
        return f"the script of {foreign[0]!r} does not belong in the answer"
    bare = sentence
    for text, _ in [*context.labels, *context.values]:
        bare = bare.replace(text, "")
    if context.lang == "en" and korean.has_hangul(bare):
        return "Korean in an English answer"
    if context.lang == "ko" and not korean.has_hangul(sentence) and re.search(r"[A-Za-z]{3}", bare):
        return "not Korean"
    return ""


def _is_origin(text: str, atom: Atom, lang: Lang) -> bool:
    if lang == "ko":
        return bool(_ORIGIN_KO.match(text[atom.end :]))
    return bool(_ORIGIN_EN.search(text[: atom.start]))


def _beside_its_stop(found: Sequence[Atom], i: int, fact: Fact, context: _Context) -> bool:
    """Whether the stop named nearest to an exit is the one the exit belongs to."""
    stops = {f.unit: f for f in context.facts.of("transit") if f.unit in ("board", "alight")}
    if fact.kind != "transit" or len(stops) < 2:
        return True
    own = stops[fact.unit.removesuffix("_exit")]
    ids = {f.id for f in stops.values()}
    near = sorted((abs(n - i), n > i, j) for n, a in enumerate(found) for j in a.ids if j in ids)
    return not near or near[0][2] == own.id or stops["board"].value == stops["alight"].value


def _route_key(atom: Atom) -> tuple[str, str]:
    if atom.kind == "place":
        return "place", min(atom.ids, default=atom.text)
    return atom.kind, f"{atom.value}{atom.unit}"
