"""`venue import` as a user types it: what is refused leaves nothing behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main
from giljabi.venue import folder

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
WALK = {"id": "x", "name": "카페", "category": "카페", "estimated_time_walking": 3}
STOPS: dict[str, object] = {"mode": "bus", "board_stop": "가", "alight_stop": "나"}
RIDE = WALK | {"distance_km": 1, "transit": STOPS | {"buses": ["2"]}}
TABLE = "name,lat,lon,minutes\n가나관,37.5,127.0,3\n다라관,37.501,127.0,4\n마바관,37.502,127.0,5\n"


def _import(source: Path, into: Path, *options: object) -> Result:
    words = ["venue", "import", str(source), "--into", str(into), *map(str, options)]
    return CliRunner().invoke(main, words)


def _refusal(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


def _map(**feature: Any) -> str:
    whole = {
        "geometry": {"type": "Point", "coordinates": [127, 37]}, "properties": {"name": "가"},
    } | feature  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": [whole]})


def _osm(lat: str) -> str:
    return (
        f'<osm version="0.6"><node id="1" lat="{lat}" lon="127"><tag k="name" v="가"/></node></osm>'
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("records.json", json.dumps([WALK])),
        ("places.csv", TABLE),
        ("map.geojson", _map()),
    ],
)
def test_an_import_never_touches_a_venue_that_is_there(
    tmp_path: Path, source: str, text: str
) -> None:
    venue = tmp_path / "venue"
    shutil.copytree(HOSPITAL, venue)
    before = folder.digest(venue)
    (tmp_path / source).write_text(text, "utf-8")
    said = _refusal(_import(tmp_path / source, venue))
    assert "is a venue already: import into a new folder" in said
    assert folder.digest(venue) == before
    assert {p.name for p in venue.iterdir()} == {p.name for p in HOSPITAL.iterdir()}


@pytest.mark.parametrize(
    ("source", "text", "said"),
    [
        ("r.json", json.dumps([WALK | {"id": "../x y"}]), "record 0 ('카페'), as a place, field id: should be"),
        ("r.json", json.dumps([WALK | {"estimated_time_walking": -5}]), "field minutes: should be"),
        ("r.json", json.dumps([WALK | {"id": ""}]), "field id: should be"),
        ("r.json", json.dumps([WALK | {"name": " "}]), "field name.ko: should be"),
        ("r.json", json.dumps([WALK | {"name": "\ud800"}]), "record 0 (id x): half a character"),
        ("r.json", json.dumps([RIDE | {"transit": STOPS}]), "field buses should be list"),
        ("r.json", json.dumps([RIDE | {"transit": STOPS | {"buses": 5}}]), "field buses should be list"),
        ("r.json", json.dumps([RIDE | {"distance_km": float("nan")}]), "field distance_km: should be"),
        ("r.json", "[" * 100_000, "nested too deeply"),
        ("r.json", "[" + "9" * 5000 + "]", "number of too many digits"),
        ("m.geojson", _map(geometry={"type": ["Point"], "coordinates": [127, 37]}), "feature 0: its geometry is none of"),
        ("m.geojson", _map(properties={"name": "\ud800"}), "half a character"),
        ("m.geojson", _map(properties={"name": {"a": 1}}), "feature 0, property name: should be text"),
        ("m.geojson", _map(properties={"name": "가", "fee": True}), "feature 0, property fee: should be text"),
        ("m.geojson", '{"features": ' + "[" * 100_000, "nested too deeply"),
        ("m.osm", _osm("999"), "wrong format for coordinate"),
        ("m.osm", _osm("abc"), "wrong format for coordinate"),
    ],
)  # fmt: skip
def test_a_bad_source_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, source: str, text: str, said: str
) -> None:
    (tmp_path / source).write_text(text, "utf-8")
    stderr = _refusal(_import(tmp_path / source, tmp_path / "new" / "venue"))
    assert said in stderr
    assert source in stderr
    assert [p.name for p in tmp_path.iterdir()] == [source]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"places": 5}, "expected an object with the list places"),
        ({"places": [5]}, "record 0: should be"),
        ({"places": [{"building_code": "x", "lat": 1}]}, "record 0: lon is missing"),
        ({"places": [{"building_code": "x", "lat": 1, "lon": None}]}, "record 0, field lon: should be"),
        ({"places": [{"building_code": "x", "lat": 1, "lon": 2, "sources": [{}]}]}, "record 0, field sources.0: src"),
        ({"places": [{"building_code": "../y", "name_ko": "가"}]}, "record 0, field building_code: should be"),
        ({"places": [{"building_code": "9" * 20, "name_ko": "가"}]}, "place 99999999999999999999, field code"),
    ],
)  # fmt: skip
def test_bad_coordinates_are_one_sentence_and_leave_nothing(
    tmp_path: Path, text: object, said: str
) -> None:
    (tmp_path / "r.json").write_text(json.dumps([WALK]), "utf-8")
    (tmp_path / "c.json").write_text(json.dumps(text), "utf-8")
    result = _import(tmp_path / "r.json", tmp_path / "new", "--coordinates", tmp_path / "c.json")
    stderr = _refusal(result)
    assert said in stderr
    assert "c.json" in stderr
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("part", ["wording.json", "names.json"])
def test_english_words_of_a_wrong_shape_are_one_sentence(tmp_path: Path, part: str) -> None:
    (tmp_path / "r.json").write_text(json.dumps([WALK]), "utf-8")
    into = tmp_path / "new"
    into.mkdir()
    (into / part).write_text("[5]", "utf-8")
    assert part in _refusal(_import(tmp_path / "r.json", into))
    assert [p.name for p in into.iterdir()] == [part]


def test_a_name_that_is_no_text_and_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE, "utf-8")
    said = _refusal(_import(tmp_path / "t.csv", tmp_path / "new", "--name", "\udcff"))
    assert "no whole character" in said
    assert not (tmp_path / "new").exists()
    (tmp_path / "r.json").write_text(json.dumps([WALK]), "utf-8")
    for source in ("t.csv", "r.json"):
        said = _refusal(_import(tmp_path / source, tmp_path / "t.csv" / "new"))
        assert "cannot be written" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.json", "t.csv"]


def test_no_walk_is_kept_from_the_origin_to_itself(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TABLE, "utf-8")
    result = _import(tmp_path / "t.csv", tmp_path / "new")
    assert result.exit_code == 0
    assert "Walks now start at p2, for which the file has 4 min" in result.stdout
    venue = folder.load(tmp_path / "new")
    assert venue.origin == "p2"
    assert [p.minutes for p in venue.places] == [3, None, 5]
    assert "minutes" not in venue.place("p2").sources
