"""A visit: asked by text and by touch, in both languages, refused honestly, and forgotten."""

from __future__ import annotations

import re

import httpx
import pytest
from kiosk_page import ask, venue_of

TOKEN = "correct-horse-battery-staple"
BUSY = (
    "ERR_CONNECTION_REFUSED",
    "ERR_SOCKET_NOT_CONNECTED",
    "ERR_CONNECTION_RESET",
    "ERR_EMPTY_RESPONSE",
)


def test_a_korean_question_is_answered_with_what_it_is_based_on(visit, campus):
    page = visit(campus)
    turn = ask(page, "국제관 몇 층이야?")
    assert "6층" in turn.locator(".text").inner_text()
    turn.locator("summary").click()
    assert "무엇을 보고 답했나요?" in turn.locator("summary").inner_text()
    assert "campus.json 108" in turn.locator(".why").inner_text()
    assert "students recorded" in turn.locator(".why dd").inner_text()


def test_an_english_question_after_one_touch(visit, campus):
    page = visit(campus)
    page.click("#lang")
    assert page.locator("#panel h2").first.inner_text() == "What are you looking for?"
    assert page.evaluate("document.documentElement.lang") == "en"
    turn = ask(page, "Where is the Paiknam library?")
    assert "Paiknam" in turn.locator(".text").inner_text()
    assert turn.locator(".text").get_attribute("lang") in (None, "en")
    page.click("#lang")
    assert page.locator("#panel h2").first.inner_text() == "대화"


def test_a_follow_up_knows_what_was_spoken_of(visit, campus):
    page = visit(campus)
    ask(page, "백남학술정보관 어디야?")
    turn = ask(page, "거기는 몇 층이야?")
    assert "백남학술정보관" in turn.locator(".text").inner_text()


def test_sentences_come_one_by_one(visit, campus):
    page = visit(campus)
    turn = ask(page, "애지문에서 백남학술정보관까지 어떻게 가?")
    assert turn.locator(".text span").count() >= 3


@pytest.mark.parametrize(
    ("question", "label"),
    [
        ("서울대 중앙도서관 어디야?", "자료에 없는 곳이에요"),
        ("오늘 날씨 어때?", "안내할 수 없는 내용이에요"),
        ("국제관 와이파이 비밀번호 뭐야?", "자료에 없는 내용이에요"),
    ],
)
def test_a_refusal_is_told_as_one(visit, campus, question, label):
    turn = ask(visit(campus), question)
    assert turn.locator(".answer.refusal .label").inner_text() == label
    assert turn.locator(".text").inner_text()


def test_an_ambiguous_name_offers_the_places_to_touch(visit, campus):
    page = visit(campus)
    turn = ask(page, "공학관 어디야?")
    assert turn.locator(".answer.unsure .label").is_visible()
    turn.get_by_role("button", name="제1공학관").click()
    assert page.locator("#panel h2").inner_text() == "제1공학관"


def test_by_touch_from_a_kind_over_a_place_to_an_answer(visit, campus):
    page = visit(campus)
    page.locator(".chips").get_by_role("button", name="음식점").click()
    assert page.locator(".tiles button").count() == 36
    page.fill("#filter", "없는이름")
    assert page.locator(".tiles button").count() == 0
    page.get_by_role("button", name="뒤로").click()
    page.locator(".tiles").get_by_role("button", name="학생회관").click()
    page.get_by_role("button", name="무엇이 있나요?").click()
    page.wait_for_selector(".turn.over")
    assert "학생식당" in page.locator(".turn .text").inner_text()


def test_starting_over_forgets_here_and_on_the_server(visit, campus):
    page = visit(campus)
    ask(page, "국제관 몇 층이야?")
    with page.expect_response(lambda r: r.request.method == "DELETE") as told:
        page.click("#home")
    assert told.value.json()["wiped"] is True
    assert page.locator(".turn").count() == 0
    turn = ask(page, "거기는 몇 층이야?")
    assert "국제관" not in turn.locator(".text").inner_text()


def let_pass(page, seconds):
    """Let the page's clock run, in steps in which the server can still answer."""
    while seconds > 0:
        page.clock.run_for(1000 * min(4, seconds))
        page.evaluate("fetch('/healthz').then((reply) => reply.text())")
        seconds -= 4


def test_idle_warns_leaves_time_to_stay_and_then_wipes(visit, campus):
    page = visit(campus, clock=True)
    page.click("#lang")
    ask(page, "How many floors does International Hall have?")
    let_pass(page, 68)
    assert not page.locator("#idle").is_visible()
    let_pass(page, 4)
    assert page.locator("#idle").get_attribute("role") == "alertdialog"
    assert page.locator("#idle").is_visible()
    page.click("#stay")
    let_pass(page, 60)
    assert page.locator(".turn").count() == 1
    let_pass(page, 12)
    assert 0 < int(page.locator("#idle-seconds").inner_text()) <= 20
    with page.expect_request(lambda r: r.method == "DELETE"):
        let_pass(page, 21)
    page.wait_for_selector(".view.home")
    assert not page.locator("#idle").is_visible()
    assert (
        page.locator("#panel h2").first.inner_text() == "무엇을 찾으세요?"
    )  # the next visitor's language
    assert "지우고" in page.locator("#connection").inner_text()


def test_nothing_is_wiped_and_nobody_warned_where_nothing_was_asked(visit, campus):
    page = visit(campus, clock=True)
    let_pass(page, 200)
    assert not page.locator("#idle").is_visible()


def test_a_lost_server_is_told_and_its_return_too(visit, serve_kiosk):
    server = serve_kiosk()
    page = visit(server, errors=BUSY)
    ask(page, "국제관 몇 층이야?")
    server.stop()
    turn = ask(page, "거기 어떻게 가?")
    assert turn.locator(".label").inner_text() == "답을 가져오지 못했어요."
    assert "연결이 끊겼어요" in page.locator("#connection").inner_text()
    server.start()
    page.locator("#connection", has_text="다시 연결").wait_for()
    page.wait_for_selector("body:not(.lost)")
    turn.get_by_role("button", name="다시 묻기").click()
    page.locator(".turn.over").nth(2).wait_for()
    assert page.locator(".turn").nth(2).locator(".text").inner_text()


def test_a_page_that_is_up_before_its_server_waits_for_it(visit, campus):
    page = visit(campus, errors=BUSY)
    page.route(re.compile("/v1/kiosk$"), lambda route: route.abort("connectionrefused"))
    page.reload()
    page.wait_for_selector("body.starting #connection:not(:empty)")
    page.unroute(re.compile("/v1/kiosk$"))
    page.wait_for_selector("body:not(.starting) .view.home")


def test_a_visit_goes_on_when_the_venue_is_read_anew_under_it(
    visit, serve_kiosk, tmp_path, monkeypatch
):
    monkeypatch.setenv("GILJABI_ADMIN_TOKEN", TOKEN)
    door = {"id": "door", "name": {"ko": "정문", "en": "Door"}, "kind": {"ko": "문"}, "area": "campus",
            "point": {"lat": 37.555, "lon": 127.044}}  # fmt: skip
    desk = {**door, "id": "desk", "name": {"ko": "접수처", "en": "Desk"},
            "point": {"lat": 37.556, "lon": 127.044}}  # fmt: skip
    new = {**door, "id": "new", "name": {"ko": "신관", "en": "Annex"}, "neighbours": [],
           "inside": {"levels": [1]}, "point": {"lat": 37.557, "lon": 127.044}}  # fmt: skip
    folder = tmp_path / "growing"
    names = {"ko": "교정", "en": "Campus"}
    server = serve_kiosk("--admin", "--venue", venue_of(folder, [door, desk], **names))
    page = visit(server, errors=("404",), clock=True)
    ask(page, "접수처 어디야?")
    links = (
        "a,b,kind,metres,minutes,step_free,estimated,hint_ko,hint_en,source\n"
        "door,new,walk,200,3,yes,,,,survey\n"
    )
    venue_of(folder, [door, new], links, **names)
    told = httpx.post(f"{server.url}/admin/reload", headers={"Authorization": f"Bearer {TOKEN}"})
    assert told.status_code == 200, told.text
    turn = ask(page, "신관까지 어떻게 가?")
    assert "신관" in turn.locator(".text").inner_text()
    assert turn.locator(".why").count() == 1
    page.locator(".turn").nth(0).get_by_role(
        "button", name="가는 길"
    ).click()  # to a place that is gone
    page.wait_for_selector(".result[aria-busy=false] .label")
    page.click("#home")  # nobody is using it any more: it takes up the new venue
    page.clock.run_for(16_000)
    page.locator(".view.home", has_text="신관").wait_for()


def test_names_that_are_html_stay_text(visit, serve_kiosk, tmp_path):
    evil = '<img src=x onerror="window.hacked=1">'
    text = {"ko": f"{evil} 접수처", "en": f"{evil} <b>Desk</b>"}
    places = [
        {"id": "door", "name": {"ko": "정문", "en": "Door"}, "kind": text, "area": "campus"},
        {"id": "desk", "name": text, "kind": text, "area": "campus", "aliases": ["접수"],
         "features": [text], "details": {"hours": text}},
    ]  # fmt: skip
    links = (
        "a,b,kind,metres,minutes,step_free,estimated,hint_ko,hint_en,source\n"
        "door,desk,walk,30,,yes,,<i onclick=alert(1)>가세요</i>.,<i>Go</i>.,<u>us</u>\n"
    )
    page = visit(serve_kiosk("--venue", venue_of(tmp_path / "evil", places, links, **text)))
    for _ in ("ko", "en"):
        page.click("#lang")
        page.locator(".tiles button").first.click()
        assert evil in page.locator("#panel h2").inner_text()
        page.locator(".topics button").first.click()
        page.wait_for_selector(".steps li")
        assert page.locator(".steps i, .steps img").count() == 0
        page.click("#home")
    turn = ask(page, "접수 어디야? <script>window.hacked=2</script>")
    turn.locator("summary").click()
    assert "<script>" in turn.locator(".question").inner_text()
    assert page.evaluate("window.hacked") is None
    assert page.locator("main img, main script, main b b").count() == 0
