"""Many questions answered into a file, a line each, resumed where it stopped.

Knows ids, turns and lines; a line is whole before the next question is asked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.measure.asking import GuideLike, converse
from giljabi.measure.questions import read_lines, string, strings

Progress = Callable[[int, int], None]
"""Called with (answered so far, all) after every answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One row of a batch."""

    id: str
    turns: tuple[str, ...]


def read_batch(path: Path) -> list[Asked]:
    """The rows of a batch; other fields than `id` and `turns` are left alone."""
    rows: list[Asked] = []
    seen: dict[str, int] = {}
    for number, row in read_lines(path):
        where = f"{path}, line {number}"
        if "turns" not in row:
            raise GiljabiError(f"{where}: field 'turns' is missing.")
        asked = Asked(string(row, "id", where), strings(row["turns"], "turns", where, empty=False))
        if asked.id in seen:
            raise GiljabiError(
                f"{where}: id {asked.id!r} was used on line {seen[asked.id]} already."
            )
        seen[asked.id] = number
        rows.append(asked)
    return rows


def answered_ids(out: Path) -> set[str]:
    """The ids already in `out`; a torn last line is cut off, since a killed run leaves one."""
    if not out.exists():
        return set()
    raw = out.read_bytes()
    whole = raw[: raw.rfind(b"\n") + 1]
    tail = raw[len(whole) :]
    if tail:
        # A line without its newline may still be complete (an editor strips it): keep that one.
        whole += tail + b"\n" if _is_object(tail) else b""
        _replace(out, whole)
    ids: set[str] = set()
    for number, row in read_lines(out):
        one = string(row, "id", f"{out}, line {number}")
        if one in ids:
            raise GiljabiError(f"{out}, line {number}: id {one!r} is there twice.")
        ids.add(one)
    return ids


def run_batch(guide: GuideLike, batch: Path, out: Path, progress: Progress | None = None) -> int:
    """Answer every row of `batch` that `out` does not hold yet; how many were answered now."""
    rows = read_batch(batch)
    if batch.resolve() == out.resolve():
        raise GiljabiError(
            f"{out}: the answers cannot be written over the questions; name another file."
        )
    done = answered_ids(out)
    waiting = [row for row in rows if row.id not in done]
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("a", encoding="utf-8", newline="\n") as file:
        for count, line in enumerate(_lines(guide, waiting), len(rows) - len(waiting) + 1):
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
            if progress is not None:
                progress(count, len(rows))
    return len(waiting)


def _lines(guide: GuideLike, rows: list[Asked]) -> Iterator[str]:
    for row in rows:
        answer = converse(guide, row.turns).to_json()
        yield json.dumps({"id": row.id} | answer | {"id": row.id}, ensure_ascii=False) + "\n"


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _replace(path: Path, content: bytes) -> None:
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(content)
    os.replace(partial, path)
