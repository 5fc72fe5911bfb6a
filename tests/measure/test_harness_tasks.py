"""The recorded benchmarks are those of the installed harness, and copies of their data are found."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from giljabi.errors import GiljabiError
from giljabi.measure import harness_tasks
from giljabi.measure.harness_tasks import catalogue, copied, table

OWN = Path(__file__).parent / "harness_tasks"
KOREAN = {"kobest", "kmmlu", "haerae", "hrm8k_gsm8k"}
ENGLISH = {"mmlu", "gsm8k", "ifeval", "arc_easy", "arc_challenge", "hellaswag", "winogrande"}
SPLITS = {"task": "t", "training_split": "train", "test_split": "test", "fewshot_split": "train"}


def find(*names: str, scratch: Path, own: Path | None = None, **data: Path) -> Any:
    pytest.importorskip("lm_eval", reason="needs the benchmark extra")
    return catalogue(names, scratch, tasks_dir=own, data=data)


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return path


def test_the_benchmarks_people_report_are_recorded() -> None:
    assert set(table()) == KOREAN | ENGLISH
    assert all(
        row.asks in {harness_tasks.LIKELIHOOD, harness_tasks.TEXT} for row in table().values()
    )


def test_the_installed_harness_has_them_as_recorded(tmp_path: Path) -> None:
    """Version, data set and what is asked for, of each of their tasks."""
    tasks = find(*table(), scratch=tmp_path)
    assert {name: len(tasks.members[name]) for name in ("kobest", "kmmlu", "haerae", "mmlu")} == {
        "kobest": 5, "kmmlu": 45, "haerae": 5, "mmlu": 57,
    }  # fmt: skip
    for name, row in table().items():
        assert {tasks.asks(task) for task in tasks.members[name]} == {row.asks}
        assert tasks.remote(name) == row.dataset


@pytest.mark.parametrize("changed", [{"version": 9.5}, {"group_version": 9.5}, {"dataset": "a/b"}])
def test_another_version_or_data_set_is_refused_naming_both(
    changed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {**table(), "kobest": replace(table()["kobest"], **changed)}
    monkeypatch.setattr(harness_tasks, "table", lambda: rows)
    (recorded,) = changed.values()
    installed = "skt/kobest_v1" if "dataset" in changed else "1.0"
    with pytest.raises(GiljabiError, match=rf"{recorded} is recorded.* has {installed};"):
        find("kobest_copa", scratch=tmp_path)
    assert find("haerae", scratch=tmp_path).members, "what is not asked for is not looked at"


@pytest.mark.parametrize("name", ["kobset", "kmmlu_direct", "lambada_openai"])
def test_a_benchmark_that_is_not_recorded_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=f"Unknown benchmark '{name}'; known: kobest, kmmlu"):
        find("kobest", name, scratch=tmp_path)


def test_a_folder_of_ones_own_is_searched_too(tmp_path: Path) -> None:
    tasks = find("ko_choice", "ko_group", "kobest_wic", own=OWN, scratch=tmp_path)
    assert tasks.members == {
        "ko_choice": ("ko_choice",), "ko_group": ("ko_choice",), "kobest_wic": ("kobest_wic",),
    }  # fmt: skip
    assert set(tasks.recorded) == {"kobest_wic"}
    assert tasks.remote("ko_choice") == ""


def test_without_the_harness_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness_tasks, "find_spec", lambda name: None)
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[benchmark\]'"):
        harness_tasks.need_harness()


# ---- copies of data ----


@pytest.mark.parametrize(
    ("names", "builder"),
    [
        (["train.jsonl", "test.jsonl"], "json"),
        (["train.json", "test.jsonl"], "json"),
        (
            ["train.parquet", "test-00000-of-00002.parquet", "test-00001-of-00002.parquet"],
            "parquet",
        ),
    ],
)
def test_a_file_of_each_split_is_found(names: list[str], builder: str, tmp_path: Path) -> None:
    for name in [*names, "testing.jsonl", "validation.parquet", "test.txt"]:
        lines(tmp_path / name, [])
    found = copied(SPLITS, tmp_path, alone=True)
    assert (found["dataset_path"], found["dataset_name"]) == (builder, None)
    files = found["dataset_kwargs"]["data_files"]
    assert {split: [Path(p).name for p in paths] for split, paths in files.items()} == {
        "train": names[:1],
        "test": names[1:],
    }


def test_a_task_s_own_part_of_a_data_set_comes_first(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "copa"):
        for split in ("train", "test"):
            lines(folder / f"{split}.jsonl", [])
    config = {**SPLITS, "dataset_name": "copa"}
    files = copied(config, tmp_path, alone=False)["dataset_kwargs"]["data_files"]
    assert files["test"] == [str(tmp_path / "copa" / "test.jsonl")]
    other = {**config, "dataset_name": "wic"}
    assert copied(other, tmp_path, alone=True)["dataset_kwargs"]["data_files"]["test"] == [
        str(tmp_path / "test.jsonl")
    ]
    with pytest.raises(GiljabiError, match=r"wic holds no data of the split 'test'"):
        copied(other, tmp_path, alone=False)  # or five tasks would read the same file


def test_a_copy_of_the_hubs_repository_is_read_as_its_card_says(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text(
        "---\nlicense: mit\nconfigs:\n- config_name: x\n---\n", "utf-8"
    )
    assert copied(SPLITS, tmp_path, alone=False) == {"dataset_path": str(tmp_path)}
    (tmp_path / "README.md").write_text("---\nlicense: mit\n---\nconfigs:\n", "utf-8")
    with pytest.raises(GiljabiError, match="no data of the split"):
        copied(SPLITS, tmp_path, alone=False)


def test_what_a_copy_lacks_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="There is no folder"):
        copied(SPLITS, tmp_path / "nowhere", alone=True)
    lines(tmp_path / "test.jsonl", [])
    with pytest.raises(
        GiljabiError, match=r"'train'; expected is train.jsonl.* t reads test, train"
    ):
        copied(SPLITS, tmp_path, alone=True)
    lines(tmp_path / "train.parquet", [])
    with pytest.raises(GiljabiError, match="mixes kinds of files: json, parquet"):
        copied(SPLITS, tmp_path, alone=True)


def test_a_copy_for_one_subject_leaves_its_group_whole(tmp_path: Path) -> None:
    for split in ("dev", "test"):
        lines(tmp_path / "data" / f"{split}.jsonl", [])
    (tmp_path / "scratch").mkdir()
    data = {"mmlu_anatomy": tmp_path / "data"}
    tasks = find("mmlu", scratch=tmp_path / "scratch", **data)
    assert len(tasks.members["mmlu"]) == 57
    assert tasks.manager.task_index["mmlu_stem_tasks"].tags >= {"mmlu_anatomy", "mmlu_astronomy"}
    assert tasks.configs["mmlu_anatomy"]["dataset_path"] == "json"
    assert tasks.configs["mmlu_anatomy"]["doc_to_choice"] == ["A", "B", "C", "D"]
    assert tasks.remote("mmlu") == "cais/mmlu", "the other subjects still come from the hub"


def test_a_copy_for_what_is_not_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="mmlu is not among the tasks asked for"):
        find("kobest", scratch=tmp_path, mmlu=tmp_path)
