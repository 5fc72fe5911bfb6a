"""Who is let in to the operator's pages."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.serve.admission import (
    FAILURES,
    FORGIVEN_S,
    SESSION_S,
    TOKEN_VARIABLE,
    Admission,
    TooManyFailuresError,
    token_from,
)

TOKEN = "correct-horse-battery"


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def admission(clock):
    return Admission(TOKEN, now=clock)


@pytest.mark.parametrize(
    "token", ["", "short", "x" * 15, "가" * 20, "with a space in it", "tab\t" * 5]
)
def test_a_poor_token_is_refused_at_the_start(token):
    with pytest.raises(GiljabiError, match="admin token"):
        Admission(token)


def test_only_the_token_is_the_token(admission):
    assert admission.knows(TOKEN, "a")
    for wrong in ("", TOKEN[:-1], f"{TOKEN}x"):
        assert not admission.knows(wrong, "a")


@given(st.text(max_size=30))
def test_no_other_text_is_the_token(text):
    assert Admission(TOKEN).knows(text, "a") is (text == TOKEN)


def test_after_some_wrong_ones_even_the_right_one_waits_and_others_do_not(admission, clock):
    for _ in range(FAILURES):
        assert not admission.knows("wrong", "attacker")
    with pytest.raises(TooManyFailuresError) as e:
        admission.knows(TOKEN, "attacker")
    assert 0 < e.value.wait_s <= FORGIVEN_S + 1
    assert admission.knows(TOKEN, "operator")
    clock.now += e.value.wait_s
    assert admission.knows(TOKEN, "attacker")


def test_guessing_from_ever_new_addresses_does_not_grow_memory(admission):
    for n in range(3000):
        admission.knows("wrong", f"2001:db8::{n:x}")
    assert len(admission._failures) <= 1024


def test_a_session_ends_by_itself_and_when_told_to(admission, clock):
    session = admission.begin()
    other = admission.begin()
    assert admission.goes_on(session)
    assert not admission.goes_on("")
    assert not admission.goes_on(f"{session}x")
    admission.end(other)
    assert not admission.goes_on(other)
    clock.now += SESSION_S + 1
    assert not admission.goes_on(session)


def test_the_token_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert token_from(file) == TOKEN
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert token_from(None) == TOKEN
    monkeypatch.delenv(TOKEN_VARIABLE)
    with pytest.raises(GiljabiError, match="--admin-token-file"):
        token_from(None)
    with pytest.raises(GiljabiError, match="cannot be read"):
        token_from(tmp_path / "none")
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(GiljabiError, match="not text"):
        token_from(file)
