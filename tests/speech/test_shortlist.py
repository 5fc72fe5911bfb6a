from __future__ import annotations

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi import korean
from giljabi.speech.mending import Mender
from giljabi.speech.shortlist import Shortlist
from giljabi.venue.place import Venue

# What listeners confuse: one letter of a syllable for its neighbour.
CONFUSED = {
    "lead": ["ㄱㅋㄲ", "ㄷㅌㄸ", "ㅂㅍㅃ", "ㅈㅊㅉ", "ㅅㅆ", "ㄴㄹ", "ㅁㅂ"],
    "vowel": ["ㅐㅔ", "ㅓㅗ", "ㅡㅜ", "ㅏㅓ", "ㅚㅙㅞ", "ㅣㅢ"],
    "coda": ["ㄴㅇㅁ", "ㄱㅋ", "ㅅㄷㅌ", "ㅂㅍ"],
}
LEADS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = " ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def misheard(name: str, pick: random.Random) -> str:
    """`name` with one confusable letter changed."""
    options = []
    for at, syllable in enumerate(name):
        if not "가" <= syllable <= "힣":
            continue
        n = ord(syllable) - 0xAC00
        parts = [n // 588, n % 588 // 28, n % 28]
        for part, (letters, groups) in enumerate(
            zip((LEADS, VOWELS, CODAS), CONFUSED.values(), strict=True)
        ):
            for group in groups:
                if letters[parts[part]] in group:
                    options += [
                        (at, part, letters.index(o))
                        for o in group
                        if o in letters and o != letters[parts[part]]
                    ]
    at, part, letter = pick.choice(options)
    n = ord(name[at]) - 0xAC00
    parts = [n // 588, n % 588 // 28, n % 28]
    parts[part] = letter
    return name[:at] + chr(0xAC00 + parts[0] * 588 + parts[1] * 28 + parts[2]) + name[at + 1 :]


@pytest.fixture(scope="module")
def shortlist(hanyang: Venue) -> Shortlist:
    return Shortlist(hanyang)


@settings(deadline=None)  # the first call builds caches
@given(data=st.data())
def test_a_name_misheard_by_one_letter_is_on_the_list(
    shortlist: Shortlist, hanyang: Venue, data: st.DataObject
) -> None:
    long = [p for p in hanyang.places if len(korean.sound(p.label("ko"))) >= 8]
    place = data.draw(st.sampled_from(long))
    name = misheard(place.label("ko"), random.Random(data.draw(st.integers(0, 10_000))))
    frame = data.draw(
        st.sampled_from(["{} 어디예요", "저기 {}까지 어떻게 가요", "{}은 몇 층이에요?"])
    )
    listed = shortlist.of(frame.format(name), "ko")
    assert place.id in [alike.place for alike in listed]
    assert len(listed) <= 12
    assert [a.score for a in listed] == sorted((a.score for a in listed), reverse=True)


@pytest.mark.parametrize(
    ("text", "lang", "place"),
    [
        ("애지문의 소환 양플라자까지 어떻게 가요", "ko", "105"), ("노천 급장 가는 길", "ko", "209"),
        ("백남 학슬 정보간", "ko", "501"), ("where is the baeknam academik library", "en", "501"),
        ("how do I get to hanyang plazza", "en", "105"),
    ],
)  # fmt: skip
def test_names_are_listed_as_they_sound(
    shortlist: Shortlist, text: str, lang: str, place: str
) -> None:
    assert place in [alike.place for alike in shortlist.of(text, lang)][:5]  # type: ignore[arg-type]


def test_nothing_said_lists_nothing(shortlist: Shortlist) -> None:
    assert shortlist.of("", "ko") == []
    assert shortlist.of("?!", "en") == []


def test_a_list_takes_milliseconds(shortlist: Shortlist) -> None:
    text = "혹시 여기에서 백남 학슬 정보간까지 걸어가면 얼마나 걸리는지 알 수 있을까요"
    took = []
    for _ in range(7):
        begin = time.perf_counter()
        shortlist.of(text, "ko")
        took.append(time.perf_counter() - begin)
    assert min(took) < 0.05


@pytest.mark.parametrize(
    ("heard", "mended", "asks"),
    [
        ("신소제 공학간은 몇 층이에요", "신소재공학관은 몇 층이에요", ()),
        ("국제관 어디예요", "국제관 어디예요", ()),
        ("학생 할인 기준이 어떻게 되나요?", "학생 할인 기준이 어떻게 되나요?", ("107",)),
        ("오늘 날씨 어때요", "오늘 날씨 어때요", ()),
    ],
)
def test_names_nearly_right_are_put_right_and_doubtful_ones_asked(
    hanyang: Venue, heard: str, mended: str, asks: tuple[str, ...]
) -> None:
    got = Mender(hanyang).mend(heard)
    assert (got.text, got.asks) == (mended, asks)
