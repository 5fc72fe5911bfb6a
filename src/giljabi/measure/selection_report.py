"""A selection as Markdown for people and as plain values for programs.

Knows how a choice is told; decides nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from giljabi.measure.leaderboard import Table
from giljabi.measure.limits import TRAINING_GB
from giljabi.measure.ranking import Standing, is_popularity
from giljabi.measure.readings import Kind, Reading
from giljabi.measure.select import Judged, Selection

_NOT_KNOWN = "not known"
_ESTIMATE = (
    "Training is estimated, not measured: one example a pass with checkpointing and FlashAttention, "
    "at an assumed 30 % of the GPU's stated speed; the terms and their sources are in "
    "docs/selecting.md."
)


def to_markdown(of: Selection) -> str:
    """The ranked table with reasons, who is excluded and why, and what else the figures say."""
    parts = ["# Which base", "", *_asked(of), "", *_table(of)]
    for title, lines in (
        ("Excluded", _excluded(of)),
        ("Not ranked", _not_ranked(of)),
        ("What else these figures say", _others(of)),
    ):
        if found := list(lines):
            parts += ["", f"## {title}", "", *found]
    if any(TRAINING_GB in one.figures for one in (*of.left, *of.excluded)):
        parts += ["", _ESTIMATE]
    return "\n".join(parts) + "\n"


def to_json(of: Selection) -> dict[str, Any]:
    """Everything as plain values; what is not known is null or left out."""
    return {
        "by": [{"metric": w.metric, "weight": w.weight, "lower_is_better": w.metric in of.lower}
               for w in of.by],
        "first": list(of.first),
        "tables": [{"where": t.where, "mean": t.mean or None, "mean_of": t.mean_of or None, **t.about}
                   for t in of.tables],
        "ranked": [_json(of.of(s.name)) | {"place": s.place, "score": s.score, "why": _why(of, s),
                                           "shares": dict(s.shares)} for s in of.standings],
        "not_ranked": [_json(one) for one in _unplaced(of)],
        "missing": {metric: list(names) for metric, names in of.without.items()},
        "excluded": [_json(one) for one in of.excluded],
        "otherwise": [{"kind": r.kind, "what": r.what, "first": list(r.first), "of": r.of,
                       "figures": dict(r.said)} for r in of.other],
        "dominated": {name: {"by": other, "columns": count}
                      for name, (other, count) in of.dominated.items()},
    }  # fmt: skip


def number(value: float) -> str:
    """A figure for people: four digits, or whole with thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _json(one: Judged) -> dict[str, Any]:
    c = one.candidate
    return {
        "candidate": c.name,
        "hub": c.hub or None,
        "licence": c.licence or None,
        "licence_url": c.licence_url or None,
        "context": c.context or None,
        "figures": dict(one.figures),
        "limits": [{"limit": f.limit, "verdict": f.verdict, "why": f.why} for f in one.findings],
    }


def _unplaced(of: Selection) -> list[Judged]:
    placed = {standing.name for standing in of.standings}
    return [one for one in of.left if one.name not in placed]


# ---- the table ----


def _asked(of: Selection) -> Iterator[str]:
    yield from (_source(table) for table in of.tables)
    if of.tables:
        yield ""
    if not of.by:
        yield "Nothing was ranked: name what counts with --by."
        return
    metrics = ", ".join(_metric(of, w.metric) + _times(w.weight) for w in of.by)
    scale = (
        " Each metric on a scale from the worst (0) to the best (1) of those ranked."
        if len(of.by) > 1
        else ""
    )
    yield f"Ranked by {metrics}.{scale}"


def _source(table: Table) -> str:
    about = [table.about[key] for key in ("title", "date", "source", "note") if key in table.about]
    return f"- {'; '.join([table.where, *about])}"


def _metric(of: Selection, name: str) -> str:
    return f"{name} (less is better)" if name in of.lower else name


def _times(weight: float) -> str:
    return "" if weight == 1 else f" × {number(weight)}"


def _table(of: Selection) -> Iterator[str]:
    if not (of.standings if of.by else of.left):
        yield "Nobody is left to rank."
        return
    metrics = [w.metric for w in of.by]
    popular = sorted({m for one in of.left for m in one.figures if is_popularity(m)})
    score = ["score"] if len(of.by) > 1 else []
    header = ["place", "candidate", *score, *metrics, "context", "licence", *popular, "why"]
    yield _line(header)
    yield _line(["---"] * len(header))
    for standing in of.standings:
        one = of.of(standing.name)
        cells = [str(standing.place), one.name, *([number(standing.score)] if score else [])]
        yield _line([*cells, *_known(one, metrics, popular), _why(of, standing)])
    for one in [] if of.by else of.left:
        yield _line(["–", one.name, *_known(one, metrics, popular), "; ".join(_clauses(one))])


def _known(one: Judged, metrics: Sequence[str], popular: Sequence[str]) -> list[str]:
    def cell(name: str) -> str:
        return number(one.figures[name]) if name in one.figures else _NOT_KNOWN

    c = one.candidate
    context = f"{c.context:,}" if c.context else _NOT_KNOWN
    return [*map(cell, metrics), context, c.licence or _NOT_KNOWN, *map(cell, popular)]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _why(of: Selection, standing: Standing) -> str:
    return "; ".join([_lead(of, standing), *_clauses(of.of(standing.name))])


def _lead(of: Selection, standing: Standing) -> str:
    if len(of.by) > 1:
        return ", ".join(
            f"{w.metric} {standing.shares[w.metric]:.2f}{_times(w.weight)}" for w in of.by
        )
    if len(of.standings) == 1:
        return "the only one ranked"
    equal = [s.name for s in of.standings if s.place == standing.place and s is not standing]
    also = [f"equal with {', '.join(equal)}"] if equal else []
    if standing.place > 1:
        ahead = of.standings[0]
        return ", ".join([f"{_gap(standing, ahead)} behind {ahead.name}", *also])
    after = next((s for s in of.standings if s.place > 1), None)
    return ", ".join(
        [*([f"{_gap(standing, after)} ahead of {after.name}"] if after else []), *also]
    )


def _gap(one: Standing, other: Standing) -> str:
    return number(abs(one.score - other.score))


def _clauses(one: Judged) -> Iterator[str]:
    """What the limits say of a candidate that is left; context and licence have columns."""
    for found in one.findings:
        if found.verdict == "not known" or found.limit in ("board", "training"):
            yield found.why


# ---- who is not in it ----


def _excluded(of: Selection) -> Iterator[str]:
    for one in of.excluded:
        yield f"- {one.name}: {'; '.join(found.why for found in one.broken)}."


def _not_ranked(of: Selection) -> Iterator[str]:
    for name, gaps in of.without.items():
        yield f"- No {name} is known of {', '.join(gaps)}."


# ---- what else ----


def _others(of: Selection) -> Iterator[str]:
    titles: dict[Kind, str] = {
        "by one column": "By {} alone",
        "by the mean": "By the mean of {}",
    }
    for kind, title in titles.items():
        yield from (f"- {title.format(r.what)}: {_said(of, r)}." for r in _kind(of, kind))
    yield from _stability(of, "without one column", "")
    yield from _stability(of, "without one limit", "the limit on ")
    yield from _before_taking(of)
    for r in _kind(of, "popularity"):
        yield f"- Most {r.what}: {_said(of, r)}. Popularity is shown and does not rank."
    yield from _dominated(of)


def _kind(of: Selection, kind: Kind) -> list[Reading]:
    return [one for one in of.other if one.kind == kind]


def _said(of: Selection, reading: Reading) -> str:
    # A score of several metrics has another scale each time, so only names are told.
    scored = len(of.by) > 1 and reading.kind in ("without one column", "without one limit")

    def figure(name: str) -> str:
        return "" if scored or name not in reading.said else f" {number(reading.said[name])}"

    leads = " and ".join(name + figure(name) for name in reading.first)
    behind = [n for n in of.first if n not in reading.first and n in reading.said and not scored]
    against = f" ({', '.join(n + figure(n) for n in behind)})" if behind else ""
    fewer = reading.of < len(of.standings or of.left) and reading.kind != "without one limit"
    only = f", of the {reading.of} that have it" if fewer else ""
    return leads + against + only


def _stability(of: Selection, kind: Kind, about: str) -> Iterator[str]:
    found = _kind(of, kind)
    stays = [r.what for r in found if set(r.first) == set(of.first)]
    if stays:
        yield f"- The first place stays the same without {_either([about + one for one in stays])}."
    for r in found:
        if r.what not in stays:
            yield f"- Without {about}{r.what}: {_said(of, r)}."


def _before_taking(of: Selection) -> Iterator[str]:
    for name in of.first:
        if unknown := of.of(name).unknown:
            said = " and ".join(found.why for found in unknown)
            yield f"- Before taking {name}, find out what nobody here knows: {said}."


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"any one of {', '.join(names)}"


def _dominated(of: Selection) -> Iterator[str]:
    for name, (other, count) in of.dominated.items():
        yield f"- {name} is nowhere better than {other} in the {count} columns known of both."
    if not of.dominated and of.compared > 1 and len(of.left) > 1:
        yield (
            f"- Nobody is dominated: of the {of.compared} columns nobody is at least as good as "
            "another in all that are known of both."
        )
