"""Transcriptions and speech by the official client, against a real server."""

from __future__ import annotations

import io
import socket
import threading
import time

import numpy as np
import openai
import pytest

soundfile = pytest.importorskip("soundfile", reason="needs the extra voice")
pytest.importorskip("python_multipart", reason="needs the extra voice")

from running import until  # noqa: E402
from scripted_voice import (  # noqa: E402
    ScriptedEar,
    ScriptedMouth,
    SpokenGuide,
    scripted_voice,
    silence,
    utterance,
    wav_file,
)

ASKED = utterance("도서관 어디야?")


@pytest.fixture
def serve(start):
    clients = []

    def begin(voice=None, **options):
        server = start(answers=SpokenGuide(), voice=voice or scripted_voice(), **options)
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)
        clients.append(client)
        return server, client

    yield begin
    for client in clients:
        client.close()


@pytest.fixture
def client(serve):
    return serve()[1]


def transcribe(client, data, **more):
    fields = {"model": "giljabi", "file": ("a.wav", data), **more}
    return client.audio.transcriptions.create(**fields)


@pytest.mark.parametrize(("form", "rate"), [("WAV", 44_100), ("FLAC", 16_000), ("OGG", 16_000), ("MP3", 16_000)])  # fmt: skip
def test_a_sound_of_any_usual_format_is_written_down(client, form, rate):
    data = wav_file(utterance("학생회관은?", 1.0, rate), rate, form)
    done = transcribe(client, data)
    assert done.text == "학생회관은?" if form != "MP3" else done.text
    assert done.usage.type == "duration"
    assert done.usage.seconds == pytest.approx(1.0, abs=0.1)


def test_stereo_is_mixed(client):
    both = np.stack([ASKED, ASKED], axis=1)
    assert transcribe(client, wav_file(both)).text == "도서관 어디야?"


def test_the_bare_text_and_the_verbose_form(client):
    assert transcribe(client, wav_file(ASKED), response_format="text") == "도서관 어디야?\n"
    verbose = transcribe(client, wav_file(ASKED), response_format="verbose_json", temperature=0)
    assert (verbose.language, verbose.text) == ("korean", "도서관 어디야?")
    assert verbose.segments[0].avg_logprob == -0.25
    assert verbose.duration == pytest.approx(0.4, abs=0.01)
    assert verbose.rejected == ""


def test_what_nobody_said_is_empty_and_the_verbose_form_says_why(client):
    assert transcribe(client, wav_file(silence())).text == ""
    verbose = transcribe(client, wav_file(silence()), response_format="verbose_json")
    assert (verbose.text, verbose.rejected, verbose.segments) == ("", "no_speech", [])


def test_words_that_are_not_believed_are_not_given_out(serve):
    _, client = serve(scripted_voice(ScriptedEar(rejected="stock_phrase")))
    verbose = transcribe(client, wav_file(ASKED), response_format="verbose_json")
    assert (verbose.text, verbose.rejected) == ("", "stock_phrase")


def test_the_language_is_handed_on(serve):
    ear = ScriptedEar()
    _, client = serve(scripted_voice(ear))
    for lang in ("ko", "en"):
        transcribe(client, wav_file(ASKED), language=lang)
    transcribe(client, wav_file(ASKED))
    assert ear.langs == ["ko", "en", "auto"]


@pytest.mark.parametrize(
    ("data", "more", "said"),
    [
        (b"no sound at all", {}, "no sound"),
        (b"", {}, "no sound"),
        (wav_file(ASKED)[:20], {}, "no sound"),
        (wav_file(silence(31)), {}, "longer than 30"),
        (wav_file(ASKED), {"language": "fr"}, "language"),
        (wav_file(ASKED), {"response_format": "srt"}, "response_format"),
        (wav_file(ASKED), {"stream": True}, "comes whole"),
    ],
)
def test_what_cannot_be_written_down_is_a_bad_request(client, data, more, said):
    with pytest.raises(openai.BadRequestError, match=said) as caught:
        transcribe(client, data, **more)
    assert set(caught.value.body) == {"message", "type", "code"}


def test_an_unknown_model_is_not_found(client):
    with pytest.raises(openai.NotFoundError):
        transcribe(client, wav_file(ASKED), model="whisper-1")
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="tts-1", voice="alloy", input="하나")


def test_uploads_have_a_limit_of_their_own_and_only_forms_are_taken(serve):
    server, client = serve(scripted_voice(upload_bytes=20_000))
    assert transcribe(client, wav_file(ASKED)).text
    with pytest.raises(openai.APIStatusError) as caught:
        transcribe(client, wav_file(silence(1.0)))
    assert caught.value.status_code == 413
    path = "/v1/audio/transcriptions"
    assert server.http.post(path, json={"model": "giljabi"}).status_code == 415
    assert server.http.post(path, files={"other": b"x"}).status_code == 400
    broken = {"content-type": "multipart/form-data"}
    assert server.http.post(path, content=b"x", headers=broken).status_code == 400
    assert server.http.post("/answer", files={"file": b"x"}).status_code == 415


def test_so_many_uploads_at_once(serve):
    server, client = serve(scripted_voice(uploads=1))
    with socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100\r\n\r\n-"
        )
        until(lambda: refused(client))
        asked = {"model": "giljabi", "messages": [{"role": "user", "content": "하나"}]}
        assert server.http.post("/v1/chat/completions", json=asked).status_code == 200
    until(lambda: not refused(client))


def refused(client):
    try:
        return not transcribe(client, wav_file(ASKED))
    except openai.RateLimitError as e:
        return e.code == "busy"


def test_an_ear_that_fails_says_so_and_the_next_is_heard(serve):
    ear = ScriptedEar(fails=True)
    _, client = serve(scripted_voice(ear))
    with pytest.raises(openai.BadRequestError, match="recogniser"):
        transcribe(client, wav_file(ASKED))
    ear.fails = False
    assert transcribe(client, wav_file(ASKED)).text


def test_a_client_that_leaves_calls_recognition_off(serve):
    ear = ScriptedEar(slow=True)
    server, client = serve(scripted_voice(ear))

    def leave():
        with pytest.raises(openai.APITimeoutError):
            transcribe(client.with_options(timeout=0.5), wav_file(ASKED))

    leaving = threading.Thread(target=leave)
    leaving.start()
    leaving.join(10)
    until(lambda: ear.cancelled == 1)
    until(lambda: server.http.get("/healthz").json()["running"] == 0)


def test_a_text_is_read_aloud_in_its_spoken_form_and_language(serve):
    mouth = ScriptedMouth()
    _, client = serve(scripted_voice(mouth=mouth))
    for text in ("도서관은 2층입니다. 가세요!", "It is on the left."):
        data = client.audio.speech.create(
            model="giljabi", voice="alloy", input=text, response_format="wav"
        ).content
        pcm, rate = soundfile.read(io.BytesIO(data))
        assert (rate, pcm.ndim) == (mouth.rate, 1)
        assert np.abs(pcm).max() == pytest.approx(0.3, abs=0.01)
    assert mouth.said == [
        ("도서관은 이 층입니다.", "ko"), ("가세요!", "ko"), ("It is on the left.", "en"),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["mp3", "flac", "opus"])
def test_compressed_formats_are_whole_files(client, form):
    reply = client.audio.speech.create(
        model="giljabi", voice="alloy", input="도서관은 이쪽입니다.", response_format=form
    )
    pcm, _rate = soundfile.read(io.BytesIO(reply.content))
    assert len(pcm) / _rate == pytest.approx(0.5, abs=0.1)
    assert reply.response.headers["content-type"].startswith("audio/")


def test_the_default_is_mp3_as_at_openai_and_pcm_has_24_khz(client):
    say = client.audio.speech.create
    assert say(model="giljabi", voice="alloy", input="하나").response.headers["content-type"] == "audio/mpeg"  # fmt: skip
    pcm = say(model="giljabi", voice="alloy", input="하나", response_format="pcm").content
    assert len(pcm) / 2 / 24_000 == pytest.approx(0.1, abs=0.01)


def test_speech_comes_while_it_is_being_made(serve):
    mouth = ScriptedMouth(piece_s=0.05)
    _, client = serve(scripted_voice(mouth=mouth))
    began, first = time.monotonic(), None
    with client.audio.speech.with_streaming_response.create(
        model="giljabi", voice="alloy", input="가" * 60, response_format="wav"
    ) as reply:
        for piece in reply.iter_bytes():
            if len(piece) > 100 and first is None:
                first = time.monotonic() - began
    assert first < (time.monotonic() - began) / 3


def test_a_client_that_leaves_stops_the_mouth(serve):
    mouth = ScriptedMouth(piece_s=0.02)
    server, client = serve(scripted_voice(mouth=mouth))
    with client.audio.speech.with_streaming_response.create(
        model="giljabi", voice="alloy", input="가" * 2000, response_format="wav"
    ) as reply:
        next(reply.iter_bytes())
    until(lambda: mouth.cut == 1)
    until(lambda: server.http.get("/healthz").json()["running"] == 0)


@pytest.mark.parametrize(
    "wrong",
    [{"input": "가" * 4097}, {"input": " "}, {"input": ""}, {"speed": 2.0}, {"response_format": "aac"}],
)  # fmt: skip
def test_what_cannot_be_read_aloud_is_a_bad_request(client, wrong):
    with pytest.raises(openai.BadRequestError):
        client.audio.speech.create(
            **{"model": "giljabi", "voice": "alloy", "input": "하나", **wrong}
        )


def test_a_voice_that_fails_in_the_middle_never_looks_whole(client):
    with pytest.raises(openai.BadRequestError, match="voice is not there"):
        client.audio.speech.create(
            model="giljabi", voice="alloy", input="고장난 첫 문장", response_format="pcm"
        )
    with pytest.raises(openai.APIConnectionError) as caught:
        client.audio.speech.create(
            model="giljabi", voice="alloy", input="하나. 고장난 둘.", response_format="wav"
        )
    assert "incomplete" in str(caught.value.__cause__)


def test_the_routes_are_documented(serve):
    paths = serve()[0].http.get("/openapi.json").json()["paths"]
    form = paths["/v1/audio/transcriptions"]["post"]["requestBody"]["content"]
    assert form["multipart/form-data"]["schema"]["properties"]["file"]["format"] == "binary"
    assert "audio/wav" in paths["/v1/audio/speech"]["post"]["responses"]["200"]["content"]


def test_without_a_voice_they_say_how_to_turn_it_on(start):
    server = start()
    for path, body in (
        ("/v1/audio/transcriptions", {"files": {"file": b"x" * 200_000}}),
        ("/v1/audio/speech", {"json": {"input": "하나"}}),
        ("/v1/realtime", {}),
    ):
        reply = server.http.post(path, **body)
        assert reply.status_code == 404
        assert "giljabi serve --voice" in reply.json()["error"]["message"]
    assert server.http.get("/v1/realtime").status_code == 404
    assert "/v1/audio/speech" not in server.http.get("/openapi.json").json()["paths"]
