"""Is one contestant better than another, or is it noise? Paired bootstrap over questions.

Both answered the same questions, so questions are drawn, and each brings both answers along.
Source: Efron and Tibshirani 1993; for paired systems Koehn 2004 (W04-3250). The interval is of the
questions drawn: it says nothing of another venue, nor of a model sampled anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from giljabi.errors import GiljabiError
from giljabi.measure.figures import own_words
from giljabi.measure.measured import Measured
from giljabi.measure.results import Result, Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 10_000
SEED = 1
LEVEL = 0.95
_CHUNK = 500  # resamples held in memory at once: 500 × 500 questions × 8 bytes = 2 MB


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference of means, the second's less the first's, and where 95 % of resamples fall."""

    difference: float
    low: float
    high: float

    @property
    def noise(self) -> bool:
        """Whether no difference at all is within the interval."""
        return self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class Difference:
    """One figure of two contestants over the questions both have it for."""

    figure: str
    first: str
    second: str
    questions: int
    first_mean: float
    second_mean: float
    interval: Interval
    lower_is_better: bool = False
    share: bool = True
    """Whether it is read in percent."""

    @property
    def verdict(self) -> str:
        """better, worse or noise, said of the second."""
        if self.interval.noise:
            return "noise"
        return "better" if (self.interval.difference < 0) == self.lower_is_better else "worse"

    @property
    def said(self) -> str:
        """The whole of it as a sentence."""
        unit, digits, times = (" points", 1, 100) if self.share else ("", 3, 1)
        one, low, high = (
            f"{value * times:+.{digits}f}"
            for value in (self.interval.difference, self.interval.low, self.interval.high)
        )
        words = {
            "noise": f"noise: {self.second} and {self.first} cannot be told apart",
            "better": f"{self.second} is better than {self.first}",
            "worse": f"{self.second} is worse than {self.first}",
        }[self.verdict]
        return f"{self.figure}: {words} ({one}{unit}, 95 % {low} to {high}, {self.questions} questions)"


def paired_bootstrap(
    first: Sequence[float], second: Sequence[float], *, resamples: int = RESAMPLES, seed: int = SEED
) -> Interval:
    """The mean of `second` less that of `first` with its percentile interval at 95 %.

    The n-th values belong to one question. GiljabiError where there is nothing to pair.
    """
    import numpy as np  # noqa: PLC0415

    if len(first) == 0 or len(first) != len(second):
        raise GiljabiError(f"{len(first):,} and {len(second):,} answers cannot be paired.")
    gaps = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    means = _resampled(gaps, resamples, seed)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(gaps.mean()), float(low), float(high))


def _resampled(gaps: NDArray[np.float64], resamples: int, seed: int) -> NDArray[np.float64]:
    import numpy as np  # noqa: PLC0415

    draw = np.random.default_rng(seed)
    found = [
        gaps[draw.integers(0, len(gaps), (min(_CHUNK, resamples - at), len(gaps)))].mean(axis=1)
        for at in range(0, resamples, _CHUNK)
    ]
    return np.concatenate(found)


def differences(
    first: Result, second: Result, *, resamples: int = RESAMPLES, seed: int = SEED
) -> list[Difference]:
    """Every figure both have, paired by question id."""
    found = []
    for figure, (of, lower, share) in _FIGURES.items():
        if figure == "similarity" and first.encoder != second.encoder:
            continue  # figures of two encoders do not compare
        ours, theirs = of(first), of(second)
        ids = [one for one in ours if one in theirs]
        if not ids:
            continue
        a, b = [ours[one] for one in ids], [theirs[one] for one in ids]
        interval = paired_bootstrap(a, b, resamples=resamples, seed=seed)
        found.append(
            Difference(
                figure, first.name, second.name, len(ids), sum(a) / len(a), sum(b) / len(b),
                interval, lower, share,
            )
        )  # fmt: skip
    return found


def compare(results: Sequence[Result], *, resamples: int = RESAMPLES) -> list[Difference]:
    """Every other contestant beside the first."""
    return [
        one for other in results[1:] for one in differences(results[0], other, resamples=resamples)
    ]


def together(runs: Sequence[Run]) -> list[Result]:
    """The contestants of all runs, told apart by run where names meet.

    GiljabiError where they were not asked the same questions.
    """
    first = runs[0]
    asked = first.manifest["identity"]["questions"]
    for run in runs:
        questions = run.manifest["identity"]["questions"]
        if questions["sha256"] != asked["sha256"]:
            raise GiljabiError(
                f"{first.name} was asked {asked['file']} and {run.name} {questions['file']}, not "
                "the same questions; only answers to the same questions compare."
            )
    names = [one.name for run in runs for one in run.results]
    return [
        Result(f"{one.name} ({run.name})", one.figures, one.rows)
        if names.count(one.name) > 1
        else one
        for run in runs
        for one in run.results
    ]


def _by_row(
    of: Callable[[Measured], bool], among: Callable[[Measured], bool]
) -> Callable[[Result], dict[str, float]]:
    return lambda result: {row.id: float(of(row)) for row in result.rows if among(row)}


def _similarity(result: Result) -> dict[str, float]:
    return dict(result.similarities)


_FIGURES: dict[str, tuple[Callable[[Result], dict[str, float]], bool, bool]] = {
    "right": (_by_row(lambda row: row.right, lambda row: row.gold), False, True),
    "unsupported": (
        _by_row(lambda row: not row.verified, lambda row: row.verified is not None),
        True,
        True,
    ),
    "own words": (_by_row(own_words, lambda row: row.for_model), False, True),
    "similarity": (_similarity, False, False),
}
"""Name -> (a value for each question that has one, whether less is better, whether it is a share)."""
