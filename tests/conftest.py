from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from giljabi.answer.guide import Guide
from giljabi.venue import folder
from giljabi.venue.place import Venue

Serve = Callable[[type[BaseHTTPRequestHandler]], str]

PG = Path("/usr/lib/postgresql/15/bin")
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


@pytest.fixture(scope="session")
def postgresql(tmp_path_factory):
    """A throw-away PostgreSQL server; its programs refuse to run as root."""
    if not (PG / "initdb").is_file():
        pytest.skip(f"PostgreSQL is not installed: {PG} has no initdb")
    pytest.importorskip(
        "psycopg", reason="the PostgreSQL driver is not installed", exc_type=ImportError
    )
    folder = Path("/tmp") / f"giljabi-pg-{os.getpid()}"
    folder.mkdir()
    prefix = []
    if os.geteuid() == 0:
        if shutil.which("runuser") is None:
            pytest.skip("running as root, and there is no runuser")
        shutil.chown(folder, "postgres")
        prefix = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"

    def pg(name, *arguments):
        command = [*prefix, str(PG / name), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, timeout=120)

    pg("initdb", "-D", str(data), "-A", "trust", "-U", "giljabi", "--no-sync", "-E", "UTF8")
    pg("pg_ctl", "-D", str(data), "-w", "-l", str(folder / "log"), "start",
       "-o", f"-c listen_addresses='' -k {folder} -c fsync=off")  # fmt: skip
    try:
        yield f"postgresql://giljabi@/postgres?host={folder}"
    finally:
        pg("pg_ctl", "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
