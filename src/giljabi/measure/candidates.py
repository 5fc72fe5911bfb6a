"""What may be chosen: known bases, rows of a leaderboard, and the figures known of each.

Knows whose figures are whose; nothing of limits or ranks.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.measure.leaderboard import Row, Table
from giljabi.measure.texts import is_korean
from giljabi.model import boards, store, tokens
from giljabi.model.shape import Shape, quantised

CHARS_PER_TOKEN = "chars_per_token"  # noqa: S105 - a metric's name
"""Characters of Korean text a token holds: more of them make a model faster and its context longer."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """How long the data's examples are, in tokens."""

    longest: int
    mean: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that may be chosen, and what is known of it; empty or 0 is not known."""

    name: str
    """Short name of bases.toml, else as the leaderboard names it."""
    hub: str = ""
    """Repository on the Hugging Face hub."""
    licence: str = ""
    licence_url: str = ""
    context: int = 0
    """Longest conversation it was trained for, in tokens."""
    n_ctx: int = 0
    """Tokens of context giljabi reserves for it by default."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """Its metrics, those that are known."""
    lengths: Lengths | None = None
    """The data in its own tokens, where its tokenizer is on this machine."""

    @property
    def names(self) -> frozenset[str]:
        """What a table may call it, in small letters."""
        return frozenset(one.casefold() for one in (self.name, self.hub) if one)

    def shape(self, quantisation: str) -> Shape | None:
        """Its dimensions by its public configuration; None where parts.toml has none.

        Raises GiljabiError for an unknown quantisation.
        """
        try:
            known = boards.known_shape(self.name, "F16")
        except GiljabiError:
            return None  # without dimensions it is a candidate still, and what it takes not known
        return quantised(known, quantisation)


def gather(
    board: Table | None, measurements: Sequence[Table] = (), only: Sequence[str] = (),
    runs: Sequence[Table] = (),
) -> tuple[Candidate, ...]:  # fmt: skip
    """Known bases and the rows of a leaderboard as one list, with every figure measured, by name.

    What a measuring run measured is a candidate too, known or not. `only` keeps the ones it names.
    Raises GiljabiError for a name that is neither, and for a figure that is given twice and differs.
    """
    found = {
        base.name: Candidate(
            base.name, base.hub, base.licence, base.licence_url, base.context, base.n_ctx
        )
        for base in store.bases().values()
    }
    for row in board.rows if board else ():
        known = _of(row.name, found.values())
        candidate = known or Candidate(row.name, row.name if "/" in row.name else "")
        found[candidate.name] = _with(candidate, row)
    for table in measurements:
        for row in table.rows:
            known = _of(row.name, found.values())
            if known is None:
                raise GiljabiError(f"{row.where}: {_unknown(row.name, found)}")
            found[known.name] = _with(known, row)
    for table in runs:
        for row in table.rows:
            known = _of(row.name, found.values()) or Candidate(row.name)
            found[known.name] = _with(known, row)
    wanted = {_wanted(name, found).name for name in only}
    return tuple(
        found[name] for name in sorted(found, key=str.casefold) if not only or name in wanted
    )


def _of(name: str, among: Iterable[Candidate]) -> Candidate | None:
    return next((one for one in among if name.casefold() in one.names), None)


def _wanted(name: str, found: Mapping[str, Candidate]) -> Candidate:
    known = _of(name, found.values())
    if known is None:
        raise GiljabiError(_unknown(name, found))
    return known


def _unknown(name: str, found: Mapping[str, Candidate]) -> str:
    return (
        f"There is no candidate {name!r}; a base or a row of the leaderboard: {', '.join(found)}."
    )


def _with(candidate: Candidate, row: Row) -> Candidate:
    for key, value in row.figures.items():
        before = candidate.figures.get(key, value)
        if before != value:
            raise GiljabiError(
                f"{row.where}, column {key!r}: {candidate.name} has {value:g} here and {before:g} "
                "elsewhere; give each figure once."
            )
    return replace(
        candidate,
        licence=candidate.licence or row.licence,
        licence_url=candidate.licence_url or row.licence_url,
        context=candidate.context or row.context,
        figures={**candidate.figures, **row.figures},
    )


# ---- the user's own data in each candidate's tokens ----


def in_tokens(candidates: Sequence[Candidate], texts: Sequence[str]) -> tuple[Candidate, ...]:
    """The same with `lengths` and characters per token, where the tokenizer is on this machine.

    Nothing is fetched; the others stay as they are. A text counts as Korean where Hangul is half
    of its letters or more. Needs the `tokenizers` package (GiljabiError without).
    """
    return tuple(_measured(one, texts) for one in candidates)


def _measured(candidate: Candidate, texts: Sequence[str]) -> Candidate:
    where = _tokenizer_here(candidate.name)
    if where is None:
        return candidate
    counts = tokens.counter(where)(texts)
    figures = dict(candidate.figures)
    korean = [(len(t), n) for t, n in zip(texts, counts, strict=True) if is_korean(t)]
    if korean and sum(n for _, n in korean):
        figures[CHARS_PER_TOKEN] = sum(n for n, _ in korean) / sum(n for _, n in korean)
    return replace(
        candidate, figures=figures, lengths=Lengths(max(counts), sum(counts) / len(counts))
    )


def _tokenizer_here(name: str) -> str | None:
    """What tokens.counter opens without a network; None where that is not on this machine."""
    known = store.bases().get(name)
    if known is None:
        return None
    if known.parts:
        modules = {part.partition("/")[0] for part in known.parts}
        return name if all(find_spec(module) for module in modules) else None
    hub = store.cache_dir() / "hub"
    snapshots = hub / f"models--{known.hub.replace('/', '--')}" / "snapshots"
    for found in sorted(snapshots.glob("*/tokenizer.json")):
        return str(found)
    try:
        file = Path((hub / f"{known.name}.gguf.path").read_text("utf-8"))
    except OSError:
        return None
    return str(file) if file.is_file() else None
