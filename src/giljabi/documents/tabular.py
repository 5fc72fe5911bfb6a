"""Tables as rows that read by themselves: each cell with the head of its column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

_SHORT = 30
"""Characters; what is longer is no column's head."""
_WIDEST = 200
"""Columns; a cell that says it spans more is lying."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as written: its text, and how many columns and rows it takes."""

    text: str
    columns: int = 1
    rows: int = 1


def spread(rows: Sequence[Sequence[Cell]]) -> list[list[str]]:
    """The texts of `rows` with merged cells repeated in every column and row they take."""
    out: list[list[str]] = []
    held: dict[int, tuple[str, int]] = {}
    for row in rows:
        line: list[str] = []
        waiting = list(reversed(row))
        while (waiting or len(line) in held) and len(line) < _WIDEST:
            if len(line) in held:
                text, left = held.pop(len(line))
                if left > 1:
                    held[len(line)] = (text, left - 1)
                line.append(text)
                continue
            cell = waiting.pop()
            for _ in range(max(1, min(cell.columns, _WIDEST - len(line)))):
                if cell.rows > 1:
                    held[len(line)] = (cell.text, cell.rows - 1)
                line.append(cell.text)
        out.append(line)
    return out


def row_texts(table: Sequence[Sequence[str]], heads: int = 0) -> list[str]:
    """One text for each row of `table`, whose first `heads` rows name the columns.

    Of a table of three columns and more that marks no heads, a first row of short different
    words is taken for them; of two columns the first names the second: “전화: 02-2220-0114”.
    A cell merged over several columns is given once in each of them and said once.
    """
    rows = [list(row) for row in table if any(row)]
    if not rows:
        return []
    width = max(map(len, rows))
    rows = [row + [""] * (width - len(row)) for row in rows]
    if width == 1:
        return [row[0] for row in rows]
    heads = min(heads, len(rows))
    if not heads and width >= 3 and len(rows) > 1 and _names_columns(rows[0]):
        heads = 1
    if heads == len(rows):
        return [_joined(list(dict.fromkeys(filter(None, row)))) for row in rows]
    if not heads and width == 2:
        return [": ".join(dict.fromkeys(filter(None, row))) for row in rows]
    names = [
        " ".join(dict.fromkeys(filter(None, column))) for column in zip(*rows[:heads], strict=True)
    ]
    names = names or [""] * width
    return [text for row in rows[heads:] if (text := _row(names, row))]


def _names_columns(row: Sequence[str]) -> bool:
    short = all(0 < len(cell) <= _SHORT and not cell[0].isdigit() for cell in row)
    return short and len(set(row)) == len(row)


def _row(names: Sequence[str], row: Sequence[str]) -> str:
    cells = []
    for cell, group in groupby(zip(names, row, strict=True), key=lambda pair: pair[1]):
        if cell:
            # Neighbouring columns with the same value were merged, or may be said as if they were.
            name = ", ".join(dict.fromkeys(name for name, _ in group if name))
            cells.append(f"{name}: {cell}" if name and name != cell else cell)
    return _joined(cells)


def _joined(cells: Sequence[str]) -> str:
    return " · ".join(cells)
