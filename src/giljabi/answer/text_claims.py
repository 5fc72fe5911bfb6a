"""What a text says that can be looked up in another: numbers, dates, Latin names, quotations.

Pure functions over Korean and English text; knows nothing of rows. Width, spacing, thousands
separators, 억/만 and million, and ways to write a date or a time of day make no difference.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import cached_property, lru_cache, partial

from giljabi import korean

_SCALE = {
    "조": 10**12, "억": 10**8, "만": 10**4, "천": 1000, "백": 100,
    "trillion": 10**12, "billion": 10**9, "million": 10**6, "thousand": 1000,
}  # fmt: skip
_SAME_UNIT = """
% 퍼센트 프로 percent; km 킬로미터 kilometer kilometers kilometre kilometres; m 미터 meter meters metre metres
cm 센티미터 센티 centimeter centimeters; mm 밀리미터; kg 킬로그램 킬로 kilogram kilograms; g 그램 gram grams
톤 ton tons tonnes; 리터 liter liters l; °c 도; m2 제곱미터 평방미터; 평; 원 won krw ₩; 달러 dollar dollars usd $
초 second seconds sec; 분 minute minutes min mins; 시간 hour hours; 시 o'clock; 일 day days; 주 week weeks
개월 달 month months; 월; 년 year years; 세기 century centuries; 학년; 학기; 세 살
명 인 사람 person people persons; 층 floor floors story stories storey storeys; 번 회 차례 time times; 위 place
개 items item; 곳 군데 places sites; 가지 종 kinds types; 배; 점 point points; 대; 호; 권; 장; 편; 동; 건; 걸음
쪽 페이지 page pages; 호선 line; 번지; 정거장 역 stops stations stop
"""
_UNIT = {
    word: words.split()[0]
    for words in _SAME_UNIT.replace("\n", ";").split(";")
    for word in words.split()
}
_UNITS = "|".join(sorted(map(re.escape, _UNIT), key=len, reverse=True))
_PLAIN = r"\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?"
_NUMBER = re.compile(
    rf"(?<![\d.])(?P<sign>[₩$])?\s?(?P<value>(?:{_PLAIN})"
    rf"(?:\s?(?:[조억만천백](?![가-힣]*(?:세|히))|(?:trillion|billion|million|thousand)\b)(?:\s?(?:{_PLAIN})(?![\d.,]*\d|\s?[년월일시분층호]))?)*)"
    rf"[\s-]?(?P<unit>(?:{_UNITS})(?![A-Za-z]))?",
    re.IGNORECASE,
)
_PART = re.compile(rf"({_PLAIN})\s?((?:[조억만천백]|trillion|billion|million|thousand)*)", re.I)
_MONTHS = {
    m[:3]: n
    for n, m in enumerate(
        "january february march april may june july august september october november december".split(), 1
    )
}  # fmt: skip
_MONTH = (
    r"(jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sep(?:t(?:ember)?)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
)
_DATES = (
    (re.compile(r"(\d{4})\s?년\s?(\d{1,2})\s?월(?:\s?(\d{1,2})\s?일)?"), "ymd"),
    (re.compile(r"(?<![\d년])(\d{1,2})\s?월\s?(\d{1,2})\s?일"), "md"),
    (re.compile(r"(?<!\d)(\d{4})\s?[-./]\s?(\d{1,2})\s?[-./]\s?(\d{1,2})(?!\d)"), "ymd"),
    (re.compile(rf"\b{_MONTH}\s(\d{{1,2}})(?:st|nd|rd|th)?,?\s(\d{{4}})\b", re.I), "mdy"),
    (re.compile(rf"\b(\d{{1,2}})(?:st|nd|rd|th)?\s{_MONTH},?\s(\d{{4}})\b", re.I), "dmy"),
    (re.compile(rf"\b{_MONTH},?\s(\d{{4}})\b", re.I), "my"),
    (re.compile(rf"\b{_MONTH}\s(\d{{1,2}})(?:st|nd|rd|th)?\b(?!,?\s?\d{{4}})", re.I), "md"),
)
_CLOCK = re.compile(r"(?<![\d:])([01]?\d|2[0-4]):([0-5]\d)(?![\d:])\s?([ap]\.?m\b)?", re.I)
_HALF_DAY = re.compile(r"(오전|오후)\s?(\d{1,2})\s?시")
_BEFORE_NOON = re.compile(r"오전|a\.?m", re.I)
_QUOTED = re.compile(
    r"\"([^\"\n]{2,400})\"|“([^“”]{2,400})”|‘([^‘’]{2,400})’|「([^「」]{2,400})」|『([^『』]{2,400})』"
    r"|《([^《》]{2,400})》|〈([^〈〉]{2,400})〉|(?<![\w])'([^'\n]{2,400})'(?![A-Za-z])"
)
_LATIN = re.compile(r"[A-Za-zÀ-ɏ][A-Za-zÀ-ɏ0-9]*(?:[.&'-][A-Za-zÀ-ɏ0-9]+)*")
_SENTENCE = re.compile(r"(?:^|[.!?:;\n]\s*|[\"“‘(]\s*)$")
_NO_NAMES = frozenset("i a an the am pm bc ad km kg cm mm".split())
_LIGHT = frozenset(
    "있습니다 없습니다 입니다 합니다 됩니다 했습니다 되었습니다 있다 없다 이다 한다 된다 했다 되었다 아닙니다 "
    "있으며 있고 때문 때문입니다 그리고 그러나 하지만 따라서 또한 그래서 또는 위해 통해 대한 대해 관한 따르면 "
    "의하면 경우 문서 질문 정답 이는 이것 그것 여기 저기 모두 가장 매우 것입니다 것이다 것으로 있는 없는 하는 되는 "
    "오전 오후 아니요 아니오 맞습니다 그렇습니다 않습니다 않는다 같습니다 같다".split()
)


@dataclass(frozen=True, slots=True)
class Number:
    """A value with its unit in one spelling; "" where none is written."""

    value: Decimal
    unit: str
    text: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Date:
    """A day, month or day of the year; 0 where a part is not said."""

    year: int
    month: int
    day: int
    text: str = field(compare=False)

    def within(self, other: Date) -> bool:
        """Whether `other` says at least this."""
        mine, theirs = (self.year, self.month, self.day), (other.year, other.month, other.day)
        return all(m in (0, t) for m, t in zip(mine, theirs, strict=True))


def plain(text: str) -> str:
    """One width, one case, single spaces, no separators inside numbers."""
    text = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text).split())


def squeezed(text: str) -> str:
    """`plain` without spaces and punctuation: how quotations are compared."""
    return re.sub(r"[\W_]+", "", plain(text))


def dates(text: str) -> list[Date]:
    """Every date with a month, in any of the usual Korean and English spellings."""
    return _dated(unicodedata.normalize("NFKC", text))[0]


def numbers(text: str) -> list[Number]:
    """Every number that is no part of a date, with 억/만 and million multiplied out."""
    return _numbered(_dated(unicodedata.normalize("NFKC", text))[1])


def quotations(text: str) -> list[str]:
    """What stands between quotation marks or book-title brackets."""
    found = (next(g for g in m.groups() if g is not None) for m in _QUOTED.finditer(text))
    return [q.strip() for q in found if len(squeezed(q)) >= 2]


def latin_names(text: str) -> list[str]:
    """Latin words of a Korean text; of an English one those with capitals inside a sentence."""
    text = unicodedata.normalize("NFKC", text)
    mixed = korean.has_hangul(text)
    found = []
    for match in _LATIN.finditer(_dated(text)[1]):
        word = match[0]
        if len(word) < 2 or word.casefold() in _NO_NAMES or word.casefold() in _UNIT:
            continue
        opens = bool(_SENTENCE.search(text[: match.start()]))
        shouted = sum(c.isupper() for c in word) > 1
        if mixed or shouted or (word[0].isupper() and not opens):
            found.append(word)
    return found


@lru_cache(maxsize=65536)
def _stem(word: str) -> str:
    return korean.strip_particle(word)


def content_words(text: str) -> list[str]:
    """Korean words of two syllables and more without particles and without words of any text."""
    found = (w for w in re.findall(r"(?<![\d가-힣])[가-힣]+", text) if w not in _LIGHT)
    return [s for s in map(_stem, found) if len(s) >= 2 and s not in _LIGHT]


class Claims:
    """A text to look things up in; each kind of thing is worked out once, when first asked for."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def _plain(self) -> str:
        return plain(self._text)

    @cached_property
    def _squeezed(self) -> str:
        return squeezed(self._text)

    @cached_property
    def _dates(self) -> tuple[list[Date], str]:
        return _dated(unicodedata.normalize("NFKC", self._text))

    @cached_property
    def _numbers(self) -> dict[Decimal, set[str]]:
        days, rest = self._dates
        held: dict[Decimal, set[str]] = {}
        for n in _numbered(rest):
            held.setdefault(n.value, set()).add(n.unit)
            if n.unit == "시" and n.value > 12:
                held.setdefault(n.value - 12, set()).add("시")
        for d in days:
            for part, unit in ((d.year, "년"), (d.month, "월"), (d.day, "일")):
                if part:
                    held.setdefault(Decimal(part), set()).add(unit)
        return held

    def has_number(self, n: Number) -> bool:
        """Whether the value stands here with that unit, or one of the two writes no unit."""
        same = (n.value, n.value - 12) if n.unit == "시" and n.value > 12 else (n.value,)
        found = (self._numbers[value] for value in same if value in self._numbers)
        return any(not n.unit or n.unit in units or "" in units for units in found)

    @property
    def dates(self) -> list[Date]:
        """Every date with a month."""
        return self._dates[0]

    @cached_property
    def numbers(self) -> list[Number]:
        """Every number here that is no part of a date."""
        return _numbered(self._dates[1])

    def states(self, n: Number) -> bool:
        """Whether the value stands here with that very unit; of a clock, before or after noon."""
        for m in self.numbers:
            if n.unit != m.unit:
                continue
            if n.value == m.value:
                return True
            # “6시” of 18:00 is how people say it; “오전 6시” of it is wrong.
            if n.unit == "시" and n.value == m.value - 12 and not _BEFORE_NOON.search(n.text):
                return True
        return False

    def has_date(self, d: Date) -> bool:
        """Whether a date here says at least as much."""
        return any(d.within(other) for other in self._dates[0])

    def has_name(self, name: str) -> bool:
        """Whether the Latin word stands here, also inside a longer word."""
        return plain(name) in self._plain or squeezed(name) in self._squeezed

    def has_quotation(self, quotation: str) -> bool:
        """Whether these words stand here in this order, whatever the spacing."""
        return squeezed(quotation) in self._squeezed

    def share(self, words: list[str]) -> float:
        """The share of `words` found here, endings of two syllables aside; 1 of none."""
        if not words:
            return 1.0
        found = sum(
            w in self._squeezed or (len(w) >= 3 and w[: max(2, len(w) - 2)] in self._squeezed)
            for w in words
        )
        return found / len(words)


def _value(text: str) -> Decimal | None:
    try:
        total = Decimal(0)
        for digits, scales in _PART.findall(text):
            part = Decimal(digits.replace(",", ""))
            for scale in re.findall(r"[조억만천백]|[a-z]+", scales.casefold()):
                part *= _SCALE[scale]
            total += part
        return total.normalize()
    except InvalidOperation:  # more digits than anybody counts
        return None


def _numbered(text: str) -> list[Number]:
    found = []
    for m in _CLOCK.finditer(text):
        hour, minute, said = int(m[1]), int(m[2]), m[0].strip()
        if m[3] and m[3][0] in "pP" and hour < 12:
            hour += 12
        found.append(Number(Decimal(hour), "시", said))
        if minute:
            found.append(Number(Decimal(minute), "분", said))
    text = _CLOCK.sub(_blank, text)
    for m in _HALF_DAY.finditer(text):
        hour = int(m[2]) % 12 + 12 * (m[1] == "오후") if int(m[2]) <= 12 else int(m[2])
        found.append(Number(Decimal(hour), "시", m[0]))
    for m in _NUMBER.finditer(_HALF_DAY.sub(_blank, text)):
        value = _value(m["value"])
        if value is not None:
            unit = _UNIT.get((m["unit"] or m["sign"] or "").casefold(), "")
            found.append(Number(value, unit, m[0].strip(" -")))
    return found


def _blank(m: re.Match[str]) -> str:
    return " " * len(m[0])


def _dated(text: str) -> tuple[list[Date], str]:
    """The dates, and the text with spaces in their places."""
    found: list[Date] = []

    def take(m: re.Match[str], order: str) -> str:
        parts = {
            key: _MONTHS.get(group[:3].casefold()) or int(group)
            for key, group in zip(order, m.groups(), strict=True)
            if group
        }
        if not (1 <= parts.get("m", 1) <= 12 and 1 <= parts.get("d", 1) <= 31):
            return m[0]
        found.append(Date(parts.get("y", 0), parts.get("m", 0), parts.get("d", 0), m[0]))
        return _blank(m)

    for pattern, order in _DATES:
        text = pattern.sub(partial(take, order=order), text)
    return found, text
