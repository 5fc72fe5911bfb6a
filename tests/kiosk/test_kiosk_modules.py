"""The page's files: typed, pinned, and nothing in them that a strict policy forbids."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess

import pytest
from kiosk_page import KIOSK, TOOLS

MODULES = sorted((KIOSK / "js").rglob("*.js"))


def test_every_module_is_typed(tools, tmp_path):
    config = json.loads((TOOLS / "tsconfig.json").read_text("utf-8"))
    shutil.copytree(KIOSK / "js", tmp_path / "js")
    config["include"] = ["js"]
    config["compilerOptions"]["typeRoots"] = [str(tools / "node_modules" / "@types")]
    (tmp_path / "tsconfig.json").write_text(json.dumps(config), "utf-8")
    (tmp_path / "node_modules").symlink_to(tools / "node_modules")
    done = subprocess.run(
        [str(tools / "node_modules" / ".bin" / "tsc"), "-p", str(tmp_path)],
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout + done.stderr == ""


def test_the_vendored_library_is_the_one_that_was_pinned():
    vendor = KIOSK / "vendor"
    kept = json.loads((vendor / "vendored.json").read_text("utf-8"))
    named = {name: digest for library in kept.values() for name, digest in library["files"].items()}
    there = {
        str(path.relative_to(vendor)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.rglob("*")
        if path.is_file() and path.name != "vendored.json"
    }
    assert there == named


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)
def test_a_module_says_what_it_is_and_makes_no_html(path):
    text = path.read_text("utf-8")
    assert text.startswith("/** ")
    assert len(text.splitlines()) < 400
    for forbidden in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "http://",
        "https://",
    ):
        assert forbidden not in text.replace("http://www.w3.org/2000/svg", ""), forbidden


def test_both_languages_say_the_same_things():
    def keys(path):
        return set(re.findall(r"^  (\w+)[:,]", path.read_text("utf-8"), re.MULTILINE))

    ko, en = (keys(KIOSK / "js" / "lang" / f"{lang}.js") for lang in ("ko", "en"))
    assert ko == en
    assert len(ko) > 50


def test_the_document_has_nothing_inline():
    html = (KIOSK / "index.html").read_text("utf-8")
    assert not re.search(r"<script(?![^>]*src=)|<style|style=|\son\w+=", html)
    for path in re.findall(r'(?:src|href)="/kiosk/([^"]+)"', html):
        assert (KIOSK / path).is_file(), path


def test_every_module_is_fetched_at_once():
    html = (KIOSK / "index.html").read_text("utf-8")
    fetched = set(re.findall(r'rel="modulepreload" href="/kiosk/([^"]+)"', html))
    asked_for_later = {"js/app.js", "js/microphone_worklet.js"}
    assert fetched == {str(p.relative_to(KIOSK)) for p in MODULES} - asked_for_later
