"""How a model's positions are rotated, from config.json to what llama.cpp reads.

transformers before 5 writes rope_theta, rope_scaling and (Gemma) rope_local_base_freq; since 5
rope_parameters, for Gemma one per kind of layer. Formulas: transformers, modeling_rope_utils.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export.convert_settings import Settings

_GEMMA_LOCAL = 10_000.0  # what llama.cpp's gemma3 rotates its sliding layers with
# Beyond these keys a scaling is one llama.cpp's defaults would not reproduce.
_KNOWN = {"rope_type", "type", "rope_theta", "factor", "original_max_position_embeddings",
          "low_freq_factor", "high_freq_factor"}  # fmt: skip


def rope_metadata(
    settings: Settings, theta: float, allowed: tuple[str, ...]
) -> dict[str, int | float | str]:
    """rope.* keys below the architecture's name; GiljabiError for a scaling not in `allowed`."""
    parameters = _parameters(settings)
    kind = _kind(parameters)
    if kind not in allowed:
        raise GiljabiError(
            f"{settings.where} scales positions by {kind!r}; for {settings.family} only "
            f"{', '.join(allowed)} are converted."
        )
    odd = sorted(key for key in parameters if key not in _KNOWN and parameters[key] is not None)
    if odd and kind != "default":
        raise GiljabiError(
            f"{settings.where} sets {odd[0]} for its positions, which is not converted; "
            "use --llama-cpp DIR."
        )
    _check_local(settings)
    entries: dict[str, int | float | str] = {"rope.freq_base": _theta(settings, parameters, theta)}
    if kind in {"linear", "yarn"}:
        entries["rope.scaling.type"] = kind
        entries["rope.scaling.factor"] = _number(settings, parameters, "factor")
    if kind == "yarn":
        entries["rope.scaling.original_context_length"] = int(_original(settings, parameters))
    return entries


def rope_factors(settings: Settings, theta: float) -> Any:
    """Llama 3.1's divisors, one float32 for each rotated pair; None where nothing is scaled so."""
    parameters = _parameters(settings)
    if _kind(parameters) != "llama3":
        return None
    import numpy as np  # noqa: PLC0415

    width = int(
        settings.get("head_dim")
        or settings.integer("hidden_size") // settings.integer("num_attention_heads")
    )
    factor = _number(settings, parameters, "factor")
    low = _number(settings, parameters, "low_freq_factor")
    high = _number(settings, parameters, "high_freq_factor")
    original = _original(settings, parameters)
    base = _theta(settings, parameters, theta)
    factors = []
    for i in range(0, width, 2):
        turns = original / (2 * math.pi * base ** (i / width))  # over the original context
        if turns > high:
            factors.append(1.0)
        elif turns < low:
            factors.append(factor)
        else:
            smooth = (turns - low) / (high - low)
            factors.append(1 / ((1 - smooth) / factor + smooth))
    return np.array(factors, dtype=np.float32)


def _parameters(settings: Settings) -> Mapping[str, Any]:
    new = settings.get("rope_parameters", {})
    return {**settings.get("rope_scaling", {}), **new.get("full_attention", new)}


def _kind(parameters: Mapping[str, Any]) -> str:
    return str(parameters.get("rope_type") or parameters.get("type") or "default")


def _theta(settings: Settings, parameters: Mapping[str, Any], default: float) -> float:
    return float(parameters.get("rope_theta") or settings.get("rope_theta", default))


def _original(settings: Settings, parameters: Mapping[str, Any]) -> float:
    found = parameters.get("original_max_position_embeddings")
    return float(found or settings.integer("max_position_embeddings"))


def _number(settings: Settings, parameters: Mapping[str, Any], key: str) -> float:
    found = parameters.get(key)
    if not isinstance(found, int | float) or found <= 0:
        raise GiljabiError(f"{settings.where} scales positions without a usable {key}.")
    return float(found)


def _check_local(settings: Settings) -> None:
    local = settings.get("rope_parameters", {}).get("sliding_attention", {})
    base = local.get("rope_theta") or settings.get("rope_local_base_freq", _GEMMA_LOCAL)
    if float(base) != _GEMMA_LOCAL or _kind(local) != "default":
        raise GiljabiError(
            f"{settings.where} rotates its sliding layers by {base:g}; llama.cpp's gemma3 always "
            f"does by {_GEMMA_LOCAL:g}."
        )
