"""A random-weight Llama of two layers as a GGUF file, and an adapter for it: megabytes, same bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np

WIDTH = 640  # not a multiple of 256, as Gemma 3 270M
HIDDEN = 512
_LAYERS, _HEADS, _KV_HEADS = 2, 10, 2
_LETTERS = "▁abcdefghijklmnopqrstuvwxyz길을묻는사람은.,"
_NORMAL, _UNKNOWN, _CONTROL, _BYTE = 1, 2, 3, 6
SPECIAL = ("<unk>", "<s>", "</s>")


def vocabulary() -> tuple[list[str], list[int]]:
    """Tokens and llama.cpp's type of each: markers, all bytes, letters."""
    letters = list(dict.fromkeys(_LETTERS))
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256)), *letters]
    kinds = [_UNKNOWN, _CONTROL, _CONTROL] + [_BYTE] * 256 + [_NORMAL] * len(letters)
    return tokens, kinds


def shapes(tokens: int) -> dict[str, tuple[int, ...]]:
    """Every tensor, rows first."""
    head = WIDTH // _HEADS
    out: dict[str, tuple[int, ...]] = {"token_embd.weight": (tokens, WIDTH)}
    for n in range(_LAYERS):
        out |= {
            f"blk.{n}.attn_norm.weight": (WIDTH,),
            f"blk.{n}.attn_q.weight": (WIDTH, WIDTH),
            f"blk.{n}.attn_k.weight": (_KV_HEADS * head, WIDTH),
            f"blk.{n}.attn_v.weight": (_KV_HEADS * head, WIDTH),
            f"blk.{n}.attn_output.weight": (WIDTH, WIDTH),
            f"blk.{n}.ffn_norm.weight": (WIDTH,),
            f"blk.{n}.ffn_gate.weight": (HIDDEN, WIDTH),
            f"blk.{n}.ffn_up.weight": (HIDDEN, WIDTH),
            f"blk.{n}.ffn_down.weight": (WIDTH, HIDDEN),
        }
    return out | {"output_norm.weight": (WIDTH,), "output.weight": (tokens, WIDTH)}


def write(path: Path, *, drop: tuple[str, ...] = (), seed: int = 0) -> Path:
    """The model as F16; `drop` are tokens it is trimmed of, the other rows staying the same."""
    tokens, kinds = vocabulary()
    kept = [i for i, token in enumerate(tokens) if token not in drop]
    writer = gguf.GGUFWriter(str(path), "llama")
    _settings(writer, [tokens[i] for i in kept], [kinds[i] for i in kept])
    random = np.random.default_rng(seed)
    for name, shape in shapes(len(tokens)).items():
        if len(shape) == 1:
            writer.add_tensor(name, np.ones(shape, dtype=np.float32))
            continue
        data = random.normal(0, 2.0 / shape[1] ** 0.5, shape).astype(np.float16)
        whole = name in {"token_embd.weight", "output.weight"}
        writer.add_tensor(name, data[kept] if whole else data)
    _close(writer)
    return path


def write_adapter(path: Path, *, size: float = 0.05, rank: int = 2) -> Path:
    """A LoRA over every query projection."""
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_string("general.type", "adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(rank))
    random = np.random.default_rng(1)
    for n in range(_LAYERS):
        name = f"blk.{n}.attn_q.weight.lora_"
        writer.add_tensor(f"{name}a", random.normal(0, size, (rank, WIDTH)).astype(np.float32))
        writer.add_tensor(f"{name}b", random.normal(0, size, (WIDTH, rank)).astype(np.float32))
    _close(writer)
    return path


def swap(path: Path, one: str, other: str) -> None:
    """Exchange the bytes of two tensors of equal shape and type inside the file."""
    found = {t.name: t for t in gguf.GGUFReader(str(path), "r+").tensors}
    a, b = found[one].data, found[other].data
    kept = np.array(a)
    a[:] = b
    b[:] = kept
    a.base.flush() if hasattr(a.base, "flush") else None


def tensors(path: Path) -> dict[str, Any]:
    """The reader's tensors by name."""
    return {t.name: t for t in gguf.GGUFReader(str(path)).tensors}


def _settings(writer: gguf.GGUFWriter, tokens: list[str], kinds: list[int]) -> None:
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(HIDDEN)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // _HEADS)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(int(gguf.LlamaFileType.MOSTLY_F16))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores([float(-i) for i in range(len(tokens))])
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(False)


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
