"""What a choice of parts takes on a board, whether it fits, and how fast its memory lets it write.

Every figure of the language model is added up as llama.cpp allocates it (docs/boards.md has the
measurements); nothing is loaded or run here. MB and GB are 10^6 and 10^9 bytes.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model import boards, llamacpp, store
from giljabi.model.generate import embedded_is_installed
from giljabi.model.shape import QUANTISATIONS, TYPES, Shape, quantised, read

MB = 1_000_000
_MIB = 1 << 20

# Measured on Gemma's vocabulary cut to 16, 64, 128 and 256 thousand tokens, and on byte-level
# vocabularies with and without their merges: llama.cpp keeps each token as text, in a hash map,
# as a piece and in the sampler, each merge as two strings in a hash map.
_TOKEN_BYTES, _MERGE_BYTES = 230, 209
# Measured in a process that already serves: importing xllamacpp 8.6 MiB, its code touched while
# loading and answering 4.9 MiB.
_RUNTIME_BYTES = int(13.5 * _MIB)
# llama.cpp's default for tokens read at once; xllamacpp keeps it.
_BATCH = 512
# llama_context pads the context to a multiple of this.
_PAD = 256
_CACHE_BYTES = llamacpp.PREFIX_CACHE_MIB * _MIB
# Matrices of these types are laid out a second time for the processor's vector units, while the
# file stays mapped (ggml-cpu/repack.cpp): x86 with AVX2, and Arm with dot products.
_REPACKED = {
    "x86_64": frozenset(TYPES[t] for t in ("Q4_0", "Q4_K", "IQ4_NL", "MXFP4")),
    "aarch64": frozenset(
        TYPES[t] for t in ("Q4_0", "Q4_K", "Q5_K", "Q6_K", "Q8_0", "IQ4_NL", "MXFP4")
    ),
}
_WOVEN = "weights, laid out again"
_INTERLEAVED = 8  # rows that are woven together; fewer do not qualify
_IN_CONTEXT = 512  # tokens a guide's prompt and answer have, about
_SHORTEST = 1024  # a context below this does not hold a guide's examples


@dataclass(frozen=True, slots=True)
class Choice:
    """What shall run, and where."""

    board: boards.Board
    shape: Shape | None
    """The language model; None for templates only."""
    context: int = 4096
    """Tokens a conversation may have."""
    parallel: int = 1
    """Conversations held at once. `giljabi serve` holds one and caches the others' prefixes."""
    besides: dict[str, str] = field(default_factory=dict)
    """Part by kind (web, asr, vad, tts), as parts.toml names them."""
    adapter: Path | None = None
    """The LoRA in GGUF form that lies over the model."""

    @property
    def adapter_bytes(self) -> int:
        """What the adapter's numbers take, 0 without one."""
        return self.adapter.stat().st_size if self.adapter and self.shape else 0

    def __post_init__(self) -> None:
        if self.context < 1 or self.parallel < 1:
            raise GiljabiError("Context and parallel conversations are at least 1.")
        if self.board.usable_gb <= 0 or self.board.bandwidth_gbs < 0:
            raise GiljabiError("A board has some memory and no negative bandwidth.")


@dataclass(frozen=True, slots=True)
class Part:
    """One line of a plan."""

    name: str
    size: int
    """Resident bytes."""
    source: str
    """How the figure came about."""
    estimated: bool = False
    """Neither measured here nor read from a file."""
    grows: bool = False
    """Empty at first; `size` is its ceiling."""
    model: bool = False
    """Belongs to the language model."""
    mapped: bool = False
    """Pages of a file, nearly all of them."""


@dataclass(frozen=True, slots=True)
class Saving:
    """A change that makes a plan smaller."""

    text: str
    size: int
    """Bytes saved."""
    fits: bool
    """Whether the plan fits with this change (in `together`: with all up to this one)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Parts of a choice and what follows from them."""

    choice: Choice
    parts: tuple[Part, ...]

    @property
    def started(self) -> int:
        """Bytes once everything has been used, caches empty: what `doctor` measures."""
        return sum(p.size for p in self.parts if not p.grows)

    @property
    def at_most(self) -> int:
        """Bytes with full caches; what has to fit."""
        return sum(p.size for p in self.parts)

    @property
    def usable(self) -> int:
        """Bytes the board has for us."""
        return int(self.choice.board.usable_gb * 1e9)

    @property
    def fits(self) -> bool:
        """Whether the board holds it with full caches."""
        return self.at_most <= self.usable

    @property
    def model_started(self) -> int:
        """The language model's share of `started`."""
        return sum(p.size for p in self.parts if p.model and not p.grows)

    @property
    def tokens_per_second(self) -> float | None:
        """No conversation writes faster: each token reads the weights and its context once."""
        read, bandwidth = read_per_token(self.choice), self.choice.board.bandwidth_gbs
        return bandwidth * 1e9 / read if read and bandwidth else None


def read_per_token(choice: Choice) -> int:
    """Bytes read from memory to write one token after a guide's usual prompt; 0 without a model."""
    if (shape := choice.shape) is None:
        return 0
    return shape.bytes_per_token + shape.kv_bytes_per_token * _IN_CONTEXT + choice.adapter_bytes


def shape_of(what: str | None = None, quantisation: str | None = None) -> Shape:
    """The shape of a short name of bases.toml (None: the default) or a .gguf file.

    Nothing is fetched: a base that is not on this machine is worked out from its public
    configuration. Raises GiljabiError where that is not known or the file is none.
    """
    if what and what not in store.bases():
        path = store.weights(what).path
        if path.is_dir():
            raise GiljabiError(f"{path} is a folder of safetensors; plan needs a .gguf file.")
        found = read(path)
        return quantised(found, quantisation) if quantisation else found
    known = store.base(what)
    fetched = store.cache_dir() / "hub" / f"{known.name}.gguf.path"
    if (known.parts and embedded_is_installed()) or fetched.is_file():
        found = read(store.weights(known.name if what else None).path)
        return quantised(found, quantisation) if quantisation else found
    return boards.known_shape(known.name, quantisation or boards.named_quantisation(known.file))


def plan(choice: Choice) -> Plan:
    """Planned bytes of every part of `choice`; GiljabiError for a part that is not known."""
    parts: list[Part] = []
    for kind in boards.KINDS:
        if name := choice.besides.get(kind):
            found = boards.ingredient(kind, name)
            size = int(found.resident_mb * MB)
            parts.append(Part(f"{kind}: {name}", size, found.source, found.estimated))
    if choice.shape is not None:
        parts += _model_parts(choice, choice.shape)
    return Plan(choice, tuple(parts))


def _model_parts(choice: Choice, s: Shape) -> Iterator[Part]:
    cells = -(-choice.context // _PAD) * _PAD
    tokens = f"{cells} tokens" + (f" x {choice.parallel}" if choice.parallel > 1 else "")
    source = f"worked out for {s.quantisation}" if s.estimated else "read from the file"
    yield Part(
        "llama.cpp", _RUNTIME_BYTES, "measured: library and its code", model=True, mapped=True
    )
    yield Part(f"weights {s.quantisation}", s.weight_bytes, f"{source}, mapped", s.estimated,
               model=True, mapped=True)  # fmt: skip
    machine = _machine(choice.board)
    if choice.adapter:
        yield Part("adapter", choice.adapter_bytes, "the file's size", model=True)
    if woven := _woven_bytes(s, machine):
        yield Part(_WOVEN, woven, f"the types {machine} weaves",
                   s.estimated or machine != "x86_64", model=True)  # fmt: skip
    yield Part("vocabulary", s.vocabulary * _TOKEN_BYTES + s.merges * _MERGE_BYTES,
               f"{s.vocabulary} tokens, {_TOKEN_BYTES} bytes each", model=True)  # fmt: skip
    yield Part("KV cache", s.kv_bytes_per_token * cells * choice.parallel,
               f"{tokens}, {s.kv_bytes_per_token} bytes each", model=True)  # fmt: skip
    yield Part("compute buffers", _compute_bytes(s, cells, choice.parallel),
               f"{_BATCH} tokens at once", model=True)  # fmt: skip
    yield Part("prefix cache", _CACHE_BYTES, "ceiling; fills with use", grows=True, model=True)


def _machine(board: boards.Board) -> str:
    name = (board.machine or platform.machine()).lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(name, name)


def _woven_bytes(s: Shape, machine: str) -> int:
    kinds = _REPACKED.get(machine, frozenset())
    return sum(
        t.size
        for t in s.tensors
        if t.kind in kinds
        and t.rows % _INTERLEAVED == 0
        # Rows are looked up in an embedding table, so it stays as it is; as the output matrix it
        # is multiplied with, and then held a second time.
        and (t.name != "token_embd.weight" or s.tied)
        and t.is_matrix
    )


def _compute_bytes(s: Shape, cells: int, parallel: int) -> int:
    # What sched_reserve prints for gemma3, llama and qwen2 models of six widths, to 0.1 %: three
    # feed-forward rows and five of the model's width live at once, and a 16-bit mask, two where
    # some layers look through a window. Beside it one row of scores a conversation.
    masks = 2 if s.sliding_window else 1
    a_token = 4 * (3 * s.feed_forward + 5 * s.embedding + 6 + 4 * masks)
    return _BATCH * (a_token + 2 * cells * masks) + s.vocabulary * 4 * parallel


# ---- what to shrink ----

_Knob = Callable[[Choice], Iterator[tuple[str, Choice]]]


def savings(of: Plan) -> tuple[list[Saving], list[Saving]]:
    """Changes that help a plan that does not fit: each alone, and added up until it fits.

    Of each kind of change the mildest that is enough by itself, or else the strongest. In the
    second list every saving is what it adds to those before. Both empty where the plan fits.
    """
    if of.fits:
        return [], []
    alone: list[Saving] = []
    together: list[Saving] = []
    sofar = of
    for knob in _KNOBS:
        if one := _turned(of, knob):
            alone.append(Saving(one[0], of.at_most - one[1].at_most, one[1].fits))
        if not sofar.fits and (step := _turned(sofar, knob)):
            text, after = step
            together.append(Saving(text, sofar.at_most - after.at_most, after.fits))
            sofar = after
    return alone, together


def _turned(of: Plan, knob: _Knob) -> tuple[str, Plan] | None:
    tried = [(text, plan(choice)) for text, choice in knob(of.choice)]
    helps = [(text, after) for text, after in tried if after.at_most < of.at_most]
    enough = next(((text, after) for text, after in helps if after.fits), None)
    return enough or min(helps, key=lambda one: one[1].at_most, default=None)


def _smaller_weights(c: Choice) -> Iterator[tuple[str, Choice]]:
    if c.shape is None:
        return
    for name in QUANTISATIONS:
        smaller = quantised(c.shape, name)
        if smaller.weight_bytes < c.shape.weight_bytes and name != c.shape.quantisation:
            yield f"quantisation {name}", replace(c, shape=smaller)


def _shorter_context(c: Choice) -> Iterator[tuple[str, Choice]]:
    context = c.context // 2
    while c.shape is not None and context >= _SHORTEST:
        yield f"context of {context} tokens", replace(c, context=context)
        context //= 2


def _fewer_conversations(c: Choice) -> Iterator[tuple[str, Choice]]:
    if c.shape is None:
        return
    for n in range(c.parallel - 1, 0, -1):
        yield f"{n} parallel conversation{'s' if n > 1 else ''}", replace(c, parallel=n)


def _smaller(kind: str, c: Choice) -> Iterator[tuple[str, Choice]]:
    if kind not in c.besides:
        return
    now = boards.ingredient(kind, c.besides[kind])
    for name, other in boards.ingredients(kind).items():
        if other.resident_mb < now.resident_mb:
            yield f"{kind} {name}", replace(c, besides={**c.besides, kind: name})


def _smaller_ear(c: Choice) -> Iterator[tuple[str, Choice]]:
    return _smaller("asr", c)


def _smaller_voice(c: Choice) -> Iterator[tuple[str, Choice]]:
    return _smaller("tts", c)


def _no_model(c: Choice) -> Iterator[tuple[str, Choice]]:
    if c.shape is not None:
        yield "no language model: templates answer", replace(c, shape=None)


_KNOBS: tuple[_Knob, ...] = (
    _smaller_weights,
    _shorter_context,
    _fewer_conversations,
    _smaller_ear,
    _smaller_voice,
    _no_model,
)


# ---- a plan for people and for programs ----


def to_json(of: Plan) -> dict[str, Any]:
    """The plan as plain values; sizes in bytes."""
    alone, together = savings(of)
    c, board = of.choice, of.choice.board
    return {
        "board": {"name": board.name, "usable": of.usable, "bandwidth_gbs": board.bandwidth_gbs},
        "model": c.shape.name if c.shape else None,
        "quantisation": c.shape.quantisation if c.shape else None,
        "context": c.context,
        "parallel": c.parallel,
        "parts": [
            {"name": p.name, "bytes": p.size, "estimated": p.estimated, "grows": p.grows,
             "source": p.source}
            for p in of.parts
        ],
        "started": of.started,
        "at_most": of.at_most,
        "fits": of.fits,
        "tokens_per_second_at_most": of.tokens_per_second,
        "shrink": [{"change": s.text, "saves": s.size, "fits": s.fits} for s in alone],
        "shrink_together": [{"change": s.text, "saves": s.size, "fits": s.fits} for s in together],
    }  # fmt: skip


def to_text(of: Plan) -> str:
    """The plan as a table, a verdict, and what to shrink."""
    board, shape = of.choice.board, of.choice.shape
    about = f": {board.note}" if board.note else ""
    lines = [f"{board.name}, {board.usable_gb:g} GB usable{about}"]
    lines.append(f"language model: {shape.name}" if shape else "language model: none, templates")
    for p in of.parts:
        mark = "~" if p.estimated else " "
        lines.append(f"{p.size / MB:9.0f} MB {mark} {p.name} ({p.source})")
    lines.append(f"{of.started / MB:9.0f} MB   once started and used")
    lines.append(f"{of.at_most / MB:9.0f} MB   at most, of {of.usable / MB:.0f} MB: "
                 + ("fits" if of.fits else "does not fit"))  # fmt: skip
    if any(p.estimated for p in of.parts):
        lines.append("~ is estimated, not measured by us; giljabi doctor measures on the board.")
    if woven := next((p for p in of.parts if p.name == _WOVEN), None):
        lines.append(
            f"{woven.size / MB:.0f} MB of the mapped file are laid out again and hardly read after "
            "that; short of memory, the system may drop them."
        )
    if (speed := of.tokens_per_second) and shape:
        lines.append(
            f"Memory of {board.bandwidth_gbs:g} GB/s allows at most {speed:.0f} tokens/s: each "
            f"reads {read_per_token(of.choice) / MB:.0f} MB, {_IN_CONTEXT} tokens being in context."
        )
    if shape and shape.context and of.choice.context > shape.context:
        lines.append(
            f"The model was trained for {shape.context} tokens, fewer than {of.choice.context}."
        )
    if of.choice.parallel > 1:
        lines.append("giljabi serve itself holds one conversation at a time in the model.")
    return "\n".join([*lines, *_shrink_lines(of)])


def _shrink_lines(of: Plan) -> Iterator[str]:
    alone, together = savings(of)
    if alone:
        yield "To shrink, each by itself:"
    for s in alone:
        yield f"{s.size / MB:9.0f} MB less: {s.text}{'; then it fits' if s.fits else ''}"
    if len(together) > 1:
        steps = ", then ".join(s.text for s in together)
        yield f"In this order: {steps}; " + ("fits." if together[-1].fits else "still too big.")
    if not of.fits and not (together and together[-1].fits):
        yield "No change of ours is enough: take a board with more memory, or leave parts out."
