"""The model card of what a run made: what it is, what it saw, how, and under whose licence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from giljabi.tune.base import Base
from giljabi.tune.recipe import Recipe


def adapter_card(recipe: Recipe, base: Base, manifest: Mapping[str, Any]) -> str:
    """A Hugging Face model card (hub docs: model-cards) as Markdown."""
    known = base.known
    licence = f"[{known.licence}]({known.licence_url})" if known else "the base's own"
    hub = known.hub if known else recipe.base.model
    head = ["---", f"base_model: {hub}", "library_name: peft", "language: [ko, en]",
            "license: other", "tags: [lora, giljabi]", "---", ""]  # fmt: skip
    return "\n".join([*head, f"# {recipe.name}", "", recipe.about or "Tuned by giljabi.", "",
                      *_made_from(recipe, base, manifest, licence), "", *_settings(recipe, manifest),
                      "", *_limits()]) + "\n"  # fmt: skip


def _made_from(recipe: Recipe, base: Base, manifest: Mapping[str, Any], licence: str) -> list[str]:
    rows, tokens = manifest["rows"], manifest["tokens"]
    quantised = " (de-quantised: trained on exactly what serves)" if base.path.is_file() else ""
    files = [f"  - `{name}`, sha256 `{digest}`" for name, digest in manifest["data"].items()]
    return [
        "## Made from",
        "",
        f"- Base: `{base.path.name}`{quantised}, sha256 `{manifest['base']['sha256']}`. Its licence, "
        f"{licence}, holds for what is made of it too.",
        f"- Prompt template: {base.template.name}; vocabulary of {manifest['vocabulary']['tokens']:,} "
        "tokens in training, none added. The adapter does not touch embeddings, so it fits every "
        "trimming of the base.",
        f"- Data: {rows['train']:,} conversations ({tokens['all']:,} tokens, {tokens['learnt']:,} "
        f"learnt), {rows['eval']:,} held out:",
        *files,
    ]


def _settings(recipe: Recipe, manifest: Mapping[str, Any]) -> list[str]:
    lora, train = recipe.lora, recipe.train
    shape = (
        "- all weights"
        if recipe.method == "full"
        else f"- {recipe.method}: rank {lora.r}, alpha {lora.alpha:g}, dropout {lora.dropout:g}, "
        f"{', '.join(lora.targets)}"
    )
    hardware = ", ".join(manifest["hardware"]["gpus"]) or (
        f"{manifest['hardware']['machine']}, {manifest['hardware']['cores']} cores, no GPU"
    )
    out = [
        "## Settings and course",
        "",
        f"- Source of the settings: {recipe.source or 'not given'}",
        shape,
        f"- {train.epochs:g} epochs, batches of {train.batch} × {train.accumulate}, learning rate "
        f"{train.learning_rate:g} {train.schedule}, {manifest['optimizer']}, {manifest['precision']}, "
        f"seed {train.seed}",
        f"- {manifest['steps']:,} steps in {manifest['seconds'] / 60:,.0f} minutes on {hardware}",
    ]
    if keep := recipe.keep.rows and recipe.keep:
        out.append(
            f"- Minding the base: {keep.rows} texts of its own, {keep.length} tokens each, "
            f"{keep.batch} a step, weight {keep.weight:g}"
        )
    if recipe.data.registers:
        out.append(f"- Speech levels learnt: {', '.join(recipe.data.registers)}")
    if loss := manifest["loss"]:
        out.append(f"- Loss {loss['first']:.3f} at first, {loss['last']:.3f} at last")
    if held_out := manifest["eval_loss"]:
        out.append(
            f"- Held-out loss {held_out['first']:.3f} at first, {held_out['best']:.3f} at best "
            f"(step {manifest['kept_step']:,}, kept)"
        )
    return out


def _limits() -> list[str]:
    return [
        "## What it is for",
        "",
        "It words facts that stand in its prompt; it knows none itself. Every answer is to be checked "
        "against those facts before a visitor sees it, as `giljabi serve` does.",
    ]
