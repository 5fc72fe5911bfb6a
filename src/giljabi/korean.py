"""Korean as letters and sounds: josa, numerals, jamo, scripts. Pure functions, no place names."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")

# Revised Romanization of Korean (2000), letter by letter; sound changes are left to fuzzy matching.
_ROMAN_LEADS = "g kk n d tt r m b pp s ss - j jj ch k t p h".replace("-", "").split(" ")
_ROMAN_VOWELS = "a ae ya yae eo e yeo ye o wa wae oe yo u wo we wi yu eu ui i".split(" ")
_ROMAN_CODAS = (
    "",
    *"k k k n n n t l k m l l l p l m p p t t ng t t k t p t".split(" "),
)

_LETTERS = dict(
    zip(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "에이 비 씨 디 이 에프 지 에이치 아이 제이 케이 엘 엠 엔 오 피 큐 알 에스 티 유 브이 "
        "더블유 엑스 와이 제트".split(),
        strict=True,
    )
)
_DIGITS = dict(zip("0123456789", "영일이삼사오육칠팔구", strict=True))
_SINO = {c: i for i, c in enumerate("영일이삼사오육칠팔구")} | {"공": 0, "륙": 6}
_UNITS = {"십": 10, "백": 100, "천": 1000}
# What a listener (or Whisper) confuses: tense, aspirated and lax stops; ㅐ/ㅔ; final consonants.
_FOLD_LEAD = {**dict.fromkeys("ㄲㅋ", "ㄱ"), **dict.fromkeys("ㄸㅌ", "ㄷ"), "ㅃ": "ㅂ", "ㅍ": "ㅂ",
              "ㅉ": "ㅈ", "ㅊ": "ㅈ", "ㅆ": "ㅅ", "ㅇ": ""}  # fmt: skip
_FOLD_VOWEL = {
    "ㅔ": "ㅐ",
    "ㅖ": "ㅐ",
    "ㅒ": "ㅐ",
    "ㅙ": "ㅚ",
    "ㅞ": "ㅚ",
    "ㅢ": "ㅣ",
    "ㅘ": "ㅏ",
    "ㅝ": "ㅓ",
}
_FOLD_CODA = {**dict.fromkeys("ㄲㅋㄳㄺ", "ㄱ"), **dict.fromkeys("ㅅㅆㅈㅊㅌㅎ", "ㄷ"),
              **dict.fromkeys("ㅍㅄㄿ", "ㅂ"), **dict.fromkeys("ㄵㄶ", "ㄴ"),
              **dict.fromkeys("ㄼㄽㄾㅀ", "ㄹ"), "ㄻ": "ㅁ"}  # fmt: skip

_JOSA = {
    "은": ("은", "는"), "는": ("은", "는"), "이": ("이", "가"), "가": ("이", "가"),
    "을": ("을", "를"), "를": ("을", "를"), "과": ("과", "와"), "와": ("과", "와"),
    "이에요": ("이에요", "예요"), "입니다": ("입니다", "입니다"), "이고": ("이고", "고"),
    "이나": ("이나", "나"), "이랑": ("이랑", "랑"), "이야": ("이야", "야"),
    "으로": ("으로", "로"), "이라": ("이라", "라"),
}  # fmt: skip
_SILENT_LATIN = "aeiouwyr"
_DIGIT_CODA = {"0": "ㅇ", "1": "ㄹ", "3": "ㅁ", "6": "ㄱ", "7": "ㄹ", "8": "ㄹ"}

PARTICLES = tuple(
    (
        "에서부터는 으로부터 에서부터 이라고요 까지는요 에서는 까지는 으로는 한테는 이라는 이랑은 "
        "에게서 까지도 에서도 부터는 이라고 이에요 인가요 이야기 에서 까지 부터 으로 에는 에도 "
        "이랑 하고 보다 이나 라는 라고 처럼 만큼 이란 에게 한테 께서 로는 로도 과는 와는 랑은 "
        "이면 입니다 입니까 이고 이며 이요 이야 인데 은요 는요 예요 에요 이죠 이지 은 는 이 가 을 를 에 의 로 와 과 "
        "도 만 랑 나 야 요 면 란 고"
    ).split()
)

_ALLOWED = re.compile(
    r"[\s\x20-\x7e가-힣ㄱ-ㅎㅏ-ㅣ‘’“”…·•–—~→←↑↓℃㎡²°¹³½×÷₩€©®™「」『』《》〈〉【】、。・※○●▶■□①-⑳À-ÿ]"
)


def has_hangul(text: str) -> bool:
    """Whether any Hangul syllable or jamo occurs."""
    return bool(re.search(r"[가-힣ㄱ-ㅎㅏ-ㅣ]", text))


def foreign_script(text: str) -> list[str]:
    """The characters that belong to neither Hangul nor Latin text: Hanja, kana, Cyrillic, …"""
    return [c for c in unicodedata.normalize("NFC", text) if not _ALLOWED.match(c)]


def _split(syllable: str) -> tuple[str, str, str]:
    index = ord(syllable) - 0xAC00
    return _LEADS[index // 588], _VOWELS[index % 588 // 28], _CODAS[index % 28]


def letters(syllable: str) -> str:
    """The letters of one Hangul syllable: "관" -> "ㄱㅘㄴ"."""
    return "".join(_split(syllable))


def final_sound(word: str) -> str:
    """The closing consonant as spoken ("" for a vowel), also for digits and Latin letters."""
    bare = re.sub(r"[^0-9A-Za-z가-힣]+$", "", re.sub(r"\([^()]*\)\s*$", "", word))
    if not bare:
        return ""
    last = bare[-1]
    if "가" <= last <= "힣":
        return _split(last)[2]
    if last.isdigit():
        return _DIGIT_CODA.get(last, "")
    if last.isupper() or len(bare) == 1:
        return _split(_LETTERS[last.upper()][-1])[2]
    return "" if last in _SILENT_LATIN else "ㄱ"


def josa(word: str, particle: str) -> str:
    """`word` with the form of `particle` that its last sound asks for: josa("박물관", "은")."""
    closed, opened = _JOSA[particle]
    coda = final_sound(word)
    if particle == "으로" and coda == "ㄹ":
        return word + "로"
    return word + (closed if coda else opened)


def strip_particle(word: str) -> str:
    """One trailing particle off an eojeol, where at least two characters remain."""
    for particle in PARTICLES:
        if word.endswith(particle) and len(word) - len(particle) >= 2:
            return word[: -len(particle)]
    return word


def number(word: str) -> int | None:
    """The value of a spoken Sino-Korean number ("이백십일" -> 211, "이일일" -> 211) or None."""
    if not word or any(c not in _SINO and c not in _UNITS for c in word):
        return None
    if all(c in _SINO for c in word):
        return int("".join(str(_SINO[c]) for c in word))
    total, digit = 0, None
    ceiling = 10_000
    for c in word:
        if c in _UNITS:
            if _UNITS[c] >= ceiling:
                return None
            ceiling = _UNITS[c]
            total += (1 if digit is None else digit) * ceiling
            digit = None
        elif digit is not None:
            return None
        else:
            digit = _SINO[c]
    return total + (digit or 0)


def spell(text: str) -> str:
    """Latin letters and digits as a Korean reader names them: "HIT" -> "에이치아이티"."""
    return "".join(_LETTERS.get(c.upper(), _DIGITS.get(c, c)) for c in text)


@lru_cache(maxsize=65536)
def sound(text: str) -> str:
    """A key under which words that sound alike are equal or near: folded jamo, nothing else."""
    out = []
    for c in unicodedata.normalize("NFC", spell(text)):
        if "가" <= c <= "힣":
            lead, vowel, coda = _split(c)
            out.append(_FOLD_LEAD.get(lead, lead))
            out.append(_FOLD_VOWEL.get(vowel, vowel))
            out.append(_FOLD_CODA.get(coda, coda))
    return "".join(out)


def romanise(text: str) -> str:
    """Revised Romanization, letter by letter; other characters stay as they are."""
    out = []
    for c in unicodedata.normalize("NFC", text):
        if "가" <= c <= "힣":
            index = ord(c) - 0xAC00
            out.append(_ROMAN_LEADS[index // 588])
            out.append(_ROMAN_VOWELS[index % 588 // 28])
            out.append(_ROMAN_CODAS[index % 28])
        else:
            out.append(c)
    return "".join(out)
