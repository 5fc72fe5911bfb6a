from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
from scripted import ScriptedGuide

from giljabi.answer.memory import Memory
from giljabi.errors import GiljabiError
from giljabi.serve.options import ServeOptions
from giljabi.serve.run import listening, run, url_of

HERE = Path(__file__).parent
SERVER = """
import sys
from scripted import ScriptedGuide
from giljabi.answer.memory import Memory
from giljabi.serve.options import ServeOptions
from giljabi.serve.run import run
memory = Memory(sys.argv[1])
run(ScriptedGuide(), memory, ServeOptions(port=0), announce=lambda url: print(url, flush=True))
memory.close()
print("closed", flush=True)
"""
# Loaded by the interpreter before anything else: no socket may leave the machine, no name be asked.
LOCKED = """
import sys
def watch(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto"):
        address = arguments[1]
        host = address[0] if isinstance(address, tuple) else address
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
    else:
        return
    if host not in ("127.0.0.1", "::1", "localhost"):
        print(f"FORBIDDEN {event} {host}", file=sys.stderr, flush=True)
        raise PermissionError(f"{event} to {host}")
sys.addaudithook(watch)
"""


@contextlib.contextmanager
def subprocess_server(url, *first, code=SERVER):
    """A server in its own process; gives the process and its base URL."""
    paths = [*map(str, first), str(HERE), *(p for p in sys.path if p)]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, url],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process, process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def ask(base, prompt, conversation):
    body = {"prompt": prompt, "conversation": conversation}
    return httpx.post(f"{base}/answer", json=body, timeout=20)


def test_a_taken_port_is_one_sentence():
    with listening("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(GiljabiError, match=rf"^Port {port} on 127.0.0.1 is taken .*\.$"):
            run(ScriptedGuide(), Memory(), ServeOptions(port=port))


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_somebody_else_is_one_sentence(host):
    with pytest.raises(GiljabiError, match=host), listening(host, 0):
        pass


def test_the_url_of_an_ipv6_listener_has_brackets():
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with listening("::1", 0) as listener:
            assert url_of(listener).startswith("http://[::1]:")
    except GiljabiError as e:
        pytest.skip(f"this machine has no IPv6 loopback: {e}")


def test_it_ends_on_sigterm_and_lets_the_caller_clean_up(tmp_path):
    with subprocess_server(f"sqlite:///{tmp_path / 't.db'}") as (process, base):
        assert base.startswith("http://127.0.0.1:")
        assert ask(base, "하나", "c").status_code == 200
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, out.strip(), err) == (0, "closed", "")
    assert not (tmp_path / "t.db-wal").exists()  # closed properly


def test_killed_and_started_again_it_knows_every_answered_turn(tmp_path):
    url = f"sqlite:///{tmp_path / 'turns.db'}"
    answered = {}

    def visit(base, visitor):
        with contextlib.suppress(httpx.HTTPError):
            for n in range(1000):
                ask(base, f"{visitor}의 질문 {n}", visitor).raise_for_status()
                answered[visitor] = n + 1

    with subprocess_server(url) as (process, base):
        crowd = [threading.Thread(target=visit, args=(base, f"v{k}")) for k in range(4)]
        for thread in crowd:
            thread.start()
        while min(answered.get(f"v{k}", 0) for k in range(4)) < 5:
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        for thread in crowd:
            thread.join(20)
    memory = Memory(url, turns=10_000)
    for visitor, count in answered.items():
        kept = [turn.question for turn in memory.history(visitor)]
        assert kept[:count] == [f"{visitor}의 질문 {n}" for n in range(count)]
        assert len(kept) <= count + 1  # at most one was kept and its answer never delivered
    memory.close()
    with subprocess_server(url) as (_, base):
        last = ask(base, "이어서", "v0").json()["result"]
        assert f"v0의 질문 {answered['v0'] - 1}" in last


def test_it_starts_and_answers_with_every_way_out_forbidden(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LOCKED)
    with subprocess_server("sqlite://", tmp_path) as (process, base):
        with httpx.Client(base_url=base, timeout=20) as http:
            assert http.get("/").status_code == 200
            assert http.post("/answer", json={"prompt": "하나"}).status_code == 200
            assert http.get("/openapi.json").status_code == 200
            for stream in (False, True):
                reply = http.post("/v1/chat/completions", json={
                    "model": "giljabi", "stream": stream,
                    "messages": [{"role": "user", "content": "하나"}],
                })  # fmt: skip
                assert "질문은 하나입니다" in reply.text
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_the_lock_of_the_test_above_does_lock(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(LOCKED)
    code = "import socket; print('ready', flush=True); socket.create_connection(('192.0.2.1', 80))"
    with subprocess_server("", tmp_path, code=code) as (process, _):
        _, err = process.communicate(timeout=20)
    assert process.returncode != 0
    assert "FORBIDDEN socket.getaddrinfo 192.0.2.1" in err
