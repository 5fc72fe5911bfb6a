"""Which public benchmarks are run, in which version, and where their data lies.

The harness's tasks are indexed from its own files, ours and a user's folder; a task whose version
or data set is not the recorded one is refused. Loads no data and no model.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

LIKELIHOOD = "log-likelihood"
TEXT = "text"
_SPLITS = ("training_split", "validation_split", "test_split", "fewshot_split")
_BUILDERS = {".parquet": "parquet", ".jsonl": "json", ".json": "json", ".csv": "csv"}
_QUIET = {
    "TQDM_DISABLE": "1",
    # Its metrics are programs fetched from the hub; the recorded tasks need none.
    "HF_EVALUATE_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # One process draws the resamples for a standard error: llama.cpp's threads do not survive a fork.
    "DISABLE_MULTIPROC": "1",
}


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A benchmark as `benchmarks.toml` records it."""

    name: str
    """The harness's task or group."""
    folder: str
    """Where its tasks lie, under the harness's tasks."""
    version: float
    """Version of each of its tasks."""
    dataset: str
    """Data set on the Hugging Face hub."""
    asks: str
    """What the model is asked for: `LIKELIHOOD` or `TEXT`."""
    fewshot: int = 0
    """Worked examples before each question."""
    group_version: float | None = None
    """Version of the group, where it is one."""
    nltk: str = ""
    """NLTK data its marks need."""
    note: str = ""


@cache
def table() -> Mapping[str, Benchmark]:
    """Every recorded benchmark by name, in the file's order."""
    rows = tomllib.loads(files("giljabi.measure").joinpath("benchmarks.toml").read_text("utf-8"))
    return {name: Benchmark(name=name, **row) for name, row in rows.items()}


def need_harness() -> None:
    """Raise GiljabiError where lm-evaluation-harness is not here; else make it quiet."""
    if find_spec("lm_eval") is None:
        raise GiljabiError(
            "Public benchmarks run through lm-evaluation-harness: pip install 'giljabi[benchmark]'"
        )
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Tasks that were asked for, found and checked; nothing of them is loaded yet."""

    manager: Any
    """lm_eval.tasks.TaskManager over them."""
    members: Mapping[str, tuple[str, ...]]
    """The single tasks of each name that was asked for."""
    configs: Mapping[str, Mapping[str, Any]]
    """Each single task's YAML, functions not resolved."""
    recorded: Mapping[str, Benchmark] = field(default_factory=dict)
    """The row of each single task that is not a user's own."""

    def asks(self, task: str) -> str:
        """Whether a single task wants log-likelihoods or text."""
        generates = self.configs[task].get("output_type", "generate_until") == "generate_until"
        return TEXT if generates else LIKELIHOOD

    def remote(self, name: str) -> str:
        """The hub's data set that `name` reads, or "" where its data is on this machine."""
        for task in self.members[name]:
            path = str(self.configs[task].get("dataset_path", ""))
            if path not in _BUILDERS.values() and path != "text" and not Path(path).exists():
                return path
        return ""


def catalogue(
    names: Sequence[str], scratch: Path, *, tasks_dir: Path | None, data: Mapping[str, Path]
) -> Catalogue:
    """The tasks called `names`: of `benchmarks.toml`, or of `tasks_dir` in the harness's YAML.

    `data` points a name at a folder with a copy of its data set (see `copied`); the changed
    settings are written into `scratch`, an empty folder. Raises GiljabiError for a name that is
    not known, a version or data set that is not the recorded one, or a copy that lacks a split.
    """
    need_harness()
    folders = [*_harness_folders(), *([tasks_dir] if tasks_dir else [])]
    index = _index(folders).task_index
    known = {task: row for row in table().values() for task in _members(index, row.name)}
    own = set(_index([tasks_dir]).task_index) if tasks_dir else set()
    members = {}
    for name in dict.fromkeys(names):
        members[name] = _members(index, name)
        if not members[name] or not (own.issuperset({name}) or known.keys() >= {*members[name]}):
            raise GiljabiError(
                f"Unknown benchmark {name!r}; known: {', '.join(table())}, their single tasks, "
                "and what --tasks-dir holds."
            )
    asked = {task for tasks in members.values() for task in tasks}
    recorded = {task: known[task] for task in asked & known.keys() - own}
    for task, row in recorded.items():
        _check(index, task, row)
    _write_overrides(index, members, data, scratch)
    manager = _index([*folders, scratch]) if data else _index(folders)
    configs = {task: manager.task_index[task].cfg for task in asked}
    return Catalogue(manager, members, configs, recorded)


def _harness_folders() -> list[Path]:
    import lm_eval  # noqa: PLC0415

    root = Path(lm_eval.__file__).parent / "tasks"
    return [root / folder for folder in dict.fromkeys(row.folder for row in table().values())]


def _index(folders: Sequence[Path]) -> Any:
    from lm_eval.tasks import TaskManager  # noqa: PLC0415

    # All 14,000 tasks of the harness take it ten seconds to read; these take half a second.
    return TaskManager(include_path=[str(f) for f in folders], include_defaults=False)


def _members(index: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The single tasks of a task, tag or group; none where there is no such name."""
    entry = index.get(name)
    if entry is None:
        return ()
    if entry.kind.name == "TAG":
        inner: Sequence[Any] = sorted(entry.tags)
    elif entry.kind.name == "GROUP":
        inner = entry.cfg["task"]
    else:
        return (name,)
    named = (i if isinstance(i, str) else i.get("task") or i.get("group") for i in inner)
    return tuple(task for one in named for task in _members(index, str(one)))


def _check(index: Mapping[str, Any], task: str, row: Benchmark) -> None:
    found: list[tuple[str, str, Any, Any]] = [
        (task, "version", _version(index[task]), row.version),
        (task, "data set", index[task].cfg.get("dataset_path"), row.dataset),
    ]
    if row.group_version is not None:
        found.append((row.name, "version", _version(index[row.name]), row.group_version))
    for name, what, installed, recorded in found:
        if installed != recorded:
            from importlib.metadata import version  # noqa: PLC0415

            raise GiljabiError(
                f"{name}: {what} {recorded} is recorded, and the installed lm-eval "
                f"{version('lm_eval')} has {installed}; install the lm-eval giljabi names: "
                "pip install 'giljabi[benchmark]'"
            )


def _version(entry: Any) -> Any:
    return (entry.cfg.get("metadata") or {}).get("version")


def _write_overrides(
    index: Mapping[str, Any],
    members: Mapping[str, tuple[str, ...]],
    data: Mapping[str, Path],
    scratch: Path,
) -> None:
    asked = {task for tasks in members.values() for task in tasks}
    for name, folder in data.items():
        tasks = members.get(name) or ((name,) if name in asked else ())
        if not tasks:
            raise GiljabiError(f"--data {name}={folder}: {name} is not among the tasks asked for.")
        for task in tasks:
            changed = {
                "include": str(index[task].yaml_path),
                "task": task,
                # Named again here, the tag would hold this task alone.
                "tag": None,
                **copied(index[task].cfg, folder, alone=len(tasks) == 1),
            }
            (scratch / f"{task}.yaml").write_text(json.dumps(changed), "utf-8")


def copied(config: Mapping[str, Any], folder: Path, *, alone: bool) -> dict[str, Any]:
    """What a task's `config` must say to read its data from `folder`.

    The folder is a copy of the hub's repository, whose README.md lists its files, or holds one
    file of each split the task reads, as test.jsonl, test.parquet or test-00000-of-00001.parquet,
    in a folder called as the task's part of the data set; not `alone`: in no other.
    Raises GiljabiError where a split is missing.
    """
    if not folder.is_dir():
        raise GiljabiError(f"There is no folder {folder}; --data takes a folder of data files.")
    if _lists_files(folder / "README.md"):
        return {"dataset_path": str(folder.resolve())}
    part = str(config.get("dataset_name") or "")
    inner = folder / part
    where = folder if alone and not inner.is_dir() else inner
    splits = {config[key] for key in _SPLITS if config.get(key)}
    found = {split: _files_of(where, split) for split in sorted(splits)}
    for split, paths in found.items():
        if not paths:
            raise GiljabiError(
                f"{where} holds no data of the split {split!r}; expected is {split}.jsonl, "
                f"{split}.parquet or {split}-00000-of-00001.parquet, and {config['task']} reads "
                f"{', '.join(found)}."
            )
    kinds = {_BUILDERS[path.suffix] for paths in found.values() for path in paths}
    if len(kinds) != 1:
        raise GiljabiError(f"{where} mixes kinds of files: {', '.join(sorted(kinds))}.")
    files_of = {split: [str(p.resolve()) for p in paths] for split, paths in found.items()}
    return {
        "dataset_path": kinds.pop(),
        "dataset_name": None,
        "dataset_kwargs": {"data_files": files_of},
    }


def _lists_files(card: Path) -> bool:
    """Whether a data set's card opens with the table of its parts that the hub's loader reads."""
    if not card.is_file():
        return False
    head = re.match(r"---\n(.*?)\n---", card.read_text("utf-8", "replace"), re.DOTALL)
    return bool(head and re.search(r"^configs:", head[1], re.MULTILINE))


def _files_of(folder: Path, split: str) -> list[Path]:
    named = re.compile(rf"{re.escape(split)}(-\d+-of-\d+)?\.(parquet|jsonl?|csv)")
    return sorted(_matching(folder, named)) if folder.is_dir() else []


def _matching(folder: Path, named: re.Pattern[str]) -> Iterator[Path]:
    return (path for path in folder.iterdir() if named.fullmatch(path.name))
