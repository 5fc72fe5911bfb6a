"""The operator's record: what is kept, for how long, and what never is."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Answer

from giljabi.errors import GiljabiError
from giljabi.serve.current_guide import Given
from giljabi.serve.desk import FIGURES_DAYS, Desk

DAY = 86_400.0


class Clock:
    def __init__(self):
        self.now = time.mktime((2026, 11, 21, 12, 0, 0, 0, 0, -1))

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture(params=["sqlite", "file", "postgresql"])
def url(request, tmp_path):
    if request.param == "postgresql":
        base = request.getfixturevalue("postgresql")
        Desk(base).close()
        import sqlalchemy as sa

        engine = sa.create_engine(base.replace("postgresql://", "postgresql+psycopg://"))
        with engine.begin() as connection:
            for table in ("desk_counts", "desk_questions", "desk_sentences"):
                connection.execute(sa.text(f"DELETE FROM {table}"))
        engine.dispose()
        return base
    return "sqlite://" if request.param == "sqlite" else f"sqlite:///{tmp_path / 'desk.db'}"


def given_answer(question, outcome, **more):
    door = more.pop("door", "text")
    written = "refusal" if outcome != "found" else "template"
    return Given(question, Answer("", outcome, written_by=written, **more), door, 0.1)


def note(desk, *answers):
    for one in answers:
        desk.note(one)
    desk.flush()


def test_refused_questions_are_kept_each_once_with_how_often(url, clock):
    desk = Desk(url, keep_days=7, now=clock)
    note(
        desk,
        given_answer("화장실  어디야?", "not_in_data"),
        given_answer("화장실 어디야?", "not_in_data"),
        given_answer("Where is the pool?", "no_such_place", lang="en"),
        given_answer("국제관 몇 층?", "found"),
        given_answer("안녕", "greeting"),
    )
    found = [(u.question, u.lang, u.outcome, u.times, u.day) for u in desk.unanswered()]
    assert found == [
        ("화장실 어디야?", "ko", "not_in_data", 2, "2026-11-21"),
        ("Where is the pool?", "en", "no_such_place", 1, "2026-11-21"),
    ]
    desk.close()


def test_by_default_no_word_of_a_visitor_reaches_the_database(tmp_path, clock):
    file = tmp_path / "desk.db"
    desk = Desk(f"sqlite:///{file}", now=clock)
    dropped = (("비밀 문장입니다.", "a number that the facts do not give here"),)
    note(
        desk,
        given_answer("비밀 질문", "not_in_data"),
        given_answer("비밀", "found", dropped=dropped),
    )
    assert list(desk.unanswered()) == []
    assert desk.dropped() == []
    assert desk.totals("outcome") == {"found/template": 1, "not_in_data/refusal": 1}
    assert desk.totals("failed") == {"a number that the facts do not give here": 1}
    desk.close()
    written = b"".join(p.read_bytes() for p in Path(tmp_path).iterdir())
    assert "비밀".encode() not in written
    assert file.stat().st_mode & 0o077 == 0


def test_of_a_question_only_words_language_outcome_and_day_are_written(tmp_path, clock):
    import sqlite3

    file = tmp_path / "desk.db"
    desk = Desk(f"sqlite:///{file}", keep_days=1, now=clock)
    note(desk, given_answer("어디?", "outside"))
    desk.close()
    with sqlite3.connect(file) as connection:
        rows = connection.execute("SELECT * FROM desk_questions").fetchall()
    connection.close()
    assert rows == [(1, "2026-11-21", "ko", "outside", "어디?")]


@pytest.mark.parametrize("days", [1, 7])
def test_words_are_deleted_when_their_days_are_over(url, clock, days):
    desk = Desk(url, keep_days=days, now=clock)
    dropped = (("문장.", "why"),)
    note(desk, given_answer("옛 질문", "outside", dropped=dropped))
    clock.now += (days - 1) * DAY
    assert desk.sweep() == 0
    note(desk, given_answer("새 질문", "outside"))
    clock.now += DAY
    assert desk.sweep() == (2 if days > 1 else 3)
    assert [u.question for u in desk.unanswered()] == (["새 질문"] if days > 1 else [])
    assert desk.dropped() == []
    desk.close()


def test_a_server_that_keeps_less_deletes_what_an_earlier_one_kept(tmp_path, clock):
    url = f"sqlite:///{tmp_path / 'desk.db'}"
    first = Desk(url, keep_days=30, now=clock)
    note(first, given_answer("질문", "outside"))
    first.close()
    clock.now += 5 * DAY
    second = Desk(url, keep_days=30, now=clock)
    assert len(list(second.unanswered())) == 1
    second.close()
    third = Desk(url, now=clock)
    assert list(third.unanswered()) == []
    assert third.totals("outcome") == {"outside/refusal": 1}
    third.close()


def test_figures_go_after_their_time_too(url, clock):
    desk = Desk(url, now=clock)
    note(desk, given_answer("q", "found"))
    clock.now += FIGURES_DAYS * DAY
    desk.sweep()
    assert desk.totals("outcome") == {}
    desk.close()


def test_answers_are_counted_by_hour_and_outcome(url, clock):
    desk = Desk(url, now=clock)
    note(desk, given_answer("q", "found"), given_answer("q", "found"), given_answer("q", "outside"))
    clock.now += 3600
    note(desk, given_answer("q", "found"), given_answer("a → b", "no_way", door="route"))
    first, second = desk.by_hour()
    assert second - first == 1
    assert desk.by_hour()[first] == {"found": 2, "outside": 1}
    assert desk.by_hour()[second] == {"found": 1}
    assert desk.totals("route", 24) == {"no_way": 1}
    assert desk.by_hour(1).keys() == {second}
    desk.close()


def test_places_that_visitors_had_to_choose_between_are_counted_together(url, clock):
    desk = Desk(url, now=clock)
    note(
        desk,
        given_answer("학관", "ambiguous", places=("107", "102")),
        given_answer("학관?", "ambiguous", places=("102", "107")),
        given_answer("거기", "ambiguous", places=()),
    )
    assert desk.totals("confused") == {"102,107": 2}
    desk.close()


def test_sentences_that_failed_are_told_with_their_reason_and_a_busy_model_is_no_failure(
    url, clock
):
    desk = Desk(url, keep_days=3, now=clock)
    dropped = (
        ("국제관은 9층입니다.", "a number that the facts do not give here"),
        ("", "the model was busy"),
    )
    note(desk, given_answer("q", "found", dropped=dropped))
    assert desk.dropped() == [
        ("2026-11-21", "국제관은 9층입니다.", "a number that the facts do not give here")
    ]
    assert desk.totals("failed") == {"a number that the facts do not give here": 1}
    assert desk.totals("model") == {"the model was busy": 1}
    desk.close()


def test_all_words_can_be_deleted_at_once(url, clock):
    desk = Desk(url, keep_days=3, now=clock)
    note(desk, given_answer("하나", "outside"))
    desk.note(given_answer("둘", "outside"))
    assert desk.forget() == 2
    desk.flush()
    assert list(desk.unanswered()) == []
    desk.close()


def test_two_servers_add_to_the_same_counts(url, clock):
    if url == "sqlite://":
        pytest.skip("that one is of one process")
    desks = [Desk(url, keep_days=2, now=clock) for _ in range(2)]

    def work(n):
        note(desks[n % 2], given_answer("q", "found"), given_answer("q", "outside"))

    with ThreadPoolExecutor(8) as crowd:
        list(crowd.map(work, range(40)))
    assert desks[0].totals("outcome") == {"found/template": 40, "outside/refusal": 40}
    assert [u.times for u in desks[1].unanswered()] == [40]
    for desk in desks:
        desk.close()


def test_a_flood_between_two_writes_is_counted_and_not_kept(clock):
    desk = Desk("sqlite://", keep_days=2, now=clock)
    for n in range(5000):
        desk.note(given_answer(f"질문 {n}", "outside"))
    desk.flush()
    assert desk.totals("outcome") == {"outside/refusal": 5000}
    assert len(list(desk.unanswered())) == 1000
    desk.close()


def test_what_cannot_be_written_now_is_written_later(tmp_path, clock):
    import sqlite3

    file = tmp_path / "desk.db"
    desk = Desk(f"sqlite:///{file}", keep_days=2, now=clock)
    with sqlite3.connect(file) as other:
        other.execute("ALTER TABLE desk_counts RENAME TO away")
    desk.note(given_answer("q", "outside"))
    with pytest.raises(GiljabiError, match="operator's record"):
        desk.flush()
    with sqlite3.connect(file) as other:
        other.execute("ALTER TABLE away RENAME TO desk_counts")
    other.close()
    desk.flush()
    assert desk.totals("outcome") == {"outside/refusal": 1}
    assert len(list(desk.unanswered())) == 1
    desk.close()


@given(st.text(min_size=1, max_size=50))
def test_any_question_can_be_kept_and_comes_back(text):
    desk = Desk("sqlite://", keep_days=2)
    note(desk, given_answer(text, "outside"))
    [kept] = desk.unanswered()
    whole = " ".join(text.split()).replace("\0", "").encode("utf-8", "replace").decode()
    assert kept.question == whole
    desk.close()


@pytest.mark.parametrize("days", [0, -1, 367])
def test_days_without_sense_are_refused(days):
    with pytest.raises(GiljabiError, match="1 to 366 days"):
        Desk("sqlite://", keep_days=days)
