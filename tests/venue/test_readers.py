from __future__ import annotations

import json
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.venue import folder, readers

ROOT = Path(__file__).parents[2]

RECORDS = ("campus.json", "within_1km.json", "within_2km_reconstructed.json")
EMPTY: dict[str, dict[str, object]] = {
    k: {} for k in ("names", "kinds", "features", "floors", "landmarks")
}
CAMPUS = {
    "name": "해달관(구관)", "building_code": "11", "category": "교육건물", "floor_info": "지하 1층, 지상 3층",
    "estimated_time_walking": 4, "notable_features": "강의실, 매점",
    "nearby_buildings": {"nearest": {"name": "해달관", "direction": "옆"}, "second": {"name": "바다", "direction": "왼쪽"}},
}  # fmt: skip


def _write(folder_: Path, records: object) -> Path:
    path = folder_ / "records.json"
    path.write_text(json.dumps(records, ensure_ascii=False), "utf-8")
    return path


def test_the_shipped_places_are_what_the_records_give(shared: Path) -> None:
    venue = ROOT / "venues" / "hanyang"
    places = readers.import_places(
        [shared / "venue" / r for r in RECORDS],
        shared / "venue" / "hanyang_coordinates.json",
        readers.read_wording(venue),
    )
    assert places == json.loads((venue / "places.json").read_text("utf-8"))


def test_every_recorded_value_survives_the_import(shared: Path) -> None:
    raw = {
        r["building_code"]: r for r in json.loads((shared / "venue" / "campus.json").read_text())
    }
    venue = folder.load(ROOT / "venues" / "hanyang")
    for code, record in raw.items():
        place = venue.place(code)
        minutes = place.original("minutes") or place.minutes
        assert minutes == record["estimated_time_walking"]
        assert place.kind.ko == record["category"]
        assert ", ".join(f.ko for f in place.features) == record["notable_features"]
        assert place.neighbours[0].name == record["nearby_buildings"]["nearest"]["name"]


def test_a_campus_record_becomes_a_place(tmp_path: Path) -> None:
    (place,) = readers.read_records(_write(tmp_path, [CAMPUS]), EMPTY)
    assert place["floors"] == {"above": 3, "below": 1}
    assert [f["ko"] for f in place["features"]] == ["강의실", "매점"]
    assert place["sources"]["floors"] == "records.json 11"


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"name": "x"}, "fits no known shape"),
        ({**CAMPUS, "estimated_time_walking": "4분"}, "field estimated_time_walking should be int, found '4분'"),
        ({**CAMPUS, "category": None}, "field category should be str"),
        ({**CAMPUS, "nearby_buildings": {}}, "field nearest should be dict"),
        ({**CAMPUS, "nearby_buildings": {"nearest": {"name": "a", "direction": "저쪽"},
                                         "second": {"name": "a", "direction": "옆"}}}, "'저쪽' is none of"),
        ({"name": "a", "category": "b", "id": "T1", "estimated_time_walking": 3, "distance_km": "far", "transit": {}},
         "field distance_km should be number"),
        ("text", "expected an object"),
    ],
)  # fmt: skip
def test_a_bad_record_is_named_with_its_field(tmp_path: Path, record: object, said: str) -> None:
    with pytest.raises(GiljabiError, match=r"records\.json: record 0") as error:
        readers.read_records(_write(tmp_path, [record]), EMPTY)
    assert said in str(error.value)


def test_the_same_id_in_two_files_is_an_error(tmp_path: Path) -> None:
    path = _write(tmp_path, [CAMPUS])
    with pytest.raises(GiljabiError, match="id 11 is already in"):
        readers.import_places([path, path], None, EMPTY)
