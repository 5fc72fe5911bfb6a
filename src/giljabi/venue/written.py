"""One file of a venue as plain values, or one sentence about it; written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

_DEEP = "nested too deeply: write it with fewer brackets inside each other"
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without a byte order mark."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise GiljabiError(f"{path} does not exist.") from None
    except OSError as e:
        raise GiljabiError(f"{path} cannot be read: {e.strerror}.") from None
    except UnicodeDecodeError as e:
        raise GiljabiError(
            f"{path} is not UTF-8 text (byte {e.start}): save it as UTF-8."
        ) from None


def read_json(path: Path) -> Any:
    """Parsed JSON, or one sentence naming the file and the line."""
    text = read_text(path)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as e:
        raise GiljabiError(f"{path}, line {e.lineno}: not JSON: {e.msg}.") from None
    except ValueError:
        raise GiljabiError(f"{path}: it holds a number of too many digits: shorten it.") from None
    except RecursionError:
        raise GiljabiError(f"{path}: {_DEEP}.") from None
    if _HALF.search(text):
        _check_characters(path, value)
    return value


def _check_characters(path: Path, value: Any) -> None:
    records = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
    for n, record in records:
        try:
            json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError as e:
            spot = f"{path}" if n is None else spot_of(path, n, record)
            before = str(e.object)[max(0, e.start - 30) : e.start]
            raise GiljabiError(
                f"{spot}: half a character (a lone surrogate) after {before!r}: write it whole."
            ) from None
        except RecursionError:
            raise GiljabiError(f"{path}: {_DEEP}.") from None


def read_list(path: Path) -> list[tuple[str, Any]]:
    """The records of a JSON list, each with where it is in words."""
    value = read_json(path)
    if not isinstance(value, list):
        raise GiljabiError(f"{path}: it should be a list of records: put them in [ and ].")
    return [(spot_of(path, n, record), record) for n, record in enumerate(value)]


def spot_of(path: Path, n: int, record: Any) -> str:
    """Where a record is, with its id where that can be shown in a line."""
    known = record.get("id") if isinstance(record, dict) else ""
    fit = isinstance(known, str) and 0 < len(known) <= 64 and known.isprintable()
    return f"{path}: record {n}" + (f" (id {known})" if fit else "")


def read_toml(path: Path) -> dict[str, Any]:
    """Parsed TOML, or one sentence naming the file."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError as e:
        raise GiljabiError(f"{path}: not TOML: {str(e).rstrip('.')}.") from None
    except RecursionError:
        raise GiljabiError(f"{path}: {_DEEP}.") from None


def read_table(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a CSV file that has all `columns`, each with where it is in words."""
    text = read_text(path)
    if not text.strip():
        return
    rows = csv.DictReader(io.StringIO(text, newline=""), restkey="", restval="")
    try:
        if missing := [c for c in columns if c not in (rows.fieldnames or ())]:
            raise GiljabiError(f"{path}: the column {missing[0]} is missing.")
        for row in rows:
            spot = f"{path}, line {rows.line_num}"
            if "" in row:
                raise GiljabiError(
                    f"{spot}: more values than columns: put a value that holds a comma in quotes."
                )
            yield spot, row
    except csv.Error as e:
        raise GiljabiError(f"{path}, line {rows.line_num}: not CSV: {e}.") from None


def number(cell: str) -> float | str | None:
    """A cell as a number; empty is None, and what is no number stays for the schema to refuse."""
    try:
        return float(cell) if cell else None
    except ValueError:
        return cell


def write_json(path: Path, value: Any) -> None:
    """Write beside the target, then rename: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as f:
            json.dump(value, f, ensure_ascii=False, indent=1)
            f.write("\n")
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
