"""An audit for people and for machines: text, JSON, and a page with pictures."""

from __future__ import annotations

from dataclasses import asdict
from html import escape
from statistics import mean, median
from typing import Any

from giljabi.build.audit import Audit, Rule
from giljabi.build.charts import FONTS, bars, histogram
from giljabi.build.fonts import face

SHOWN = 12
"""Rows a rule shows in the page; all of them are in the JSON."""
MOST = 2_000
"""Characters of a question or an answer the page shows."""

_STYLE = f"""
body{{font:16px/1.5 "Giljabi",{FONTS};max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}}
table{{border-collapse:collapse;width:100%}}
td,th{{border-bottom:1px solid #ddd;padding:.3rem .5rem;text-align:left;vertical-align:top}}
td.n{{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}}
.fault{{color:#b3261e}} .fine{{color:#1b6e3c}} .why{{color:#666}}
details{{margin:.5rem 0}} summary{{cursor:pointer}}
svg{{max-width:100%;height:auto}} svg text{{font-family:"Giljabi",{FONTS}}}
"""


def to_json(audit: Audit) -> dict[str, Any]:
    """Everything, rows included."""
    out = asdict(audit)
    out["tokens"] = lengths(audit)
    return out


def lengths(audit: Audit) -> dict[str, float | str | None]:
    """Of the lengths in tokens: mean, median, p95, longest."""
    if not audit.tokens:
        return {}
    ordered = sorted(audit.tokens)
    return {
        "base": audit.base, "context": audit.context, "mean": round(mean(ordered), 1),
        "median": median(ordered), "p95": ordered[int(0.95 * (len(ordered) - 1))], "max": ordered[-1],
    }  # fmt: skip


def to_text(audit: Audit) -> str:
    """One line a rule, worst first within what must be nothing."""
    rows = ", ".join(f"{n:,} {name}" for name, n in audit.rows.items()) or "none"
    out = [f"rows: {rows}"]
    for r in audit.rules:
        mark = "!" if r.fault and r.count else " "
        out.append(f"{mark} {r.count:>7,} of {r.of:<7,} {r.title}")
    if found := lengths(audit):
        out.append(
            "tokens of {base}: mean {mean}, median {median}, p95 {p95}, longest {max}".format(
                **found
            )
        )
    for name, spellings in audit.extra.get("spellings", {}).items():
        said = ", ".join(f"{w} {n:,}" for w, n in spellings.items() if w != "right")
        out.append(f"{name}: written right {spellings['right']:,} times, else {said}")
    if buses := audit.extra.get("bus_numbers"):
        said = ", ".join(f"{bus} (about {n} places)" for bus, n in buses.items())
        out.append(f"bus numbers said of places that no bus serves: {said}")
    return "\n".join(out)


def to_html(audit: Audit) -> str:
    """A page that stands by itself: no script, no network, its own Korean letters."""
    verdict = (
        f'<span class="fault">결함 {audit.faults:,}건 · {audit.faults:,} faults</span>'
        if audit.faults
        else '<span class="fine">결함 없음 · no faults</span>'
    )
    counts = [(r.title, float(r.count)) for r in audit.rules if r.count]
    pictures = [bars(counts, title="무엇이 몇 건인가 · findings", unit="rows")]
    if audit.tokens:
        marks = (
            [("context", float(audit.context))]
            if audit.context and max(audit.tokens) > audit.context / 3
            else []
        )
        pictures.append(
            histogram(
                audit.tokens,
                title=f"길이 · length in tokens of {audit.base}",
                unit="tokens",
                marks=marks,
            )
        )
    body = "\n".join(
        [
            f"<h1>데이터 점검 · data audit</h1><p>{escape(', '.join(audit.files))}</p><h2>{verdict}</h2>",
            _table(audit),
            *pictures,
            f"<pre>{escape(to_text(audit))}</pre>",
            *(_rule(r) for r in audit.rules if r.count),
        ]
    )
    font = face(body)
    return (
        '<!doctype html><html lang="ko"><meta charset="utf-8">'
        f"<title>giljabi data audit</title><style>{font}{_STYLE}</style>{body}</html>\n"
    )


def _table(audit: Audit) -> str:
    rows = []
    for r in audit.rules:
        kind = "fault" if r.fault and r.count else "fine"
        share = f"{r.count / r.of:.1%}" if r.of else "–"
        rows.append(
            f'<tr><td class="n {kind}">{r.count:,}</td><td class="n">{r.of:,}</td>'
            f'<td class="n">{share}</td><td>{escape(r.title)}</td></tr>'
        )
    return f"<table><tr><th>found</th><th>of</th><th></th><th>what</th></tr>{''.join(rows)}</table>"


def _rule(r: Rule) -> str:
    rows = "".join(
        f'<tr><td class="n">{escape(s.file)}<br>{s.number}</td><td>{escape(s.question[:MOST])}</td>'
        f'<td>{escape(s.answer[:MOST])}<br><span class="why">{escape(s.why)}</span></td></tr>'
        for s in r.rows[:SHOWN]
    )
    more = f" ({SHOWN} of {r.count:,} shown)" if r.count > SHOWN else ""
    return (
        f"<details open><summary>{escape(r.title)}{more}</summary><table>{rows}</table></details>"
    )
