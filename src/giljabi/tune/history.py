"""What a run said as it went: one line of figures a report, kept through kills and resumes."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giljabi.build import charts
from giljabi.build.files import write_text

_KEPT = ("loss", "eval_loss", "learning_rate", "grad_norm", "epoch")


class History:
    """The rows of `history.jsonl`: step, seconds since the start (pauses left out), figures."""

    def __init__(self, path: Path, at: int = 0) -> None:
        """Take up a run at step `at`; what was said after it will be said again."""
        self.path = path
        self.rows: list[dict[str, Any]] = []
        if path.is_file():
            found = map(json.loads, path.read_text("utf-8").splitlines())
            self.rows = [row for row in found if row["step"] <= at]
        self._before = self.rows[-1]["seconds"] if self.rows else 0.0
        self._start = time.monotonic()

    @property
    def seconds(self) -> float:
        """Time spent in all sessions together."""
        return float(self._before + time.monotonic() - self._start)

    def add(self, said: Mapping[str, Any]) -> None:
        """Keep a report that holds any figure; the file is whole at any time."""
        figures = {k: _number(said[k]) for k in _KEPT if k in said}
        if not figures.keys() & {"loss", "eval_loss"}:
            return
        step = {"step": int(said["step"]), "seconds": round(self.seconds, 1)}
        self.rows.append(step | figures)
        write_text(self.path, "".join(json.dumps(row) + "\n" for row in self.rows))

    def series(self, name: str) -> list[tuple[float, float]]:
        """(step, value) of every report of one figure."""
        return [(row["step"], row[name]) for row in self.rows if row.get(name) is not None]

    def picture(self, title: str) -> str:
        """Loss and eval loss over steps as an SVG."""
        lines = [("loss", self.series("loss")), ("eval loss", self.series("eval_loss"))]
        return charts.curves(lines, title=title, unit="step")


def _number(value: Any) -> float | None:
    found = float(value)
    return found if math.isfinite(found) else None
