"""A recipe of speech tuning: everything a run depends on beside the sound, as one TOML file.

`kind = "speech"` at its top tells it from a recipe for text; unknown keys are errors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from giljabi.errors import GiljabiError
from giljabi.tune import recipe

Faulty = Literal["stop", "skip"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Quantization = Literal["int8", "int8_float16", "int16", "float16", "float32"]


@dataclass(frozen=True, slots=True)
class BaseTable:
    """What is tuned."""

    model: str = "whisper-base"
    """`whisper-base` (packaged), a hub id, a folder of safetensors, or a CTranslate2 folder."""
    language: str = "ko"
    """Whisper's code of the language spoken."""


@dataclass(frozen=True, slots=True)
class DataTable:
    """What it is tuned on; paths are seen from where the command runs."""

    train: str = ""
    """A manifest (JSONL, CSV, TSV) or a folder; see speech_data."""
    held_out: str = ""
    """The same for held-out clips; empty: a share of the training clips."""
    held_out_share: float = 0.1
    """By speaker where the rows name one, else by sentence."""
    faulty: Faulty = "stop"
    """Whether a clip that cannot be used ends the run or is left out and reported."""


@dataclass(frozen=True, slots=True)
class LoraTable:
    """The adapter (Hu et al. 2021, arXiv:2106.09685)."""

    r: int = 32
    alpha: int = 64
    dropout: float = 0.05
    targets: tuple[str, ...] = ("q_proj", "v_proj")


@dataclass(frozen=True, slots=True)
class TrainTable:
    """How it is tuned; the names are those of transformers' TrainingArguments, shortened."""

    epochs: float = 3.0
    max_steps: int = 0
    """Steps at most; 0 is all epochs."""
    batch: int = 8
    """Clips a device and forward pass."""
    accumulate: int = 1
    learning_rate: float = 1e-3
    warmup: int = 50
    """Steps until the learning rate is reached; it falls linearly from there."""
    gradient_checkpointing: bool = False
    precision: Precision = "auto"
    """auto: bfloat16 or float16 on a GPU, else float32."""
    save_every: int = 100
    """Steps between checkpoints; the held-out loss is taken then too."""
    log_every: int = 10
    keep: int = 2
    """Checkpoints kept."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ExportTable:
    """What serves."""

    quantization: Quantization = "int8"
    tolerance: float = 0.03
    """How much higher the exported model's character error rate may be than the merged one's."""
    score_clips: int = 200
    """Held-out clips transcribed at most, drawn by the seed."""


@dataclass(frozen=True, slots=True)
class SpeechRecipe:
    """One run's settings; `source` says where published ones come from."""

    name: str
    kind: Literal["speech"]
    about: str = ""
    source: str = ""
    base: BaseTable = field(default_factory=BaseTable)
    data: DataTable = field(default_factory=DataTable)
    lora: LoraTable = field(default_factory=LoraTable)
    train: TrainTable = field(default_factory=TrainTable)
    export: ExportTable = field(default_factory=ExportTable)

    def to_json(self) -> dict[str, Any]:
        """Plain tables, as the run's record keeps them."""
        return asdict(self)


def read(path: Path, overrides: Mapping[str, str] | None = None) -> SpeechRecipe:
    """The recipe of a file; `overrides` maps `table.key` to a value as TOML writes it.

    Raises GiljabiError naming the key that is unknown, or of the wrong kind, or makes no sense.
    """
    content = recipe.table(path)
    for key, value in (overrides or {}).items():
        recipe.override(content, f"{key}={value}")
    if content.get("kind") != "speech":
        raise GiljabiError(
            f'{path}: not a recipe for recognition; those have kind = "speech" on top.'
        )
    found: SpeechRecipe = recipe.filled(SpeechRecipe, {"name": path.stem} | content, str(path), "")
    _check(found, str(path))
    return found


def _check(found: SpeechRecipe, where: str) -> None:
    data, lora, train, export = found.data, found.lora, found.train, found.export
    wrong = [
        say
        for say, bad in (
            ("base.model is missing: name what to tune", not found.base.model),
            ("data.train is missing: give it as data.train=PATH", not data.train),
            ("data.held_out_share must be between 0 and 1", not 0 < data.held_out_share < 1),
            ("lora.r and lora.alpha must be at least 1", min(lora.r, lora.alpha) < 1),
            ("lora.dropout must be from 0 to below 1", not 0 <= lora.dropout < 1),
            ("lora.targets is empty", not lora.targets),
            ("train.batch, accumulate, save_every, log_every and keep must be at least 1",
             min(train.batch, train.accumulate, train.save_every, train.log_every, train.keep) < 1),
            ("train.epochs or train.max_steps must be above 0", train.epochs <= 0 and train.max_steps <= 0),
            ("train.max_steps and train.warmup must not be negative", min(train.max_steps, train.warmup) < 0),
            ("train.learning_rate must be above 0", not train.learning_rate > 0),
            ("export.tolerance must not be negative", not export.tolerance >= 0),
            ("export.score_clips must be at least 1", export.score_clips < 1),
        )
        if bad
    ]  # fmt: skip
    if wrong:
        raise GiljabiError(f"{where}: {wrong[0]}.")


def smoke(found: SpeechRecipe) -> SpeechRecipe:
    """The same recipe in minutes: eight small steps and a dozen clips, to see that every part works."""
    train = replace(
        found.train, max_steps=8, batch=min(found.train.batch, 4), accumulate=1, warmup=2,
        save_every=4, log_every=1,
    )  # fmt: skip
    clips = min(found.export.score_clips, 12)
    return replace(found, train=train, export=replace(found.export, score_clips=clips))
