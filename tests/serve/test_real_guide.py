"""The shipped venue behind a real server: no model, so every sentence is a template's."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import openai
import pytest

from giljabi.answer.guide import Guide
from giljabi.serve.subject import Answerer
from giljabi.venue import folder

VENUE = Path(__file__).parents[2] / "venues" / "hanyang"
LIBRARY = "501"


@pytest.fixture(scope="module")
def guide():
    return Guide(folder.load(VENUE))


@pytest.fixture
def server(start, guide):
    return start(answers=guide)


def test_a_guide_is_what_the_server_expects(guide):
    assert isinstance(guide, Answerer)


@pytest.mark.parametrize(
    ("question", "outcome"),
    [
        ("백남학술정보관 어디야?", "found"),
        ("애지문에서 백남학술정보관까지 어떻게 가?", "found"),
        ("How do I get to the Paiknam library?", "found"),
        ("안녕하세요", "greeting"),
        ("서울대 중앙도서관 어디야?", "no_such_place"),
        ("오늘 날씨 어때?", "outside"),
        ("ㅁㄴㅇㄹ", None),
        ("🙂", None),
        ("가" * 1000, None),
    ],
)
def test_answers_of_every_kind_fit_their_documented_shape(server, question, outcome):
    reply = server.ask(question)
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert body["result"]
    assert body["verdict"]["ok"] is True
    assert outcome in (None, body["outcome"])
    assert "dropped" not in body


def test_a_stream_joined_is_the_whole_answer(server):
    messages = [{"role": "user", "content": "애지문에서 백남학술정보관까지 어떻게 가?"}]
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        whole = client.chat.completions.create(model="giljabi", messages=messages)
        stream = client.chat.completions.create(model="giljabi", messages=messages, stream=True)
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream]
    assert len([p for p in pieces if p]) > 1
    assert "".join(pieces) == whole.choices[0].message.content


def test_a_follow_up_knows_what_was_spoken_of(server):
    first = server.ask("백남학술정보관 어디야?").json()
    second = server.ask("거기는 몇 층이야?", conversation=first["conversation"]).json()
    assert second["places"] == [LIBRARY]


def test_every_place_is_listed_and_fits_its_shape(server, guide):
    listed = server.http.get("/v1/places", params={"limit": 1000}).json()
    assert listed["total"] == len(listed["places"]) == len(guide.venue.places)
    assert server.http.get(f"/v1/places/{LIBRARY}").json()["id"] == LIBRARY


def test_a_way_is_drawn(server):
    way = server.http.get("/v1/route", params={"from": "애지문", "to": "백남학술정보관"}).json()
    feature = way["features"][0]
    assert feature["properties"]["minutes"] == 6
    assert len(feature["geometry"]["coordinates"]) >= 2
    for lon, lat in feature["geometry"]["coordinates"]:
        assert 126.9 < lon < 127.2
        assert 37.4 < lat < 37.7
    no = server.http.get("/v1/route", params={"from": "애지문", "to": "버킹엄 궁전"})
    assert no.status_code == 404
    assert no.json()["outcome"] in ("no_such_place", "ambiguous")


def test_nobody_gets_another_visitors_answer(start, guide):
    server = start(answers=guide, workers=4)
    places = [p for p in guide.venue.places if p.code][:16]

    def visit(place):
        for _ in range(2):
            body = server.ask(f"{place.code}번 건물 어디야?", conversation=f"p{place.id}").json()
            assert body["outcome"] == "found"
            assert body["places"][0] == place.id
        return len(server.memory.history(f"p{place.id}"))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(visit, places)) == [2] * len(places)
