"""Small pictures for a page: SVG that takes its colours from the page's style. Escapes what it is told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.measure.questions import read_lines

_WIDTH, _HEIGHT, _LEFT, _GROUND = 320, 120, 8, 92
_BINS = 24
_CURVES = ("loss", "eval_loss")


def histogram(values: Sequence[float], *, low: float, high: float, title: str, unit: str) -> str:
    """How many values fall into each of 24 equal ranges from `low` to `high`; those outside at the ends."""
    counts = [0] * _BINS
    wide = (high - low) or 1.0
    for value in values:
        counts[min(_BINS - 1, max(0, int((value - low) / wide * _BINS)))] += 1
    most, step = max([*counts, 1]), (_WIDTH - 2 * _LEFT) / _BINS
    bars = "".join(
        f'<rect x="{_LEFT + n * step:.1f}" y="{_GROUND - count / most * 76:.1f}" '
        f'width="{step - 1:.1f}" height="{count / most * 76:.1f}">'
        f"<title>{low + n * wide / _BINS:.0f}–{low + (n + 1) * wide / _BINS:.0f} "
        f"{escape(unit)}: {count}</title></rect>"
        for n, count in enumerate(counts)
        if count
    )
    return _svg(
        title,
        f'<g class="bars">{bars}</g>{_axis(f"{low:.0f}", f"{high:.0f} {unit}")}'
        f'<text x="{_LEFT}" y="12">{len(values)}</text>',
    )


def curves(rows: Sequence[Mapping[str, float]], *, title: str) -> str:
    """Loss (line) and validation loss (dashed) over training steps."""
    lines = [
        (name, [(row["step"], row[name]) for row in rows if row.get(name) is not None])
        for name in _CURVES
    ]
    points = [point for _, some in lines for point in some]
    if not points:
        return ""
    right, top = max(x for x, _ in points) or 1, max(y for _, y in points) or 1
    drawn = []
    for name, some in lines:
        at = " ".join(
            f"{_LEFT + x / right * (_WIDTH - 2 * _LEFT):.1f},{_GROUND - y / top * 70:.1f}"
            for x, y in some
        )
        last = f": {some[-1][1]:.3f}" if some else ""
        drawn.append(
            f'<polyline class="{name}" fill="none" stroke="currentColor" points="{at}">'
            f"<title>{name}{last}</title></polyline>"
        )
    said = ", ".join(f"{name} {some[-1][1]:.3f}" for name, some in lines if some)
    return _svg(
        title,
        f'{"".join(drawn)}{_axis("0", f"{right:.0f} steps")}<text x="{_LEFT}" y="12">{said}</text>',
    )


def read_history(path: Path) -> list[dict[str, float]]:
    """The figures of a tuning run, by step: its history.jsonl, or the run's folder.

    Raises GiljabiError where there is none, or a line is not one.
    """
    file = path / "history.jsonl" if path.is_dir() else path
    if not file.is_file():
        raise GiljabiError(f"There is no tuning history {file}.")
    rows = []
    for number, row in read_lines(file):
        if not _plain(row.get("step")):
            raise GiljabiError(f"{file}, line {number}: field 'step' is missing.")
        rows.append({name: row[name] for name in ("step", *_CURVES) if _plain(row.get(name))})
    if not rows:
        raise GiljabiError(f"{file}: holds no step.")
    return rows


def _plain(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _axis(low: str, high: str) -> str:
    return (
        f'<line stroke="currentColor" x1="{_LEFT}" y1="{_GROUND}" x2="{_WIDTH - _LEFT}" y2="{_GROUND}"/>'
        f'<text x="{_LEFT}" y="{_GROUND + 16}">{escape(low)}</text>'
        f'<text x="{_WIDTH - _LEFT}" y="{_GROUND + 16}" text-anchor="end">{escape(high)}</text>'
    )


def _svg(title: str, inside: str) -> str:
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'role="img" aria-label="{escape(title)}">{inside}</svg></figure>'
    )
