from __future__ import annotations

from dataclasses import replace

import pytest

from giljabi.venue.graph import Graph, NoRoute, metres_between
from giljabi.venue.place import Link, Point, Venue


def test_measured_walkways_win_and_are_no_estimate(hospital: Venue) -> None:
    route = Graph(hospital).route("main-door", "internal")
    assert route.stops == ("main-door", "reception", "stairs", "internal")
    assert not route.estimated
    assert route.minutes == 2


def test_step_free_takes_the_lift(hospital: Venue) -> None:
    route = Graph(hospital).route("main-door", "internal", "step-free")
    assert "lift" in {leg.link.kind for leg in route.legs}
    assert all(leg.link.step_free for leg in route.legs)


def test_a_place_behind_stairs_has_no_step_free_way(hospital: Venue) -> None:
    with pytest.raises(NoRoute) as none:
        Graph(hospital).route("main-door", "chapel", "step-free")
    assert not none.value.unrecorded


def test_an_unrecorded_way_is_never_offered_as_step_free(hanyang: Venue) -> None:
    with pytest.raises(NoRoute) as none:
        Graph(hanyang).route("209", "206", "step-free")
    assert none.value.unrecorded


def test_every_campus_place_reaches_every_other(hanyang: Venue) -> None:
    graph = Graph(hanyang)
    campus = [p.id for p in hanyang.places if p.area == "campus"]
    for a in campus[::5]:
        for b in campus[::3]:
            if a != b:
                assert graph.route(a, b).estimated


def test_estimates_are_not_faster_than_the_straight_line(hanyang: Venue) -> None:
    graph = Graph(hanyang)
    placed = [p for p in hanyang.places if p.area == "campus" and p.point]
    for a in placed[::7]:
        for b in placed[::9]:
            if a.id != b.id and a.point and b.point:
                route = graph.route(a.id, b.id)
                assert route.minutes >= int(metres_between(a.point, b.point) / 90)


def test_no_link_no_route(hospital: Venue) -> None:
    bare = replace(
        hospital, links=(), places=tuple(replace(p, neighbours=()) for p in hospital.places)
    )
    with pytest.raises(NoRoute):
        Graph(bare).route("main-door", "cafe")


def test_the_quicker_of_two_links_is_taken(hospital: Venue) -> None:
    slow = Link("main-door", "reception", metres=900, step_free=True)
    route = Graph(replace(hospital, links=(slow, *hospital.links))).route("main-door", "reception")
    assert route.metres == 30


def test_distance_is_the_great_circle() -> None:
    assert metres_between(Point(37.0, 127.0), Point(37.0, 127.0)) == 0
    assert 110_900 < metres_between(Point(37.0, 127.0), Point(38.0, 127.0)) < 111_300
