"""A LoRA adapter as PEFT saves it, and the GGUF file that llama.cpp loads over an unmerged base.

Needs no torch. The forms: huggingface.co/docs/peft (LoraConfig, checkpoint format) and llama.cpp's
convert_lora_to_gguf.py and src/llama-adapter.cpp. What GGUF cannot express is refused by name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, modelfile

Label = Literal["same", "other"]

_CONFIG = "adapter_config.json"
_TENSORS = "adapter_model.safetensors"
_LORA = re.compile(r"base_model\.model\.(?P<module>.+)\.lora_(?P<side>[AB])\.weight")

# Written by llama.cpp's converter as transformers holds them …
_PLAIN = {"exaone", "exaone4", "gemma", "gemma2", "gemma3", "qwen2", "qwen3"}
# … and with each head's rows of q and k interleaved (its LlamaModel.permute; Mistral is one too).
_INTERLEAVED = {"llama"}

# These starts leave the base's weights alone; others (PiSSA, OLoRA, LoftQ, CorDA, …) take a part
# out of them, so that over the base as it was the adapter would count that part twice.
_HARMLESS_STARTS = (None, True, False, "gaussian", "orthogonal", "eva")

_BEYOND_GGUF: Mapping[str, str] = {
    "use_dora": "DoRA",
    "use_qalora": "QA-LoRA",
    "use_bdlora": "block-diagonal LoRA",
    "lora_bias": "biases of its own",
    "modules_to_save": "fully trained modules",
    "rank_pattern": "ranks by module",
    "alpha_pattern": "alphas by module",
    "trainable_token_indices": "trained token embeddings",
    "target_parameters": "targets that are bare parameters",
    "layer_replication": "repeated layers",
    "alora_invocation_tokens": "activation by tokens (aLoRA)",
    "arrow_config": "routing between adapters (Arrow)",
    "kasa_config": "singular values (KaSA)",
    "monteclora_config": "sampled weights (MonteCLoRA)",
}
_EMBEDDINGS = {"embed_tokens", "wte", "word_embeddings", "tok_embeddings"}


@dataclass(frozen=True, slots=True)
class Pair:
    """One adapted weight under its GGUF name: `down` is (rank, in), `up` is (out, rank)."""

    name: str
    down: Any
    up: Any


def config_of(folder: Path) -> dict[str, Any]:
    """The adapter's `adapter_config.json`.

    Raises GiljabiError where the folder is no adapter of PEFT's, or its weights are pickled.
    """
    try:
        found = json.loads((folder / _CONFIG).read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise GiljabiError(f"{folder} is no adapter folder: it holds no {_CONFIG}.") from None
    except ValueError as error:
        raise GiljabiError(f"{folder / _CONFIG} is not valid JSON: {error}.") from error
    if not isinstance(found, dict) or "peft_type" not in found:
        raise GiljabiError(f"{folder / _CONFIG} names no peft_type: it is not PEFT's.")
    if not (folder / _TENSORS).is_file():
        pickled = (folder / "adapter_model.bin").is_file()
        raise GiljabiError(
            f"{folder} holds only adapter_model.bin, which can run code when read; "
            "save the adapter as safetensors."
            if pickled
            else f"{folder} holds no {_TENSORS}."
        )
    return found


def base_label(
    folder: Path, base: Path, *, other_base: bool = False, derived: bool = False
) -> Label:
    """Whether `base` holds the weights that the adapter's record says it was trained on.

    With `derived` a file trimmed, converted or quantised from those weights counts too. Raises
    GiljabiError for another base, or an adapter without a record, unless `other_base`.
    """
    why = f"{folder} has no record {modelfile.record_path(folder).name} of what it was trained on"
    if modelfile.record_path(folder).is_file():
        source = modelfile.recorded(folder).get("sources", {}).get("base", {})
        trained = source.get("sha256")
        own = modelfile.weights_hash(base)
        if trained and (trained == own or (derived and trained in _ancestors(base, own))):
            return "same"
        why = f"{folder} was trained on other weights ({source.get('file', 'not recorded')})"
    if not other_base:
        raise GiljabiError(
            f"{why}, so it may not fit {base}; give that base, or --other-base to go on with this "
            "one, labelled as such."
        )
    return "other"


def _ancestors(path: Path, own: str) -> set[str]:
    """Hashes of the bases that a file came from in steps which keep them the same model."""
    found: set[str] = set()
    while modelfile.record_path(path).is_file():
        record = modelfile.recorded(path)
        # A file changed since its record was written is no longer what the record tells of.
        if record.get("sha256") != own or record.get("step") not in {"trim", "convert", "quantise"}:
            break
        sources = record.get("sources", {})
        source = sources.get("base") or sources.get("source") or {}  # a conversion names it so
        own = source.get("sha256", "")
        if not own or own in found:
            break
        found.add(own)
        path = path.with_name(source.get("file", ""))
    return found


def default_name(folder: Path, suffix: str, label: Label) -> Path:
    """Beside the adapter: its name, `-otherbase` where that is so, and `suffix`."""
    folder = folder.absolute()
    return folder.with_name(f"{folder.name}{'-otherbase' if label == 'other' else ''}{suffix}")


def destination(folder: Path, base: Path, out: Path | None, label: Label) -> Path:
    """Where the GGUF adapter goes; GiljabiError where that is the base itself."""
    out = out or default_name(folder, ".gguf", label)
    if out.absolute() == base.absolute():
        raise GiljabiError(f"{out} is the base itself; give another --out.")
    return out


def refuse_beyond_gguf(folder: Path, config: Mapping[str, Any]) -> None:
    """Raise GiljabiError naming everything about the adapter that a GGUF file cannot say."""
    found = [f"{what} ({key})" for key, what in _BEYOND_GGUF.items() if config.get(key)]
    if config["peft_type"] != "LORA":
        found.insert(0, f"the kind {config['peft_type']} (peft_type)")
    if config.get("bias", "none") != "none":
        found.append(f"trained biases (bias={config['bias']})")
    start = config.get("init_lora_weights")
    if start not in _HARMLESS_STARTS:
        found.append(f"a start that changed the base (init_lora_weights={start})")
    targets = config.get("target_modules") or ()
    if not isinstance(targets, str):
        found += [f"embeddings ({t})" for t in targets if t.rpartition(".")[2] in _EMBEDDINGS]
    if found:
        raise GiljabiError(
            f"A GGUF adapter cannot express what {folder} has: {', '.join(found)}; merge it into "
            "its base instead: giljabi export merge."
        )


def applied_alpha(config: Mapping[str, Any]) -> float:
    """The alpha to write, so that llama.cpp's alpha / rank is PEFT's scaling.

    PEFT scales by alpha / rank, or alpha / sqrt(rank) with rsLoRA. GiljabiError where either is 0:
    llama.cpp takes alpha 0 as no scaling at all.
    """
    rank, alpha = config.get("r"), config.get("lora_alpha")
    if not isinstance(rank, int) or not isinstance(alpha, int | float) or rank < 1 or not alpha:
        raise GiljabiError(
            f"An adapter needs r and lora_alpha above 0; {_CONFIG} has {rank}, {alpha}."
        )
    return float(alpha * rank**0.5 if config.get("use_rslora") else alpha)


def read_tensors(folder: Path) -> dict[str, Any]:
    """The adapter's tensors as float32 arrays by PEFT's names.

    Raises GiljabiError for a damaged file, another kind of number, and numbers that are not finite.
    """
    import numpy as np  # noqa: PLC0415

    safetensors = _package()
    try:
        stored = safetensors.deserialize((folder / _TENSORS).read_bytes())
    except safetensors.SafetensorError as error:
        raise GiljabiError(f"{folder / _TENSORS} is damaged: {error}.") from error
    kinds = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16}
    out = {}
    for name, tensor in stored:
        if (kind := kinds.get(tensor["dtype"])) is None:
            raise GiljabiError(f"{name} of {folder} is {tensor['dtype']}, not F32, F16 or BF16.")
        flat = np.frombuffer(tensor["data"], dtype=kind)
        if tensor["dtype"] == "BF16":  # numpy has none; it is the upper half of a float32
            flat = (flat.astype(np.uint32) << 16).view(np.float32)
        out[name] = flat.astype(np.float32).reshape(tensor["shape"])
        if not np.isfinite(out[name]).all():
            raise GiljabiError(f"{name} of {folder} holds numbers that are not finite.")
    return out


def _package() -> Any:
    try:
        import safetensors  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Reading an adapter needs safetensors: pip install 'giljabi[export]'"
        ) from error
    return safetensors


def interleaved(rows: Any, heads: int) -> Any:
    """`rows` (out, …) with each head's halves interleaved: 0, d/2, 1, d/2 + 1, …

    transformers rotates row i with row i + d/2, llama.cpp's "llama" row 2i with 2i + 1.
    """
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:])
    return halves.swapaxes(1, 2).reshape(rows.shape)


def _paired(folder: Path, tensors: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """lora_A and lora_B of each module; GiljabiError for a tensor that is neither, or is alone."""
    modules: dict[str, dict[str, Any]] = {}
    for key, tensor in sorted(tensors.items()):
        match = _LORA.fullmatch(key)
        if match is None or tensor.ndim != 2:
            raise GiljabiError(
                f"A GGUF adapter cannot express the tensor {key} of {folder}; merge it into its "
                "base instead: giljabi export merge."
            )
        modules.setdefault(match["module"], {})[match["side"]] = tensor
    if not modules:
        raise GiljabiError(f"{folder} holds no tensors.")
    for module, sides in modules.items():
        if len(sides) != 2:
            raise GiljabiError(f"{module} of {folder} has only lora_{next(iter(sides))}.")
    return {module: (sides["A"], sides["B"]) for module, sides in modules.items()}


def fitted(folder: Path, tensors: Mapping[str, Any], rank: int, reader: Any) -> list[Pair]:
    """The adapter's pairs under the base's names and in its order of rows.

    `reader` is a GGUFReader of the base. Raises GiljabiError naming the module or tensor that the
    base does not have, or has in another shape.
    """
    import gguf  # noqa: PLC0415

    arch = gguf_file.architecture(reader)
    if arch not in _PLAIN | _INTERLEAVED:
        known = ", ".join(sorted(_PLAIN | _INTERLEAVED))
        raise GiljabiError(f"Adapters of the architecture {arch!r} are not known; known: {known}.")
    enum = next(e for e, name in gguf.MODEL_ARCH_NAMES.items() if name == arch)
    names = gguf.get_tensor_name_map(enum, int(gguf_file.value(reader, f"{arch}.block_count", 0)))
    shapes = {t.name: tuple(int(n) for n in t.shape) for t in reader.tensors}
    out = []
    for module, (down, up) in _paired(folder, tensors).items():
        # Where the base also sees pictures, its text model stands one name deeper.
        name = names.get_name(module.replace("language_model.", "")) or ""
        shape = shapes.get(f"{name}.weight")
        if shape is None:
            raise GiljabiError(f"The base has no weight for {module} of {folder}.")
        if down.shape != (rank, shape[0]) or up.shape != (*shape[1:], rank):
            raise GiljabiError(
                f"{module} of {folder} does not fit the base: lora_A {down.shape} and lora_B "
                f"{up.shape} of rank {rank} over {name}.weight, {shape[0]} in and "
                f"{'×'.join(map(str, shape[1:])) or 'none'} out."
            )
        turned = arch in _INTERLEAVED and name.endswith((".attn_q", ".attn_k"))
        rows = interleaved(up, _heads(reader, arch, name)) if turned else up
        out.append(Pair(f"{name}.weight", down, rows))
    return out


def _heads(reader: Any, arch: str, name: str) -> int:
    heads = gguf_file.value(reader, f"{arch}.attention.head_count")
    if name.endswith(".attn_k"):
        heads = gguf_file.value(reader, f"{arch}.attention.head_count_kv", heads)
    if not isinstance(heads, int):
        raise GiljabiError(f"The base gives no single head count for {name}, but {heads}.")
    return heads


def to_gguf(
    folder: Path, base: Path, out: Path | None = None, *, other_base: bool = False
) -> tuple[Path, dict[str, Any]]:
    """Write the adapter as a GGUF file for the unmerged `base` (a GGUF file); its path and record.

    Raises GiljabiError where the adapter was trained on another base (see `base_label`; a
    quantised form of the same one is right), does not fit it, or has what GGUF cannot express.
    """
    import numpy as np  # noqa: PLC0415

    config = config_of(folder)
    refuse_beyond_gguf(folder, config)
    alpha = applied_alpha(config)
    reader = gguf_file.read(base)
    label = base_label(folder, base, other_base=other_base, derived=True)
    out = destination(folder, base, out, label)
    pairs = fitted(folder, read_tensors(folder), config["r"], reader)
    # A record of an older file must not stand beside a new one.
    modelfile.record_path(out).unlink(missing_ok=True)
    with gguf_file.writing(out, gguf_file.architecture(reader)) as writer:
        writer.add_type("adapter")
        writer.add_name(folder.absolute().name)
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", alpha)
        for pair in pairs:
            writer.add_tensor(f"{pair.name}.lora_a", np.ascontiguousarray(pair.down))
            writer.add_tensor(f"{pair.name}.lora_b", np.ascontiguousarray(pair.up))
    details = {
        "base": label,
        "rank": config["r"],
        "alpha": config["lora_alpha"],
        "rslora": bool(config.get("use_rslora")),
        "modules": len(pairs),
    }
    return out, modelfile.record(out, "adapter", {"base": base, "adapter": folder}, details)
