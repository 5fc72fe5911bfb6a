from __future__ import annotations

import pytest


@pytest.fixture
def server(shared):
    shared.guide.started = 0
    return shared


def get(server, path, **query):
    return server.http.get(path, params=query)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["104", "105"]),
        ({"q": "중도"}, ["105"]),
        ({"q": "백남 학술"}, ["105"]),
        ({"q": "LIBRARY"}, ["105"]),
        ({"q": "203"}, ["105"]),
        ({"q": "없는곳"}, []),
        ({"kind": "도서관"}, ["105"]),
        ({"kind": "Gate"}, ["104"]),
        ({"kind": "gate", "q": "도서관"}, []),
        ({"limit": 1}, ["104"]),
    ],
)
def test_places_are_found_by_name_alias_number_and_kind(server, query, ids):
    found = get(server, "/v1/places", **query).json()
    assert [place["id"] for place in found["places"]] == ids
    assert found["total"] == (2 if query == {"limit": 1} else len(ids))


def test_an_exact_name_comes_before_a_longer_one(server):
    found = get(server, "/v1/places", q="도서관").json()
    assert found["places"][0]["id"] == "105"


def test_a_place_is_given_out_in_full(server):
    place = get(server, "/v1/places/105").json()
    assert place["name"] == {"ko": "백남학술정보관(도서관)", "en": "Paiknam Library"}
    assert place["inside"] == {"host": None, "levels": [-1, 2]}
    assert place["transit"]["walk_minutes"] == 3
    assert get(server, "/v1/places/104").json()["point"] == {"lat": 37.5, "lon": 127.0}


def test_an_unknown_place_is_a_404(server):
    reply = get(server, "/v1/places/999")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "no_such_place")


def test_a_way_is_geojson(server):
    way = get(server, "/v1/route", **{"from": "애지문", "to": "도서관"}).json()
    assert way == {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": {"type": "LineString", "coordinates": [[127.0, 37.5], [127.1, 37.6]]},
                "properties": {
                    "text": "애지문에서 도서관까지 7분입니다.", "minutes": 7.0, "estimated": True,
                    "guessed": [], "stops": [], "steps": [],
                },
            }
        ],
    }  # fmt: skip


def test_a_way_without_coordinates_has_no_geometry(server):
    way = get(server, "/v1/route", **{"from": "a", "to": "b", "step_free": "true"}).json()
    assert way["features"][0]["geometry"] is None


def test_no_way_says_which_kind_of_no(server):
    reply = get(server, "/v1/route", **{"from": "a", "to": "없는곳"})
    assert reply.status_code == 404
    assert reply.json() == {
        "error": {
            "message": "그런 곳은 없습니다.",
            "type": "invalid_request_error",
            "code": "no_such_place",
        },
        "outcome": "no_such_place",
        "places": [],
    }


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/v1/places", {"limit": 0}), ("/v1/places", {"limit": "x"}),
        ("/v1/places", {"q": "a" * 201}), ("/v1/route", {"from": "a"}),
        ("/v1/route", {"from": "", "to": "b"}),
        ("/v1/route", {"from": "a", "to": "b", "step_free": "perhaps"}),
    ],
)  # fmt: skip
def test_bad_parameters_are_a_400(server, path, query):
    assert get(server, path, **query).status_code == 400
