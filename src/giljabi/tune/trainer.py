"""TRL's SFTTrainer over examples that are tokens already: settings, batches, checkpoints, faults.

Accelerate places the model, so a processor, one GPU and several are one recipe. Added here: logits
at labelled tokens only on a processor too, a checkpoint counts when it is whole, a loss that is no
number stops the run, and so does a full disk.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.model import torch_weights
from giljabi.tune import replay
from giljabi.tune.base import Base
from giljabi.tune.examples import IGNORED, Encoded
from giljabi.tune.recipe import Recipe

WHOLE = "whole"
"""The file a checkpoint ends with: one without it was cut off while it was written."""

_ROWS = (
    512  # labelled tokens whose logits stand in memory at once: 512 × 262,144 × 4 bytes = 537 MB
)

Log = Callable[[dict[str, float]], None]
"""Called with what a step reported: step, epoch, loss or eval_loss, learning_rate, …"""


def need(recipe: Recipe) -> None:
    """Raise GiljabiError where TRL, what it stands on, or what is reported to is missing."""
    try:
        import datasets  # noqa: F401, PLC0415
        import peft  # noqa: F401, PLC0415
        import trl  # noqa: F401, PLC0415
    except ImportError as error:
        raise GiljabiError(f"Training needs {error.name}: pip install 'giljabi[train]'") from error
    for name in recipe.train.report:
        if find_spec(name) is None:
            raise GiljabiError(
                f"The recipe reports to {name}, which is not installed: pip install {name}, or "
                "--set train.report=[]"
            )


def precision(recipe: Recipe) -> str:
    """float32, bfloat16 or float16: what matrices are multiplied in."""
    import torch  # noqa: PLC0415

    if recipe.train.precision != "auto":
        return recipe.train.precision
    if torch.cuda.is_available():
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float16"
    # Without the instruction bfloat16 is emulated, and slower than float32.
    return "bfloat16" if torch.cpu._is_avx512_bf16_supported() else "float32"


def optimizer(recipe: Recipe) -> str:
    """The recipe's optimiser, or plain AdamW where its pages and 8 bits need a GPU that is not here."""
    import torch  # noqa: PLC0415

    asked = recipe.train.optimizer
    if ("8bit" in asked or "paged" in asked) and not torch.cuda.is_available():
        return "adamw_torch"
    return asked


def arguments(recipe: Recipe, folder: Path, *, evaluates: bool) -> Any:
    """The recipe as TRL's SFTConfig; checkpoints go to `folder`."""
    import torch  # noqa: PLC0415
    from trl import SFTConfig  # noqa: PLC0415

    train, kind = recipe.train, precision(recipe)
    best = train.best and evaluates
    return SFTConfig(
        output_dir=str(folder),
        num_train_epochs=train.epochs,
        max_steps=train.max_steps or -1,
        per_device_train_batch_size=train.batch,
        per_device_eval_batch_size=train.batch,
        gradient_accumulation_steps=train.accumulate,
        learning_rate=train.learning_rate,
        lr_scheduler_type=train.schedule,
        warmup_steps=train.warmup,  # below 1 a share, as transformers reads it
        weight_decay=train.weight_decay,
        max_grad_norm=train.clip,
        optim=optimizer(recipe),
        gradient_checkpointing=train.gradient_checkpointing,
        train_sampling_strategy="group_by_length" if train.group_by_length else "random",
        packing=recipe.data.packing,
        max_length=recipe.data.max_length,
        dataset_kwargs={"skip_prepare_dataset": not recipe.data.packing},
        bf16=kind == "bfloat16",
        fp16=kind == "float16",
        eval_strategy="steps" if evaluates else "no",
        eval_steps=train.eval_every,
        save_steps=train.save_every,
        # The best one is kept beside the last ones.
        save_total_limit=train.keep + 1,
        load_best_model_at_end=best,
        metric_for_best_model="eval_loss" if best else None,
        greater_is_better=False if best else None,
        logging_steps=train.log_every,
        logging_nan_inf_filter=False,
        report_to=list(train.report) or "none",
        run_name=recipe.name,
        seed=train.seed,
        data_seed=train.seed,
        use_cpu=not torch.cuda.is_available(),
        dataloader_pin_memory=torch.cuda.is_available(),
        disable_tqdm=True,
        remove_unused_columns=False,
        fsdp=_fsdp(recipe),
    )


def _fsdp(recipe: Recipe) -> Any:
    """Full sharding where Accelerate started several processes on GPUs; one process shards nothing."""
    import torch  # noqa: PLC0415

    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    if not (several and torch.cuda.is_available()) or recipe.method == "qlora":
        return None
    return True


def adapter_config(recipe: Recipe) -> Any:
    """The recipe's LoRA for PEFT; None for full tuning."""
    from peft import LoraConfig  # noqa: PLC0415

    if recipe.method == "full":
        return None
    lora = recipe.lora
    return LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout, use_rslora=lora.rslora,
        target_modules=list(lora.targets), bias="none", task_type="CAUSAL_LM",
    )  # fmt: skip


def tokenizer(base: Base) -> Any:
    """The base's tokenizer as transformers wants it, with the tokens it has."""
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    name = base.tokenizer.id_to_token
    return PreTrainedTokenizerFast(
        tokenizer_object=base.tokenizer, pad_token=name(base.ids.pad), eos_token=name(base.ids.end),
        bos_token=None if base.ids.bos is None else name(base.ids.bos),
    )  # fmt: skip


def dataset(examples: Encoded) -> Any:
    """`datasets.Dataset` of input_ids, labels and length."""
    from datasets import Dataset  # noqa: PLC0415

    return Dataset.from_dict(
        {
            "input_ids": examples.input_ids,
            "labels": examples.labels,
            "length": [len(one) for one in examples.input_ids],
        }
    )


def make(
    recipe: Recipe, base: Base, model: Any, train: Encoded, held_out: Encoded | None, folder: Path,
    log: Log, kept: Any = None,
) -> Any:  # fmt: skip
    """A trainer ready to start; checkpoints go to `folder`, `kept` are texts of the base's own."""
    from transformers import EarlyStoppingCallback, PrinterCallback  # noqa: PLC0415

    callbacks = [_reporting(log)]
    if recipe.train.patience and held_out is not None:
        callbacks.append(EarlyStoppingCallback(recipe.train.patience))
    made = _kind(folder, recipe, kept)(
        model=model,
        args=arguments(recipe, folder, evaluates=held_out is not None),
        train_dataset=dataset(train),
        eval_dataset=None if held_out is None else dataset(held_out),
        processing_class=tokenizer(base),
        peft_config=adapter_config(recipe),
        callbacks=callbacks,
    )
    made.remove_callback(PrinterCallback)  # what it prints is told through `log`
    if compiles(recipe):
        # Layer by layer: one is compiled for all, in a tenth of the time. Rows differ in length.
        for layer in made.model.get_base_model().model.layers:
            layer.compile(dynamic=True)
    return made


def _reporting(log: Log) -> Any:
    """A callback that passes on what the trainer says."""
    from transformers import TrainerCallback  # noqa: PLC0415

    class Reporting(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
            if state.is_world_process_zero and logs:
                log({"step": state.global_step, "of": state.max_steps, **logs})

        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.is_world_process_zero:
                log({"step": state.global_step, "of": state.max_steps})

    return Reporting()


def _kind(folder: Path, recipe: Recipe, kept: Any) -> Any:
    """SFTTrainer that minds the base, stops at a loss that is no number and at a full disk."""
    from safetensors import SafetensorError  # noqa: PLC0415
    from trl import SFTTrainer  # noqa: PLC0415

    class Trainer(SFTTrainer):  # type: ignore[misc]
        def compute_loss(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            wanted = bool(args) or options.get("return_outputs")
            if wanted or self.accelerator.num_processes > 1 or self.args.device.type != "cpu":
                loss = super().compute_loss(model, inputs, *args, **options)
            else:
                with self.accelerator.autocast():
                    loss = _labelled_loss(model, inputs, options.get("num_items_in_batch"))
            return loss if wanted or kept is None or not model.training else loss + self._strayed()

        def _strayed(self) -> Any:
            """How far the base's own texts read otherwise by now, as a part of the loss."""
            adapted = self.accelerator.unwrap_model(self.model)
            size, at = recipe.keep.batch, self.state.global_step
            chosen = [(at * size + n) % len(kept) for n in range(size)]
            with self.accelerator.autocast():
                found = replay.divergence(
                    adapted.get_base_model(), adapted, kept[chosen].to(self.args.device)
                )
            return found * recipe.keep.weight / self.current_gradient_accumulation_steps

        def training_step(self, *args: Any, **options: Any) -> Any:
            loss = super().training_step(*args, **options)
            if not math.isfinite(float(loss)):
                good = whole(folder)
                raise GiljabiError(
                    f"The loss is no number any more after step {self.state.global_step}; "
                    + (
                        f"{good} is the last good checkpoint"
                        if good
                        else "there is no checkpoint yet"
                    )
                    + ". Lower train.learning_rate, or train in float32."
                )
            return loss

        def _save_checkpoint(self, *args: Any, **options: Any) -> None:
            at = folder / f"checkpoint-{self.state.global_step}"
            try:
                super()._save_checkpoint(*args, **options)
                (at / WHOLE).touch()
            except (OSError, RuntimeError, SafetensorError) as error:  # torch's is a RuntimeError
                shutil.rmtree(at, ignore_errors=True)
                raise GiljabiError(
                    f"Cannot write {at} ({error}); make room, then start the same command again: "
                    "it goes on from the checkpoint before."
                ) from error

        def create_model_card(self, *_: Any, **__: Any) -> None:
            """Ours is written at the end, from what was measured."""

    return Trainer


def _labelled_loss(model: Any, inputs: Any, count: Any) -> Any:
    """Mean cross entropy with logits at labelled tokens only.

    TRL's own does so in its GPU kernel, and on a processor takes every position's instead.
    """
    import torch  # noqa: PLC0415
    from torch.utils.checkpoint import checkpoint  # noqa: PLC0415

    causal = model.get_base_model() if hasattr(model, "get_base_model") else model
    read = {k: inputs[k] for k in ("input_ids", "attention_mask")}
    hidden = causal.get_decoder()(**read, use_cache=False).last_hidden_state[:, :-1]
    labels = inputs["labels"][:, 1:]
    learnt = labels != IGNORED

    def nll(some: Any, wanted: Any) -> Any:
        found = torch_weights.logits(causal, some)
        return torch.nn.functional.cross_entropy(found, wanted, reduction="sum")

    # Recomputed going back, so that the logits of only so many tokens stand in memory.
    parts = zip(hidden[learnt].split(_ROWS), labels[learnt].split(_ROWS), strict=True)
    total = sum(checkpoint(nll, some, wanted, use_reentrant=False) for some, wanted in parts)
    return total / (learnt.sum() if count is None else count)


def compiles(recipe: Recipe) -> bool:
    """Whether the layers are compiled: asked for, and a C++ compiler is here."""
    here = any(map(shutil.which, ("c++", "g++", "clang++")))
    return recipe.train.compile and here and recipe.method != "full"


def whole(folder: Path) -> Path | None:
    """The newest whole checkpoint in `folder`; those cut off are removed."""
    found = []
    for path in folder.glob("checkpoint-*"):
        if (path / WHOLE).is_file():
            found.append(path)
        else:
            shutil.rmtree(path)
    return max(found, key=lambda p: int(p.name.rpartition("-")[2]), default=None)
