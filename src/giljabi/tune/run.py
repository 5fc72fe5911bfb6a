"""A recipe and its data to an adapter: `giljabi train`.

A run folder is named by what goes into it. Checkpoints make a killed run go on where it was, to
the same losses; `manifest.json` is written last, and its presence means done.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from giljabi import __version__
from giljabi.build.dataset import prompt_hash
from giljabi.build.files import write_text
from giljabi.build.layouts import sha256
from giljabi.errors import GiljabiError
from giljabi.export import modelfile
from giljabi.export.convert_template import OWN
from giljabi.tune import base as bases
from giljabi.tune import card, examples, replay, trainer
from giljabi.tune.history import History
from giljabi.tune.recipe import Recipe

Progress = Callable[[int, int, str], None]
"""Called with (step, of how many, what was last measured)."""
_PACKAGES = ("torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes", "tokenizers")


@dataclass(frozen=True, slots=True)
class Data:
    """The rows of a run and the files they came from."""

    train: list[examples.Row]
    held_out: list[examples.Row]
    files: dict[str, str]
    """sha256 by path."""


def read_data(recipe: Recipe, below: Path) -> Data:
    """The recipe's rows; paths are relative to `below`. A data set's folder brings its held-out rows."""
    given, seed = recipe.data, recipe.train.seed
    train = examples.files_of(given.train, "train", below)
    folders = [t for t in given.train if (below / Path(t).expanduser()).is_dir()]
    held_out = examples.files_of(given.eval or folders, "val", below)
    return Data(
        examples.read(train, given.limit, seed, given.registers),
        examples.read(held_out, given.eval_limit, seed, given.registers) if held_out else [],
        {str(path): sha256(path) for path in [*train, *held_out]},
    )


def inputs(recipe: Recipe, data: Data) -> dict[str, Any]:
    """Everything a run depends on: the settings, the base and the data by hash, the prompts."""
    path, _ = bases.find(recipe)
    return {
        "recipe": recipe.to_json(),
        "base": {"file": path.name, "sha256": modelfile.weights_hash(path)},
        "data": _named(data.files),
        "prompt": prompt_hash(),
        "giljabi": __version__,
    }


def _named(files: Mapping[str, str]) -> dict[str, str]:
    """Hashes by folder and name, which a run elsewhere shares; by path where these are ambiguous."""
    short = {path: "/".join(Path(path).resolve().parts[-2:]) for path in files}
    plain = len(set(short.values())) == len(short)
    return {short[path] if plain else path: digest for path, digest in files.items()}


def usual_place(recipe: Recipe, of: Mapping[str, Any]) -> Path:
    """Where a run goes that nobody gave a folder: other inputs, another folder."""
    digest = hashlib.sha256(json.dumps(of, sort_keys=True).encode()).hexdigest()
    return Path("runs") / f"{recipe.name}-{digest[:8]}"


def run(
    recipe: Recipe, out: Path | None = None, *, below: Path = Path(),
    progress: Progress = lambda step, of, said: None, say: Callable[[str], None] = print,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """Train, or go on training; the run folder and its manifest. A finished run is not repeated.

    Raises GiljabiError for bad input, for a folder that holds another run, where the loss is no
    number any more, and where the disk is full.
    """
    trainer.need(recipe)
    data = read_data(recipe, below)
    wanted = inputs(recipe, data)
    out = out or usual_place(recipe, wanted)
    if (done := _taken_up(out, wanted)) is not None:
        say(f"{out} is done already.")
        return out, done
    texts = [m["content"] for row in [*data.train, *data.held_out] for m in row.messages]
    base = bases.prepare(recipe, out / "work", lambda: texts, say)
    length = recipe.data.max_length
    train = examples.cached(out / "work", data.train, base, length)
    held_out = examples.cached(out / "work", data.held_out, base, length) if data.held_out else None
    say(
        f"{len(train):,} examples, {train.tokens:,} tokens, {train.trained:,} of them learnt; "
        f"{trainer.precision(recipe)}, {trainer.optimizer(recipe)}"
        + (", compiling at the first steps" if trainer.compiles(recipe) else "")
    )
    made, history = _train(recipe, base, train, held_out, out, progress, say)
    _save(made, recipe, base, out)
    manifest = _manifest(wanted, recipe, base, data, (train, held_out), made, history)
    write_text(out / "curve.svg", history.picture(f"{recipe.name}: loss by step"))
    _finish(out, recipe, base, manifest)
    return out, manifest


def _taken_up(out: Path, wanted: Mapping[str, Any]) -> dict[str, Any] | None:
    """Claim the folder for these inputs; the manifest where they are done already."""
    claim = out / "run.json"
    if claim.is_file():
        if json.loads(claim.read_text("utf-8")) != json.loads(json.dumps(wanted)):
            raise GiljabiError(
                f"{out} holds a run with other settings or data; give another --out, or remove it."
            )
        done = out / "manifest.json"
        return dict(json.loads(done.read_text("utf-8"))) if done.is_file() else None
    if out.is_file() or (out.is_dir() and any(out.iterdir())):
        raise GiljabiError(f"{out} is not empty and no run; give a new folder.")
    write_text(claim, json.dumps(wanted, ensure_ascii=False, indent=1) + "\n")
    return None


def _train(
    recipe: Recipe, base: bases.Base, train: examples.Encoded, held_out: examples.Encoded | None,
    out: Path, progress: Progress, say: Callable[[str], None],
) -> tuple[Any, History]:  # fmt: skip
    checkpoints = out / "checkpoints"
    last = trainer.whole(checkpoints)
    history = History(out / "history.jsonl", int(last.name.rpartition("-")[2]) if last else 0)

    def log(said: dict[str, float]) -> None:
        history.add(said)
        shown = [f"{k.replace('_', ' ')} {said[k]:.4f}" for k in ("loss", "eval_loss") if k in said]
        progress(int(said["step"]), int(said["of"]), ", ".join(shown))

    # TensorBoard's transformers callback reads no argument for its folder.
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", str(out / "tensorboard"))
    model = bases.load(base, recipe)
    rows = model.get_input_embeddings().weight.shape[0]
    kept = None
    if recipe.keep.rows:
        kept = replay.texts(
            recipe.keep, base, model, out / "work", say, seed=recipe.train.seed,
            bfloat16=trainer.precision(recipe) == "bfloat16",
        )  # fmt: skip
    made = trainer.make(recipe, base, model, train, held_out, checkpoints, log, kept)
    if last:
        say(f"going on from {last}")
    made.train(resume_from_checkpoint=str(last) if last else None)
    if made.model.get_input_embeddings().weight.shape[0] != rows:
        raise GiljabiError(f"Training changed the vocabulary of {base.path}; nothing was kept.")
    return made, history


def _save(made: Any, recipe: Recipe, base: bases.Base, out: Path) -> None:
    """The adapter's folder (of full tuning: the model's), whole or not there."""
    name = "model" if recipe.method == "full" else "adapter"
    draft = out / f".{name}.unfinished"
    shutil.rmtree(draft, ignore_errors=True)
    model = made.accelerator.unwrap_model(made.model)
    if recipe.method == "full":
        model.save_pretrained(draft)
        trainer.tokenizer(base).save_pretrained(draft)
    else:
        for settings in model.peft_config.values():
            settings.base_model_name_or_path = recipe.base.model
        # Embeddings are never trained, and PEFT would else save them where it cannot reach a hub.
        model.save_pretrained(draft, save_embedding_layers=False)
    if base.template.name in OWN:
        write_text(draft / "chat_template.jinja", OWN[base.template.name])
    shutil.rmtree(out / name, ignore_errors=True)
    draft.rename(out / name)


def _manifest(
    wanted: Mapping[str, Any], recipe: Recipe, base: bases.Base, data: Data,
    encoded: Sequence[examples.Encoded | None], made: Any, history: History,
) -> dict[str, Any]:  # fmt: skip
    train, held_out = encoded
    assert train is not None  # noqa: S101 - what was trained on
    losses, evals = history.series("loss"), history.series("eval_loss")
    return {
        **wanted,
        "template": base.template.name,
        "vocabulary": {"tokens": bases.rows(base), "trimmed": base.weights != base.path},
        "tokenizer": hashlib.sha256(base.tokenizer.to_str().encode()).hexdigest(),
        "precision": trainer.precision(recipe),
        "optimizer": trainer.optimizer(recipe),
        "compiled": trainer.compiles(recipe),
        "versions": {"python": platform.python_version()} | _versions(),
        "hardware": _hardware(),
        "rows": {"train": len(data.train), "eval": len(data.held_out)},
        "tokens": {"all": train.tokens, "learnt": train.trained,
                   "eval": held_out.tokens if held_out else 0},
        "steps": made.state.global_step,
        "seconds": round(history.seconds),
        "loss": {"first": losses[0][1], "last": losses[-1][1]} if losses else {},
        "eval_loss": {"first": evals[0][1], "best": min(y for _, y in evals)} if evals else {},
        "kept_step": _step_of(made.state.best_model_checkpoint) or made.state.global_step,
    }  # fmt: skip


def _step_of(checkpoint: str | None) -> int | None:
    return int(checkpoint.rpartition("-")[2]) if checkpoint else None


def _versions() -> dict[str, str]:
    out = {}
    for name in _PACKAGES:
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            continue
    return out


def _hardware() -> dict[str, Any]:
    import torch  # noqa: PLC0415

    gpus = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return {"machine": platform.machine(), "cores": os.cpu_count(), "gpus": gpus}


def _finish(out: Path, recipe: Recipe, base: bases.Base, manifest: dict[str, Any]) -> None:
    """The record and the card into the made folder, then the manifest: last, so it means done."""
    folder = out / ("model" if recipe.method == "full" else "adapter")
    details = {
        k: manifest[k]
        for k in ("template", "recipe", "data", "prompt", "precision", "steps", "loss", "eval_loss")
    }
    modelfile.record(folder, "train", {"base": base.path}, details)
    write_text(folder / "README.md", card.adapter_card(recipe, base, manifest))
    write_text(out / "manifest.json", json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    shutil.rmtree(out / "work")


def with_data(recipe: Recipe, train: Sequence[str], held_out: Sequence[str]) -> Recipe:
    """The recipe with the data of a command line in place of its own, where any is given."""
    data = recipe.data
    if train:
        data = replace(data, train=tuple(train), eval=tuple(held_out))
    elif held_out:
        data = replace(data, eval=tuple(held_out))
    if not data.train:
        raise GiljabiError(
            "There is no data to train on: give --data, or data.train in the recipe."
        )
    return replace(recipe, data=data)
