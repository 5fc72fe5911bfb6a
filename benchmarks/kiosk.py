"""Screenshots of the page's states and its figures: python benchmarks/kiosk.py FOLDER.

Needs playwright and Debian's Chromium. Starts a server of its own for each venue. With --readme
the two pictures of the README are written too, with a palette (needs pillow).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests" / "kiosk"))

from kiosk_page import CHROMIUM, FLAGS, HOSPITAL, PHONE, TALL, ZOOMED, Served, ask, ready_ms, weight  # noqa: E402

WAY = "애지문에서 백남학술정보관까지 어떻게 가?"
LOADS = 10


class Pictures:
    """Pages of one browser, photographed into a folder."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser = browser
        self.folder = folder

    def page(self, server: Served, path: str = "/", size: tuple[int, int] = TALL) -> Any:
        held = self.browser.new_context(viewport={"width": size[0], "height": size[1]})
        page = held.new_page()
        page.goto(server.url + path)
        page.wait_for_selector("body:not(.starting) .view")
        return page

    def take(self, page: Any, name: str) -> None:
        page.evaluate("document.activeElement.blur()")
        page.wait_for_timeout(500)
        page.screenshot(path=self.folder / f"{name}.png")


def photograph(pictures: Pictures, campus: Served, hospital: Served) -> None:
    """Every main state once."""
    page = pictures.page(campus)
    pictures.take(page, "home")
    page.locator(".chips button").first.click()
    pictures.take(page, "kind")
    page.locator(".tiles button").first.click()
    pictures.take(page, "place")
    turn = ask(page, "학생회관 시설 뭐 있어?")
    turn.locator("summary").click()
    pictures.take(page, "sources")
    ask(page, "서울대 도서관 어디야?")
    pictures.take(page, "refusal")
    page.click("#home")
    ask(page, WAY)
    pictures.take(page, "answer")
    page.get_by_role("button", name="길 안내 보기").click()
    page.wait_for_selector(".steps li")
    pictures.take(page, "way")
    for size, name in ((PHONE, "phone"), (ZOOMED, "zoomed"), ((1280, 800), "wide")):
        page = pictures.page(hospital, "/?from=cafe&to=internal&step_free=true&lang=en", size)
        page.wait_for_selector(".steps li")
        pictures.take(page, f"way-{name}")
    page = pictures.page(hospital)
    page.click("#low")
    pictures.take(page, "low")
    page.click("#large")
    pictures.take(page, "large-and-low")


def figures(pictures: Pictures, server: Served) -> dict[str, object]:
    """Weight of the first load, and the time until it can be touched."""
    ready = []
    for _ in range(LOADS):
        page = pictures.page(server, size=PHONE)
        ready.append(ready_ms(page))
        fetched = weight(page)
        page.context.close()
    return {
        "bytes": fetched,
        "ready_ms_median": round(statistics.median(ready)),
        "ready_ms_worst": round(max(ready)),
        "loads": LOADS,
        "load_average": os.getloadavg()[0],
    }


def for_readme(folder: Path) -> None:
    """Two pictures, small enough for a README."""
    from PIL import Image

    for name, target in (("answer", "kiosk-answer"), ("way-wide", "kiosk-route")):
        picture = Image.open(folder / f"{name}.png").convert("RGB")
        picture.thumbnail((900, 1200), Image.Resampling.LANCZOS)
        small = picture.quantize(96, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
        small.save(ROOT / "docs" / f"{target}.png", optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readme", action="store_true")
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    from playwright.sync_api import sync_playwright

    campus, hospital = Served(), Served("--venue", HOSPITAL)
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            pictures = Pictures(browser, chosen.folder)
            photograph(pictures, campus, hospital)
            print(json.dumps(figures(pictures, campus), indent=1))
            browser.close()
    finally:
        campus.stop()
        hospital.stop()
    if chosen.readme:
        for_readme(chosen.folder)


if __name__ == "__main__":
    main()
