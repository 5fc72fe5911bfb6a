"""What is tuned: weights by name, their tokenizer as it is, the prompt template, a hash.

A GGUF base is de-quantised, so that the adapter is trained on exactly the weights that serve it.
Nothing is ever added to a vocabulary, and no embedding resized.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, modelfile, vocab
from giljabi.model import prompt, store, tokens, torch_weights
from giljabi.tune.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Ids:
    """Token ids that training needs; every one of them is in the vocabulary already."""

    bos: int | None
    """What every text begins with; None where there is none."""
    pad: int
    """Fills the shorter rows of a batch; never read, never learnt."""
    end: int
    """Closes every answer."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base on disk."""

    path: Path
    """The folder or file the adapter belongs to, by whose hash it is recorded."""
    weights: Path
    """What is loaded: `path`, or the same with a smaller vocabulary."""
    template: prompt.Template
    known: store.Base | None
    tokenizer: Any
    """A `tokenizers.Tokenizer`."""
    ids: Ids


def find(recipe: Recipe) -> tuple[Path, store.Base | None]:
    """The base's weights on this machine, fetched where it is a hub id; and what is known of it.

    A known base that is packaged gives its GGUF file, the one that serves.
    """
    name = recipe.base.model
    if name in store.bases():
        known = store.base(name)
        store.show_licence(known)
        return (store.join(known) if known.parts else store.fetch(known, quantised=False)), known
    path = Path(name).expanduser()
    if not path.exists() and name.count("/") == 1 and path.suffix != ".gguf":
        unlisted = store.Base(
            name=name.replace("/", "--"), hub=name, licence="see the model's page",
            licence_url=f"https://huggingface.co/{name}", template=recipe.base.template, context=0,
        )  # fmt: skip
        return store.fetch(unlisted, quantised=False), None
    return store.local(path).path, None


def prepare(
    recipe: Recipe, work: Path, texts: Callable[[], Iterable[str]], say: Callable[[str], None]
) -> Base:
    """The base of a recipe, its vocabulary trimmed to `texts` in the folder `work` if so asked.

    Raises GiljabiError where there is none, no template is known, or it lacks a token that
    training needs.
    """
    path, known = find(recipe)
    name = recipe.base.template or (known.template if known else "")
    if not name:
        names = ", ".join(sorted(prompt.TEMPLATES))
        raise GiljabiError(f"Say in base.template how {recipe.base.model} is spoken to: {names}.")
    weights = path
    if recipe.base.trim:
        if path.is_dir():
            raise GiljabiError(f"base.trim works on GGUF bases only; {path} is a folder.")
        weights = _trimmed(path, work, texts, say)
    template = prompt.template(name)
    tokenizer = torch_weights.tokenizer(weights)
    return Base(path, weights, template, known, tokenizer, _ids(weights, tokenizer, template))


def _trimmed(
    path: Path, work: Path, texts: Callable[[], Iterable[str]], say: Callable[[str], None]
) -> Path:
    target = work / "base.gguf"
    if modelfile.record_path(target).is_file() and target.is_file():
        source = modelfile.recorded(target)["sources"]["base"]["sha256"]
        if source == modelfile.weights_hash(path):
            return target
    say("leaving out the vocabulary the data does not use …")
    meta = vocab.metadata(path)
    used = vocab.used_by(texts(), meta, path)
    work.mkdir(parents=True, exist_ok=True)
    vocab.trim(path, target, vocab.keep(vocab.vocabulary(meta, path), used))
    return target


def _ids(weights: Path, tokenizer: Any, template: prompt.Template) -> Ids:
    end = tokenizer.encode(template.stops[0], add_special_tokens=False).ids
    if len(end) != 1:
        raise GiljabiError(
            f"The end of a turn, {template.stops[0]!r} in the template {template.name}, is not one "
            f"token of {weights}; is that the base's own template?"
        )
    bos, pad, eos = _named(weights, tokenizer)
    pad = next((i for i in (pad, eos) if i is not None and i != end[0]), None)
    if pad is None:
        raise GiljabiError(f"{weights} names neither a pad nor an end-of-text token to fill with.")
    return Ids(bos, pad, end[0])


def _named(weights: Path, tokenizer: Any) -> tuple[int | None, int | None, int | None]:
    """The ids of BOS (where a text gets one), pad and EOS that the weights themselves name."""
    if weights.is_file():
        meta = tokens.gguf_metadata(weights)
        adds = meta.get("tokenizer.ggml.add_bos_token", True)
        key = "tokenizer.ggml.{}_token_id"
        bos, pad, eos = (meta.get(key.format(n)) for n in ("bos", "padding", "eos"))
        return (bos if adds else None), pad, eos
    from transformers import AutoTokenizer  # noqa: PLC0415

    found = AutoTokenizer.from_pretrained(weights, trust_remote_code=False, local_files_only=True)
    with_bos = found("a")["input_ids"][:1] == [found.bos_token_id]
    size = tokenizer.get_vocab_size()
    pad = found.pad_token_id if (found.pad_token_id or 0) < size else None
    return (found.bos_token_id if with_bos else None), pad, found.eos_token_id


def load(base: Base, recipe: Recipe) -> Any:
    """The model in torch: NF4 for QLoRA, else float32 of a GGUF file or the folder's own kind.

    The kind matters little on a processor, where training multiplies in the recipe's precision.
    """
    import torch  # noqa: PLC0415

    if recipe.method == "qlora":
        if base.weights.is_file():
            raise GiljabiError(
                "QLoRA quantises 16-bit weights to NF4; a GGUF base is quantised already: "
                'use method = "lora" on it.'
            )
        return torch_weights.load(base.weights, quantization_config=_nf4())
    if base.weights.is_file() or recipe.method == "full" or not torch.cuda.is_available():
        return torch_weights.load(base.weights, dtype=torch.float32)
    return torch_weights.load(base.weights)


def _nf4() -> Any:
    """4-bit NormalFloat with double quantisation (Dettmers et al. 2023, arXiv:2305.14314)."""
    try:
        import bitsandbytes  # noqa: F401, PLC0415
    except ImportError as error:
        raise GiljabiError(
            "QLoRA needs bitsandbytes: pip install 'giljabi[train,qlora]'"
        ) from error
    import torch  # noqa: PLC0415
    from transformers import BitsAndBytesConfig  # noqa: PLC0415

    return BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip


def rows(base: Base) -> int:
    """Rows of the embedding table: what training must leave as many as they were."""
    if base.weights.is_file():
        return len(gguf_file.value(gguf_file.read(base.weights), "tokenizer.ggml.tokens"))
    return int(base.tokenizer.get_vocab_size())
