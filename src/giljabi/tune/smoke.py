"""Does every part work? A few real steps on the real base, then the adapter in the real runtime."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export.adapter import to_gguf
from giljabi.model.generate import load
from giljabi.tune import base as bases
from giljabi.tune import examples, run
from giljabi.tune.history import History
from giljabi.tune.recipe import Recipe
from giljabi.tune.recipe import smoke as shortened


def smoke(
    recipe: Recipe, out: Path, *, below: Path, progress: run.Progress, say: Callable[[str], None]
) -> dict[str, Any]:
    """Losses, and the greedy answer with and without the adapter.

    Raises GiljabiError where the loss does not fall, or the adapter changes nothing.
    """
    short = shortened(recipe)
    where, _ = run.run(short, out, below=below, progress=progress, say=say)
    losses = [y for _, y in History(where / "history.jsonl", short.train.max_steps).series("loss")]
    first, last = mean(losses[:3]), mean(losses[-3:])
    if not last < first:
        raise GiljabiError(
            f"The loss did not fall: {first:.3f} in the first steps, {last:.3f} at last."
        )
    found = {"loss": {"first": first, "last": last}, "out": str(where)}
    path, known = bases.find(short)
    if short.method == "full" or path.is_dir():
        return found
    file, _ = to_gguf(where / "adapter", path, where / "adapter.gguf")
    row = run.read_data(short, below).train[0]
    template = short.base.template or (known.template if known else "")
    answers = [_answer(path, adapter, template, row) for adapter in (None, file)]
    if answers[0] == answers[1]:
        raise GiljabiError(f"The adapter changes nothing: {answers[0]!r} with and without it.")
    return found | {"without": answers[0], "with": answers[1]}


def _answer(base: Path, adapter: Path | None, template: str, row: examples.Row) -> str:
    model = load(str(base), template=template, adapter=adapter)
    try:
        return "".join(model.stream(row.messages[:-1], temperature=0.0, max_tokens=48))
    finally:
        model.close()
