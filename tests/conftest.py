from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from giljabi.answer.guide import Guide
from giljabi.venue import folder
from giljabi.venue.place import Venue

Serve = Callable[[type[BaseHTTPRequestHandler]], str]

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The reference material beside the project; tests that need it skip without it."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not here")
    return SHARED


@pytest.fixture(scope="session")
def hanyang() -> Venue:
    return folder.load(ROOT / "venues" / "hanyang")


@pytest.fixture(scope="session")
def hospital() -> Venue:
    return folder.load(ROOT / "tests" / "venues" / "hospital")


@pytest.fixture(scope="session")
def guide(hanyang: Venue) -> Guide:
    return Guide(hanyang)


@pytest.fixture(scope="session")
def hospital_guide(hospital: Venue) -> Guide:
    return Guide(hospital)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """serve(handler) -> base URL of a stand-in on loopback that lives as long as the test."""
    running: list[ThreadingHTTPServer] = []

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # clients that hang up are part of the tests

    def start(handler: type[BaseHTTPRequestHandler]) -> str:
        server = Server(("127.0.0.1", 0), handler)
        running.append(server)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return f"http://127.0.0.1:{server.server_address[1]}"

    yield start
    for server in running:
        server.shutdown()
        server.server_close()
