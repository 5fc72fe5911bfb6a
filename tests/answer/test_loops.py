import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.answer import loops

SENTENCE = "본관은 지상 5층 건물이며 정문에서 걸어서 2분 걸립니다. "


@pytest.mark.parametrize(
    "unit", ["하", "네 ", "abcdefgh", "왼쪽으로 가세요, ", SENTENCE, SENTENCE * 2]
)
def test_a_unit_four_times_over_is_a_loop_from_its_second_time_on(unit):
    lead = "안내해 드립니다: "
    times = max(4, -(-32 // len(unit)))
    at = loops.find(lead + unit * times)
    assert at is not None
    assert len(lead) < at <= len(lead) + 2 * len(unit) + 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "왼쪽으로 왼쪽으로 왼쪽으로 가세요.",  # three times
        "하하하하하하하",  # too short
        "|---|---|---|---|---|---|",
        "### 제1공학관\n- 지상 5층\n### 제2공학관\n- 지상 5층\n### 제3공학관\n- 지상 5층\n",
        SENTENCE + "박물관은 3층입니다. " + SENTENCE,
    ],
)
def test_what_people_write_is_no_loop(text):
    assert loops.find(text) is None


def test_the_same_sentence_three_times_is_a_loop_even_apart_and_numbered():
    text = f"1. {SENTENCE}\n박물관도 있어요.\n2. {SENTENCE}\n학생회관도 있어요.\n"
    assert loops.find(text) is None
    at = loops.find(text + f"3. {SENTENCE}")
    assert at is not None
    assert at >= len(text)


@given(st.text("가나 .\n", max_size=200), st.integers(1, 7))
def test_a_growing_text_is_judged_like_a_whole_one(text, size):
    watch = loops.LoopWatch()
    pieces = [text[i : i + size] for i in range(0, len(text), size)] + ["\n"]
    found = next((at for p in pieces if (at := watch.feed(p)) is not None), None)
    assert found == loops.find(text)


@given(st.text('가.\n 1"', max_size=80))
def test_split_loses_nothing(text):
    whole, rest = loops.split(text)
    assert "".join(whole) + rest == text


def test_a_list_number_ends_no_sentence():
    assert loops.split("1. 도서관\n2. 본관. 끝") == (["1. 도서관\n", "2. 본관. "], "끝")


def test_a_long_text_stays_cheap():
    text = "".join(
        f"{i}번째 건물은 {i * 7 % 31}층이고 {i * 13 % 17}분 걸려요. " for i in range(400)
    )
    began = time.process_time()
    assert loops.find(text) is None
    assert time.process_time() - began < 1.0
