"""Tiny random-weight models as save_pretrained leaves them: one folder per architecture.

Deterministic, from numpy and a word list alone: no torch, no transformers, no network. The
vocabularies are trained here by the textbook algorithm, with byte fallback (Gemma) or over
bytes (Llama, Qwen), so that ids never change with a library's version.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

ARCHITECTURES = ("gemma3", "llama", "qwen2", "qwen3")
CLASSES = {
    "gemma3": "Gemma3ForCausalLM",
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
}
_TEXT = """신소재공학관은 지상 7층 건물입니다. 도서관에서 학생회관까지 걸어서 약 5분 걸립니다.
정문으로 들어가서 왼쪽 길로 350m쯤 가세요. 한양대학교 공학관 옆에 있는 카페는 1층에 있습니다.
고마워요, 거기서 가까운 곳은 어디인가요? 몇 시까지 열어요? 당신은 안내 도우미입니다.
The library has 4 floors above ground. Go straight for about 300 m, then turn left at the gate.
How do I get there from Exit 2? It closes at 10 in the evening. You are a guide of this campus.
Is there a cafe on the 1st floor? Answer briefly, and only what you know. the then there that"""
_MERGED = 260
# Of forty, those whose greedy steps of tiny_golden.json are furthest from a tie.
SEEDS = {"gemma3": 18, "llama": 23, "qwen2": 28, "qwen3": 25}
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GEMMA_CHAT = (
    "{{ bos_token }}{%- if messages[0]['role'] == 'system' -%}"
    "{%- set first_user_prefix = messages[0]['content'] + '\n\n' -%}"
    "{%- set loop_messages = messages[1:] -%}"
    "{%- else -%}{%- set first_user_prefix = '' -%}{%- set loop_messages = messages -%}{%- endif -%}"
    "{%- for message in loop_messages -%}"
    "{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}"
    "{{ raise_exception('Conversation roles must alternate') }}{%- endif -%}"
    "{%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}"
    "{{ '<start_of_turn>' + role + '\n' + (first_user_prefix if loop.first else '') }}"
    "{{ message['content'] | trim }}{{ '<end_of_turn>\n' }}{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{ '<start_of_turn>model\n' }}{%- endif -%}"
)
LLAMA_CHAT = (
    "{% for message in messages %}{% set content = '<|start_header_id|>' + message['role'] + "
    "'<|end_header_id|>\n\n' + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}"
    "{% endfor %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}"
)
QWEN_CHAT = (
    "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\n' + message.content"
    " + '<|im_end|>' + '\n' }}\n{%- endfor %}\n"
    "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\n' }}\n{%- endif %}\n"
)
QWEN_CHAT_WITH_DEFAULT = (
    "{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nYou are Qwen, created by "
    "Alibaba Cloud. You are a helpful assistant.<|im_end|>\n' }}{%- endif %}" + QWEN_CHAT
)


def make(folder: Path, architecture: str, *, seed: int | None = None, dtype: str = "F16") -> Path:
    """The folder of one tiny model: config, weights, tokenizer, chat template."""
    seed = SEEDS[architecture] if seed is None else seed
    folder.mkdir(parents=True)
    tokenizer, settings = (_scored if architecture == "gemma3" else _byte_level)(architecture)
    tokens = len(tokenizer["model"]["vocab"]) + sum(
        t["content"] not in tokenizer["model"]["vocab"] for t in tokenizer["added_tokens"]
    )
    # Qwen's embeddings have more rows than its tokenizer has tokens.
    rows = -(-tokens // 64) * 64 if architecture.startswith("qwen") else tokens
    config = _config(architecture, rows)
    write(folder, "config.json", config)
    write(folder, "tokenizer.json", tokenizer)
    write(folder, "tokenizer_config.json", settings)
    save(folder, _weights(architecture, config, seed), dtype)
    return folder


def write(folder: Path, name: str, content: object) -> None:
    (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")


def read(folder: Path, name: str) -> dict:
    return json.loads((folder / name).read_text("utf-8"))


def save(folder: Path, tensors: dict[str, np.ndarray], dtype: str = "F16") -> None:
    """model.safetensors; BF16 keeps the upper half of each float32."""
    head, blobs, at = {}, [], 0
    for name, values in tensors.items():
        if dtype == "BF16":
            blob = (values.astype("<f4").view("<u4") >> 16).astype("<u2").tobytes()
        else:
            blob = values.astype({"F16": "<f2", "F32": "<f4"}[dtype]).tobytes()
        head[name] = {
            "dtype": dtype,
            "shape": list(values.shape),
            "data_offsets": [at, at + len(blob)],
        }
        blobs.append(blob)
        at += len(blob)
    raw = json.dumps({"__metadata__": {"format": "pt"}, **head}).encode()
    raw += b" " * (-len(raw) % 8)
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + b"".join(blobs))


def load(folder: Path) -> dict[str, np.ndarray]:
    """The tensors of a folder saved here as F16, as float32."""
    raw = (folder / "model.safetensors").read_bytes()
    (size,) = struct.unpack_from("<Q", raw)
    found = {}
    for name, entry in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            begin, end = (8 + size + n for n in entry["data_offsets"])
            flat = np.frombuffer(raw[begin:end], "<f2").astype(np.float32)
            found[name] = flat.reshape(entry["shape"])
    return found


# ---- weights ----


def _config(architecture: str, rows: int) -> dict:
    config = {
        "architectures": [CLASSES[architecture]],
        "model_type": {"gemma3": "gemma3_text"}.get(architecture, architecture),
        "vocab_size": rows,
        "hidden_size": 64,
        "intermediate_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "attention_bias": False,
        "torch_dtype": "float16",
        "bos_token_id": None,
        "eos_token_id": 2,
    }
    if architecture == "gemma3":  # six layers, so that one is global; a window prompts exceed
        config |= {
            "num_hidden_layers": 6, "num_attention_heads": 2, "num_key_value_heads": 1,
            "head_dim": 64, "query_pre_attn_scalar": 64, "sliding_window": 16,
            "sliding_window_pattern": 6, "rope_theta": 1_000_000.0, "rope_local_base_freq": 10000.0,
            "hidden_activation": "gelu_pytorch_tanh", "bos_token_id": 2, "eos_token_id": 1,
            "pad_token_id": 0, "attn_logit_softcapping": None, "final_logit_softcapping": None,
            "rope_scaling": None, "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
        }  # fmt: skip
        del config["hidden_act"]
    elif architecture == "llama":
        config |= {
            "hidden_size": 128, "intermediate_size": 192, "head_dim": 32, "tie_word_embeddings": False, "mlp_bias": False,
            "rms_norm_eps": 1e-5,
            "rope_scaling": {
                "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64,
            },
        }  # fmt: skip
    elif architecture == "qwen2":
        config |= {
            "hidden_size": 128,
            "intermediate_size": 192,
            "use_sliding_window": False,
            "rope_theta": 1_000_000.0,
        }
        del config["attention_bias"]
    else:  # heads wider than hidden_size / heads
        config |= {"head_dim": 32, "tie_word_embeddings": False, "rope_theta": 1_000_000.0}
    return config


def _weights(architecture: str, config: dict, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([seed, ARCHITECTURES.index(architecture)])
    width, inner = config["hidden_size"], config["intermediate_size"]
    heads, key_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head = config.get("head_dim", width // heads)
    centre = 0.0 if architecture == "gemma3" else 1.0  # Gemma stores its norms less one

    def matrix(rows: int, columns: int, gain: float = 1.0) -> np.ndarray:
        return rng.standard_normal((rows, columns)) * gain / np.sqrt(columns)

    def norm(size: int) -> np.ndarray:
        return centre + 0.3 * rng.standard_normal(size)

    # A weak residual and a strong last norm: what is said next comes from the layers, not from
    # the token's own embedding, and the likeliest token is well ahead of the second.
    # Rows of unlike length, as real ones are.
    lengths = np.exp(0.25 * rng.standard_normal((config["vocab_size"], 1)))
    found = {"model.embed_tokens.weight": lengths * matrix(config["vocab_size"], width, 0.3)}
    for n in range(config["num_hidden_layers"]):
        block = f"model.layers.{n}."
        for part, count in (("q", heads), ("k", key_heads), ("v", key_heads)):
            found[f"{block}self_attn.{part}_proj.weight"] = matrix(count * head, width, 1.5)
            if architecture == "qwen2":
                found[f"{block}self_attn.{part}_proj.bias"] = rng.standard_normal(count * head)
            if architecture in {"gemma3", "qwen3"} and part != "v":
                found[f"{block}self_attn.{part}_norm.weight"] = norm(head)
        found[f"{block}self_attn.o_proj.weight"] = matrix(width, heads * head, 3.0)
        for part in ("input_layernorm", "post_attention_layernorm"):
            found[f"{block}{part}.weight"] = norm(width)
        if architecture == "gemma3":
            for part in ("pre_feedforward_layernorm", "post_feedforward_layernorm"):
                found[f"{block}{part}.weight"] = norm(width)
        found[f"{block}mlp.gate_proj.weight"] = matrix(inner, width, 2.0)
        found[f"{block}mlp.up_proj.weight"] = matrix(inner, width, 2.0)
        found[f"{block}mlp.down_proj.weight"] = matrix(width, inner, 3.0)
    found["model.norm.weight"] = norm(width) + 12.0
    if not config["tie_word_embeddings"]:
        found["lm_head.weight"] = lengths * matrix(config["vocab_size"], width, 0.4)
    return {name: values.astype(np.float16) for name, values in found.items()}


# ---- tokenizers ----


def _trained(words: Counter, count: int) -> list[tuple[str, str]]:
    """Byte-pair merges: the most frequent pair first, of equals the smaller."""
    split = {word: list(word) for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < count:
        pairs: Counter = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda p: (-pairs[p], p))
        if best[0] + best[1] not in {a + b for a, b in merges}:
            merges.append(best)
        for parts in split.values():
            at = 0
            while at < len(parts) - 1:
                if (parts[at], parts[at + 1]) == best:
                    parts[at : at + 2] = [best[0] + best[1]]
                at += 1
    return merges


def _added(pairs: list[tuple[int, str, bool]]) -> list[dict]:
    return [
        {"id": i, "content": text, "single_word": False, "lstrip": False, "rstrip": False,
         "normalized": False, "special": special}
        for i, text, special in pairs
    ]  # fmt: skip


def _tokenizer(model: dict, added: list[dict], **stages: object) -> dict:
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added,
        "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
        **stages,
        "model": {
            "type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
            "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
            "ignore_merges": False, **model,
        },
    }  # fmt: skip


def _template_processing(token: str, number: int) -> dict:
    one = [{"SpecialToken": {"id": token, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    return {
        "type": "TemplateProcessing",
        "single": one,
        "pair": [*one, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def _scored(architecture: str) -> tuple[dict, dict]:
    """As Gemma's: control tokens, runs of white space, bytes, then pieces by rank."""
    control = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "[multimodal]", "<unused0>"]
    control += ["<start_of_turn>", "<end_of_turn>"]
    runs = ["\n" * n for n in range(1, 32)] + ["▁" * n for n in range(2, 32)] + ["<b>", "</b>"]
    text = _TEXT.replace(" ", "▁")
    words = Counter(word for line in text.split("\n") for word in _pieces(line))
    merged = [a + b for a, b in _trained(words, _MERGED)]
    letters = sorted(set(text.replace("\n", "")) | set("abcdefghijklmnopqrstuvwxyz0123456789"))
    pieces = [*control, *runs, *(f"<0x{n:02X}>" for n in range(256)), *merged, *letters]
    vocab = {piece: i for i, piece in enumerate(pieces)}
    mergeable = [run for run in runs if run[0] in "\n▁"]
    known = set(merged) | set(letters) | set(mergeable)
    merges = [
        (piece[:cut], piece[cut:])
        for piece in [*mergeable, *merged]
        for cut in range(1, len(piece))
        if piece[:cut] in known and piece[cut:] in known
    ]
    special = {*control} - {"[multimodal]", "<unused0>"}
    added = _added([(vocab[t], t, t in special) for t in [*control, *runs]])
    tokenizer = _tokenizer(
        {"vocab": vocab, "merges": merges, "unk_token": "<unk>", "fuse_unk": True,
         "byte_fallback": True},
        added,
        normalizer={"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        pre_tokenizer={"type": "Split", "pattern": {"String": " "},
                       "behavior": "MergedWithPrevious", "invert": False},
        post_processor=_template_processing("<bos>", vocab["<bos>"]),
        decoder={"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}]},
    )  # fmt: skip
    settings = {
        "tokenizer_class": "GemmaTokenizer", "bos_token": "<bos>", "eos_token": "<eos>",
        "pad_token": "<pad>", "unk_token": "<unk>", "chat_template": GEMMA_CHAT,
    }  # fmt: skip
    return tokenizer, settings


def _pieces(line: str) -> list[str]:
    return [f"▁{word}" for word in line.split("▁") if word]


def _letters_of_bytes() -> dict[int, str]:
    """GPT-2's printable letter for every byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [n for n in range(256) if n not in plain]
    return {n: chr(n) for n in plain} | {n: chr(256 + i) for i, n in enumerate(rest)}


def _byte_level(architecture: str) -> tuple[dict, dict]:
    """As Llama 3's and Qwen's: bytes, merges, then control tokens above the vocabulary."""
    letters = _letters_of_bytes()
    words: Counter = Counter()
    for line in _TEXT.split("\n"):
        for i, word in enumerate(line.split(" ")):
            # Letters only join letters, as the split expressions of both would have it.
            stem = "".join(c for c in word if c.isalpha())
            raw = ((" " if i else "") + stem).encode()
            words["".join(letters[b] for b in raw)] += 1
    merges = _trained(words, _MERGED)
    pieces = [letters[n] for n in sorted(letters, key=lambda n: letters[n])]
    vocab = {piece: i for i, piece in enumerate([*pieces, *(a + b for a, b in merges)])}
    llama = architecture == "llama"
    if llama:
        marks = ["<|begin_of_text|>", "<|end_of_text|>", "<|finetune_right_pad_id|>"]
        marks += ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|reserved_0|>"]
    else:
        marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
    added = _added([(len(vocab) + i, t, "tool" not in t) for i, t in enumerate(marks)])
    bytes_only = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False,
                  "use_regex": False}  # fmt: skip
    split = {"type": "Split", "pattern": {"Regex": _SPLIT % ("{1,3}" if llama else "")},
             "behavior": "Isolated", "invert": False}  # fmt: skip
    tokenizer = _tokenizer(
        {"vocab": vocab, "merges": [f"{a} {b}" for a, b in merges], "ignore_merges": llama},
        added,
        normalizer=None if llama else {"type": "NFC"},
        pre_tokenizer={"type": "Sequence", "pretokenizers": [split, bytes_only]},
        post_processor=_template_processing(marks[0], added[0]["id"]) if llama else bytes_only,
        decoder=bytes_only,
    )
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|eot_id|>" if llama else "<|im_end|>",
        "chat_template": LLAMA_CHAT if llama else QWEN_CHAT,
    }
    settings |= {"bos_token": marks[0]} if llama else {"bos_token": None, "pad_token": marks[0]}
    return tokenizer, settings
