"""Words of a question: its language, and what is left once names and asking are gone."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from rapidfuzz.distance import OSA
from rapidfuzz.process import extractOne

from giljabi import korean
from giljabi.venue.place import Lang

_EN_WORDS = re.compile(
    r"\b(what|where|how|which|who|when|is|are|the|to|from|does|do|can|tell|me|of|there|near|about|"
    r"and|for|in|long|floors?|building|please|get|ignore|hi|hello|thanks?|it|my|you|bus|take|walk)\b",
    re.I,
)
_STOP_KO = re.compile(
    r"^(?:(?:어디|어딨|어딘|어떻|어떠|어떡|어케|어느|어떤|얼마|뭐|뭔|뭘|무슨|무엇|언제|누구|있|없|가는|가려|가면|가나|가요|가야|가자|가고|"
    r"갈려|갈라|갈수|갈래|갈만|갑니|걸려|걸리|걸어|걷|알려|알고|알수|가르쳐|찾아|찾는|찾고|찾을|근처|주변|건물|장소|왼쪽|오른쪽|위쪽|위에|아래|앞에|뒤에|"
    r"맞은편|도보|가까|먼|멀|제일|가장|그럼|그러면|거기|여기|저기|그리고|혹시|지금|오늘|우리|그거|그건|이거|이건|것|사이|정도|시간|방향|위치|번호|종류|시설|"
    r"특징|이름|추천|궁금|싶|줘|주세요|주실|해줘|해주|하는|하고|하면|하나|할수|할까|되나|되는|되죠|돼요|돼|아니|맞아|맞나|다른|캠퍼스|학교|경로|방법|괜찮|좋은|"
    r"급한|급해|급하|빨리|저기요|실례|죄송|부탁|안내|설명|대해|관해|대한|정보|말해|말씀|보여|소개|주세|줄래|주시|한양대|교내|어서|에서|까지|으로|까요|나요|너무|완전|진짜|바로|혼자|"
    r"친구|같이|파는|팔아|사는|개야|개나|개예|군데|내려|내리|타고|타면|타야)[가-힣]*"
    r"|(?:몇|왜|가|갈|곳|데|층|옆|위|앞|뒤|더|좀|나|저|이|그|수|때|중|분|주|해|하|되|맞|네|예|응|안|밖|에|한|및|할|만|은|는|을|를|인|길|어|음|아|말|제|내|니|총|"
    r"냐|랑|쪽|개|도)(?:은|는|이|가|을|를|에|로|도|만|요|야)?)$"
)
_KEEP_KO = re.compile(
    r"^(?:가게|가구|나물|안경|안과|내과|제과|수영|수학|이발|이비인후과|이마트|주차|주유|하숙|한식|어학|어린이|해외|더치|위생|시계|예술|예배|저녁|앞치마|뒤풀이|아이스크림|중국집|중식|수선|수유|그림|이삿|한의원|은행|인쇄|인형|"
    r"주점|주스|맞춤|시장|시청|길거리|말|만화|만두|만화방|아침|아파|좋아|급식|할인|해산물|한복|나이키|층계|친환경|다이소|데이트|데스크|때밀이|제본|정형외과|에어컨|에이티엠)"
)


@lru_cache(maxsize=1)
def _stop_en() -> frozenset[str]:
    raw = tomllib.loads((files("giljabi.answer") / "questions.toml").read_text("utf-8"))
    words = raw["stop"]["en"].split()
    return frozenset(words) | {f"{w}n't" for w in words} | {f"{w}'s" for w in words}


_PLAIN_EN = frozenset("close light house place right their three there these".split())
_MENDABLE = (
    "floors floor building library museum minutes number walking distance closest closer nearest "
    "station subway hospital dormitory convenience restaurant pharmacy directions location located "
    "category features facilities between engineering architecture business student gymnasium "
    "emergency center elevator parking coffee cafeteria basement where which nearby"
).split()


def mend_english(text: str, names: frozenset[str]) -> str:
    """English words a slip away from one that questions are made of, put right: "flors".

    `names` are words of the venue's own names, which are left as they are.
    """

    def mend(m: re.Match[str]) -> str:
        word = m[0].lower()
        if len(word) < 5 or word in names or word in _stop_en() | _PLAIN_EN or word in _MENDABLE:
            return m[0]
        if any(w.startswith(word) or word.startswith(w) for w in _MENDABLE):
            return m[0]  # another form of the word, not a slip
        near = extractOne(word, _MENDABLE, scorer=OSA.distance, score_cutoff=1 + (len(word) > 7))
        return str(near[0]) if near else m[0]

    return re.sub(r"[A-Za-z]+", mend, text)


def language(text: str, languages: Sequence[Lang] = ("ko", "en")) -> Lang:
    """The language a question is asked in; Korean names inside English stay English."""
    if "en" not in languages:
        return "ko"
    hangul = len(re.findall(r"[가-힣ㄱ-ㅎ]", text))
    if not hangul:
        return "en" if re.search(r"[A-Za-z]{2}", text) else "ko"
    return "en" if len(_EN_WORDS.findall(text)) >= 2 else "ko"


_WITH_ARTICLE = frozenset(
    "Building Hall Center Museum Library Field Annex Gymnasium Amphitheater Wing Office "
    "Gate School Institute Clinic Market".split()
)


def articled(label: str) -> str:
    """An English name as it stands in a sentence: "the Museum", but "Aejimun"."""
    return f"the {label}" if label.rpartition(" ")[2] in _WITH_ARTICLE else label


def content_words(masked: str, lang: Lang) -> list[str]:
    """What a question is about, once names, particles and question words are gone."""
    if lang == "en":
        stop = _stop_en()
        return [w for w in re.findall(r"[a-z][a-z'-]+", masked.lower()) if w not in stop]
    out = []
    for eojeol in re.findall(r"[가-힣A-Za-z0-9]+", masked.replace("@", " ")):
        word = korean.strip_particle(eojeol)
        if (
            (len(word) >= 2 and not _STOP_KO.match(word))
            or _KEEP_KO.match(word)
            or re.fullmatch(r"밥|약|책|옷|빵|술|잠|차|돈", word)
        ):
            out.append(word)
    return out
