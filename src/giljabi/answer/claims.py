"""A sentence as atoms: places, numbers with units, sides, moves, and the words left over.

Knows how Korean and English say these things and nothing of whether they are true.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from giljabi.venue.names import Names
from giljabi.venue.place import Lang

AtomKind = Literal["place", "value", "number", "side", "move", "compare", "negation", "ride"]

_UNITS: tuple[tuple[str, str], ...] = (
    (r"층|floors?\b|stor(?:e?y|ies|eys)\b|levels?\b", "floor"),
    (r"분|min(?:ute)?s?\b", "min"),
    (r"km(?![A-Za-z])|킬로미터|킬로|kilomet(?:re|er)s?\b", "km"),
    (r"m(?![A-Za-z])|미터|met(?:re|er)s?\b", "m"),
    (r"번\s*출구", "exit"),
    (r"호선", "line"),
    (r"번\s*버스", "bus"),
    (r"곳|군데|places?\b", "count"),
    (r"번째", "nth"),
    (r"번\s*건물|번|관\b|호", "code"),
)
_NUMBER = re.compile(
    r"(?P<pre>지하\s*|basement\s+(?:level\s+)?|exit\s+(?:no\.?\s*|number\s+)?|line\s+|bus\s+(?:no\.?\s*|number\s+)?|"
    r"building\s+(?:no\.?\s*|number\s+(?:is\s+)?)?|floors?\s+|number\s+(?:is\s+)?|level\s+)?"
    r"(?P<n>\d+(?:\.\d+)?)(?:st|nd|rd|th)?\s*-?\s*(?P<unit>"
    + "|".join(f"(?:{p})" for p, _ in _UNITS)
    + r")?(?P<post>\s*(?:above|below|under|basement|exit))?",
    re.I,
)
_PRE = {"지하": "basement", "basement": "basement", "exit": "exit", "line": "line", "bus": "bus",
        "building": "code", "number": "code", "floor": "floor", "level": "floor"}  # fmt: skip
SIDES: tuple[tuple[str, str], ...] = (
    (r"오른(?:쪽|편)?\s*위(?:쪽)?|(?:upper|top)[- ]right", "right-up"),
    (r"오른(?:쪽|편)?\s*아래(?:쪽)?|(?:lower|bottom)[- ]right", "right-down"),
    (r"왼(?:쪽|편)?\s*위(?:쪽)?|(?:upper|top)[- ]left", "left-up"),
    (r"왼(?:쪽|편)?\s*아래(?:쪽)?|(?:lower|bottom)[- ]left", "left-down"),
    (r"오른(?:쪽|편)|우측|우회전|\bright(?:\s+side)?\b", "right"),
    (r"왼(?:쪽|편)|좌측|좌회전|\bleft(?:\s+side)?\b", "left"),
    (r"맞은편|건너편|반대편|\bopposite\b|\bacross from\b|\bother side\b", "opposite"),
    (r"위쪽|위(?=에|로|의|\s|는)|윗|\babove\b(?!\s+ground)|\bupper\b|\bon top\b", "up"),
    (r"아래쪽|아래(?=에|로|의|\s|는)|밑|\bbelow\b(?!\s+ground)|\blower\b|\bunder\b|\bbeneath\b", "down"),
    (r"앞쪽|앞(?=에|으로|의|\s|은)|정면|\bin front of\b|\bfront\b|\bfacing\b", "front"),
    (r"뒤쪽|뒤편|뒤(?=에|로|의|\s|는|쪽)|\bbehind\b|\bbehind it\b|\brear\b|\bback of\b", "behind"),
    (r"옆|곁|\bnext to\b|\bbeside\b|\badjacent\b|\balongside\b", "beside"),
    (r"근처|인근|주변|부근|가까이|\bnear(?:by)?\b|\bclose to\b|\baround (?=the)", "near"),
    (r"멀리|\bfar (?:from|away)\b", "far"),
    (r"북동|남동|북서|남서|동쪽|서쪽|남쪽|북쪽|\b(?:north|south|east|west)(?:-?(?:east|west))?\b", "compass"),
)  # fmt: skip
_MOVES: tuple[tuple[str, str], ...] = (
    (r"올라|오르|언덕|uphill|\bgo up\b|\bclimb|\bhill\b", "climb"),
    (r"내려가|내려오|내리막|downhill|\bgo down\b|\bdescend", "descend"),
    (r"건너|\bcross\b|\bcrossing\b", "cross"), (r"계단|\bstairs?\b|\bsteps\b", "stairs"),
    (r"엘리베이터|승강기|\belevator|\blift\b", "lift"), (r"에스컬레이터|\bescalator", "escalator"),
    (r"곧장|직진|쭉|\bstraight\b", "straight"), (r"꺾|돌아|\bturn\b", "turn"),
    (r"다리|\bbridge\b", "bridge"), (r"통로|복도|\bpassage|\bcorridor", "passage"),
    (r"지나|\bpast\b|\bpass\b|\bpassing\b", "pass"), (r"끝까지|\bend of\b|\bto the end\b", "end"),
)  # fmt: skip
_MORE = r"(?:더\s*|보다\s*(?:더\s*)?|가장\s*|제일\s*)"
_COMPARE: tuple[tuple[str, str], ...] = (
    (
        rf"{_MORE}(?:가까|가깝|빨리|빠르|빠릅|덜)"
        r"|\b(?:closer|nearer|closest|nearest|quicker|faster|shorter)\b",
        "least",
    ),
    (rf"{_MORE}(?:먼|멀|멉|오래)|\b(?:farther|further|farthest|furthest|longer)\b", "most"),
    (rf"{_MORE}(?:높|많)|\b(?:taller|higher|tallest|highest|more)\b", "most"),
    (rf"{_MORE}(?:낮|적)|\b(?:lower|fewer|less|lowest)\b", "least"),
    (r"같아|같습|동일|\bsame\b|\bequal", "same"),
)
_NEGATION = re.compile(
    r"없(?:어|습|는|다|고|음|으)|않|아니(?!면)|못\s|모르|\bnot\b|n't\b|\bno\b(?!\.)|\bnever\b|\bwithout\b|\bcannot\b",
    re.I,
)
_OPENING = re.compile(r"([가-힣A-Za-z0-9]{2,}?)(?:의|은|는|이|가|에|에는|에서|까지)(?=\s)")
_RIDE: tuple[tuple[str, str], ...] = (
    (r"내리|내려서|내린|내릴|내려\b|하차|\bget(?:ting)? off\b|\balight", "off"),
    (r"타고|타면|타세|타시|타야|탑승|승차|"
     r"\btake (?:the )?(?:bus|subway|line)?(?=\s|\x00)|\bboard\b|\bcatch\b|\bget on\b|\bride\b", "on"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Atom:
    """One claimable piece of a sentence; `ids` are place ids for places, fact ids for values."""

    kind: AtomKind
    start: int
    end: int
    text: str
    value: str = ""
    unit: str = ""
    ids: tuple[str, ...] = ()


def atoms(
    sentence: str, lang: Lang, names: Names, values: Iterable[tuple[str, str]],
    labels: Iterable[tuple[str, str]] = (),
) -> tuple[list[Atom], str]:  # fmt: skip
    """The atoms of a sentence in order, and what is left of it once they are blanked out.

    `values` are (text, fact id) and `labels` (text, place id) pairs to be recognised literally,
    so that a feature called 의과대학 is not taken for the building of that name.
    """
    found: list[Atom] = []
    rest = sentence
    literal = [(t, "value", i) for t, i in values] + [(t, "place", i) for t, i in labels]
    grouped: dict[str, list[tuple[str, str]]] = {}
    for text, kind, ident in literal:
        if text:
            grouped.setdefault(text, []).append((kind, ident))
    # One stretch can be both: a bus stop that bears the name of the place beside it.
    for text, uses in sorted(grouped.items(), key=lambda kv: -len(kv[0])):
        kind = "place" if any(k == "place" for k, _ in uses) else "value"
        ids = [i for _, i in uses]
        pattern = re.escape(text).replace(r"\ ", r"\s*")
        if text[0].isascii() and text[0].isalnum():
            pattern = r"(?<![A-Za-z0-9])" + pattern
        if text[-1].isascii() and text[-1].isalnum():
            pattern += r"(?![A-Za-z0-9])"
        for m in re.finditer(pattern, rest, re.I):
            found.append(Atom(kind, *m.span(), m[0], text, "", tuple(ids)))  # type: ignore[arg-type]
        rest = re.sub(pattern, lambda m: "\x00" * len(m[0]), rest, flags=re.I)
    for named in names.written(rest):
        a, b = named.start, named.end
        found.append(Atom("place", a, b, named.text, "", "", named.places))
        rest = rest[:a] + "\x00" * (b - a) + rest[b:]
    rest = _numbers(rest, found)
    for table, kind in ((SIDES, "side"), (_COMPARE, "compare"), (_RIDE, "ride"), (_MOVES, "move")):
        rest = _table(rest, table, kind, found)  # type: ignore[arg-type]
    for m in _NEGATION.finditer(rest):
        found.append(Atom("negation", *m.span(), m[0]))
    found.sort(key=lambda a: a.start)
    return found, rest


def _numbers(rest: str, found: list[Atom]) -> str:
    for m in _NUMBER.finditer(rest):
        unit = ""
        if m["unit"]:
            unit = next(
                u for p, u in _UNITS if re.fullmatch(p.replace(r"\b", ""), m["unit"].strip(), re.I)
            )
        if m["pre"]:
            word = re.match(r"[a-z지하]+", m["pre"].strip().lower())
            key = word[0].rstrip("s") if word else ""
            unit = _PRE.get(key, unit) if key not in ("floor", "level") or not unit else unit
        if m["post"] and m["post"].strip().lower() in ("below", "basement"):
            unit = "basement"
        if m["post"] and m["post"].strip().lower() == "exit":
            unit = "exit"
        found.append(Atom("number", *m.span(), m[0].strip(), m["n"], unit))
    return _NUMBER.sub(lambda m: "\x00" * len(m[0]), rest)


def _table(rest: str, table: Sequence[tuple[str, str]], kind: AtomKind, found: list[Atom]) -> str:
    for pattern, value in table:
        for m in re.finditer(pattern, rest, re.I):
            found.append(Atom(kind, *m.span(), m[0], value))
        rest = re.sub(pattern, lambda m: "\x00" * len(m[0]), rest, flags=re.I)
    return rest


def cut_name(sentence: str, found: Sequence[Atom], labels: Iterable[tuple[str, str]]) -> str:
    """What a Korean sentence opens with in place of a label that has it as a part: 병원 of 병원동관.

    Empty where it opens with a place, a value, or nothing of a label.
    """
    opening = _OPENING.match(sentence)
    if opening is None or any(a.start < opening.end(1) for a in found):
        return ""
    word = opening[1]
    return word if word != "건물" and any(word in label for label, _ in labels) else ""


def sentences(text: str) -> list[str]:
    """Sentences in order. A full stop inside a number (1.2km) or "No. 3" does not end one."""
    parts = re.split(
        r"(?<=[.!?。])(?<!^\d\.)(?<!^\d\d\.)(?<!\bUniv\.)(?<!\b[NDM][or]\.)(?<!\bSt\.)\s+(?=\S)|\n+",
        text.strip(),
        flags=re.M,
    )
    return [p.strip() for p in parts if p.strip()]
