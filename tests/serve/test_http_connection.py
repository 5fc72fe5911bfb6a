"""Connections that say nothing, or say it very slowly, do not keep others out."""

from __future__ import annotations

import contextlib
import socket
import time

import pytest


def closed_after(line, seconds=5.0, drip=b""):
    """Seconds until the server closes `line`, fed a byte of `drip` now and then."""
    began = time.monotonic()
    line.settimeout(0.05)
    for n in range(int(seconds / 0.05)):
        with contextlib.suppress(TimeoutError):
            try:
                if line.recv(4096) == b"":
                    return time.monotonic() - began
            except ConnectionResetError:
                return time.monotonic() - began
        if drip:
            with contextlib.suppress(OSError):
                line.send(drip[n % len(drip) :][:1])
    raise AssertionError("it is still open")


@pytest.fixture
def server(start):
    return start(head_s=0.5)


def connect(server):
    return socket.create_connection(("127.0.0.1", server.port), timeout=5)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.1\r\nHost: localhost\r\n"])
def test_who_does_not_say_what_it_wants_is_hung_up_on(server, said):
    with connect(server) as line:
        line.sendall(said)
        assert 0.3 < closed_after(line) < 3


def test_a_byte_now_and_then_buys_no_time(server):
    with connect(server) as line:
        line.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert closed_after(line, drip=b"a") < 3


def test_a_second_request_has_the_same_time(server):
    with connect(server) as line:
        line.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert line.recv(4096).startswith(b"HTTP/1.1 200")
        line.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert closed_after(line, drip=b"a") < 3


def test_an_answer_may_take_longer_than_a_head(server):
    server.guide.slow_s = 1.5
    assert server.ask("느리게").status_code == 200
    time.sleep(0.7)
    assert server.ask("하나").status_code == 200  # the same connection, idle longer than a head


def test_hundreds_of_silent_connections_keep_nobody_out_for_long(start):
    server = start(head_s=1.0)
    with contextlib.ExitStack() as held:
        for _ in range(600):  # more than are served at the same time
            held.enter_context(connect(server))
        end = time.monotonic() + 10
        while server.http.get("/healthz").status_code != 200:
            assert time.monotonic() < end
            time.sleep(0.1)
