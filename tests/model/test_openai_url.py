"""The client against a real HTTP server that speaks the protocol, slowly and badly on demand."""

import json
import logging
import threading
import time
from http.server import BaseHTTPRequestHandler

import pytest

from giljabi.errors import GiljabiError
from giljabi.model.openai_url import OpenAIUrl, events

ASK = [{"role": "user", "content": "박물관은 몇 층이야?"}]
ANSWER = "박물관은 지상 5층 건물입니다. 뷁!"


def chunk(text):
    data = {"choices": [{"index": 0, "delta": {"content": text}}]}
    return f"data: {json.dumps(data, ensure_ascii=False)}\r\n\r\n".encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_POST(self):
        length = int(self.headers["content-length"])
        self.seen.append((self.path, dict(self.headers), json.loads(self.rfile.read(length))))
        self.answer()

    def start(self, status=200, headers=(), kind="text/event-stream"):
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("connection", "close")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True

    def fail(self, status, body, headers=()):
        self.start(status, headers, "application/json")
        self.wfile.write(json.dumps(body).encode())


def handler(answer):
    return type("Bound", (Handler,), {"answer": answer, "seen": []})


def test_hangul_sent_a_byte_at_a_time_arrives_whole(serve):
    def answer(self):
        self.start()
        for byte in b": hello\r\n\r\n" + chunk(ANSWER) + b"data: [DONE]\r\n\r\n":
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    kind = handler(answer)
    model = OpenAIUrl(serve(kind), "small")
    assert "".join(model.stream(ASK, stop=["\n"], seed=3, temperature=0.0)) == ANSWER
    path, headers, body = kind.seen[0]
    assert path == "/v1/chat/completions"
    assert "authorization" not in {k.lower() for k in headers}
    assert body["messages"] == ASK
    assert (body["stop"], body["seed"], body["temperature"]) == (["\n"], 3, 0.0)


def test_pieces_arrive_while_the_server_still_writes(serve):
    go_on = threading.Event()

    def answer(self):
        self.start()
        self.wfile.write(chunk("하나"))
        assert go_on.wait(5)
        self.wfile.write(chunk("둘") + b"data: [DONE]\n\n")

    pieces = OpenAIUrl(serve(handler(answer)) + "/v1/", "small").stream(ASK)
    assert next(pieces) == "하나"
    go_on.set()
    assert list(pieces) == ["둘"]


@pytest.mark.parametrize("silent", [False, True])
def test_cancelling_closes_the_connection_even_before_the_first_word(serve, silent):
    gone, asked = threading.Event(), threading.Event()

    def answer(self):
        if not silent:
            self.start()
            self.wfile.write(chunk("하나"))
        asked.set()
        self.connection.settimeout(5)
        if self.connection.recv(1) == b"":
            gone.set()
        self.close_connection = True

    model = OpenAIUrl(serve(handler(answer)), "small")
    began = time.monotonic()
    assert "".join(model.stream(ASK, cancel=asked.is_set)) in {"", "하나"}
    assert gone.wait(2)
    assert time.monotonic() - began < 2


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_when_it_says(serve, status):
    times = []

    def answer(self):
        times.append(time.monotonic())
        if len(times) < 3:
            self.fail(status, {"error": {"message": "busy"}}, [("Retry-After", "0.2")])
        else:
            self.start()
            self.wfile.write(chunk("네") + b"data: [DONE]\n\n")

    assert list(OpenAIUrl(serve(handler(answer)), "small").stream(ASK)) == ["네"]
    assert times[1] - times[0] >= 0.2
    assert times[2] - times[1] >= 0.2


def test_a_server_that_stays_busy_is_given_up(serve):
    kind = handler(lambda self: self.fail(503, {"error": "full"}, [("Retry-After", "0")]))
    with pytest.raises(GiljabiError, match="answered 503: full"):
        list(OpenAIUrl(serve(kind), "small", attempts=2).stream(ASK))
    assert len(kind.seen) == 2


def test_cancelling_ends_the_wait_for_a_busy_server(serve):
    kind = handler(lambda self: self.fail(429, {}, [("Retry-After", "20")]))
    began = time.monotonic()
    model = OpenAIUrl(serve(kind), "small")
    assert list(model.stream(ASK, cancel=lambda: time.monotonic() > began + 0.3)) == []
    assert time.monotonic() - began < 2


def test_the_key_is_sent_and_never_shown(serve, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("GILJABI_API_KEY", "secret-key")
    monkeypatch.setenv("OPENAI_API_KEY", "someone-elses")
    kind = handler(lambda self: self.fail(401, {"error": {"message": "no"}}))
    model = OpenAIUrl(serve(kind), "small")
    with pytest.raises(GiljabiError, match=r"401: no \(is GILJABI_API_KEY set") as caught:
        list(model.stream(ASK))
    headers = {k.lower(): v for k, v in kind.seen[0][1].items()}
    assert headers["authorization"] == "Bearer secret-key"
    assert "secret-key" not in str(caught.value) + repr(model.__dict__) + caplog.text


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"data: {broken\n\n", "no JSON"),
        (b'data: {"error": {"message": "out of memory"}}\n\n', "out of memory"),
        (b"data: \xff\xfe\n\n", "not UTF-8"),
    ],
)
def test_a_server_that_fails_half_way_is_an_error(serve, sent, said):
    def answer(self):
        self.start()
        self.wfile.write(chunk("하나") + sent)

    pieces = OpenAIUrl(serve(handler(answer)), "small").stream(ASK)
    assert next(pieces) == "하나"
    with pytest.raises(GiljabiError, match=said):
        list(pieces)


def test_nobody_listening_is_one_sentence():
    with pytest.raises(GiljabiError, match=r"No answer from http://127\.0\.0\.1:9/v1"):
        list(OpenAIUrl("http://127.0.0.1:9", "small").stream(ASK))


def test_a_silent_server_is_given_up(serve):
    def answer(self):
        self.connection.settimeout(3)
        self.connection.recv(1)
        self.close_connection = True

    with pytest.raises(GiljabiError, match="No answer from"):
        list(OpenAIUrl(serve(handler(answer)), "small", silence=0.2).stream(ASK))


def test_events_split_at_line_feeds_only():
    raw = "data: 가\u2028나\u0085다\n\ndata: 라".encode()
    for size in (1, 2, 5, 100):
        cut = (raw[i : i + size] for i in range(0, len(raw), size))
        assert list(events(cut)) == ["가\u2028나\u0085다", "라"]


def test_an_endless_line_is_refused():
    with pytest.raises(GiljabiError, match="mebibyte"):
        list(events(b"x" * 65536 for _ in range(100)))
