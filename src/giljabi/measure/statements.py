"""What a sentence states: numbers with their units and words of direction.

Knows Korean and English wording and no venue. Written apart from the guide's own verifier, so
that one does not inherit the other's blind spots. Korean numerals written out ("세 층") are not
read; English ones up to twenty-four are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_CARDINALS = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four
"""
_WORDS = {word: n for n, word in enumerate(_CARDINALS.split())}
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6}
_N = r"(?<![\d.,-])(\d[\d,]*(?:\.\d+)?)"
_NW = rf"(?:{_N}|\b({'|'.join(sorted(_WORDS, key=len, reverse=True))}))"
_PATTERNS: tuple[tuple[str, str], ...] = (
    ("minutes", rf"{_N}\s*분(?![야기위류당])"),
    ("minutes", rf"{_NW}[\s-]*min(?:ute)?s?\b"),
    ("basement", r"지하\s*(\d+)\s*층"),
    ("basement", rf"{_NW}\s+(?:basement|underground)\s+(?:floor|level)s?|\bB(\d)\b"),
    ("floors", rf"(?<!지하)(?<!지하\s){_N}\s*층"),
    (
        "floors",
        rf"{_NW}[\s-]*(?:(?:above-ground|aboveground)\s+)?(?:floor|stor(?:y|ie|ey|eye)|level)(?:s|d)?\b",
    ),
    (
        "floors",
        r"\bfloors?(?: above ground)?[:\s]+(\d+)\b|\b(\d+)(?:st|nd|rd|th)\s+floor|\b(\d+)F\b",
    ),
    ("floors", rf"\b({'|'.join(_ORDINALS)})\s+floor"),
    ("metres", rf"{_N}\s*(?:m\b|미터|met(?:er|re)s?\b)"),
    ("kilometres", rf"{_N}\s*(?:km|킬로|kilomet(?:er|re)s?\b)"),
    ("exit", r"(?<!\d)(\d+)\s*번\s*출구|\bexit\s*(?:no\.?\s*|number\s*|#)?(\d+)"),
    ("line", r"(?<!\d)(\d)\s*호선|\bline\s*(?:no\.?\s*|number\s*)?(\d)\b"),
    (
        "bus",
        r"((?:성동\s?)?\d[\d-]*)\s*번?\s*(?:마을|지선|간선)?\s*버스|버스\s*((?:성동\s?)?\d[\d-]*)\s*번?",
    ),
    ("bus", r"(성동\s?\d+(?:-\d)?)|\bbus(?:es)?\s*(?:no\.?\s*|number\s*)?(\d+)|(\d+)\s+bus\b"),
    ("bus", r"\bSeongdong[\s-]?(\d+(?:-\d)?)"),
    (
        "code",
        r"(?<!\d)(\d{3})\s*관|건물\s*번호(?:는|가|:)?\s*(\d{3})|(?<!\d)(\d{3})\s*번(?!\s*(?:출구|버스))",
    ),
    ("code", r"\b(?:building|bldg\.?)\s*(?:no\.?\s*|number\s*|code\s*)?(?:is\s*)?#?(\d{3})\b"),
    (
        "other",
        r"(?<![\d.])(\d[\d,:]*\s*(?:시|원|년|명|대|석|won|AM|PM|a\.m\.|p\.m\.))(?![가-힣]*간)",
    ),
    ("other", r"(\d{2,4}-\d{3,4}-\d{4})"),
)
_COMPILED = tuple((kind, re.compile(pattern, re.I)) for kind, pattern in _PATTERNS)
_SIDES: tuple[tuple[str, str], ...] = (
    ("right", r"오른쪽|오른편|우측|우회전|\bright(?:-hand)? (?:side|of)"),
    ("right", r"\bto the (?:upper |lower )?right\b"),
    ("right", r"\b(?:on|turn|your|bear|keep|upper|lower) (?:the )?right\b|\bon your right\b"),
    (
        "left",
        r"왼쪽|왼편|좌측|좌회전|\bleft(?:-hand)? (?:side|of)|\bto the (?:upper |lower )?left\b",
    ),
    ("left", r"\b(?:on|turn|your|bear|keep|upper|lower) (?:the )?left\b"),
    ("behind", r"뒤|\bbehind\b"),
    ("opposite", r"맞은편|건너편|반대편|\bopposite\b|\bacross from\b"),
)
_SIDE_PATTERNS = tuple((side, re.compile(pattern, re.I)) for side, pattern in _SIDES)
_MARKED = re.compile(r"(?:약|대략|~|\babout|\baround|\bapprox\w*\.?|\broughly)\s*$", re.I)
_MARKED_AFTER = re.compile(r"^\s*(?:정도|쯤|가량|or so)")
_DENIED_AFTER = re.compile(r"^\s*(?:짜리|건물)?\s*(?:이|가|은|는)?\s*(?:아니|아닌|말고)")
_DENIED_BEFORE = re.compile(
    r"\b(?:not|isn't|doesn't have|rather than|instead of)\s*(?:in\s*)?$", re.I
)
_END = re.compile(
    r"(?<=[^\d])(?<!\bDr)(?<!\bMr)[.!?](?=\s|$|[가-힣\"'”’)])|(?<!\bDr)(?<!\bMr)[.!?](?=\s)|[\n。]"
)


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing a sentence says: its kind, its value in one spelling, and the words themselves.

    `marked` is set when the number is called approximate ("약", "about"); `at` is its position.
    """

    kind: str
    value: str
    words: str
    at: int
    marked: bool = False


def sentences(text: str) -> list[str]:
    """The sentences of a text; a decimal point or a list number's dot does not end one."""
    return [part.strip() for part in _END.split(text) if part.strip()]


def normal(kind: str, written: str) -> str:
    """One spelling of a value: "1,300" metres is "1300", "three" is "3", "성동 03" is "03"."""
    if kind == "other":
        return re.sub(r"[\s,]", "", written).casefold()
    low = written.casefold().replace(",", "").strip()
    low = re.sub(r"^성동\s?", "", low)
    if low in _WORDS:
        return str(_WORDS[low])
    if low in _ORDINALS:
        return str(_ORDINALS[low])
    return f"{float(low):g}" if re.fullmatch(r"\d+(?:\.\d+)?", low) and kind != "bus" else low


def numbers(sentence: str) -> Iterator[Statement]:
    """The numbers with units of one sentence, leaving out those it denies ("8층이 아니라")."""
    plain = sentence.replace("’", "'")
    for kind, pattern in _COMPILED:
        for found in pattern.finditer(plain):
            written = next((group for group in found.groups() if group), "")
            after, before = plain[found.end() :], plain[: found.start()]
            if not written or _DENIED_AFTER.match(after) or _DENIED_BEFORE.search(before):
                continue
            marked = bool(_MARKED.search(before) or _MARKED_AFTER.match(after))
            yield Statement(kind, normal(kind, written), found[0].strip(), found.start(), marked)


def sides(sentence: str) -> Iterator[Statement]:
    """The directions one sentence gives: left, right, behind, opposite."""
    for side, pattern in _SIDE_PATTERNS:
        for found in pattern.finditer(sentence):
            yield Statement("side", side, found[0].strip(), found.start())
