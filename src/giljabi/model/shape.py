"""What a model is made of: layers, heads, vocabulary and the bytes of each tensor.

Read from a GGUF file's head, or worked out from a known base's published configuration and a
quantisation. Knows nothing of memory, boards or how a model is run.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model.tokens import Head

# ggml's type numbers, by the names people know them by (ggml/include/ggml.h).
TYPES = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "MXFP4": 39,
}  # fmt: skip
# Bits a weight: the size of a block over the weights in it (ggml/src/ggml-common.h).
_BITS = {
    "F32": 32.0, "F16": 16.0, "Q4_0": 4.5, "Q5_0": 5.5, "Q5_1": 6.0, "Q8_0": 8.5, "Q4_K": 4.5,
    "Q5_K": 5.5, "Q6_K": 6.5625,
}  # fmt: skip
# A K type needs rows of 256; narrower models get these instead (llama.cpp, llama-quant.cpp).
_FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
_K_BLOCK = 256

# From the largest to the smallest: (most tensors, the sensitive half, the output table).
QUANTISATIONS: dict[str, tuple[str, str, str]] = {
    "F16": ("F16", "F16", "F16"),
    "Q8_0": ("Q8_0", "Q8_0", "Q8_0"),
    "Q6_K": ("Q6_K", "Q6_K", "Q6_K"),
    "Q5_K_M": ("Q5_K", "Q6_K", "Q6_K"),
    "Q4_K_M": ("Q4_K", "Q6_K", "Q6_K"),
    "Q4_K_S": ("Q4_K", "Q4_K", "Q6_K"),
    "Q4_0": ("Q4_0", "Q4_0", "Q6_K"),
}
# general.file_type of a GGUF file (llama.h, llama_ftype).
_FILE_TYPES = {
    1: "F16", 2: "Q4_0", 7: "Q8_0", 14: "Q4_K_S", 15: "Q4_K_M", 17: "Q5_K_M", 18: "Q6_K",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One weight tensor as it lies in a file."""

    name: str
    kind: int
    """ggml's type number, see TYPES."""
    rows: int
    """Length of its second dimension; 1 for a vector."""
    size: int
    """Bytes, padding included."""

    @property
    def is_matrix(self) -> bool:
        """Whether it is multiplied with, rather than added or scaled by."""
        return self.rows > 1


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's dimensions and tensors."""

    name: str
    quantisation: str
    layers: int
    embedding: int
    """Width of a token's vector."""
    feed_forward: int
    heads: int
    kv_heads: int
    """Key-value heads of one layer; of all layers together, where they differ, over `layers`."""
    key_length: int
    value_length: int
    vocabulary: int
    merges: int = 0
    """Byte-pair merges of the tokenizer; 0 for SentencePiece."""
    sliding_window: int = 0
    """Tokens that most layers look back; 0: all layers see the whole context."""
    context: int = 0
    """Longest conversation it was trained for; 0: not said."""
    tensors: tuple[Tensor, ...] = ()
    estimated: bool = False
    """The tensors were worked out, not read from a file."""

    @property
    def weight_bytes(self) -> int:
        """All tensors together."""
        return sum(t.size for t in self.tensors)

    @property
    def tied(self) -> bool:
        """Whether the embedding table is also the output matrix."""
        return all(t.name != "output.weight" for t in self.tensors)

    @property
    def kv_bytes_per_token(self) -> int:
        """Key and value of one token in every layer, as 16-bit floats."""
        return self.layers * self.kv_heads * (self.key_length + self.value_length) * 2

    @property
    def bytes_per_token(self) -> int:
        """Weights read to write one token: all of them, less an embedding table of its own.

        A table that is also the output matrix is read whole; of one that is not, one row.
        """
        table = sum(t.size for t in self.tensors if t.name == "token_embd.weight")
        return self.weight_bytes - (0 if self.tied else table)


def read(path: Path) -> Shape:
    """The shape of a GGUF file; GiljabiError where its head is damaged or lacks a dimension."""
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            head = Head(data)
            meta = dict(head.entries())
            (count,) = struct.unpack_from("<Q", data, 8)  # of tensors, after magic and version
            tensors = tuple(_tensors(head, meta, count, len(data)))
    except OSError as error:
        raise GiljabiError(f"{path} cannot be read: {error.strerror}.") from error
    except (struct.error, ValueError, KeyError) as error:
        raise GiljabiError(f"{path} is not a GGUF file, or was cut short.") from error
    return _shape(path, meta, tensors)


def _tensors(head: Head, meta: Mapping[str, Any], count: int, end: int) -> Iterator[Tensor]:
    rows: list[tuple[str, int, int, int]] = []
    for _ in range(count):
        name = head.string()
        (dimensions,) = head.take("<I")
        sizes = head.take(f"<{dimensions}Q")
        kind, offset = head.take("<IQ")
        rows.append((name, kind, sizes[1] if dimensions > 1 else 1, offset))
    alignment = int(meta.get("general.alignment", 32))
    data_from = -(-head.at // alignment) * alignment
    rows.sort(key=lambda row: row[3])
    ends = [*(row[3] for row in rows[1:]), end - data_from]
    for (name, kind, wide, offset), until in zip(rows, ends, strict=True):
        if until < offset:
            raise ValueError("cut short")
        yield Tensor(name, kind, wide, until - offset)


def _shape(path: Path, meta: Mapping[str, Any], tensors: tuple[Tensor, ...]) -> Shape:
    architecture = meta.get("general.architecture", "")

    def of(key: str, default: Any = None) -> Any:
        value = meta.get(f"{architecture}.{key}", default)
        if value is None:
            raise GiljabiError(f"{path} does not say its {key}; it is not a language model.")
        return value

    def each(value: Any) -> float:  # some architectures give one figure a layer
        return sum(value) / len(value) if isinstance(value, tuple) else value

    width, heads = int(of("embedding_length")), int(each(of("attention.head_count")))
    wide = of("feed_forward_length")
    head = width // max(1, heads)
    return Shape(
        name=path.stem,
        quantisation=_FILE_TYPES.get(int(meta.get("general.file_type", -1)), "as the file"),
        layers=int(of("block_count")),
        embedding=width,
        feed_forward=max(wide) if isinstance(wide, tuple) else int(wide),
        heads=heads,
        kv_heads=round(each(of("attention.head_count_kv", heads))),
        key_length=int(of("attention.key_length", head)),
        value_length=int(of("attention.value_length", head)),
        vocabulary=len(meta.get("tokenizer.ggml.tokens", ())),
        merges=len(meta.get("tokenizer.ggml.merges", ())),
        sliding_window=int(each(of("attention.sliding_window", 0))),
        context=int(of("context_length", 0)),
        tensors=tensors,
    )


def quantised(shape: Shape, quantisation: str) -> Shape:
    """The same model in another quantisation, its tensors worked out by llama.cpp's own rules.

    Half of the value and down matrices get the better type of a _M mixture. Within 3 % of real
    files (tests/model/test_budget.py). Raises GiljabiError for an unknown quantisation.
    """
    if quantisation not in QUANTISATIONS:
        raise GiljabiError(
            f"Unknown quantisation {quantisation!r}; known: {', '.join(QUANTISATIONS)}."
        )
    made = tuple(_made(shape, *QUANTISATIONS[quantisation]))
    return replace(shape, quantisation=quantisation, tensors=made, estimated=True)


def _made(s: Shape, most: str, better: str, table: str) -> Iterator[Tensor]:
    def tensor(name: str, rows: int, width: int, kind: str) -> Tensor:
        if width % _K_BLOCK:
            kind = _FALLBACK.get(kind, kind)
        return Tensor(name, TYPES[kind], rows, int(rows * width * _BITS[kind] / 8))

    if s.tied:
        yield tensor("token_embd.weight", s.vocabulary, s.embedding, table)
    else:
        yield tensor("token_embd.weight", s.vocabulary, s.embedding, most)
        yield tensor("output.weight", s.vocabulary, s.embedding, table)
    queries, keys, values = (
        s.heads * s.key_length, s.kv_heads * s.key_length, s.kv_heads * s.value_length,
    )  # fmt: skip
    for layer in range(s.layers):
        sensitive = better if layer % 2 else most
        at = f"blk.{layer}."
        yield tensor(at + "attn_q.weight", queries, s.embedding, most)
        yield tensor(at + "attn_k.weight", keys, s.embedding, most)
        yield tensor(at + "attn_v.weight", values, s.embedding, sensitive)
        yield tensor(at + "attn_output.weight", s.embedding, s.heads * s.value_length, most)
        yield tensor(at + "ffn_gate.weight", s.feed_forward, s.embedding, most)
        yield tensor(at + "ffn_up.weight", s.feed_forward, s.embedding, most)
        yield tensor(at + "ffn_down.weight", s.embedding, s.feed_forward, sensitive)
