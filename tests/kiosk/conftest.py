"""The page in Debian's Chromium against a real `giljabi serve`; skipped where one is missing."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest
from kiosk_page import CHROMIUM, FLAGS, HOSPITAL, TALL, TOOLS, Served, Watched


# Not for the whole session: its event loop would go on running in this thread, under asyncio.run
# in other folders' tests.
@pytest.fixture(scope="module")
def playwright():
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    with api.sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def browser(playwright):
    running = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield running
    running.close()


@pytest.fixture(scope="module")
def launch(playwright):
    """launch(*flags): a browser with flags of its own, closed after the module."""
    running = []

    def start(*flags):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags])
        running.append(browser)
        return browser

    yield start
    for browser in running:
        browser.close()


@pytest.fixture(scope="module")
def serve_kiosk():
    """serve_kiosk(*options): a server process that ends with the module."""
    running = []

    def start(*options):
        server = Served(*options)
        running.append(server)
        return server

    yield start
    for server in running:
        server.stop()


@pytest.fixture(scope="module")
def campus(serve_kiosk):
    return serve_kiosk()


@pytest.fixture(scope="module")
def hospital_kiosk(serve_kiosk):
    return serve_kiosk("--venue", HOSPITAL, "--public-url", "http://192.168.0.10:8000")


@pytest.fixture
def visit(browser):
    """visit(server, path, size=…, clock=…): a page whose every request and error is looked at."""
    opened = []

    def go(
        server,
        path="/",
        *,
        size=TALL,
        clock=False,
        browser=browser,
        errors=(),
        **context,
    ):
        held = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, locale="ko-KR", **context
        )
        page = held.new_page()
        page.set_default_timeout(15_000)
        page.watched = Watched(page, server.url)
        page.allowed = errors
        if clock:
            page.clock.install(time=0)
        page.goto(server.url + path)
        page.wait_for_selector("body:not(.starting) .view")
        if clock:
            page.clock.pause_at(600_000)  # from here on time passes where a test lets it
        opened.append((held, page))
        return page

    yield go
    for held, page in opened:
        watched = page.watched
        held.close()
        assert watched.elsewhere == []
        assert [e for e in watched.errors if not any(a in e for a in page.allowed)] == []


@pytest.fixture(scope="session")
def tools(tmp_path_factory):
    """axe-core and TypeScript, as tests/kiosk/tools pins them, in a cache outside the repository."""
    if shutil.which("npm") is None:
        pytest.skip("needs npm")
    lock = (TOOLS / "package-lock.json").read_bytes()
    folder = (
        Path.home() / ".cache" / "giljabi" / f"kiosk-tools-{hashlib.sha256(lock).hexdigest()[:16]}"
    )
    if not (folder / "whole").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(TOOLS / name, folder / name)
        done = subprocess.run(
            ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
            cwd=folder, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        if done.returncode != 0:
            pytest.skip(f"npm cannot fetch the tools: {done.stderr[-200:]}")
        (folder / "whole").touch()
    return folder


@pytest.fixture
def axe(tools):
    """axe(page): every rule that axe-core has; what they find wrong."""
    source = (tools / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")

    def run(page):
        page.wait_for_timeout(300)  # what fades in has its colours
        page.evaluate(source)
        found = page.evaluate("axe.run(document).then((r) => r.violations)")
        return [(v["id"], n["target"], n["failureSummary"]) for v in found for n in v["nodes"]]

    return run
