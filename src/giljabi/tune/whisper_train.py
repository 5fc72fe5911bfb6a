"""LoRA over a Whisper: transformers' Seq2SeqTrainer with checkpoints, a loss history, an adapter."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.tune import speech_data
from giljabi.tune.whisper_base import Loaded
from giljabi.tune.whisper_recipe import LoraTable, TrainTable


def train(
    loaded: Loaded,
    clips: Sequence[speech_data.Clip],
    held_out: Sequence[speech_data.Clip],
    lora: LoraTable,
    settings: TrainTable,
    out: Path,
) -> tuple[Any, dict[str, Any]]:
    """Tune until the last step, from the last whole checkpoint in `out` on; the PEFT model, figures.

    `out` gets `checkpoints/` and `loss.jsonl`. Raises GiljabiError where no layer bears a name of
    `lora.targets`.
    """
    from transformers import PrinterCallback, Seq2SeqTrainer, set_seed  # noqa: PLC0415

    set_seed(settings.seed)
    model = _adapted(loaded.model, lora)
    trainer = Seq2SeqTrainer(
        model=model,
        args=_arguments(settings, out / "checkpoints"),
        train_dataset=speech_data.Examples(loaded, clips),
        eval_dataset=speech_data.Examples(loaded, held_out),
        data_collator=speech_data.batch,
        callbacks=[_history(out / "loss.jsonl")],
    )
    trainer.remove_callback(PrinterCallback)
    last = last_checkpoint(out / "checkpoints")
    trainer.train(resume_from_checkpoint=str(last) if last else None)
    trainable, total = model.get_nb_trainable_parameters()
    return model, {
        "steps": trainer.state.global_step,
        "resumed_from": last.name if last else None,
        "trainable": trainable,
        "parameters": total,
        "loss": [row["loss"] for row in trainer.state.log_history if "loss" in row],
        "held_out_loss": [r["eval_loss"] for r in trainer.state.log_history if "eval_loss" in r],
    }


def last_checkpoint(folder: Path) -> Path | None:
    """The latest checkpoint that was written to its end: the trainer's state comes last."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]))
    for checkpoint in reversed(found):
        try:
            json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
        except (OSError, ValueError):
            continue  # the run was killed while this one was being written
        return checkpoint
    return None


def _adapted(model: Any, lora: LoraTable) -> Any:
    """The model with an adapter over it; only the adapter learns."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415

    # No task type: PEFT's class for it would pass input_ids, and Whisper takes features.
    config = LoraConfig(
        r=lora.r, lora_alpha=lora.alpha, lora_dropout=lora.dropout,
        target_modules=list(lora.targets), bias="none",
    )  # fmt: skip
    model.config.use_cache = False
    try:
        return get_peft_model(model, config)
    except ValueError as error:
        raise GiljabiError(f"lora.targets fits no layer of this Whisper: {error}") from error


def _arguments(settings: TrainTable, folder: Path) -> Any:
    import torch  # noqa: PLC0415
    from transformers import Seq2SeqTrainingArguments  # noqa: PLC0415

    precision = settings.precision
    if precision == "auto":
        fast = (
            "bfloat16"
            if torch.cuda.is_available() and torch.cuda.is_bf16_supported()
            else "float16"
        )
        precision = fast if torch.cuda.is_available() else "float32"  # type: ignore[assignment]
    checkpointing: dict[str, Any] = {}
    if settings.gradient_checkpointing:
        # the other kind needs inputs that learn, and Whisper's are sound
        checkpointing = {
            "gradient_checkpointing": True,
            "gradient_checkpointing_kwargs": {"use_reentrant": False},
        }
    return Seq2SeqTrainingArguments(
        **checkpointing,
        output_dir=str(folder),
        num_train_epochs=settings.epochs,
        max_steps=settings.max_steps or -1,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,
        bf16=precision == "bfloat16",
        fp16=precision == "float16",
        save_steps=settings.save_every,
        eval_strategy="steps",
        eval_steps=settings.save_every,
        logging_steps=settings.log_every,
        save_total_limit=settings.keep,
        seed=settings.seed,
        label_names=["labels"],  # the PEFT wrapper hides the model's own signature
        remove_unused_columns=False,
        report_to=[],
        disable_tqdm=not sys.stderr.isatty(),
        dataloader_pin_memory=torch.cuda.is_available(),
    )


def _history(path: Path) -> Any:
    """A callback that keeps the whole loss history in one file, also that of before a resume."""
    from transformers import TrainerCallback  # noqa: PLC0415

    class History(TrainerCallback):  # type: ignore[misc]
        def on_log(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            write_text(path, "".join(json.dumps(row) + "\n" for row in state.log_history))

    return History()
