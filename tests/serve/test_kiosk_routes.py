"""The page's files, what it is told of a venue, and answers as events; without a browser."""

from __future__ import annotations

import json
import time

import pytest
from scripted import ScriptedGuide, ScriptedTalk

from giljabi.errors import GiljabiError
from giljabi.serve.kiosk_routes import KioskRoutes
from giljabi.serve.options import KioskOptions

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVENTS = {"accept": "text/event-stream"}


@pytest.fixture
def server(shared):
    return shared


def test_a_browser_gets_the_page_and_a_program_the_greeting(server):
    page = server.http.get("/", headers=BROWSER)
    assert page.headers["content-type"].startswith("text/html")
    assert page.text.startswith("<!doctype html>")
    for accept in ("application/json", "*/*"):
        assert "message" in server.http.get("/", headers={"accept": accept}).json()


def test_without_the_page_and_in_plain_chat_there_is_only_the_greeting(start):
    for without in (start(kiosk=None), start(answers=ScriptedTalk())):
        assert "message" in without.http.get("/", headers=BROWSER).json()
        assert without.http.get("/kiosk/js/app.js").status_code == 404
        assert without.http.get("/v1/kiosk").status_code == 404


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("js/app.js", "text/javascript"), ("css/base.css", "text/css"), ("icon.svg", "image/svg+xml"),
        ("vendor/leaflet/leaflet.js", "text/javascript"), ("vendor/leaflet/LICENSE.txt", "text/plain"),
    ],
)  # fmt: skip
def test_files_have_their_type_and_are_asked_about_again(server, path, kind):
    first = server.http.get(f"/kiosk/{path}")
    assert first.headers["content-type"].split(";")[0] == kind
    assert first.headers["cache-control"] == "no-cache"
    assert first.headers["x-content-type-options"] == "nosniff"
    again = server.http.get(f"/kiosk/{path}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["../api.py", "%2e%2e/api.py", "js/../../api.py", "js", "", "js/types.d.ts", "none.js"]
)
def test_nothing_but_the_pages_files_is_given_out(server, path):
    assert server.http.get(f"/kiosk/{path}").status_code == 404


def test_the_policy_allows_nothing_inline_and_nothing_from_elsewhere(server):
    headers = server.http.get("/", headers=BROWSER).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert headers["referrer-policy"] == "no-referrer"
    assert "microphone=(self)" in headers["permissions-policy"]


def test_only_the_origin_of_configured_tiles_is_added(start):
    tiles = "http://tiles.example:8080/{z}/{x}/{y}.png"
    server = start(kiosk=KioskOptions(tiles=tiles, attribution="them"))
    policy = server.http.get("/", headers=BROWSER).headers["content-security-policy"]
    assert "img-src 'self' data: http://tiles.example:8080;" in policy
    assert server.http.get("/v1/kiosk").json()["options"]["tiles"] == {
        "url": tiles, "attribution": "them",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"idle_s": 20}, {"idle_s": -1}, {"tiles": "http://host/{z}/{x}.png"}, {"tiles": "ftp://h/{z}{x}{y}"},
        {"tiles": "//h/{z}{x}{y}"}, {"tiles": "http://h/{z}/{x}/{y}; script-src *"},
    ],
)  # fmt: skip
def test_options_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(GiljabiError):
        KioskOptions(**wrong)


def test_the_page_is_told_what_it_needs_of_the_venue(server):
    kiosk = server.http.get("/v1/kiosk").json()
    assert kiosk["name"] == {"ko": "장난감 캠퍼스", "en": "Toy Campus"}
    assert (kiosk["here"], kiosk["languages"]) == ("104", ["ko", "en"])
    library = next(p for p in kiosk["places"] if p["id"] == "105")
    assert library["name"]["ko"] == "백남학술정보관"
    assert library["topics"] == ["route", "where", "floors", "features", "nearby", "hours"]
    assert [c["name"]["en"] for c in kiosk["categories"]] == ["gate", "library"]
    assert kiosk["map"]["points"] == {"104": [127.0, 37.5]}
    options = kiosk["options"]
    assert (options["idle_s"], options["voice"], options["tiles"]) == (90, False, None)


def test_frequent_places_are_the_ones_that_were_named():
    routes = KioskRoutes(ScriptedGuide(), KioskOptions(frequent=("애지문",)), has_voice=False)
    assert routes._told().frequent == ["104"]


def test_a_venue_without_coordinates_is_drawn_storey_by_storey(hospital):
    from giljabi.serve.kiosk_shapes import drawing

    drawn = drawing(hospital)
    assert drawn.schematic
    assert [s.level for s in drawn.storeys] == [1, 2, 3]
    at = drawn.points
    assert len(set(at.values())) == len(at) == len(hospital.places)
    assert at["main-door"][0] < at["reception"][0] < at["cafe"][0]
    assert at["stairs"][0] == at["internal"][0]  # what a stair joins stands one over the other
    assert at["internal"][1] > at["stairs"][1]
    assert sum(len(ways.lines) for ways in drawn.ways) == len(hospital.links)


def test_a_map_with_coordinates_is_no_sketch_and_says_what_is_estimated(hanyang):
    from giljabi.serve.kiosk_shapes import drawing

    drawn = drawing(hanyang)
    assert not drawn.schematic
    assert drawn.storeys == []
    assert {ways.estimated for ways in drawn.ways} == {True}


def events(reply):
    out = []
    for block in reply.text.split("\n\n")[:-1]:
        name, data = block.split("\n")
        out.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
    return out


def test_an_answer_streams_sentence_by_sentence_and_then_whole(server):
    body = {"prompt": "하나", "conversation": "streamed"}
    reply = server.http.post("/answer", json=body, headers=EVENTS)
    assert reply.headers["content-type"].startswith("text/event-stream")
    told = events(reply)
    assert [name for name, _ in told] == ["sentence", "sentence", "answer"]
    answer = told[-1][1]
    assert "".join(data["text"] for name, data in told if name == "sentence") == answer["result"]
    assert answer["conversation"] == "streamed"
    assert answer == server.ask("하나", conversation="other").json() | {"conversation": "streamed"}
    assert [t.question for t in server.memory.history("streamed")] == ["하나"]


def test_a_stream_that_fails_ends_with_an_error_and_is_not_remembered(server):
    body = {"prompt": "도중", "conversation": "broken"}
    told = events(server.http.post("/answer", json=body, headers=EVENTS))
    assert [name for name, _ in told] == ["sentence", "error"]
    assert told[-1][1]["error"]["code"] == "internal_error"
    assert server.memory.history("broken") == ()


def test_a_refusal_before_the_first_sentence_is_an_ordinary_error(server):
    reply = server.http.post("/answer", json={"prompt": "거절"}, headers=EVENTS)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"]


def test_ways_are_asked_by_id_in_the_language_of_the_page(hospital_guide, start):
    server = start(answers=hospital_guide)
    query = {"from": "cafe", "to": "internal", "lang": "en", "step_free": "true"}
    way = server.http.get("/v1/route", params=query).json()["features"][0]["properties"]
    assert way["stops"][0] == "cafe"
    assert way["stops"][-1] == "internal"
    assert [step["place"] for step in way["steps"]] == way["stops"][:-1]
    assert way["steps"][0]["text"].startswith("From Sea Cafe")


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_the_spoken_conversation_is_the_written_one(start, guide):
    pytest.importorskip("soxr", reason="needs the extra voice")
    pytest.importorskip("websockets", reason="needs the extra voice")
    from live import live
    from scripted_voice import scripted_voice

    server = start(answers=guide, voice=scripted_voice())
    first, second = "백남학술정보관 어디야?", "거기는 몇 층이야?"
    server.ask(first, conversation="both")
    with live(server, check=False, raw=1, conversation="both") as talk:
        talk.write(second)
        told = talk.until("response.done")
        answer = next(e for e in told if getattr(e, "type", "") == "giljabi.answer").answer
        assert answer["places"] == ["501"]  # what was written before is known to the voice
        assert answer["facts"][0]["source"]
        assert "dropped" not in answer
        until_kept(server, [first, second])
        assert server.http.delete("/conversations/both").json()["wiped"] is True
        while talk.next() is not None:  # the socket closes, or this waits in vain
            pass
    assert server.memory.history("both") == ()


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_an_id_that_is_none_is_refused_at_the_door(start):
    pytest.importorskip("soxr", reason="needs the extra voice")
    sync = pytest.importorskip("websockets.sync.client", reason="needs the extra voice")
    from scripted_voice import scripted_voice
    from websockets.exceptions import InvalidStatus

    server = start(voice=scripted_voice())
    url = server.url.replace("http", "ws") + "/v1/realtime?conversation=a%20b"
    with pytest.raises(InvalidStatus, match="400"), sync.connect(url):
        pass


def until_kept(server, questions, seconds=5.0):
    end = time.monotonic() + seconds
    while [t.question for t in server.memory.history("both")] != questions:
        assert time.monotonic() < end, "not kept"
        time.sleep(0.02)
