"""What the tests of the page share: a server of its own, a watched page, a question asked."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
KIOSK = ROOT / "src" / "giljabi" / "serve" / "kiosk"
TOOLS = Path(__file__).parent / "tools"
HOSPITAL = ROOT / "tests" / "venues" / "hospital"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--mute-audio"]
TALL, PHONE, ZOOMED = (1080, 1920), (390, 844), (640, 360)


class Served:
    """A `giljabi serve` process of its own; `stop` and `start` keep the port."""

    def __init__(self, *options):
        self.options = options
        self.port = 0
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "giljabi.cli", "serve", "--model", "none", "--memory", "sqlite://",
             "--port", str(self.port), *map(str, self.options)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        line = self.process.stderr.readline()
        while line and "giljabi: http" not in line:
            line = self.process.stderr.readline()
        assert line, "the server did not start"
        self.url = line.split()[1]
        self.port = urlsplit(self.url).port

    def stop(self):
        self.process.kill()
        self.process.wait(20)
        self.process.stderr.close()


class Watched:
    """What a page did that no page of ours may do."""

    def __init__(self, page, url):
        self.host = urlsplit(url).netloc
        self.elsewhere = []
        self.errors = []
        page.on("request", self._request)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _request(self, request):
        there = urlsplit(request.url)
        if there.scheme != "data" and there.netloc != self.host:
            self.elsewhere.append(request.url)

    def _console(self, message):
        if message.type in ("error", "warning"):
            self.errors.append(message.text)


def weight(page):
    """Bytes that a page fetched, uncompressed."""
    return page.evaluate(
        """["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
          .reduce((sum, entry) => sum + entry.decodedBodySize, 0)"""
    )


def ready_ms(page):
    """Milliseconds from the navigation until the page could be touched."""
    return page.evaluate("performance.getEntriesByName('ready')[0].startTime")


def ask(page, question):
    """Type a question and wait for the whole answer, which is given."""
    before = page.locator(".turn.over").count()
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.locator(".turn.over").nth(before).wait_for()
    return page.locator(".turn").nth(before)


def venue_of(folder, places, links="", **more):
    """A venue folder made on the spot."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "venue.toml").write_text(
        'format = 1\nid = "made"\n'
        f"name = {{ ko = {json.dumps(more['ko'])}, en = {json.dumps(more['en'])} }}\n"
        f'origin = "{places[0]["id"]}"\nlanguages = ["ko", "en"]\n'
        '[areas]\ncampus = { ko = "본관", en = "main" }\n',
        "utf-8",
    )
    (folder / "places.json").write_text(json.dumps(places, ensure_ascii=False), "utf-8")
    if links:
        (folder / "links.csv").write_text(links, "utf-8")
    return folder
