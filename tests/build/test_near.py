"""Near duplicates: the quick search finds what comparing everything with everything finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from giljabi.build.near import NearIndex, trigrams

questions = st.lists(
    st.text(alphabet="가나다라 마바사아?12abc", min_size=1, max_size=24), min_size=1, max_size=30
)


def slow(text: str, kept: list[str], threshold: float) -> bool:
    def digits(t: str) -> list[str]:
        import re

        return re.findall(r"\d+", t)

    a = trigrams(text)
    return any(
        len(a & trigrams(k)) >= threshold * len(a | trigrams(k)) and digits(text) == digits(k)
        for k in kept
    )


@given(questions, st.sampled_from([0.6, 0.8, 0.9, 1.0]))
def test_it_agrees_with_comparing_every_pair(texts: list[str], threshold: float) -> None:
    index, kept = NearIndex(texts, threshold), []
    for text in texts:
        assert (index.find(text) is not None) == slow(text, kept, threshold)
        index.add(text)
        kept.append(text)


def test_case_spaces_and_punctuation_do_not_make_a_new_question() -> None:
    index = NearIndex(())
    index.add("How do I get to the Museum?")
    assert index.find("how do i get to  the museum") == 0
    assert index.find("How do I get to the Library?") is None


def test_another_number_is_another_question() -> None:
    index = NearIndex(())
    index.add("한양여자대학교 제1법학관까지 걸어서 얼마나 걸리나요?")
    assert index.find("한양여자대학교 제2법학관까지 걸어서 얼마나 걸리나요?") is None
