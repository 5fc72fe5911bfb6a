"""The embedded voice: the real library, listened to by its length, its level and its phonemes."""

from __future__ import annotations

import gc
import re
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from giljabi.errors import GiljabiError
from giljabi.speech.espeak import Espeak, Manner
from giljabi.spoken import spoken

pytest.importorskip("espeakng_loader", reason="the extra voice brings espeak-ng")

LONG = "한양플라자에서 제이법학관까지 걸어서 약 구 분 거리예요. " * 60
ALOUD = [
    "105번 건물이에요.", "2층으로 가세요.", "약 650m예요.", "걸어서 14분이에요.", "3번째 건물", "5명",
    "010-1234-5678", "HIT에서", "IT/BT관이", "B1층", "14:30", "10~15분", "2026년 11월 21일", "50%", "25℃",
    "120㎡", "성동03-1번 버스", "2호선 4번 출구", "GS25", "CGV왕십리(한양대점)", "1.3km", "Wi-Fi", "ATM", "₩5,000",
]  # fmt: skip


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def sound(voice: Espeak, text: str, lang="ko") -> np.ndarray:
    return np.concatenate(list(voice.say(text, lang)))


def alike(one: np.ndarray, other: np.ndarray) -> bool:
    """The same words, as their loudness goes: espeak-ng's noise is new every time."""

    def loudness(pcm: np.ndarray) -> np.ndarray:
        frames = pcm[: len(pcm) // 441 * 441].reshape(-1, 441)
        return np.sqrt((frames**2).mean(1))

    if abs(len(one) - len(other)) > 441:
        return False
    a, b = loudness(one), loudness(other)
    shorter = min(len(a), len(b))
    return bool(np.corrcoef(a[:shorter], b[:shorter])[0, 1] > 0.95)


@pytest.mark.parametrize(("text", "lang"), [("안녕하세요.", "ko"), ("Good morning.", "en")])
def test_it_speaks_both_languages(espeak: Espeak, text: str, lang) -> None:
    pcm = sound(espeak, text, lang)
    assert pcm.dtype == np.float32
    assert 0.4 < len(pcm) / espeak.rate < 3
    assert 0.05 < np.abs(pcm).max() <= 1
    assert np.sqrt(np.mean(pcm**2)) > 0.01


def test_no_piece_is_longer_than_forty_milliseconds(espeak: Espeak) -> None:
    assert max(map(len, espeak.say(LONG, "ko"))) <= espeak.rate * 0.04


def test_the_same_text_sounds_the_same_after_the_other_language(espeak: Espeak) -> None:
    first = sound(espeak, "왼쪽으로 가세요.")
    sound(espeak, "Turn left.", "en")
    assert alike(first, sound(espeak, "왼쪽으로 가세요."))
    assert not alike(first, sound(espeak, "오른쪽으로 가요."))
    assert not alike(first, sound(espeak, "왼쪽으로 가세요.", "en"))


@pytest.mark.parametrize("written", ALOUD)
def test_nothing_korean_is_read_in_english(espeak: Espeak, written: str) -> None:
    assert "(en)" not in espeak.phonemes(spoken(written), "ko")


def test_what_was_not_written_out_is_read_in_english(espeak: Espeak) -> None:
    assert "(en)" in espeak.phonemes("650m", "ko")


@pytest.mark.parametrize(
    ("said", "ipa"),
    [("육백오십 미터", "jˈuqpɛqˌosip mˈithʌ"), ("이 층", "ˈi tʃhˈɯŋ"), ("세 번째", "sˈe pʌntɕˈɛ")],
)
def test_korean_sounds(espeak: Espeak, said: str, ipa: str) -> None:
    def bare(text: str) -> str:
        return re.sub(r"[ˈˌ\-\s]", "", text)

    assert bare(espeak.phonemes(said, "ko")) == bare(ipa)


def test_numbers_and_units_are_english_words(espeak: Espeak) -> None:
    assert "mˈiːɾɚz" in espeak.phonemes(spoken("about 650 m away", "en"), "en")
    assert "slˈaʃ" not in espeak.phonemes(spoken("open 24/7", "en"), "en")


def test_it_ends_within_a_piece_of_being_cancelled(espeak: Espeak) -> None:
    taken = 0

    def enough() -> bool:
        return taken >= 3

    for _ in espeak.say(LONG, "ko", cancel=enough):
        taken += 1
    assert taken == 3


def test_a_listener_who_leaves_blocks_nobody(espeak: Espeak) -> None:
    for _ in range(20):
        pieces = espeak.say(LONG, "ko")
        next(pieces)
        pieces.close()
    began = time.monotonic()
    assert len(sound(espeak, "네.")) > 0
    assert time.monotonic() - began < 1


def test_a_slow_listener_blocks_nobody(espeak: Espeak) -> None:
    slow = espeak.say(LONG, "ko")
    next(slow)  # and now says nothing for a while
    assert len(sound(espeak, "Hello.", "en")) > 0
    assert sum(map(len, slow)) > 10 * espeak.rate


def test_four_at_once_say_what_they_say_alone(espeak: Espeak) -> None:
    said = [
        ("안녕하세요.", "ko"),
        ("Good morning.", "en"),
        ("왼쪽으로 가세요.", "ko"),
        ("Turn left.", "en"),
    ]
    alone = [sound(espeak, text, lang) for text, lang in said]
    together: list[np.ndarray | None] = [None] * 4

    def speak(n: int) -> None:
        for _ in range(5):
            together[n] = sound(espeak, *said[n])

    threads = [threading.Thread(target=speak, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert all(alike(a, b) for a, b in zip(alone, together, strict=True))


def test_threads_end_with_their_listeners(espeak: Espeak) -> None:
    for _ in range(30):
        next(espeak.say(LONG, "ko"))
    gc.collect()
    deadline = time.monotonic() + 5
    while any(t.name == "giljabi-generate" for t in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_program_may_end_while_it_speaks() -> None:
    script = (
        "from giljabi.speech.espeak import Espeak\n"
        f"pieces = Espeak().say({LONG!r}, 'ko'); next(pieces)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, timeout=30
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_manner_is_heard(espeak: Espeak) -> None:
    text = "한양플라자는 왼쪽에 있어요."
    fast, soft = Espeak(Manner(words_a_minute=300)), Espeak(Manner(volume=30))
    assert len(sound(fast, text)) < 0.75 * len(sound(espeak, text))
    assert np.abs(sound(soft, text)).max() < 0.6 * np.abs(sound(espeak, text)).max()
    assert tone(sound(Espeak(Manner(pitch=95)), text)) > 1.3 * tone(sound(espeak, text))


def tone(pcm: np.ndarray) -> float:
    """The usual pitch in Hz: where loud frames resemble themselves most, between 60 and 400."""
    found = []
    for start in range(0, len(pcm) - 1024, 512):
        frame = pcm[start : start + 1024]
        if np.abs(frame).max() > 0.1:
            like = np.correlate(frame, frame, "full")[1023:]
            found.append(22050 / (55 + np.argmax(like[55:367])))
    return float(np.median(found))


@pytest.mark.parametrize("manner", [{"words_a_minute": 20}, {"pitch": 100}, {"volume": -1}])
def test_a_manner_it_does_not_have(manner: dict[str, int]) -> None:
    with pytest.raises(GiljabiError, match=f"takes {next(iter(manner))} from"):
        Manner(**manner)


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "👍", "…", "[[h@l'oU]]", "<b>", "\ud800", "가" * 5000]
)
def test_any_text_is_survived(espeak: Espeak, text: str) -> None:
    assert sound(espeak, text).ndim == 1


def test_too_long_a_text_is_refused(espeak: Espeak) -> None:
    with pytest.raises(GiljabiError, match="5000 characters"):
        espeak.say("가" * 5001, "ko")
