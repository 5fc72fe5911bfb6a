"""Contestants in processes of their own, so that the peak memory of each is its own.

The parent starts a child for what is not in its file of rows yet; the child answers, and then
reads the texts that likelihood is taken of. Both go on where a killed run stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure import meter, reading
from giljabi.measure.contestants import Contestant
from giljabi.measure.measured import Item, Measured, ask, line, read_rows
from giljabi.measure.plan import Plan, plan_of
from giljabi.measure.results import write
from giljabi.venue import folder

_MARK, _REFUSED = "giljabi-measured ", "giljabi-refused "
_CHILD = "import sys; from giljabi.measure.answering import main; main(sys.argv[1])"

Progress = Callable[[str, int, int], None]
"""Called with (contestant, answered so far, all)."""


def rows_file(out: Path, plan: Plan, n: int) -> Path:
    """Where the rows of the plan's n-th contestant stand."""
    return out / "rows" / f"{n + 1}-{plan.entries[n].kind}.jsonl"


def answers(
    plan: Plan, n: int, out: Path, items: list[Item], tell: Progress
) -> tuple[list[Measured], Mapping[str, Any] | None]:
    """The rows of the n-th contestant in the items' order, and what its model made of texts.

    What is not on disk yet is answered in a child process. GiljabiError where that refuses.
    """
    entry, path = plan.entries[n], rows_file(out, plan, n)
    path.parent.mkdir(exist_ok=True)
    done, read = len(read_rows(path)), path.with_suffix(".read.json")
    tell(entry.name, done, len(items))
    reads = reading.wanted(plan, entry, items)
    if done < len(items) or (reads and not read.is_file()):
        task = {"plan": asdict(plan), "entry": n, "rows": str(path), "parent": os.getpid()}
        _in_a_process(task, entry.name, lambda count: tell(entry.name, count, len(items)))
    by_id = {row.id: row for row in read_rows(path)}
    found = json.loads(read.read_text("utf-8")) if reads else None
    return [by_id[item.question.id] for item in items], found


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
    items = plan.items()
    done = {row.id for row in read_rows(path)}
    start = time.perf_counter()
    model = entry.model.load() if entry.model else None
    load_s = round(time.perf_counter() - start, 3) if model else None
    contestant = Contestant(
        entry.kind, folder.load(Path(plan.venue)), model, tokens=plan.tokens,
        system=entry.model.system if entry.model else "",
    )  # fmt: skip
    energy = meter.Energy()
    spent = energy.joules()
    waiting = [item for item in items if item.question.id not in done]
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
    if model is not None and entry.model is not None and reading.wanted(plan, entry, items):
        texts = reading.texts(plan, contestant, model.template, items)
        model.close()  # the weights stand in memory once
        write(path.with_suffix(".read.json"), reading.read(entry.model, texts))
