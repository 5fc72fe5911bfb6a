"""What a model may say of cited sentences: their numbers, dates, names and words, moved nowhere."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.answer.cited import CitedChecker
from giljabi.answer.cites import cited
from giljabi.answer.evidence import spans
from giljabi.answer.query import Query
from giljabi.documents.passage import Passage

LOANS = Passage(
    "rules.md#3", "rules.md", ("도서관 이용 규정", "제7조(대출)"),
    "학부생은 10권을 14일 동안, 대학원생은 20권을 30일 동안 빌릴 수 있다.\n"
    "참고도서는 대출할 수 없다. 다만, 연속간행물은 1일 동안 빌릴 수 있다.\n"
    "이 규정은 2026년 3월 1일부터 시행한다.\n"
    "평일에는 09:00부터 18:00까지 연다.\n"
    "앱의 이름은 “가온책방”이며 담당 부서는 열람서비스팀(내선 4110)이다.",
    page=3,
)  # fmt: skip


def checker(question="대출 기간이 며칠이에요?", lang="ko"):
    facts = cited(Query(question, lang, "document"), spans(LOANS))
    return CitedChecker(facts, ())


@pytest.mark.parametrize(
    "said",
    [
        "학부생은 14일 동안 빌릴 수 있습니다.",
        "학부생은 10권을 14일 동안 빌릴 수 있습니다.",
        "대학원생은 20권을 30일 동안 빌릴 수 있습니다.",
        "참고도서는 대출할 수 없습니다.",
        "연속간행물은 1일 동안 빌릴 수 있습니다.",
        "2026년 3월 1일부터 시행합니다.",
        "2026-03-01부터 시행합니다.",
        "평일에는 오후 6시까지 엽니다.",
        "앱의 이름은 가온책방입니다.",
        "담당 부서는 열람서비스팀입니다.",
        "“이 규정은 2026년 3월 1일부터 시행한다.”",
    ],
)
def test_what_the_text_says_in_other_words_passes(said):
    verdict = checker().check(said)
    assert verdict.ok, [c for c in verdict.claims if c.problem]
    assert verdict.facts


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("학부생은 21일 동안 빌릴 수 있습니다.", "a number that the cited text does not have"),
        ("학부생은 14권을 빌릴 수 있습니다.", "a number that the cited text does not have"),
        ("학부생은 30일 동안 빌릴 수 있습니다.", "a number of another condition"),
        ("대학원생은 10권을 빌릴 수 있습니다.", "a number of another condition"),
        ("참고도서는 대출할 수 있습니다.", "says no where the cited text says yes, or yes for no"),
        (
            "학부생은 14일 동안 빌릴 수 없습니다.",
            "says no where the cited text says yes, or yes for no",
        ),
        ("2026년 4월 1일부터 시행합니다.", "a date that the cited text does not have"),
        ("평일에는 오전 6시까지 엽니다.", "a number that the cited text does not have"),
        ("앱의 이름은 “서강책방”입니다.", "a quotation that does not stand in the cited text"),
        ("담당 부서는 총무과입니다.", "a word that the cited text does not account for"),
        (
            "학부생은 14일 동안 Library에서 빌릴 수 있습니다.",
            "a name that the cited text does not have",
        ),
        ("학부생은 14일 동안 貸出할 수 있습니다.", "a script that the cited text does not have"),
        ("네, 빌릴 수 있습니다.", "answers yes or no, which needs a reader"),
        ("Undergraduates may borrow for 14 days.", "not Korean"),
    ],
)
def test_what_it_does_not_say_fails(said, problem):
    verdict = checker().check(said)
    assert not verdict.ok
    assert problem in {c.problem for c in verdict.claims}


def test_nothing_said_is_no_answer():
    assert not checker().check("").ok


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["일", "권", "원", "명", "시간", "층", "%"]))
def test_no_number_passes_that_does_not_stand_there_with_its_unit(number, unit):
    held = {(10, "권"), (14, "일"), (20, "권"), (30, "일"), (1, "일")}
    verdict = checker().check(f"학부생은 {number}{unit} 빌릴 수 있습니다.")
    if (number, unit) not in held:
        assert not verdict.ok
