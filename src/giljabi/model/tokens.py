"""How many tokens a text costs a model, from its tokenizer alone: no weights are loaded.

Reads the tokenizer.json of a Hugging Face folder, or rebuilds the tokenizer from the vocabulary
inside a GGUF file. Knows nothing of prompts; what a text is rendered to is counted as it stands.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model import store

_AT_ONCE = 500_000
_SCALARS = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True))
_STRING, _ARRAY = 8, 9
_NORMAL, _CONTROL, _USER = 1, 3, 4  # llama.cpp's llama_token_type; 6 are the bytes
_CONTRACTIONS = r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])"
_WORDS = (
    _CONTRACTIONS
    + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# llama.cpp, src/llama-vocab.cpp, the expressions of these two pre-tokenizers.
_SPLITS = {"llama-bpe": _WORDS % "{1,3}", "qwen2": _WORDS % ""}


@dataclass(frozen=True, slots=True)
class TokenCounter:
    """Calling it with texts gives the number of tokens of each, in order.

    Markers such as <end_of_turn> count as the one token they are; the beginning-of-sequence
    token, which a runtime puts before a prompt once, is not counted.
    """

    name: str
    """What was asked for: the short name of a base, or the path."""
    context: int | None
    """Longest conversation in tokens, from bases.toml, the file or its config; None: unknown."""
    _tokenizer: Any = field(repr=False)

    def __call__(self, texts: Sequence[str]) -> list[int]:
        """Tokens per text. Memory grows with the longest text, not with how many there are."""
        counts: list[int] = []
        for group in _groups(texts):
            encoded = self._tokenizer.encode_batch_fast(group, add_special_tokens=False)
            counts.extend(len(e) for e in encoded)
        return counts


def counter(base: str) -> TokenCounter:
    """The counter of a name in bases.toml, a .gguf file or a folder with a tokenizer.json.

    Of a base on the hub at most tokenizer.json is fetched, never weights. Raises GiljabiError
    where the tokenizer is not on this machine and cannot be fetched, or cannot be read.
    """
    _need_tokenizers()
    if base not in store.bases():
        path = Path(base).expanduser()
        if not path.exists() and "/" not in base and not path.suffix:
            store.base(base)  # neither a file nor a name: raises with the known names
        return _of_path(base, path)
    known = store.base(base)
    found = _of_path(base, store.join(known) if known.parts else _hub_tokenizer(known))
    return TokenCounter(base, known.context, found._tokenizer)


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        if group and size + len(text) > _AT_ONCE:
            yield group
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield group


def _need_tokenizers() -> None:
    try:
        import tokenizers  # noqa: F401, PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Counting tokens needs the tokenizers package: pip install 'giljabi[data]'"
        ) from error


def _of_path(name: str, path: Path) -> TokenCounter:
    if path.is_file() and path.suffix == ".gguf":
        meta = gguf_metadata(store.local(path).path)
        architecture = meta.get("general.architecture", "")
        context = meta.get(f"{architecture}.context_length")
        return TokenCounter(name, context, tokenizer_of(path, meta))
    file = path if path.name == "tokenizer.json" else path / "tokenizer.json"
    if not file.is_file():
        raise GiljabiError(
            f"There is no tokenizer at {path}: it is neither a .gguf file nor a folder "
            "with a tokenizer.json."
        )
    return TokenCounter(name, _configured_context(file.parent), from_json(file))


# ---- tokenizer.json ----


def from_json(path: Path) -> Any:
    """The `tokenizers.Tokenizer` of a tokenizer.json; GiljabiError where it is none."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    try:
        tokenizer = Tokenizer.from_str(path.read_text("utf-8"))
    except Exception as error:
        # The Rust side raises nothing narrower.
        raise GiljabiError(f"{path} is not a tokenizer file: {error}.") from error
    # Some are saved with the limits of their training run, which would cap every count.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _configured_context(folder: Path) -> int | None:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(config, dict):
        return None
    inner = config.get("text_config")  # where models that also see keep their language half
    found = (inner if isinstance(inner, dict) else config).get("max_position_embeddings")
    return found if isinstance(found, int) else None


def _hub_tokenizer(of: store.Base) -> Path:
    """tokenizer.json of a hub base or its GGUF file from the cache; else fetched."""
    hub = store.cache_dir() / "hub"
    snapshots = hub / f"models--{of.hub.replace('/', '--')}" / "snapshots"
    for found in sorted(snapshots.glob("*/tokenizer.json")):
        return found
    try:
        gguf = Path((hub / f"{of.name}.gguf.path").read_text("utf-8"))
    except OSError:
        return _fetch_tokenizer(of)
    return gguf if gguf.is_file() else _fetch_tokenizer(of)


def _fetch_tokenizer(of: store.Base) -> Path:
    try:
        from huggingface_hub import hf_hub_download  # noqa: PLC0415
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            f"The tokenizer of {of.name} is not on this machine; fetching it needs the hub "
            "client: pip install 'giljabi[hub]'"
        ) from error
    store.show_licence(of)
    try:
        return Path(
            hf_hub_download(
                of.hub,
                "tokenizer.json",
                endpoint=os.environ.get("HF_ENDPOINT") or None,
                cache_dir=store.cache_dir() / "hub",
            )
        )
    except (HfHubHTTPError, OSError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise GiljabiError(
            f"The tokenizer of {of.name} is not on this machine and cannot be fetched "
            f"from {of.hub}: {reason} (licence: {of.licence_url})"
        ) from error


# ---- GGUF ----


def gguf_metadata(path: Path) -> Mapping[str, Any]:
    """Every key of a GGUF file's head; arrays of numbers are tuples, of strings lists.

    The format: github.com/ggml-org/ggml, docs/gguf.md. Raises GiljabiError on a damaged head.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return dict(Head(data).entries())
    except (struct.error, ValueError, KeyError) as error:
        raise GiljabiError(f"{path} is not a GGUF file, or was cut short.") from error


class Head:
    """A cursor over the key-value pairs that open a GGUF file."""

    def __init__(self, data: mmap.mmap) -> None:
        self.data = data
        self.at = 4

    def entries(self) -> Iterator[tuple[str, Any]]:
        """Every key with its value; ends where the tensors begin."""
        if self.data[:4] != b"GGUF":
            raise ValueError("magic")
        _version, _tensors, pairs = self.take("<IQQ")
        for _ in range(pairs):
            key = self.string()
            (kind,) = self.take("<I")
            yield key, self.value(kind)

    def take(self, form: str) -> tuple[Any, ...]:
        """Numbers at the cursor, by a `struct` format."""
        values = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return values

    def string(self) -> str:
        """The string at the cursor."""
        (size,) = self.take("<Q")
        end = self.at + size
        if end > len(self.data):
            raise ValueError("cut short")
        raw, self.at = self.data[self.at : end], end
        return raw.decode("utf-8", "surrogateescape")  # some vocabularies hold half characters

    def value(self, kind: int) -> Any:
        """The value of a GGUF type at the cursor."""
        if kind == _STRING:
            return self.string()
        if kind != _ARRAY:
            return self.take("<" + _SCALARS[kind])[0]
        inner, size = self.take("<IQ")
        if self.at + size > len(self.data):
            raise ValueError("cut short")
        if inner in _SCALARS:
            return self.take(f"<{size}{_SCALARS[inner]}")
        return [self.value(inner) for _ in range(size)]


def tokenizer_of(path: Path, meta: Mapping[str, Any]) -> Any:
    """The `tokenizers.Tokenizer` of a GGUF file's metadata; GiljabiError where it cannot be rebuilt."""
    kind = meta.get("tokenizer.ggml.model")
    pre = meta.get("tokenizer.ggml.pre", "default")
    try:
        # llama.cpp adds the space before a text unless the file says otherwise.
        if kind == "llama" and not meta.get("tokenizer.ggml.add_space_prefix", True):
            tokenizer = _sentencepiece(meta)
        elif kind == "gpt2" and pre in _SPLITS:
            tokenizer = _byte_level(meta, _SPLITS[pre])
        else:
            raise GiljabiError(
                f"{path}: its tokenizer ({kind}, {pre}) cannot be rebuilt exactly; "
                "give the model's folder with its tokenizer.json instead."
            )
    except (KeyError, IndexError, ValueError) as error:
        raise GiljabiError(f"{path}: its vocabulary is incomplete ({error}).") from error
    _add_marked(tokenizer, meta)
    return tokenizer


def _sentencepiece(meta: Mapping[str, Any]) -> Any:
    """llama.cpp's merging by score, as BPE: the pairs that give a token rank by its score."""
    from tokenizers import Tokenizer, decoders, models, normalizers  # noqa: PLC0415

    tokens: list[str] = meta["tokenizer.ggml.tokens"]
    scores: Sequence[float] = meta["tokenizer.ggml.scores"]
    kinds: Sequence[int] = meta["tokenizer.ggml.token_type"]
    ids = {t: i for i, t in enumerate(tokens)}
    known = {t for t, kind in zip(tokens, kinds, strict=True) if kind == _NORMAL}
    ranked = sorted(
        (-scores[ids[t]], ids[t], ids[t[:cut]], t[:cut], t[cut:])
        for t in known
        for cut in range(1, len(t))
        if t[:cut] in known and t[cut:] in known
    )
    tokenizer = Tokenizer(
        models.BPE(
            vocab=ids,
            merges=[(left, right) for *_, left, right in ranked],
            cache_capacity=0,  # its entries would be whole texts
            unk_token=tokens[meta.get("tokenizer.ggml.unknown_token_id", 0)],
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    return tokenizer


def _byte_level(meta: Mapping[str, Any], split: str) -> Any:
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415

    merges = [tuple(m.split(" ", 1)) for m in meta["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={t: i for i, t in enumerate(meta["tokenizer.ggml.tokens"])},
            merges=merges,
            # Llama 3 looks a whole word up before it merges; so does llama.cpp for it.
            ignore_merges=meta.get("tokenizer.ggml.pre") == "llama-bpe",
        )
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(split), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _add_marked(tokenizer: Any, meta: Mapping[str, Any]) -> None:
    """The tokens found in a text before any merging: turn markers, runs of white space."""
    from tokenizers import AddedToken  # noqa: PLC0415

    pairs = list(zip(meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"], strict=True))
    tokenizer.add_tokens(
        [AddedToken(t, special=False, normalized=False) for t, kind in pairs if kind == _USER]
    )
    tokenizer.add_special_tokens(
        [AddedToken(t, special=True, normalized=False) for t, kind in pairs if kind == _CONTROL]
    )
