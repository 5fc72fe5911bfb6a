"""One question as it was heard: its text, its places, and what its words point to.

Looks at a single turn and knows nothing of the conversation.
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi import korean
from giljabi.answer.query import LangChoice, Slot
from giljabi.answer.words import content_words, language, mend_english
from giljabi.venue.mention import Mention
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Side, Venue

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
    r"|can i (?!find\b|see\b|do\b)(.+?) (?:in|at|inside) (?:the )?@"
)
_CLAIM = re.compile(r"(\d+)\s*(층|분|번|km|킬로|floors?|stor\w+|-stor\w+|min\w*)")
_DENIED = re.compile(r"\s*(?:이|가)?\s*아니라")
_CHECK_KO = re.compile(
    r"(맞(아|나|지|죠|습|는|음)|이야\?|인가|이지\?|이죠|이에요\?|예요\?|입니까|이니\?|거야\?|거지|아니(야|지|에|었)|짜리|라던데|다던데|라고들|라며|라면서|사실|진짜|정말)"
)
_CHECK_EN = re.compile(r"^(is|are|does|do|isn't|so)\b|right\?|correct\?")


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


class Heard:
    """A question with its place names found and masked as "@"."""

    def __init__(self, venue: Venue, names: Names, text: str, lang: LangChoice) -> None:
        spoken = _OPENING.sub("", " ".join(text.split())) or text
        self.text = mend_english(" ".join(spoken.split()), names.english_words)
        self.lang: Lang = language(self.text, venue.languages) if lang == "auto" else lang
        self.mentions = names.find(self.text)
        self.masked = self._mask()
        self.squeezed = _squeeze(self.masked)
        self.key = self.squeezed if self.lang == "ko" else self.masked.lower()
        self._p = _patterns()

    def _mask(self) -> str:
        out, last = [], 0
        for m in self.mentions:
            out += [self.text[last : m.start], " @ " if self.lang == "en" else "@"]
            last = m.end
        return re.sub(r"\s+", " ", "".join([*out, self.text[last:]])).strip()

    def has(self, name: str) -> bool:
        """Whether the patterns called `name` in questions.toml occur."""
        return bool(self._p[name][self.lang].search(self.key))

    def slot(self, skip: str = "") -> Slot:
        """The first slot whose pattern occurs; `skip` is passed over."""
        plain = re.sub(r"\s+", "", self.text.lower())
        for name, ko, en in self._p["slots"]:
            if name == skip:
                continue
            if name == "injection" and (ko.search(plain) or en.search(self.text.lower())):
                return str(name)
            if (ko if self.lang == "ko" else en).search(self.key):
                return str(name)
        return "none"

    def flags(self) -> frozenset[str]:
        """What colours the question: a second way, step-free, farther, lower, a proper name."""
        found = {f for f in ("second", "step_free", "farther", "lower") if self.has(f)}
        words = self.search_term().split()
        if len(words) > 1 and all(w[0].isascii() and w.title() in self.text for w in words):
            found.add("proper")  # "Lotte World": a name, not a description
        return frozenset(found)

    def starts_at(self, m: Mention) -> bool:
        """Whether the place is where the visitor starts (or what a side is seen from)."""
        before, after = self.text[: m.start].rstrip(), self.text[m.end :]
        if _FROM_KO.match(after) and not _AT_KO.match(after):
            return True
        return bool(_FROM_EN.search(before))

    def excludes(self, m: Mention) -> bool:
        """ "국제관 말고 박물관": the first is not meant."""
        before, after = self.text[: m.start], self.text[m.end :]
        return bool(_NOT_KO.match(after) or _NOT_EN.search(before))

    def asks_from_pronoun(self) -> bool:
        """ "거기서 도서관까지": the last place is the start."""
        return bool(_FROM_THERE.search(self.key))

    def swaps(self) -> bool:
        """Whether only the place changes: "그럼 제3법학관은?", "What about the Museum?"."""
        text = self.key.rstrip("?") if self.lang == "ko" else re.sub(r"[?.!,]", "", self.key)
        return bool(self._p["follow"][self.lang].match(text.strip()))

    def stands_alone(self) -> bool:
        """A question for what there is, not about the last place."""
        return bool(self.search_term()) and bool(_LOOKS_FOR[self.lang].search(self.key))

    def search_term(self) -> str:
        """The content words, for a search."""
        return " ".join(content_words(self.masked, self.lang))

    def side(self) -> Side | None:
        """The direction asked about."""
        table = _SIDES_KO if self.lang == "ko" else _SIDES_EN
        return next((side for pattern, side in table if re.search(pattern, self.key)), None)

    def facility(self) -> str:
        """Something inside a building that the question is really about."""
        found = self._p["facility"][self.lang].search(self.key)
        return str(found[0]) if found else ""

    def thing(self) -> str:
        """What is asked to be there: "한양플라자에 편의점 있어?"."""
        if self.lang == "ko":
            found = _HAS_KO.search(_squeeze(_TOO.sub(r"\1 ", self.masked)))
            term = korean.strip_particle(found[1]) if found else ""
            return "" if not term or _NO_THING.search(term) else term
        found = _HAS_EN.search(self.key)
        return next((g for g in found.groups() if g), "") if found else ""

    def claim(self) -> tuple[int, str] | None:
        """A number with its unit that the visitor wants confirmed."""
        # "3층이 아니라 5층이죠?" asks about the second number.
        claims = (
            m for m in _CLAIM.finditer(self.masked) if not _DENIED.match(self.masked[m.end() :])
        )
        found = next(claims, None)
        ask = _CHECK_KO if self.lang == "ko" else _CHECK_EN
        return (int(found[1]), found[2]) if found and ask.search(self.key) else None

    def names_a_line(self) -> bool:
        """Whether a bus or subway line is named."""
        return bool(_LINE.search(self.text))

    def choice(self) -> int | None:
        """Which of several offered places is picked: "두 번째" is 1."""
        found = re.match(r"^(첫|두|세|네|1|2|3|4|first|second|third)(번째|번)?", self.squeezed)
        order = {"첫": 0, "두": 1, "세": 2, "네": 3, "first": 0, "second": 1, "third": 2}
        return order.get(found[1], ord(found[1][0]) - ord("1")) if found else None

    def agrees(self) -> bool:
        """A yes to what was offered."""
        return bool(re.match(r"^(네|예|응|맞|그래|어|yes|yeah|right|correct)", self.squeezed))

    def passes_through(self, place: str) -> bool:
        """ "박물관 지나서": the place is on the way, not where it starts."""
        first = next(m for m in self.mentions if place in m.places)
        return bool(_VIA.match(self.text[first.end :]))


def _squeeze(text: str) -> str:
    return re.sub(r"[\s,.!~'\"“”‘’]+", "", text.lower())


# Without the space behind it 도 would begin the next word: "@ 안에도 당구장".
_TOO = re.compile(r"(@\s*(?:안|내|건물)?에서?)도\s")
# How people begin to speak to a stranger; what follows is the question.
_OPENING = re.compile(
    r"^(?:(?:저기요|혹시|실례합니다|실례하지만|실례지만|죄송하지만|죄송한데요?|미안한데요?|궁금한데요?|"
    r"여보세요|안녕하세요|어|음|excuse me|sorry|hi|hello|hey|quick question|um|uh|so)(?:[\s,.:!~]+))+(?=\S)",
    re.I,
)
_LINE = re.compile(r"\d{3,4}|성동\s*\d|\d호선|[Ll]ine \d")
_NOT_KO = re.compile(r"\s*(?:은|는|이|가)?\s*(?:말고|아니고|아니라)")
_NOT_EN = re.compile(r"\b(?:not|instead of|rather than)(?: the)?\s*$", re.I)
_VIA = re.compile(r"\s*(?:건물)?(?:을|를)?\s*(?:지나|거쳐|통해|통과|앞)")
_NO_THING = re.compile(
    r"뭐|무엇|무슨|어디|어떤|몇|얼마|누|어느|왜|언제|번호|층|코드|위치|거리|갈수|가는|걸을|걸어|@"
)
_FROM_KO = re.compile(r"\s*(?:건물|쪽|앞)?(?:을|를)?\s*(?:에서|애서|부터|기준|서\s)")
_AT_KO = re.compile(r"\s*에서\s*(?:가장|제일)?\s*(?:가까|뭐|무엇|어떤|볼|할|공연|먹|살)")
_FROM_EN = re.compile(
    r"\b(?:from|leaving|leave|start(?:ing)? (?:at|from)|I'm (?:at|in)|I am (?:at|in)|side of)"
    r"(?: the)?$",
    re.I,
)
_FROM_THERE = re.compile(r"(거기|그곳|그건물|거긴)(에서|서|부터)|from (there|it)\b")
_LOOKS_FOR = {
    "ko": re.compile(r"(어디|있어|있나|찾|추천|수있|싶)"),
    "en": re.compile(
        r"\b(where can|where(?: is|'s| are) (?:a|an|any|the nearest)\b|any|"
        r"find|looking for|somewhere|is there|are there|nearest|i want|i need)\b"
    ),
}
