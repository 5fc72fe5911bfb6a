"""The operator's pages and the printed way in Debian's Chromium: cookies, forms and policy as browsers have them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from operated import TOKEN, operator_of

from giljabi.answer.guide import Guide
from giljabi.serve.reloading import Reloader

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
CHROMIUM = shutil.which("chromium")
AXE = sorted(
    (Path.home() / ".cache" / "giljabi").glob("kiosk-tools-*/node_modules/axe-core/axe.min.js")
)


@pytest.fixture(scope="module")
def browser():
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs Debian's chromium")
    with api.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser):
    """A page on which every request and complaint is looked at."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, locale="ko-KR")
    page = context.new_page()
    page.set_default_timeout(20_000)
    page.complaints, page.asked = [], []
    page.on("console", lambda said: page.complaints.append(said.text))
    page.on("request", lambda request: page.asked.append(request.url))
    yield page
    context.close()


def faults(page):
    """What axe-core finds; nothing is asserted where the tools are not here."""
    if not AXE:
        return []
    page.evaluate(AXE[-1].read_text("utf-8"))
    found = page.evaluate("axe.run(document).then((r) => r.violations)")
    return [(v["id"], [n["target"] for n in v["nodes"]]) for v in found]


def narrowest(page):
    """Pixels of the narrowest value or cell of words."""
    return page.evaluate(
        """Math.min(...[...document.querySelectorAll("dd, th:not(.number), td:not(.number)")]
          .map((cell) => cell.clientWidth))"""
    )


@pytest.fixture
def server(start, hospital):
    operator = operator_of(keep_days=3, reloader=Reloader(HOSPITAL, Guide))
    return start(answers=Guide(hospital), operator=operator, public_url="http://192.168.0.10:8000")


def test_the_operator_signs_in_reloads_forgets_and_leaves(server, page):
    server.ask("주차 요금 얼마야?")
    page.goto(f"{server.url}/admin")
    assert faults(page) == []
    page.fill("#token", "not the token at all")
    page.click("button[type=submit]")
    assert page.locator("[role=alert]").inner_text() == "토큰이 맞지 않습니다."
    assert faults(page) == []
    page.fill("#token", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=주차 요금 얼마야?")
    assert TOKEN not in page.url
    assert faults(page) == []
    assert page.evaluate("document.cookie") == ""
    page.click("text=장소 자료 다시 읽기")
    page.wait_for_selector("[role=status]")
    assert faults(page) == []
    page.click("text=English")
    page.wait_for_selector("h1:has-text('Desk')")
    assert narrowest(page) >= 64  # English on a phone: words, not letters below each other
    page.click("text=Delete all kept words now")
    page.wait_for_selector("h1:has-text('Desk')")
    assert page.locator("text=주차 요금 얼마야?").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.click("text=Sign out")
    page.wait_for_selector("#token")
    assert all(url.startswith(server.url) for url in page.asked)
    assert [c for c in page.complaints if "401" not in c] == []


def test_the_printed_way_fits_a_phone_and_a_sheet(server, page):
    page.goto(f"{server.url}/print?from=접수처&to=응급실&lang=ko")
    assert page.locator("ol li").count() >= 1
    assert page.locator("svg[role=img]").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert faults(page) == []
    assert page.complaints == []
    assert len(page.pdf(format="A4")) > 1000
    page.goto(f"{server.url}/print?from=접수처&to=없는곳&lang=ko")
    assert faults(page) == []
