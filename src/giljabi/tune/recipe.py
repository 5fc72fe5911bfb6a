"""A recipe: everything a run of text tuning depends on beside the data, as one TOML file.

Every table and key is a field below; an unknown one is an error, so that a slip of the pen is
never a default in disguise.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.resources import files
from pathlib import Path
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from giljabi.errors import GiljabiError
from giljabi.model.prompt import TEMPLATES

Method = Literal["lora", "qlora", "full"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]

SEVEN = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""All linear layers of a block."""


@dataclass(frozen=True, slots=True)
class BaseTable:
    """What is tuned."""

    model: str = ""
    """A name of bases.toml, a hub id, a folder of safetensors, or a .gguf file (de-quantised)."""
    template: str = ""
    """Prompt template; a known base brings its own."""
    trim: bool = False
    """Leave out the vocabulary the data does not use; GGUF bases only."""


@dataclass(frozen=True, slots=True)
class DataTable:
    """What it is tuned on."""

    train: tuple[str, ...] = ()
    """Files of rows with `messages`, or folders of `giljabi data build`."""
    eval: tuple[str, ...] = ()
    """Held-out rows; a folder brings its own val.jsonl."""
    max_length: int = 1024
    """Longest example in tokens; a longer one is refused, never cut."""
    packing: bool = False
    """Several examples in one row (needs FlashAttention to keep them apart)."""
    registers: tuple[str, ...] = ()
    """Speech levels learnt where rows name one (haeyo, hamnida, plain; neutral is English); empty is
    all. A served guide speaks one, and a small model that learnt three mixes them."""
    limit: int = 0
    """Examples taken at most, drawn by the seed; 0 is all."""
    eval_limit: int = 0
    """The same of the held-out rows."""


@dataclass(frozen=True, slots=True)
class LoraTable:
    """The adapter (Hu et al. 2021, arXiv:2106.09685)."""

    r: int = 16
    alpha: float = 32
    dropout: float = 0.0
    targets: tuple[str, ...] = SEVEN
    rslora: bool = False


@dataclass(frozen=True, slots=True)
class TrainTable:
    """How it is tuned; the names are those of transformers' TrainingArguments, shortened."""

    epochs: float = 1.0
    max_steps: int = 0
    """Steps at most; 0 is all epochs."""
    batch: int = 8
    """Examples a device and forward pass."""
    accumulate: int = 1
    learning_rate: float = 2e-4
    schedule: str = "cosine"
    warmup: float = 0.0
    """Steps of warm-up, or their share of all where below 1."""
    weight_decay: float = 0.0
    clip: float = 1.0
    optimizer: str = "adamw_torch"
    gradient_checkpointing: bool = False
    group_by_length: bool = False
    compile: bool = False
    """Compile the model (torch.compile): minutes at the start, twice the speed on a processor.
    Needs a C++ compiler; without one the run is slower, and the same."""
    precision: Precision = "auto"
    """auto: bfloat16 where the processor multiplies it natively, else float32."""
    eval_every: int = 100
    save_every: int = 100
    log_every: int = 10
    keep: int = 3
    """Checkpoints kept beside the best one."""
    patience: int = 0
    """Stop after so many evaluations without a better eval loss; 0 never."""
    best: bool = True
    """End with the checkpoint of the best eval loss, not the last."""
    report: tuple[str, ...] = ()
    """tensorboard, wandb."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class KeepTable:
    """What is done against forgetting (replay.py); nothing by default."""

    rows: int = 0
    """Texts that the base writes itself before training; 0 is off."""
    length: int = 128
    """Tokens a text."""
    batch: int = 2
    """Texts read in every step beside the batch."""
    weight: float = 1.0
    """Of the divergence from the base on them, in the loss."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One run's settings; `source` says where published ones come from."""

    name: str
    method: Method = "lora"
    about: str = ""
    source: str = ""
    base: BaseTable = field(default_factory=BaseTable)
    data: DataTable = field(default_factory=DataTable)
    lora: LoraTable = field(default_factory=LoraTable)
    train: TrainTable = field(default_factory=TrainTable)
    keep: KeepTable = field(default_factory=KeepTable)

    def to_json(self) -> dict[str, Any]:
        """Plain tables, as the manifest keeps them."""
        return dict(json.loads(json.dumps(asdict(self))))


def shipped() -> dict[str, Path]:
    """The recipes that come with giljabi, by name."""
    folder = Path(str(files("giljabi.tune"))) / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def find(name_or_path: str) -> Path:
    """A shipped recipe's file or the path given; GiljabiError, naming the known, for neither."""
    path = shipped().get(name_or_path, Path(name_or_path))
    if not path.is_file():
        known = ", ".join(shipped())
        raise GiljabiError(
            f"There is no recipe {name_or_path}; give a .toml file or one of {known}."
        )
    return path


def table(path: Path) -> dict[str, Any]:
    """A recipe file as TOML has it; GiljabiError where it is none."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise GiljabiError(f"{path} is not a TOML file: {error}.") from error


def read(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe of a file; `overrides` are `table.key=value`, the value as TOML writes it.

    Raises GiljabiError naming the key that is unknown, or of the wrong kind, or makes no sense.
    """
    content = table(path)
    for text in overrides:
        override(content, text)
    found: Recipe = filled(Recipe, {"name": path.stem} | content, str(path), "")
    _check(found, str(path))
    return found


def override(content: dict[str, Any], text: str) -> None:
    """Put `table.key=value` into a recipe's tables; GiljabiError where `text` is none."""
    key, equals, value = text.partition("=")
    at = content
    *tables, last = key.strip().split(".")
    for name in tables:
        at = at.setdefault(name, {})
    if not equals or not last or not isinstance(at, dict):
        raise GiljabiError(f"--set {text!r} is not TABLE.KEY=VALUE, such as train.max_steps=10.")
    try:
        at[last] = tomllib.loads(f"v = {value}")["v"]
    except tomllib.TOMLDecodeError:
        at[last] = value.strip()  # a bare word is text


def filled(kind: type[Any], row: Mapping[str, Any], where: str, inside: str = "") -> Any:
    """The dataclass `kind` filled from a table; `inside` is the table's place, as `train.`.

    Raises GiljabiError for an unknown key and for a value of the wrong kind.
    """
    known = {f.name for f in fields(kind)}
    if unknown := sorted(set(row) - known):
        raise GiljabiError(
            f"{where}: unknown key {inside}{unknown[0]}; known: {', '.join(sorted(known))}."
        )
    hints = get_type_hints(kind)
    return kind(**{k: _value(hints[k], v, where, inside + k) for k, v in row.items()})


def _value(hint: Any, value: Any, where: str, key: str) -> Any:
    if hasattr(hint, "__dataclass_fields__"):
        if not isinstance(value, dict):
            raise GiljabiError(f"{where}: {key} must be a table [{key}].")
        return filled(hint, value, where, f"{key}.")
    origin = get_origin(hint)
    if origin is tuple:
        if isinstance(value, list) and all(isinstance(v, str) for v in value):
            return tuple(value)
        raise GiljabiError(f"{where}: {key} must be a list of texts, not {value!r}.")
    if origin is Literal:
        if value in get_args(hint):
            return value
        raise GiljabiError(f"{where}: {key} must be {' or '.join(get_args(hint))}, not {value!r}.")
    assert not isinstance(origin, UnionType)  # noqa: S101 - the fields above have none
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise GiljabiError(f"{where}: {key} must be {hint.__name__}, not {value!r}.")
    return value


def _check(found: Recipe, where: str) -> None:
    train, lora = found.train, found.lora
    wrong = [
        say
        for say, bad in (
            ("base.model is missing: name what to tune", not found.base.model),
            (f"base.template {found.base.template!r} is unknown; known: {', '.join(TEMPLATES)}",
             found.base.template not in {"", *TEMPLATES}),
            ("train.batch and train.accumulate must be at least 1", min(train.batch, train.accumulate) < 1),
            ("train.epochs or train.max_steps must be above 0", train.epochs <= 0 and train.max_steps <= 0),
            ("train.learning_rate must be above 0", not train.learning_rate > 0),
            ("lora.r must be at least 1 and lora.alpha above 0", lora.r < 1 or not lora.alpha > 0),
            ("lora.targets is empty", not lora.targets and found.method != "full"),
            ("keep.rows needs an adapter: with method full there is no base beside it",
             found.keep.rows > 0 and found.method == "full"),
            ("keep.batch must be 1 to keep.rows, keep.length 2 to data.max_length, keep.weight above 0",
             found.keep.rows > 0 and not (0 < found.keep.batch <= found.keep.rows and found.keep.weight > 0
                                          and 2 <= found.keep.length <= found.data.max_length)),
            ("data.max_length must be at least 8", found.data.max_length < 8),
            ("train.save_every, eval_every, log_every and keep must be at least 1",
             min(train.save_every, train.eval_every, train.log_every, train.keep) < 1),
            ("train.save_every must be a multiple of eval_every where train.best is true",
             train.best and train.save_every % train.eval_every != 0),
            (f"train.report knows tensorboard and wandb, not {', '.join(train.report)}",
             not set(train.report) <= {"tensorboard", "wandb"}),
        )
        if bad
    ]  # fmt: skip
    if wrong:
        raise GiljabiError(f"{where}: {wrong[0]}.")


def smoke(found: Recipe) -> Recipe:
    """The same recipe in minutes: a few steps on a few rows, to see that every part works."""
    steps = 12
    return replace(
        found,
        data=replace(found.data, limit=192, eval_limit=16),
        keep=replace(found.keep, rows=min(found.keep.rows, 8)),
        train=replace(
            found.train, max_steps=steps, batch=min(found.train.batch, 8), accumulate=1, warmup=2,
            eval_every=steps, save_every=steps, log_every=1, patience=0, schedule="constant",
        ),
    )  # fmt: skip
