from __future__ import annotations

import contextlib
import socket

import pytest

KIOSK = "https://kiosk.example:8443"


@pytest.fixture
def server(shared):
    shared.guide.started = 0
    return shared


def raw(server, *lines, body=b"", wait=10.0):
    """Send bytes as they are; the status line's code and everything after it."""
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=wait) as connection:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.sendall(head + body)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
    return int(answer.split(b" ", 2)[1]), answer.decode()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:80", "[::1]:8000", "LOCALHOST:1"])
def test_own_names_are_answered(server, host):
    assert server.http.get("/healthz", headers={"host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "[::2]", "",
     "localhost@evil.example", "evil.example:localhost"],
)  # fmt: skip
def test_foreign_names_are_not(server, host):
    reply = server.http.get("/healthz", headers={"host": host})
    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "bad_host")


def test_a_missing_or_doubled_host_is_refused(server):
    close = "Connection: close"
    assert raw(server, "GET /healthz HTTP/1.0", close)[0] == 403
    two = raw(server, "GET /healthz HTTP/1.1", "Host: localhost", "Host: evil.example", close)
    assert two[0] in (400, 403)


def test_configured_names_are_answered(start):
    server = start(hosts=("kiosk.local",))
    assert server.http.get("/", headers={"host": "kiosk.local:8000"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost", KIOSK]
)
def test_other_pages_may_not_call(server, origin):
    for method, path in (("GET", "/"), ("POST", "/answer"), ("OPTIONS", "/answer")):
        reply = server.http.request(method, path, headers={"origin": origin})
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "bad_origin")
        assert "access-control-allow-origin" not in reply.headers
    assert server.guide.started == 0


def test_the_servers_own_pages_may_call(server):
    reply = server.http.post("/answer", json={"prompt": "하나"}, headers={"origin": server.url})
    assert reply.status_code == 200


def test_a_configured_page_may_call_and_gets_exactly_its_origin(start):
    server = start(origins=(KIOSK,))
    asked = server.http.options("/answer", headers={
        "origin": KIOSK, "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, x-stainless-lang",
    })  # fmt: skip
    assert asked.status_code == 204
    assert asked.headers["access-control-allow-origin"] == KIOSK
    assert asked.headers["access-control-allow-headers"] == "content-type, x-stainless-lang"
    for reply in (
        server.http.post("/answer", json={"prompt": "하나"}, headers={"origin": KIOSK}),
        server.http.post("/answer", json={}, headers={"origin": KIOSK}),
        server.http.post("/answer", content=b"x", headers={"origin": KIOSK}),
    ):
        assert reply.headers["access-control-allow-origin"] == KIOSK
        assert reply.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in reply.headers
    near = server.http.get("/", headers={"origin": f"{KIOSK}0"})
    assert near.status_code == 403


def test_odd_preflight_headers_are_not_echoed(start):
    server = start(origins=(KIOSK,))
    asked = server.http.options("/answer", headers={
        "origin": KIOSK, "access-control-request-method": "POST",
        "access-control-request-headers": "a; b",
    })  # fmt: skip
    assert "access-control-allow-headers" not in asked.headers


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_only_json_is_taken(server, kind):
    for path in ("/answer", "/v1/chat/completions"):
        reply = server.http.post(path, content=b'{"prompt": "a"}', headers={"content-type": kind})
        assert (reply.status_code, reply.json()["error"]["code"]) == (415, "not_json")


def test_a_charset_may_be_named(server):
    reply = server.http.post(
        "/answer", content='{"prompt": "하나"}'.encode(),
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )  # fmt: skip
    assert reply.status_code == 200


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(server):
    kind = {"content-type": "application/json"}
    fits = b'{"prompt": "a"}'.ljust(64 * 1024)
    assert server.http.post("/answer", content=fits, headers=kind).status_code == 200
    reply = server.http.post("/answer", content=fits + b" ", headers=kind)
    assert (reply.status_code, reply.json()["error"]["code"]) == (413, "body_too_large")


@pytest.mark.parametrize("size", [65 * 1024, 512 * 1024])
def test_a_chunked_body_has_the_same_limit(server, size):
    def chunks():
        for _ in range(size // 1024):
            yield b" " * 1024

    reply = server.http.post(
        "/answer", content=chunks(), headers={"content-type": "application/json"}
    )
    assert reply.status_code == 413


def test_a_body_without_an_end_is_cut_off(server):
    status, _ = raw(
        server, "POST /answer HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        "Content-Length: 99999999", body=b" " * 3_000_000,
    )  # fmt: skip
    assert status == 413


def test_a_body_that_never_arrives_is_given_up(start):
    server = start(stall_s=0.3)
    status, answer = raw(
        server, "POST /answer HTTP/1.1", "Host: localhost", "Content-Type: application/json",
        "Content-Length: 100", body=b"{",
    )  # fmt: skip
    assert status == 408
    assert "slow_body" in answer


def test_a_client_that_leaves_in_its_body_does_no_harm(server):
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(
            b"POST /answer HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
        )
    assert server.ask("하나").status_code == 200


def test_web_sockets_are_not_spoken(server):
    status, _ = raw(
        server, "GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket",
        "Connection: Upgrade, close", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: YQ==",
    )  # fmt: skip
    assert status in (200, 400)  # an ordinary GET, the upgrade is ignored


def test_every_answer_forbids_guessing_its_type_and_keeping_it(server):
    for path in ("/", "/nope"):
        headers = server.http.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers
