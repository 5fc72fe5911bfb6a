"""A GGUF model without the vocabulary its venue never uses: the same weights, fewer rows.

For Gemma 3 270M two thirds of all weights are its 262,144 token embeddings, most of them for
languages a Korean and English guide does not speak. Kept rows are sliced as they are stored, so
nothing is quantised again. Knows nothing of how the file is run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, vocab_check
from giljabi.export.modelfile import record
from giljabi.export.piece_merges import Merges, by_score, byte_pairs, kept_merges
from giljabi.model import store
from giljabi.model.tokens import gguf_metadata, tokenizer_of

ENGLISH = 46_000
"""How many English tokens are kept, the most frequent first (lower ids merged earlier)."""

RULES = "1"
"""Changes with what `keep` keeps, so that a cache of files made by other rules is not used."""

_NORMAL = 1  # llama.cpp's llama_token_type
_RESERVED = re.compile(r"<unused\d+>|<\|reserved_special_token_\d+\|>|<reserved\d+>")
_ENGLISH = re.compile(r"[ -~]+")
_KOREAN = re.compile(r" ?[가-힣ㄱ-ㅎㅏ-ㅣ\u1100-\u11ff]+")
# Latin-1, punctuation, arrows, mathematics, enclosed letters, box drawing and symbols, CJK
# punctuation, full-width forms, the won and the euro: what Korean text is set with.
_SIGNS = re.compile(
    r" ?[\u00a0-\u00ff\u2010-\u2030\u20a9\u20ac\u2190-\u22ff\u2460-\u24ff\u2500-\u27bf"
    r"\u3000-\u303f\u3200-\u33ff\uff00-\uffef]+"
)
_ARRAYS = ("tokenizer.ggml.tokens", "tokenizer.ggml.scores", "tokenizer.ggml.token_type")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a GGUF file, in id order."""

    tokens: Sequence[str]
    """As stored: with ▁ for a space, or with every byte as a printable letter (byte-level BPE)."""
    kinds: Sequence[int]
    """llama.cpp's token types: 1 normal, 2 unknown, 3 control, 4 user-defined, 6 byte."""
    merges: Merges
    """How pieces become tokens."""
    plain: Callable[[str], str | None]
    """A stored token as text, its space a space; None where it is no whole characters."""


def vocabulary(meta: Mapping[str, Any], where: Path) -> Vocabulary:
    """The vocabulary of a file's metadata; GiljabiError for a tokenizer that is neither kind."""
    tokens, kinds = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    kind = meta.get("tokenizer.ggml.model")
    if kind == "llama":
        merges = by_score(tokens, meta["tokenizer.ggml.scores"], kinds)
        return Vocabulary(tokens, kinds, merges, lambda token: token.replace("▁", " "))
    if kind == "gpt2":
        return Vocabulary(tokens, kinds, byte_pairs(meta["tokenizer.ggml.merges"]), _from_bytes())
    raise GiljabiError(f"{where}: a vocabulary of kind {kind!r} cannot be trimmed.")


def _from_bytes() -> Callable[[str], str | None]:
    # GPT-2's byte alphabet (openai/gpt-2, encoder.py bytes_to_unicode): printable bytes stand for
    # themselves, the others for 256, 257, …
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [b for b in range(256) if b not in shown]
    byte = {chr(b): b for b in shown} | {chr(256 + n): b for n, b in enumerate(hidden)}

    def plain(token: str) -> str | None:
        try:
            return bytes(byte[c] for c in token).decode("utf-8")
        except (KeyError, UnicodeDecodeError):
            return None

    return plain


def keep(of: Vocabulary, used: Iterable[int] = (), english: int = ENGLISH) -> list[int]:
    """The ids that stay, ascending: what a Korean and English guide can say, and `used`.

    Control tokens, bytes, everything before the first ordinary token, Hangul, punctuation and
    the `english` first ASCII tokens; closed over each token's merge derivation, so that a kept
    token is still reached from its characters.
    """
    ordinary = [i for i, kind in enumerate(of.kinds) if kind == _NORMAL]
    kept = set(range(ordinary[0])) | set(used)
    kept.update(
        i
        for i, kind in enumerate(of.kinds)
        if kind != _NORMAL and not _RESERVED.fullmatch(of.tokens[i])
    )
    left = english
    for i in ordinary:
        text = of.plain(of.tokens[i])
        if len(of.tokens[i]) == 1 and text is None:
            kept.add(i)  # a single byte of the byte alphabet
        elif text and _ENGLISH.fullmatch(text):
            left -= 1
            if left >= 0 or len(text) == 1:
                kept.add(i)
        elif text and (_KOREAN.fullmatch(text) or _SIGNS.fullmatch(text)):
            kept.add(i)
    ids = {token: i for i, token in enumerate(of.tokens)}
    for i in sorted(kept):
        if of.kinds[i] == _NORMAL:
            kept.update(ids[part] for part in of.merges.parts(of.tokens[i]) if part in ids)
    return sorted(kept)


def used_by(texts: Iterable[str], meta: Mapping[str, Any], where: Path) -> set[int]:
    """The token ids of `texts` in the vocabulary of this file."""
    encoded = tokenizer_of(where, meta).encode_batch_fast(list(texts), add_special_tokens=False)
    return {i for one in encoded for i in one.ids}


def trim(source: Path, target: Path, ids: Sequence[int]) -> dict[str, Any]:
    """Write `source` with only the tokens `ids` (ascending) as `target`; gives its record.

    Rows of every tensor that has one per token are sliced as stored; tokens, scores, types,
    merges and the ids that name a token follow. Equal inputs give equal bytes. Raises
    GiljabiError where the file names a token that is not kept, or has none per token.
    """
    import numpy as np  # noqa: PLC0415

    reader = gguf_file.read(source)
    tokens: list[str] = gguf_file.value(reader, _ARRAYS[0])
    rows = np.asarray(ids)
    sliced = []
    with gguf_file.writing(target, gguf_file.architecture(reader)) as writer:
        changed = _metadata(reader, ids, source)
        gguf_file.copy_metadata(reader, writer, changed)
        for tensor in reader.tensors:
            data = tensor.data
            if int(tensor.shape[-1]) == len(tokens) and len(tensor.shape) == 2:
                data = data[rows]
                sliced.append(tensor.name)
            gguf_file.add_tensor(writer, tensor.name, data, tensor.tensor_type)
        if not sliced:
            raise GiljabiError(f"{source} has no tensor with a row for each of its tokens.")
    try:
        vocab_check.check(reader, target, ids)
    except GiljabiError:
        target.unlink()
        raise
    return record(
        target, "trim", {"base": source}, {"tokens": len(ids), "of": len(tokens), "sliced": sliced}
    )


def _metadata(reader: Any, ids: Sequence[int], source: Path) -> dict[str, Any]:
    """The metadata values that change with the ids of the tokens."""
    new = {old: n for n, old in enumerate(ids)}
    changed: dict[str, Any] = {}
    for key, field in reader.fields.items():
        if key in _ARRAYS:
            content = field.contents()
            changed[key] = [content[i] for i in ids]
        elif key.startswith("tokenizer.ggml.") and key.endswith(("_token_id", "_token_ids")):
            old = field.contents()
            try:
                changed[key] = [new[i] for i in old] if isinstance(old, list) else new[old]
            except KeyError as error:
                raise GiljabiError(
                    f"{source}: {key} names token {error.args[0]}, which would be dropped; keep it."
                ) from None
        elif key.endswith(".vocab_size"):
            changed[key] = len(ids)
    if merges := gguf_file.value(reader, "tokenizer.ggml.merges"):
        changed["tokenizer.ggml.merges"] = kept_merges(merges, set(changed[_ARRAYS[0]]))
    return changed


def metadata(source: Path) -> Mapping[str, Any]:
    """The head of a GGUF file, read quickly; GiljabiError where it is none."""
    return gguf_metadata(store.local(source).path)
