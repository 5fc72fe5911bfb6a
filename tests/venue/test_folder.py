from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.spoken import spoken
from giljabi.venue import folder
from giljabi.venue.place import Venue

ROOT = Path(__file__).parents[2]


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, Callable[[str], str]], Path]:
    """A copy of the hospital with one file changed."""

    def change(part: str, edit: Callable[[str], str]) -> Path:
        copy = tmp_path / "venue"
        if not copy.exists():
            shutil.copytree(ROOT / "tests" / "venues" / "hospital", copy)
        file = copy / part
        file.write_text(edit(file.read_text("utf-8") if file.exists() else ""), "utf-8")
        return copy

    return change


def _edit(index: int, **fields: object) -> Callable[[str], str]:
    def edit(text: str) -> str:
        records = json.loads(text)
        records[index] |= fields
        return json.dumps(records, ensure_ascii=False)

    return edit


@pytest.mark.parametrize(
    ("part", "edit", "said"),
    [
        ("places.json", _edit(2, minutes="two"), r"places\.json: record 2 \(id pharmacy\), field minutes"),
        ("places.json", _edit(2, colour="red"), r"record 2 \(id pharmacy\)"),
        ("places.json", _edit(2, id="reception"), r"record 2 \(id reception\): this id occurs twice"),
        ("places.json", _edit(1, area="moon"), r"reception: area moon is not in venue\.toml"),
        ("places.json", lambda t: t[:-20], r"places\.json, line \d+: not JSON"),
        ("places.json", _edit(1, neighbours=[{"name": "x", "side": "left", "place": "x"}]), "neighbour x is not"),
        ("links.csv", lambda t: t.replace("lift,lift2,lift", "lift,lift2,teleport"), r"line 8, field kind: .*'teleport'"),
        ("links.csv", lambda t: t + "cafe,moon,walk,1,,yes,,,,x\n", "moon is not a place"),
        ("links.csv", lambda t: t.replace(",30,", ",thirty,"), r"links\.csv, line 2"),
        ("routes.json", lambda _: '[{"to": "cafe"}]', r"routes\.json: record 0"),
        ("corrections.toml", lambda _: '[[correction]]\nplace="moon"\nfield="minutes"\nvalue=1\nreason="r"\nsource="s"',
         "there is no place moon"),
        ("corrections.toml", lambda _: '[[correction]]\nplace="cafe"\nfield="minutes"\nvalue=1', "reason is missing"),
        ("corrections.toml", lambda _: "= nonsense", "not TOML"),
        ("venue.toml", lambda t: t.replace('origin = "main-door"', 'origin = "moon"'), "origin moon is not a place"),
        ("venue.toml", lambda t: t.replace('id = "haemaru"', ""), "toml: id is missing"),
    ],
)  # fmt: skip
def test_a_bad_file_gets_one_sentence_with_the_spot(
    broken: Callable[..., Path], part: str, edit: Callable[[str], str], said: str
) -> None:
    with pytest.raises(GiljabiError, match=said) as error:
        folder.load(broken(part, edit))
    assert "\n" not in str(error.value).strip()


def test_no_venue_folder_says_so(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"has no venue\.toml"):
        folder.load(tmp_path)


def test_the_hash_follows_the_files(broken: Callable[..., Path], hospital: Venue) -> None:
    changed = broken("places.json", _edit(1, minutes=9))
    assert folder.load(changed).hash != hospital.hash
    assert folder.load(ROOT / "tests" / "venues" / "hospital").hash == hospital.hash


def test_a_correction_keeps_what_it_replaced(hanyang: Venue) -> None:
    field = hanyang.place("301")
    assert field.minutes == 5
    assert field.original("minutes") == 1
    assert field.source("minutes").startswith("hanyang_coordinates.json")
    assert field.sources["minutes"] == "campus.json 301"


def test_every_neighbour_resolves_but_one_district(hanyang: Venue) -> None:
    loose = [(p.id, n.name) for p in hanyang.places for n in p.neighbours if n.place is None]
    assert loose == [("810", "사근동")]


def test_the_gate_is_spelt_right(hanyang: Venue) -> None:
    said = [p.name.ko for p in hanyang.places]
    said += [s.ko for d in hanyang.directions for s in d.steps]
    assert not any("예지문" in s or "에지문" in s for s in said)
    assert {n.place for p in hanyang.places for n in p.neighbours if n.name == "예지문"} == {"104"}


def test_all_169_places_ship_with_a_source_for_every_field(hanyang: Venue) -> None:
    assert sum(p.area in ("campus", "1km", "2km") for p in hanyang.places) == 169
    for p in hanyang.places:
        for name in ("name", "kind", "code", "minutes", "floors", "features", "point", "transit"):
            if name != "code" or p.area == "campus":
                assert not getattr(p, name) or p.source(name), (p.id, name)


def test_writing_is_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    folder.write_json(target, [1])
    with pytest.raises(TypeError):
        folder.write_json(target, [object()])
    assert json.loads(target.read_text()) == [1]
    assert list(tmp_path.iterdir()) == [target]


def test_a_venue_says_how_its_own_words_are_read_aloud(hospital: Venue) -> None:
    assert (
        spoken("3T MRI는 2층이에요.", readings=hospital.readings)
        == "쓰리티 엠알아이는 이 층이에요."
    )
