"""The operator's pages at a real server: who gets in, what is shown, and what each button does."""

from __future__ import annotations

import json
from dataclasses import replace

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from operated import TOKEN, operator_of, read_page, serving
from scripted import VENUE, Answer, ScriptedGuide

from giljabi.venue.place import Place, Text

BEARER = {"Authorization": f"Bearer {TOKEN}"}
NASTY = '</td><script>alert(1)</script>"><img src=x onerror=alert(2)>'


class Refusing(ScriptedGuide):
    """Refuses what it is told to, with a sentence of the model that did not pass."""

    def answer(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        if "학관" in question:
            return Answer("어느 곳?", "ambiguous", ("104", "105", "evil"), written_by="refusal")
        if "모르" in question:
            return Answer("모릅니다.", "not_in_data", (), written_by="refusal")
        dropped = ((f"{NASTY} 9층입니다.", "a number that the facts do not give here"),)
        return replace(super().answer(question, history), dropped=dropped)

    def stream(self, question, history=(), *, lang="auto", origin=None, cancel=None):
        yield self.answer(question, history)


@pytest.fixture
def evil_venue():
    evil = Place("evil", Text(NASTY, NASTY), Text("곳", "place"), "campus")
    return replace(VENUE, name=Text(NASTY, NASTY), places=(*VENUE.places, evil))


@pytest.fixture
def desk_server(start, evil_venue):
    return start(answers=Refusing(evil_venue), operator=operator_of(keep_days=7))


@pytest.fixture
def sign_in():
    """sign_in(server, token, header=…): a browser of its own, and what came of its signing in."""
    browsers = []

    def enter(server, token=TOKEN, **headers):
        browser = httpx.Client(base_url=server.url, headers={"Origin": server.url}, timeout=20)
        browsers.append(browser)
        return browser, browser.post("/admin/login", data={"token": token}, headers=headers)

    yield enter
    for browser in browsers:
        browser.close()


def test_without_admin_there_is_no_such_page(shared):
    for path in ("/admin", "/admin/figures", "/admin/unanswered.jsonl", "/metrics"):
        assert shared.http.get(path, headers=BEARER).status_code == 404
    assert shared.http.post("/admin/reload", headers=BEARER).status_code == 404
    assert "admin" not in shared.http.get("/openapi.json").text


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/admin"), ("GET", "/admin/figures"), ("GET", "/admin/unanswered.jsonl"),
     ("POST", "/admin/reload"), ("POST", "/admin/forget"), ("POST", "/admin/logout")],
)  # fmt: skip
def test_every_route_asks_for_the_token(desk_server, method, path):
    http = desk_server.http
    for headers in ({}, {"Cookie": "giljabi_admin="}, {"Cookie": f"giljabi_admin={TOKEN}"}):
        reply = http.request(method, path, headers=headers)
        assert reply.status_code == 401, (path, headers)
        assert "figures" not in reply.text
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", f"bearer {TOKEN}x", "Bearer", ""):
        reply = httpx.request(method, f"{desk_server.url}{path}", headers={"Authorization": wrong})
        assert reply.status_code in (401, 429)
        assert set(reply.json()) == {"error"}
    address = httpx.request(method, f"{desk_server.url}{path}?token={TOKEN}&admin={TOKEN}")
    assert address.status_code == 401


def test_a_browser_signs_in_and_gets_a_cookie_no_script_and_no_other_site_can_use(
    desk_server, sign_in
):
    browser, reply = sign_in(desk_server)
    assert (reply.status_code, reply.headers["location"]) == (303, "/admin")
    cookie = reply.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/admin"} <= set(cookie.split("; "))
    assert TOKEN not in cookie
    page = browser.get("/admin")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert TOKEN not in page.text
    assert browser.post("/admin/logout").status_code == 303
    assert browser.get("/admin").status_code == 401
    old = cookie.partition(";")[0]
    assert httpx.get(f"{desk_server.url}/admin", headers={"Cookie": old}).status_code == 401


def test_wrong_tokens_are_few_and_then_wait(desk_server, sign_in):
    codes = [sign_in(desk_server, "wrong")[1].status_code for _ in range(7)]
    assert codes == [401] * 5 + [429] * 2
    late = sign_in(desk_server)[1]
    assert late.status_code == 429
    assert 0 < int(late.headers["retry-after"]) <= 61


def test_who_is_signed_in_is_not_locked_out_by_others_guesses(desk_server, sign_in):
    browser, _ = sign_in(desk_server)
    for _ in range(6):
        sign_in(desk_server, "wrong")
    assert browser.get("/admin").status_code == 200


def test_a_page_that_may_ask_the_guide_may_not_act_for_the_operator(start, sign_in):
    kiosk = "http://127.0.0.1:9"
    server = start(operator=operator_of(), origins=(kiosk,))
    browser, _ = sign_in(server)
    for path in ("/admin/reload", "/admin/forget", "/admin/logout"):
        assert browser.post(path, headers={"Origin": kiosk}).status_code == 401
        browser.headers.pop("Origin", None)
        assert browser.post(path).status_code == 401
    assert sign_in(server, Origin=kiosk)[1].status_code == 403
    assert sign_in(server, Origin="http://evil.example")[1].status_code == 403
    assert browser.get("/admin", headers={"Origin": kiosk}).headers.get(
        "access-control-allow-credentials"
    ) is None  # fmt: skip


def test_forms_are_small_and_are_forms(desk_server):
    http = desk_server.http
    big = http.post("/admin/login", data={"token": "x" * 2000})
    assert big.status_code == 413
    assert http.post("/admin/login", json={"token": TOKEN}).status_code == 415
    assert http.post("/answer", data={"prompt": "하나"}).status_code == 415


@given(st.binary(max_size=200) | st.lists(st.sampled_from(["token=", "&", "=", "%", ";", TOKEN])).map(
    lambda parts: "".join(parts).encode()))  # fmt: skip
def test_whatever_a_form_holds_is_a_token_or_none(form):
    from giljabi.serve.desk_routes import _token_in

    token = _token_in(form)
    assert token == token.strip()
    assert _token_in(b"token=" + TOKEN.encode()) == TOKEN
    assert _token_in(b"a=1&" * 9 + b"token=" + TOKEN.encode()) == ""


def test_the_page_shows_what_went_wrong_and_html_in_it_is_text(desk_server):
    for question in ("모르는 것", NASTY + "모르", "학관 어디?", "하나"):
        assert desk_server.ask(question).status_code == 200
    page = desk_server.http.get("/admin?lang=ko", headers=BEARER)
    tags, texts = read_page(page.text)
    assert not {"script", "img", "iframe", "link"} & set(tags)
    for said in ("모르는 것", f"{NASTY}모르", f"애지문 (Aejimun) · 백남학술정보관(도서관) (Paiknam Library) · {NASTY} ({NASTY})",
                 f"{NASTY} 9층입니다.", "a number that the facts do not give here", "자료에 없음"):  # fmt: skip
        assert said in texts, said
    assert "운영" in texts[0]
    assert "Desk" in read_page(desk_server.http.get("/admin?lang=en", headers=BEARER).text)[1][0]


def test_a_browser_is_spoken_to_in_its_language(desk_server):
    for header, title in (("ko-KR,ko;q=0.9", "운영자 로그인"), ("de,en", "Operator sign-in")):
        page = desk_server.http.get("/admin", headers={"Accept-Language": header})
        assert title in read_page(page.text)[1]


def test_the_figures_as_json(desk_server):
    desk_server.ask("모르는 것")
    desk_server.http.get("/v1/route", params={"from": "애지문", "to": "없는곳"})
    told = desk_server.http.get("/admin/figures", headers=BEARER).json()
    assert [counts for _, counts in told["hours"]] == [{"not_in_data": 1}]
    assert told["routes"] == {"no_such_place": 1}
    assert told["health"]["venue_hash"] == "abc"
    assert told["health"]["model"] == "toy-model"
    assert told["health"]["memory_bytes"] > 1 << 20
    assert told["keep_days"] == 7


def test_the_export_is_json_lines_that_data_build_reads(desk_server, tmp_path):
    from giljabi.build import asked

    for question in ("모르는 것", "모르는 것", f"모르\n{NASTY}"):
        desk_server.ask(question)
    reply = desk_server.http.get("/admin/unanswered.jsonl", headers=BEARER)
    rows = [json.loads(line) for line in reply.text.splitlines()]
    assert [(r["question"], r["times"]) for r in rows] == [("모르는 것", 2), (f"모르 {NASTY}", 1)]
    assert {key for row in rows for key in row} == {"question", "lang", "outcome", "times", "day"}
    assert "attachment" in reply.headers["content-disposition"]
    file = tmp_path / "unanswered.jsonl"
    file.write_bytes(reply.content)
    assert asked.read(file) == ("모르는 것", f"모르 {NASTY}")


def test_where_words_are_not_kept_there_is_nothing_to_export_and_the_page_says_how(start):
    server = start(answers=Refusing(), operator=operator_of())
    server.ask("모르는 비밀")
    reply = server.http.get("/admin/unanswered.jsonl", headers=BEARER)
    assert reply.status_code == 404
    assert "--keep-unanswered" in reply.json()["error"]["message"]
    page = server.http.get("/admin?lang=en", headers=BEARER).text
    assert "--keep-unanswered" in page
    assert "비밀" not in page


def test_words_are_forgotten_at_the_press_of_a_button(desk_server, sign_in):
    desk_server.ask("모르는 것")
    browser, _ = sign_in(desk_server)
    assert browser.post("/admin/forget").status_code == 303
    assert desk_server.http.get("/admin/unanswered.jsonl", headers=BEARER).text == ""
    desk_server.ask("모르는 것")
    assert desk_server.http.post("/admin/forget", headers=BEARER).json() == {"deleted": 1}


def test_a_broken_record_costs_the_page_and_no_answer(start, tmp_path):
    operator = operator_of(keep_days=7, url=f"sqlite:///{tmp_path / 'd.db'}")
    server = start(operator=operator)
    with operator.desk._database.begin() as connection:
        connection.exec_driver_sql("DROP TABLE desk_counts")
    assert server.ask("하나").status_code == 200
    reply = server.http.get("/admin", headers=BEARER)
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "desk_unavailable"


def test_what_was_noted_is_written_when_the_server_stops(tmp_path):
    url = f"sqlite:///{tmp_path / 'd.db'}"
    with serving("--model", "none", "--desk", url, "--keep-unanswered", "3") as (process, base):
        asked = httpx.post(f"{base}/answer", json={"prompt": "박물관 전화번호 알려줘"}, timeout=20)
        assert asked.json()["outcome"] == "not_in_data"
        process.terminate()
        process.wait(20)
    from giljabi.serve.desk import Desk

    desk = Desk(url, keep_days=3)
    assert [u.question for u in desk.unanswered()] == ["박물관 전화번호 알려줘"]
    desk.close()


def test_the_token_is_never_written_anywhere(tmp_path):
    """A real process at its most talkative, its memory and its log searched for the token."""
    store = tmp_path / "store"
    store.mkdir()
    memory = f"sqlite:///{store / 'm.db'}"
    with serving("--model", "none", "--memory", memory, "--metrics", debug=True) as (process, base):
        with httpx.Client(base_url=base, headers={"Origin": base}, timeout=20) as http:
            assert http.get("/admin/figures", headers=BEARER).status_code == 200
            assert http.get("/metrics", headers=BEARER).status_code == 200
            assert http.get(f"/admin?token={TOKEN}").status_code == 401
            assert http.get(f"/{TOKEN}").status_code == 404
            assert http.post("/admin/login", data={"token": TOKEN}).status_code == 303
            assert http.post("/admin/login", data={"token": f"x{TOKEN}"}).status_code == 401
            assert http.post("/admin/login", json={"token": TOKEN}).status_code == 415
            assert http.get("/admin").status_code == 200
            assert http.post("/admin/reload").status_code == 303
            page = http.get("/admin").text
        process.terminate()
        out, err = process.communicate(timeout=20)
    assert "GET /admin/figures 200" in err  # it did talk
    assert "a wrong admin token from 127.0.0.1" in err
    assert TOKEN not in out + err + page
    assert TOKEN.encode() not in b"".join(p.read_bytes() for p in store.iterdir())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--admin",), "GILJABI_ADMIN_TOKEN"),
        (("--keep-unanswered", "3"), "--admin"),
        (("--admin-token-file", "x"), "--admin"),
        (("--desk", "sqlite://"), "--admin"),
        (("--admin", "--chat"), "--chat"),
        (("--admin", "--admin-token-file", "no-such-file"), "no-such-file"),
        (("--public-url", "here"), "public URL"),
    ],
)
def test_options_that_make_no_sense_are_one_sentence(options, said, monkeypatch, tmp_path):
    from click.testing import CliRunner

    from giljabi.cli import main

    monkeypatch.delenv("GILJABI_ADMIN_TOKEN", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    result = CliRunner().invoke(main, ["serve", "--model", "none", *options])
    assert result.exit_code == 2
    assert said in result.output
    assert "Traceback" not in result.output
