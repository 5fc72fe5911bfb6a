"""What a model file was made from: a record beside it, written when the file is whole.

A file `model.gguf` has its record in `model.gguf.json`, a folder of weights in `giljabi.json`
inside it. Without its record a file is unfinished, or somebody else's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giljabi import __version__
from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.model.store import sha256_of

FORMAT = 1
OWN = frozenset({"format", "giljabi", "step", "file", "sha256", "bytes", "sources"})
"""The keys every record has; the others are the step's."""


def weights_hash(path: Path) -> str:
    """Hex sha256 of a weights file; of a folder, over its safetensors and configs by name.

    Raises GiljabiError where the folder holds no weights.
    """
    if path.is_file():
        return sha256_of(path)
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise GiljabiError(f"{path} holds no .safetensors weights.")
    # An adapter's config holds its alpha: the same tensors at another strength are another adapter.
    configs = (path / name for name in ("config.json", "adapter_config.json"))
    digest = hashlib.sha256()
    for file in [*files, *(config for config in configs if config.is_file())]:
        digest.update(f"{file.name}\0{sha256_of(file)}\n".encode())
    return digest.hexdigest()


def record_path(path: Path) -> Path:
    """Where the record of a model file or folder stands."""
    return path / "giljabi.json" if path.is_dir() else path.with_name(path.name + ".json")


def record(
    path: Path, step: str, sources: Mapping[str, Path], details: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Write and give the record of `path`: hash, size, step, the hashes of what it came from.

    `step` is trim, merge, convert, quantise or adapter; `sources` name files or folders by role
    (base, adapter, like); `details` hold the step's own settings and its parity figures.
    """
    made = {
        "format": FORMAT,
        "giljabi": __version__,
        "step": step,
        "file": path.name,
        "sha256": weights_hash(path),
        "bytes": sum(f.stat().st_size for f in ([path] if path.is_file() else path.iterdir())),
        "sources": {
            role: {"file": source.name, "sha256": weights_hash(source)}
            for role, source in sources.items()
        },
        **(details or {}),
    }
    write_text(record_path(path), json.dumps(made, ensure_ascii=False, indent=1) + "\n")
    return made


def recorded(path: Path) -> dict[str, Any]:
    """The record of a model file; GiljabiError where there is none or it is torn."""
    where = record_path(path)
    try:
        found = json.loads(where.read_text("utf-8"))
    except FileNotFoundError:
        raise GiljabiError(
            f"{path} has no record {where.name}: it is unfinished, or was not made by giljabi."
        ) from None
    except ValueError as error:
        raise GiljabiError(f"{where} is not valid JSON: {error}.") from error
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise GiljabiError(f"{where} is not a model record of format {FORMAT}.")
    return found
