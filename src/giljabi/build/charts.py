"""Numbers as pictures: SVG text that stands by itself inside a page. Knows nothing of the data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

FONTS = '"Noto Sans KR","NanumGothic","Malgun Gothic","Apple SD Gothic Neo",sans-serif'
"""The font stack of every chart: each name covers Hangul on some system."""

_WIDTH, _HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 20, 44, 52
_ROW = 26
_NOTHING = 1e-9  # a narrower range than this is drawn as one value
_INK, _GRID, _FILL, _MARK = "#222222", "#dddddd", "#3b6ea8", "#b3261e"


def histogram(
    values: Sequence[float],
    *,
    title: str,
    unit: str,
    bins: int = 30,
    marks: Sequence[tuple[str, float]] = (),
) -> str:
    """How many `values` fall into each of `bins` equal ranges, as an SVG string.

    `unit` names the horizontal axis; `marks` are (label, value) lines across it. Values that are
    not finite are left out. Without values the picture says so.
    """
    values = [float(v) for v in values if math.isfinite(v)]
    lines = [(label, float(at)) for label, at in marks if math.isfinite(at)]
    if not values:
        return _svg(_HEIGHT, title, [_text(_WIDTH / 2, _HEIGHT / 2, "–", "middle")])
    low, high = min(values), max(values)
    low, high = min([low, *(at for _, at in lines)]), max([high, *(at for _, at in lines)])
    if high - low <= _NOTHING * max(1.0, abs(high)):
        low, high = low - max(0.5, abs(low) * 0.01), high + max(0.5, abs(high) * 0.01)
    counts = [0] * max(1, bins)
    for v in values:
        counts[min(len(counts) - 1, int((v - low) / (high - low) * len(counts)))] += 1
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    ground = _TOP + up
    top = _ticks(0, max(counts))[-1]
    step = across / len(counts)
    parts = _vertical_axis(top, ground, up)
    for i, count in enumerate(counts):
        tall = count / top * up
        about = f"{_say(low + i * (high - low) / len(counts))}–"
        about += f"{_say(low + (i + 1) * (high - low) / len(counts))} {unit}: {count}"
        parts.append(_rect(_LEFT + i * step, ground - tall, max(step - 1, 0.5), tall, about))
    for tick in _ticks(low, high):
        if low <= tick <= high:
            x = _LEFT + (tick - low) / (high - low) * across
            parts.append(_text(x, ground + 16, _say(tick), "middle"))
    for n, (label, at) in enumerate(lines):
        x = _LEFT + (at - low) / (high - low) * across
        parts.append(_line(x, _TOP, x, ground, _MARK))
        # Labels near the right edge would leave the picture; neighbours would cover each other.
        side = "end" if x > _WIDTH * 0.75 else "start"
        shift = -4 if side == "end" else 4
        parts.append(_text(x + shift, _TOP + 10 + 13 * (n % 6), label, side, _MARK))
    parts.append(_text(_LEFT + across / 2, _HEIGHT - 12, unit, "middle"))
    return _svg(_HEIGHT, title, parts)


def bars(rows: Sequence[tuple[str, float]], *, title: str, unit: str) -> str:
    """One horizontal bar per (label, value), from zero, the value written at its end.

    `unit` names the horizontal axis. Negative and non-finite values raise ValueError.
    """
    for label, value in rows:
        if not math.isfinite(value) or value < 0:
            raise ValueError(f"a bar needs a length of zero or more: {label!r} is {value}")
    height = _TOP + _ROW * max(1, len(rows)) + _BOTTOM
    left = min(_WIDTH // 2, 24 + max((_wide(label) for label, _ in rows), default=0))
    across = _WIDTH - left - _RIGHT - 60
    ticks = _ticks(0, max((v for _, v in rows), default=1.0))
    ground = _TOP + _ROW * max(1, len(rows))
    parts = []
    for tick in ticks:
        x = left + tick / ticks[-1] * across
        parts.append(_line(x, _TOP, x, ground, _GRID))
        parts.append(_text(x, ground + 16, _say(tick), "middle"))
    for n, (label, value) in enumerate(rows):
        y = _TOP + n * _ROW
        long = value / ticks[-1] * across
        parts.append(_text(left - 8, y + _ROW * 0.68, _short(label, left - 16), "end"))
        parts.append(_rect(left, y + 4, long, _ROW - 8, f"{label}: {_say(value)} {unit}"))
        parts.append(_text(left + long + 6, y + _ROW * 0.68, _say(value), "start"))
    parts.append(_text(left + across / 2, height - 12, unit, "middle"))
    return _svg(height, title, parts)


def curves(
    series: Sequence[tuple[str, Sequence[tuple[float, float]]]], *, title: str, unit: str
) -> str:
    """Lines through (x, y) points, one a named series, y from zero; `unit` names the x axis.

    Points that are not finite are left out. Without points the picture says so.
    """
    drawn = [(n, [p for p in some if all(map(math.isfinite, p))]) for n, some in series]
    points = [p for _, some in drawn for p in some]
    if not points:
        return _svg(_HEIGHT, title, [_text(_WIDTH / 2, _HEIGHT / 2, "–", "middle")])
    across, up = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    ground, right = _TOP + up, max(x for x, _ in points) or 1.0
    top = _ticks(0, max(*(y for _, y in points), _NOTHING))[-1]
    parts = _vertical_axis(top, ground, up)
    for tick in _ticks(0, right):
        if tick <= right:
            parts.append(_text(_LEFT + tick / right * across, ground + 16, _say(tick), "middle"))
    for n, (name, some) in enumerate(drawn):
        colour = (_FILL, _MARK, _INK)[n % 3]
        at = [(_LEFT + x / right * across, ground - max(y, 0) / top * up) for x, y in some]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        parts.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        parts.append(_text(_WIDTH - _RIGHT, _TOP + 12 + 15 * n, name, "end", colour))
    parts.append(_text(_LEFT + across / 2, _HEIGHT - 12, unit, "middle"))
    return _svg(_HEIGHT, title, parts)


def _vertical_axis(top: float, ground: float, up: float) -> list[str]:
    parts = []
    for tick in _ticks(0, top):
        y = ground - tick / top * up
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, _GRID))
        parts.append(_text(_LEFT - 8, y + 4, _say(tick), "end"))
    return parts


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers; the last is not below `high`."""
    span = high - low
    if span <= _NOTHING:
        return [low, low + 1]
    raw = span / 5
    size = 10.0 ** math.floor(math.log10(raw))
    step = next(size * m for m in (1, 2, 5, 10) if size * m >= raw * 0.999)
    first = math.floor(low / step)
    count = math.ceil(high / step - 1e-9) - first
    return [round((first + i) * step, 10) for i in range(count + 1)]


def _say(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 1000 else f"{value:,.3g}"


def _wide(text: str) -> float:
    return sum(12.5 if ord(c) > 0x10FF else 7 for c in text)


def _short(text: str, room: float) -> str:
    if _wide(text) <= room:
        return text
    while text and _wide(text) + 7 > room:
        text = text[:-1]
    return text + "…"


def _safe(text: str) -> str:
    # XML 1.0 has no way to write these, escaped or not: the picture would not open.
    allowed = "".join(
        c
        for c in text
        if c in "\t\n\r"
        or (ord(c) >= 0x20 and not 0xD800 <= ord(c) <= 0xDFFF and c not in "\ufffe\uffff")
    )
    return escape(allowed)


def _text(x: float, y: float, text: str, anchor: str, fill: str = _INK) -> str:
    # The white edge keeps a label readable where it crosses a bar.
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" stroke="#ffffff" '
        f'stroke-width="3" paint-order="stroke">{_safe(text)}</text>'
    )


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"/>'


def _rect(x: float, y: float, width: float, height: float, about: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{_FILL}">'
        f"<title>{_safe(about)}</title></rect>"
    )


def _svg(height: float, title: str, parts: Sequence[str]) -> str:
    heading = (
        f'<text x="{_WIDTH / 2}" y="24" text-anchor="middle" font-size="15" fill="{_INK}">'
        f"{_safe(title)}</text>"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img" aria-label="{_safe(title)}" '
        f"font-family='{FONTS}' font-size=\"12\">"
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>{heading}{"".join(parts)}</svg>'
    )
