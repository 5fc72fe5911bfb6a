from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi import korean

SYLLABLES = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1)


@pytest.mark.parametrize(
    ("word", "particle", "said"),
    [
        ("박물관", "은", "박물관은"),
        ("한양플라자", "은", "한양플라자는"),
        ("HIT", "이", "HIT가"),
        ("FTC", "을", "FTC를"),
        ("105", "으로", "105로"),
        ("2호선", "을", "2호선을"),
        ("서울", "으로", "서울로"),
        ("국제관(6층)", "이", "국제관(6층)이"),
        ("본관", "과", "본관과"),
    ],
)
def test_josa_follows_the_last_sound(word: str, particle: str, said: str) -> None:
    assert korean.josa(word, particle) == said


@given(SYLLABLES)
def test_josa_only_ever_appends(word: str) -> None:
    assert korean.josa(word, "은") in (word + "은", word + "는")


@pytest.mark.parametrize(
    ("spoken", "value"),
    [("이백십일", 211), ("이일일", 211), ("공일", 1), ("백오", 105), ("팔백십", 810), ("십", 10)],
)
def test_spoken_numbers(spoken: str, value: int) -> None:
    assert korean.number(spoken) == value


@pytest.mark.parametrize("word", ["", "관", "십백", "이이백", "백천"])
def test_what_is_no_number_is_none(word: str) -> None:
    assert korean.number(word) is None


def _sino(n: int) -> str:
    digits = "영일이삼사오육칠팔구"
    out = ""
    for unit, name in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
        d, n = divmod(n, unit)
        if d:
            out += ("" if d == 1 and name else digits[d]) + name
    return out


@given(st.integers(min_value=1, max_value=9999))
def test_every_number_said_is_read_back(n: int) -> None:
    assert korean.number(_sino(n)) == n


@pytest.mark.parametrize(
    ("heard", "name"),
    [
        ("신소제공학간", "신소재공학관"),
        ("재이공확관", "제이공확관"),
        ("에이치아이티", "HIT"),
        ("한양프라자", "한양플라자"),
    ],
)
def test_what_sounds_alike_is_near(heard: str, name: str) -> None:
    a, b = korean.sound(heard), korean.sound(name)
    assert a == b or abs(len(a) - len(b)) <= 1


@given(SYLLABLES)
def test_sound_is_stable_under_itself(word: str) -> None:
    assert korean.sound(word) == korean.sound(word)
    assert all("ㄱ" <= c <= "ㅣ" for c in korean.sound(word))


@pytest.mark.parametrize("leak", ["本館", "かな", "カナ", "Привет", "ไทย", "👍"])
def test_foreign_scripts_are_found(leak: str) -> None:
    assert korean.foreign_script(f"박물관은 {leak} 옆이에요.")


@given(st.text(st.sampled_from("박물관은지상5층AZaz.,!?()'~ ㅋㅎ"), max_size=60))
def test_korean_and_latin_are_no_foreign_script(text: str) -> None:
    assert korean.foreign_script(text) == []


def test_particles_come_off_but_leave_a_word() -> None:
    assert korean.strip_particle("중앙도서관에서는") == "중앙도서관"
    assert korean.strip_particle("본관까지는요") == "본관"
    assert korean.strip_particle("나는") == "나는"


def test_romanisation_is_letter_by_letter() -> None:
    assert korean.romanise("춘향 면") == "chunhyang myeon"
