"""Another GGUF of the same model as the template of a new one: its metadata and tokenizer.

The other may be quantised; only its shapes and the direction of its weights are compared.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file
from giljabi.export.convert_architecture import Plan, Scalar
from giljabi.export.convert_tokenizer import CONTROL, Vocabulary, load
from giljabi.export.convert_weights import Weights
from giljabi.model.prompt import Template

_OURS = ("general.file_type", "tokenizer.chat_template", "tokenizer.ggml.eot_token_id")
# Tuning turns a matrix by a few degrees; two unrelated ones of this size stand at right angles.
_RELATED = 0.5
_ROWS = 2048
_EXACT = 1e-4


def open_like(like: Path, wanted: Plan) -> Any:
    """The reader of `like`; GiljabiError unless it is of the wanted architecture."""
    reader = gguf_file.read(like)
    found = gguf_file.architecture(reader)
    if found != wanted.architecture:
        raise GiljabiError(f"{like} is a {found} model; the folder holds {wanted.architecture}.")
    return reader


def check_like(reader: Any, wanted: Plan, weights: Weights, like: str) -> None:
    """GiljabiError, naming the first difference, unless the file holds the same model or a kin.

    The same settings, the same tensors in the same shapes, and every matrix pointing where the
    folder's does: two tensors swapped in the folder are found here.
    """
    for key, value in wanted.metadata.items():
        other = gguf_file.value(reader, key)
        if other is not None and not _equal(value, other):
            raise GiljabiError(f"{like} has {key} = {other}, but config.json makes it {value}.")
    tensors = {t.name: t for t in reader.tensors}
    sources = {t.name: t for t in wanted.tensors}
    odd = (sources.keys() | wanted.computed.keys()) ^ tensors.keys()
    if odd:
        name = min(odd)
        where = like if name in tensors else "the folder"
        raise GiljabiError(f"Only {where} has the tensor {name}; they are not the same model.")
    for name, tensor in sources.items():
        shape = tuple(tensors[name].shape[::-1].tolist())
        if shape != tensor.shape:
            raise GiljabiError(f"{name} is {shape} in {like} and {tensor.shape} in the folder.")
        values = weights.array(tensor.source)
        if tensor.change is not None:
            values = tensor.change(values)
        if values.ndim > 1 and (cosine := _cosine(tensors[name], values)) < _RELATED:
            raise GiljabiError(
                f"The tensor {tensor.source} of the folder has nothing to do with {name} in "
                f"{like} (cosine {cosine:.2f}): tensors were swapped, or it is another model."
            )


def copy_like(reader: Any, writer: Any) -> None:
    """Everything the file says of itself but what depends on the new file."""
    quantised = tuple(k for k in reader.fields if k.startswith(("quantize.", "split.")))
    gguf_file.copy_metadata(reader, writer, skip=(*_OURS, *quantised))


def like_vocabulary(
    reader: Any, wanted: Plan, folder: Path, template: Template, like: str
) -> Vocabulary:
    """The file's tokenizer; its `source` is the folder's where it has one, to compare with.

    Raises GiljabiError where it has not one token a row, or not each marker as a control token.
    """
    tokens = gguf_file.value(reader, "tokenizer.ggml.tokens", [])
    types = gguf_file.value(reader, "tokenizer.ggml.token_type", [])
    if len(tokens) != wanted.rows or len(types) != wanted.rows:
        raise GiljabiError(
            f"{like} has {len(tokens)} tokens, but the embedding of {folder} has {wanted.rows} "
            "rows: the vocabulary was resized, or it is another model."
        )
    for marker in template.stops:
        at = [i for i, t in enumerate(tokens) if t == marker]
        if len(at) != 1 or types[at[0]] != CONTROL:
            raise GiljabiError(f"{like} has no single control token {marker}.")
    special = {"eot": tokens.index(template.end.strip())}
    for name in ("bos", "eos", "unknown", "padding"):
        found = gguf_file.value(reader, f"tokenizer.ggml.{name}_token_id")
        if found is not None:
            special[name] = int(found)
    return Vocabulary(
        model=str(gguf_file.value(reader, "tokenizer.ggml.model")),
        pre=str(gguf_file.value(reader, "tokenizer.ggml.pre", "default")),
        tokens=tuple(tokens),
        types=tuple(types),
        scores=(),
        merges=(),
        special=special,
        add_bos=bool(gguf_file.value(reader, "tokenizer.ggml.add_bos_token", True)),
        add_eos=bool(gguf_file.value(reader, "tokenizer.ggml.add_eos_token", False)),
        source=load(folder) if (folder / "tokenizer.json").is_file() else None,
    )


def _equal(value: Scalar, other: Any) -> bool:
    if isinstance(value, float):
        return bool(abs(value - other) <= _EXACT * abs(value))
    return bool(value == other)


def _cosine(tensor: Any, values: Any) -> float:
    import gguf  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    step = max(1, values.shape[0] // _ROWS)  # of a large embedding some rows are enough
    rows = gguf.quants.dequantize(tensor.data[::step], tensor.tensor_type)
    one, two = rows.ravel().astype(np.float64), values[::step].ravel().astype(np.float64)
    size = float(np.linalg.norm(one) * np.linalg.norm(two))
    return float(one @ two) / size if size else 1.0
