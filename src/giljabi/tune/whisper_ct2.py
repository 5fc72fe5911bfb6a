"""A CTranslate2 Whisper file read back as the tensors transformers names, in float32.

So a recogniser is tuned on the weights that serve, where no other form of them is at hand. The
layout is that of `ctranslate2.specs.model_spec.ModelSpec._serialize` (format 6) and of revision 3
of its WhisperSpec; anything else is refused. Knows nothing of tokenizers and configurations.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

_FORMAT, _SPEC, _REVISION = 6, "WhisperSpec", 3
_KINDS = ("float32", "int8", "int16", "int32", "float16", "bfloat16")  # by number in the file


@dataclass(frozen=True, slots=True)
class Stored:
    """What a `model.bin` holds: arrays by CTranslate2's names, and names that stand for others."""

    arrays: Mapping[str, Any]
    aliases: Mapping[str, str]


class _Bytes:
    """The file's bytes from front to back; running past the end is a struct.error."""

    def __init__(self, path: Path) -> None:
        self._data = path.read_bytes()
        self._at = 0

    def number(self, form: str) -> int:
        value: int = struct.unpack_from("<" + form, self._data, self._at)[0]
        self._at += struct.calcsize(form)
        return value

    def block(self, length: int) -> memoryview:
        piece = memoryview(self._data)[self._at : self._at + length]
        if len(piece) < length:
            raise struct.error("a tensor runs past the end")
        self._at += length
        return piece

    def text(self) -> str:
        return bytes(self.block(self.number("H"))[:-1]).decode("utf-8")


def read(path: Path) -> Stored:
    """The arrays of a `model.bin`; GiljabiError where it is torn or no Whisper of this revision."""
    try:
        file = _Bytes(path)
        found = (file.number("I"), file.text(), file.number("I"))
        if found != (_FORMAT, _SPEC, _REVISION):
            raise GiljabiError(
                f"{path} is format {found[0]}, {found[1]} revision {found[2]}; only format {_FORMAT}, "
                f"{_SPEC} revision {_REVISION} is read: convert the model again with ctranslate2 4."
            )
        arrays = dict(_array(file) for _ in range(file.number("I")))
        aliases = {file.text(): file.text() for _ in range(file.number("I"))}
    except (OSError, struct.error, UnicodeDecodeError, ValueError, IndexError) as error:
        raise GiljabiError(f"{path} is not a whole CTranslate2 model: {error}.") from error
    return Stored(arrays, aliases)


def _array(file: _Bytes) -> tuple[str, Any]:
    import numpy as np  # noqa: PLC0415

    name = file.text()
    shape = [file.number("I") for _ in range(file.number("B"))]
    kind = _KINDS[file.number("B")]
    raw = file.block(file.number("I"))
    if kind == "bfloat16":  # numpy has none: it is the upper half of a float32
        wide = np.frombuffer(raw, "<u2").astype(np.uint32) << 16
        return name, wide.view(np.float32).reshape(shape)
    return name, np.frombuffer(raw, kind).reshape(shape)


def state_dict(stored: Stored) -> dict[str, Any]:
    """Float32 tensors under transformers' names for `WhisperForConditionalGeneration`.

    Quantised rows are divided by their scale again. Raises GiljabiError where a tensor is missing.
    """
    import torch  # noqa: PLC0415

    if stored.aliases.get("decoder/projection/weight") != "decoder/embeddings/weight":
        raise GiljabiError(
            "This CTranslate2 Whisper has an output layer of its own; none is known."
        )
    out: dict[str, Any] = {}
    try:
        _ends(stored, out)
        for side, prefix in (("encoder", "model.encoder"), ("decoder", "model.decoder")):
            for n in range(layers(stored, side)):
                _layer(stored, out, f"{side}/layer_{n}", f"{prefix}.layers.{n}", side == "decoder")
    except KeyError as error:
        raise GiljabiError(f"The CTranslate2 Whisper lacks the tensor {error}.") from error
    return {name: torch.from_numpy(array.copy()) for name, array in out.items()}


def layers(stored: Stored, side: str) -> int:
    """How many layers the encoder or decoder has."""
    return len(
        {n.split("/")[1] for n in stored.arrays if n.startswith(f"{side}/layer_")} - {"layer_norm"}
    )


def _float(stored: Stored, name: str) -> Any:
    """One array in float32, its scale undone."""
    import numpy as np  # noqa: PLC0415

    value = stored.arrays[stored.aliases.get(name, name)].astype(np.float32)
    key = f"{name}_scale"
    scale = stored.arrays.get(stored.aliases.get(key, key))
    if scale is None:
        return value
    # int8 has a scale a row, of convolutions too; int16 one for all
    return value / scale.astype(np.float32).reshape((-1,) + (1,) * (value.ndim - 1))


def _ends(stored: Stored, out: dict[str, Any]) -> None:
    """What is not in a layer: convolutions, embeddings, positions, last norms."""
    for n in (1, 2):
        for part in ("weight", "bias"):
            out[f"model.encoder.conv{n}.{part}"] = _float(stored, f"encoder/conv{n}/{part}")
    for side in ("encoder", "decoder"):
        out[f"model.{side}.embed_positions.weight"] = _float(
            stored, f"{side}/position_encodings/encodings"
        )
        _norm(stored, out, f"{side}/layer_norm", f"model.{side}.layer_norm")
    out["model.decoder.embed_tokens.weight"] = _float(stored, "decoder/embeddings/weight")
    out["proj_out.weight"] = out["model.decoder.embed_tokens.weight"]


def _layer(stored: Stored, out: dict[str, Any], theirs: str, ours: str, crossed: bool) -> None:
    own = f"{theirs}/self_attention"
    _fused(stored, out, f"{own}/linear_0", f"{ours}.self_attn", ("q_proj", "k_proj", "v_proj"))
    _fused(stored, out, f"{own}/linear_1", f"{ours}.self_attn", ("out_proj",))
    _norm(stored, out, f"{own}/layer_norm", f"{ours}.self_attn_layer_norm")
    if crossed:
        across, to = f"{theirs}/attention", f"{ours}.encoder_attn"
        _fused(stored, out, f"{across}/linear_0", to, ("q_proj",))
        _fused(stored, out, f"{across}/linear_1", to, ("k_proj", "v_proj"))
        _fused(stored, out, f"{across}/linear_2", to, ("out_proj",))
        _norm(stored, out, f"{across}/layer_norm", f"{to}_layer_norm")
    _fused(stored, out, f"{theirs}/ffn/linear_0", ours, ("fc1",))
    _fused(stored, out, f"{theirs}/ffn/linear_1", ours, ("fc2",))
    _norm(stored, out, f"{theirs}/ffn/layer_norm", f"{ours}.final_layer_norm")


def _fused(
    stored: Stored, out: dict[str, Any], theirs: str, ours: str, parts: tuple[str, ...]
) -> None:
    """A linear layer that CTranslate2 keeps as one, cut into transformers' parts."""
    import numpy as np  # noqa: PLC0415

    weights = np.split(_float(stored, f"{theirs}/weight"), len(parts))
    biases = np.split(_float(stored, f"{theirs}/bias"), len(parts))
    for part, weight, bias in zip(parts, weights, biases, strict=True):
        out[f"{ours}.{part}.weight"] = weight
        if part != "k_proj":  # Whisper's keys have no bias; the fused one holds zeros there
            out[f"{ours}.{part}.bias"] = bias


def _norm(stored: Stored, out: dict[str, Any], theirs: str, ours: str) -> None:
    out[f"{ours}.weight"] = _float(stored, f"{theirs}/gamma")
    out[f"{ours}.bias"] = _float(stored, f"{theirs}/beta")
