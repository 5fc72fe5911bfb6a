"""A venue to a training set: what is in it, what is kept apart, and that nothing breaks it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small import HOSPITAL, SMALL, rows_of

from giljabi import korean
from giljabi.answer.guide import Guide
from giljabi.answer.write import messages
from giljabi.build.audit import audit
from giljabi.build.dataset import KINDS, BuildOptions, build, plan
from giljabi.build.maker import Maker
from giljabi.build.teacher import TeacherOptions
from giljabi.errors import GiljabiError
from giljabi.model.prompt import TEMPLATES
from giljabi.venue.place import Venue

ONLY_BASIC = {kind: int(kind == "basic") for kind in KINDS}


def every(folder: Path) -> list[dict]:
    return rows_of(folder, "train") + rows_of(folder, "val")


def test_every_place_and_language_gets_what_was_asked_for(built: Path) -> None:
    manifest = json.loads((built / "manifest.json").read_text("utf-8"))
    counts = Counter((r["lang"], r["place"], r["kind"]) for r in every(built))
    places = {r["place"] for r in every(built)}
    assert not manifest["short"]
    for place in places:
        for kind, n in SMALL.items():
            assert counts["ko", place, kind] == n
            assert counts["en", place, kind] == (0 if kind == "plain" else n)


def test_the_default_is_forty_pairs_of_four_kinds() -> None:
    assert [KINDS[k] for k in ("basic", "route", "location", "complex")] == [10, 12, 10, 8]


def test_every_answer_passes_the_checker_a_served_answer_passes(
    built: Path, hospital: Venue
) -> None:
    maker = Maker(hospital)
    for row in every(built):
        turns = [m["content"] for m in row["conversation"] if m["role"] == "user"]
        facts = maker.facts(turns, row["lang"])
        assert not maker.problem(row["messages"][-1]["content"], facts), row["id"]


def test_the_prompt_is_byte_for_byte_what_a_tuned_model_is_served(
    built: Path, hospital: Venue
) -> None:
    """The guide is handed a tuned generator that keeps what it was asked."""

    class Keeps:
        name, tuned = "keeps", True

        def stream(self, asked, **_):
            self.asked = list(asked)
            yield "모르겠습니다."

    generator = Keeps()
    guide = Guide(hospital, generator)
    compared = 0
    for row in every(built):
        if (
            row["register"] in ("plain", "hamnida")
            or row["distractors"]
            or row["outcome"] != "found"
        ):
            continue
        history = row["conversation"][:-2]
        generator.asked = []
        from giljabi.answer.memory import Turn

        turns = [
            Turn(q["content"], a["content"])
            for q, a in zip(history[::2], history[1::2], strict=True)
        ]
        answer = guide.answer(row["conversation"][-2]["content"], turns, lang=row["lang"])
        if generator.asked:
            compared += 1
            assert generator.asked == row["messages"][:-1], row["id"]
            assert [f.id for f in answer.facts] == [f["id"] for f in row["facts"]]
    assert compared > 50


def test_every_row_renders_in_every_template(built: Path) -> None:
    for row in every(built)[::7]:
        for template in TEMPLATES.values():
            assert template.render(row["messages"][:-1])


def test_no_validation_place_and_no_validation_wording_is_in_training(built: Path) -> None:
    train, val = rows_of(built, "train"), rows_of(built, "val")
    manifest = json.loads((built / "manifest.json").read_text("utf-8"))
    assert val
    assert not {r["place"] for r in train} & {r["place"] for r in val}
    assert not {r["family"] for r in train} & {r["family"] for r in val}
    assert {r["place"] for r in val} == set(manifest["validation_places"])


def test_the_audit_finds_nothing_in_it(built: Path, hospital: Venue) -> None:
    found = audit([built], hospital)
    assert {r.name: r.count for r in found.rules if r.fault and r.count} == {}
    assert found.rows["train"] + found.rows["val"] == len(every(built))


def test_refusals_are_the_served_refusals(built: Path, hospital: Venue) -> None:
    guide = Guide(hospital)
    rows = [r for r in every(built) if r["kind"] in ("unknown_place", "unknown_fact")]
    assert {r["outcome"] for r in rows} == {"no_such_place", "not_in_data"}
    for row in rows:
        question = row["conversation"][-2]["content"]
        assert row["messages"][-1]["content"] == guide.answer(question, lang=row["lang"]).text
        assert any(w in row["messages"][-1]["content"] for w in ("모르겠습니다", "don't know"))


def test_a_register_is_kept_through_the_answer(built: Path) -> None:
    plain = [r for r in every(built) if r["register"] == "plain"]
    assert plain
    for row in plain:
        assert "반말" in row["messages"][0]["content"]
        assert "요." not in row["messages"][-1]["content"]
        assert "니다." not in row["messages"][-1]["content"]
    for row in every(built):
        if row["register"] == "hamnida":
            assert "요." not in row["messages"][-1]["content"].replace("세요.", "")


def test_follow_ups_have_two_to_four_turns_and_name_the_place_only_once(built: Path) -> None:
    rows = [r for r in every(built) if r["kind"] == "follow_up"]
    for row in rows:
        assert 2 <= len(row["conversation"]) / 2 <= 4
    assert {len(r["conversation"]) // 2 for r in rows} > {2}


def test_distractors_are_shown_and_not_said(built: Path) -> None:
    for row in every(built):
        if row["kind"] == "distractor":
            assert row["distractors"] > 0
            asked_about = {f["subject"] for f in row["facts"][: -row["distractors"]]}
            assert any(f["subject"] not in asked_about for f in row["facts"][-row["distractors"] :])


def test_english_answers_hold_no_hangul(built: Path) -> None:
    assert not [
        r["id"]
        for r in every(built)
        if r["lang"] == "en" and korean.has_hangul(r["messages"][-1]["content"])
    ]


def test_the_same_inputs_give_the_same_bytes(built: Path, tmp_path: Path) -> None:
    build(HOSPITAL, tmp_path / "again", BuildOptions(counts=SMALL, workers=2))
    for name in ("train.jsonl", "val.jsonl", "manifest.json"):
        assert (tmp_path / "again" / name).read_bytes() == (built / name).read_bytes()


def test_another_seed_gives_other_bytes(built: Path, tmp_path: Path) -> None:
    build(HOSPITAL, tmp_path / "other", BuildOptions(counts=SMALL, workers=1, seed=1))
    assert (tmp_path / "other" / "train.jsonl").read_bytes() != (built / "train.jsonl").read_bytes()


def _command(out: Path) -> list[str]:
    counts = [f"--count={kind}={n}" for kind, n in SMALL.items()]
    return [
        sys.executable,
        "-m",
        "giljabi.cli",
        "data",
        "build",
        str(HOSPITAL),
        "--out",
        str(out),
        *counts,
    ]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_build_goes_on_and_ends_in_the_same_bytes(
    built: Path, tmp_path: Path, how: int
) -> None:
    out = tmp_path / "killed"
    process = subprocess.Popen(_command(out), stderr=subprocess.PIPE, start_new_session=True)
    shards = out / ".shards"
    until = time.monotonic() + 60
    while len(list(shards.glob("*/*.jsonl"))) < 3 and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)
    if how == signal.SIGINT:
        process.send_signal(how)
    else:
        os.killpg(process.pid, how)
    _, errors = process.communicate(timeout=60)
    assert process.returncode != 0
    assert not (out / "manifest.json").exists()
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "goes on from here" in errors.decode()
    done = {p.name: p.stat().st_mtime_ns for p in shards.glob("*/*.jsonl")}
    build(HOSPITAL, out, BuildOptions(counts=SMALL, workers=1))
    assert done
    for name in ("train.jsonl", "val.jsonl", "manifest.json"):
        assert (out / name).read_bytes() == (built / name).read_bytes()
    assert not shards.exists()


def test_workers_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*_command(tmp_path / "d"), "--workers=2"],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while not list(tmp_path.glob("d/.shards/*/*.jsonl")):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.kill()
    process.wait()
    while _lives(process.pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


NOBODY = TeacherOptions("http://127.0.0.1:9", "m", attempts=1)


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A build that stopped when all its shards were made: its teacher is not there."""
    out = tmp_path_factory.mktemp("cut") / "off"
    with pytest.raises(GiljabiError, match="cannot be reached"):
        build(HOSPITAL, out, BuildOptions(counts=SMALL, workers=1, teacher=NOBODY))
    return out


@pytest.mark.parametrize(
    "broken",
    [
        lambda whole: b"",
        lambda whole: b"\xff garbage",
        lambda whole: whole[:-20],
        lambda whole: whole[: whole.rstrip().rindex(b"\n") + 1],
        lambda whole: whole.replace("요".encode(), "유".encode(), 1),
    ],
    ids=["empty", "garbage", "cut in a line", "cut at a line's end", "changed"],
)
def test_a_shard_that_is_not_as_it_was_written_is_made_again(
    broken: Callable[[bytes], bytes], cut_off: Path, built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d"
    shutil.copytree(cut_off, out)
    shard = next(out.glob(".shards/*/ko-*.jsonl"))
    shard.write_bytes(broken(shard.read_bytes()))
    (out / ".shards" / "note.txt").write_text("what a plain file does here")
    build(HOSPITAL, out, BuildOptions(counts=SMALL, workers=1))
    for name in ("train.jsonl", "val.jsonl", "manifest.json"):
        assert (out / name).read_bytes() == (built / name).read_bytes()
    assert not (out / ".shards").exists()


def test_a_data_set_stays_until_the_next_is_complete_and_then_goes(
    built: Path, tmp_path: Path
) -> None:
    out = tmp_path / "d"
    shutil.copytree(built, out)
    other = BuildOptions(counts=ONLY_BASIC, workers=1, layouts=("parquet",))
    with pytest.raises(GiljabiError, match="cannot be reached"):
        build(HOSPITAL, out, replace(other, teacher=NOBODY))
    for path in built.iterdir():
        assert (out / path.name).read_bytes() == path.read_bytes()
    build(HOSPITAL, out, other)
    assert {p.name for p in out.iterdir()} == {"train.parquet", "val.parquet", "manifest.json"}


def test_it_loads_with_datasets_from_either_form(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    out = tmp_path / "both"
    build(HOSPITAL, out, BuildOptions(counts=SMALL, workers=1, layouts=("jsonl", "parquet")))
    for form, suffix in (("json", "jsonl"), ("parquet", "parquet")):
        loaded = datasets.load_dataset(
            form,
            data_files={s: str(out / f"{s}.{suffix}") for s in ("train", "val")},
            cache_dir=str(tmp_path / form),
        )
        assert loaded["train"].num_rows == len(rows_of(out, "train"))
        assert loaded["val"][0]["messages"][-1]["role"] == "assistant"


def test_the_old_roads_messages_files_are_written_too(tmp_path: Path, hanyang: Venue) -> None:
    venue = Path(__file__).parents[2] / "venues" / "hanyang"
    out = tmp_path / "scopes"
    build(
        venue, out, BuildOptions(counts={k: int(k == "basic") for k in KINDS}, layouts=("scopes",))
    )
    names = {f"{s}_{a}_messages.json" for s in ("train", "val") for a in ("campus", "1km", "2km")}
    assert {p.name for p in out.iterdir()} == names | {"manifest.json"}
    first = json.loads((out / "train_campus_messages.json").read_text("utf-8"))[0]
    assert [m["role"] for m in first["messages"]] == ["user", "assistant"]


def test_what_makes_no_sense_is_refused_in_one_sentence(hospital: Venue, tmp_path: Path) -> None:
    for options, word in (
        (BuildOptions(counts={"poems": 3}), "poems"),
        (BuildOptions(counts={"basic": 0}), "above 0"),
        (BuildOptions(val_share=0.9), "0.9"),
        (BuildOptions(languages=("fr",)), "fr"),  # type: ignore[arg-type]
        (BuildOptions(layouts=("csv",)), "csv"),
        (BuildOptions(languages=()), "one language"),
        (BuildOptions(languages=("ko", "ko")), "once"),
        (BuildOptions(workers=-1), "-1 workers"),
    ):
        with pytest.raises(GiljabiError, match=word):
            plan(hospital, options)


@pytest.mark.parametrize("name", ["thesis.txt", "teacher.jsonl", "manifest.json"])
def test_a_folder_of_somebody_elses_is_left_alone(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text('{"mark": "A"}\n{"mark"')
    with pytest.raises(GiljabiError, match="not empty"):
        build(HOSPITAL, tmp_path, BuildOptions())
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == '{"mark": "A"}\n{"mark"'


def test_a_tuned_models_prompt_has_no_examples(hospital_maker: Maker) -> None:
    facts = hospital_maker.facts(("약국 몇 층이야?",), "ko")
    tuned = messages(facts, hospital_maker.notes(facts), tuned=True)
    assert [m["role"] for m in tuned] == ["system", "user"]
    assert len(messages(facts, hospital_maker.notes(facts))) > 2
