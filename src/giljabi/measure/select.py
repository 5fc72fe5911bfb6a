"""Which base to take: candidates, limits and figures as a ranked list with a reason for each.

Who breaks a limit is excluded with the limit and its figures; who lacks a figure that ranks is not
ranked and named; what is not known of those ranked is said beside them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from giljabi.errors import GiljabiError
from giljabi.measure import ranking, readings
from giljabi.measure.candidates import Candidate
from giljabi.measure.leaderboard import Table
from giljabi.measure.limits import Finding, Limits, judge
from giljabi.measure.ranking import Standing, Weight
from giljabi.measure.readings import Reading


@dataclass(frozen=True, slots=True)
class Judged:
    """A candidate, what every limit says of it, and all its figures."""

    candidate: Candidate
    findings: tuple[Finding, ...]
    figures: Mapping[str, float]
    """Those that were given, and those the limits worked out."""

    @property
    def name(self) -> str:
        """The candidate's."""
        return self.candidate.name

    @property
    def broken(self) -> tuple[Finding, ...]:
        """What excludes it."""
        return tuple(one for one in self.findings if one.verdict == "broken")

    @property
    def unknown(self) -> tuple[Finding, ...]:
        """What nobody here can say of it."""
        return tuple(one for one in self.findings if one.verdict == "not known")


@dataclass(frozen=True, slots=True)
class Selection:
    """A choice, why, and what else could have been chosen."""

    by: tuple[Weight, ...]
    """What was ranked by; empty where nothing was."""
    lower: frozenset[str]
    """Metrics of which less is better."""
    left: tuple[Judged, ...]
    """Those that keep to the limits, or may, by name."""
    excluded: tuple[Judged, ...]
    standings: tuple[Standing, ...]
    """Those left that have every figure that ranks, best first."""
    without: Mapping[str, tuple[str, ...]]
    """Of those left and not ranked: by metric, who has no figure."""
    other: tuple[Reading, ...]
    dominated: Mapping[str, tuple[str, int]]
    """By candidate: who is nowhere worse and somewhere better, in how many columns."""
    compared: int
    """Columns looked at for that."""
    tables: tuple[Table, ...] = field(default=())
    """Where figures are from: the leaderboard, then measurements."""

    @property
    def first(self) -> tuple[str, ...]:
        """Who is first; more than one where they are equal, none where nothing was ranked."""
        return ranking.first(self.standings)

    def of(self, name: str) -> Judged:
        """The candidate called `name`."""
        return next(one for one in (*self.left, *self.excluded) if one.name == name)


def select(
    candidates: Sequence[Candidate],
    by: Sequence[Weight],
    limits: Limits,
    *,
    lower: Collection[str] = (),
    board: Table | None = None,
    measurements: Sequence[Table] = (),
) -> Selection:
    """Exclude by `limits`, rank what is left by `by` (nothing where empty), and read it otherwise.

    `lower` adds metrics of which less is better; `board` and `measurements` are the tables that
    the candidates' figures are from. Raises GiljabiError where no candidate has a metric of `by`.
    """
    less = ranking.LOWER | frozenset(lower)
    judged = [_judged(one, limits) for one in candidates]
    _known_metrics(judged, {w.metric: f"--by {w.metric}" for w in by})
    _known_metrics(judged, {name: f"--lower {name}" for name in lower})
    left = tuple(one for one in judged if not one.broken)
    figures = {one.name: one.figures for one in left}
    standings = ranking.rank(_ranked(left, by), by, less)
    chosen = ranking.first(standings)
    columns = readings.columns(figures, board)
    given = {metric for one in candidates for metric in one.figures}
    return Selection(
        tuple(by), less, left, tuple(one for one in judged if one.broken), standings,
        {w.metric: gaps for w in by if (gaps := _gaps(left, w.metric))},
        (*readings.readings(figures, by, board, less, chosen), *_without_limits(judged, by, less, chosen)),
        ranking.dominated(figures, columns, less, given), len(columns),
        tuple(filter(None, (board, *measurements))),
    )  # fmt: skip


def _judged(candidate: Candidate, limits: Limits) -> Judged:
    findings, figures = judge(candidate, limits)
    return Judged(candidate, findings, {**candidate.figures, **figures})


def _ranked(among: Sequence[Judged], by: Sequence[Weight]) -> dict[str, Mapping[str, float]]:
    return {one.name: one.figures for one in among if all(w.metric in one.figures for w in by)}


def _gaps(among: Sequence[Judged], metric: str) -> tuple[str, ...]:
    return tuple(one.name for one in among if metric not in one.figures)


def _known_metrics(judged: Sequence[Judged], asked: Mapping[str, str]) -> None:
    known = sorted({metric for one in judged for metric in one.figures})
    for metric, said in asked.items():
        if metric not in known:
            raise GiljabiError(
                f"{said}: no candidate has that figure; there are {', '.join(known) or 'none'}, and "
                "--measurements brings more."
            )


def _without_limits(
    judged: Sequence[Judged], by: Sequence[Weight], lower: Collection[str], chosen: Sequence[str]
) -> list[Reading]:
    found: list[Reading] = []
    for limit in dict.fromkeys(f.limit for one in judged for f in one.broken):
        among = [one for one in judged if all(f.limit == limit for f in one.broken)]
        standings = ranking.rank(_ranked(among, by), by, lower)
        leads = ranking.first(standings)
        if leads:
            said = {s.name: s.score for s in standings if s.name in leads or s.name in chosen}
            found.append(Reading("without one limit", limit, leads, len(standings), said))
    return found
