from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.graph import Graph, NoRoute, metres_between
from giljabi.venue.place import Link, LinkKind, Place, Point, Text, Venue


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


# ---------------------------------------------------------------- junctions


def _village(*links: Link) -> Venue:
    """gate - j1 - j2 - j3 - hall in a row, and a café beside j2."""
    text = Text("곳")
    row = {f"j{n}": Point(37.0, 127.0 + n * 0.00113) for n in range(1, 4)}
    places = tuple(Place(i, Text(i), text, "campus") for i in ("gate", "hall", "cafe"))
    ties = (
        Link("gate", "j1", metres=5, step_free=True, estimated=True, source="guess"),
        Link("hall", "j3", "door", metres=1, step_free=True, source="door"),
        Link("cafe", "j2", metres=9, step_free=True, estimated=True, source="guess"),
    )
    ways = links or (
        Link("j1", "j2", metres=100, step_free=True, source="way 1"),
        Link("j2", "j3", metres=100, step_free=True, source="way 2"),
    )
    return Venue("v", text, "gate", ("ko",), places, (*ties, *ways), junctions=row)


def test_a_way_over_junctions_is_told_between_places() -> None:
    route = Graph(_village()).route("gate", "hall")
    assert route.stops == ("gate", "cafe", "hall")
    first, second = (leg.link for leg in route.legs)
    assert (first.metres, first.estimated, first.source) == (105, True, "guess; way 1")
    assert (second.metres, second.estimated, second.source) == (101, False, "way 2; door")
    assert (route.metres, route.minutes, route.estimated) == (206, 4, True)
    assert route.line == tuple(_village().junctions.values())


def test_a_place_on_a_way_already_short_is_no_landmark() -> None:
    near = (
        Link("j1", "j2", metres=20, step_free=True),
        Link("j2", "j3", metres=20, step_free=True),
    )
    assert Graph(_village(*near)).route("gate", "hall").stops == ("gate", "hall")


@pytest.mark.parametrize(
    ("kind", "free", "told"),
    [
        ("stairs", False, ("stairs", False)),
        ("lift", True, ("lift", True)),
        ("ramp", None, ("ramp", None)),
        ("walk", True, ("walk", True)),
    ],
)
def test_a_merged_leg_says_the_worst_of_its_parts(
    kind: LinkKind, free: bool | None, told: tuple[str, bool | None]
) -> None:
    ways = (
        Link("j1", "j2", kind, metres=20, step_free=free),
        Link("j2", "j3", metres=20, step_free=True),
    )
    (leg,) = Graph(_village(*ways)).route("gate", "hall").legs
    assert (leg.link.kind, leg.link.step_free) == told


def test_each_profile_has_its_own_of_two_links_between_the_same_ends() -> None:
    graph = Graph(
        _village(
            Link("j1", "j2", metres=100, step_free=True),
            Link("j2", "j3", "stairs", metres=30, step_free=False),
            Link("j2", "j3", "ramp", metres=200, step_free=True),
        )
    )
    assert graph.route("gate", "hall").metres == 136
    level = graph.route("gate", "hall", "step-free")
    assert (level.metres, level.legs[-1].link.kind) == (306, "ramp")


def test_nobody_is_sent_through_a_place_that_hangs_by_doors() -> None:
    shortcut = (
        Link("j1", "cafe", "door", metres=1, step_free=True),
        Link("cafe", "j3", "door", metres=1, step_free=True),
        Link("j1", "j2", metres=100, step_free=True),
        Link("j2", "j3", metres=100, step_free=True),
    )
    graph = Graph(_village(*shortcut))
    assert graph.route("gate", "hall").metres == 206
    assert graph.route("cafe", "hall").metres == 2


def test_steps_on_every_way_are_not_the_same_as_nobody_knowing() -> None:
    unknown = (
        Link("j1", "j2", metres=9, step_free=None),
        Link("j2", "j3", metres=9, step_free=True),
    )
    steps = (Link("j1", "j2", "stairs", metres=9, step_free=False), unknown[1])
    for ways, unrecorded in ((unknown, True), (steps, False)):
        with pytest.raises(NoRoute) as none:
            Graph(_village(*ways)).route("gate", "hall", "step-free")
        assert none.value.unrecorded is unrecorded


def test_the_closest_places_are_found_among_thousands() -> None:
    text = Text("곳")
    points = [Point(37 + (n % 60) / 1500, 127 + (n // 60) / 1200) for n in range(3000)]
    places = tuple(Place(f"p{n}", text, text, "campus", point=p) for n, p in enumerate(points))
    graph = Graph(Venue("v", text, "p0", ("ko",), places))
    assert graph.route("p0", "p2999").estimated


def test_a_folder_with_junctions_reads_them_and_names_the_bad_line(
    tmp_path: Path, hospital: Venue
) -> None:
    copy = tmp_path / "venue"
    shutil.copytree(Path(__file__).parents[1] / "venues" / "hospital", copy)
    with (copy / "links.csv").open("a") as f:
        f.write("cafe,x1,walk,40,,yes,,,,survey\n")
    with pytest.raises(GiljabiError, match="x1 is not a place"):
        folder.load(copy)
    (copy / "junctions.csv").write_text("id,lat,lon\nx1,37.5,127.0\n")
    venue = folder.load(copy)
    assert venue.junctions == {"x1": Point(37.5, 127.0)}
    assert venue.hash != hospital.hash
    for line, said in (
        ("x1,37.5,127.1", r"line 3: the id x1 occurs twice"),
        ("x2,north,127", r"junctions\.csv, line 3, field lat: should be degrees"),
        ("x2,91,127", r"line 3, field lat: should be degrees .* found 91\.0"),
        ("x2", r"line 3, field lat: should be degrees"),
        ("cafe,37,127", r"junctions\.csv: cafe is already a place"),
    ):
        (copy / "junctions.csv").write_text(f"id,lat,lon\nx1,37.5,127.0\n{line}\n")
        with pytest.raises(GiljabiError, match=said):
            folder.load(copy)
