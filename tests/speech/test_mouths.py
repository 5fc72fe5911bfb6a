"""Voices by name, the honest fallback, and an answer heard while it is written."""

from __future__ import annotations

import importlib.util
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from giljabi.answer.guide import Guide
from giljabi.errors import GiljabiError
from giljabi.speech.espeak import Espeak
from giljabi.speech.mouths import aloud, mouth
from giljabi.speech.sound import Pcm
from giljabi.speech.speech_url import SpeechUrl
from giljabi.speech.supertonic import Supertonic

pytest.importorskip("espeakng_loader", reason="the extra voice brings espeak-ng")


@pytest.fixture
def no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which no weights of supertonic are, whatever this one has."""
    monkeypatch.setenv("SUPERTONIC_CACHE_DIR", str(tmp_path / "own"))
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_names() -> None:
    assert isinstance(mouth(), Espeak)
    assert isinstance(mouth("espeak"), Espeak)
    assert isinstance(mouth("http://127.0.0.1:8000/v1@nara"), SpeechUrl)


@pytest.mark.parametrize("name", ["", "festival", "espeak:ko", "ftp://x@y", "supertonics"])
def test_a_name_nobody_has(name: str) -> None:
    with pytest.raises(GiljabiError, match=r"no voice called .* there are espeak, supertonic"):
        mouth(name)


@pytest.mark.parametrize(
    "name", ["http://127.0.0.1/v1", "http://me:key@127.0.0.1/v1", "http://a/v1@"]
)
def test_a_url_without_a_voice(name: str) -> None:
    with pytest.raises(GiljabiError, match="http://host:port/v1@VOICE"):
        mouth(name)


def test_a_url_that_is_none() -> None:
    with pytest.raises(GiljabiError, match="is not a URL"):
        mouth("http://@nara")


@pytest.mark.skipif(importlib.util.find_spec("supertonic") is not None, reason="supertonic is here")
def test_without_the_package_its_name_is_said() -> None:
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[supertonic\]'"):
        mouth("supertonic")


def test_without_weights_nothing_else_speaks_unasked(no_weights: Path) -> None:
    pytest.importorskip("supertonic", reason="the extra supertonic is not installed")
    with pytest.raises(GiljabiError, match=r"supertonic-3 are neither in .*OpenRAIL-M"):
        mouth("supertonic:F2")
    assert list(no_weights.rglob("*.onnx")) == []


def test_a_folder_without_weights_is_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("supertonic", reason="the extra supertonic is not installed")
    with pytest.raises(GiljabiError, match=r"no weights of supertonic-3 in .*onnx/"):
        Supertonic(folder=tmp_path)


def test_broken_weights_are_one_sentence(tmp_path: Path) -> None:
    pytest.importorskip("supertonic", reason="the extra supertonic is not installed")
    (tmp_path / "onnx").mkdir()
    for part in ("duration_predictor", "text_encoder", "vector_estimator", "vocoder"):
        (tmp_path / "onnx" / f"{part}.onnx").write_bytes(b"not a model")
    (tmp_path / "onnx" / "tts.json").write_text("{}")
    with pytest.raises(GiljabiError, match=r"weights in .* are broken"):
        Supertonic(folder=tmp_path)


def test_the_fallback_is_said_and_speaks(no_weights: Path) -> None:
    told: list[str] = []
    voice = mouth("supertonic:F2", fall_back=told.append)
    assert isinstance(voice, Espeak)
    assert len(told) == 1
    assert told[0].startswith("espeak-ng speaks instead of supertonic:F2: ")
    assert "\n" not in told[0]


def test_the_fallback_is_not_for_wrong_names() -> None:
    with pytest.raises(GiljabiError, match="no voice called"):
        mouth("festival", fall_back=print)


def test_an_answer_is_said_in_order_and_whole(guide: Guide) -> None:
    written = [*guide.answer("IT/BT관은 몇 층이야?").text.split(". "), "2층까지 650m예요."]
    voice = mouth()
    heard = [(a.sentence, a.said, sum(map(len, a.pieces))) for a in aloud(written, voice, "ko")]
    assert [sentence for sentence, _, _ in heard] == written
    assert heard[-1][1] == "이 층까지 육백오십 미터예요."
    for _, said, samples in heard:
        assert samples / voice.rate > 0.05 * len(said)


def test_what_has_no_sound_is_passed_over() -> None:
    heard = [(a.said, len(list(a.pieces))) for a in aloud(["👍", "네."], mouth(), "ko")]
    assert heard[0] == ("", 0)
    assert heard[1][0] == "네."
    assert heard[1][1] > 0


def test_a_venue_says_its_names_its_own_way() -> None:
    answer = aloud(["HIT예요."], mouth(), "ko", readings={"HIT": "히트"})
    assert [a.said for a in answer] == ["히트예요."]


def test_the_first_sentence_is_heard_before_the_second_is_written() -> None:
    go_on = threading.Event()

    def writer() -> Iterator[str]:
        yield "첫 문장이에요."
        assert go_on.wait(5)
        yield "둘째 문장이에요."

    answer = aloud(writer(), mouth(), "ko")
    first = next(answer)
    assert first.sentence == "첫 문장이에요."
    assert len(next(first.pieces)) > 0
    go_on.set()
    assert next(answer).sentence == "둘째 문장이에요."


def test_the_second_sentence_is_written_while_the_first_is_heard() -> None:
    written = threading.Event()

    def writer() -> Iterator[str]:
        yield "첫 문장이에요."
        yield "둘째 문장이에요."
        written.set()

    answer = aloud(writer(), mouth(), "ko")
    next(next(answer).pieces)  # and nothing more is taken
    assert written.wait(5)


def test_a_skipped_sentence_does_not_reach_the_next() -> None:
    answer = aloud(["하나 둘 셋 넷 다섯.", "네."], mouth(), "ko")
    first, second = next(answer), next(answer)
    assert list(first.pieces) == []
    alone = sum(map(len, mouth().say("네.", "ko")))
    assert abs(sum(map(len, second.pieces)) - alone) < 500


def test_cancelling_ends_the_answer_at_once() -> None:
    stop = threading.Event()
    seen = []
    for said in aloud(["하나. " * 100] * 50, mouth(), "ko", cancel=stop.is_set):
        seen.append(said.sentence)
        next(said.pieces)
        began = time.monotonic()
        stop.set()
    assert len(seen) == 1
    assert time.monotonic() - began < 0.2


def test_leaving_stops_the_writer() -> None:
    closed = threading.Event()

    def writer() -> Iterator[str]:
        try:
            while True:
                yield "문장이에요."
        finally:
            closed.set()

    answer = aloud(writer(), mouth(), "ko")
    next(answer)
    answer.close()
    assert closed.wait(2)


def test_a_writer_that_fails_is_heard_of() -> None:
    def writer() -> Iterator[str]:
        yield "문장이에요."
        raise GiljabiError("The model is gone.")

    answer = aloud(writer(), mouth(), "ko")
    heard: list[Pcm] = []
    with pytest.raises(GiljabiError, match="The model is gone"):
        heard.extend(piece for said in answer for piece in said.pieces)
    alone = sum(map(len, mouth().say("문장이에요.", "ko")))
    assert abs(sum(map(len, heard)) - alone) < 500
