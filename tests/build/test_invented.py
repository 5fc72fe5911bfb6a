"""Invented venues: the same seed the same bytes, nothing to mend, every kind of example."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from click.testing import CliRunner

from giljabi import korean
from giljabi.build import dataset
from giljabi.build.dataset import BuildOptions, plan
from giljabi.build.invented import FEWEST, KINDS, MOST, invent
from giljabi.build.invented_folder import write
from giljabi.build.maker import Maker
from giljabi.cli.data_invent import invent as verb
from giljabi.errors import GiljabiError
from giljabi.venue import folder, lint
from giljabi.venue.place import Venue

ONE = dict.fromkeys(dataset.KINDS, 1)


def names(venue: Venue) -> set[str]:
    return {p.name.ko for p in venue.places}


def written(into: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(into.iterdir())}


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_bytes_and_reads_back_equal(kind: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write(invent(kind, 3), tmp_path / name)
    assert written(tmp_path / "one") == written(tmp_path / "two")
    assert replace(folder.load(tmp_path / "one"), hash="") == invent(kind, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_another_seed_gives_other_names_and_another_ground(kind: str) -> None:
    one, two = invent(kind, 0), invent(kind, 1)
    assert one.name != two.name
    assert len(names(one) & names(two)) < len(one.places) / 3
    assert one.links != two.links


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("places", [FEWEST, MOST])
def test_it_has_as_many_places_as_asked_for_and_no_error(kind: str, places: int) -> None:
    for seed in range(2):
        venue = invent(kind, seed, places)
        assert len(venue.places) == places
        assert [f for f in lint.check(venue) if f.severity == "error"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_is_held_by_some_places_and_missing_from_others(kind: str) -> None:
    venue = invent(kind, 0)
    held = Counter(
        field
        for p in venue.places
        for field in ("aliases", "floors", "features", "point", "minutes", "distance_km",
                      "neighbours", "transit", "details", "inside")
        if getattr(p, field)
    )  # fmt: skip
    assert all(0 < n < len(venue.places) for n in held.values())
    assert len(held) == 10
    assert {d.rank for d in venue.directions} == {1, 2}
    assert any(x.hint for x in venue.links)


@pytest.mark.parametrize("kind", KINDS)
def test_names_are_in_both_languages_and_end_in_vowels_and_consonants(kind: str) -> None:
    venue = invent(kind, 0)
    for p in venue.places:
        assert p.name.en
        assert not korean.has_hangul(p.name.en)
        assert not korean.foreign_script(p.name.ko)
    endings = {korean.final_sound(p.label("ko")) for p in venue.places}
    assert "" in endings
    assert len(endings) >= 3


def test_no_name_is_one_of_hanyang_or_of_the_strangers(hanyang: Venue) -> None:
    known = {a for p in hanyang.places for a in (p.name.ko, p.name.en or "", *p.aliases)}
    strangers = tomllib.loads((files("giljabi.build") / "asking.toml").read_text("utf-8"))
    first = set(strangers["strangers"]["ko"]["first"].split())
    table = tomllib.loads((files("giljabi.build") / "invented.toml").read_text("utf-8"))
    assert not first & {w.partition("=")[0] for w in table["stems"].split()}
    for kind in KINDS:
        for seed in range(2):
            own = [p for p in invent(kind, seed).places if p.area == "campus"]
            assert not known & {n for p in own for n in (p.name.ko, p.name.en, *p.aliases)}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_example_is_made(kind: str) -> None:
    venue = invent(kind, 5, FEWEST)
    maker = Maker(venue)
    jobs = plan(venue, BuildOptions(counts=ONE, languages=("ko",), val_share=0.0)).jobs
    made: Counter[str] = Counter()
    for job in [j for j in jobs if j.place.startswith(("B", "N"))]:
        examples, _ = maker.make(job)
        made.update(e.kind for e in examples)
        if len(made) == len(dataset.KINDS):
            break
    assert set(made) == set(dataset.KINDS)


def test_the_verb_writes_a_folder_and_keeps_what_stands_there(tmp_path: Path) -> None:
    out = tmp_path / "park"
    asked = ["park", "--seed", "7", "--places", "15", "--out", str(out)]
    done = CliRunner().invoke(verb, asked)
    assert done.exit_code == 0
    assert "15 places" in done.output
    assert len(json.loads((out / "places.json").read_text("utf-8"))) == 15
    before = written(out)
    again = CliRunner().invoke(verb, asked)
    assert isinstance(again.exception, GiljabiError)
    assert written(out) == before


def test_what_cannot_be_invented_is_said_in_a_sentence() -> None:
    with pytest.raises(GiljabiError, match="Unknown kind of venue 'zoo'"):
        invent("zoo", 0)
    with pytest.raises(GiljabiError, match="12 to 60 places, not 5"):
        invent("park", 0, 5)
