"""What a measuring run measures on what: plain values that another process can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.measure.contestants import TOKENS, Kind, Model
from giljabi.measure.measured import Item, read_items

PACKAGED = "packaged"
"""The encoder that similarity is taken by where nobody names another."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A contestant by the name it was asked for, with its model resolved."""

    name: str
    kind: Kind
    model: Model | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured on what; everything that answers depend on, or the path of it."""

    questions: str
    venue: str
    entries: tuple[Entry, ...]
    limit: int | None = None
    """Only the first so many questions."""
    encoder: str = PACKAGED
    """packaged, none, ko-sroberta or a sentence-transformers folder; used where there are references."""
    tokens: int = TOKENS
    texts: str = ""
    """A file of texts that every model reads, for perplexity and bits per byte; empty: none."""
    judge: Model | None = None
    """A model that marks every answer from 1 to 5; an extra column."""

    @property
    def writes(self) -> bool:
        """Whether prompts to write something are asked, not questions about the venue."""
        return Path(self.questions).suffix == ".toml"

    def items(self) -> list[Item]:
        """The questions that are asked."""
        return read_items(Path(self.questions))[: self.limit]


def plan_of(values: Mapping[str, Any]) -> Plan:
    """A plan from the plain values of a manifest."""
    try:
        entries = tuple(
            Entry(**{**one, "model": Model(**one["model"]) if one["model"] else None})
            for one in values["entries"]
        )
        judge = Model(**values["judge"]) if values.get("judge") else None
        return Plan(**{**values, "entries": entries, "judge": judge})
    except (KeyError, TypeError) as error:
        raise GiljabiError("That is not the plan of a measuring run.") from error
