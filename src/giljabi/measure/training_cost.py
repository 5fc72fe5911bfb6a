"""What training a base would take on a GPU: memory and hours, as an estimate from its dimensions.

Nothing is run. The formulas and where they come from stand beside each; docs/selecting.md sets
them beside published figures. GB and TFLOPS are 10^9 bytes and 10^12 operations a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from giljabi.errors import GiljabiError
from giljabi.model.shape import Shape

Method = Literal["lora", "qlora", "full"]
METHODS: tuple[Method, ...] = get_args(Method)
"""What a base may be trained by, as recipes name it."""

# What is trained is held in 32 bits, with its gradient and Adam's two moments (Rajbhandari et al.
# 2020, arXiv:1910.02054, section 3.1: 16 bytes); what is frozen in 16 bits.
_TRAINED_BYTES, _FROZEN_BYTES = 16.0, 2.0
# 4-bit NormalFloat with double quantisation: 4 bits and 0.127 (Dettmers et al. 2023,
# arXiv:2305.14314, section 3). Linear layers only; embedding and output table stay in 16 bits.
_NF4_BYTES = 4.127 / 8
# A block keeps 34 bytes a token and unit of width without the attention scores, its input alone is
# 2 (Korthikanti et al. 2022, arXiv:2205.05198, sections 4 and 5). With checkpointing every block
# keeps its input and one at a time is computed again; FlashAttention keeps no scores.
_BLOCK_BYTES, _INPUT_BYTES = 34.0, 2.0
# Scores and their gradient in 32 bits, at labelled tokens only (docs/tuning.md): an answer's.
_SCORE_BYTES, _LABELLED = 8.0, 1024
# The CUDA context, kernels and what the allocator cannot hand out: assumed.
_RUNTIME_BYTES = 1e9
# Operations a weight and token: forward 2, again 2 for checkpointing, backward 2 to the inputs and 2
# to the weights that are trained (Kaplan et al. 2020, arXiv:2001.08361, section 2.1).
_FORWARD, _AGAIN, _TO_INPUTS, _TO_WEIGHTS = 2, 2, 2, 2
# The share of the data sheet's figure that is reached: assumed. PaLM reports 46 % over its pods
# (Chowdhery et al. 2022, arXiv:2204.02311, table 3); small batches on one GPU reach less.
_REACHED = 0.3


@dataclass(frozen=True, slots=True)
class Gpu:
    """What its data sheet says."""

    memory_gb: float
    tflops: float = 0.0
    """Dense bfloat16 (or float16) matrix multiplication; 0: not said, so no hours."""

    def __post_init__(self) -> None:
        if self.memory_gb <= 0 or self.tflops < 0:
            raise GiljabiError("A GPU has some memory and no negative speed.")


@dataclass(frozen=True, slots=True)
class Job:
    """What shall be trained, one conversation a pass."""

    method: Method = "lora"
    tokens: int = 0
    """Tokens read in all epochs together; 0: not said, so no hours."""
    longest: int = 1024
    """Tokens of the longest example: what memory is needed for."""
    mean: int = 0
    """Tokens of an example on average, for what attention costs; 0: as the longest."""
    rank: int = 16
    """Of the adapter, on all seven projections; full tuning has none."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise GiljabiError(f"Unknown method {self.method!r}; known: {', '.join(METHODS)}.")
        if self.longest < 1 or self.rank < 1 or self.tokens < 0 or self.mean < 0:
            raise GiljabiError(
                "An example and the adapter's rank are at least 1, and no number of tokens is "
                "negative."
            )


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate: bytes by what they are for, and hours (None where not asked for)."""

    bytes: dict[str, float]
    hours: float | None

    @property
    def gb(self) -> float:
        """All of it."""
        return sum(self.bytes.values()) / 1e9


def parameters(shape: Shape) -> int:
    """How many weights a model has: every matrix its shape lists."""
    tables = shape.vocabulary * shape.embedding * (1 if shape.tied else 2)
    return tables + sum(a * b for a, b in _projections(shape)) * shape.layers


def cost(shape: Shape, job: Job, gpu: Gpu) -> Cost:
    """Memory and hours of a job on a GPU, with gradient checkpointing and FlashAttention.

    Estimated, not measured: see the constants above for each term and its source.
    """
    weights, tables = parameters(shape), shape.vocabulary * shape.embedding
    tables *= 1 if shape.tied else 2
    adapter = sum(job.rank * (a + b) for a, b in _projections(shape)) * shape.layers
    frozen = {
        "full": 0.0,
        "lora": _FROZEN_BYTES * weights,
        "qlora": _FROZEN_BYTES * tables + _NF4_BYTES * (weights - tables),
    }[job.method]
    width = job.longest * shape.embedding
    parts = {
        "frozen weights": frozen,
        "trained weights, gradients and Adam": _TRAINED_BYTES
        * (weights if job.method == "full" else adapter),
        "activations": _INPUT_BYTES * width * shape.layers + _BLOCK_BYTES * width,
        "scores": _SCORE_BYTES * min(job.longest, _LABELLED) * shape.vocabulary,
        "runtime": _RUNTIME_BYTES,
    }
    return Cost(parts, _hours(shape, job, gpu))


def _projections(s: Shape) -> tuple[tuple[int, int], ...]:
    """Width in and out of the seven matrices of a block: q, k, v, o, gate, up and down."""
    queries, keys = s.heads * s.key_length, s.kv_heads * s.key_length
    values, heads_out = s.kv_heads * s.value_length, s.heads * s.value_length
    return (
        (s.embedding, queries), (s.embedding, keys), (s.embedding, values),
        (heads_out, s.embedding), (s.embedding, s.feed_forward), (s.embedding, s.feed_forward),
        (s.feed_forward, s.embedding),
    )  # fmt: skip


def _hours(s: Shape, job: Job, gpu: Gpu) -> float | None:
    if not gpu.tflops or not job.tokens:
        return None
    multiplied = parameters(s) - (0 if s.tied else s.vocabulary * s.embedding)
    passes = _FORWARD + _AGAIN + _TO_INPUTS + (_TO_WEIGHTS if job.method == "full" else 0)
    # Scores and weighted values of the tokens before, half of the example on average: 2 operations
    # a layer, unit of all heads and token; again; backward twice as many (PaLM, appendix B).
    before = job.mean or job.longest
    attention = 2 * s.layers * s.heads * s.key_length * before * 4
    operations = job.tokens * (multiplied * passes + attention)
    return operations / (gpu.tflops * 1e12 * _REACHED) / 3600
