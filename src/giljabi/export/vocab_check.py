"""Is a trimmed file the slice it should be, and does it still cut text as its source does?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file
from giljabi.export.piece_merges import kept_merges
from giljabi.model.tokens import gguf_metadata, tokenizer_of

_TOKENS = "tokenizer.ggml.tokens"
_MERGES = "tokenizer.ggml.merges"


def check(before: Any, made: Path, ids: Sequence[int]) -> None:
    """Raise GiljabiError, naming what is wrong, unless `made` is its source with the tokens `ids`.

    `before` is a `gguf.GGUFReader` over the source.

    Exact: every tensor's bytes, every token, every id that names one, the merges between them.
    """
    after = gguf_file.read(made)
    _check_tokens(before, after, ids, made)
    _check_tensors(before, after, ids, made)


def _check_tokens(before: Any, after: Any, ids: Sequence[int], made: Path) -> None:
    old, new = gguf_file.value(before, _TOKENS), gguf_file.value(after, _TOKENS)
    if len(new) != len(ids):
        raise GiljabiError(f"{made} has {len(new):,} tokens, not the {len(ids):,} that were kept.")
    for at, i in enumerate(ids):
        if new[at] != old[i]:
            raise GiljabiError(f"{made}: token {at} is {new[at]!r}, not {old[i]!r}.")
    for key in before.fields:
        if not key.startswith("tokenizer.ggml.") or not key.endswith("_token_id"):
            continue
        was, now = gguf_file.value(before, key), gguf_file.value(after, key)
        if now is None or not 0 <= now < len(new) or new[now] != old[was]:
            raise GiljabiError(f"{made}: {key} no longer names {old[was]!r}.")
    expected = kept_merges(gguf_file.value(before, _MERGES, []), set(new))
    merges = gguf_file.value(after, _MERGES, [])
    if gone := set(expected).symmetric_difference(merges):
        raise GiljabiError(f"{made}: the merge {sorted(gone)[0]!r} was dropped or added.")


def _check_tensors(before: Any, after: Any, ids: Sequence[int], made: Path) -> None:
    import numpy as np  # noqa: PLC0415

    rows, count = np.asarray(ids), len(gguf_file.value(before, _TOKENS))
    made_tensors = {t.name: t for t in after.tensors}
    for tensor in before.tensors:
        new = made_tensors.pop(tensor.name, None)
        if new is None:
            raise GiljabiError(f"{made}: the tensor {tensor.name} is missing.")
        per_token = len(tensor.shape) == 2 and int(tensor.shape[-1]) == count
        data = tensor.data[rows] if per_token else tensor.data
        if new.tensor_type != tensor.tensor_type or not np.array_equal(new.data, data):
            raise GiljabiError(f"{made}: the tensor {tensor.name} is not its source's.")
    if made_tensors:
        raise GiljabiError(f"{made}: the tensor {min(made_tensors)} is not in its source.")


@dataclass(frozen=True, slots=True)
class Segmentation:
    """How a trimmed vocabulary cuts texts, beside the whole one."""

    texts: int
    same: int
    """Texts cut into the very same tokens."""
    returned: int
    """Texts that come back from their tokens unchanged wherever they do so with all tokens."""
    longer: float
    """Tokens more, as a share of all."""

    def to_json(self) -> dict[str, Any]:
        """Plain figures."""
        return asdict(self)


def segmentation(source: Path, made: Path, texts: Iterable[str]) -> Segmentation:
    """Cut `texts` with both vocabularies."""
    whole = tokenizer_of(source, gguf_metadata(source))
    trimmed = tokenizer_of(made, gguf_metadata(made))
    every = list(texts)
    count = same = returned = before = after = 0
    for at in range(0, len(every), 2_000):
        some = every[at : at + 2_000]
        first = whole.encode_batch_fast(some, add_special_tokens=False)
        second = trimmed.encode_batch_fast(some, add_special_tokens=False)
        for a, b in zip(first, second, strict=True):
            count += 1
            before, after = before + len(a.ids), after + len(b.ids)
            same += a.tokens == b.tokens
            returned += whole.decode(a.ids, False) == trimmed.decode(b.ids, False)
    return Segmentation(count, same, returned, after / before - 1 if before else 0.0)
