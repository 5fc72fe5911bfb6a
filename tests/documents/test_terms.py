from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.documents import terms

KOREAN = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("중앙도서관에서는", "중앙도서관"),
        ("중앙 도서관", "중앙도서관"),
        ("대출기간", "대출 기간"),
        ("책을", "책"),
        ("WIFI", "wifi"),
        ("１２조", "12조"),
        ("9:00", "09:00"),
        ("30000", "30,000"),
        ("café", "CAFÉ"),
    ],
)
def test_what_is_written_is_found_in_what_is_said(said: str, written: str) -> None:
    assert set(terms.terms(written)) <= set(terms.terms(said))


def test_numbers_and_latin_words_stay_whole_and_korean_becomes_pairs() -> None:
    assert terms.terms("제12조 Wi-Fi 이용료 3,000원") == [
        "제", "12", "조", "wi", "fi", "이용", "용료", "3000", "원",
    ]  # fmt: skip


def test_a_new_line_and_a_mark_keep_words_apart() -> None:
    assert terms.terms("대출\n반납") == ["대출", "반납"] == terms.terms("대출·반납")


@given(KOREAN, KOREAN)
def test_spaces_between_words_make_no_difference_to_the_pairs(one: str, other: str) -> None:
    def pairs(text: str) -> list[str]:
        return [t for t in terms.terms(text) if len(t) == 2]

    assert pairs(f"{one} {other}") == pairs(one + other)


@given(st.text())
def test_a_term_is_one_token_of_the_index(text: str) -> None:
    """Anything else would be cut again by FTS5, or not be found."""
    for term in terms.terms(text):
        assert re.fullmatch(r"[가-힣]{1,2}|[一-鿿]+|[0-9]+|[a-zà-öø-ɏ]+", term)
