"""A folder's tokenizer.json as the vocabulary a GGUF file carries, and whether the two agree.

Two kinds are known: SentencePiece-like with byte fallback (Gemma) and byte-level (Llama 3, Qwen).
The types and padding are llama.cpp's own (convert_hf_to_gguf.py). Knows nothing of weights.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export.convert_settings import read_object
from giljabi.model.prompt import Template
from giljabi.model.tokens import from_json

NORMAL, CONTROL, USER, UNUSED, BYTE = 1, 3, 4, 5, 6
"""llama.cpp's llama_token_type."""

# The split expressions of the tokenizers llama.cpp knows by name, as tokenizer.json spells them.
_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PRE = {_SPLIT % "{1,3}": "llama-bpe", _SPLIT % "": "qwen2"}
_BYTE = re.compile(r"<0x[0-9A-F]{2}>")
_RESERVED = re.compile(r"<unused\d+>")
# Gemma's tokenizer files name one token that only the models that also see have a row for.
_SEEING = frozenset({"<image_soft_token>"})
_SAMPLE = 4000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What tokenizer.ggml.* says, one entry of `tokens` and `types` for each row."""

    model: str
    """gpt2 (byte-level) or llama (SentencePiece-like), as llama.cpp names them."""
    pre: str
    tokens: tuple[str, ...]
    types: tuple[int, ...]
    scores: tuple[float, ...]
    """For llama: higher merges earlier. Empty for gpt2."""
    merges: tuple[str, ...]
    """For gpt2: pairs in the order they apply. Empty for llama."""
    special: Mapping[str, int]
    """bos, eos, eot, unknown, padding → id; what the source has none of is absent."""
    add_bos: bool
    add_eos: bool
    source: Any = field(repr=False)
    """The `tokenizers.Tokenizer` of the folder, to compare with."""


def load(folder: Path) -> Any:
    """The tokenizer of a folder, without limits; GiljabiError where there is none."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise GiljabiError(
            f"{folder} has no tokenizer.json; save the fast tokenizer beside the weights, "
            "or give a GGUF file of the same model with --like FILE."
        )
    try:
        return from_json(path)
    except ImportError as error:
        raise GiljabiError(
            "Converting a tokenizer needs tokenizers: pip install 'giljabi[export]'"
        ) from error


def vocabulary(folder: Path, rows: int, template: Template) -> Vocabulary:
    """The vocabulary of `folder` for an embedding of `rows` rows.

    Raises GiljabiError, naming the token, merge or marker, where a token has no row, padding was
    appended after training, a merge was dropped, or a turn marker is not one control token.
    """
    tokenizer = load(folder)
    spec = read_object(folder / "tokenizer.json", needed=True)
    where = str(folder / "tokenizer.json")
    if spec["model"].get("type") != "BPE":
        raise GiljabiError(
            f"{where} is a {spec['model'].get('type')} tokenizer; only BPE is converted, "
            "others with --llama-cpp DIR."
        )
    named = _special_names(folder)
    ids = tokenizer.get_vocab(with_added_tokens=True)
    _check_rows(ids, rows, named, spec, where)
    check_markers(tokenizer, template, where)
    added = {entry["id"]: entry for entry in spec.get("added_tokens", [])}
    pairs = [_pair(merge) for merge in spec["model"]["merges"]]
    scored = bool(spec["model"].get("byte_fallback"))
    pre = "default" if scored else _pre_tokenizer(spec, where)
    if scored:
        _check_normalizer(spec, where)
    tokens, types = _tokens(ids, rows, added, scored=scored)
    _check_merges(tokens, types, pairs, where, scored=scored)
    add_bos, add_eos = _surroundings(tokenizer)
    return Vocabulary(
        model="llama" if scored else "gpt2",
        pre=pre,
        tokens=tuple(tokens),
        types=tuple(types),
        scores=tuple(_scores(tokens, types, pairs)) if scored else (),
        merges=() if scored else tuple(" ".join(pair) for pair in pairs),
        special=_special_ids(folder, named, ids, rows, template),
        add_bos=add_bos,
        add_eos=add_eos,
        source=tokenizer,
    )


def check_markers(tokenizer: Any, template: Template, where: str) -> None:
    """GiljabiError unless each turn marker of `template` is one control token."""
    special = {
        token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special
    }
    for marker in template.stops:
        pieces = tokenizer.encode(marker, add_special_tokens=False).tokens
        if len(pieces) != 1:
            raise GiljabiError(
                f"{where} has no token {marker}: it is spelt with {len(pieces)} tokens, so an "
                f"answer in the {template.name!r} template would never end."
            )
        if marker not in special:
            raise GiljabiError(
                f"{where} has {marker} as plain text, not as a control token (special: true), "
                "so the runtime would print it instead of ending the answer."
            )


def _pair(merge: str | Sequence[str]) -> tuple[str, str]:
    left, right = merge.split(" ", 1) if isinstance(merge, str) else merge
    return left, right


def _special_names(folder: Path) -> dict[str, str]:
    """bos, eos, unknown, padding → the token's text, from tokenizer_config.json."""
    config = {
        **read_object(folder / "special_tokens_map.json"),
        **read_object(folder / "tokenizer_config.json"),
    }
    keys = {"bos": "bos_token", "eos": "eos_token", "unknown": "unk_token", "padding": "pad_token"}
    found = {}
    for name, key in keys.items():
        value = config.get(key)
        text = value.get("content") if isinstance(value, dict) else value
        if isinstance(text, str):
            found[name] = text
    return found


def _check_rows(
    ids: Mapping[str, int], rows: int, named: Mapping[str, str], spec: Any, where: str
) -> None:
    beyond = [t for t, i in ids.items() if i >= rows and t not in _SEEING]
    if beyond:
        token = min(beyond, key=lambda t: ids[t])
        raise GiljabiError(
            f"{where} gives the token {token} the id {ids[token]}, but the embedding has {rows} "
            "rows: it was added to the tokenizer and the model never learnt it; remove it."
        )
    padding = named.get("padding")
    last = max(ids, key=lambda t: ids[t])
    if padding == last and padding not in spec["model"]["vocab"] and padding != named.get("eos"):
        raise GiljabiError(
            f"{where} ends in the padding token {padding} (id {ids[padding]}), appended to the "
            "vocabulary for training, and the embedding was resized for it; pad with a token "
            "the base model has, and leave its embedding as it was."
        )


def _pre_tokenizer(spec: Any, where: str) -> str:
    stage = spec.get("pre_tokenizer") or {}
    for step in stage.get("pretokenizers", [stage]):
        expression = (step.get("pattern") or {}).get("Regex")
        if expression in _PRE:
            return _PRE[expression]
    raise GiljabiError(
        f"{where} splits words in a way that is neither Llama 3's nor Qwen's; "
        "convert it with --llama-cpp DIR."
    )


def _check_normalizer(spec: Any, where: str) -> None:
    found = spec.get("normalizer") or {}
    if found != {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}:
        raise GiljabiError(
            f"{where} prepares its text otherwise than Gemma's, which only turns spaces into ▁; "
            "convert it with --llama-cpp DIR."
        )


def _tokens(
    ids: Mapping[str, int], rows: int, added: Mapping[int, Any], *, scored: bool
) -> tuple[list[str], list[int]]:
    """Text and type of every row; a row without a token is an unused one, as llama.cpp pads."""
    by_id = {i: t for t, i in ids.items() if i < rows}
    tokens, types = [], []
    for i in range(rows):
        token = by_id.get(i)
        if token is None:
            token, kind = f"[PAD{i}]", UNUSED
        elif i in added:
            control = added[i]["special"] or (scored and _RESERVED.fullmatch(token))
            kind = CONTROL if control else USER
            if scored and not control:
                token = token.replace("▁", " ")  # matched in the text, before spaces become ▁
        else:
            kind = BYTE if scored and _BYTE.fullmatch(token) else NORMAL
        tokens.append(token)
        types.append(kind)
    return tokens, types


def splits(tokens: Sequence[str], types: Sequence[int]) -> Iterator[tuple[str, str]]:
    """Every way a normal token is made of two: what llama.cpp's scored tokenizer may merge."""
    known = {t for t, kind in zip(tokens, types, strict=True) if kind == NORMAL}
    for token in tokens:
        if token in known:
            for cut in range(1, len(token)):
                if token[:cut] in known and token[cut:] in known:
                    yield token[:cut], token[cut:]


def _check_merges(
    tokens: Sequence[str], types: Sequence[int], pairs: Sequence[tuple[str, str]], where: str,
    *, scored: bool,
) -> None:  # fmt: skip
    if scored:
        present = set(pairs)
        for pair in splits(tokens, types):
            if pair not in present:
                raise GiljabiError(
                    f"{where} lacks the merge {pair[0]!r} + {pair[1]!r}, which its own vocabulary "
                    "implies: a merge was dropped, and the runtime would split text differently."
                )
        return
    made = {left + right for left, right in pairs}
    known = set(tokens)
    for left, right in pairs:
        if left not in known or right not in known or left + right not in known:
            raise GiljabiError(
                f"{where} merges {left!r} + {right!r}, but they or the result are not tokens."
            )
    for token, kind in zip(tokens, types, strict=True):
        if kind == NORMAL and len(token) > 1 and token not in made:
            raise GiljabiError(
                f"{where} has the token {token!r} but no merge that makes it: a merge was dropped."
            )


def _scores(
    tokens: Sequence[str], types: Sequence[int], pairs: Sequence[tuple[str, str]]
) -> Iterator[float]:
    """Minus the rank of the first merge that makes a token; -1000 for what is never merged."""
    rank: dict[str, int] = {}
    for left, right in pairs:
        rank.setdefault(left + right, len(rank))
    for token, kind in zip(tokens, types, strict=True):
        if kind == NORMAL:
            yield -float(rank.get(token, len(rank)))
        else:
            yield 0.0 if kind == BYTE else -1000.0


def _surroundings(tokenizer: Any) -> tuple[bool, bool]:
    """Whether the tokenizer itself puts a token before and after a text."""
    mask = tokenizer.encode("a").special_tokens_mask
    return bool(mask and mask[0]), bool(mask and mask[-1])


def _special_ids(
    folder: Path, named: Mapping[str, str], ids: Mapping[str, int], rows: int, template: Template
) -> dict[str, int]:
    found = {name: ids[text] for name, text in named.items() if text in ids}
    config = read_object(folder / "config.json")
    keys = {"bos": "bos_token_id", "eos": "eos_token_id", "padding": "pad_token_id"}
    for name, key in keys.items():
        value = config.get(key)
        first = value[0] if isinstance(value, list) and value else value
        if name not in found and isinstance(first, int) and 0 <= first < rows:
            found[name] = first
    if "eos" not in found:
        raise GiljabiError(
            f"{folder} names no end-of-sequence token; set eos_token in tokenizer_config.json."
        )
    found["eot"] = ids[template.end.strip()]
    return found


# ---- does the file agree with the folder ----


def probes(vocabulary: Vocabulary) -> Iterator[str]:
    """Texts made of the vocabulary itself: tokens spelt alone, then next to their neighbours.

    At most some thousand, evenly spread; together with real text they find what a dropped or
    reordered merge changes.
    """
    spelt = [
        text
        for i, kind in enumerate(vocabulary.types)
        if kind == NORMAL and "\ufffd" not in (text := vocabulary.source.decode([i])) and text
    ]
    chosen = spelt[:: max(1, len(spelt) // _SAMPLE)]
    yield from chosen
    for left, right in pairwise(chosen):
        yield left + right


def check_same(source: Any, rebuilt: Any, texts: Sequence[str], what: str) -> None:
    """GiljabiError, showing the first difference, unless both give the same ids for each text."""
    ours = source.encode_batch(list(texts), add_special_tokens=False)
    theirs = rebuilt.encode_batch(list(texts), add_special_tokens=False)
    for text, one, two in zip(texts, ours, theirs, strict=True):
        if one.ids == two.ids:
            continue
        at = next(
            (i for i, (a, b) in enumerate(zip(one.ids, two.ids, strict=False)) if a != b),
            min(len(one.ids), len(two.ids)),
        )
        raise GiljabiError(
            f"The tokenizer in {what} splits {text[:60]!r} differently from the source: "
            f"{one.tokens[at : at + 4]} became {two.tokens[at : at + 4]} at token {at}."
        )
