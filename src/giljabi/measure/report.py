"""What a run over a question set showed, as values, JSON and Markdown.

Knows rows and counts; nothing of guides or models.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError


@dataclass(frozen=True, slots=True)
class Row:
    """One question, its answer, and what was found wrong with it.

    `missing` are gold groups the answer lacks, `banned` what it must not have said. `verified` is
    the guide's own verdict (None where it gave none); `unsupported` and `estimated` come from the
    raw records.
    """

    id: str
    lang: str
    slot: str
    expect: str
    turns: tuple[str, ...]
    answer: str
    right: bool
    missing: tuple[tuple[str, ...], ...] = ()
    banned: tuple[str, ...] = ()
    written_by: str = ""
    outcome: str = ""
    read_as: str = ""
    places: tuple[str, ...] = ()
    verified: bool | None = None
    unsupported: tuple[str, ...] = ()
    estimated: tuple[str, ...] = ()
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Right answers out of all."""

    right: int
    all: int

    @property
    def share(self) -> float:
        """The share of right answers; 0 of nothing."""
        return self.right / self.all if self.all else 0.0


@dataclass(frozen=True, slots=True)
class Report:
    """Every row, and how the run can be repeated (`about`: files, model, venue, command)."""

    rows: tuple[Row, ...]
    about: Mapping[str, str] = field(default_factory=dict)
    checked_records: bool = False

    @property
    def accuracy(self) -> Tally:
        """Right answers over the whole set."""
        return _tally(self.rows)

    def by(self, what: str) -> dict[str, Tally]:
        """Right answers by a field of the rows: "slot", "lang" or "expect"."""
        values = sorted({str(getattr(row, what)) for row in self.rows})
        return {
            value: _tally(row for row in self.rows if str(getattr(row, what)) == value)
            for value in values
        }

    @property
    def written_by(self) -> dict[str, float]:
        """The share of answers each writer wrote."""
        counts = Counter(row.written_by for row in self.rows)
        return {writer: count / len(self.rows) for writer, count in sorted(counts.items())}

    @property
    def unverified(self) -> float:
        """The share of judged answers that the guide's own verifier rejects."""
        judged = [row.verified for row in self.rows if row.verified is not None]
        return judged.count(False) / len(judged) if judged else 0.0

    @property
    def unsupported(self) -> float:
        """The share of answers saying something the raw records do not hold."""
        return (
            sum(bool(row.unsupported) for row in self.rows) / len(self.rows) if self.rows else 0.0
        )

    @property
    def wrong(self) -> tuple[Row, ...]:
        """The rows answered wrongly."""
        return tuple(row for row in self.rows if not row.right)

    def latency(self, share: float, writer: str | None = None) -> float | None:
        """Milliseconds within which `share` of the answers came; None where none was timed."""
        times = sorted(
            row.total_ms
            for row in self.rows
            if row.total_ms is not None and writer in (None, row.written_by)
        )
        return times[max(0, math.ceil(share * len(times)) - 1)] if times else None

    def to_json(self) -> dict[str, Any]:
        """Everything, rows included, as plain values."""
        return {
            "about": dict(self.about),
            "rows": len(self.rows),
            "accuracy": _plain(self.accuracy),
            "by_slot": {key: _plain(tally) for key, tally in self.by("slot").items()},
            "by_lang": {key: _plain(tally) for key, tally in self.by("lang").items()},
            "by_expect": {key: _plain(tally) for key, tally in self.by("expect").items()},
            "written_by": {key: round(share, 4) for key, share in self.written_by.items()},
            "unsupported_by_verify": round(self.unverified, 4),
            "unsupported_by_records": round(self.unsupported, 4) if self.checked_records else None,
            "latency_ms": {
                writer or "all": {
                    "p50": self.latency(0.5, writer),
                    "p95": self.latency(0.95, writer),
                }
                for writer in (None, *self.written_by)
            },
            "answers": [asdict(row) for row in self.rows],
        }

    def to_markdown(self) -> str:
        """A page for people: counts first, then every wrong row and every unsupported one."""
        parts = ["# Question set report", ""]
        parts += [f"- {key}: {value}" for key, value in self.about.items()]
        parts += [f"- right: {_said(self.accuracy)}", f"- written by: {self._writers()}"]
        parts += [f"- answers with a claim the verifier rejects: {self.unverified:.1%}"]
        if self.checked_records:
            parts += [f"- answers with a statement not in the raw records: {self.unsupported:.1%}"]
        parts += [f"- latency: {self._latencies()}", ""]
        for what, title in (("slot", "Slot"), ("lang", "Language"), ("expect", "Expected")):
            parts += _table(title, self.by(what))
        parts += [f"## Wrong ({len(self.wrong)})", ""]
        parts += [line for row in self.wrong for line in _wrong(row)]
        loose = [row for row in self.rows if row.unsupported]
        if loose:
            parts += ["", f"## Not in the raw records ({len(loose)})", ""]
            parts += [
                f"- `{row.id}` {_list(row.unsupported)} in: {_line(row.answer)}" for row in loose
            ]
        return "\n".join(parts).rstrip() + "\n"

    def write(self, path: Path) -> None:
        """Write Markdown for a name ending in .md, else JSON; whole or not at all."""
        if path.suffix == ".md":
            text = self.to_markdown()
        else:
            text = json.dumps(self.to_json(), ensure_ascii=False, indent=1) + "\n"
        try:
            write_text(path, text)
        except OSError as error:
            raise GiljabiError(
                f"{path}: the report cannot be written ({error.strerror})."
            ) from error

    def _writers(self) -> str:
        return ", ".join(
            f"{writer or 'unknown'} {share:.0%}" for writer, share in self.written_by.items()
        )

    def _latencies(self) -> str:
        parts = []
        for writer in (None, *self.written_by):
            p50, p95 = self.latency(0.5, writer), self.latency(0.95, writer)
            if p50 is not None and p95 is not None:
                parts.append(f"{writer or 'all'} p50 {p50:.0f} ms, p95 {p95:.0f} ms")
        return "; ".join(parts) or "not timed"


def write_text(path: Path, text: str) -> None:
    """`text` as the whole of `path`, or what stood there; OSError where it cannot be written."""
    partial = path.with_name(path.name + ".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial.write_text(text, "utf-8")
    os.replace(partial, path)


def _tally(rows: Iterable[Row]) -> Tally:
    marks = [row.right for row in rows]
    return Tally(sum(marks), len(marks))


def _plain(tally: Tally) -> dict[str, float | int]:
    return {"right": tally.right, "all": tally.all, "share": round(tally.share, 4)}


def _said(tally: Tally) -> str:
    return f"{tally.right} of {tally.all} ({tally.share:.1%})"


def _table(title: str, tallies: Mapping[str, Tally]) -> list[str]:
    lines = [f"| {title} | Right | All | Share |", "|---|---:|---:|---:|"]
    lines += [f"| {key} | {t.right} | {t.all} | {t.share:.1%} |" for key, t in tallies.items()]
    return [*lines, ""]


def _line(text: str) -> str:
    return " ".join(text.split())


def _list(words: Sequence[str]) -> str:
    return ", ".join(f"“{word}”" for word in words)


def _wrong(row: Row) -> list[str]:
    how = f"{row.outcome or '?'}, {row.written_by or '?'}"
    lines = [f"- `{row.id}` ({how}) {_line(' ▸ '.join(row.turns))}"]
    lines += [f"  - said: {_line(row.answer)}"]
    for group in row.missing:
        more = f" … ({len(group)} ways)" if len(group) > 6 else ""
        lines += [f"  - lacks one of: {_list(group[:6])}{more}"]
    if row.banned:
        lines += [f"  - must not say: {_list(row.banned)}"]
    return lines
