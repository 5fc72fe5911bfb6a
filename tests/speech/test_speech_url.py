"""The voice behind a URL, against a real HTTP server that speaks the protocol, well and badly."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler

import numpy as np
import pytest

from giljabi.errors import GiljabiError
from giljabi.speech import speech_url
from giljabi.speech.speech_url import SpeechUrl

TONE = (np.sin(np.arange(24_000) / 10) * 20_000).astype("<i2")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.answer()

    def start(self, status=200, kind="audio/pcm"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True

    def fail(self, status, message):
        self.start(status, "application/json")
        self.wfile.write(json.dumps({"error": {"message": message}}).encode())


def handler(answer):
    return type("Bound", (Handler,), {"answer": answer, "seen": []})


def test_samples_cut_in_two_arrive_whole(serve):
    def answer(self):
        self.start()
        raw = TONE.tobytes()
        for at in range(0, len(raw), 777):
            self.wfile.write(raw[at : at + 777])
            self.wfile.flush()

    kind = handler(answer)
    voice = SpeechUrl(serve(kind) + "/v1", "nara", model="tts-ko")
    pieces = list(voice.say("이 층이에요.", "ko"))
    assert max(map(len, pieces)) <= voice.rate * 0.04
    assert np.array_equal(np.concatenate(pieces), TONE.astype(np.float32) / 32768)
    path, headers, body = kind.seen[0]
    assert path == "/v1/audio/speech"
    assert body == {
        "model": "tts-ko", "voice": "nara", "input": "이 층이에요.", "response_format": "pcm"
    }  # fmt: skip
    assert "authorization" not in headers


def test_sound_arrives_while_the_server_still_speaks(serve):
    go_on = threading.Event()

    def answer(self):
        self.start()
        self.wfile.write(TONE[:960].tobytes())
        assert go_on.wait(5)
        self.wfile.write(TONE[960:1920].tobytes())

    pieces = SpeechUrl(serve(handler(answer)), "nara").say("네.", "ko")
    assert len(next(pieces)) == 960
    go_on.set()
    assert sum(map(len, pieces)) == 960


@pytest.mark.parametrize("silent", [False, True])
@pytest.mark.parametrize("leave", ["cancel", "close"])
def test_leaving_closes_the_connection(serve, silent, leave):
    gone, asked = threading.Event(), threading.Event()

    def answer(self):
        if not silent:
            self.start()
            self.wfile.write(TONE.tobytes())
        asked.set()
        self.connection.settimeout(5)
        if self.connection.recv(1) == b"":
            gone.set()
        self.close_connection = True

    voice = SpeechUrl(serve(handler(answer)), "nara")
    began = time.monotonic()
    if leave == "cancel":
        list(voice.say("네.", "ko", cancel=asked.is_set))
    else:
        pieces = voice.say("네.", "ko", cancel=lambda: silent and asked.is_set())
        next(pieces, None)
        pieces.close()
    assert gone.wait(2)
    assert time.monotonic() - began < 2


def test_the_key_is_sent_and_never_shown(serve, monkeypatch, caplog):
    monkeypatch.setenv("GILJABI_SPEECH_API_KEY", "secret-key")
    kind = handler(lambda self: self.fail(401, "no"))
    voice = SpeechUrl(serve(kind), "nara")
    with pytest.raises(GiljabiError, match=r"401: no \(is GILJABI_SPEECH_API_KEY set") as caught:
        list(voice.say("네.", "ko"))
    assert kind.seen[0][1]["authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(caught.value) + repr(vars(voice)) + caplog.text


@pytest.mark.parametrize(
    ("kind", "sent", "said"),
    [
        ("text/html", b"<html>", "sent text/html instead of sound"),
        ("application/json", b"{}", "sent application/json instead of sound"),
        ("audio/wav", b"RIFF\x00\x00\x00\x00WAVE", "a sound file instead of raw PCM"),
        ("audio/mpeg", b"ID3\x04", "a sound file instead of raw PCM"),
        ("audio/pcm", b"", "sent no sound"),
    ],
)
def test_what_is_no_pcm_is_one_sentence(serve, kind, sent, said):
    def answer(self):
        self.start(kind=kind)
        self.wfile.write(sent)

    with pytest.raises(GiljabiError, match=said):
        list(SpeechUrl(serve(handler(answer)), "nara").say("네.", "ko"))


def test_an_endless_answer_is_cut_off(serve, monkeypatch):
    monkeypatch.setattr(speech_url, "LONGEST_S", 2)

    def answer(self):
        self.start()
        while True:
            self.wfile.write(TONE.tobytes())

    with pytest.raises(GiljabiError, match="more than 2 s of sound"):
        list(SpeechUrl(serve(handler(answer)), "nara").say("네.", "ko"))


def test_an_error_is_the_servers_own_words(serve):
    kind = handler(lambda self: self.fail(400, "no such voice"))
    with pytest.raises(GiljabiError, match="answered 400: no such voice"):
        list(SpeechUrl(serve(kind), "nobody").say("네.", "ko"))


def test_nobody_listening_is_one_sentence():
    with pytest.raises(GiljabiError, match=r"No answer from http://127\.0\.0\.1:9/v1/audio/speech"):
        list(SpeechUrl("http://127.0.0.1:9", "nara").say("네.", "ko"))


def test_a_silent_server_is_given_up(serve):
    def answer(self):
        self.connection.settimeout(3)
        self.connection.recv(1)
        self.close_connection = True

    with pytest.raises(GiljabiError, match="No answer from"):
        list(SpeechUrl(serve(handler(answer)), "nara", silence=0.2).say("네.", "ko"))
