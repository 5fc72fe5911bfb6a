"""A Hugging Face folder as one GGUF file for llama.cpp, checked before it takes its name.

Gemma 3 (text), Llama 3, Qwen 2.5 and Qwen 3 are written here with the `gguf` package; any other
architecture is handed to a llama.cpp checkout. Knows nothing of quantisation: see `TYPES`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, modelfile
from giljabi.export.conversations import CONVERSATIONS, HARD_TEXTS, rendered
from giljabi.export.convert_architecture import (
    ARCHITECTURES,
    Plan,
    Wanted,
    check_tensors,
    plan,
)
from giljabi.export.convert_like import check_like, copy_like, like_vocabulary, open_like
from giljabi.export.convert_llamacpp import run_converter
from giljabi.export.convert_settings import Settings, read_settings
from giljabi.export.convert_template import chat_template
from giljabi.export.convert_tokenizer import (
    CONTROL,
    Vocabulary,
    check_markers,
    check_same,
    load,
    probes,
    vocabulary,
)
from giljabi.export.convert_weights import Weights
from giljabi.model import tokens
from giljabi.model.prompt import Template
from giljabi.model.prompt import template as template_of

TYPES: dict[str, tuple[str, int]] = {"f16": ("F16", 1), "bf16": ("BF16", 32), "f32": ("F32", 0)}
"""What --type takes → the tensors' type, and general.file_type (llama.cpp's llama_ftype)."""

_F16_MAX = 65504.0
_KINDS = {str: "STRING", bool: "BOOL", int: "UINT32", float: "FLOAT32"}


@dataclass(frozen=True, slots=True)
class Converted:
    """What was written and what was found equal before it was."""

    path: Path
    architecture: str
    kind: str
    tensors: int
    rows: int
    """Tokens of the vocabulary, unused rows included."""
    template: str
    """The prompt template whose chat template is embedded; empty where another converter chose."""
    checked: Mapping[str, int] = field(default_factory=dict)
    """How many conversations, texts and tensors were compared."""


def convert(
    folder: Path, out: Path, *, kind: str = "f16", like: Path | None = None,
    llama_cpp: Path | None = None, template: str | None = None,
) -> Converted:  # fmt: skip
    """Write `folder` to `out`, and the record beside it; nothing is left where a check fails.

    `kind` is one of `TYPES` (norms and biases stay F32). `like` is a GGUF of the same model whose
    metadata and tokenizer are taken over. `template` names giljabi's own chat template to embed
    in place of the folder's. `llama_cpp` is a checkout for architectures not known here.
    Raises GiljabiError naming the tensor, token, merge, marker or conversation that is wrong.
    """
    if kind not in TYPES:
        raise GiljabiError(f"Unknown type {kind!r}; known: {', '.join(TYPES)}.")
    if like is not None and like.resolve() == out.resolve():
        raise GiljabiError(f"--like and --out are the same file, {out}; name another to write.")
    settings = read_settings(folder)
    if settings.family in ARCHITECTURES:
        made = _converted(folder, out, settings, kind, like, template)
    elif llama_cpp is None:
        raise GiljabiError(
            f"The architecture {settings.family} of {folder} is not converted here; known: "
            f"{', '.join(ARCHITECTURES)}. A llama.cpp checkout may know it: --llama-cpp DIR."
        )
    else:
        made = _handed_over(folder, out, settings, kind, llama_cpp, template)
    sources = {"source": folder} | ({"like": like} if like else {})
    modelfile.record(out, "convert", sources, _details(made, settings))
    return made


def _details(made: Converted, settings: Settings) -> dict[str, Any]:
    return {
        "architecture": made.architecture,
        "transformers": settings.family,
        "type": made.kind,
        "template": made.template,
        "checked": dict(made.checked),
    }


def _converted(
    folder: Path, out: Path, settings: Settings, kind: str, like: Path | None, chosen: str | None
) -> Converted:
    architecture = ARCHITECTURES[settings.family]
    wanted = plan(architecture, settings)
    weights = Weights(folder)
    check_tensors(wanted, weights.shapes(), str(folder))
    _check_tied(wanted, weights, folder)
    spoken = template_of(chosen or architecture.template)
    chat = chat_template(folder, spoken, own=chosen is not None)
    reader = open_like(like, wanted) if like else None
    if reader is None:
        vocab = vocabulary(folder, wanted.rows, spoken)
    else:
        vocab = like_vocabulary(reader, wanted, folder, spoken, str(like))
        check_like(reader, wanted, weights, str(like))
    with _unfinished(out) as path:
        with gguf_file.writing(path, wanted.architecture) as writer:
            if reader is None:
                _write_metadata(writer, folder, wanted, vocab)
            else:
                copy_like(reader, writer)
            writer.add_file_type(TYPES[kind][1])
            writer.add_chat_template(chat)
            writer.add_eot_token_id(vocab.special["eot"])
            _write_tensors(writer, wanted, weights, kind)
        checked = _check_written(path, wanted, vocab, spoken, chat, kind)
    return Converted(
        out, wanted.architecture, kind, len(wanted.tensors) + len(wanted.computed), wanted.rows,
        spoken.name, checked,
    )  # fmt: skip


@contextmanager
def _unfinished(out: Path) -> Iterator[Path]:
    """A path beside `out` that takes its place when the block, checks included, ends well."""
    if out.is_dir():
        raise GiljabiError(f"{out} is a folder; --out names the GGUF file to write.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        path = Path(folder) / out.name
        yield path
        # An old record must not vouch for the file that takes its place.
        modelfile.record_path(out).unlink(missing_ok=True)
        path.replace(out)


def _check_tied(wanted: Plan, weights: Weights, folder: Path) -> None:
    if not wanted.tied or "lm_head.weight" not in weights.shapes():
        return
    import numpy as np  # noqa: PLC0415

    head, embedding = (
        weights.array(name) for name in ("lm_head.weight", "model.embed_tokens.weight")
    )
    if head.shape != embedding.shape or not np.array_equal(head, embedding):
        raise GiljabiError(
            f"{folder} has an lm_head.weight that differs from its embedding, but its config ties "
            "the two; set tie_word_embeddings to false, or remove the tensor."
        )


# ---- writing ----


def _write_metadata(writer: Any, folder: Path, wanted: Plan, vocab: Vocabulary) -> None:
    import gguf  # noqa: PLC0415

    writer.add_type("model")
    writer.add_name(folder.resolve().name)
    for key, value in wanted.metadata.items():
        writer.add_key_value(key, value, gguf.GGUFValueType[_KINDS[type(value)]])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    writer.add_tokenizer_model(vocab.model)
    writer.add_tokenizer_pre(vocab.pre)
    writer.add_token_list(vocab.tokens)
    writer.add_token_types(vocab.types)
    if vocab.scores:
        writer.add_token_scores(vocab.scores)
        writer.add_add_space_prefix(False)
    if vocab.merges:
        writer.add_token_merges(vocab.merges)
    for name, token in vocab.special.items():
        if name != "eot":
            writer.add_uint32(f"tokenizer.ggml.{name}_token_id", token)
    writer.add_add_bos_token(vocab.add_bos)
    writer.add_add_eos_token(vocab.add_eos)


def _write_tensors(writer: Any, wanted: Plan, weights: Weights, kind: str) -> None:
    for name, values in wanted.computed.items():
        writer.add_tensor(name, values)
    for tensor in wanted.tensors:
        _add(writer, tensor, weights.array(tensor.source), kind)


def _add(writer: Any, tensor: Wanted, values: Any, kind: str) -> None:
    import gguf  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    if tensor.change is not None:
        values = tensor.change(values)
    if values.ndim == 1 or kind == "f32":  # llama.cpp adds and scales by these in F32
        writer.add_tensor(tensor.name, np.ascontiguousarray(values, dtype=np.float32))
    elif kind == "f16":
        largest = float(np.abs(values).max(initial=0.0))
        if largest > _F16_MAX:
            raise GiljabiError(
                f"The tensor {tensor.source} reaches {largest:g}, more than F16 can hold; "
                "write it with --type bf16."
            )
        writer.add_tensor(tensor.name, values.astype(np.float16))
    else:
        bf16 = gguf.GGMLQuantizationType.BF16
        writer.add_tensor(tensor.name, gguf.quants.quantize(values, bf16), raw_dtype=bf16)


# ---- what was written, read again ----


def _check_written(
    path: Path, wanted: Plan, vocab: Vocabulary, spoken: Template, chat: str, kind: str
) -> dict[str, int]:
    """Counts of what was compared; GiljabiError, naming it, for what is not as it should be."""
    reader = gguf_file.read(path)
    _check_file_tensors(reader, wanted, kind)
    meta = tokens.gguf_metadata(path)
    if meta.get("tokenizer.chat_template") != chat:
        raise GiljabiError("The chat template was not embedded as it is in the source.")
    _check_special(meta, vocab, spoken)
    checked = {"tensors": len(reader.tensors), "conversations": len(CONVERSATIONS), "texts": 0}
    if vocab.source is not None:
        texts = [*rendered(spoken), *HARD_TEXTS, *probes(vocab)]
        check_same(vocab.source, tokens.tokenizer_of(path, meta), texts, "the GGUF file")
        checked["texts"] = len(texts)
    return checked


def _check_file_tensors(reader: Any, wanted: Plan, kind: str) -> None:
    expected = {t.name: (t.shape, TYPES[kind][0]) for t in wanted.tensors}
    expected |= {name: (values.shape, "F32") for name, values in wanted.computed.items()}
    found = {t.name: (tuple(t.shape[::-1].tolist()), t.tensor_type.name) for t in reader.tensors}
    for name, (shape, stored) in expected.items():
        stored_as = (shape, "F32" if len(shape) == 1 else stored)
        if found.get(name) != stored_as:
            raise GiljabiError(f"{name} was written as {found.get(name)}, not as {stored_as}.")
    if extra := found.keys() - expected.keys():
        raise GiljabiError(f"The file has a tensor {min(extra)} that nothing asked for.")


def _check_special(meta: Mapping[str, Any], vocab: Vocabulary, spoken: Template) -> None:
    for name, token in vocab.special.items():
        if meta.get(f"tokenizer.ggml.{name}_token_id") != token:
            raise GiljabiError(
                f"The {name} token of the file is {meta.get(f'tokenizer.ggml.{name}_token_id')}, "
                f"of the source {token} ({vocab.tokens[token]})."
            )
    text, kinds = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    for marker in spoken.stops:
        at = [i for i, token in enumerate(text) if token == marker]
        if len(at) != 1 or kinds[at[0]] != CONTROL:
            raise GiljabiError(f"The file has no single control token {marker}.")


# ---- handed over ----


def _handed_over(
    folder: Path, out: Path, settings: Settings, kind: str, checkout: Path, chosen: str | None
) -> Converted:
    """By llama.cpp's own converter; checked as far as `chosen` and its tokenizer allow."""
    spoken = template_of(chosen) if chosen else None
    with _unfinished(out) as path:
        run_converter(checkout, folder, path, kind)
        reader = gguf_file.read(path)
        meta = tokens.gguf_metadata(path)
        checked = {"tensors": len(reader.tensors), "conversations": 0, "texts": 0}
        if spoken is not None:
            source = load(folder)
            check_markers(source, spoken, str(folder / "tokenizer.json"))
            chat_template(folder, spoken, own=False)
            checked["conversations"] = len(CONVERSATIONS)
            try:
                rebuilt = tokens.tokenizer_of(path, meta)
            except GiljabiError:
                rebuilt = None  # a kind whose ids cannot be had without the runtime
            if rebuilt is not None:
                texts = [*rendered(spoken), *HARD_TEXTS]
                check_same(source, rebuilt, texts, f"{settings.family}'s GGUF file")
                checked["texts"] = len(texts)
    architecture = gguf_file.architecture(reader)
    rows = len(meta.get("tokenizer.ggml.tokens", ()))
    return Converted(out, architecture, kind, len(reader.tensors), rows, chosen or "", checked)
