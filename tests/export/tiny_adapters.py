"""Small random LoRA folders, as PEFT saves them; the same bytes each time."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from giljabi.export import modelfile

Shapes = Mapping[str, tuple[int, int]]
"""(out, in) by the module's name in transformers."""


def gemma3_270m(layers: Iterable[int] = range(18)) -> dict[str, tuple[int, int]]:
    """The seven projections of the packaged base."""
    of = {
        "self_attn.q_proj": (1024, 640),
        "self_attn.k_proj": (256, 640),
        "self_attn.v_proj": (256, 640),
        "self_attn.o_proj": (640, 1024),
        "mlp.gate_proj": (2048, 640),
        "mlp.up_proj": (2048, 640),
        "mlp.down_proj": (640, 2048),
    }
    return {f"model.layers.{i}.{name}": shape for i in layers for name, shape in of.items()}


def tensors(shapes: Shapes, rank: int, size: float, seed: int) -> dict[str, np.ndarray]:
    """lora_A and lora_B of each module, with `size` the spread of their product's entries."""
    random = np.random.default_rng(seed)
    out = {}
    for module, (rows, columns) in shapes.items():
        key = f"base_model.model.{module}.lora_"
        spread = (size / rank**0.5) ** 0.5
        out[f"{key}A.weight"] = random.normal(0, spread, (rank, columns)).astype(np.float32)
        out[f"{key}B.weight"] = random.normal(0, spread, (rows, rank)).astype(np.float32)
    return out


def write(
    folder: Path,
    shapes: Shapes,
    *,
    rank: int = 4,
    alpha: float = 8,
    size: float = 0.02,
    seed: int = 0,
    extra: Mapping[str, np.ndarray] | None = None,
    **settings: Any,
) -> Path:
    """An adapter over the modules of `shapes`; `settings` change its LoraConfig."""
    folder.mkdir(parents=True)
    config = {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": None,
        "r": rank,
        "lora_alpha": alpha,
        "lora_dropout": 0.0,
        "bias": "none",
        "use_rslora": False,
        "use_dora": False,
        "init_lora_weights": True,
        "target_modules": sorted({module.rpartition(".")[2] for module in shapes}),
        **settings,
    }
    (folder / "adapter_config.json").write_text(json.dumps(config), "utf-8")
    made = tensors(shapes, rank, size, seed) | dict(extra or {})
    save_file(made, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


def trained_on(folder: Path, base: Path) -> Path:
    """`folder` with the record that giljabi's training leaves."""
    modelfile.record(folder, "train", {"base": base})
    return folder
