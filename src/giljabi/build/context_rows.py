"""Rows of a document, a question, an answer and its reasoning, from other people's files.

Knows field names and saved datasets; nothing of what makes a row a good one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.build.row_files import FORMATS, Fault, rows, whole
from giljabi.errors import GiljabiError

FIELDS = ("context", "question", "answer", "cot_answer")
"""Our names of the four texts; `--column context=passage` reads one from another column."""
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it was read. Where `fault` says why it cannot be used, the texts are empty."""

    source: str
    """Name of the file, or of the split and its file, inside what was read."""
    number: int
    """1 for the first; in JSONL the line's number."""
    context: str = ""
    question: str = ""
    answer: str = ""
    cot_answer: str = ""
    fault: str = ""


def read(path: Path, columns: Mapping[str, str] | None = None) -> Iterator[Row]:
    """Every row of a JSONL, JSON, Parquet or Arrow file, a folder of them, or a saved dataset.

    `columns` maps our field names to the file's. A row that cannot be used comes with its fault,
    never not at all; blank lines are no rows. Raises GiljabiError where the whole cannot be read.
    """
    names = {field: field for field in FIELDS} | dict(columns or {})
    if unknown := sorted(set(names) - set(FIELDS)):
        raise GiljabiError(f"There is no field {unknown[0]!r}; the fields are {', '.join(FIELDS)}.")
    if len(set(names.values())) < len(names):
        raise GiljabiError("Two fields are read from the same column.")
    return _rows(path, names)


def files_of(path: Path) -> list[tuple[str, Path]]:
    """The (name, file) pairs that `read` would go through, in order."""
    if path.is_file():
        if path.suffix.lower() not in FORMATS:
            raise GiljabiError(f"{path} is none of {', '.join(FORMATS)}.")
        return [(path.name, path)]
    if not path.is_dir():
        raise GiljabiError(f"{path} does not exist.")
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return _saved(path)
    found = sorted(
        p
        for p in path.rglob("*")
        if p.is_file() and p.suffix.lower() in FORMATS and p.stat().st_size
    )
    if not found:
        raise GiljabiError(f"{path} holds neither a saved dataset nor any of {', '.join(FORMATS)}.")
    return [(p.relative_to(path).as_posix(), p) for p in found]


def digest(path: Path) -> str:
    """sha256 of a file as sha256sum gives it; of a folder, over the names and bytes it is read from."""
    found = files_of(path)
    hashed = hashlib.sha256()
    for name, file in found:
        if path.is_dir():
            hashed.update(name.encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as f:
            while piece := f.read(_PIECE):
                hashed.update(piece)
    return hashed.hexdigest()


def _rows(path: Path, names: Mapping[str, str]) -> Iterator[Row]:
    def choose(file: Path, there: list[str]) -> list[str]:
        return _columns(file, there, names)

    for source, file in files_of(path):
        for number, found in rows(file, choose):
            yield _row(source, number, found, names)


def _row(source: str, number: int, found: Any, names: Mapping[str, str]) -> Row:
    if isinstance(found, Fault):
        return Row(source, number, fault=found.reason)
    if not isinstance(found, dict):
        return Row(source, number, fault=f"not an object but {_kind(found)}")
    texts = {}
    for field, column in names.items():
        if column not in found:
            return Row(source, number, fault=f"field {column} is missing")
        value = found[column]
        if not isinstance(value, str):
            return Row(source, number, fault=f"field {column} is not text but {_kind(value)}")
        if not whole(value):
            return Row(source, number, fault=f"field {column} holds half a character")
        texts[field] = value
    return Row(source, number, **texts)


def _kind(value: object) -> str:
    return {
        "NoneType": "null", "list": "a list", "dict": "an object", "str": "text",
        "int": "a number", "float": "a number", "bool": "true/false",
    }.get(type(value).__name__, type(value).__name__)  # fmt: skip


def _columns(path: Path, there: list[str], names: Mapping[str, str]) -> list[str]:
    if missing := [c for c in names.values() if c not in there]:
        raise GiljabiError(
            f"{path} has no column {missing[0]}; it has {', '.join(there)}. "
            f"Name it with --column, as in --column {FIELDS[0]}={there[0] if there else 'passage'}."
        )
    return list(names.values())


def _saved(path: Path) -> list[tuple[str, Path]]:
    """The Arrow files of what `datasets` wrote with save_to_disk, split by split."""
    try:
        if (path / "dataset_dict.json").is_file():
            splits = json.loads((path / "dataset_dict.json").read_text("utf-8"))["splits"]
            return [
                (f"{split}/{name}", file)
                for split in map(_plain, splits)
                for name, file in _saved(path / split)
            ]
        state = json.loads((path / "state.json").read_text("utf-8"))
        names = [_plain(f["filename"], ".arrow") for f in state["_data_files"]]
        return [(name, path / name) for name in names]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise GiljabiError(f"{path} is not a dataset saved with save_to_disk: {error}.") from error


def _plain(name: str, suffix: str = "") -> str:
    if name in ("", "..") or Path(name).name != name or not name.endswith(suffix):
        raise ValueError(f"it names {name!r}, which is no {suffix or 'folder'} in it")
    return name
