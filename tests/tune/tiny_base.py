"""A random-weight Gemma 3 of two layers: a Hugging Face folder, and the same as a GGUF file."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))
import tiny_models

from giljabi.export.convert import convert


def folder(path: Path) -> Path:
    return tiny_models.make(path, "gemma3")


def gguf(path: Path) -> Path:
    convert(folder(path.parent / "hf"), path)
    return path
