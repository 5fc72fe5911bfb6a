"""What `giljabi export compare` promises, measured on a tiny model."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tiny_gguf
from click.testing import CliRunner

from giljabi.cli.export_quantise import compare as verb
from giljabi.errors import GiljabiError
from giljabi.export import compare as comparing
from giljabi.export import compare_report, modelfile, parity, quantise
from giljabi.export.compare import Asking, Options, Subject, compare, subject
from giljabi.export.compare_measure import Task, Timing, timed
from giljabi.export.parity import Sample

pytest.importorskip("cyllama")
pytest.importorskip("xllamacpp")

SAMPLES = [Sample("", "people who ask the way are usually in a hurry.")]
SHORT = Options(types=("Q4_0",), rounds=2, tokens=8, n_ctx=512, threads=1, samples=SAMPLES)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """full.gguf, the same trimmed of three letters with its record, and an adapter."""
    folder = tmp_path_factory.mktemp("models")
    full = tiny_gguf.write(folder / "full.gguf")
    trimmed = tiny_gguf.write(folder / "trimmed.gguf", drop=("길", "을", "z"))
    modelfile.record(trimmed, "trim", {"base": full})
    tiny_gguf.write_adapter(folder / "lora.gguf")
    return folder


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Timing without a model: what was timed, in order; the third is slow."""
    asked: list[str] = []

    def fake(task: Task) -> Timing:
        asked.append(Path(task.path).stem.partition("-")[0] + ("+" if task.adapter else ""))
        return Timing(0.1, 0.2, 50.0 / len(set(asked)), 100.0, 30)

    monkeypatch.setattr(comparing, "timed", fake)
    return asked


def test_a_row_for_each_file_with_and_without_adapter_and_each_old_quantisation(
    files: Path, tmp_path: Path, quick: list[str]
) -> None:
    given = [
        Subject(files / "full.gguf"),
        Subject(files / "full.gguf", files / "lora.gguf"),
        Subject(files / "trimmed.gguf"),
    ]
    rows = compare(given, tmp_path, SHORT)
    assert [row["name"] for row in rows[:3]] == ["full", "full+lora", "trimmed"]
    by_origin = {
        (row["made_from"], row["adapter"], row["type"]) for row in rows if row["made_from"]
    }
    assert by_origin == {
        (f"{name}.gguf", adapter, kind)
        for name, adapter in (("full", ""), ("full", "lora.gguf"), ("trimmed", ""))
        for kind in ("Q4_K_M", "Q4_0", "Q4_K_S")
    }
    full, over, trimmed = rows[:3]
    assert (full["kl"], full["top1"]) == (pytest.approx(0, abs=1e-6), 1.0)
    assert over["kl"] > 0.001
    # The same weights: among the kept tokens nothing changed.
    assert (trimmed["kl"], trimmed["top1"]) == (pytest.approx(0, abs=1e-5), 1.0)
    assert trimmed["vocabulary"] == full["vocabulary"] - 3
    assert trimmed["steps"] == ["trim"]
    made = [row for row in rows if row["made_from"] == "trimmed.gguf"]
    assert all(row["steps"] == ["trim"] for row in made)
    assert all(row["bytes"] < full["bytes"] / 2 for row in made)
    assert len(set(quick[: len(rows)])) == 3
    assert quick[: len(rows)] == quick[len(rows) :], "every round visits all rows in the same order"


def test_figures_are_kept_as_they_come_and_a_second_run_goes_on(
    files: Path, tmp_path: Path, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [Subject(files / "full.gguf")]
    whole = parity.compare

    def dies(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(parity, "compare", dies)
    with pytest.raises(KeyboardInterrupt):
        compare(given, tmp_path, SHORT)
    timed_before = len(quick)
    monkeypatch.setattr(parity, "compare", whole)
    rows = compare(given, tmp_path, SHORT)
    assert len(quick) == timed_before == 2 * len(rows)
    made = sorted((tmp_path / "files").iterdir())
    times = [path.stat().st_mtime_ns for path in made]
    monkeypatch.setattr(parity, "compare", dies)
    monkeypatch.setattr(quantise, "make", dies)
    assert compare(given, tmp_path, SHORT) == rows
    assert [path.stat().st_mtime_ns for path in made] == times
    assert not [path for path in tmp_path.rglob(".*") if path.is_file()]


def test_a_row_added_later_is_timed_beside_the_others_again(
    files: Path, tmp_path: Path, quick: list[str]
) -> None:
    compare([Subject(files / "full.gguf")], tmp_path, SHORT)
    before = len(quick)
    rows = compare(
        [Subject(files / "full.gguf"), Subject(files / "full.gguf", files / "lora.gguf")],
        tmp_path, SHORT,
    )  # fmt: skip
    assert len(quick) - before == 2 * len(rows)


def test_speed_is_relative_to_the_first_row_round_by_round(
    files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    speeds = iter([40.0, 20.0, 20.0, 20.0, 4.0, 2.0, 2.0, 2.0])  # the machine got busy
    monkeypatch.setattr(comparing, "timed", lambda task: Timing(1, 1, next(speeds), 1, 1))
    rows = compare([Subject(files / "full.gguf")], tmp_path, SHORT)
    assert [row["speed_ratio"] for row in rows] == [1.0, 0.5, 0.5, 0.5]


def test_a_quantised_source_is_de_quantised_for_the_comparison(
    files: Path, tmp_path: Path, quick: list[str]
) -> None:
    small = tmp_path / "small.gguf"
    quantise.make(files / "full.gguf", "Q8_0", small, threads=1)
    rows = compare([Subject(small)], tmp_path / "out", SHORT)
    assert [row["type"] for row in rows] == ["Q8_0", "F16", "Q4_K_M", "Q4_K_S", "Q4_0"]
    assert {row["made_from"] for row in rows[1:]} == {"small.gguf"}
    assert [row["name"] for row in rows[:3]] == ["small", "small-F16", "small-F16-Q4_K_M"]
    assert rows[1]["kl"] == pytest.approx(0, abs=1e-6)


def test_a_file_with_tokens_of_its_own_cannot_be_compared(
    files: Path, tmp_path: Path, quick: list[str]
) -> None:
    given = [Subject(files / "trimmed.gguf"), Subject(files / "full.gguf")]
    with pytest.raises(GiljabiError, match=r"token 'z' that trimmed.gguf has not.*--source"):
        compare(given, tmp_path, SHORT)
    with pytest.raises(GiljabiError, match="Nothing to compare"):
        compare([], tmp_path, SHORT)


def test_guide_accuracy_is_asked_once_a_row(files: Path, tmp_path: Path, quick: list[str]) -> None:
    asked: list[str] = []

    def ask(of: Subject) -> Mapping[str, float]:
        asked.append(of.path.name)
        return {"right": 3, "asked": 4, "by_model": 2}

    given = [Subject(files / "full.gguf")]
    rows = compare(given, tmp_path, SHORT, asking=Asking("set-1", ask))
    assert all((row["right"], row["asked"]) == (3, 4) for row in rows)
    compare(given, tmp_path, SHORT, asking=Asking("set-1", ask))
    assert len(asked) == len(rows)
    compare(given, tmp_path, SHORT, asking=Asking("set-2", ask))
    assert len(asked) == 2 * len(rows)


def test_a_file_is_timed_in_a_process_of_its_own(files: Path) -> None:
    found = timed(
        Task(str(files / "full.gguf"), "ask the way", str(files / "lora.gguf"), 8, 512, 1)
    )
    assert 0 < found.first_token_s < 60
    assert found.tokens_per_s > 0
    assert 10 < found.resident_mb < 2000
    assert found.prompt_tokens >= 11
    with pytest.raises(GiljabiError, match=r"nowhere\.gguf could not be measured"):
        timed(Task("nowhere.gguf", "ask", "", 8, 512, 1))


@pytest.mark.parametrize("name", ["full.gguf", "a+b.gguf"])
def test_an_adapter_is_named_after_a_plus(files: Path, name: str, tmp_path: Path) -> None:
    path = tiny_gguf.write(tmp_path / name)
    assert subject(str(path)) == Subject(path)
    lora = files / "lora.gguf"
    assert subject(f"{path}+{lora}") == Subject(path, lora)


ROW: dict[str, Any] = {
    "name": "a|b", "file": "a.gguf", "sha256": "0" * 64, "adapter": "", "made_from": "",
    "steps": ["trim", "merge"], "type": "Q4_0", "vocabulary": 54321, "bytes": 100_500_000, "rounds": 3,
    "load_s": 0.5, "first_token_s": 0.25, "tokens_per_s": 61.0, "resident_mb": 180.0, "prompt_tokens": 9,
    "speed_ratio": 1.5, "tokens": 99, "top1": 0.75, "kl": 0.125, "bits_per_byte": 1.5,
    "source_bits_per_byte": 1.25, "apart": 0, "passes": False, "right": 73, "asked": 150, "by_model": 40,
}  # fmt: skip


def test_the_report_says_it_in_markdown_json_and_a_picture(tmp_path: Path) -> None:
    paths = compare_report.write([ROW, ROW | {"right": 0, "asked": 0}], tmp_path, {"threads": 1})
    text, numbers, picture = (path.read_text("utf-8") for path in paths)
    row = next(line for line in text.splitlines() if line.startswith("| a"))
    assert row == (
        "| a\\|b | Q4_0 | trimmed, merged | 54,321 | 100.5 | 61.0 | 1.50× | 0.25 | 180 | 1.5000 | "
        "0.1250 | 75.0% | **fails** | 73 of 150 (49 %), 40 by model |"
    )
    assert "- threads: 1" in text
    assert json.loads(numbers)["rows"][0] == ROW
    root = ElementTree.fromstring(picture)
    charts = [child for child in root if child.tag.endswith("svg")]
    assert len(charts) == 7
    tops = [float(chart.attrib["y"]) for chart in charts]
    assert tops == sorted(set(tops))


def test_the_verb_writes_the_report(
    files: Path, tmp_path: Path, quick: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parity, "fixed_text", lambda: SAMPLES * 3)
    arguments = [
        str(files / "full.gguf"),
        "--type",
        "Q4_0",
        "--rounds",
        "1",
        "--out",
        str(tmp_path),
    ]
    result = CliRunner().invoke(verb, arguments)
    assert result.exception is None, result.output
    assert "| full | F16 |" in result.output
    assert {p.name for p in tmp_path.glob("compare.*")} == {
        "compare.md", "compare.json", "compare.svg",
    }  # fmt: skip
