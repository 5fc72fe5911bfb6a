from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from giljabi.answer.memory import Memory, Turn
from giljabi.errors import GiljabiError


def python(code, *arguments):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'turns.db'}"


@pytest.fixture
def memory(url):
    store = Memory(url, turns=3, ttl_s=100)
    yield store
    store.close()


def test_the_last_turns_come_oldest_first(memory):
    for n in range(5):
        memory.add("a", f"q{n}", f"a{n}")
    memory.add("b", "other", "one")
    assert memory.history("a") == (Turn("q2", "a2"), Turn("q3", "a3"), Turn("q4", "a4"))
    assert memory.history("b") == (Turn("other", "one"),)
    assert memory.history("c") == ()


def test_expired_turns_are_not_handed_out_and_then_deleted(memory, monkeypatch):
    memory.add("a", "old", "1")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    memory.add("a", "new", "2")
    monkeypatch.setattr(time, "time", lambda: now + 120)
    assert memory.history("a") == (Turn("new", "2"),)
    assert memory.expire() == 1
    assert memory.expire() == 0
    assert memory.history("a") == (Turn("new", "2"),)


def test_wipe_forgets_one_conversation(memory):
    memory.add("a", "q", "a")
    memory.add("b", "q", "a")
    assert memory.wipe("a") is True
    assert memory.wipe("a") is False
    assert memory.history("a") == ()
    assert memory.history("b") == (Turn("q", "a"),)


def test_numbers_are_not_given_out_twice_even_after_a_wipe(memory, tmp_path):
    memory.add("a", "q", "a")
    memory.wipe("a")
    memory.add("a", "q", "a")
    with sqlite3.connect(tmp_path / "turns.db") as raw:
        assert raw.execute("SELECT number FROM turns").fetchall() == [(2,)]
    raw.close()


def test_a_second_memory_reads_what_the_first_wrote(url):
    first, second = Memory(url), Memory(url)
    first.add("a", "질문", "대답")
    assert second.history("a") == (Turn("질문", "대답"),)
    first.close()
    second.close()


def test_the_default_lives_in_this_process_and_is_shared_by_threads():
    memory = Memory()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: memory.add("a", str(n), ""), range(40)))
        assert len(set(pool.map(lambda _: memory.history("a"), range(20)))) == 1
    assert len(memory.history("a")) == 10
    memory.close()


def test_the_file_is_private_and_in_wal_mode(memory, tmp_path):
    memory.add("a", "q", "a")
    for name in ("turns.db", "turns.db-wal"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with sqlite3.connect(tmp_path / "turns.db") as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    raw.close()


@pytest.mark.parametrize("bad", ["", "a b", "가", "a" * 65, "a\n", "../a", "a;b", "１"])
def test_ids_are_checked(memory, bad):
    for act in (memory.history, memory.wipe, lambda c: memory.add(c, "q", "a")):
        with pytest.raises(GiljabiError, match="conversation id"):
            act(bad)


@given(st.text(), st.text())
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
def test_any_text_comes_back_but_for_what_no_database_takes(question, answer):
    memory = Memory()
    memory.add("a", question, answer)
    assert memory.history("a") == (Turn(question.replace("\0", ""), answer.replace("\0", "")),)
    memory.close()


def test_lone_surrogates_do_not_break_it(memory):
    memory.add("a", "\ud800?", "")
    assert memory.history("a") == (Turn("??", ""),)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://x", "not mysql"),
        ("nonsense", "cannot be read"),
        ("sqlite:////no/such/folder/x.db", "No such file"),
        ("sqlite:////tmp", "Is a directory"),
    ],
)
def test_a_bad_url_is_one_sentence(url, says):
    with pytest.raises(GiljabiError, match=says):
        Memory(url)


def test_bad_settings():
    with pytest.raises(GiljabiError):
        Memory(turns=0)
    with pytest.raises(GiljabiError):
        Memory(ttl_s=0)


def test_a_file_that_is_no_database(tmp_path):
    (tmp_path / "x.db").write_text("this is not a database, it is a text of some length" * 20)
    with pytest.raises(GiljabiError, match="not a database"):
        Memory(f"sqlite:///{tmp_path / 'x.db'}")


def test_errors_quote_neither_the_question_nor_the_password(memory, tmp_path):
    with sqlite3.connect(tmp_path / "turns.db") as raw:
        raw.execute("DROP TABLE turns")
    raw.close()
    with pytest.raises(GiljabiError) as caught:
        memory.add("a", "secret words", "more")
    assert "secret" not in str(caught.value)
    pytest.importorskip("psycopg", exc_type=ImportError)
    with pytest.raises(GiljabiError) as caught:
        Memory("postgresql://u:hunter2@127.0.0.1:1/db")
    assert "hunter2" not in str(caught.value)


def test_a_missing_driver_names_its_install_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[postgresql\]'"):
        Memory("postgresql://u@127.0.0.1/db")


def crowd(url, processes=3, threads=6, each=10):
    """Many processes, each with many threads, add to one conversation at once."""
    code = """
import sys, threading
from giljabi.answer.memory import Memory
url, who, threads, each = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
memory = Memory(url)
def work(t):
    for n in range(each):
        memory.add("all", f"{who}-{t}-{n}", "a")
        memory.history("all")
crowd = [threading.Thread(target=work, args=(t,)) for t in range(threads)]
[t.start() for t in crowd]; [t.join() for t in crowd]
"""
    running = [python(code, url, p, threads, each) for p in range(processes)]
    for process in running:
        process.communicate(timeout=120)
        assert process.returncode == 0
    store = Memory(url, turns=10_000)
    said = [turn.question for turn in store.history("all")]
    store.close()
    assert len(said) == len(set(said)) == processes * threads * each
    for process in range(processes):
        for thread in range(threads):
            mine = [q for q in said if q.startswith(f"{process}-{thread}-")]
            assert mine == [f"{process}-{thread}-{n}" for n in range(each)]


def test_threads_and_processes_at_once_lose_nothing(url):
    crowd(url)


def test_killed_in_the_middle_keeps_every_turn_it_confirmed(url):
    code = """
import sys
from giljabi.answer.memory import Memory
memory = Memory(sys.argv[1])
n = 0
while True:
    memory.add("a", str(n), "x"); print(n, flush=True); n += 1
"""
    process = python(code, url)
    confirmed = [int(process.stdout.readline()) for _ in range(50)]
    process.send_signal(signal.SIGKILL)
    # Not communicate(): it would read past the lines that readline() has in its buffer.
    confirmed += [int(line) for line in process.stdout]
    process.wait(30)
    process.stdout.close()
    memory = Memory(url, turns=100_000)
    kept = [int(turn.question) for turn in memory.history("a")]
    memory.close()
    assert kept[: len(confirmed)] == confirmed == list(range(len(confirmed)))


def test_postgresql_keeps_turns_the_same_way(postgresql, monkeypatch):
    memory = Memory(postgresql, turns=2, ttl_s=100)
    for n in range(3):
        memory.add("pg", f"질문{n}\0", "답")
    assert memory.history("pg") == (Turn("질문1", "답"), Turn("질문2", "답"))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 200)
    assert memory.history("pg") == ()
    assert memory.expire() == 3
    memory.add("pg", "q", "a")
    assert memory.wipe("pg") is True
    assert memory.wipe("pg") is False
    memory.close()


def test_postgresql_threads_and_processes_at_once(postgresql):
    crowd(postgresql, processes=2, threads=4, each=10)


def test_the_schema_is_made_by_several_at_once(tmp_path):
    failures = []

    def open_one(url):
        try:
            Memory(url).close()
        except GiljabiError as e:
            failures.append(e)

    for n in range(5):
        url = f"sqlite:///{tmp_path / f'{n}.db'}"
        crowd = [threading.Thread(target=open_one, args=(url,)) for _ in range(6)]
        for thread in crowd:
            thread.start()
        for thread in crowd:
            thread.join()
    assert failures == []
