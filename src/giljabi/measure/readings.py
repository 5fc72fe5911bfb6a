"""What else the same figures would have said: by another column, without one, without a limit.

A choice that only one reading supports should look like it. Knows candidates, findings and ranks.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from giljabi.measure.leaderboard import Table
from giljabi.measure.ranking import Figures, Weight, first, is_popularity, rank

Kind = Literal[
    "by one column", "without one column", "by the mean", "without one limit", "popularity"
]


@dataclass(frozen=True, slots=True)
class Reading:
    """Who would be first if one thing were different."""

    kind: Kind
    what: str
    """The column or limit it is about."""
    first: tuple[str, ...]
    """More than one where they are equal."""
    of: int
    """How many candidates it could be read for."""
    said: Mapping[str, float]
    """The figure it goes by, of each that is first and of the one chosen, where it is known."""


def columns(figures: Figures, table: Table | None) -> list[str]:
    """Every metric that two candidates have, without popularity and the table's own mean."""
    named = [name for own in figures.values() for name in own]
    skipped = table.mean if table else ""
    return [
        name
        for name in dict.fromkeys(named)
        if named.count(name) > 1 and name != skipped and not is_popularity(name)
    ]


def readings(
    figures: Figures,
    by: Sequence[Weight],
    table: Table | None,
    lower: Collection[str],
    chosen: Collection[str],
) -> Iterator[Reading]:
    """Every other reading of the figures of those that keep to the limits.

    `table` is the leaderboard the figures are from, `chosen` who is first as asked.
    """
    alone = by[0].metric if len(by) == 1 else ""
    for name in columns(figures, table):
        if name != alone:
            yield from _by(figures, "by one column", name, [Weight(name)], lower, chosen)
    for one in by if len(by) > 1 else ():
        rest = [other for other in by if other is not one]
        yield from _by(figures, "without one column", one.metric, rest, lower, chosen)
    if table and table.mean and table.mean == alone:
        yield from _around_the_mean(figures, table, lower, chosen)
    for name in sorted({n for own in figures.values() for n in own if is_popularity(n)}):
        yield from _by(figures, "popularity", name, [Weight(name)], lower, chosen)


def _by(
    figures: Figures, kind: Kind, what: str, by: Sequence[Weight],
    lower: Collection[str], chosen: Collection[str],
) -> Iterator[Reading]:  # fmt: skip
    known = {w: own for w, own in figures.items() if all(one.metric in own for one in by)}
    standings = rank(known, by, lower)
    if len(standings) < 2:
        return
    leads = first(standings)
    said = {s.name: s.score for s in standings if s.name in leads or s.name in chosen}
    yield Reading(kind, what, leads, len(standings), said)


def _around_the_mean(
    figures: Figures, table: Table, lower: Collection[str], chosen: Collection[str]
) -> Iterator[Reading]:
    """The table's mean with each of its columns taken out, and the mean of the columns it shows.

    A mean m of n columns is (n m - x) / (n - 1) without the column x, exact to the table's
    rounding, also where a column of the n is not in the table.
    """
    parts = [c for c in table.columns if c != table.mean and not is_popularity(c)]
    known = {w: own for w, own in figures.items() if all(c in own for c in (*parts, table.mean))}
    whole, count = table.mean, table.mean_of
    if not parts or count < max(2, len(parts)):
        return
    weight = [Weight(whole)]
    for part in parts:
        left = {
            w: {whole: (count * own[whole] - own[part]) / (count - 1)} for w, own in known.items()
        }
        yield from _by(left, "without one column", part, weight, lower, chosen)
    shown = {w: {whole: sum(own[p] for p in parts) / len(parts)} for w, own in known.items()}
    what = f"the {len(parts)} columns shown"
    what += f" ({whole} is over {count})" if count > len(parts) else ""
    yield from _by(shown, "by the mean", what, weight, lower, chosen)
