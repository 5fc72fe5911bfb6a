from __future__ import annotations

import json
import os
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError

np = pytest.importorskip("numpy", reason="needs giljabi[voice]")
for _needed in ("ctranslate2", "faster_whisper", "soundfile", "soxr"):
    pytest.importorskip(_needed, reason="needs giljabi[voice]")

from giljabi.model.connection import SPEECH_KEY_VARIABLE as KEY_VARIABLE  # noqa: E402
from giljabi.speech import ears, wav, weights  # noqa: E402
from giljabi.speech.recogniser import Recogniser  # noqa: E402
from giljabi.speech.sound import RATE  # noqa: E402
from giljabi.speech.transcription_url import TranscriptionUrl  # noqa: E402
from giljabi.speech.whisper import WhisperEar  # noqa: E402

QUIET = np.zeros(RATE, np.float32)


@pytest.fixture(scope="module")
def whisper() -> Recogniser:
    for part in weights.WHISPER_BASE.parts:
        pytest.importorskip(part.partition("/")[0], reason="needs the packaged Whisper weights")
    return Recogniser(weights.folder(), threads=1)


@pytest.fixture(scope="module")
def clip(shared: Path):
    if not (shared / "speech").is_dir():
        pytest.skip("../shared/speech is not here")
    return lambda name: wav.read(shared / "speech" / f"{name}.wav")


@pytest.mark.parametrize("lang", ["ko", "auto"])
def test_a_real_question_is_heard(whisper, clip, lang) -> None:
    heard = WhisperEar(whisper).hear(clip("call_016"), lang=lang)
    assert "주차 몇 시간까지 가능한가요" in heard.text
    assert (heard.lang, heard.rejected) == ("ko", "")
    assert -0.75 < heard.log_prob < 0
    assert {"encode", "decode"} <= set(heard.timings)


def test_a_venue_helps_it_hear_its_names(whisper, clip, hanyang) -> None:
    from dataclasses import replace

    from giljabi.venue.place import Place, Text

    restaurant = Place(id="out", name=Text("아웃백"), kind=Text("식당"), area="landmark")
    venue = replace(hanyang, places=(*hanyang.places, restaurant))
    plain = WhisperEar(whisper).hear(clip("call_049"), lang="ko")
    helped = WhisperEar(whisper, venue).hear(clip("call_049"), lang="ko")
    assert "아웃백" not in plain.text
    assert "아웃백" in helped.text
    assert "again" in helped.timings
    renewed = WhisperEar(whisper, hanyang)
    assert "아웃백" not in renewed.hear(clip("call_049"), lang="ko").text
    renewed.know(venue)
    assert "아웃백" in renewed.hear(clip("call_049"), lang="ko").text


def test_what_sounds_like_a_place_is_asked_about_not_taken(whisper, clip, hanyang) -> None:
    heard = WhisperEar(whisper, hanyang).hear(clip("call_031"), lang="ko")  # 학생할인 …
    assert "학생회관" not in heard.text
    assert heard.asks == ("107",)


@pytest.mark.parametrize(
    "sound", [np.zeros(0, np.float32), np.zeros(3 * RATE, np.float32), np.full(RATE, np.nan)]
)
def test_silence_is_rejected(whisper, hanyang, sound) -> None:
    assert WhisperEar(whisper, hanyang).hear(sound).rejected


def test_noise_is_rejected(whisper, hanyang) -> None:
    hiss = 0.1 * np.random.default_rng(0).standard_normal(4 * RATE)
    assert WhisperEar(whisper, hanyang).hear(hiss.astype(np.float32)).rejected


def test_longer_than_whisper_hears_is_cut_not_refused(whisper, clip) -> None:
    pcm = np.concatenate([clip("call_016"), *[QUIET] * 30])
    assert "주차" in WhisperEar(whisper).hear(pcm, lang="ko").text


@pytest.mark.parametrize("after", [0, 1, 2])
def test_cancelling_ends_it_between_passes(whisper, clip, hanyang, after) -> None:
    asked = []

    def cancel() -> bool:
        asked.append(1)
        return len(asked) > after

    heard = WhisperEar(whisper, hanyang).hear(clip("call_016"), lang="ko", cancel=cancel)
    assert heard.text == ""
    assert len(heard.timings) == after


def test_the_packaged_weights_are_joined_once_and_hashed(whisper) -> None:
    from giljabi.model import store

    folder = weights.folder("whisper-base")
    assert store.sha256_of(folder / "model.bin") == weights.WHISPER_BASE.sha256
    assert (folder / "tokenizer.json").is_file()
    assert weights.folder(str(folder)) == folder


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "There is no ear ''"),
        ("no-such-ear", "There is no ear 'no-such-ear'"),
        ("/no/such/folder", "There is no ear"),
        ("../none/here", "There is no ear"),
        ("http://127.0.0.1:9/v1", "Say which model"),
        ("http://user@host/v1@", "Say which model"),
        ("http://user@host", "Say which model"),
        ("http://@model", "Say which model"),
        ("http:///v1@model", "is not a URL"),
    ],
)
def test_an_ear_that_is_not_there_is_one_sentence(name: str, said: str) -> None:
    with pytest.raises(GiljabiError, match=said.replace("?", r"\?")) as error:
        ears.ear(name)
    assert "\n" not in str(error.value)


def test_a_folder_without_weights_or_with_broken_ones_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"lacks model\.bin"):
        ears.ear(str(tmp_path))
    (tmp_path / "model.bin").write_bytes(b"junk")
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    (tmp_path / "config.json").write_text("{}", "utf-8")
    with pytest.raises(GiljabiError, match="CTranslate2 cannot load Whisper from") as error:
        ears.ear(str(tmp_path))
    assert "\n" not in str(error.value)


def test_a_hub_that_cannot_be_reached_is_one_sentence(tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    with pytest.raises(
        GiljabiError, match="Cannot fetch someone/whisper-tiny from the hub"
    ) as error:
        ears.ear("someone/whisper-tiny")
    assert "\n" not in str(error.value)


def test_a_folder_by_name_hears_as_the_packaged_one(whisper, clip, tmp_path: Path) -> None:
    shutil.copytree(weights.folder(), tmp_path / "own", copy_function=os.link)
    ear = ears.ear(str(tmp_path / "own"), threads=1)
    assert "주차" in ear.hear(clip("call_016"), lang="ko").text


# --- behind a URL -------------------------------------------------------------------------------


def server(replies, seen):
    """Answers each request with the next (status, body); what it was sent is in `seen`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *args) -> None:
            pass

        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers), sent))
            status, body = replies[min(len(seen), len(replies)) - 1]
            raw = body() if callable(body) else json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

    return Handler


SAID = {
    "text": " 국제관 어디예요?", "language": "korean",
    "segments": [{"avg_logprob": -0.2, "no_speech_prob": 0.01}],
}  # fmt: skip


def test_a_server_hears_and_the_venue_mends(serve, hanyang) -> None:
    seen: list = []
    url = serve(server([(200, SAID | {"text": "신소제 공학간 몇 층이에요?"})], seen))
    heard = ears.ear(f"{url}/v1@large-v3", hanyang).hear(QUIET, lang="ko")
    assert (heard.text, heard.lang, heard.rejected) == ("신소재공학관 몇 층이에요?", "ko", "")
    assert heard.log_prob == -0.2
    (path, headers, sent) = seen[0]
    assert path == "/v1/audio/transcriptions"
    assert headers["Content-Type"].startswith("multipart/form-data")
    for part in (
        b"large-v3",
        b"RIFF",
        b'name="language"\r\n\r\nko',
        b'name="temperature"\r\n\r\n0',
    ):
        assert part in sent
    assert "Authorization" not in headers


def test_a_venue_that_was_read_anew_mends_from_then_on(serve, hanyang, hospital) -> None:
    said = SAID | {"text": "신소제 공학간 몇 층이에요?"}
    url = serve(server([(200, said)], []))
    helped = ears.ear(f"{url}/v1@m", hospital)
    assert helped.hear(QUIET, lang="ko").text == said["text"]
    helped.know(hanyang)
    assert helped.hear(QUIET, lang="ko").text == "신소재공학관 몇 층이에요?"
    plain = ears.ear(f"{url}/v1@m", hanyang, helped=False)
    plain.know(hanyang)
    assert plain.hear(QUIET, lang="ko").text == said["text"]


@pytest.mark.parametrize(
    ("reply", "lang", "rejected"),
    [
        ({"text": "Where is the library?"}, "en", ""),
        ({"text": "도서관이 어디예요?"}, "ko", ""),
        ({"text": "도서관이 어디예요?", "language": "ja"}, "ko", ""),
        ({"text": ""}, "en", "no_speech"),
        ({"text": "시청해 주셔서 감사합니다."}, "ko", "stock_phrase"),
        ({"text": "도서관이 어디예요?", "segments": [{"avg_logprob": -1.4}]}, "ko", "unsure"),
        ({"text": "도서관이 어디예요?", "segments": "none"}, "ko", ""),
    ],
)
def test_replies_are_judged_whatever_they_hold(serve, reply, lang, rejected) -> None:
    heard = TranscriptionUrl(serve(server([(200, reply)], [])), "m").hear(QUIET)
    assert (heard.lang, heard.rejected) == (lang, rejected)


def test_a_server_that_gives_text_only_is_asked_again_once(serve) -> None:
    seen: list = []
    refusal = (400, {"error": {"message": "response_format verbose_json is not supported"}})
    ear = TranscriptionUrl(serve(server([refusal, (200, SAID), (200, SAID)], seen)), "m")
    assert ear.hear(QUIET).text == ear.hear(QUIET).text == "국제관 어디예요?"
    assert [b"verbose_json" in sent for _, _, sent in seen] == [True, False, False]


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (500, {"error": "down"}, "answered 500"),
        (401, {}, KEY_VARIABLE),
        (200, lambda: b"<html>", "sent no JSON"),
        (200, {"words": []}, "sent no text"),
        (200, lambda: b" " * (2 << 20), "more than a mebibyte"),
    ],
)
def test_a_server_that_fails_is_one_sentence(serve, status, body, said) -> None:
    with pytest.raises(GiljabiError, match=said) as error:
        TranscriptionUrl(serve(server([(status, body)], [])), "m").hear(QUIET)
    assert "\n" not in str(error.value)


def test_nobody_listening_is_one_sentence() -> None:
    with pytest.raises(GiljabiError, match=r"No answer from http://127\.0\.0\.1:9/v1"):
        TranscriptionUrl("http://127.0.0.1:9", "m").hear(QUIET)


def test_the_key_is_sent_and_never_shown(serve, monkeypatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "s3cret")
    seen: list = []
    with pytest.raises(GiljabiError) as error:
        TranscriptionUrl(serve(server([(403, {})], seen)), "m").hear(QUIET)
    assert seen[0][1]["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in str(error.value)


def test_cancelling_hangs_up_on_a_silent_server(serve) -> None:
    waiting = threading.Event()

    def never() -> bytes:
        waiting.set()
        time.sleep(5)
        return b"{}"

    ear = TranscriptionUrl(serve(server([(200, never)], [])), "m")
    begin = time.perf_counter()
    heard = ear.hear(QUIET, cancel=waiting.is_set)
    assert heard.text == ""
    assert time.perf_counter() - begin < 3
