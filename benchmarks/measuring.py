"""What models say without the guide's facts and its check, beside the guide: `giljabi measure`.

The second question set, which no wording of the guide was made on. `alone` is the tuned model with
nothing but the question, the old road; `facts` the same with the guide's prompt, its text as it comes.

    python benchmarks/measuring.py [RUN]   # of a finished run, or a new one: half an hour
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from giljabi.cli.measure import entry
from giljabi.measure.comparison import compare
from giljabi.measure.plan import Plan
from giljabi.measure.results import Run, read_run
from giljabi.measure.run import measure as run

ROOT = Path(__file__).parents[1]
CONTESTANTS = (
    "template", "guide", "guide:+none", "facts", "facts:gemma3-270m+none", "alone:gemma3-270m",
    "alone:gemma3-270m+none",
)  # fmt: skip
TOKENS = 160  # what the guide grants a draft


def measure(limit: int | None = None) -> dict[str, Any]:
    """Shares by contestant, and every difference to the first one's with its interval."""
    venue = ROOT / "venues" / "hanyang"
    questions = ROOT / "benchmarks" / "guide" / "held_out" / "questions.jsonl"
    entries = tuple(entry(one, venue) for one in CONTESTANTS)
    plan = Plan(str(questions), str(venue), entries, limit, tokens=TOKENS)
    with tempfile.TemporaryDirectory() as out:
        return told(run(plan, Path(out) / "run", progress=_tell))


def told(done: Run) -> dict[str, Any]:
    """The figures of a finished run."""
    return {
        "questions": done.manifest["identity"]["questions"]["file"], "asked": len(done.results[0].rows),
        "contestants": {one.name: _figures(one.figures) for one in done.results},
        "differences": [one.said for one in compare(done.results)],
    }  # fmt: skip


def _figures(found: Any) -> dict[str, Any]:
    kept = ("right", "declined", "declined_wrongly", "unsupported", "own_words", "never_stopped")
    return {name: found[name] for name in kept} | {"system": found["system"]}


def _tell(name: str, done: int, of: int) -> None:
    if done == of:
        print(name, done, file=sys.stderr, flush=True)


if __name__ == "__main__":
    given = sys.argv[1:]
    found = told(read_run(Path(given[0]))) if given else measure()
    print(json.dumps(found, ensure_ascii=False, indent=1))
