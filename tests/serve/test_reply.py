from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import openai
import pytest
from running import until

from giljabi.serve.openai_shapes import ChatRequest, Chunks
from giljabi.serve.reply import StalledError, Stream
from giljabi.serve.work import Workers

SLOW = {"model": "giljabi", "messages": [{"role": "user", "content": "느리게"}]}


def leave(server, path, body, *, after):
    """Send a request, wait for `after(connection)`, and hang up."""
    data = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(data)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(head + data)
        after(connection)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/answer", {"prompt": "느리게", "conversation": "gone"}),
        ("/v1/chat/completions", SLOW),
        ("/v1/chat/completions", {**SLOW, "stream": True}),
    ],
)
def test_a_client_that_leaves_ends_the_generation(server, path, body):
    def begun(_connection):
        until(lambda: server.guide.started == 1)

    leave(server, path, body, after=begun)
    until(lambda: server.guide.cancelled == 1, 3)
    assert server.memory.history("gone") == ()
    until(lambda: server.http.get("/healthz").json()["running"] == 0)


def test_leaving_after_the_first_sentence_of_a_stream(server):
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        stream = client.chat.completions.create(**SLOW, stream=True)
        said = [next(stream).choices[0].delta.content for _ in range(2)]
        stream.close()
    assert said == ["", "질문은 느리게입니다. "]
    until(lambda: server.guide.cancelled == 1, 3)


def test_one_leaving_does_not_end_the_other(start):
    server = start(workers=2)
    with ThreadPoolExecutor(1) as pool:
        stays = pool.submit(server.ask, "느리게 남는 사람")
        until(lambda: server.guide.started == 1)
        leave(
            server, "/answer", {"prompt": "느리게 가는 사람"},
            after=lambda _: until(lambda: server.guide.started == 2),
        )  # fmt: skip
        until(lambda: server.guide.cancelled == 1, 3)
        server.guide.gate.set()
        assert stays.result().status_code == 200
    assert server.guide.cancelled == 1


def test_a_full_queue_turns_away_at_once_and_loses_nobody(start):
    server = start(workers=2, queue=4)
    with ThreadPoolExecutor(6) as pool:
        inside = [pool.submit(httpx.post, f"{server.url}/answer", json={"prompt": "느리게"},
                              timeout=20) for _ in range(6)]  # fmt: skip
        until(lambda: server.http.get("/healthz").json()["waiting"] == 4)
        for path, body in (
            ("/answer", {"prompt": "하나"}),
            ("/v1/chat/completions", SLOW),
            ("/v1/chat/completions", {**SLOW, "stream": True}),
        ):
            began = time.monotonic()
            reply = server.http.post(path, json=body)
            assert time.monotonic() - began < 1
            assert (reply.status_code, reply.json()["error"]["code"]) == (429, "busy")
            assert reply.headers["retry-after"] == "2"
        assert server.http.get("/v1/route", params={"from": "a", "to": "b"}).status_code == 429
        assert server.http.get("/v1/places").status_code == 200  # needs no worker
        server.guide.gate.set()
        assert [reply.result().status_code for reply in inside] == [200] * 6
    assert server.ask("하나").status_code == 200


def test_the_official_client_sees_a_rate_limit(start):
    server = start(workers=1, queue=0)
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(server.ask, "느리게")
        until(lambda: server.guide.started == 1)
        with (
            openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client,
            pytest.raises(openai.RateLimitError),
        ):
            client.chat.completions.create(**SLOW)
        server.guide.gate.set()
        assert inside.result().status_code == 200


def test_those_who_leave_the_queue_make_room(start):
    server = start(workers=1, queue=2)
    with ThreadPoolExecutor(1) as pool:
        inside = pool.submit(server.ask, "느리게")
        until(lambda: server.guide.started == 1)
        waiting = contextlib.ExitStack()
        for n in (1, 2):
            connection = waiting.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            connection.sendall(
                b"POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                b'Content-Length: 15\r\n\r\n{"prompt": "a"}'
            )
            until(lambda n=n: server.http.get("/healthz").json()["waiting"] == n)
        assert server.ask("하나").status_code == 429
        waiting.close()
        until(lambda: server.http.get("/healthz").json()["waiting"] == 0, 3)
        server.guide.gate.set()
        assert inside.result().status_code == 200
    assert server.guide.started == 1  # nobody worked for those who left


def test_a_client_that_does_not_read_is_dropped():
    sent, ended = [], threading.Event()

    def make(cancel):
        try:
            for n in range(1000):
                yield str(n)
        finally:
            ended.set()

    async def send(message):
        sent.append(message)
        if len(sent) == 4:
            await asyncio.sleep(60)  # what uvicorn does while its buffer is full

    async def receive():
        await asyncio.sleep(60)

    async def main():
        workers = Workers(1, 0)
        request = ChatRequest.model_validate(SLOW)
        stream = Stream(workers.submit(make), Chunks(request, "id", 0), answer_s=60, stall_s=0.1)
        with pytest.raises(StalledError):
            await stream({"type": "http"}, receive, send)
        assert stream.job.cancelled
        assert await asyncio.to_thread(ended.wait, 5)
        workers.close()

    asyncio.run(main())
    assert len(sent) == 4


def test_stopping_the_server_ends_what_is_running(start):
    server = start()
    replies = []

    def ask():
        with contextlib.suppress(httpx.HTTPError):
            replies.append(httpx.post(f"{server.url}/answer", json={"prompt": "느리게"}))

    asking = threading.Thread(target=ask)
    asking.start()
    until(lambda: server.guide.started == 1)
    server._server.should_exit = True
    server._thread.join(15)
    assert not server._thread.is_alive()
    asking.join(5)
    until(lambda: server.guide.cancelled == 1)
