"""Places that are named but are not the venue's: other institutions, unlisted names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.mention import Mention, common_en

_PARTICLE = "|".join(sorted(korean.PARTICLES, key=len, reverse=True))
_OTHER_CAMPUS = re.compile(r"([가-힣A-Za-z]+)\s*(?:캠퍼스|[Cc]ampus)(?:의)?\s*[가-힣0-9]+")
_THIS_CAMPUS = frozenset("서울 이 우리 같은 메인 본 the this on off our main".split())
COLLEGES = re.compile(
    r"^(?:공|의|음|법|약|체|미|간호|사범|경영|자연|자연과학|인문|인문과학|사회|사회과학|생활과학|생과|사과|자과|경상|경금|이|공과|"
    r"의과|법과|음악|체육|이과|국제|정책|예술|예체|단과|싸|사이버|옛|그|현|우리|저희|초|중|단|침|무|시|절|최|기|상|반|"
    r"세|군|교)대(?:학교|학)?$"
)
_STRANGER_EN = re.compile(
    r"\b((?:[A-Z][A-Za-z'-]*\s+){1,4}University|University of [A-Z]\w+|"
    r"KAIST|POSTECH|SNU|Yonsei|Korea Univ\w*)"
)
_PLACEISH = re.compile(
    r"^(?P<noun>[가-힣A-Za-z0-9]+?(?:관|센터|역|병원|대학|대학교|학교|도서관|체육관|극장|광장|공원|학과|학부|연구소|연구원|빌딩|타워|"
    r"플라자|홀|문|점|성당|교회|아파트|마트|호텔|은행|시장|청|번지))"
    rf"(?:건물)?(?:{_PARTICLE})*$"
)
_NOT_PLACE = re.compile(
    r"^(?:기관|습관|상관|현관|관|무관|장관|점|문|질문|전문|방문|주문|창문|소문|가문|신문|정문|후문|장점|단점|시점|지점|관점|학점|만점|"
    r"영어영문|초점|강점|공통점|차이점|궁금한점|신청|요청|대학|학교|병원|역|청|대학교|우리학교|홀|건물|센터|반점|논문|어느역|무슨역|"
    r"[가-힣]*(?:편의점|음식점|서점|분식점|매점|백화점|전문점|판매점|지하철역|전철역|기차역|영화관|기숙사|"
    r"식당|은행|시장|마트|호텔|공원|광장|교회|성당|교실|대학원|단과대|공대))$"
)
_HEADS_EN = r"(?:[Bb]uilding|[Hh]all|[Cc]enter|[Ll]ibrary|[Dd]ormitory|[Dd]orm|[Rr]esidence|[Gg]ym|[Gg]ate|[Mm]useum)"
_NUMBERED_EN = re.compile(
    rf"\b(?:[A-Z][\w'&.-]*\s+){{0,4}}{_HEADS_EN}\s+(?:[Nn]o\.?\s*)?\d{{1,2}}\b"
    rf"|\b(?:[A-Za-z]+th|\d+(?:st|nd|rd|th)|First|Second|Third)\s+(?:[A-Z][a-z]+\s+){{0,4}}{_HEADS_EN}\b"
)
_PLACEISH_EN = re.compile(
    r"\b((?:[A-Z0-9][\w'&.-]*\s+){1,5}(?:Building|Hall|Center|Centre|Library|Museum|Station|Gym|"
    r"Hospital|Dormitory|Tower|Park|Clinic|Mall|Stadium|Auditorium|Plaza|Cafe|Bank))\b"
)


def other_institutions(
    text: str, is_own: Callable[[str], bool], own: Sequence[str]
) -> Iterator[Mention]:
    """Another institution in front of a name makes the whole of it a stranger."""
    for word in re.finditer(r"[가-힣A-Za-z]+(?:대학교|대|여대)(?=\s|$|[가-힣])", text):
        name = korean.strip_particle(word[0])
        found = re.match(r"([가-힣A-Za-z]{2,}?(?:대학교|여대|대학|대))", name)
        if not found or is_own(found[1]):
            continue
        rest = re.match(r"\s*[가-힣0-9]+", text[word.start() + len(found[1]) :])
        end = word.start() + len(found[1]) + (len(rest[0]) if rest else 0)
        tail = korean.strip_particle(text[word.start() : end])
        yield Mention(word.start(), word.start() + len(tail), tail, (), "unknown")
    for m in _OTHER_CAMPUS.finditer(text):
        if not is_own(m[1]) and m[1].lower() not in _THIS_CAMPUS:
            yield Mention(m.start(), m.end(), m[0], (), "unknown")
    for m in _STRANGER_EN.finditer(text):
        if not any(o in forms.squeeze(m[1]) for o in own):
            rest = re.match(r"(?:'s)?(?:\s+[A-Z]?[a-z]+){0,2}", text[m.end() :])
            end = m.end() + (len(rest[0]) if rest else 0)
            yield Mention(m.start(), end, text[m.start() : end], (), "unknown")


def unlisted(text: str, taken: Sequence[Mention]) -> Iterator[Mention]:
    """Words shaped like a place's name that no place answers to."""
    for word in re.finditer(r"[가-힣0-9A-Za-z]+", text):
        if any(word.start() < t.end and t.start < word.end() for t in taken):
            continue
        found = _PLACEISH.match(word[0])
        if found and not _NOT_PLACE.match(found["noun"]) and len(found["noun"]) >= 2:
            end = word.start() + len(found["noun"])
            yield Mention(word.start(), end, found["noun"], (), "unknown")
    for m in _NUMBERED_EN.finditer(text):
        if all(m.end() <= t.start or m.start() >= t.end for t in taken):
            yield Mention(m.start(), m.end(), m[0], (), "unknown")
            return
    for m in _PLACEISH_EN.finditer(text):
        if all(m.end() <= t.start or m.start() >= t.end for t in taken):
            bare = re.sub(r"^(?:The|Is|Where|How|What|Which|Can|Does|And|Tell|Are|Do)\s+", "", m[1])
            if len(bare.split()) >= 2 and not set(bare.lower().split()) <= common_en():
                yield Mention(m.end() - len(bare), m.end(), bare, (), "unknown")
