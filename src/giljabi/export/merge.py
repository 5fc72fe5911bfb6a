"""An adapter merged into its base: one folder of safetensors that needs neither any more.

PEFT does the merging (`merge_and_unload`). What was saved is loaded again and has to answer as
base and adapter did before; only then does the folder appear.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import adapter as lora
from giljabi.export import modelfile
from giljabi.model import torch_weights

_PROMPTS = (
    "학생회관은 어디에 있나요?",
    "정문에서 도서관까지 어떻게 가나요?",
    "Where is the student union?",
    "How do I get from the main gate to the library?",
)
_ANSWER_TOKENS = 16

# Mean |Δ log-prob| of the saved folder to base + adapter. In float32 only the order of sums
# differs; in halves the merged weights are rounded (measured on Gemma 3 270M under random
# adapters: float32 0.000002, float16 0.001 to 0.002, bfloat16 up to 0.02).
_LIMITS = {"float32": 0.001, "bfloat16": 0.05, "float16": 0.01}
# How undecided base + adapter must be about a word, in limits, for the merged model's other
# choice to be rounding rather than a fault.
_TIE = 5

_KEPT = (
    "tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt",
    "*.model", "chat_template*", "generation_config.json", "preprocessor_config.json",
    "processor_config.json", "LICENSE*", "NOTICE*",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Said:
    """One greedy answer: the tokens of prompt and answer, and how likely each next token was.

    `chosen` holds the log-prob of every token after the first; `rows` the log-probs of all tokens
    at each position of the answer, (answer, vocabulary).
    """

    prompt: int
    tokens: tuple[int, ...]
    chosen: Any
    rows: Any


def merge(
    folder: Path,
    base: Path,
    out: Path | None = None,
    *,
    other_base: bool = False,
    shard_size: str = "5GB",
) -> tuple[Path, dict[str, Any]]:
    """Merge the adapter in `folder` into `base`; the new folder and its record.

    `base` is a folder of safetensors, or a GGUF file (its weights are de-quantised). The numbers
    keep the base's kind; of a GGUF file they become float32. Raises GiljabiError where the adapter
    was trained on other weights and not `other_base`, where `out` exists, or where the saved
    folder answers differently; then nothing is left.
    """
    _check(folder, shard_size)
    label = lora.base_label(folder, base, other_base=other_base)
    out = out or lora.default_name(folder, "-merged", label)
    if out.exists():
        raise GiljabiError(f"{out} exists already; remove it, or give another --out.")
    torch_weights.need()
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as unfinished:
        made = Path(unfinished) / out.name
        made.mkdir()
        details = {"base": label, **_merged_into(made, folder, base, shard_size)}
        record = modelfile.record(made, "merge", {"base": base, "adapter": folder}, details)
        made.rename(out)
    return out, record


def _check(folder: Path, shard_size: str) -> None:
    config = lora.config_of(folder)
    if config["peft_type"] != "LORA":
        raise GiljabiError(f"Only LoRA adapters are merged; {folder} is {config['peft_type']}.")
    if config.get("task_type") not in (None, "CAUSAL_LM"):
        raise GiljabiError(f"{folder} is an adapter for {config['task_type']}, not for text.")
    if not re.fullmatch(r"[1-9]\d*[MG]B", shard_size):
        raise GiljabiError(f"--shard-size {shard_size!r} is not a size such as 500MB or 5GB.")


def _merged_into(made: Path, folder: Path, base: Path, shard_size: str) -> dict[str, Any]:
    """Fill the folder `made` and check it; what there is to record of it."""
    import torch  # noqa: PLC0415

    model = torch_weights.load(base)
    kind = model.dtype
    _keep_tokenizer(made, folder, base, model)
    prompts = _prompts(made)
    # In float32 throughout, so that the numbers are rounded once, when they are saved.
    model = _with_adapter(model.float(), folder)
    before = [_answer(model, prompt) for prompt in prompts]
    try:
        model = model.merge_and_unload(safe_merge=True)
    except (ValueError, RuntimeError, NotImplementedError) as error:
        raise GiljabiError(f"peft cannot merge {folder}: {error}") from error
    model.to(kind).save_pretrained(made, max_shard_size=shard_size)
    del model
    name = str(kind).removeprefix("torch.")
    with torch.inference_mode():
        parity = _compared(
            before, torch_weights.load(made).float(), _LIMITS.get(name, 0.05), folder
        )
    return {"dtype": name, "parity": parity}


def _keep_tokenizer(made: Path, folder: Path, base: Path, model: Any) -> None:
    """The base's tokenizer and template; the template the adapter was taught with, if it has one."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    if base.is_file():
        tokenizer = AutoTokenizer.from_pretrained(
            base.parent, gguf_file=str(base.resolve()), local_files_only=True
        )
        tokenizer.save_pretrained(made)
    else:
        for pattern in _KEPT:
            for file in base.glob(pattern):
                if file.is_file():
                    shutil.copyfile(file, made / file.name)
    if (taught := folder / "chat_template.jinja").is_file():
        shutil.copyfile(taught, made / taught.name)
    model.config.save_pretrained(made)  # a tokenizer may be found only by the kind of its model


def _prompts(made: Path) -> list[list[int]]:
    """The fixed questions in the folder's own template, as tokens."""
    from transformers import AutoTokenizer  # noqa: PLC0415

    try:
        tokenizer = AutoTokenizer.from_pretrained(
            made, trust_remote_code=False, local_files_only=True
        )
    except (OSError, ValueError) as error:
        raise GiljabiError(f"The base has no tokenizer that transformers reads: {error}") from error
    if not tokenizer.chat_template:
        return [tokenizer(text)["input_ids"] for text in _PROMPTS]
    turns = [
        tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True
        )
        for text in _PROMPTS
    ]
    return [tokenizer(turn, add_special_tokens=False)["input_ids"] for turn in turns]


def _with_adapter(model: Any, folder: Path) -> Any:
    """`model` with the adapter over it, every tensor of which found its place."""
    from peft import PeftModel, get_peft_model_state_dict  # noqa: PLC0415
    from safetensors import safe_open  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peft only warns of tensors without a place
            adapted = PeftModel.from_pretrained(model, str(folder)).eval()
            expected = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
        with safe_open(folder / "adapter_model.safetensors", framework="pt") as file:
            found = set(file.keys())
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        said = " ".join(str(error).split())
        raise GiljabiError(f"peft cannot lay {folder} over the base: {said}") from error
    astray = sorted((expected - found) | {key for key in found - expected if ".lora_" in key})
    if astray:
        raise GiljabiError(f"{folder} does not fit the base: {astray[0]} has no counterpart.")
    return adapted


def _log_probs(model: Any, tokens: Sequence[int]) -> Any:
    """(len(tokens) - 1, vocabulary): the log-probs of what follows each token but the last."""
    import torch  # noqa: PLC0415

    return torch.log_softmax(model(input_ids=torch.tensor([tokens])).logits[0, :-1].float(), -1)


def _generated(model: Any, prompt: Sequence[int]) -> tuple[int, ...]:
    import torch  # noqa: PLC0415

    ids = torch.tensor([prompt])
    made = model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False,
        max_new_tokens=_ANSWER_TOKENS,
    )  # fmt: skip
    return tuple(made[0].tolist())


def _chosen(rows: Any, tokens: Sequence[int]) -> Any:
    import torch  # noqa: PLC0415

    return rows.gather(-1, torch.tensor(tokens[1:])[:, None])[:, 0]


def _answer(model: Any, prompt: Sequence[int]) -> _Said:
    import torch  # noqa: PLC0415

    with torch.inference_mode():
        tokens = _generated(model, prompt)
        rows = _log_probs(model, tokens)
        return _Said(len(prompt), tokens, _chosen(rows, tokens), rows[len(prompt) - 1 :].clone())


def _compared(
    before: Sequence[_Said], model: Any, limit: float, folder: Path
) -> Mapping[str, float | int]:
    """How far the merged model is from what was said before; GiljabiError where too far."""
    import torch  # noqa: PLC0415

    apart, same = [], 0
    for said in before:
        tokens = _generated(model, said.tokens[: said.prompt])
        same += tokens == said.tokens
        if (gap := _preference(said, tokens)) > _TIE * limit:
            raise GiljabiError(
                f"The merged folder answers otherwise than base and {folder} did (a word they "
                f"preferred by {gap:.3f} log-prob is gone), so it was not kept."
            )
        apart.append((_chosen(_log_probs(model, said.tokens), said.tokens) - said.chosen).abs())
    mean = float(torch.cat(apart).mean())
    if not mean <= limit:  # also where it is no number
        raise GiljabiError(
            f"The merged folder is {mean:.4f} log-prob a token away from base and {folder}, more "
            f"than {limit}, so it was not kept."
        )
    return {"prompts": len(before), "same_answers": same, "mean_logprob": mean, "limit": limit}


def _preference(said: _Said, tokens: Sequence[int]) -> float:
    """By how much the first answer's word was preferred where `tokens` first differ; else 0."""
    pairs = enumerate(zip(said.tokens, tokens, strict=False))
    at = next((i for i, (one, other) in pairs if one != other), None)
    if at is None:
        return 0.0
    row = said.rows[at - said.prompt]
    return float(row[said.tokens[at]] - row[tokens[at]])
