"""Measuring runs as one page that needs nothing else: no network, no script, the system's fonts.

Questions, answers and names come from anywhere, so everything is escaped, and the page forbids
itself to load or run anything.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from giljabi import __version__
from giljabi.measure import pictures
from giljabi.measure.comparison import Difference, compare, together
from giljabi.measure.figures import declines, table, within
from giljabi.measure.measured import Measured
from giljabi.measure.results import Result, Run

WORST = 20
"""How many of the worst answers of each contestant are shown."""

_WORDS = 60  # characters of what was objected to; the answer stands above it

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
{body}
</body>
</html>
"""


def page(runs: Sequence[Run], histories: Mapping[str, Sequence[Mapping[str, float]]] = {}) -> str:
    """The contestants of all runs beside the first of them, as HTML; `histories` are tuning runs'.

    Raises GiljabiError where the runs were not asked the same questions.
    """
    results = together(runs)
    asked = runs[0].manifest["identity"]["questions"]
    body = [
        f'<h1>{escape(str(asked["file"]))}</h1>\n<p class="soft">{_names(results)}</p>',
        _table("", {one.name: [] for one in results}, table({r.name: r.figures for r in results})),
        _differences(compare(results)),
        _by("Right, by kind of question", "right_by_slot", results),
        _by("Right, by what was expected", "right_by_expect", results),
        _by("What the checker objected to", "objections", results),
        _distributions(results),
        _histories(histories),
        *(_worst(one) for one in results),
        _side_by_side(results),
        _repeat(runs),
    ]
    style = (files("giljabi.measure") / "report.css").read_text("utf-8")
    title = escape(f"giljabi: {asked['file']}")
    return _PAGE.format(title=title, style=style, body="\n".join(filter(None, body)))


def _names(results: Iterable[Result]) -> str:
    return escape(", ".join(one.name for one in results))


# ---- tables ----


def _table(title: str, head: Iterable[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in ("", *head))
    body = "".join(
        f"<tr><th>{escape(label)}</th>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>\n"
        for label, cells in rows
    )
    heading = f"<h2>{escape(title)}</h2>\n" if title else ""
    return f'{heading}<div class="wide"><table class="number"><tr>{top}</tr>\n{body}</table></div>'


def _by(title: str, what: str, results: Sequence[Result]) -> str:
    keys = list(dict.fromkeys(key for one in results for key in one.figures[what]))
    if not keys:
        return ""
    rows = [(key, [_cell(one.figures[what].get(key)) for one in results]) for key in keys]
    return _table(title, [one.name for one in results], rows)


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{value['count']} of {value['of']} ({value['share']:.0%})"
    return "–" if value is None else str(value)


def _differences(found: Sequence[Difference]) -> str:
    if not found:
        return ""
    colours = {"better": "good", "worse": "bad", "noise": "soft"}
    said = "".join(f'<li class="{colours[one.verdict]}">{escape(one.said)}</li>\n' for one in found)
    return (
        '<h2>Better, or noise?</h2>\n<p class="soft">Paired bootstrap over the questions, 10,000 '
        "resamples: noise is what an interval that holds 0 cannot tell from no difference. Of "
        f"several figures one in twenty lies beyond its interval by chance.</p>\n<ul>{said}</ul>"
    )


# ---- pictures ----


def _distributions(results: Sequence[Result]) -> str:
    drawn = []
    for title, unit, of in (
        ("time of an answer", "ms", lambda row: row.total_ms),
        ("length of an answer", "characters", lambda row: float(len(row.answer))),
    ):
        values = {one.name: [v for v in map(of, one.rows) if v is not None] for one in results}
        every = [value for some in values.values() for value in some]
        if not every:
            continue
        # One slow answer would squeeze all others into the first bar; it stands in the last one.
        high = within(every, 0.98) or 1.0
        pictured = "".join(
            pictures.histogram(some, low=0, high=high, title=name, unit=unit)
            for name, some in values.items()
        )
        drawn.append(f'<h3>{escape(title)}</h3>\n<div class="pictures">{pictured}</div>')
    return "<h2>Distributions</h2>\n" + "\n".join(drawn) if drawn else ""


def _histories(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> str:
    drawn = "".join(pictures.curves(rows, title=name) for name, rows in histories.items())
    return f'<h2>Tuning</h2>\n<div class="pictures">{drawn}</div>' if drawn else ""


# ---- answers ----


def badness(row: Measured, similarity: float | None = None) -> float:
    """How bad an answer is, 0 being nothing found: wrong, unsupported, refused, unending, unlike."""
    return (
        2.0 * (row.gold and not row.right)
        + 2.0 * (row.verified is False)
        + 1.0 * (row.expect == "answer" and row.abstained and not (row.gold and row.right))
        + 1.0 * (row.expect == "abstain" and not declines(row))
        + 1.0 * (row.capped is True)
        + min(len(row.problems), 9) / 10
        + (0 if similarity is None or similarity > 0.5 else 0.5 - similarity)
    )


def _worst(result: Result) -> str:
    likes = result.similarities
    scored = sorted(
        ((badness(row, likes.get(row.id)), n, row) for n, row in enumerate(result.rows)),
        key=lambda one: (-one[0], one[1]),
    )
    bad = [row for score, _, row in scored if score > 0]
    if not bad:
        return ""
    shown = "".join(
        f"<article>{_question(row)}{_answer(row, likes.get(row.id))}{_facts(row)}</article>\n"
        for row in bad[:WORST]
    )
    of = f"{min(WORST, len(bad))} of {len(bad)}"
    return f"<h2>The worst answers of {escape(result.name)} ({of})</h2>\n{shown}"


def _side_by_side(results: Sequence[Result]) -> str:
    by_id = [{row.id: row for row in one.rows} for one in results]
    common = [row for row in results[0].rows if all(row.id in some for some in by_id)]
    articles = []
    for row in common:
        cells = "".join(
            f"<div><small>{escape(one.name)}</small>"
            f"{_answer(some[row.id], one.similarities.get(row.id))}</div>"
            for one, some in zip(results, by_id, strict=True)
        )
        grid = f'<div class="columns" style="grid-template-columns:repeat({len(results)},minmax(15em,1fr))">'
        articles.append(f"<article>{_question(row)}{grid}{cells}</div></article>")
    head = f"<h2>Side by side ({len(common)} questions)</h2>"
    return (
        f"{head}\n<details open><summary>answers</summary>\n" + "\n".join(articles) + "</details>"
    )


def _question(row: Measured) -> str:
    turns = " ▸ ".join(row.turns)
    reference = (
        f'<div class="soft">reference: {escape(row.reference)}</div>' if row.reference else ""
    )
    return (
        f'<div lang="{escape(row.lang)}"><small>{escape(row.id)} · {escape(row.slot)} · expects '
        f"{escape(row.expect)}</small><br><strong>{escape(turns)}</strong>{reference}</div>"
    )


def _answer(row: Measured, similarity: float | None) -> str:
    marks = [f"{row.written_by}, {row.outcome}"]
    marks += [f"similarity {similarity:.2f}"] if similarity is not None else []
    faults = [f"lacks one of {', '.join(list(group)[:4])}" for group in row.missing if row.gold]
    faults += [f"must not say {word}" for word in row.banned]
    faults += _objections(row)
    faults += ["stopped by the token budget"] if row.capped else []
    bad = f'<div class="bad"><small>{escape("; ".join(faults))}</small></div>' if faults else ""
    return (
        f'<div class="said" lang="{escape(row.lang)}">{escape(row.answer) or "(nothing)"}</div>'
        f"<small>{escape(' · '.join(marks))}</small>{bad}"
    )


def _objections(row: Measured) -> list[str]:
    """What the checker has against an answer, a reason said once."""
    reasons: dict[str, list[str]] = {}
    for words, why in row.problems:
        cut = words if len(words) <= _WORDS else f"{words[:_WORDS]}…"
        reasons.setdefault(why, []).append(f"“{cut}”")
    return [f"{', '.join(dict.fromkeys(words))}: {why}" for why, words in reasons.items()]


def _facts(row: Measured) -> str:
    said = "".join(f"<li>{escape(fact)}</li>" for fact in row.facts)
    return f"<small>facts</small><ul>{said}</ul>" if said else "<p><small>no facts</small></p>"


# ---- how to do it again ----


def _repeat(runs: Sequence[Run]) -> str:
    parts = ["<h2>How to repeat it</h2>"]
    for run in runs:
        manifest = run.manifest
        command = shlex.join(manifest["command"]) or f"giljabi measure --again {run.name}"
        known = {
            key: manifest[key]
            for key in ("identity", "versions", "machine", "seeds")
            if key in manifest
        }
        lines = "\n".join(_lines(known))
        parts.append(f'<pre>{escape(command)}</pre>\n<pre class="soft">{escape(lines)}</pre>')
    parts.append(f'<p class="soft">giljabi {escape(__version__)}</p>')
    return "\n".join(parts)


def _lines(value: Any, path: str = "") -> Iterable[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _lines(inner, f"{path} › {key}" if path else str(key))
    elif value not in (None, ""):
        yield f"{path}: {value}"
