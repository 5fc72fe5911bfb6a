"""A place for everybody from figures and weights, and why; ties stay ties.

One metric ranks by itself. Several are put on one scale first: 0 is the worst of those compared,
1 the best, and the score is the weighted mean. Knows numbers; nothing of models.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from giljabi.errors import GiljabiError
from giljabi.measure.leaderboard import metric

Figures = Mapping[str, Mapping[str, float]]
"""Metric by name, by candidate."""

LOWER = frozenset(
    "perplexity bits_per_byte cer wer character_error_rate real_time_factor latency_ms p50_ms p95_ms "
    "first_token_ms load_s peak_mb bits_per_byte_ko bits_per_byte_en unsupported "
    "unsupported_with_facts unsupported_without board_mb training_gb training_hours".split()
)
"""Metrics of which less is better without being told; --lower names others."""
_POPULARITY = frozenset("downloads download likes stars popularity".split())
_DIGITS = 9  # sums of the same shares in floating point are told apart below this, never above


@dataclass(frozen=True, slots=True)
class Weight:
    """A metric that counts, and how much."""

    metric: str
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Standing:
    """One candidate's place."""

    name: str
    place: int
    """1 is best; those of equal score share one, and the next places are left out."""
    score: float
    """The figure itself for one metric; for several 0 to 1."""
    shares: Mapping[str, float]
    """By metric: 0 the worst of those ranked, 1 the best; 0 where all are equal."""


def is_popularity(name: str) -> bool:
    """Whether a metric says how many people took a model, which says nothing of its answers."""
    return not _POPULARITY.isdisjoint(name.split("_"))


def weights(text: str) -> tuple[Weight, ...]:
    """`METRIC[:WEIGHT],…` as a user writes it; GiljabiError where it is not that."""
    found: list[Weight] = []
    for part in filter(None, map(str.strip, text.split(","))):
        name, colon, number = part.rpartition(":") if ":" in part else (part, "", "")
        try:
            weight = float(number) if colon else 1.0
        except ValueError:
            weight = math.nan
        if not (math.isfinite(weight) and weight > 0 and name.strip()):
            raise GiljabiError(
                f"--by {part!r} is not METRIC or METRIC:WEIGHT with a weight above 0."
            )
        found.append(Weight(metric(name), weight))
    for at, one in enumerate(found):
        if any(one.metric == before.metric for before in found[:at]):
            raise GiljabiError(f"--by names {one.metric!r} twice.")
        if is_popularity(one.metric):
            raise GiljabiError(
                f"{one.metric} is popularity: it is shown and does not rank; name another metric."
            )
    return tuple(found)


def rank(
    figures: Figures, by: Sequence[Weight], lower: Collection[str] = LOWER
) -> tuple[Standing, ...]:
    """Everybody's standing, best first and by name within a place.

    Every candidate must have every metric of `by`. The order of `figures` does not matter, and a
    better figure never costs its candidate a place.
    """
    if not by:
        return ()
    shares: dict[str, dict[str, float]] = {name: {} for name in figures}
    for one in by:
        for name, share in _shares(figures, one.metric, lower).items():
            shares[name][one.metric] = share
    scores = {name: _score(figures[name], shares[name], by, lower) for name in figures}
    order = sorted(figures, key=lambda name: (-scores[name][0], name.casefold(), name))
    return tuple(
        Standing(
            name,
            1 + sum(scores[other][0] > scores[name][0] for other in figures),
            scores[name][1],
            shares[name],
        )
        for name in order
    )


def _score(
    own: Mapping[str, float],
    shares: Mapping[str, float],
    by: Sequence[Weight],
    lower: Collection[str],
) -> tuple[float, float]:
    """What is sorted by, more being better, and what is shown."""
    if len(by) == 1:
        value = own[by[0].metric]
        return (-value if by[0].metric in lower else value), value
    whole = sum(one.weight for one in by)
    mean = round(sum(one.weight * shares[one.metric] for one in by) / whole, _DIGITS)
    return mean, mean


def _shares(figures: Figures, name: str, lower: Collection[str]) -> dict[str, float]:
    sign = -1.0 if name in lower else 1.0
    values = {who: sign * own[name] for who, own in figures.items()}
    worst, best = min(values.values(), default=0.0), max(values.values(), default=0.0)
    span = best - worst
    return {who: (value - worst) / span if span else 0.0 for who, value in values.items()}


def first(standings: Sequence[Standing]) -> tuple[str, ...]:
    """Whoever shares the first place."""
    return tuple(one.name for one in standings if one.place == 1)


def dominated(
    figures: Figures, columns: Sequence[str], lower: Collection[str], given: Collection[str]
) -> dict[str, tuple[str, int]]:
    """By candidate: another that is nowhere worse and somewhere better, and in how many columns.

    Only columns known of both count: two at least, one of them `given`, for to take less memory
    says nothing where no answer was measured.
    """
    found: dict[str, tuple[str, int]] = {}
    for name in sorted(figures):
        for other in sorted(figures):
            both = [c for c in columns if c in figures[name] and c in figures[other]]
            gains = [
                (figures[other][c] - figures[name][c]) * (-1 if c in lower else 1) for c in both
            ]
            if len(both) < 2 or not any(c in given for c in both):
                continue
            if min(gains) >= 0 < max(gains):
                found.setdefault(name, (other, len(both)))
    return found
