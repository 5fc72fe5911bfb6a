"""What a run over rows with documents found, as values, text, JSON and a page.

Knows counts and lengths; nothing of how they came about.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from html import escape
from typing import Any

from giljabi.build.charts import FONTS, bars, histogram
from giljabi.build.context_checks import CHECKS

EXAMPLES = 5
"""Rows shown per check."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row a check found, and what was seen."""

    source: str
    row: int
    detail: str


@dataclass(slots=True)
class Found:
    """How many rows a check found, some of them, and whether they were left out."""

    rows: int = 0
    rejected: bool = False
    examples: list[Example] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens per row. A percentile is the smallest length that so many rows do not exceed."""

    count: int = 0
    mean: float = 0.0
    median: int = 0
    p90: int = 0
    p95: int = 0
    p99: int = 0
    max: int = 0

    @classmethod
    def of(cls, values: Sequence[int]) -> Lengths:
        """The distribution of `values`; all zero for none."""
        if not values:
            return cls()
        ordered = sorted(values)

        def rank(share: float) -> int:
            return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

        return cls(
            len(ordered), sum(ordered) / len(ordered),
            rank(0.5), rank(0.9), rank(0.95), rank(0.99), ordered[-1],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Window:
    """A base model's context and what would not fit into it."""

    base: str
    tokens: int
    truncated: int
    """Rows longer than it."""
    excess: float
    """Tokens by which they are longer, on average."""
    counted: bool
    """Whether this base's own tokenizer did the counting; for the others it is an estimate."""


def window(base: str, tokens: int, lengths: Sequence[int], counted: bool) -> Window:
    """What of `lengths` does not fit into `tokens`."""
    over = [n - tokens for n in lengths if n > tokens]
    return Window(base, tokens, len(over), sum(over) / len(over) if over else 0.0, counted)


@dataclass(frozen=True, slots=True)
class ContextReport:
    """Counts of rows, what each check found, and how long the rows are."""

    read: int
    train: int
    val: int
    rejected: int
    flagged: int
    """Rows kept although a check that does not reject found something."""
    base: str
    limit: int | None
    found: Mapping[str, Found]
    lengths: Lengths
    windows: tuple[Window, ...]
    tokens: tuple[int, ...] = field(repr=False, default=())
    """The length of every row that could be read, in order."""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything but the single lengths, for JSON."""
        return {
            "rows": {
                "read": self.read, "train": self.train, "val": self.val,
                "rejected": self.rejected, "kept_with_warnings": self.flagged,
            },
            "base": self.base,
            "limit_tokens": self.limit,
            "checks": {
                name: {"about": CHECKS[name].about, **asdict(f)} for name, f in self.found.items()
            },
            "tokens_per_row": asdict(self.lengths),
            "windows": [asdict(w) for w in self.windows],
            "notes": list(self.notes),
        }  # fmt: skip

    def to_text(self) -> str:
        """Tables for a terminal."""
        out = [f"{self.read:,} rows read: {self.train:,} train, {self.val:,} val, "
               f"{self.rejected:,} rejected ({self.flagged:,} kept with warnings)", ""]  # fmt: skip
        out += _columns(
            [("check", "rows", "", "for example"), *(self._found_row(n) for n in self.found)]
        )
        lengths = self.lengths
        out += ["", f"tokens per row ({self.base}; {lengths.count:,} rows)"]
        out += _columns([_NAMES, tuple(_number(getattr(lengths, n)) for n in _NAMES)])
        out += ["", "would be truncated"]
        out += _columns([("base", "context", "rows", "by tokens on average"), *self._window_rows()])
        return "\n".join([*out, "", *self.notes])

    def to_html(self) -> str:
        """A page that needs nothing but itself; whatever came from rows is escaped."""
        marks = [(f"{w.base} {w.tokens:,}", w.tokens) for w in self.windows if w.counted]
        counts = [(n, float(f.rows)) for n, f in self.found.items()]
        return _PAGE.format(
            fonts=FONTS,
            head=f"{self.read:,} rows read: {self.train:,} train, {self.val:,} val, "
            f"{self.rejected:,} rejected; {self.flagged:,} kept with warnings.",
            notes="".join(f"<p>{escape(n)}</p>" for n in self.notes),
            bars=bars(counts, title="Rows found by each check", unit="rows"),
            checks=self._checks_html(),
            histogram=histogram(
                self.tokens, title=f"Tokens per row ({self.base})", unit="tokens", marks=marks
            ),
            lengths=_table([_NAMES, tuple(_number(getattr(self.lengths, n)) for n in _NAMES)]),
            windows=_table(
                [
                    ("base", "context", "rows truncated", "tokens over, on average"),
                    *self._window_rows(),
                ]
            ),
        )

    def _found_row(self, name: str) -> tuple[str, str, str, str]:
        found = self.found[name]
        some = found.examples[0] if found.examples else None
        shown = f"{some.source} {some.row}: {some.detail}" if some else ""
        action = ("rejected" if found.rejected else "warned") if found.rows else ""
        return name, f"{found.rows:,}", action, _one_line(shown)

    def _window_rows(self) -> list[tuple[str, str, str, str]]:
        return [
            (
                w.base + ("" if w.counted else " (estimate)"),
                f"{w.tokens:,}",
                f"{w.truncated:,}",
                f"{w.excess:,.0f}" if w.truncated else "–",
            )
            for w in self.windows
        ]

    def _checks_html(self) -> str:
        rows = []
        for name, found in self.found.items():
            examples = "".join(
                f"<li>{escape(e.source)} {e.row}: {escape(e.detail)}</li>" for e in found.examples
            )
            action = "rejected" if found.rejected else "warned"
            rows.append(
                f"<tr><td>{escape(name)}</td><td>{found.rows:,}</td><td>{action}</td>"
                f"<td>{escape(CHECKS[name].about)}<ul>{examples}</ul></td></tr>"
            )
        return (
            "<table><tr><th>check</th><th>rows</th><th></th><th>what it means, and some rows</th>"
            f"</tr>{''.join(rows)}</table>"
        )


_NAMES = ("count", "mean", "median", "p90", "p95", "p99", "max")


def _number(value: float) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 90 else text[:89] + "…"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [
        "  " + "  ".join(cell.ljust(w) for cell, w in zip(row, wide, strict=True)).rstrip()
        for row in rows
    ]


def _table(rows: Sequence[Sequence[str]]) -> str:
    head, *body = rows
    return (
        "<table><tr>" + "".join(f"<th>{escape(c)}</th>" for c in head) + "</tr>"
        + "".join("<tr>" + "".join(f"<td>{escape(c)}</td>" for c in r) + "</tr>" for r in body)
        + "</table>"
    )  # fmt: skip


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>giljabi data context</title>
<style>body{{font-family:{fonts};max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}}
table{{border-collapse:collapse;margin:1rem 0}}td,th{{border:1px solid #ccc;padding:.3rem .6rem;
text-align:left;vertical-align:top}}svg{{max-width:100%;height:auto}}ul{{margin:.3rem 0}}</style></head>
<body><h1>Documents, questions, answers</h1><p>{head}</p>{notes}
<h2>Checks</h2>{bars}{checks}<h2>Length</h2>{histogram}{lengths}
<h2>What would be truncated</h2>{windows}</body></html>
"""
