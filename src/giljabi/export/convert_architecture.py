"""What llama.cpp must be told of a model, and where each of its tensors goes.

One `Architecture` per family: Gemma 3 (text), Llama 3, Qwen 2 and 2.5, Qwen 3. What llama.cpp
would compute differently from the model's own code is refused here, by the setting's name.
The keys and tensor names are those of the `gguf` package; that a value is what the runtime
makes of it is shown by tests/export/test_convert.py against transformers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export.convert_rope import rope_factors, rope_metadata
from giljabi.export.convert_settings import Settings

Scalar = int | float | str | bool


@dataclass(frozen=True, slots=True)
class Wanted:
    """One tensor the file needs: its name and shape in the folder, its name in GGUF."""

    source: str
    name: str
    shape: tuple[int, ...]
    change: Callable[[Any], Any] | None = None
    """Applied to the float32 values before they are stored; the shape stays."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A model as GGUF: metadata without tokenizer, tensors in file order, tensors of our own."""

    architecture: str
    rows: int
    """Rows of the embedding: tokens the model can say."""
    tied: bool
    metadata: Mapping[str, Scalar]
    tensors: tuple[Wanted, ...]
    computed: Mapping[str, Any]
    """Tensors that no file of the folder holds: the RoPE factors of Llama 3.1 and later."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """One family of models: its class in transformers and how it differs from the others."""

    name: str
    """general.architecture."""
    transformers: str
    """The class that config.json names."""
    template: str
    """The prompt template its chat models are spoken to in, by its name in `TEMPLATES`."""
    tied: bool = False
    """What tie_word_embeddings is where the config is silent."""
    theta: float = 10_000.0
    """What rope_theta is where the config is silent."""
    activation: str = "silu"
    qk_norms: bool = False
    biases: bool = False
    permuted: bool = False
    """Whether llama.cpp rotates neighbours, so that q and k rows must be interleaved."""
    scalings: tuple[str, ...] = ("default", "linear", "yarn")
    """The kinds of RoPE scaling that llama.cpp applies as transformers does."""


ARCHITECTURES: dict[str, Architecture] = {
    a.transformers: a
    for a in (
        Architecture(
            "gemma3", "Gemma3ForCausalLM", "gemma", tied=True, theta=1_000_000.0,
            activation="gelu_pytorch_tanh", qk_norms=True, scalings=("default", "linear"),
        ),
        Architecture(
            "llama", "LlamaForCausalLM", "llama3", permuted=True,
            scalings=("default", "linear", "yarn", "llama3"),
        ),
        Architecture("qwen2", "Qwen2ForCausalLM", "qwen", biases=True),
        Architecture("qwen3", "Qwen3ForCausalLM", "qwen", qk_norms=True),
    )
}  # fmt: skip
"""The families this module converts, by the class name in config.json."""

# Setting: the values llama.cpp's graphs assume. Absent is always one of them.
_ASSUMED: dict[str, tuple[Any, ...]] = {
    "attention_bias": (False,),
    "mlp_bias": (False,),
    "use_sliding_window": (False,),
    "partial_rotary_factor": (1, 1.0),
    "attn_logit_softcapping": (),
    "final_logit_softcapping": (),
    "use_bidirectional_attention": (False,),
}


def plan(arch: Architecture, settings: Settings) -> Plan:
    """Everything but the tokenizer; GiljabiError where config.json is incomplete or not runnable."""
    _check_assumed(arch, settings)
    rows = settings.integer("vocab_size")
    tied = bool(settings.get("tie_word_embeddings", arch.tied))
    computed: dict[str, Any] = {}
    factors = rope_factors(settings, arch.theta)
    if factors is not None:
        computed["rope_freqs.weight"] = factors
    return Plan(
        architecture=arch.name,
        rows=rows,
        tied=tied,
        metadata=_metadata(arch, settings),
        tensors=tuple(_tensors(arch, settings, rows, tied)),
        computed=computed,
    )


def _check_assumed(arch: Architecture, settings: Settings) -> None:
    for key, values in _ASSUMED.items():
        found = settings.get(key)
        if found is not None and found not in values:
            raise _unlike(settings, key, found)
    for key in ("hidden_activation", "hidden_act"):
        found = settings.get(key)
        # Older Gemma files say "gelu" in hidden_act and mean what hidden_activation says.
        if found is not None and found != arch.activation:
            raise _unlike(settings, key, found)
        if found is not None:
            break
    quantised = settings.get("quantization_config", {}).get("quant_method", "gguf")
    if quantised != "gguf":  # from a GGUF file transformers makes plain weights, and says so here
        raise _unlike(settings, "quantization_config", quantised)
    if arch.name == "gemma3":
        _check_gemma(settings)


def _check_gemma(settings: Settings) -> None:
    layers = settings.integer("num_hidden_layers")
    pattern = ["full_attention" if (i + 1) % 6 == 0 else "sliding_attention" for i in range(layers)]
    kinds = settings.get("layer_types")
    if kinds is not None and list(kinds) != pattern:
        raise _unlike(settings, "layer_types", "other than every sixth layer full")
    period = settings.get("sliding_window_pattern", 6)
    if kinds is None and period != 6:
        raise _unlike(settings, "sliding_window_pattern", period)
    # llama.cpp's graph for gemma3: the 27B divides by width over heads, all others by head_dim.
    divisor = _head_dim(settings)
    if layers == 62:
        divisor = settings.integer("hidden_size") // settings.integer("num_attention_heads")
    scalar = settings.get("query_pre_attn_scalar", 256)
    if scalar != divisor:
        raise _unlike(settings, "query_pre_attn_scalar", scalar)


def _unlike(settings: Settings, key: str, found: Any) -> GiljabiError:
    return GiljabiError(
        f"{settings.where} sets {key} to {found!r}, which llama.cpp's {settings.family} does not "
        "compute; convert it with --llama-cpp DIR if its own converter can."
    )


def _head_dim(settings: Settings) -> int:
    if settings.get("head_dim") is not None:
        return settings.integer("head_dim")
    return settings.integer("hidden_size") // settings.integer("num_attention_heads")


def _metadata(arch: Architecture, settings: Settings) -> dict[str, Scalar]:
    head = _head_dim(settings)
    heads = settings.integer("num_attention_heads")
    entries: dict[str, Scalar] = {
        "context_length": settings.integer("max_position_embeddings"),
        "embedding_length": settings.integer("hidden_size"),
        "block_count": settings.integer("num_hidden_layers"),
        "feed_forward_length": settings.integer("intermediate_size"),
        "attention.head_count": heads,
        "attention.head_count_kv": int(settings.get("num_key_value_heads") or heads),
        "attention.key_length": head,
        "attention.value_length": head,
        "attention.layer_norm_rms_epsilon": settings.number("rms_norm_eps"),
        "vocab_size": settings.integer("vocab_size"),
        **rope_metadata(settings, arch.theta, arch.scalings),
    }
    if arch.name == "llama":
        entries["rope.dimension_count"] = head
    if arch.name == "gemma3":
        entries["attention.sliding_window"] = settings.integer("sliding_window")
    return {f"{arch.name}.{key}": value for key, value in entries.items()}


# ---- tensors ----


def _tensors(arch: Architecture, settings: Settings, rows: int, tied: bool) -> Iterator[Wanted]:
    try:
        import gguf  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Writing model files needs gguf: pip install 'giljabi[export]'"
        ) from error
    layers = settings.integer("num_hidden_layers")
    names = gguf.get_tensor_name_map(getattr(gguf.MODEL_ARCH, arch.name.upper()), layers)
    shift = _one_more if arch.name == "gemma3" else None
    width = settings.integer("hidden_size")

    def wanted(part: str, shape: tuple[int, ...], change: Any = None) -> Wanted:
        stem, _, kind = part.rpartition(".")
        if "norm" in stem:
            change = shift
        return Wanted(part, f"{names.get_name(stem)}.{kind}", shape, change)

    yield wanted("model.embed_tokens.weight", (rows, width))
    yield wanted("model.norm.weight", (width,))
    if not tied:
        yield wanted("lm_head.weight", (rows, width))
    for layer in range(layers):
        for part, shape, change in _block(arch, settings):
            yield wanted(f"model.layers.{layer}.{part}", shape, change)


def _block(
    arch: Architecture, settings: Settings
) -> Iterator[tuple[str, tuple[int, ...], Callable[[Any], Any] | None]]:
    """Name below model.layers.N, shape and change of each tensor of one layer."""
    width, inner = settings.integer("hidden_size"), settings.integer("intermediate_size")
    head, heads = _head_dim(settings), settings.integer("num_attention_heads")
    key_heads = int(settings.get("num_key_value_heads") or heads)
    yield "input_layernorm.weight", (width,), None
    for part, count in (("q", heads), ("k", key_heads), ("v", key_heads)):
        change = interleaved(count) if arch.permuted and part != "v" else None
        yield f"self_attn.{part}_proj.weight", (count * head, width), change
        if arch.biases:
            yield f"self_attn.{part}_proj.bias", (count * head,), change
        if arch.qk_norms and part != "v":
            yield f"self_attn.{part}_norm.weight", (head,), None
    yield "self_attn.o_proj.weight", (width, heads * head), None
    yield "post_attention_layernorm.weight", (width,), None
    if arch.name == "gemma3":
        yield "pre_feedforward_layernorm.weight", (width,), None
        yield "post_feedforward_layernorm.weight", (width,), None
    yield "mlp.gate_proj.weight", (inner, width), None
    yield "mlp.up_proj.weight", (inner, width), None
    yield "mlp.down_proj.weight", (width, inner), None


def _one_more(norm: Any) -> Any:
    # Gemma multiplies by 1 + weight; llama.cpp by the weight it is given.
    return norm + 1.0


def interleaved(heads: int) -> Callable[[Any], Any]:
    """The row order of q and k that llama.cpp's `llama` rotates: within each head 0, n/2, 1, …

    transformers rotates row i with row i + n/2, llama.cpp's NORM rotation row 2i with 2i + 1.
    """

    def change(rows: Any) -> Any:
        rest = rows.shape[1:]
        half = rows.shape[0] // heads // 2
        return rows.reshape(heads, 2, half, *rest).swapaxes(1, 2).reshape(rows.shape)

    return change


def check_tensors(wanted: Plan, shapes: Mapping[str, tuple[int, ...]], where: str) -> None:
    """GiljabiError, naming the first, where a tensor is missing, unexpected or of another shape."""
    expected = {t.source: t.shape for t in wanted.tensors}
    allowed = {"lm_head.weight"} if wanted.tied else set()
    for name, shape in expected.items():
        if name not in shapes:
            raise GiljabiError(f"{where} has no tensor {name}; {wanted.architecture} needs it.")
        if shapes[name] != shape:
            raise GiljabiError(
                f"The tensor {name} in {where} is {_said(shapes[name])}, but config.json makes it "
                f"{_said(shape)}; {_shape_hint(name)}"
            )
    for name in shapes:
        if name not in expected and name not in allowed:
            raise GiljabiError(
                f"{where} has a tensor {name} that {wanted.architecture} does not know; "
                "merge adapters first, or convert it with --llama-cpp DIR."
            )


def _said(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) if math.prod(shape) else "empty"


def _shape_hint(name: str) -> str:
    if name in {"model.embed_tokens.weight", "lm_head.weight"}:
        return "the vocabulary was resized without its config, or the config is another model's."
    return "tensors were swapped, or the config is another model's."
