"""Every rule finds its planted fault and nothing else; the listed faults of real records are found."""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from giljabi.errors import GiljabiError
from giljabi.venue import findings, folder, lint
from giljabi.venue.evidence import Evidence, Grid
from giljabi.venue.findings import Finding
from giljabi.venue.graph import Graph, NoRoute, metres_between
from giljabi.venue.place import (
    Directions,
    Floors,
    Link,
    Neighbour,
    Place,
    Point,
    Text,
    Transit,
    Venue,
)
from giljabi.venue.ways_lint import reach

SHARED = Path(__file__).parents[2].parent / "shared" / "venue"
HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/venue is not here")


def point(north: float, east: float) -> Point:
    """Metres north and east of the main door."""
    return Point(37.5 + north / 111_195, 127.0 + east / 88_216)


def changed(venue: Venue, place_id: str, **fields: Any) -> Venue:
    sources = {**venue.place(place_id).sources, **dict.fromkeys(fields, "survey")}
    fields = {"sources": sources, **fields}
    return replace(
        venue, places=tuple(replace(p, **fields) if p.id == place_id else p for p in venue.places)
    )


def told(venue: Venue, *steps: str, to: str = "cafe", rank: int = 1) -> Venue:
    way = Directions(to, "main-door", rank, tuple(Text(s) for s in steps), "survey")
    return replace(venue, directions=(*venue.directions, way))


def new_rules(venue: Venue, clean: Venue) -> Counter[str]:
    """Rules that speak now and did not before; counts over the venue aside."""
    before = {(f.rule, f.place, f.field) for f in lint.check(clean)}
    return Counter(
        f.rule
        for f in lint.check(venue)
        if (f.rule, f.place, f.field) not in before and not f.rule.endswith("-summary")
    )


@pytest.fixture
def mapped(hospital: Venue) -> Venue:
    """The hospital with points: a straight row from the main door, 50 m apart."""
    row = ("main-door", "reception", "pharmacy", "cafe", "emergency")
    links = tuple(replace(x, metres=None, minutes=1.0) for x in hospital.links)
    venue = replace(hospital, links=links)
    for n, place_id in enumerate(row):
        venue = changed(venue, place_id, point=point(0, 50.0 * n))
    return venue


def test_the_clean_hospital_has_no_fault(hospital: Venue) -> None:
    found = lint.check(hospital, HOSPITAL)
    assert {f.severity for f in found} == {"info"}
    assert {f.rule for f in found} == {"sides-summary", "step-free-summary"}
    assert findings.exit_code(found, strict=True) == 0


def test_the_mapped_hospital_has_no_fault(mapped: Venue) -> None:
    assert {f.severity for f in lint.check(mapped)} == {"info"}


def neighbours(*pairs: tuple[str, str, str | None]) -> tuple[Neighbour, ...]:
    return tuple(Neighbour(n, s, p) for n, s, p in pairs)  # type: ignore[arg-type]


PLANTED: dict[str, Callable[[Venue], Venue]] = {
    "neighbour-unknown": lambda v: changed(v, "cafe", neighbours=neighbours(("약쿡", "beside", None))),
    "sides-same": lambda v: changed(v, "pharmacy", neighbours=neighbours(("접수처", "right", "reception"))),
    "sides-disagree": lambda v: changed(v, "pharmacy", neighbours=neighbours(("접수처", "up", "reception"))),
    "sides-vague": lambda v: changed(v, "pharmacy", neighbours=neighbours(("접수처", "beside", "reception"))),
    "sides-told": lambda v: told(v, "접수처 왼쪽에 있는 약국으로 가세요."),
    "code-twice": lambda v: changed(v, "cafe", code="102"),
    "name-twice": lambda v: changed(v, "cafe", name=Text("약국", "Pharmacy")),
    "source-missing": lambda v: changed(v, "cafe", sources={"name": "survey"}, aliases=(), inside=None,
                                        features=(), neighbours=(), code=None),
    "floors-no-number": lambda v: changed(v, "cafe", floors=Floors(note=Text("고층"))),
    "english-missing": lambda v: changed(v, "cafe", name=Text("바다카페")),
    "spelling": lambda v: told(v, "바다카패 앞으로 가세요."),
    "link-fast": lambda v: replace(v, links=(*v.links, Link("cafe", "emergency", metres=300, minutes=1, step_free=True, source="survey"))),
    "link-slow": lambda v: replace(v, links=(*v.links, Link("cafe", "emergency", metres=30, minutes=4, step_free=True, source="survey"))),
    "walk-to-itself": lambda v: changed(v, "main-door", minutes=4, distance_km=0.3),
    "distance-disagrees": lambda v: changed(v, "cafe", distance_km=2.0, minutes=5),
    "ride-short": lambda v: changed(v, "cafe", minutes=4, transit=Transit("bus", ("1",), Text("앞"), Text("뒤"))),
    "ride-in-walk": lambda v: told(changed(v, "cafe", minutes=9), "지하철 2호선을 타고 가세요."),
    "start-differs": lambda v: replace(v, directions=(Directions("cafe", "lift", 1, (Text("가세요."),), "survey"),)),
    "unreached": lambda v: replace(v, links=tuple(x for x in v.links if "emergency" not in (x.a, x.b))),
}  # fmt: skip


@pytest.mark.parametrize("rule", PLANTED)
def test_a_planted_fault_is_found_by_its_rule_alone(rule: str, hospital: Venue) -> None:
    found = new_rules(PLANTED[rule](hospital), hospital)
    assert set(found) == {rule}, found


def test_a_walk_to_another_start_is_a_walk_to_itself(hospital: Venue) -> None:
    also = replace(changed(hospital, "emergency", minutes=2), origin_also=("emergency",))
    (found,) = [f for f in lint.check(also) if f.rule == "walk-to-itself"]
    assert (found.place, found.field) == ("emergency", "minutes")


MAPPED: dict[str, Callable[[Venue], Venue]] = {
    "pace-fast": lambda v: changed(v, "emergency", point=point(0, 800), minutes=2),
    "pace-slow": lambda v: changed(v, "emergency", minutes=15),
    "link-short": lambda v: replace(v, links=(*v.links, Link("cafe", "main-door", metres=20, minutes=.5, step_free=True, source="survey"))),
    "neighbour-far": lambda v: changed(v, "cafe", point=point(0, 400)),
    "beside-far": lambda v: changed(v, "cafe", point=point(0, 230)),
    "sides-geometry": lambda v: changed(v, "reception", neighbours=neighbours(("약국", "left", "pharmacy")),),
    "metres-stated": lambda v: told(v, "곧장 100m 가면 응급실이 있습니다.", to="emergency"),
    "ways-part": lambda v: told(told(changed(v, "lift", point=point(0, -60)), "약국을 지나세요."), "승강기를 지나세요.", rank=2),
}  # fmt: skip


@pytest.mark.parametrize("rule", MAPPED)
def test_a_fault_against_the_map_is_found_by_its_rule_alone(rule: str, mapped: Venue) -> None:
    found = new_rules(MAPPED[rule](mapped), mapped)
    if rule == "sides-geometry":
        found.pop("sides-same")  # the planted word also repeats that of the other side
    assert set(found) == {rule}, found


@pytest.mark.parametrize(
    ("place", "minutes", "severity"),
    [(point(0, 150), 1, "warning"), (point(0, 170), 1, "error"), (point(0, 500), 4, "error")],
)
def test_too_fast_is_an_error_only_where_rounding_cannot_explain_it(
    mapped: Venue, place: Point, minutes: int, severity: str
) -> None:
    found = lint.check(changed(mapped, "emergency", point=place, minutes=minutes))
    assert [f.severity for f in found if f.rule == "pace-fast"] == [severity]


def test_a_place_without_a_number_among_numbered_ones(hospital: Venue) -> None:
    rooms = tuple(
        Place(f"r{n}", Text(f"{n}번방", f"Room {n}"), Text("방", "room"), "campus", code=f"7{n}",
              sources=dict.fromkeys(("name", "kind", "code"), "survey"))
        for n in range(1, 7)
    )  # fmt: skip
    links = tuple(
        Link("main-door", r.id, metres=10, step_free=True, source="survey") for r in rooms
    )
    venue = replace(hospital, places=(*hospital.places, *rooms), links=(*hospital.links, *links))
    bare = changed(venue, "r3", code=None)
    assert new_rules(bare, venue) == {"code-missing": 1}


def test_a_landmark_reached_by_opposite_ways(mapped: Venue) -> None:
    venue = changed(mapped, "lift", point=point(0, -60))
    for to, via in (
        ("cafe", "약국"),
        ("emergency", "약국"),
        ("stairs", "승강기"),
        ("lift2", "승강기"),
    ):
        venue = told(venue, f"{via}을 지나세요.", "소나무시장 근처입니다.", to=to)
    (found,) = [f for f in lint.check(venue) if f.rule == "landmark-two-ways"]
    assert "소나무시장" in found.what
    assert dict(found.figures) == {"one": 2, "other": 2}


def test_words_that_fit_one_frame_are_judged_in_it(hospital: Venue) -> None:
    """Up is east here: consistent words are no fault, and one that breaks the frame is."""
    heads = {"up": (0, 30), "down": (0, -30), "left": (30, 0), "right": (-30, 0)}
    places, n = [], 0
    for side, (north, east) in heads.items():
        for _ in range(3):
            a, b = f"a{n}", f"b{n}"
            here, there = point(500 * n, 0), point(500 * n + north, east)
            names = (
                f"{'가나다라마바사아자차카타'[n]}관측소동",
                f"{'가나다라마바사아자차카타'[n]}전망대동",
            )
            places.append(Place(a, Text(names[0]), Text("곳"), "campus", point=here,
                                neighbours=neighbours((names[1], side, b))))  # fmt: skip
            places.append(Place(b, Text(names[1]), Text("곳"), "campus", point=there))
            n += 1
    venue = Venue("v", Text("v"), "a0", ("ko",), tuple(places), areas={"campus": Text("곳")})
    assert not [f for f in lint.check(venue) if f.rule == "sides-geometry"]
    wrong = replace(places[0], neighbours=neighbours((places[1].name.ko, "down", "b0")))
    found = lint.check(replace(venue, places=(wrong, *places[1:])))
    assert [(f.place, f.severity) for f in found if f.rule == "sides-geometry"] == [
        ("a0", "warning")
    ]


def test_spelling_tells_a_building_from_a_department_and_a_number(hospital: Venue) -> None:
    hall = Place("h", Text("제1신소재공학관"), Text("관"), "campus")
    venue = replace(hospital, places=(*hospital.places, hall), languages=("ko",))
    for word in ("제1신소재공학과", "제2신소재공학관", "제1신소재공학관", "바다카페에서"):
        assert not [
            f for f in lint.check(told(venue, f"{word} 앞입니다.")) if f.rule == "spelling"
        ], word
    (found,) = [
        f for f in lint.check(told(venue, "제1신소제공학관 앞입니다.")) if f.rule == "spelling"
    ]
    assert dict(found.figures) == {"제1신소재공학관": 0, "제1신소제공학관": 1}


def test_facing_places_may_use_the_same_word(hospital: Venue) -> None:
    venue = changed(hospital, "reception", neighbours=neighbours(("약국", "front", "pharmacy")))
    venue = changed(venue, "pharmacy", neighbours=neighbours(("접수처", "front", "reception")))
    assert not new_rules(venue, hospital)


@pytest.mark.parametrize(
    ("said", "faults"), [("뒤쪽", 0), ("왼쪽", 0), ("오른쪽", 1), ("아래쪽", 0)]
)
def test_texts_contradict_only_by_the_very_opposite(
    hospital: Venue, said: str, faults: int
) -> None:
    venue = told(hospital, "내과 왼쪽에 있는 소아과로 가세요.", to="paediatrics")
    venue = changed(changed(venue, "internal", neighbours=()), "paediatrics", neighbours=())
    venue = told(venue, f"내과 {said}에 있는 소아과로 가세요.", to="paediatrics", rank=2)
    assert sum(f.rule == "sides-told" for f in lint.check(venue)) == faults


def test_the_same_venue_gives_the_same_list(hanyang: Venue) -> None:
    assert lint.check(hanyang) == lint.check(hanyang)


def test_the_shipped_venue_has_no_errors(hanyang: Venue) -> None:
    found = lint.check(hanyang)
    assert [f for f in found if f.severity == "error"] == []
    assert findings.exit_code(found) == 0
    assert findings.exit_code(found, strict=True) == 1


def test_reach_is_what_the_graph_reaches(hanyang: Venue, hospital: Venue) -> None:
    for venue in (hanyang, hospital):
        graph = Graph(venue)
        for profile, step_free in (("shortest", False), ("step-free", True)):
            reached = {venue.origin}
            for p in venue.places:
                try:
                    graph.route(venue.origin, p.id, profile)  # type: ignore[arg-type]
                    reached.add(p.id)
                except NoRoute:
                    pass
            assert reach(Evidence(venue), step_free=step_free) == reached


def test_the_grid_finds_what_a_search_over_all_pairs_finds() -> None:
    draw = random.Random(3)
    places = [
        Place(str(n), Text(str(n)), Text("곳"), "a", point=point(draw.uniform(0, 3000), draw.uniform(0, 3000)))
        for n in range(300)
    ]  # fmt: skip
    grid = Grid(places)
    for p in places[:20]:
        for metres in (50.0, 220.0, 900.0):
            assert p.point is not None
            plain = {q.id for q in places if q.point and metres_between(p.point, q.point) <= metres}
            assert {q.id for _, q in grid.near(p.point, metres)} == plain


def test_without_coordinates_the_map_rules_say_nothing(hospital: Venue) -> None:
    rules = {f.rule for f in lint.check(hospital)}
    assert not rules & {"pace-summary", "nearest-summary", "geometry-summary", "metres-stated"}


def test_a_copied_and_edited_folder_names_its_files(tmp_path: Path) -> None:
    venue = tmp_path / "hospital"
    shutil.copytree(HOSPITAL, venue)
    places = json.loads((venue / "places.json").read_text("utf-8"))
    places[3]["code"] = "102"
    (venue / "places.json").write_text(json.dumps(places, ensure_ascii=False), "utf-8")
    (found,) = [f for f in lint.check(folder.load(venue), venue) if f.severity == "error"]
    assert found.rule == "code-twice"
    assert found.file == str(venue / "places.json")
    assert findings.exit_code([found]) == 1


def rows() -> list[Finding]:
    fault = Finding("far", "error", "it is far.", "Move it.", place="1", name="곳")
    return findings.ordered([
        Finding("far", "info", "of 3 one is far.", "See above.", figures=(("far", 1),)),
        *(replace(fault, severity="warning", place=str(n)) for n in range(12)), fault,
    ])  # fmt: skip


def test_the_report_counts_groups_and_shortens() -> None:
    text = findings.report(rows())
    assert text.startswith("1 error, 12 warnings, 1 for information")
    assert text.index("error: far (1)") < text.index("warning: far (12)") < text.index("info: far")
    assert "… and 4 more" in text
    assert "more" not in findings.report(rows(), verbose=True)
    assert findings.report([]) == "Nothing found."


def test_the_json_counts_by_rule_and_severity() -> None:
    value = findings.to_json(rows())
    assert value["severities"] == {"error": 1, "warning": 12, "info": 1}
    assert value["rules"] == {"far": 14}
    assert value["findings"][-1]["figures"] == {"far": 1}
    assert json.loads(json.dumps(value)) == value


def test_exit_codes() -> None:
    warning = [f for f in rows() if f.severity == "warning"]
    assert findings.exit_code(rows()) == 1
    assert findings.exit_code(warning) == 0
    assert findings.exit_code(warning, strict=True) == 1
    assert findings.exit_code([], strict=True) == 0


def crowd(n: int) -> Venue:
    draw = random.Random(1)
    letters = "가나다라마바사아자차카타파하강남동문서관회의실학교도로길산천"
    names = ["".join(draw.choice(letters) for _ in range(5)) + "관" for _ in range(n)]
    side = 3000 * (n / 5000) ** 0.5
    places = []
    for i in range(n):
        beside = [min(n - 1, max(0, i + draw.randint(-3, 3))) for _ in range(2)]
        places.append(
            Place(str(i), Text(names[i]), Text("건물"), "campus", code=str(i), minutes=draw.randint(1, 30),
                  point=point(side * (i / n), draw.uniform(0, side)),
                  neighbours=neighbours(*((names[j], draw.choice(("left", "up", "beside")), str(j)) for j in beside),
                                        (names[i][1:] + "없음", "near", None))))  # fmt: skip
    ways = tuple(
        Directions(str(i), "0", 1, (Text(f"{draw.choice(names)} 왼쪽에 있는 {draw.choice(names)}으로 300m 가세요."),), "x")
        for i in range(n)
    )  # fmt: skip
    return Venue(
        "v",
        Text("v"),
        "0",
        ("ko", "en"),
        tuple(places),
        directions=ways,
        areas={"campus": Text("곳")},
    )


@pytest.mark.parametrize(
    ("size", "seconds"), [(200, 2.0), pytest.param(5000, 20.0, marks=pytest.mark.slow)]
)
def test_checks_are_quick(size: int, seconds: float) -> None:
    venue = crowd(size)
    start = time.process_time()
    assert lint.check(venue)
    assert time.process_time() - start < seconds


@pytest.fixture(scope="module")
def campus() -> list[Finding]:
    venue, texts = lint.from_records([SHARED / "campus.json"], SHARED / "hanyang_coordinates.json")
    assert venue.origin == "104"
    return lint.check(venue, texts=texts)


def figures(found: list[Finding], rule: str) -> dict[str, float]:
    (summary,) = [f for f in found if f.rule == rule]
    return dict(summary.figures)


@needs_shared
def test_the_listed_faults_of_the_names(campus: list[Finding]) -> None:
    names = figures(campus, "names-summary")
    assert (names["entries"], names["not_exact"], names["distinct"]) == (142, 35, 20)
    (family,) = [f for f in campus if f.rule == "spelling"]
    assert dict(family.figures) == {"애지문": 0, "예지문": 38, "에지문": 42}
    assert sum(f.rule == "floors-no-number" for f in campus) == 16


@needs_shared
def test_the_listed_faults_of_the_sides(campus: list[Finding]) -> None:
    sides = figures(campus, "sides-summary")
    assert (sides["mutual"], sides["opposite"], sides["vague"], sides["same"]) == (46, 16, 24, 0)
    assert sides["disagree"] + sides["one_vague"] == 6
    assert sides["vague_entries"] == 68
    listed = json.loads((SHARED / "quality_findings.json").read_text("utf-8"))["reciprocity"]
    told = [f for f in campus if f.rule in ("sides-disagree", "sides-vague")]
    assert len(told) == len(listed["mismatches"])
    for a, word, b, back in listed["mismatches"]:
        assert any(all(x in f.what for x in (a, word, b, back)) for f in told), (a, b)
    (texts,) = [f for f in campus if f.rule == "sides-told"]
    assert "101 (text 2) puts 역사관 왼쪽 of 본관" in texts.what
    assert "102 (text 2) puts 본관 왼쪽 of 역사관" in texts.what


@needs_shared
def test_the_listed_faults_of_the_map(campus: list[Finding], hanyang: Venue) -> None:
    # 63 words with the shipped correction 사범대학 = 505, one fewer without it.
    assert figures(campus, "geometry-summary")["words"] == 62
    words = figures(lint.check(hanyang), "geometry-summary")
    assert (words["words"], words["agree"], words["opposed"]) == (63, 23, 21)
    assert [words[f"{s}_r"] for s in ("right", "left", "up", "down")] == [0.14, 0.28, 0.23, 0.37]
    # Listed: 20 of rank 1. Two more have a place less than a metre nearer; see the benchmark.
    near = figures(campus, "nearest-summary")
    assert near == {"first": 60, "rank_1": 18, "rank_3": 38, "rank_over_10": 11, "far": 10,
                    "beside": 42, "beside_far": 11}  # fmt: skip


@needs_shared
def test_the_listed_faults_of_the_walks(campus: list[Finding]) -> None:
    pace = figures(campus, "pace-summary")
    assert (pace["walks"], round(pace["median"]), pace["outside"]) == (61, 34, 21)
    errors = {f.place: dict(f.figures)["minutes"] for f in campus if f.severity == "error"}
    assert errors == {"301": 1, "306": 2}
    slow = {f.place for f in campus if f.rule == "pace-slow"}
    assert {"210", "212", "211", "406", "504"} <= slow


@needs_shared
def test_the_listed_faults_off_the_campus() -> None:
    names = ("campus.json", "within_1km.json", "within_2km_reconstructed.json")
    venue, texts = lint.from_records(
        [SHARED / n for n in names], SHARED / "hanyang_coordinates.json"
    )
    found = {f.rule: f for f in lint.check(venue, texts=texts)}
    stated = dict(found["metres-stated"].figures)
    assert (stated["ways"], stated["metres"], stated["straight"]) == (23, 650, 718)
    for place in ("K05", "K06", "K14", "K08", "K10", "K31", "행당시장"):
        assert place in found["landmark-two-ways"].what
    assert found["ride-in-walk"].place == "K29"


@needs_shared
def test_records_without_coordinates_are_checked_all_the_same() -> None:
    venue, texts = lint.from_records([SHARED / "campus.json"])
    assert venue.origin == ""
    found = lint.check(venue, texts=texts)
    rules = {f.rule for f in found}
    assert {"sides-disagree", "sides-told", "neighbour-unknown", "floors-no-number"} <= rules
    assert not rules & {"pace-fast", "unreached", "sides-geometry", "nearest-summary"}
    assert figures(found, "names-summary")["not_short"] == 23


def test_records_of_no_known_shape_say_so(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('[{"name": "곳"}]', "utf-8")
    with pytest.raises(GiljabiError, match="fits no known shape"):
        lint.from_records([tmp_path / "x.json"])
