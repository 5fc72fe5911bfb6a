"""The forms a data set is written in: our rows as JSONL or Parquet, and the old road's messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from giljabi.build.files import replacing, write_text
from giljabi.errors import GiljabiError
from giljabi.venue.place import Venue

Row = dict[str, Any]
Splits = Mapping[str, Sequence[Row]]


def write_layouts(rows: Splits, venue: Venue, out: Path, names: Sequence[str]) -> list[Path]:
    """Every layout in turn; gives the files in the order written."""
    return [path for name in names for path in LAYOUTS[name](rows, venue, out)]


def _jsonl(rows: Splits, venue: Venue, out: Path) -> list[Path]:
    """`train.jsonl`, `val.jsonl`: one row a line, as `datasets` reads them."""
    written = []
    for split, some in rows.items():
        path = out / f"{split}.jsonl"
        with replacing(path) as f:
            for row in some:
                f.write(json.dumps(row, ensure_ascii=False) + "\n")
        written.append(path)
    return written


def _parquet(rows: Splits, venue: Venue, out: Path) -> list[Path]:
    """The same rows as Parquet; an empty split is left out, for it has no columns."""
    try:
        import pyarrow as pa  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415
    except ImportError:
        raise GiljabiError(
            "Parquet needs pyarrow: pip install 'giljabi[data]', or choose --layout jsonl."
        ) from None
    written = []
    for split, some in rows.items():
        if not some:
            continue
        path = out / f"{split}.parquet"
        with replacing(path, "wb") as f:
            parquet.write_table(pa.Table.from_pylist(list(some)), f)
        written.append(path)
    return written


def _scopes(rows: Splits, venue: Venue, out: Path) -> list[Path]:
    """One messages file a split and area, bare questions and answers, as the old road wrote them.

    Landmarks go with the venue itself, the first area.
    """
    areas = [a for a in venue.areas if a != "landmark"]
    written = []
    for split, some in rows.items():
        by_area: dict[str, list[Row]] = {a: [] for a in areas}
        for row in some:
            area = venue.place(row["place"]).area
            by_area[area if area in by_area else areas[0]].append({"messages": row["conversation"]})
        for area, messages in by_area.items():
            path = out / f"{split}_{area}_messages.json"
            write_text(path, json.dumps(messages, ensure_ascii=False, indent=1) + "\n")
            written.append(path)
    return written


LAYOUTS: dict[str, Callable[[Splits, Venue, Path], list[Path]]] = {
    "jsonl": _jsonl, "parquet": _parquet, "scopes": _scopes,
}  # fmt: skip
"""Every layout by the name `--layout` takes."""


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
