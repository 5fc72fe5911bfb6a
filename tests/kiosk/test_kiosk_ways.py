"""Ways as they are drawn and told: between two places, without stairs, estimated or recorded."""

from __future__ import annotations

import httpx
from kiosk_page import ask


def steps(page):
    page.wait_for_selector(".result[aria-busy=false] .steps li")
    return page.locator(".steps li").all_inner_texts()


def test_a_way_between_two_places_is_drawn_with_its_numbered_steps(visit, hospital_kiosk):
    page = visit(hospital_kiosk)
    page.locator(".tiles").get_by_role("button", name="영상의학과").click()
    page.get_by_role("button", name="가는 길").click()
    steps(page)
    page.select_option("#way-from", "cafe")
    page.select_option("#way-to", "internal")
    page.locator(".steps li", has_text="바다카페").wait_for()
    told = steps(page)
    assert [t for t in told if "계단으로" in t]
    assert page.locator("#map path.way").count() == 1
    assert page.locator("#map path.way.guessed").count() == 0  # every link of it was measured
    numbers = page.locator("#map .mark.step b").all_inner_texts()
    assert numbers == [str(n + 1) for n in range(len(told))]
    assert page.locator("#map .mark.goal b").inner_text() == "내과"
    assert page.locator("#map .mark.here").count() == 1
    assert "약도" in page.locator("#legend").inner_text()


def test_the_switch_gives_the_way_without_stairs_and_tells_the_screen_reader(visit, hospital_kiosk):
    page = visit(hospital_kiosk, "/?from=cafe&to=internal&lang=en")
    assert any("stairs" in t for t in steps(page))
    switch = page.get_by_role("switch", name="Without stairs")
    assert switch.get_attribute("aria-checked") == "false"
    switch.click()
    page.locator(".steps li", has_text="Lift").first.wait_for()
    told = steps(page)
    assert not any("stairs" in t for t in told)
    assert any("take the lift" in t for t in told)
    assert switch.get_attribute("aria-checked") == "true"
    assert page.locator(".result").get_attribute("aria-live") == "polite"


def test_no_way_without_stairs_is_said_and_not_made_up(visit, hospital_kiosk):
    page = visit(hospital_kiosk, "/?to=chapel&step_free=true", errors=("404",))
    page.wait_for_selector(".result .refusal")
    assert "계단" in page.locator(".result .text").inner_text()
    assert page.locator("#map path.way").count() == 0


def test_an_estimated_line_looks_estimated_and_the_legend_says_so(visit, campus):
    page = visit(campus)
    turn = ask(page, "애지문에서 백남학술정보관까지 어떻게 가?")
    line = page.locator("#map path.way.guessed")
    assert line.count() == 1
    assert line.get_attribute("stroke-dasharray")
    assert "추정한 길" in page.locator("#legend").inner_text()
    turn.get_by_role("button", name="길 안내 보기").click()
    assert len(steps(page)) == 3
    assert "추정" in page.locator(".note").inner_text()
    assert page.locator(".summary").inner_text() == "걸어서 6분"


def test_the_map_needs_no_tiles(visit, campus):
    page = visit(campus)
    assert page.locator("#map img").count() == 0
    assert page.locator("#map path.ground").count() > 0
    assert page.locator("#map path.spot").count() == 88


def test_tiles_come_from_the_configured_server_only(visit, serve_kiosk):
    tiles = "/kiosk/icon.svg?{z}-{x}-{y}"  # this server's own picture will do
    server = serve_kiosk("--tiles", tiles, "--tiles-by", "© <b>us</b>")
    page = visit(server)
    page.wait_for_selector("#map img.leaflet-tile-loaded", state="attached")
    assert page.locator("#tiles-by").inner_text() == "© <b>us</b>"


def test_a_place_is_opened_by_touching_it_on_the_map(visit, hospital_kiosk):
    page = visit(hospital_kiosk)
    spot = page.locator("#map .label", has_text="약국").bounding_box()
    page.mouse.click(spot["x"] + spot["width"] / 2, spot["y"] - 8)
    assert page.locator("#panel h2").inner_text() == "약국"


def test_a_way_is_taken_along_where_the_server_knows_its_address(visit, hospital_kiosk):
    options = httpx.get(f"{hospital_kiosk.url}/v1/kiosk").json()["options"]
    assert (options["qr"], options["print"]) == (True, True)
    page = visit(hospital_kiosk, "/?from=cafe&to=pharmacy")
    steps(page)
    assert page.locator("#print").count() == 1
    with page.expect_response(lambda r: "/v1/qr" in r.url) as drawn:
        page.click("#take-along")
    assert drawn.value.status == 200
    page.wait_for_selector("#take-code")
    page.wait_for_timeout(300)
    assert page.locator("#take-code").evaluate("code => code.naturalWidth") > 0
