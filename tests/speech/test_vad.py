from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError

np = pytest.importorskip("numpy", reason="needs giljabi[voice]")
for _needed in ("onnxruntime", "faster_whisper", "soundfile", "soxr"):
    pytest.importorskip(_needed, reason="needs giljabi[voice]")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from giljabi.speech import wav  # noqa: E402
from giljabi.speech.sound import RATE, Ended, Started  # noqa: E402
from giljabi.speech.vad import FRAME, Turns, Vad  # noqa: E402

QUIET = np.zeros(RATE, np.float32)


def same(a, b) -> bool:
    return len(a) == len(b) and all(
        type(x) is type(y)
        and x.at == y.at
        and (isinstance(x, Started) or np.array_equal(x.pcm, y.pcm))
        for x, y in zip(a, b, strict=True)
    )


@pytest.fixture(scope="module")
def speech(shared: Path):
    if not (shared / "speech").is_dir():
        pytest.skip("../shared/speech is not here")
    return [wav.read(shared / "speech" / f"{n}.wav") for n in ("call_016", "nikl_fv01_t01_s01")]


@pytest.fixture(scope="module")
def said(speech):
    """Two people, one after the other, with a second between them."""
    return np.concatenate([QUIET, speech[0], QUIET, speech[1], QUIET])


def test_every_turn_begins_and_ends_and_holds_what_was_said(said) -> None:
    events = Vad().feed(said)
    assert [type(e) for e in events] == [Started, Ended] * 2
    assert all(a.at < b.at for a, b in pairwise(events))
    for begin, end in zip(events[::2], events[1::2], strict=True):
        assert end.at - begin.at < len(end.pcm) <= 25 * RATE
        where = int(end.at + 0.5 * RATE)  # the hold is kept, in whole frames
        where = -(-where // FRAME) * FRAME
        assert np.array_equal(end.pcm, said[where - len(end.pcm) : where])


@settings(deadline=None, max_examples=6)
@given(cuts=st.lists(st.integers(0, 150_000), max_size=12), step=st.integers(100, 5_000))
def test_however_the_sound_is_cut_the_events_are_the_same(said, cuts: list[int], step: int) -> None:
    whole = Vad().feed(said)
    for edges in (
        sorted({0, *cuts, len(said)} - {n for n in cuts if n > len(said)}),
        [*range(0, len(said), step), len(said)],
    ):
        vad = Vad()
        assert same([e for a, b in pairwise(edges) for e in vad.feed(said[a:b])], whole)


def test_samples_one_by_one_are_the_same_too(said) -> None:
    vad, short = Vad(), said[RATE : 3 * RATE]
    one_by_one = [e for n in range(len(short)) for e in vad.feed(short[n : n + 1])]
    assert same(one_by_one, Vad().feed(short))
    assert one_by_one


def test_after_a_reset_counting_begins_anew(said) -> None:
    vad = Vad()
    first = vad.feed(said)
    vad.feed(said[: 2 * RATE])
    vad.reset()
    assert same(vad.feed(said), first)


def test_a_pause_shorter_than_the_hold_is_no_end(speech) -> None:
    begin, end = Vad().feed(np.concatenate([speech[0], QUIET]))
    word = speech[0][begin.at : end.at]
    together = np.concatenate([QUIET, word, np.zeros(RATE, np.float32), word, QUIET, QUIET, QUIET])
    ends = {
        ms: sum(isinstance(e, Ended) for e in Vad(Turns(silence_ms=ms)).feed(together))
        for ms in (500, 2000)
    }
    assert ends == {500: 2, 2000: 1}


def test_a_turn_that_never_ends_is_ended(speech) -> None:
    voiced = speech[1][RATE : RATE + 4 * FRAME]
    events = Vad(Turns(longest_ms=2_000)).feed(np.concatenate([speech[0], *[voiced] * 200]))
    ends = [e for e in events if isinstance(e, Ended)]
    assert ends
    assert max(len(e.pcm) for e in ends) <= 2 * RATE + FRAME


@pytest.mark.parametrize("level", [0.0, 0.001, 0.1])
def test_noise_is_not_speech(level: float) -> None:
    hiss = level * np.random.default_rng(0).standard_normal(10 * RATE)
    assert Vad().feed(hiss.astype(np.float32)) == []


def test_samples_that_are_no_numbers_do_not_deafen_it(said) -> None:
    vad = Vad()
    vad.feed(np.full(RATE, np.nan, np.float32))
    assert [type(e) for e in vad.feed(said)] == [Started, Ended] * 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"quiet": 1.5},
        {"doubt": 0.0},
        {"evidence": 0.0},
        {"silence_ms": -1},
        {"longest_ms": 60_000},
        {"silence_ms": 25_000},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(GiljabiError):
        Turns(**wrong)  # type: ignore[arg-type]
