"""A finished measuring run on disk: its manifest, and every contestant's figures and rows.

The manifest is written last, so a folder without one is unfinished. Knows no models.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure.measured import Measured, row_of
from giljabi.measure.report import write_text

MANIFEST = "manifest.json"
REPORT = "report.json"


@dataclass(frozen=True, slots=True)
class Result:
    """One contestant: what it was asked and said, and the figures of that."""

    name: str
    figures: Mapping[str, Any]
    rows: Sequence[Measured]

    @property
    def similarities(self) -> Mapping[str, float]:
        """Similarity to the reference by question id; empty where none was taken."""
        found = (self.figures["references"] or {}).get("similarity") or {}
        return dict(found.get("rows", {}))

    @property
    def encoder(self) -> str:
        """SHA-256 of the encoder those are by; empty without one."""
        found = (self.figures["references"] or {}).get("similarity") or {}
        return str(found.get("sha256", ""))


@dataclass(frozen=True, slots=True)
class Run:
    """A run, its folder as it was named, and how it can be repeated."""

    name: str
    manifest: Mapping[str, Any]
    results: Sequence[Result]


def read_run(folder: Path) -> Run:
    """The run in `folder`; GiljabiError where there is none, or it is not finished."""
    if not (folder / MANIFEST).is_file():
        raise GiljabiError(
            f"{folder} holds no finished measuring run: {MANIFEST} is missing; the command that "
            "began it goes on with it."
        )
    manifest, report = (_read(folder / name) for name in (MANIFEST, REPORT))
    try:
        results = [
            Result(
                one["name"], one["figures"], [row_of(row, str(folder)) for row in one["answers"]]
            )
            for one in report["contestants"]
        ]
        manifest["identity"]["questions"]["sha256"]
    except (KeyError, TypeError) as error:
        raise GiljabiError(f"{folder}: {REPORT} is not one of a measuring run.") from error
    return Run(str(folder), manifest, results)


def contents(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Results as plain values."""
    return [
        {"name": one.name, "figures": one.figures, "answers": [asdict(row) for row in one.rows]}
        for one in results
    ]


def write(path: Path, content: Any) -> None:
    """Text as it is, anything else as JSON; whole or not at all."""
    text = (
        content
        if isinstance(content, str)
        else json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    )
    try:
        write_text(path, text)
    except OSError as error:
        raise GiljabiError(f"{path}: cannot be written ({error.strerror}).") from error


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GiljabiError(f"{path}: cannot be read as JSON ({error}).") from error
