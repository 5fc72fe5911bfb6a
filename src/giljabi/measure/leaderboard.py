"""Figures of candidates as a table: the leaderboard that ships, anybody's own, measurements.

A table is a CSV or a JSON file with one candidate a row. Knows names and numbers; nothing of which
are good, nor of what a candidate is.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

SHIPPED = "open-ko-llm-2025"
"""The name of the table that ships."""
NAMES = ("candidate", "model")
"""Columns that name the candidate of a row."""
_TEXTS = ("licence", "licence_url")
_HEAD = ("title", "date", "source", "mean", "note")


@dataclass(frozen=True, slots=True)
class Row:
    """One candidate's figures; what the table leaves empty is not here."""

    name: str
    where: str
    """File and line, for people."""
    figures: Mapping[str, float]
    licence: str = ""
    licence_url: str = ""
    context: int = 0
    """Longest conversation in tokens; 0: the table does not say."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows in the file's order, and what the file says of itself in its `# key: value` lines."""

    where: str
    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    """Every metric of the table, in its order."""
    about: Mapping[str, str] = field(default_factory=dict)
    """`title`, `date`, `source` and `note`, where given."""
    mean: str = ""
    """The column that is the mean of the others, from `# mean: COLUMN of COUNT`."""
    mean_of: int = 0
    """How many columns it is the mean of, those missing from the table included."""


def metric(name: str) -> str:
    """A metric's name as it is compared: small letters and underscores, `Ko-GPQA` as `ko_gpqa`."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


@cache
def shipped() -> Table:
    """Ten Korean models of 0 to 3 B parameters as a project of 2025 had them before it."""
    name = f"{SHIPPED}.csv"
    text = files("giljabi.measure").joinpath(name).read_text("utf-8")
    return _from_csv(text, name)


def read(path: Path) -> Table:
    """The table in a .csv or .json file.

    CSV: `# key: value` lines, a header with `candidate` or `model`, one row a candidate. JSON: a
    list of objects with the same keys. Columns `licence`, `licence_url` and `context` say what a
    candidate is, every other one is a metric; an empty cell or null is not known. Raises
    GiljabiError naming the file, line and column of the first fault.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GiljabiError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    return _from_json(text, str(path)) if path.suffix == ".json" else _from_csv(text, str(path))


def _from_csv(text: str, where: str) -> Table:
    lines = text.splitlines()
    skipped = next((n for n, one in enumerate(lines) if not one.startswith("#")), len(lines))
    about = _about(lines[:skipped], where)
    reader = csv.reader(lines[skipped:], strict=True)
    try:
        cells = [(reader.line_num + skipped, row) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        line = reader.line_num + skipped
        raise GiljabiError(f"{where}, line {line}: not valid CSV ({error}).") from error
    if not cells:
        raise GiljabiError(f"{where}: is empty; it needs a header and a row for each candidate.")
    header = _header(cells[0][1], f"{where}, line {cells[0][0]}")
    objects: list[tuple[str, dict[str, Any]]] = []
    for number, row in cells[1:]:
        at = f"{where}, line {number}"
        if len(row) != len(header):
            raise GiljabiError(f"{at}: has {len(row)} cells and the header {len(header)}.")
        objects.append((at, dict(zip(header, (one.strip() for one in row), strict=True))))
    return _table(objects, where, about)


def _from_json(text: str, where: str) -> Table:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise GiljabiError(
            f"{where}, line {error.lineno}: not valid JSON ({error.msg})."
        ) from error
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise GiljabiError(
            f"{where}: must be a list of objects, one a candidate, such as "
            '[{"candidate": "llama-3.2-3b-instruct", "similarity": 0.7}].'
        )
    objects: list[tuple[str, dict[str, Any]]] = []
    for number, row in enumerate(found, 1):
        at = f"{where}, row {number}"
        header = _header(list(row), at)
        objects.append((at, dict(zip(header, row.values(), strict=True))))
    return _table(objects, where, {})


def _header(names: Sequence[str], where: str) -> list[str]:
    header = [metric(name) for name in names]
    if empty := [n for n, name in enumerate(header, 1) if not name]:
        raise GiljabiError(f"{where}: column {empty[0]} has no name.")
    if twice := [name for n, name in enumerate(header) if name in header[:n]]:
        raise GiljabiError(f"{where}: column {twice[0]!r} is there twice.")
    if len(set(NAMES) & set(header)) != 1:
        raise GiljabiError(
            f"{where}: needs one column {' or '.join(NAMES)}, which names the candidate, and has "
            f"{', '.join(header)}."
        )
    return header


def _about(lines: Sequence[str], where: str) -> dict[str, str]:
    about: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        key, colon, value = line.lstrip("# ").partition(":")
        if not colon or key not in _HEAD:
            raise GiljabiError(
                f"{where}, line {number}: a # line is '# KEY: VALUE' with one of {', '.join(_HEAD)}."
            )
        about[key] = value.strip()
    return about


def _table(
    objects: Sequence[tuple[str, Mapping[str, Any]]], where: str, about: dict[str, str]
) -> Table:
    rows: list[Row] = []
    seen: dict[str, str] = {}
    for at, found in objects:
        row = _row(found, at)
        if first := seen.get(row.name.casefold()):
            raise GiljabiError(f"{at}: {row.name} has figures at {first} already.")
        seen[row.name.casefold()] = at
        rows.append(row)
    if not rows:
        raise GiljabiError(f"{where}: holds no candidate.")
    columns = tuple(dict.fromkeys(key for _, found in objects for key in found if _measures(key)))
    mean, mean_of = _mean(about.pop("mean", ""), columns, where)
    return Table(where, tuple(rows), columns, about, mean, mean_of)


def _measures(key: str) -> bool:
    return key not in (*NAMES, *_TEXTS, "context")


def _mean(text: str, columns: Sequence[str], where: str) -> tuple[str, int]:
    if not text:
        return "", 0
    name, _, count = text.partition(" of ")
    named = metric(name)
    if named not in columns or not count.strip().isdigit() or int(count) < 2:
        raise GiljabiError(
            f"{where}: '# mean: {text}' must be '# mean: COLUMN of COUNT', as in 'average of 9'."
        )
    return named, int(count)


def _row(found: Mapping[str, Any], at: str) -> Row:
    name = next(found[key] for key in NAMES if key in found)
    if not isinstance(name, str) or not name.strip():
        raise GiljabiError(f"{at}: the candidate has no name.")
    for key in _TEXTS:
        if not isinstance(found.get(key) or "", str):
            raise GiljabiError(f"{at}, column {key!r}: {found[key]!r} is no text.")
    context = _number(found.get("context"), f"{at}, column 'context'")
    if context is not None and (context < 1 or context != int(context)):
        raise GiljabiError(f"{at}, column 'context': {context:g} is no number of tokens.")
    return Row(
        name.strip(),
        at,
        dict(_figures(found, at)),
        licence=found.get("licence") or "",
        licence_url=found.get("licence_url") or "",
        context=int(context or 0),
    )


def _figures(found: Mapping[str, Any], at: str) -> Iterator[tuple[str, float]]:
    for key, value in found.items():
        if _measures(key):
            number = _number(value, f"{at}, column {key!r}")
            if number is not None:
                yield key, number


def _number(value: Any, where: str) -> float | None:
    if value is None or value == "":
        return None
    try:
        number = math.nan if isinstance(value, bool | list | dict) else float(value)
    except (ValueError, OverflowError):
        number = math.nan
    if not math.isfinite(number):
        raise GiljabiError(
            f"{where}: {value!r} is not a number; leave it empty where it is not known."
        )
    return number
