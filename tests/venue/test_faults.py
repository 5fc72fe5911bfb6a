"""Faults of a venue folder as a user meets them: one sentence naming the file and the record."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from giljabi.cli import main
from giljabi.venue import folder
from giljabi.venue.names import Names
from giljabi.venue.place import Text, Venue

HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"
LINKS = "a,b,kind,metres,minutes,step_free,estimated,hint_ko,hint_en,source\n"

Change = Callable[[str], str]


@pytest.fixture
def refused(tmp_path: Path) -> Callable[[str, str | bytes | Change], str]:
    """What `venue check` says of the hospital after one change, when it refuses to read it."""

    def check(part: str, change: str | bytes | Change) -> str:
        copy = tmp_path / "venue"
        shutil.copytree(HOSPITAL, copy)
        new = change((copy / part).read_text("utf-8")) if callable(change) else change
        (copy / part).write_bytes(new if isinstance(new, bytes) else new.encode())
        result = CliRunner().invoke(main, ["venue", "check", "--venue", str(copy)])
        assert result.exit_code == 2, result.output
        assert len(result.stderr.splitlines()) == 1
        assert len(result.stderr) < 600
        assert part in result.stderr
        return result.stderr

    return check


def _head(line: str, instead: str) -> Change:
    """venue.toml with the lines that begin with `line` replaced."""

    def change(text: str) -> str:
        assert any(x.startswith(line) for x in text.splitlines())
        return "\n".join(instead if x.startswith(line) else x for x in text.splitlines())

    return change


def _areas(instead: str) -> Change:
    return lambda text: text.replace("[areas]\n", "").replace("campus =", instead + "\n#")


def _place(**fields: object) -> Change:
    """places.json with fields of its third record, the pharmacy, replaced."""

    def change(text: str) -> str:
        records = json.loads(text)
        records[2] |= fields
        return json.dumps(records)

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_head("format", "format = 99"), "field format: should be 1"),
        (_head("id", 'id = "../../x"'), "field id: should be"),
        (_head("id", 'id = ".."'), "field id: should be"),
        (_head("id", "id = 3"), "field id: should be"),
        (_head("name", 'name = "x"'), "field name: should be"),
        (_head("name", 'name = { ko = "  " }'), "field name.ko: should be"),
        (_head("origin", 'origin = ["main-door"]'), "field origin: should be"),
        (_head("origin", 'origin = "main-door"\norigin_also = ["zz"]'), "origin_also zz is not a place"),
        (_head("languages", 'languages = "ko"'), "field languages: should be"),
        (_head("languages", 'languages = ["ko", "fr"]'), "field languages.1: should be one of ko, en, found 'fr'"),
        (_head("languages", "languages = []"), "field languages: should be"),
        (_head("languages", ""), "languages is missing"),
        (_head("own_names", "own_names = [1, 2]"), "field own_names.0: should be"),
        (_head("own_names", "own_names = 5"), "field own_names: should be"),
        (_head("readings", 'readings = { MRI = "MRI" }'), "field readings.MRI: should be"),
        (_areas("areas = [1]"), "field areas: should be"),
        (_areas('areas = "x"'), "field areas: should be"),
        (_areas('areas = { campus = "x" }'), "field areas.campus: should be"),
        (_head("survey", "survey = 1"), "field sources.survey: should be"),
        (b"\xb0\xa1", "not UTF-8"),
        ("a = " + "[" * 5000, "nested too deeply"),
        ("a = " + "9" * 5000, "venue.toml"),
    ],
)  # fmt: skip
def test_venue_toml(refused: Callable[..., str], change: str | bytes | Change, said: str) -> None:
    assert said in refused("venue.toml", change)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_place(name={"ko": "  "}), "record 2 (id pharmacy), field name.ko: should be"),
        (_place(aliases=[" "]), "record 2 (id pharmacy), field aliases.0: should be"),
        (_place(id="../x"), "record 2 (id ../x), field id: should be"),
        (_place(id="x\n"), "record 2, field id: should be"),
        (_place(point={"lat": float("nan"), "lon": 1.0}), "(id pharmacy), field point.lat: should be"),
        (_place(minutes=-5), "(id pharmacy), field minutes: should be a whole number from 0 to 10000, found -5"),
        (_place(minutes=3.0), "(id pharmacy), field minutes: should be a whole number"),
        (_place(minutes=10**400), "(id pharmacy), field minutes: should be"),
        (_place(distance_km=float("inf")), "(id pharmacy), field distance_km: should be"),
        (_place(name={"ko": "\ud800"}), "record 2 (id pharmacy): half a character"),
        ("null", "should be a list"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 900 + "]" * 900, "record 0"),
        ("[" + "9" * 5000 + "]", "number of too many digits"),
        (b'[{"id": "\xb0\xa1"}]', "not UTF-8"),
    ],
)  # fmt: skip
def test_places_json(refused: Callable[..., str], change: str | bytes | Change, said: str) -> None:
    assert said in refused("places.json", change)


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("links.csv", b"a,b,kind\n\xb0\xa1\n", "not UTF-8"),
        ("links.csv", "a,b\nlift,stairs\n", "column kind is missing"),
        ("links.csv", LINKS + "cafe,lift,walk,-5,,yes,,,,\n", "line 2, field metres: should be"),
        ("links.csv", LINKS + "cafe,lift,walk,nan,,yes,,,,\n", "line 2, field metres: should be"),
        ("links.csv", LINKS + "cafe,lift,walk,inf,,yes,,,,\n", "line 2, field metres: should be"),
        ("links.csv", LINKS + "cafe,lift,walk,5,-3,yes,,,,\n", "line 2, field minutes: should be"),
        ("links.csv", LINKS + "cafe,lift,walk,5,,maybe,,,,\n", "line 2, field step_free: should be"),
        ("links.csv", LINKS + "cafe,lift,walk,5,,yes,,,,,,x\n", "line 2: more values than columns"),
        ("links.csv", LINKS + "x" * 200_000, "not CSV"),
        ("junctions.csv", b"id,lat,lon\n\xb0\xa1,1,2\n", "not UTF-8"),
        ("junctions.csv", "id,lat,lon\nj,nan,2\n", "line 2, field lat: should be"),
        ("junctions.csv", "id,lat,lon\n../j,1,2\n", "line 2, field id: should be"),
        ("routes.json", "5", "should be a list"),
        ("routes.json", "[5]", "record 0: should be"),
        ("routes.json", '{"a": 1}', "should be a list"),
        ("routes.json", '[{"to": "cafe", "from": "main-door", "rank": 1, "steps": [], "source": ""}]',
         "record 0, field steps: should be"),
        ("routes.json", '[{"to": "cafe", "from": "main-door", "rank": 1, "steps": [{"ko": 5}], "source": ""}]',
         "record 0, field steps.0.ko: should be"),
        ("routes.json", '[{"to": "cafe", "from": "main-door", "rank": "1", "steps": [{"ko": "x"}], "source": ""}]',
         "record 0, field rank: should be"),
    ],
)  # fmt: skip
def test_the_other_files(
    refused: Callable[..., str], part: str, change: str | bytes, said: str
) -> None:
    assert said in refused(part, change)


def _mend(field: str, value: str, place: str = '"cafe"') -> str:
    return (
        f'[[correction]]\nplace={place}\nfield="{field}"\nvalue={value}\nreason="r"\nsource="s"\n'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("correction = 5", "field correction: should be"),
        ("correction = [5]", "correction 1: should be"),
        (_mend("minutes", '"x"'), "correction 1, value: should be a whole number"),
        (_mend("minutes", "-1"), "correction 1, value: should be a whole number"),
        (_mend("distance_km", "nan"), "correction 1, value: should be"),
        (_mend("floors", '"x"'), "correction 1, value: should be"),
        (_mend("point", "{ lat = 1 }"), "correction 1, value: lon is missing"),
        (_mend("name", '{ ko = " " }'), "correction 1, value, field ko: should be"),
        (_mend("colour", '"x"'), "correction 1, field field: should be one of minutes"),
        (_mend("minutes", "1", place='["cafe"]'), "correction 1, field place: should be"),
        ("neighbour = 5", "field neighbour: should be"),
        ('[[neighbour]]\nname="x"\nplace="zzz"\nreason="r"\nsource="s"\n', "neighbour 1: there is no place zzz"),
        ('[[neighbour]]\nname="x"\nplace="cafe"\nsource="s"\n', "neighbour 1: reason is missing"),
    ],
)  # fmt: skip
def test_corrections(refused: Callable[..., str], text: str, said: str) -> None:
    assert said in refused("corrections.toml", text)


def test_a_byte_order_mark_and_a_language_said_twice_are_no_faults(tmp_path: Path) -> None:
    copy = tmp_path / "venue"
    shutil.copytree(HOSPITAL, copy)
    for part in ("venue.toml", "places.json", "links.csv"):
        (copy / part).write_text((copy / part).read_text("utf-8"), "utf-8-sig")
    head = _head("languages", 'languages = ["ko", "ko"]')((copy / "venue.toml").read_text("utf-8"))
    (copy / "venue.toml").write_text(head, "utf-8")
    venue = folder.load(copy)
    assert venue.languages == ("ko",)
    assert venue.places == folder.load(HOSPITAL).places


@pytest.mark.parametrize("name", [r"\d+", r"가\1관", "%s", "{0}", "1", "123번", "$1"])
@pytest.mark.parametrize("asked", ["{name}이랑 2관", "{name} or 3", "{name} and 3"])
def test_a_name_is_never_a_pattern(hospital: Venue, name: str, asked: str) -> None:
    odd = hospital.places[0].__class__("odd", Text(name, name), Text("방", "room"), "campus")
    names = Names(Venue("v", Text("곳"), "odd", ("ko", "en"), (odd, *hospital.places)))
    names.find(asked.format(name=name))


def test_a_second_number_after_and_is_heard_as_after_or() -> None:
    halls = [(f"{n}", Text(f"법학{n}관", f"Law Building {n}")) for n in (1, 3)]
    places = tuple(
        folder.place_from_json(
            {"id": i, "name": {"ko": t.ko, "en": t.en}, "kind": {"ko": "관"}, "area": "campus"}
        )
        for i, t in halls
    )
    names = Names(Venue("v", Text("곳"), "1", ("ko", "en"), places))
    for word in ("or", "and"):
        found = names.find(f"Law Building 1 {word} 3")
        assert [m.places for m in found] == [("1",), ("3",)], word
