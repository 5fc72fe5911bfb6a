"""What a question asks documents for: its words in groups, and the kind of value it wants.

Knows questions only; nothing of passages. The words it leaves out and their synonyms are data, in
passages.toml.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from giljabi import korean
from giljabi.answer.passages import cleared, synonyms_within
from giljabi.answer.text_claims import Claims
from giljabi.answer.words import language
from giljabi.venue.place import Lang

_VERBAL = re.compile(
    r"(?:나요|[어아해돼세까죠네대래]요|죠|지요|니까|는지|[는은]데|면|려고|면서|[어아해]야|[어아해]도|거나|던데|다가|냐|니|줘|"
    r"[할될갈쓸낼볼줄]|게|[하되])$"
)
_TAIL = re.compile(
    r"(?:하려면|하려고|하면|하는|하고|하나|했|해서|해야|하지|되면|되는|되나|된|받으려면|이라|라도|[했됐]는데)$"
)
_CRUMBS = frozenset(
    "까지 부터 에서 에요 이랑 짜리 하죠 하지 봐요 되지 가서 시까지 시부터 시에 층에서".split()
)
"""What is left of “얼마까지” and “몇 시부터” once the asking is taken off."""
_UNITS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (asked, frozenset(units.split()))
    for asked, units in (
        ("며칠|몇일", "일 주 개월 월 시간 년"), ("몇년", "년"), ("몇살", "세"), ("몇시간", "시간 분"),
        ("몇시", "시"), ("몇분의몇", ""), ("몇명|몇사람|몇분이", "명"), ("몇권", "권"), ("몇번|몇회", "번"),
        ("몇층", "층"), ("몇점", "점 개"), ("몇개월|몇달", "개월 월"), ("몇개", "개"), ("몇주", "주"),
        ("몇호", "호"), ("몇퍼센트|몇프로|몇%", "%"), ("몇장", "장"), ("몇대", "대"), ("몇평", "평"),
        ("몇가지", "가지 종"), ("몇분", "분"), ("얼마나(?:오래|걸|동안)", "일 주 개월 월 년 시간 분"),
        ("얼마(?!나)|몇원|몇만원", "원 %"),
        (r"how much\b(?=.*\b(?:cost|fees?|pay|price|fine|charge|is|for|does)\b)", "원 %"),
        (r"how long|how many (?:days|weeks|months|years|hours)", "일 주 개월 월 년 시간 분"),
        (r"how many people|how many visitors", "명"), (r"how many|how old", ""), (r"what time", "시"),
    )
)  # fmt: skip
_COUNTED = re.compile(r"몇\s?([가-힣]{1,2})")
_SEVERAL = re.compile(
    r"(?:얼마|몇|며칠|언제|어디|누구|어느|어떻게|뭐)[^,?]{0,8}?(?:고|며)[ ,]|[는은인]지(?:랑|하고|와|,)|"
    r"\?\s*\S|각각|둘 ?다|\S(?:이랑|하고|랑) \S|\band (?:how|what|when|where|who|which|is|are|do|does|can)\b",
    re.IGNORECASE,
)
_LEANS = re.compile(
    r"^(?:그럼|그러면|그건|그거|거기|그때|그 |그리고|근데|그런데)|[은는](?:요|여)?\s?[?.!]*$|"
    r"^(?:and|then|what about|how about|is it|are they|does it)\b", re.IGNORECASE,
)  # fmt: skip
_SHORT = 3  # words of a question that may lean on the one before it
_WHO = re.compile(r"누구|누가|누굴|\bwho\b")
_WHO_SAID = re.compile(
    r"(?:팀|과|실|장|센터|위원회|담당|교수|직원|원|자|인|사람|학생|님|부모|가족)"
    r"(?=[이가은는을를의와과도만, ]|에게|$)"
)
_WHERE = re.compile(r"어디|어느 ?쪽|\bwhere\b")
_WHERE_SAID = re.compile(
    r"층|호실?|[관실과앞옆뒤안](?=[에의과와은는이을 ,]|에서|$)|창구|센터|정문|후문|로비|입구|데스크|지하|구역|"
    r"누리집|홈페이지|온라인|앱|역\b"
)
_WHEN = re.compile(r"언제|날짜|며칠날|\bwhen\b")
_WHEN_SAID = re.compile(r"[월화수목금토일]요일|매일|매주|매월|매년|때|날|후|전|까지|부터|중")
_NOTHING_TO_PAY = re.compile(r"무료|면제|받지 아니|받지 않|내지 않|없")


@dataclass(frozen=True, slots=True)
class Group:
    """One word of a question without particle and ending, and what documents may write for it.

    `verbal` marks what looks like a verb: said in so many ways that its absence proves little.
    """

    text: str
    others: tuple[str, ...] = ()
    verbal: bool = False


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as documents are asked: `units` of the number it wants, in one spelling each;
    None where it wants none, empty for a number of any unit; `counted`: such a unit that no table
    knows, as it may be written. `when`: a date, day or time; `who` and `where` likewise.
    `several`: it asks for more than one thing."""

    text: str
    lang: Lang
    groups: tuple[Group, ...]
    units: frozenset[str] | None = None
    when: bool = False
    counted: tuple[str, ...] = ()
    who: bool = False
    where: bool = False
    several: bool = False

    @property
    def wants(self) -> bool:
        """Whether the kind of value it asks for can be told."""
        return self.units is not None or self.when or self.who or self.where

    def fits(self, text: Claims, said: str) -> bool:
        """Whether `said` holds a value of the wanted kind; True where no kind is wanted."""
        if self.counted:
            return any(re.search(rf"[\d만천백]\s?{unit}", said) for unit in self.counted)
        if self.units is not None:
            if "원" in self.units and _NOTHING_TO_PAY.search(said):
                return True
            held = {n.unit for n in text.numbers}
            for day in text.dates:
                held |= {
                    u for u, part in (("년", day.year), ("월", day.month), ("일", day.day)) if part
                }
            return bool(held) if not self.units else bool(held & self.units)
        if self.when:
            return bool(text.numbers or text.dates or _WHEN_SAID.search(said))
        if self.who:
            return bool(_WHO_SAID.search(said))
        if self.where:
            return bool(_WHERE_SAID.search(said))
        return True


@lru_cache(maxsize=1024)
def read(question: str) -> Asked:
    """What `question` (Korean or English) asks for."""
    lang = language(question)
    plain = question.lower() if lang == "en" else re.sub(r"\s+", "", question.lower())
    units = next((u for pattern, u in _UNITS if re.search(pattern, plain)), None)
    counted: tuple[str, ...] = ()
    if units is None and (m := _COUNTED.search(question)):
        units, counted = frozenset(), tuple(dict.fromkeys((m[1], m[1][0])))
    when = units is None and bool(_WHEN.search(plain))
    who = units is None and not when and bool(_WHO.search(question.lower()))
    where = units is None and not when and not who and bool(_WHERE.search(question.lower()))
    groups = tuple(_groups(question, lang))
    several = bool(_SEVERAL.search(question))
    return Asked(question, lang, groups, units, when, counted, who, where, several)


def leans(question: str) -> bool:
    """Whether `question` may need the one before it: “그럼 교수는요?”."""
    return bool(_LEANS.search(question.strip())) and len(read(question).groups) <= _SHORT


def _groups(question: str, lang: Lang) -> list[Group]:
    said = cleared(question)
    out: list[Group] = []
    spans = synonyms_within(question)
    at = 0
    for word in re.findall(r"[가-힣]+|[A-Za-z][A-Za-z'-]*|\d+(?:[.,]\d+)*", said):
        start = question.find(word, at)
        at = start + len(word) if start >= 0 else at
        meant = [
            v
            for a, b, values in spans
            if start >= 0 and a < start + len(word) and b > start
            for v in values
        ]
        stem = _stem(word) if korean.has_hangul(word) else word.lower()
        if (len(stem) < 2 and not meant) or stem in _CRUMBS:
            continue
        verbal = lang == "ko" and bool(_VERBAL.search(word))
        out.append(Group(stem, tuple(dict.fromkeys(v for v in meant if v != stem)), verbal))
    covered = {v for g in out for v in (g.text, *g.others)}
    loose = [v for _, _, values in spans for v in values if v not in covered]
    if loose:
        out.append(Group("", tuple(dict.fromkeys(loose)), True))
    return out


def _stem(word: str) -> str:
    bare = _TAIL.sub("", korean.strip_particle(word)) or word
    return korean.strip_particle(bare)
