"""A comparison of model files for people and for machines: Markdown, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi import __version__
from giljabi.build.charts import FONTS, bars
from giljabi.build.files import write_text
from giljabi.build.fonts import face

Row = Mapping[str, Any]


def _share(row: Row) -> float | None:
    return row["right"] / row["asked"] * 100 if row.get("asked") else None


def _own_words(row: Row) -> float | None:
    return row["by_model"] / row["asked"] * 100 if row.get("asked") else None


_HEAD = (
    "file", "type", "made by", "tokens", "MB", "tokens/s", "to first", "first token s",
    "resident MB", "bits/byte", "KL nats", "top-1", "gate", "guide",
)  # fmt: skip

_CHARTS: tuple[tuple[str, str, Callable[[Row], float | None]], ...] = (
    ("파일 크기 · file size", "MB", lambda row: row["bytes"] / 1e6),
    ("속도 · decoding speed", "tokens/s", lambda row: row["tokens_per_s"]),
    ("메모리 · resident memory", "MB", lambda row: row["resident_mb"]),
    ("본문 부호 길이 · bits per byte", "bits", lambda row: row["bits_per_byte"]),
    ("원본과의 차이 · divergence from the source", "nats a token", lambda row: max(row["kl"], 0.0)),
    ("안내 정답률 · guide answers right", "%", _share),
    # The template says what the checker refuses, so a worse model shows here first.
    ("모델이 직접 쓴 답 · answers in the model's own words", "%", _own_words),
)
_WIDTH = 720


def write(rows: Sequence[Row], out: Path, about: Mapping[str, Any]) -> list[Path]:
    """Write compare.md, compare.json and compare.svg into `out`; their paths.

    `about` says what the figures depend on (source, threads, rounds, texts).
    """
    made = {
        "compare.md": to_markdown(rows, about),
        "compare.json": to_json(rows, about),
        "compare.svg": to_svg(rows),
    }
    for name, text in made.items():
        write_text(out / name, text)
    return [out / name for name in made]


def to_json(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """Everything, unrounded as measured."""
    found = {"giljabi": __version__, "about": dict(about), "rows": [dict(row) for row in rows]}
    return json.dumps(found, ensure_ascii=False, indent=1) + "\n"


def to_markdown(rows: Sequence[Row], about: Mapping[str, Any]) -> str:
    """A table, a line a file, and under it what the figures depend on."""
    lines = ["# Model files compared", "", _line(_HEAD), _line(["---"] * len(_HEAD))]
    lines += [_line(_cells(row)) for row in rows]
    lines += ["", *(f"- {name}: {value}" for name, value in about.items()), ""]
    lines += [
        "Speed, first token and memory are medians over the rounds, each in a fresh process, all "
        "files in turn. KL and top-1 are against the source; gate says whether the file would "
        "pass the bar of its type. A trimmed file is compared among its own tokens.",
        "",
    ]
    return "\n".join(lines)


def to_svg(rows: Sequence[Row]) -> str:
    """One picture: a chart a figure, one below the other; figures no row has are left out."""
    charts, top = [], 0.0
    for title, unit, value in _CHARTS:
        found = [(str(row["name"]), value(row)) for row in rows]
        known = [(name, v) for name, v in found if v is not None]
        if not known:
            continue
        chart = bars(known, title=title, unit=unit)
        height = float(chart.split('height="', 1)[1].split('"', 1)[0])
        charts.append(chart.replace("<svg ", f'<svg y="{top:.0f}" ', 1))
        top += height
    body = "".join(charts)
    style = f'<style>{face(body)}svg text{{font-family:"Giljabi",{FONTS}}}</style>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {top:.0f}" '
        f'width="{_WIDTH}" height="{top:.0f}" role="img" aria-label="Model files compared">'
        f"{style}{body}</svg>\n"
    )


def _made_by(row: Row) -> str:
    """merged, trimmed, over it an adapter: what was done before the file was quantised."""
    done = {"trim": "trimmed", "merge": "merged"}
    said = [done[step] for step in row["steps"] if step in done]
    return ", ".join([*said, *([f"+ {row['adapter']}"] if row["adapter"] else [])]) or "–"


def _cells(row: Row) -> list[str]:
    share = _share(row)
    gate = {True: "passes", False: "**fails**", None: "–"}[row["passes"]]
    return [
        row["name"], row["type"], _made_by(row), f"{row['vocabulary']:,}",
        f"{row['bytes'] / 1e6:.1f}", f"{row['tokens_per_s']:.1f}", f"{row['speed_ratio']:.2f}×",
        f"{row['first_token_s']:.2f}", f"{row['resident_mb']:.0f}" if row["resident_mb"] else "–",
        f"{row['bits_per_byte']:.4f}", f"{row['kl']:.4f}", f"{row['top1']:.1%}", gate,
        "–" if share is None else f"{row['right']:.0f} of {row['asked']:.0f} ({share:.0f} %), "
        f"{row['by_model']:.0f} by model",
    ]  # fmt: skip


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
