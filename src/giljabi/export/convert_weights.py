"""The tensors of a Hugging Face folder, one at a time, without torch.

The format: github.com/huggingface/safetensors, README; read here because numpy has no BF16 and
its own loader therefore refuses most published weights. Knows nothing of what a tensor is for.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}
_INDEX = "model.safetensors.index.json"


@dataclass(frozen=True, slots=True)
class _Stored:
    file: Path
    dtype: str
    shape: tuple[int, ...]
    offset: int


class Weights:
    """Name → tensor of every .safetensors file of a folder."""

    def __init__(self, folder: Path) -> None:
        """Read the heads of the files; GiljabiError where one is missing, torn or not float."""
        self._stored: dict[str, _Stored] = {}
        for file in _files(folder):
            for name, stored in _head(file):
                if name in self._stored:
                    raise GiljabiError(
                        f"{file} holds the tensor {name}, which "
                        f"{self._stored[name].file.name} holds too; remove one of the files."
                    )
                self._stored[name] = stored

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Every tensor's shape, rows first, in the order of the files."""
        return {name: stored.shape for name, stored in self._stored.items()}

    def array(self, name: str) -> Any:
        """One tensor as float32 (its shape as in `shapes`); GiljabiError where it is not finite."""
        import numpy as np  # noqa: PLC0415

        stored = self._stored[name]
        form = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}[stored.dtype]
        count = math.prod(stored.shape)
        flat = np.fromfile(stored.file, dtype=form, count=count, offset=stored.offset)
        if stored.dtype == "BF16":  # the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        values = flat.astype(np.float32, copy=False).reshape(stored.shape)
        if not np.isfinite(values).all():
            raise GiljabiError(
                f"The tensor {name} in {stored.file} holds values that are not finite; "
                "the training run diverged or the file is damaged."
            )
        return values


def _files(folder: Path) -> list[Path]:
    index = folder / _INDEX
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise GiljabiError(f"{index} is not an index of weights ({error}).") from error
        files = [folder / name for name in names]
    else:
        single = folder / "model.safetensors"
        files = [single] if single.is_file() else sorted(folder.glob("*.safetensors"))
    if not files:
        raise GiljabiError(
            f"{folder} holds no .safetensors weights; save the model with "
            "save_pretrained(FOLDER, safe_serialization=True)."
        )
    for file in files:
        if not file.is_file():
            raise GiljabiError(f"{index} names {file.name}, which is not in {folder}.")
    return files


def _head(file: Path) -> Iterator[tuple[str, _Stored]]:
    size = file.stat().st_size
    try:
        with file.open("rb") as f:
            (length,) = struct.unpack("<Q", f.read(8))
            if length > size:
                raise ValueError("cut short")
            entries = json.loads(f.read(length))
        for name, entry in entries.items():
            if name == "__metadata__":
                continue
            dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
            begin, end = entry["data_offsets"]
            if dtype not in _BYTES:
                raise GiljabiError(
                    f"The tensor {name} in {file} is stored as {dtype}; only unquantised weights "
                    f"({', '.join(_BYTES)}) are converted."
                )
            if 8 + length + end > size or end - begin != math.prod(shape) * _BYTES[dtype]:
                raise ValueError(f"{name} is cut short")
            yield name, _Stored(file, dtype, shape, 8 + length + begin)
    except (struct.error, ValueError, KeyError, TypeError, AttributeError) as error:
        raise GiljabiError(f"{file} is not a safetensors file, or was cut short.") from error
