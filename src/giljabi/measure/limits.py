"""What a choice must keep to: the board, the data's length, the licence, the GPU it is trained on.

Judges one candidate at a time and says why; what is not known is neither kept to nor broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from giljabi.errors import GiljabiError
from giljabi.measure.candidates import Candidate
from giljabi.measure.training_cost import Gpu, Job, cost
from giljabi.model import budget
from giljabi.model.boards import Board

BOARD_MB, BOARD_SPEED = "board_mb", "board_tokens_per_second_at_most"
TRAINING_GB, TRAINING_HOURS = "training_gb", "training_hours"

# A hint, never a reading of the licence: "no commercial use", cc-by-nc-4.0, a research licence.
_NOT_COMMERCIAL = re.compile(r"\bno[nt]?[ -]?commercial|\bnc\b|\bresearch\b", re.I)
_WEB = {"web": "fastapi"}  # the server that answers; what else runs there, giljabi plan adds up

Verdict = Literal["kept", "broken", "not known"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one limit means for one candidate."""

    limit: str
    """context, licence, board or training."""
    verdict: Verdict
    why: str
    """One clause with the figures it rests on."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is asked for; each None or empty where it is not."""

    longest: int = 0
    """Tokens of the data's longest example, as stated; a candidate's own count goes before it."""
    mean: int = 0
    """The same of the average example; said, not asked for."""
    counted: bool = False
    """The data was counted in each candidate's own tokens, where its tokenizer is here."""
    licences: tuple[str, ...] = ()
    """Texts of which the licence's name must hold one."""
    commercial: bool = False
    """Nothing whose licence forbids commercial use by its name."""
    board: Board | None = None
    quantisation: str = "Q4_K_M"
    """In which the candidates run on the board."""
    gpu: Gpu | None = None
    job: Job = field(default_factory=Job)
    """What is trained on that GPU; its lengths are the data's, where they are known."""
    hours: float = 0.0
    """At most, for the training."""

    def __post_init__(self) -> None:
        if min(self.longest, self.mean, self.hours) < 0:
            raise GiljabiError("No number of tokens or hours is negative.")
        if self.mean > self.longest:
            raise GiljabiError(
                f"The data's mean of {self.mean:,} tokens is above its longest of {self.longest:,}; "
                "give both, the longest first."
            )
        if self.hours and not (self.gpu and self.gpu.tflops and self.job.tokens):
            raise GiljabiError(
                "Hours follow from the GPU's memory and TFLOPS and from the tokens to train on; "
                "give all three."
            )


def judge(candidate: Candidate, limits: Limits) -> tuple[tuple[Finding, ...], dict[str, float]]:
    """What every limit says of a candidate, and the figures that were worked out for it.

    The figures are `board_mb`, `board_tokens_per_second_at_most`, `training_gb` and
    `training_hours`, where board or GPU are given. Raises GiljabiError for an unknown quantisation.
    """
    findings: list[Finding] = []
    figures: dict[str, float] = {}
    findings += _context(candidate, limits)
    findings += _licence(candidate, limits)
    for found, more in (*_board(candidate, limits), *_training(candidate, limits)):
        findings.append(found)
        figures |= more
    return tuple(findings), figures


def _longest(candidate: Candidate, limits: Limits) -> int:
    return candidate.lengths.longest if candidate.lengths else limits.longest


def _mean(candidate: Candidate, limits: Limits) -> int:
    return round(candidate.lengths.mean) if candidate.lengths else limits.mean


def _context(candidate: Candidate, limits: Limits) -> Iterator[Finding]:
    longest, mean = _longest(candidate, limits), _mean(candidate, limits)
    if not longest:
        if limits.counted:
            why = "the data's length in its tokens is not known (its tokenizer is not here)"
            yield Finding("context", "not known", why)
        return
    if not candidate.context:
        yield Finding("context", "not known", "its context length is not known")
        return
    said = f"its context of {candidate.context:,} tokens"
    data = f"the data's longest example of {longest:,}"
    if candidate.context >= longest:
        yield Finding("context", "kept", f"{said} holds {data}")
        return
    of_mean = ""
    if mean:
        holds = "also" if candidate.context < mean else "not"
        of_mean = f", and {holds} than the mean of {mean:,}"
    yield Finding("context", "broken", f"{said} is shorter than {data}{of_mean}")


def _licence(candidate: Candidate, limits: Limits) -> Iterator[Finding]:
    if not limits.licences and not limits.commercial:
        return
    if not candidate.licence:
        yield Finding("licence", "not known", "its licence is not known")
        return
    said = f"its licence is {candidate.licence}"
    named = any(one.casefold() in candidate.licence.casefold() for one in limits.licences)
    if limits.licences and not named:
        yield Finding("licence", "broken", f"{said}, none of {', '.join(limits.licences)}")
    elif limits.commercial and _NOT_COMMERCIAL.search(candidate.licence):
        yield Finding("licence", "broken", f"{said}, which forbids commercial use")
    else:
        where = f"; read it at {candidate.licence_url}" if candidate.licence_url else ""
        yield Finding("licence", "kept", said + where)


def _board(candidate: Candidate, limits: Limits) -> Iterator[tuple[Finding, dict[str, float]]]:
    if limits.board is None:
        return
    shape = candidate.shape(limits.quantisation)
    if shape is None:
        yield (
            Finding("board", "not known", "what it takes on a board is not known (no dimensions)"),
            {},
        )
        return
    context = _longest(candidate, limits) or candidate.n_ctx
    plan = budget.plan(budget.Choice(limits.board, shape, context=context, besides=_WEB))
    figures = {BOARD_MB: plan.at_most / budget.MB}
    if plan.tokens_per_second is not None:
        figures[BOARD_SPEED] = plan.tokens_per_second
    why = (
        f"in {limits.quantisation} with {context:,} tokens of context it takes "
        f"{plan.at_most / budget.MB:,.0f} MB of the {plan.usable / budget.MB:,.0f} MB of "
        f"{limits.board.name}"
    )
    yield Finding("board", "kept" if plan.fits else "broken", why), figures


def _training(candidate: Candidate, limits: Limits) -> Iterator[tuple[Finding, dict[str, float]]]:
    if limits.gpu is None:
        return
    shape = candidate.shape("F16")
    if shape is None:
        yield (
            Finding(
                "training", "not known", "what its training takes is not known (no dimensions)"
            ),
            {},
        )
        return
    longest = _longest(candidate, limits) or limits.job.longest
    job = Job(
        limits.job.method, limits.job.tokens, longest, _mean(candidate, limits), limits.job.rank
    )
    found = cost(shape, job, limits.gpu)
    figures = {TRAINING_GB: found.gb}
    why = f"{job.method} takes about {found.gb:,.1f} GB of {limits.gpu.memory_gb:g}"
    fits = found.gb <= limits.gpu.memory_gb
    if found.hours is not None:
        figures[TRAINING_HOURS] = found.hours
        at_most = f" of at most {limits.hours:g}" if limits.hours else ""
        why += f" and {found.hours:.2g} hours{at_most}"
        fits = fits and not (limits.hours and found.hours > limits.hours)
    yield Finding("training", "kept" if fits else "broken", f"{why} (estimated)"), figures
