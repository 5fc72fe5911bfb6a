from __future__ import annotations

import json
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.graph import Graph, NoRoute
from giljabi.venue.imported import Imported, write_venue
from giljabi.venue.place import Venue
from giljabi.venue.tables import COLUMNS, read_csv, read_geojson

PATHS = Path(__file__).parents[2].parent / "shared" / "venue" / "hanyang_paths.geojson"


def _table(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "places.csv"
    path.write_bytes(text.encode(encoding))
    return path


def _drawing(tmp_path: Path, *features: object) -> Path:
    path = tmp_path / "map.geojson"
    whole = {"type": "FeatureCollection", "features": list(features)}
    path.write_text(json.dumps(whole, ensure_ascii=False), "utf-8")
    return path


def _feature(shape_type: str, coordinates: object, **properties: object) -> dict[str, object]:
    shape = {"type": shape_type, "coordinates": coordinates}
    return {"type": "Feature", "geometry": shape, "properties": properties}


def _venue(imported: Imported, into: Path) -> Venue:
    write_venue(imported, into, name="작은 동네", venue_id="small")
    return folder.load(into)


# ---------------------------------------------------------------- CSV


def test_a_full_row_becomes_a_place(tmp_path: Path) -> None:
    table = _table(
        tmp_path,
        "id,name,name_en,kind,kind_en,code,lat,lon,floors,below,minutes,aliases,features,hours,phone,fee,website\n"
        'lib,도서관,Library,도서관,library,211,37.5,127.0,5,1,3,중도|책방,열람실|카페,"월-금 09:00, 토 10:00",02-1,무료,https://x\n',
    )
    (record,) = read_csv(table).places
    assert record["id"] == "lib"
    assert record["name"] == {"ko": "도서관", "en": "Library"}
    assert record["floors"] == {"above": 5, "below": 1}
    assert record["aliases"] == ["중도", "책방"]
    assert record["features"] == [{"ko": "열람실"}, {"ko": "카페"}]
    assert record["details"]["hours"] == {"ko": "월-금 09:00, 토 10:00"}
    assert record["minutes"] == 3
    assert set(record["sources"].values()) == {"places.csv line 2"}
    assert {"name.en", "details.fee", "point"} <= record["sources"].keys()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_korean_headers_in_every_encoding_korean_tables_come_in(
    tmp_path: Path, encoding: str
) -> None:
    text = (
        "이름,영문이름,종류,번호,위도,경도,층수,지하,도보,별칭,시설,운영시간,전화,요금,홈페이지\r\n"
        "본관,Main Hall,행정건물,101,37.55,127.04,5,,2,신본관,총장실,,,,\r\n"
        "정문,,출입구,,37.551,127.04,,,,,,,,,\r\n"
    )
    imported = read_csv(_table(tmp_path, text, encoding))
    write_venue(imported, tmp_path / "venue", name="작은 동네", venue_id="small", origin="p2")
    place, _ = folder.load(tmp_path / "venue").places
    assert (place.id, place.code, place.minutes) == ("101", "101", 2)
    assert (place.name.ko, place.name.en, place.kind.ko) == ("본관", "Main Hall", "행정건물")


def test_ids_are_the_given_ones_else_the_codes_else_counted(tmp_path: Path) -> None:
    text = "id,name,code\nx,가,1\n,나,2\n,다,\n,라,2\n,마,제3관\n"
    ids = [p["id"] for p in read_csv(_table(tmp_path, text)).places]
    assert ids == ["x", "2", "p3", "p4", "p5"]


def test_a_row_can_name_its_own_source_and_empty_lines_are_skipped(tmp_path: Path) -> None:
    text = "name,source\n가,안내도\n\n,\n나,\n"
    one, two = read_csv(_table(tmp_path, text)).places
    assert one["sources"]["name"] == "안내도"
    assert two["sources"]["name"] == "places.csv line 5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no column name, name_ko or 이름"),
        ("name\n", "no place in it"),
        ("kind,lat\ncafe,1\n", "no column name, name_ko or 이름"),
        ("name,colour\n가,빨강\n", r"unknown column 'colour'; known are id, name \(이름\)"),
        ("name,이름\n가,나\n", "the column 이름 is there twice"),
        ("name,lat,lon\n가,37,127\n나,서른,127\n", r"line 3, column lat: expected degrees .* found '서른'"),
        ("이름,위도,경도\n가,91,127\n", "line 2, column 위도: expected degrees from -90 to 90"),
        ("name,lat,lon\n가,nan,1\n", "column lat"),
        ("name,lat,lon\n가,1,\n", "column lon: expected both lat and lon"),
        ("name,minutes\n가,2.5\n", "column minutes: expected a whole number"),
        ("이름,층수\n가,오층\n", "column 층수: expected a whole number .* found '오층'"),
        ("name\n가\n \nname,나\n", "2 values for 1 columns"),
        ("id,name\n가,나\n", "column id: expected at most 64 letters"),
        ("id,name\nx,나\nx,다\n", "line 3, column id: expected an id that no other place has"),
        ("id,name\nx,\n", "line 2, column name: expected a name"),
        ("name,code\n가,12345678901234567\n", "column code: expected at most 16 characters"),
        ('name,kind\n"가,나\n', "not CSV"),
    ],
)  # fmt: skip
def test_a_bad_table_gets_one_sentence_with_the_spot(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(GiljabiError, match=said) as error:
        read_csv(_table(tmp_path, text))
    assert "places.csv" in str(error.value)
    assert "\n" not in str(error.value)


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"name\n\xff\xff\x81\n")
    with pytest.raises(GiljabiError, match="neither UTF-8 nor CP949"):
        read_csv(tmp_path / "x.csv")
    with pytest.raises(GiljabiError, match="cannot be read"):
        read_csv(tmp_path / "y.csv")


def test_every_column_is_read(tmp_path: Path) -> None:
    values = {"name": "가", "lat": "37", "lon": "127", "floors": "1", "below": "1", "minutes": "1"}
    row = ",".join(values.get(c, "x") for c in COLUMNS)
    (record,) = read_csv(_table(tmp_path, ",".join(COLUMNS) + "\n" + row + "\n")).places
    said = json.dumps({k: v for k, v in record.items() if k != "sources"})
    assert said.count('"x"') == 11


# ---------------------------------------------------------------- GeoJSON

WEST, MIDDLE, EAST = [127.0, 37.0], [127.001, 37.0], [127.002, 37.0]


def test_points_areas_and_lines_become_places_and_walkways(tmp_path: Path) -> None:
    square = [[[127.0019, 37.0002], [127.0021, 37.0002], [127.0021, 37.0004], [127.0019, 37.0004]]]
    imported = read_geojson(
        _drawing(
            tmp_path,
            _feature("Point", WEST, name="정문", id="gate", 종류="출입구", aliases=["문"]),
            _feature("Polygon", square, name_ko="도서관", code=211, floors=5),
            _feature("LineString", [WEST, MIDDLE], step_free=True),
            _feature("LineString", [[127.001, 37.00001], EAST], kind="stairs"),
            _feature("Point", MIDDLE, note="no name, no place"),
        )
    )
    assert [p["id"] for p in imported.places] == ["gate", "211"]
    assert imported.places[1]["point"] == {"lat": 37.0003, "lon": 127.002}
    graph = Graph(_venue(imported, tmp_path / "venue"))
    route = graph.route("gate", "211")
    assert route.metres == pytest.approx(178 + 33, abs=3)
    assert [leg.link.kind for leg in route.legs] == ["stairs"]
    with pytest.raises(NoRoute):
        graph.route("gate", "211", "step-free")


@pytest.mark.parametrize(("gap", "joined"), [(1.5, True), (3.0, False)])
def test_lines_meet_where_their_ends_are_two_metres_apart(
    tmp_path: Path, gap: float, joined: bool
) -> None:
    near = [127.001, 37.0 + gap / 111_195]
    imported = read_geojson(
        _drawing(
            tmp_path,
            _feature("MultiLineString", [[WEST, MIDDLE], [near, EAST]]),
            _feature("Point", WEST, name="가"),
            _feature("Point", EAST, name="나"),
        )
    )
    assert len(imported.junctions) == (3 if joined else 4)


def test_a_line_that_crosses_at_a_shared_corner_can_be_turned_into(tmp_path: Path) -> None:
    north = [127.001, 37.001]
    imported = read_geojson(
        _drawing(
            tmp_path,
            _feature("LineString", [WEST, MIDDLE, EAST], step_free="yes"),
            _feature("LineString", [MIDDLE, north], step_free="yes"),
            _feature("Point", WEST, name="가"),
            _feature("Point", north, name="나"),
        )
    )
    route = Graph(_venue(imported, tmp_path / "v")).route("p1", "p2", "step-free")
    assert route.metres == pytest.approx(202, abs=2)
    assert not route.estimated


def test_a_place_may_be_called_like_a_junction(tmp_path: Path) -> None:
    imported = read_geojson(
        _drawing(
            tmp_path,
            _feature("LineString", [WEST, EAST]),
            _feature("Point", WEST, name="가", id="j1"),
        )
    )
    assert "j1" not in imported.junctions
    assert _venue(imported, tmp_path / "v").junctions


def test_lines_of_a_real_drawing_join_with_places_beside_them(tmp_path: Path) -> None:
    if not PATHS.is_file():
        pytest.skip("../shared/venue is not here")
    whole = json.loads(PATHS.read_text("utf-8"))
    ends = [f["geometry"]["coordinates"][i] for f in whole["features"] for i in (0, -1)]
    whole["features"] += [_feature("Point", p, name=f"곳 {n}") for n, p in enumerate(ends)]
    for f in whole["features"]:
        kind = f["properties"].get("kind")
        f["properties"]["kind"] = kind if kind in ("path", "stairs") else "walk"
    imported = read_geojson(_drawing(tmp_path, *whole["features"]))
    assert len(imported.junctions) > 20
    assert len(Graph(_venue(imported, tmp_path / "v")).route("p1", "p4").line) > 2


@pytest.mark.parametrize(
    ("feature", "said"),
    [
        ({"type": "Feature", "geometry": None}, "feature 0: its geometry is none of"),
        ("x", "feature 0: its geometry is none of"),
        (_feature("Circle", WEST, name="x"), "its geometry is none of"),
        (_feature("Point", [1], name="x"), r"expected \[longitude, latitude\]"),
        (_feature("Point", [37.0, 127.0], name="x"), r"expected \[longitude, latitude\] in degrees"),
        (_feature("Polygon", [], name="x"), "its coordinates should be a list"),
        (_feature("LineString", [WEST]), "a line needs two points"),
        (_feature("LineString", [WEST, EAST], kind="teleport"), "kind 'teleport' is none of walk"),
        (_feature("LineString", [WEST, EAST], kind=["walk"]), "kind"),
        (_feature("LineString", [WEST, EAST], step_free="perhaps"), "step_free should be"),
        (_feature("Point", WEST, name="x", floors="five"), "feature 0, column floors"),
        (_feature("Point", WEST), "no place in it"),
        ({"geometry": {"type": "Point", "coordinates": WEST}, "properties": 3}, "properties should be"),
    ],
)  # fmt: skip
def test_a_bad_feature_gets_one_sentence_with_the_spot(
    tmp_path: Path, feature: object, said: str
) -> None:
    with pytest.raises(GiljabiError, match=said) as error:
        read_geojson(_drawing(tmp_path, feature))
    assert "map.geojson" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["[]", "{}", '{"features": 3}'])
def test_json_that_is_no_feature_collection(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.geojson").write_text(text)
    with pytest.raises(GiljabiError, match="not a GeoJSON FeatureCollection"):
        read_geojson(tmp_path / "x.geojson")
