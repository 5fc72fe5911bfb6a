from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.venue.names import Names
from giljabi.venue.place import Venue


@pytest.fixture(scope="module")
def names(hanyang: Venue) -> Names:
    return Names(hanyang)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("국제관은 몇 층?", "108"), ("국제관에서는", "108"), ("211관", "211"), ("211번 건물", "211"),
        ("건물번호 211번", "211"), ("이백십일번 건물", "211"), ("이일일관", "211"), ("Building 211", "211"),
        ("bldg. 211", "211"), ("building two one one", "211"), ("중도 가는 길", "501"), ("한플", "105"),
        ("1공 어디야", "212"), ("일공학관", "212"), ("싸군", "503"), ("2생", "804"), ("3법", "409"),
        ("제 3 법학관", "409"), ("신소제 공학간", "204"), ("백남 학슬 정보간", "501"), ("노천 급장", "209"),
        ("제이 공확관", "211"), ("한양플라쟈", "105"), ("사회과학간 가는길알려줘", "504"), ("아이티 비티관", "305"),
        ("경영간은몇층까지잇어", "706"), ("소환 양플라자까지", "105"), ("한양대 중앙도서관", "501"),
        ("한양여대 도서관", "903"), ("the Second Engineering Building", "211"), ("2nd engineering bldg", "211"),
        ("Haengwon Prak", "707"), ("Guset House", "807"), ("sinsojae gonghakgwan", "204"),
        ("baeknam library", "501"), ("이마트 왕십리점", "K21"), ("서울숲디타워 GS25", "T36"), ("재성토목관(201관)", "201"),
    ],
)  # fmt: skip
def test_a_name_is_found_however_it_is_said(names: Names, text: str, place: str) -> None:
    found = names.find(text)
    assert [m.places[0] for m in found if m.places] == [place]
    assert not any(m.how == "maybe" for m in found)


@pytest.mark.parametrize(
    "text",
    [
        "제8공학관", "제4학생생활관", "312번 건물", "999관", "연세대 도서관", "고려대학교 중앙도서관", "서울대병원",
        "에리카 캠퍼스 학생회관", "미술관", "Engineering Building 8", "the Fourth Law Building",
        "Student Residence Hall 4", "Yonsei University library",
    ],
)  # fmt: skip
def test_a_stranger_is_unknown_and_never_the_nearest(names: Names, text: str) -> None:
    assert [m.how for m in names.find(text)] == ["unknown"]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("법학관", {"407", "408", "409"}),
        ("공학관", {"204", "211", "212"}),
        ("GS25", {"T35", "T36"}),
    ],
)
def test_a_shared_name_is_ambiguous(names: Names, text: str, places: set[str]) -> None:
    (found,) = names.find(text)
    assert found.how == "family"
    assert set(found.places) >= places


def test_the_likelier_of_several_comes_first(names: Names) -> None:
    (found,) = names.find("본관")
    assert found.how == "exact"
    assert found.places[0] == "102"
    assert {"206", "606"} <= set(found.places)


@pytest.mark.parametrize(
    "text",
    [
        "241번 버스",
        "2012번 버스 타면",
        "3층에 있어?",
        "10분 걸려?",
        "화장실 어디예요",
        "오늘 날씨 어때",
    ],
)
def test_numbers_and_plain_words_are_no_places(names: Names, text: str) -> None:
    assert names.find(text) == []


def test_every_place_is_found_by_its_own_name(names: Names, hanyang: Venue) -> None:
    for place in hanyang.places:
        found = names.find(f"{place.name.ko} 어디예요?")
        assert any(place.id in m.places for m in found), place.name.ko


def test_every_english_name_is_found(names: Names, hanyang: Venue) -> None:
    missed = [
        p.name.en
        for p in hanyang.places
        if p.name.en and not any(p.id in m.places for m in names.find(f"Where is {p.name.en}?"))
    ]
    assert missed == []


def test_two_names_in_one_sentence_keep_their_order(names: Names) -> None:
    found = names.find("노천극장에서206관은 어떻게 가?")
    assert [m.places[0] for m in found] == ["209", "206"]


def test_the_second_of_two_numbered_names_may_lack_its_head(names: Names) -> None:
    found = names.find("사이버대 1관이랑 2관 중에")
    assert [m.places[0] for m in found] == ["702", "703"]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text_is_read_without_overlap(names: Names, text: str) -> None:
    found = names.find(text)
    assert all(0 <= m.start < m.end <= len(text) for m in found)
    assert all(a.end <= b.start for a, b in itertools.pairwise(found))
