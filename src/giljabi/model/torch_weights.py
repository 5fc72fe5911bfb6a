"""Weights as transformers holds them: a folder of safetensors, or a GGUF file de-quantised.

What a model is trained on, merged into and compared with. Code that comes with weights is never
run, nothing is fetched, nothing pickled is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model import tokens

# Architectures whose GGUF files transformers reads, with what is mended below.
_READ = {"gemma2", "gemma3", "llama", "qwen2", "qwen3"}


def need() -> None:
    """Raise GiljabiError where torch, transformers or peft is missing."""
    try:
        import peft  # noqa: F401, PLC0415
        import transformers  # noqa: F401, PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Working on 16- and 32-bit weights needs torch, transformers and peft: "
            "pip install 'giljabi[train]'"
        ) from error


def load(path: Path, *, dtype: Any = "auto", **options: Any) -> Any:
    """The causal language model at `path`, in evaluation mode.

    `dtype` "auto" keeps the kind a folder stores; a GGUF file becomes float32. `options` go to
    `from_pretrained`. Raises GiljabiError where transformers cannot read it, or would read a GGUF
    file as another model than llama.cpp does.
    """
    need()
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    if path.is_file():
        if not reads(path):
            raise GiljabiError(
                f"transformers reads {path} as another model than llama.cpp (its architecture or "
                "RoPE scaling); give the folder of safetensors it was made from."
            )
        folder, asked = path.parent, _dequantised(path) | _told(tokens.gguf_metadata(path))
        if dtype != "auto":
            asked["torch_dtype"] = dtype
    else:
        folder, asked = path, {"torch_dtype": dtype, "use_safetensors": True}
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder, trust_remote_code=False, local_files_only=True, **asked, **options
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise GiljabiError(f"transformers cannot load {path}: {error}") from error
    if path.is_file():
        _scale_rope(model, path)
    return model.eval()


def logits(model: Any, hidden: Any) -> Any:
    """Float32 logits of hidden states after the last norm, by the model's own output head.

    For where they are wanted of some positions only; soft-capped as Gemma 2's are.
    """
    import torch  # noqa: PLC0415

    found = model.get_output_embeddings()(hidden).float()
    cap = getattr(model.config.get_text_config(), "final_logit_softcapping", None)
    return cap * torch.tanh(found / cap) if cap else found


def reads(path: Path) -> bool:
    """Whether a GGUF file becomes the same model in transformers as in llama.cpp.

    Other architectures, and RoPE scaling named in the metadata, do not.
    """
    meta = tokens.gguf_metadata(path)
    architecture = meta.get("general.architecture")
    scaling = meta.get(f"{architecture}.rope.scaling.type", "none")
    return architecture in _READ and scaling == "none"


def tokenizer(path: Path) -> Any:
    """The `tokenizers.Tokenizer` at `path`, a folder or a GGUF file; it adds no token by itself.

    Raises GiljabiError where there is none.
    """
    if path.is_file():
        return tokens.tokenizer_of(path, tokens.gguf_metadata(path))
    return tokens.from_json(path / "tokenizer.json")


def _dequantised(path: Path) -> dict[str, Any]:
    """How transformers is asked for a GGUF file's weights as plain float32."""
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    asked = {"gguf_file": str(path.resolve()), "torch_dtype": torch.float32}
    if "GgufConfig" in dir(transformers):
        # Later versions else mark the model quantised, and keep it so where they have kernels.
        asked["quantization_config"] = transformers.GgufConfig(dequantize=True)
    return asked


def _told(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that transformers leaves at its defaults where it reads a GGUF file."""
    architecture = meta.get("general.architecture")
    setting = {"qwen3": "head_dim", "gemma3": "query_pre_attn_scalar"}.get(architecture or "")
    width = meta.get(f"{architecture}.attention.key_length")
    return {setting: width} if setting and width else {}


def _scale_rope(model: Any, path: Path) -> None:
    """Llama 3.1's slower rotation, which a GGUF file has as factors and transformers overlooks."""
    import gguf  # noqa: PLC0415
    import torch  # noqa: PLC0415

    tensors = gguf.GGUFReader(str(path)).tensors
    factors = next((t.data for t in tensors if t.name == "rope_freqs.weight"), None)
    if factors is not None:
        model.model.rotary_emb.inv_freq.div_(torch.tensor(factors))
