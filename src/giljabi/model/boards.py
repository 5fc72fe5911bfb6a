"""Boards, the parts beside the model, and the dimensions of known bases: tables as data.

Reads boards.toml and parts.toml; knows nothing of how a plan is added up.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model.shape import QUANTISATIONS, Shape, Tensor, quantised

KINDS = ("web", "asr", "vad", "tts")
"""What may run beside the language model."""


@dataclass(frozen=True, slots=True)
class Board:
    """A box to plan for."""

    name: str
    usable_gb: float
    """Memory left for us after the system, 10^9 bytes."""
    bandwidth_gbs: float
    """What its memory can deliver by its data sheet, 10^9 bytes a second; 0: not known."""
    cores: int = 0
    """Processor cores; 0: not known."""
    machine: str = ""
    """x86_64 or aarch64: decides which weights llama.cpp lays out a second time."""
    note: str = ""
    """What a reader of the plan should know of these figures."""


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A part beside the language model, as parts.toml records it."""

    kind: str
    """One of KINDS."""
    name: str
    resident_mb: float
    """Resident memory at most, 10^6 bytes."""
    source: str
    """Where the figure comes from."""
    estimated: bool = False
    """Nobody here measured it."""


@dataclass(frozen=True, slots=True)
class _Dimensions:
    """A known base's public configuration."""

    layers: int
    embedding: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_length: int
    vocabulary: int
    merges: int = 0
    sliding_window: int = 0
    tied: bool = True


def _table(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GiljabiError(f"{where} is not valid TOML: {error}.") from error


def _row(of: type[Any], row: Any, where: str, **given: Any) -> Any:
    known = {f.name: f for f in fields(of)}
    if not isinstance(row, dict):
        raise GiljabiError(f"{where} is not a table.")
    if unknown := sorted(set(row) - (set(known) - set(given))):
        raise GiljabiError(f"Unknown key {unknown[0]!r} in {where}.")
    values = {**row, **given}
    needed = [n for n, f in known.items() if f.default is MISSING and n not in values]
    if needed:
        raise GiljabiError(f"{where} does not say {needed[0]}.")
    return of(**values)


def read_boards(text: str, where: str = "boards.toml") -> dict[str, Board]:
    """Every board in TOML `text` by name; GiljabiError on an unknown or missing key."""
    rows = _table(text, where).items()
    return {name: _row(Board, row, f"[{name}] of {where}", name=name) for name, row in rows}


def read_parts(
    text: str, where: str = "parts.toml"
) -> tuple[dict[str, dict[str, Ingredient]], dict[str, _Dimensions]]:
    """Parts by kind and name, best first, and dimensions by base; GiljabiError on a wrong key."""
    table = _table(text, where)
    shapes = table.pop("shape", {})
    if unknown := sorted(set(table) - set(KINDS)):
        raise GiljabiError(f"Unknown kind of part {unknown[0]!r} in {where}.")
    parts = {
        kind: {
            name: _row(Ingredient, row, f"[{kind}.{name}] of {where}", kind=kind, name=name)
            for name, row in table.get(kind, {}).items()
        }
        for kind in KINDS
    }
    return parts, {
        name: _row(_Dimensions, row, f"[shape.{name}] of {where}") for name, row in shapes.items()
    }


@cache
def boards() -> Mapping[str, Board]:
    """The boards that ship."""
    return read_boards(files("giljabi.model").joinpath("boards.toml").read_text("utf-8"))


@cache
def _parts() -> tuple[dict[str, dict[str, Ingredient]], dict[str, _Dimensions]]:
    return read_parts(files("giljabi.model").joinpath("parts.toml").read_text("utf-8"))


def ingredients(kind: str) -> Mapping[str, Ingredient]:
    """What may be chosen for `kind`, best first."""
    return _parts()[0][kind]


def ingredient(kind: str, name: str) -> Ingredient:
    """The part called `name`; GiljabiError, naming the known ones, if there is none."""
    known = ingredients(kind)
    if name not in known:
        raise GiljabiError(f"Unknown {kind} {name!r}; known: {', '.join(known)}.")
    return known[name]


def known_shape(base: str, quantisation: str) -> Shape:
    """A base of bases.toml that need not be here, worked out from its public configuration.

    Raises GiljabiError where parts.toml has no dimensions of it.
    """
    d = _parts()[1].get(base)
    if d is None:
        raise GiljabiError(
            f"The dimensions of {base} are not known; give its .gguf file instead of its name."
        )
    shape = Shape(
        name=base, quantisation=quantisation, layers=d.layers, embedding=d.embedding,
        feed_forward=d.feed_forward, heads=d.heads, kv_heads=d.kv_heads, key_length=d.head_length,
        value_length=d.head_length, vocabulary=d.vocabulary, merges=d.merges,
        sliding_window=d.sliding_window,
        tensors=() if d.tied else (Tensor("output.weight", 0, d.vocabulary, 0),),
    )  # fmt: skip
    return quantised(shape, quantisation)


def named_quantisation(file: str) -> str:
    """The quantisation a file's name speaks of, or Q4_K_M."""
    upper = file.upper().replace("-", "_")
    return next((q for q in QUANTISATIONS if q in upper), "Q4_K_M")
