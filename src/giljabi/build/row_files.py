"""Rows of JSONL, JSON, Parquet and Arrow files as they stand, whatever fields they have.

Streams: one row at a time is held, except where a format has none but larger pieces (a Parquet
batch). What cannot be read as a row comes as a Fault with its number, never not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

FORMATS = (".jsonl", ".ndjson", ".json", ".parquet", ".arrow")
"""What a file's name must end in."""
_PIECE = 1 << 20
_BATCH = 16
_SPACE = " \t\r\n"

Choose = Callable[[Path, list[str]], list[str]]
"""The columns to read of those a Parquet or Arrow file has."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row cannot be read."""

    reason: str


def rows(path: Path, choose: Choose = lambda _, there: there) -> Iterator[tuple[int, Any]]:
    """Every row with its number, counting from 1; in JSONL the line's. Blank lines are no rows.

    Raises GiljabiError where the whole cannot be read.
    """
    if path.suffix.lower() not in FORMATS:
        raise GiljabiError(f"{path} is none of {', '.join(FORMATS)}; its name must say what it is.")
    try:
        yield from _READERS[path.suffix.lower()](path, choose)
    except OSError as error:
        raise GiljabiError(f"{path} cannot be read: {_said(error)}.") from error


def whole(text: str) -> bool:
    """Whether a text can be written: JSON can spell half a surrogate pair, which nothing can."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _said(error: Exception) -> str:
    """An error of the system or of pyarrow as the end of a sentence."""
    return " ".join(str(getattr(error, "strerror", None) or error).split()).rstrip(".")


# ---- JSON ----


def _jsonl(path: Path, _: Choose) -> Iterator[tuple[int, Any]]:
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
        return Fault(f"not UTF-8 text (byte {error.start})")
    except json.JSONDecodeError as error:
        return Fault(f"not JSON: {error.msg} (column {error.colno})")
    except (RecursionError, ValueError):  # nested too deeply; a number of too many digits
        return Fault("not JSON that can be read")


def _json(path: Path, _: Choose) -> Iterator[tuple[int, Any]]:
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


def _parquet(path: Path, choose: Choose) -> Iterator[tuple[int, Any]]:
    arrow = _pyarrow()
    try:
        with arrow.parquet.ParquetFile(path) as file:
            wanted = choose(path, file.schema_arrow.names)
            yield from _batched(file.iter_batches(batch_size=_BATCH, columns=wanted))
    except arrow.ArrowInvalid as error:
        raise GiljabiError(f"{path} is not a Parquet file: {_said(error)}.") from error


def _arrow(path: Path, choose: Choose) -> Iterator[tuple[int, Any]]:
    arrow = _pyarrow()
    try:
        with arrow.memory_map(str(path)) as data, arrow.ipc.open_stream(data) as stream:
            wanted = choose(path, stream.schema.names)
            batches = (batch.select(wanted) for batch in stream)
            small = (b.slice(at, _BATCH) for b in batches for at in range(0, b.num_rows, _BATCH))
            yield from _batched(small)
    except arrow.ArrowInvalid as error:
        raise GiljabiError(f"{path} is not an Arrow stream: {_said(error)}.") from error


def _batched(batches: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    number = 0
    for batch in batches:
        for row in batch.to_pylist():
            number += 1
            yield number, row


_READERS: dict[str, Callable[[Path, Choose], Iterator[tuple[int, Any]]]] = {
    ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _json, ".parquet": _parquet, ".arrow": _arrow,
}  # fmt: skip
