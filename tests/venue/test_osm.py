from __future__ import annotations

import bz2
import gzip
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.graph import Graph, NoRoute, metres_between
from giljabi.venue.imported import Imported, centre_place, write_venue
from giljabi.venue.osm import read_osm
from giljabi.venue.place import Link, Place, Point, Text, Venue

pytest.importorskip("osmium", reason="the extra 'osm' is not installed")

OSM = Path(__file__).parents[2].parent / "shared" / "osm"
EXTRACTS = [
    "West-Oakland.osm.bz2", "gh_andorra.osm.pbf", "gh_bautzen.osm", "gh_berlin-siegessaeule.osm.gz",
    "gh_krautsand.osm.gz", "gh_map-sidewalk-no.osm.gz", "gh_monaco.osm.gz",
    "planet_10.068,48.135_10.071,48.137.osm",
]  # fmt: skip
Write = Callable[..., Path]

# A street of four nodes, a hundred metres apart from west to east; 1 m is about 0.0000113 degrees.
STREET = {1: (37.0, 127.0), 2: (37.0, 127.00113), 3: (37.0, 127.00226), 4: (37.0, 127.00339)}
CAFE = {"name": "달빛카페", "amenity": "cafe"}
BANK = {"name": "한빛은행", "amenity": "bank"}


@pytest.fixture
def extract(tmp_path: Path) -> Write:
    """Write a small .osm: nodes {id: (lat, lon) or (lat, lon, tags)}, ways {id: (refs, tags)}."""

    def write(
        nodes: dict[int, tuple], ways: dict[int, tuple[list[int], dict[str, str]]], more: str = ""
    ) -> Path:
        def tagged(tags: dict[str, str]) -> str:
            return "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items())

        lines = ["<?xml version='1.0' encoding='UTF-8'?>", '<osm version="0.6">']
        for i, (lat, lon, *tags) in nodes.items():
            lines.append(f'<node id="{i}" lat="{lat}" lon="{lon}">{tagged(*tags or [{}])}</node>')
        for i, (refs, tags) in ways.items():
            nds = "".join(f'<nd ref="{r}"/>' for r in refs)
            lines.append(f'<way id="{i}">{nds}{tagged(tags)}</way>')
        path = tmp_path / "small.osm"
        path.write_text("\n".join([*lines, more, "</osm>"]), "utf-8")
        return path

    return write


def _venue(path: Path, into: Path) -> Venue:
    write_venue(read_osm(path), into, name="작은 동네", venue_id="small")
    return folder.load(into)


def _street(
    extract: Write, way: dict[str, str], nodes: dict[int, tuple] | None = None, **more: object
) -> Path:
    """The café at the west end and the bank at the east end of one way."""
    ends = {10: (37.00001, 127.0, CAFE), 11: (37.00001, 127.00339, BANK)}
    return extract({**STREET, **ends, **(nodes or {})}, {100: ([1, 2, 3, 4], way)}, **more)


# ---------------------------------------------------------------- the real extracts


@pytest.mark.parametrize("name", EXTRACTS)
def test_a_real_extract_becomes_a_venue_that_routes(name: str, tmp_path: Path) -> None:
    if not (OSM / name).is_file():
        pytest.skip("../shared/osm is not here")
    venue = _venue(OSM / name, tmp_path / "venue")
    graph = Graph(venue)
    assert len(venue.places) >= 2
    found = free = 0
    for goal in venue.places[:60]:
        try:
            short = graph.route(venue.origin, goal.id)
        except NoRoute:
            continue
        found += goal.id != venue.origin
        assert len(short.legs) <= 14
        try:
            level = graph.route(venue.origin, goal.id, "step-free")
        except NoRoute:
            continue
        free += goal.id != venue.origin
        assert short.minutes <= level.minutes
        assert all(leg.link.step_free for leg in level.legs)
        assert not {leg.link.kind for leg in level.legs} & {"stairs", "escalator"}
    assert found
    assert free


@pytest.mark.parametrize("name", EXTRACTS)
def test_every_imported_field_names_the_element_it_came_from(name: str) -> None:
    if not (OSM / name).is_file():
        pytest.skip("../shared/osm is not here")
    imported = read_osm(OSM / name)
    for record in imported.places:
        fields = {k for k in record if k not in ("id", "area", "sources", "details")}
        fields |= {f"details.{d}" for d in record.get("details", ())}
        assert fields <= record["sources"].keys()
        word = {"n": "node", "w": "way", "r": "relation"}[record["id"][0]]
        assert set(record["sources"].values()) == {f"{name} {word} {record['id'][1:]}"}
    assert "ODbL" in imported.sources[name]


def test_the_same_extract_gives_the_same_bytes(tmp_path: Path) -> None:
    if not OSM.is_dir():
        pytest.skip("../shared/osm is not here")
    one = _venue(OSM / "gh_monaco.osm.gz", tmp_path / "one")
    two = _venue(OSM / "gh_monaco.osm.gz", tmp_path / "two")
    assert one.hash == two.hash
    assert sorted(p.name for p in (tmp_path / "one").iterdir()) == [
        "junctions.csv", "links.csv", "places.json", "venue.toml",
    ]  # fmt: skip


def test_steps_in_monaco_are_walked_around_by_a_wheelchair(tmp_path: Path) -> None:
    if not OSM.is_dir():
        pytest.skip("../shared/osm is not here")
    venue = _venue(OSM / "gh_monaco.osm.gz", tmp_path / "venue")
    graph, around = Graph(venue), 0
    for goal in venue.places[::4]:
        try:
            short = graph.route(venue.origin, goal.id)
            level = graph.route(venue.origin, goal.id, "step-free")
        except NoRoute:
            continue
        stairs = any(leg.link.kind == "stairs" for leg in short.legs)
        around += stairs and level.metres is not None and level.metres > (short.metres or 0)
    assert around > 3


# ---------------------------------------------------------------- what tags mean


def test_a_way_is_measured_along_its_line_and_cut_only_where_something_meets(
    extract: Write,
) -> None:
    imported = read_osm(_street(extract, {"highway": "footway"}))
    (walk,) = [x for x in imported.links if not x.estimated and x.kind == "walk" and x.metres > 5]
    assert (walk.a, walk.b) == ("j1", "j4")
    assert walk.metres == pytest.approx(301, abs=1)
    assert sorted(imported.junctions) == ["j1", "j4"]
    assert walk.source == "small.osm way 100"


def test_ways_that_share_a_node_meet_there(extract: Write) -> None:
    nodes = {**STREET, 5: (37.001, 127.00113), 10: (37.001, 127.00113, CAFE), 11: (37, 127, BANK)}
    ways = {100: ([1, 2, 3], {"highway": "service"}), 101: ([2, 5], {"highway": "path"})}
    imported = read_osm(extract(nodes, ways))
    assert {("j1", "j2"), ("j2", "j3"), ("j2", "j5")} <= {(x.a, x.b) for x in imported.links}


@pytest.mark.parametrize(
    ("tags", "kinds"),
    [
        ({"highway": "footway"}, {("walk", True)}),
        ({"highway": "footway", "wheelchair": "no"}, {("walk", False)}),
        ({"highway": "footway", "wheelchair": "limited"}, {("walk", None)}),
        ({"highway": "path", "sac_scale": "mountain_hiking"}, {("walk", None)}),
        ({"highway": "path", "sac_scale": "hiking", "wheelchair": "yes"}, {("walk", True)}),
        ({"highway": "steps"}, {("stairs", False)}),
        ({"highway": "steps", "ramp": "yes"}, {("stairs", False)}),
        (
            {"highway": "steps", "ramp": "yes", "wheelchair": "yes"},
            {("stairs", False), ("ramp", True)},
        ),
        ({"highway": "steps", "ramp:wheelchair": "yes"}, {("stairs", False), ("ramp", True)}),
        ({"highway": "steps", "conveying": "yes"}, {("escalator", False)}),
        ({"highway": "elevator"}, {("lift", True)}),
        ({"highway": "service", "access": "private", "foot": "yes"}, {("walk", True)}),
        ({"highway": "cycleway"}, {("walk", True)}),
    ],
)
def test_the_tags_of_a_way_say_how_it_is_walked(
    extract: Write, tags: dict[str, str], kinds: set[tuple[str, bool | None]]
) -> None:
    links = read_osm(_street(extract, tags)).links
    assert {(x.kind, x.step_free) for x in links if x.a.startswith("j")} == kinds


@pytest.mark.parametrize(
    "tags",
    [
        {"highway": "motorway"},
        {"highway": "trunk"},
        {"highway": "footway", "foot": "no"},
        {"highway": "footway", "access": "private"},
        {"highway": "cycleway", "foot": "no"},
        {"highway": "construction"},
        {"waterway": "river"},
    ],
)
def test_a_way_nobody_may_walk_is_no_walkway(extract: Write, tags: dict[str, str]) -> None:
    with pytest.raises(GiljabiError, match="no walkway in it"):
        read_osm(_street(extract, tags))


@pytest.mark.parametrize(
    ("node", "free"),
    [
        ({"kerb": "raised"}, False),
        ({"kerb": "yes"}, False),
        ({"barrier": "kerb"}, False),
        ({"barrier": "stile"}, False),
        ({"barrier": "kissing_gate"}, False),
        ({"barrier": "full-height_turnstile"}, False),
        ({"kerb": "lowered"}, True),
        ({"kerb": "flush", "barrier": "kerb"}, True),
        ({"kerb": "no"}, True),
        ({"barrier": "bollard"}, True),
        ({"barrier": "turnstile", "wheelchair": "yes"}, True),
        ({"barrier": "wall"}, None),
        ({"barrier": "fence"}, None),
        ({"barrier": "gate", "access": "private"}, None),
    ],
)
def test_a_kerb_bars_wheels_and_a_wall_bars_everybody(
    extract: Write, tmp_path: Path, node: dict[str, str], free: bool | None
) -> None:
    path = _street(extract, {"highway": "footway"}, {2: (*STREET[2], node)})
    graph = Graph(_venue(path, tmp_path / "venue"))
    if free is None:
        with pytest.raises(NoRoute):
            graph.route("n10", "n11")
        return
    assert graph.route("n10", "n11").metres == pytest.approx(303, abs=2)
    if free:
        assert graph.route("n10", "n11", "step-free").legs
    else:
        with pytest.raises(NoRoute) as none:
            graph.route("n10", "n11", "step-free")
        assert not none.value.unrecorded


def test_a_ramp_beside_the_steps_is_found_and_the_steps_are_told_to_others(
    extract: Write, tmp_path: Path
) -> None:
    around = {5: (37.0008, 127.00113), 6: (37.0008, 127.00226)}
    ends = {10: (37.00001, 127.0, CAFE), 11: (37.00001, 127.00339, BANK)}
    ways = {
        100: ([1, 2], {"highway": "footway"}),
        101: ([2, 3], {"highway": "steps"}),
        102: ([3, 4], {"highway": "footway"}),
        103: ([2, 5, 6, 3], {"highway": "footway"}),
    }
    graph = Graph(_venue(extract({**STREET, **around, **ends}, ways), tmp_path / "venue"))
    short, level = graph.route("n10", "n11"), graph.route("n10", "n11", "step-free")
    assert [leg.link.kind for leg in short.legs] == ["stairs"]
    assert [leg.link.kind for leg in level.legs] == ["walk"]
    assert short.metres is not None
    assert level.metres == pytest.approx(short.metres + 2 * 89, abs=3)
    assert Point(37.0, 127.00113) in short.line


def test_two_storeys_meet_only_in_the_lift(extract: Write, tmp_path: Path) -> None:
    nodes = {**STREET, 2: (*STREET[2], {"highway": "elevator"})}
    nodes |= {10: (37.00001, 127.0, CAFE), 11: (37.00001, 127.00226, BANK)}
    ways = {100: ([1, 2], {"highway": "corridor"}), 101: ([2, 3], {"highway": "corridor"})}
    venue = _venue(extract(nodes, ways), tmp_path / "venue")
    route = Graph(venue).route("n10", "n11", "step-free")
    assert [leg.link.kind for leg in route.legs] == ["lift"]
    assert route.metres == pytest.approx(202, abs=2)


# ---------------------------------------------------------------- places and their doors


def test_what_the_tags_of_a_place_say(extract: Write) -> None:
    tags = {
        "name": "Mondlicht Café", "name:ko": "달빛카페", "amenity": "cafe", "ref": "12",
        "alt_name": "달카;문카페", "opening_hours": "Mo-Fr 09:00-18:00", "contact:phone": "+82 2 1",
        "wheelchair": "limited", "building:levels": "3", "building:levels:underground": "1",
        "addr:street": "달빛로", "addr:housenumber": "7",
    }  # fmt: skip
    path = _street(extract, {"highway": "footway"}, {12: (37.0001, 127.001, tags)})
    record = next(p for p in read_osm(path).places if p["id"] == "n12")
    assert record["name"] == {"ko": "달빛카페", "en": "Mondlicht Café"}
    assert record["kind"] == {"ko": "카페", "en": "café"}
    assert record["aliases"] == ["달카", "문카페"]
    assert record["floors"] == {"above": 3, "below": 1}
    assert record["code"] == "12"
    assert record["details"]["hours"] == {"ko": "Mo-Fr 09:00-18:00"}
    assert record["details"]["address"] == {"ko": "달빛로 7"}
    assert record["details"]["wheelchair"]["ko"] == "휠체어로 일부만 이용 가능"
    assert record["sources"]["details.phone"] == "small.osm node 12"


def test_an_unknown_kind_stands_for_itself(extract: Write) -> None:
    odd = {"name": "Oddity", "shop": "moon_rock"}
    path = _street(extract, {"highway": "footway"}, {12: (37.0001, 127.001, odd)})
    record = next(p for p in read_osm(path).places if p["id"] == "n12")
    assert record["kind"] == {"ko": "moon rock", "en": "moon rock"}


def test_a_number_on_two_doors_is_nobodys(extract: Write) -> None:
    twin = {"name": "쌍둥이", "office": "yes", "ref": "7"}
    more = {12: (37.0001, 127.001, twin), 13: (37.0001, 127.002, twin)}
    assert not any(
        "code" in p for p in read_osm(_street(extract, {"highway": "path"}, more)).places
    )


HALL = {
    20: (37.0, 127.00113),
    21: (37.0004, 127.00113),
    22: (37.0004, 127.00150),
    23: (37.0, 127.00150),
}


@pytest.mark.parametrize(
    ("door", "free"), [({}, True), ({"wheelchair": "no"}, False), ({"step_count": "2"}, False)]
)
def test_a_building_is_entered_by_the_door_on_the_walkway(
    extract: Write, door: dict[str, str], free: bool
) -> None:
    nodes = {
        **STREET,
        **HALL,
        2: (*STREET[2], {"entrance": "main", **door}),
        10: (37.00001, 127.0, CAFE),
    }
    ways = {
        100: ([1, 2, 3, 4], {"highway": "footway"}),
        200: ([2, 21, 22, 23, 2], {"building": "university", "name": "공학관"}),
    }
    imported = read_osm(extract(nodes, ways))
    (access,) = [x for x in imported.links if x.a == "w200"]
    assert (access.b, access.kind, access.step_free, access.estimated) == (
        "j2",
        "door",
        free,
        False,
    )


def test_nobody_is_sent_through_a_building_with_two_doors(extract: Write, tmp_path: Path) -> None:
    far = {5: (37.002, 127.0), 6: (37.002, 127.00339), 2: (*STREET[2], {"entrance": "yes"})}
    far |= {3: (*STREET[3], {"entrance": "yes"}), 21: (37.0004, 127.0015)}
    far |= {10: (37.00001, 127.0, CAFE), 11: (37.00001, 127.00339, BANK)}
    ways = {
        100: ([1, 2], {"highway": "footway"}),
        101: ([3, 4], {"highway": "footway"}),
        102: ([1, 5, 6, 4], {"highway": "footway"}),
        200: ([2, 21, 3, 2], {"building": "yes", "name": "큰 건물"}),
    }
    route = Graph(_venue(extract({**STREET, **far}, ways), tmp_path / "v")).route("n10", "n11")
    assert route.metres is not None
    assert route.metres > 700


def test_a_place_off_the_walkway_hangs_on_the_nearest_spot_as_a_guess(extract: Write) -> None:
    shop = {"name": "서점", "shop": "books"}
    imported = read_osm(
        _street(
            extract,
            {"highway": "footway"},
            {12: (37.0004, 127.0015, shop), 13: (37.01, 127.0, {**shop, "name": "먼 서점"})},
        )
    )
    (access,) = [x for x in imported.links if x.a == "n12"]
    assert access.estimated
    assert access.metres == pytest.approx(44.5, abs=0.5)
    assert imported.junctions[access.b].lon == pytest.approx(127.0015, abs=1e-6)
    assert any(p["id"] == "n13" for p in imported.places)
    assert not any("n13" in (x.a, x.b) for x in imported.links)


def test_the_places_passed_are_the_landmarks(extract: Write, tmp_path: Path) -> None:
    books = {"name": "서점", "shop": "books"}
    path = _street(extract, {"highway": "footway"}, {12: (37.0001, 127.0015, books)})
    route = Graph(_venue(path, tmp_path / "venue")).route("n10", "n11")
    assert route.stops == ("n10", "n12", "n11")


def test_a_named_multipolygon_is_a_place(extract: Write) -> None:
    relation = (
        '<relation id="7"><member type="way" ref="300" role="outer"/><tag k="type" v="multipolygon"/>'
        '<tag k="name" v="달빛대학교"/><tag k="amenity" v="university"/></relation>'
    )
    ends = {10: (37.00001, 127.0, CAFE)}
    ways = {100: ([1, 2, 3, 4], {"highway": "footway"}), 300: ([20, 21, 22, 23, 20], {})}
    imported = read_osm(extract({**STREET, **HALL, **ends}, ways, more=relation))
    record = next(p for p in imported.places if p["id"] == "r7")
    assert record["point"]["lat"] == pytest.approx(37.0002, abs=1e-6)
    assert any(x.a == "r7" for x in imported.links)


def test_where_nothing_has_a_name_addresses_and_streets_are_the_places(extract: Write) -> None:
    house = {"addr:housenumber": "12", "addr:street": "Main Street", "building": "yes"}
    nodes = {**STREET, 10: (37.0001, 127.001, house)}
    path = extract(nodes, {100: ([1, 2, 3, 4], {"highway": "residential", "name": "Main Street"})})
    names = [p["name"]["ko"] for p in read_osm(path).places]
    assert names == ["12 Main Street", "Main Street"]


def test_an_editors_file_that_was_never_uploaded(extract: Write) -> None:
    nodes = {
        -1: (37.0, 127.0),
        -2: (37.0, 127.001),
        -3: (37.0, 127.0, CAFE),
        -4: (37, 127.001, BANK),
    }
    imported = read_osm(extract(nodes, {-9: ([-1, -2], {"highway": "footway"})}))
    assert {p["id"] for p in imported.places} == {"n-3", "n-4"}
    assert ("j-1", "j-2") in {(x.a, x.b) for x in imported.links}


# ---------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.osm", b"hello", "not a whole OpenStreetMap file"),
        ("x.osm", b"", "not a whole OpenStreetMap file"),
        ("x.osm", b"<gpx></gpx>", "not a whole OpenStreetMap file"),
        ("x.txt", b"hello", "not a whole OpenStreetMap file"),
        ("x.osm.gz", gzip.compress(b"<osm version='0.6'>" + b" " * 9999)[:20], "not a whole"),
        ("x.osm.bz2", bz2.compress(b"<osm version='0.6'></osm>")[:30], "not a whole"),
        ("x.osm.pbf", b"\0\0\0\x0d\x0a\x09OSMHeader", "not a whole"),
        ("x.osm", b"<osm version='0.6'></osm>", "no walkway in it"),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(GiljabiError, match=said) as error:
        read_osm(tmp_path / name)
    assert name in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="does not exist"):
        read_osm(tmp_path / "nowhere.osm")


def test_a_real_extract_cut_short_is_refused(tmp_path: Path) -> None:
    if not OSM.is_dir():
        pytest.skip("../shared/osm is not here")
    for name in (
        "gh_andorra.osm.pbf",
        "gh_monaco.osm.gz",
        "West-Oakland.osm.bz2",
        "gh_bautzen.osm",
    ):
        whole = (OSM / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(GiljabiError, match="not a whole OpenStreetMap file"):
            read_osm(tmp_path / name)


def test_without_osmium_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "osmium", None)
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[osm\]'"):
        read_osm(tmp_path / "x.osm")


def test_no_place_and_no_address(extract: Write) -> None:
    with pytest.raises(GiljabiError, match="nothing in it has a name"):
        read_osm(extract(STREET, {100: ([1, 2, 3, 4], {"highway": "footway"})}))


# ---------------------------------------------------------------- writing the folder


def _small() -> Imported:
    text = {"ko": "가", "en": "A"}
    places = [
        {"id": i, "name": text, "kind": text, "area": "campus", "point": {"lat": 37.0, "lon": lon}}
        for i, lon in (("a", 127.0), ("b", 127.001), ("c", 127.002))
    ]
    links = (
        Link("a", "j", metres=90.0, step_free=True),
        Link("j", "c", metres=90.0, step_free=None),
    )
    return Imported(tuple(places), links, {"j": Point(37.0, 127.001)})


def test_a_folder_reads_back_as_it_was_written(tmp_path: Path) -> None:
    small = _small()
    write_venue(small, tmp_path / "v", name='이름 "둘"\\', venue_id="small", origin="b")
    venue = folder.load(tmp_path / "v")
    assert venue.links == small.links
    assert venue.junctions == small.junctions
    assert venue.name.ko == '이름 "둘"\\'
    assert venue.origin == "b"
    assert list(venue.areas) == ["campus"]


def test_walks_start_at_the_place_nearest_the_middle() -> None:
    assert centre_place(Imported(_small().places)) == "b"
    assert centre_place(_small()) == "a"  # b hangs on nothing, c is reached over unrecorded ground


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"venue_id": "no spaces"}, "venue id"),
        ({"name": " "}, "needs a name"),
        ({"origin": "moon"}, "origin 'moon'"),
    ],
)
def test_nothing_is_half_written(tmp_path: Path, change: dict[str, str], said: str) -> None:
    with pytest.raises(GiljabiError, match=said):
        write_venue(_small(), tmp_path / "v", **{"name": "n", "venue_id": "v", **change})
    assert not (tmp_path / "v").exists()


def test_a_record_against_the_schema_leaves_the_old_venue(tmp_path: Path) -> None:
    write_venue(_small(), tmp_path / "v", name="n", venue_id="v")
    before = folder.digest(tmp_path / "v")
    bad = Imported(({**_small().places[0], "colour": "red"},))
    with pytest.raises(GiljabiError, match="colour"):
        write_venue(bad, tmp_path / "v", name="n", venue_id="v")
    assert folder.digest(tmp_path / "v") == before
    assert len(list((tmp_path / "v").iterdir())) == 4


# ---------------------------------------------------------------- any network at all

ENDS = st.sampled_from(["a", "b", "c", *(f"j{n}" for n in range(6))])
LINKS = st.lists(
    st.builds(
        Link,
        a=ENDS,
        b=ENDS,
        kind=st.sampled_from(["walk", "stairs", "lift", "escalator", "door", "ramp"]),
        metres=st.floats(1, 300).map(lambda m: round(m, 1)),
        step_free=st.sampled_from([True, True, False, None]),
        estimated=st.booleans(),
    ).filter(lambda x: x.a != x.b),
    max_size=25,
)


@settings(max_examples=300, deadline=None)
@given(links=LINKS)
def test_a_route_is_made_of_its_links(links: list[Link]) -> None:
    text = Text("곳")
    venue = Venue(
        "v", text, "a", ("ko",), tuple(Place(i, Text(i), text, "campus") for i in "abc"),
        tuple(links), junctions={f"j{n}": Point(37 + n / 1000, 127) for n in range(6)},
    )  # fmt: skip
    graph, minutes = Graph(venue), []
    for profile in ("shortest", "step-free"):
        try:
            route = graph.route("a", "c", profile)
        except NoRoute:
            minutes.append(10**9)
            continue
        minutes.append(route.minutes)
        assert (route.stops[0], route.stops[-1]) == ("a", "c")
        assert set(route.stops) <= {"a", "b", "c"}
        parts = [leg.link.metres or 0 for leg in route.legs]
        assert route.metres == pytest.approx(sum(parts), abs=0.6)
        assert route.estimated == any(leg.link.estimated for leg in route.legs)
        if profile == "step-free":
            assert all(leg.link.step_free for leg in route.legs)
            assert not {leg.link.kind for leg in route.legs} & {"stairs", "escalator"}
    assert minutes[0] <= minutes[1]


def test_the_line_of_a_route_is_about_as_long_as_the_route(tmp_path: Path) -> None:
    if not OSM.is_dir():
        pytest.skip("../shared/osm is not here")
    venue = _venue(OSM / "gh_map-sidewalk-no.osm.gz", tmp_path / "venue")
    graph = Graph(venue)
    for goal in venue.places[5:50:5]:
        route = graph.route(venue.origin, goal.id)
        line = sum(metres_between(a, b) for a, b in itertools.pairwise(route.line))
        assert route.metres is not None
        assert 0.6 * route.metres - 5 <= line <= route.metres + 5


def test_a_place_by_the_stairs_hangs_on_their_end_and_not_half_way_up(extract: Write) -> None:
    shop = {"name": "서점", "shop": "books"}
    ends = {
        10: (37.00001, 127.0, CAFE),
        11: (37.0001, 127.0022, BANK),
        12: (37.0001, 127.0012, shop),
    }
    ways = {100: ([1, 2], {"highway": "footway"}), 101: ([2, 3], {"highway": "steps"})}
    links = read_osm(extract({**STREET, **ends}, ways)).links
    assert {(x.a, x.b) for x in links if x.a[0] == "n"} == {
        ("n10", "j1"),
        ("n11", "j3"),
        ("n12", "j2"),
    }
