"""Finished measuring runs as figures of the bases they measured, a row each, for choosing.

Only a base as it comes is a candidate: what its adapter does is no property of the base.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure.leaderboard import Row, Table
from giljabi.measure.plan import Entry, plan_of
from giljabi.measure.results import Run
from giljabi.model import store

_Of = Callable[[Mapping[str, Any]], Any]


def of_run(run: Run) -> Table:
    """What `run` says of every base it measured without an adapter.

    Columns: accuracy, unsupported answers and similarity with the facts in the prompt and without;
    speed, memory and bits per byte. Raises GiljabiError where it measured none.
    """
    found: dict[str, dict[str, float]] = {}
    entries = {one.name: one for one in plan_of(run.manifest["plan"]).entries}
    for result in run.results:
        entry = entries[result.name]
        if entry.kind not in _COLUMNS or not _bare(entry):
            continue
        own = found.setdefault(_name(entry), {})
        for column, of in (_COLUMNS[entry.kind] | _ANY).items():
            value = of(result.figures)
            if value is not None:
                own.setdefault(column, float(value))
    if not found:
        raise GiljabiError(
            f"{run.name} measured no base by itself; measure facts:NAME+none and alone:NAME+none."
        )
    rows = tuple(Row(name, f"{run.name}, {name}", own) for name, own in found.items())
    columns = tuple(dict.fromkeys(key for row in rows for key in row.figures))
    return Table(run.name, rows, columns)


def _bare(entry: Entry) -> bool:
    model = entry.model
    if model is None:
        return False
    known = store.bases().get(model.name)
    return model.adapter == "none" or (
        model.adapter == "shipped" and not (known and store.shipped_adapter(known))
    )


def _name(entry: Entry) -> str:
    assert entry.model is not None  # noqa: S101 - _bare saw to it
    model = entry.model
    return model.served_name or (
        model.name if model.name in store.bases() else Path(model.name).stem
    )


def _at(*keys: str) -> _Of:
    def of(figures: Mapping[str, Any]) -> Any:
        value: Any = figures
        for key in keys:
            value = value.get(key) if isinstance(value, Mapping) else None
        return value

    return of


_COLUMNS: dict[str, dict[str, _Of]] = {
    "facts": {
        "fact_accuracy_with_facts": _at("right", "share"),
        "unsupported_with_facts": _at("unsupported", "share"),
        "similarity": _at("references", "similarity", "mean"),
    },
    "alone": {
        "fact_accuracy_without": _at("right", "share"),
        "unsupported_without": _at("unsupported", "share"),
        "similarity_without": _at("references", "similarity", "mean"),
    },
}
_ANY: dict[str, _Of] = {
    "tokens_per_second": _at("system", "tokens_per_s"),
    "first_token_ms": _at("system", "first_token_ms", "p50"),
    "load_s": _at("system", "load_s"),
    "peak_mb": _at("system", "peak_mb"),
    "bits_per_byte_ko": _at("likelihood", "texts, ko", "bits_per_byte"),
    "bits_per_byte_en": _at("likelihood", "texts, en", "bits_per_byte"),
}
"""Of whatever kind the first contestant with that base is."""
