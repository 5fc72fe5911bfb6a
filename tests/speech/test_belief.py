from __future__ import annotations

import pytest

np = pytest.importorskip("numpy", reason="needs giljabi[voice]")

from giljabi.speech import belief  # noqa: E402
from giljabi.speech.sound import RATE  # noqa: E402


def noisy(seconds: float, contrast: float):
    """Hiss that is `contrast` dB louder in every other half second."""
    hiss = 0.01 * np.random.default_rng(0).standard_normal(int(seconds * RATE))
    loud = (np.arange(len(hiss)) // (RATE // 2)) % 2
    return (hiss * 10 ** (loud * contrast / 20)).astype(np.float32)


@pytest.mark.parametrize(
    "text",
    [
        "시청해 주셔서 감사합니다.", "시청해주셔서 감사합니다! 시청해주셔서 감사합니다!", "오늘도 시청해 주셔서 감사합니다.",
        "구독과 좋아요 부탁드립니다.", "구독, 좋아요 눌러주세요.", "다음 영상에서 만나요.", "MBC 뉴스 이덕영입니다.",
        "한글자막 by 한효정", "Thank you for watching!", "Thanks for watching. Please subscribe.", "See you in the next video.",
    ],
)  # fmt: skip
def test_closing_words_of_videos_are_never_answered(text: str) -> None:
    assert belief.judge(text, log_prob=-0.1) == "stock_phrase"


@pytest.mark.parametrize(
    "text",
    [
        "학생회관 어디예요?", "감사합니다.", "안녕하세요, 도서관 가는 길 알려 주세요.", "네.", "뉴스 볼 수 있는 곳 있어요?",
        "구독 서비스는 어디서 신청하나요?", "영상 시청할 수 있는 곳이 있나요?", "Where is the library?", "Thank you.",
        "건물 번호가 010 1111 1111인가요?", "네 네 네 네",
    ],
)  # fmt: skip
def test_what_visitors_say_is_believed(text: str) -> None:
    assert belief.judge(text, log_prob=-0.3, no_speech=0.1) == ""


@pytest.mark.parametrize(
    ("text", "figures", "why"),
    [
        ("", {}, "no_speech"),
        (" .. ", {}, "no_speech"),
        ("핫도그, 핫도그, 핫도그, 핫도그.", {"log_prob": -0.2}, "loop"),
        ("그림도 그림도 그림도 그림도 그림도", {"log_prob": -0.2}, "loop"),
        ("감사합니다.", {"log_prob": -0.6}, "stock_phrase"),
        ("감사합니다.", {"log_prob": -0.2, "no_speech": 0.5}, "stock_phrase"),
        ("도서관 어디예요?", {"log_prob": -0.8}, "unsure"),
        ("도서관 어디예요?", {"log_prob": -0.3, "first_log_prob": -1.1}, "unsure"),
        ("도서관 어디예요?", {"log_prob": -0.6, "no_speech": 0.5}, "no_speech"),
        ("도서관 어디예요?", {"log_prob": -0.4, "no_speech": 0.5}, ""),
        ("図書館はどこですか", {"log_prob": -0.2}, "unsure"),
    ],
)
def test_doubts(text: str, figures: dict[str, float], why: str) -> None:
    assert belief.judge(text, **figures) == why  # type: ignore[arg-type]


def test_a_few_words_for_much_sound_are_not_believed() -> None:
    assert belief.judge("네 배달", pcm=noisy(10, 40), log_prob=-0.2) == "unsure"
    assert belief.judge("네 배달", pcm=noisy(2, 40), log_prob=-0.2) == ""


def test_in_a_crowd_text_must_be_surer() -> None:
    assert belief.contrast(noisy(4, 6)) < 12 < belief.contrast(noisy(4, 30))
    assert belief.judge("도서관 어디예요?", pcm=noisy(4, 6), log_prob=-0.65) == "unsure"
    assert belief.judge("도서관 어디예요?", pcm=noisy(4, 30), log_prob=-0.65) == ""
    assert belief.judge("도서관 어디예요?", pcm=noisy(4, 6), log_prob=-0.3) == ""
