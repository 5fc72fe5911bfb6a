"""A server with an operator: in this process, or `giljabi serve --admin` in its own."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

from giljabi.serve.admission import Admission
from giljabi.serve.desk import Desk
from giljabi.serve.operator import Operator
from giljabi.serve.reloading import Reloader

TOKEN = "correct-horse-battery-staple"
_LOUD = """
import logging, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
from giljabi.cli import main
main()
"""


def operator_of(*, keep_days=None, url="sqlite://", reloader=None):
    return Operator(
        Admission(TOKEN),
        Desk(url, keep_days=keep_days),
        reloader or Reloader(Path("no-such-venue"), lambda venue: None),
        "toy-model",
    )


@contextlib.contextmanager
def serving(*options, debug=False):
    """`giljabi serve --admin` on a free port; gives the process and its URL."""
    paths = [p for p in sys.path if p]
    start = ["-c", _LOUD] if debug else ["-m", "giljabi.cli"]
    process = subprocess.Popen(
        [sys.executable, *start, "serve", "--port", "0", "--admin", *options],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "GILJABI_ADMIN_TOKEN": TOKEN},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stderr:
            if line.startswith("giljabi: http"):
                break
        yield process, line.split()[1]
    finally:
        process.kill()
        process.communicate()


class _Reader(HTMLParser):
    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag != "bdi":
            self.texts.append("")

    def handle_data(self, data):
        if self.texts:
            self.texts[-1] += data


def read_page(html):
    """The tags of a page, and its texts without the style sheet: as a browser has them."""
    reader = _Reader(html)
    texts = [t.strip() for t in reader.texts if t.strip() and "box-sizing" not in t]
    return reader.tags, texts
