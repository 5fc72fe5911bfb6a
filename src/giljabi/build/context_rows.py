"""Rows of a document, a question, an answer and its reasoning, from other people's files.

Knows formats and field names; nothing of what makes a row a good one. Streams: one row at a time
is held, except where a format has none but larger pieces (a Parquet batch).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

FIELDS = ("context", "question", "answer", "cot_answer")
"""Our names of the four texts; `--column context=passage` reads one from another column."""
_FORMATS = (".jsonl", ".ndjson", ".json", ".parquet", ".arrow")
_PIECE = 1 << 20
_BATCH = 16
_SPACE = " \t\r\n"


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
        if path.suffix.lower() not in _FORMATS:
            raise GiljabiError(f"{path} is none of {', '.join(_FORMATS)}.")
        return [(path.name, path)]
    if not path.is_dir():
        raise GiljabiError(f"{path} does not exist.")
    if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
        return _saved(path)
    found = sorted(
        p
        for p in path.rglob("*")
        if p.is_file() and p.suffix.lower() in _FORMATS and p.stat().st_size
    )
    if not found:
        raise GiljabiError(
            f"{path} holds neither a saved dataset nor any of {', '.join(_FORMATS)}."
        )
    return [(p.relative_to(path).as_posix(), p) for p in found]


def digest(path: Path) -> str:
    """sha256 of a file as sha256sum gives it; of a folder, over the names and bytes it is read from."""
    found = files_of(path)
    whole = hashlib.sha256()
    for name, file in found:
        if path.is_dir():
            whole.update(name.encode("utf-8", "surrogateescape") + b"\0")
        with file.open("rb") as f:
            while piece := f.read(_PIECE):
                whole.update(piece)
    return whole.hexdigest()


def _rows(path: Path, names: Mapping[str, str]) -> Iterator[Row]:
    readers: dict[str, Callable[[Path, Mapping[str, str]], Iterator[tuple[int, Any]]]] = {
        ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".parquet": _parquet, ".arrow": _arrow,
    }  # fmt: skip
    for source, file in files_of(path):
        try:
            for number, found in readers[file.suffix.lower()](file, names):
                yield _row(source, number, found, names)
        except OSError as error:
            raise GiljabiError(f"{file} cannot be read: {error.strerror or error}.") from error


def _row(source: str, number: int, found: Any, names: Mapping[str, str]) -> Row:
    if isinstance(found, _Fault):
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
        try:
            value.encode("utf-8")
        except UnicodeEncodeError:  # JSON can spell half a surrogate pair; nothing can write it
            return Row(source, number, fault=f"field {column} holds half a character")
        texts[field] = value
    return Row(source, number, **texts)


@dataclass(frozen=True, slots=True)
class _Fault:
    reason: str


def _kind(value: object) -> str:
    return {
        "NoneType": "null", "list": "a list", "dict": "an object", "str": "text",
        "int": "a number", "float": "a number", "bool": "true/false",
    }.get(type(value).__name__, type(value).__name__)  # fmt: skip


# ---- JSON ----


def _jsonl(path: Path, _names: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
            if not line.strip():
                continue
            yield number, _parsed(line)


def _parsed(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        return _Fault(f"not UTF-8 text (byte {error.start})")
    except json.JSONDecodeError as error:
        return _Fault(f"not JSON: {error.msg} (column {error.colno})")
    except (RecursionError, ValueError):  # nested too deeply; a number of too many digits
        return _Fault("not JSON that can be read")


def _json(path: Path, _names: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
    """The elements of a JSON list one by one: the list may be larger than memory."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8-sig") as file:
        text = _Window(file)
        try:
            if text.skip(_SPACE) != "[":
                raise GiljabiError(f"{path} is not a JSON list; one object a line is .jsonl.")
            text.at += 1
            number = 0
            while (first := text.skip(_SPACE)) != "]":
                if number and first != ",":
                    raise GiljabiError(
                        f"{path}, row {number}: no comma or end of the list after it."
                    )
                if number:
                    text.at += 1
                    text.skip(_SPACE)
                number += 1
                yield number, text.value(decoder)
        except json.JSONDecodeError as error:
            raise GiljabiError(f"{path}, row {number}: not JSON: {error.msg}.") from error
        except UnicodeDecodeError as error:
            raise GiljabiError(f"{path} is not UTF-8 text (byte {error.start}).") from error
        except (RecursionError, ValueError) as error:
            raise GiljabiError(f"{path}, row {number}: not JSON that can be read.") from error


class _Window:
    """The part of a long text that is being read."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self._text = ""
        self.at = 0

    def skip(self, these: str) -> str:
        """Move past `these`; the next character, "" at the end."""
        while True:
            while self.at < len(self._text):
                if self._text[self.at] not in these:
                    return self._text[self.at]
                self.at += 1
            if not self._more():
                return ""

    def value(self, decoder: json.JSONDecoder) -> Any:
        """The JSON value that begins here; reads on while it is incomplete."""
        while True:
            try:
                found, end = decoder.raw_decode(self._text, self.at)
            except json.JSONDecodeError:
                if not self._more():
                    raise
                continue
            # A number that touches the edge may go on behind it.
            if end < len(self._text) or not self._more():
                self.at = end
                return found

    def _more(self) -> bool:
        piece = self._file.read(max(_PIECE, len(self._text) - self.at))
        self._text = self._text[self.at :] + piece
        self.at = 0
        return bool(piece)


# ---- Parquet, Arrow ----


def _pyarrow() -> Any:
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.ipc  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Reading Parquet files and saved datasets needs pyarrow: pip install 'giljabi[data]'"
        ) from error
    return pyarrow


def _parquet(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
    arrow = _pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            wanted = _columns(path, file.schema_arrow.names, names)
            yield from _batched(file.iter_batches(batch_size=_BATCH, columns=wanted))
    except arrow.ArrowInvalid as error:
        raise GiljabiError(f"{path} is not a Parquet file: {error}.") from error


def _arrow(path: Path, names: Mapping[str, str]) -> Iterator[tuple[int, Any]]:
    arrow = _pyarrow()
    try:
        with arrow.memory_map(str(path)) as data, arrow.ipc.open_stream(data) as stream:
            wanted = _columns(path, stream.schema.names, names)
            batches = (batch.select(wanted) for batch in stream)
            small = (b.slice(at, _BATCH) for b in batches for at in range(0, b.num_rows, _BATCH))
            yield from _batched(small)
    except arrow.ArrowInvalid as error:
        raise GiljabiError(f"{path} is not an Arrow stream: {error}.") from error


def _batched(batches: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield number, row


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
                (f"{split}/{name}", file) for split in splits for name, file in _saved(path / split)
            ]
        state = json.loads((path / "state.json").read_text("utf-8"))
        return [(f["filename"], path / f["filename"]) for f in state["_data_files"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise GiljabiError(f"{path} is not a dataset saved with save_to_disk: {error}.") from error
