"""What is said aloud: tables written by hand beside this file, and rules that hold for any text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from giljabi import korean
from giljabi.answer.guide import Guide
from giljabi.spoken import numerals, spoken
from giljabi.spoken.words import table

HERE = Path(__file__).parent
SOUNDED = re.compile(r"[가-힣 .,?!\n]*")
PIECES = st.sampled_from(
    "105번 2층 650m를 B1 B1~B3 10~15분 010-1234-5678 02) 14:30 PM 2026-11-21 11/21(토) 1/2 50% ℃ ㎡ km/h "
    "HIT가 IT/BT관 Wi-Fi는 (추정) (HIT)이 ( ) [ ] ' “ ” · ~ – - / : ; 가 은 를 로 관 시 분 명 번째 ① Ⅱ é １２ "
    "https://www.a-b.kr/x?y=1 a@b.kr 1. 2) - # * ** ㄱ ㅋㅋ 博 → … 9 99 100 0 007 1,234 3.14 네 한양대 . , ? ! \n".split(" ")
)  # fmt: skip
TEXTS = st.one_of(st.text(), st.lists(PIECES).map("".join), st.lists(PIECES).map(" ".join))
WORDS = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1)


def cases(lang: str) -> list[tuple[str, str]]:
    lines = (HERE / f"said_{lang}.tsv").read_text("utf-8").splitlines()
    rows = [line.replace("\\n", "\n").split("\t") for line in lines if line[:2] != "# "]
    return [(written, said) for written, said in rows]


def test_there_are_enough_cases() -> None:
    assert len(set(cases("ko"))) >= 300


@pytest.mark.parametrize(("written", "said"), cases("ko"))
def test_korean(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize(("written", "said"), cases("en"))
def test_english(written: str, said: str) -> None:
    assert spoken(written, "en") == said


@settings(deadline=None)
@given(TEXTS)
@example("²Ⅻ①ªº½㈱ŉ")
def test_korean_keeps_only_what_has_a_sound(text: str) -> None:
    assert SOUNDED.fullmatch(spoken(text))


@settings(deadline=None)
@given(TEXTS)
def test_saying_it_twice_changes_nothing(text: str) -> None:
    assert spoken(spoken(text)) == spoken(text)


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1), st.sampled_from(".?!"))
def test_plain_korean_stays_as_it_is(words: list[str], mark: str) -> None:
    sentence = " ".join(words) + mark
    assert spoken(sentence) == sentence


@settings(deadline=None)
@given(TEXTS)
def test_english_is_ascii(text: str) -> None:
    assert spoken(text, "en").isascii()


def heard_sino(words: str) -> int:
    """A number read back without the module under test: an accumulator over the syllables."""
    digits = {c: i for i, c in enumerate("영일이삼사오육칠팔구")}
    total = group = digit = 0
    for c in words.replace(" ", ""):
        if c in digits:
            assert digit == 0, words
            digit = digits[c]
        elif c == "만":
            total += (group + digit or 1) * 10_000
            group = digit = 0
        else:
            place = {"십": 10, "백": 100, "천": 1000}[c]
            assert group % (place * 10) == 0, words  # places only ever get smaller
            group += (digit or 1) * place
            digit = 0
    return total + group + digit


def test_every_number_is_heard_as_itself() -> None:
    for n in range(100_000):
        said = numerals.sino(n)
        assert heard_sino(said) == n
        assert "일십" not in said
        assert "일백" not in said
        assert "일천" not in said


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=99_999))
def test_a_number_in_a_sentence_is_heard_as_itself(n: int) -> None:
    for written in (str(n), f"{n:,}"):
        assert heard_sino(spoken(written)) == n
        assert heard_sino(spoken(f"문까지 {written}m예요.")[4:].removesuffix(" 미터예요.")) == n


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=9_999))
def test_our_own_reader_of_numbers_agrees(n: int) -> None:
    assert korean.number(spoken(f"{n}번").removesuffix("번")) == n


def test_native_numbers_are_heard_as_themselves() -> None:
    tens = {
        "": 0,
        "열": 1,
        "스물": 2,
        "서른": 3,
        "마흔": 4,
        "쉰": 5,
        "예순": 6,
        "일흔": 7,
        "여든": 8,
        "아흔": 9,
    }
    ones = {
        "": 0,
        "한": 1,
        "두": 2,
        "세": 3,
        "네": 4,
        "다섯": 5,
        "여섯": 6,
        "일곱": 7,
        "여덟": 8,
        "아홉": 9,
    }
    heard = {a + b: 10 * x + y for a, x in tens.items() for b, y in ones.items()}
    heard["스무"] = heard.pop("스물")
    for n in range(1, 100):
        assert heard[spoken(f"{n}명").removesuffix(" 명")] == n
        assert heard[numerals.native(n)] == n
    assert spoken("100명") == "백 명"


@settings(deadline=None)
@given(st.integers(min_value=10**20, max_value=10**30))
def test_numbers_beyond_names_are_said_digit_by_digit(n: int) -> None:
    assert len(spoken(str(n))) == len(str(n))


def test_endless_text_is_said_too() -> None:
    for piece in ("1", "a", "(", "1-", "가(", "1~", "1,", "1.", "1/", "www.", "-", "\n", "가 1층 "):
        assert SOUNDED.fullmatch(spoken(piece * 6000))


@pytest.mark.parametrize(
    ("written", "readings", "said"),
    [
        ("HIT는 701번이에요.", {"HIT": "히트"}, "히트는 칠백일번이에요."),
        ("HIT가 보여요.", {"HIT": "히트관"}, "히트관이 보여요."),
        ("이투스247학원", {"이투스247": "이투스 이사칠"}, "이투스 이사칠학원"),
        ("CU에서", {"CU": "씨유"}, "씨유에서"),
        ("CUBE", {"CU": "편의점"}, "씨유비이"),
        ("ＨＹＵ", {"HYU": "한양대"}, "한양대"),
        ("GATE 1", {"GATE": "문"}, "문 일"),
        ("www.hanyang.ac.kr", {"hanyang": "한양"}, "한양 점 에이씨 점 케이알"),
    ],
)
def test_a_venue_has_its_own_readings(written: str, readings: dict[str, str], said: str) -> None:
    assert spoken(written, readings=readings) == said


def test_a_venue_has_its_own_english_readings() -> None:
    assert spoken("HIT is near.", "en", {"HIT": "H I T"}) == "H I T is near."


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("HIT는", "에이치아이티는"),
        ("HIT은", "에이치아이티은"),  # wrong as it was written: not ours to mend
        ("5km을", "오 킬로미터를"),
        ("5km를", "오 킬로미터를"),
        ("80%이", "팔십 퍼센트가"),
        ("105를", "백오를"),
        ("7로", "칠로"),
        ("온라인(Wi-Fi)으로", "온라인, 와이파이로"),
    ],
)
def test_josa_follow_the_sound(written: str, said: str) -> None:
    assert spoken(written) == said


def test_the_tables_hold_only_what_can_be_said() -> None:
    ko = table()["ko"]
    said = [*ko["lexicon"].values(), *ko["units"].values(), *ko["money"].values()]
    said += [
        *ko["jamo"].values(),
        *ko["months"].values(),
        *(w for pair in ko["speeds"].values() for w in pair),
    ]
    for word in said:
        assert re.fullmatch(r"[가-힣 ]+", word), word
    for word, reading in ko["lexicon"].items():
        assert spoken(word) == reading


@pytest.mark.parametrize(
    "place", ["한양플라자", "제2공학관", "IT/BT관", "한양종합기술연구원", "GS25"]
)
def test_what_the_guide_says_is_said_whole(guide: Guide, place: str) -> None:
    for question in (
        "어디야?",
        "몇 층이야?",
        "번호가 뭐야?",
        "까지 몇 미터야?",
        "까지 지하철로 가는 길",
    ):
        text = guide.answer(f"{place} {question}").text
        said = spoken(text)
        assert SOUNDED.fullmatch(said)
        # No sentence is lost, and none is made.
        assert len(re.findall(r"[.?!](?:\s|$)", said)) == len(re.findall(r"[.?!](?:\s|$)", text))


def test_the_page_for_people_shows_what_is_said() -> None:
    page = (HERE.parents[1] / "docs" / "voice-mouth.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", page.split("| written | said |")[1], flags=re.M)
    assert len(rows) >= 10
    for written, said in rows:
        assert spoken(written) == said
