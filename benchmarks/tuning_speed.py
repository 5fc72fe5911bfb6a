"""Steps of tuning on a processor: `giljabi train` beside plain TRL `SFTTrainer`. Run with torch.

The same rows in the same batches, order, adapter and learning rate; rounds alternate, each in a
process of its own, so that a busy machine slows all. Compared are the same steps of both, the median
of their ratios, after the first ones, which compile. `plain` is SFTTrainer as it comes, but for
gradient checkpointing, which it does by default and which is off in both here; `same vocabulary` is
ours without trimming, whose losses must be plain's.

    python benchmarks/tuning_speed.py DATA [DATA …]    # seven minutes on two cores
"""

from __future__ import annotations

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BATCH, STEPS, WARM, ROUNDS = 8, 8, 3, 1
KINDS = ("plain", "ours", "same vocabulary")


def one(kind: str, work: Path, data: list[str]) -> dict[str, Any]:
    """Seconds and loss of every step."""
    from giljabi.tune import base as bases
    from giljabi.tune import examples, run, trainer
    from giljabi.tune import recipe as recipes

    said = [f"base.trim={str(kind == 'ours').lower()}", f"train.max_steps={STEPS}", "keep.rows=0",
            "train.log_every=1", "train.schedule=constant", "train.warmup=0", f"train.batch={BATCH}",
            f"data.limit={BATCH * STEPS}", "train.best=false"]  # fmt: skip
    recipe = run.with_data(recipes.read(recipes.find("embedded"), said), data, ())
    rows = run.read_data(recipe, Path()).train
    base = bases.prepare(
        recipe, work, lambda: [m["content"] for r in rows for m in r.messages], print
    )
    encoded = examples.encode(rows, base, recipe.data.max_length)
    by_length = sorted(range(len(encoded)), key=lambda i: len(encoded.input_ids[i]))
    batches = [by_length[at : at + BATCH] for at in range(0, len(by_length), BATCH)]
    random.Random(0).shuffle(batches)
    order = [i for batch in batches for i in batch]
    encoded = examples.Encoded(
        [encoded.input_ids[i] for i in order], [encoded.labels[i] for i in order]
    )
    model, seconds, losses = bases.load(base, recipe), list[float](), list[float]()

    def log(found: dict[str, float]) -> None:
        if "loss" in found:
            losses.append(found["loss"])
        else:
            seconds.append(time.perf_counter())

    if kind == "plain":
        made = _plain(recipe, base, model, encoded, work, log)
    else:
        made = trainer.make(recipe, base, model, encoded, None, work / "checkpoints", log)
        made.args.train_sampling_strategy = "sequential"
    begun = time.perf_counter()
    made.train()
    return {"seconds": [b - a for a, b in zip([begun, *seconds], seconds, strict=False)],
            "loss": losses[:STEPS]}  # fmt: skip


def _plain(recipe: Any, base: Any, model: Any, encoded: Any, work: Path, log: Any) -> Any:
    """SFTTrainer with its defaults on rows that are tokens already."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from giljabi.tune import trainer
    from giljabi.tune.examples import IGNORED

    train = recipe.train
    settings = SFTConfig(
        output_dir=str(work / "plain"), max_steps=STEPS, per_device_train_batch_size=BATCH,
        learning_rate=train.learning_rate, lr_scheduler_type="constant", logging_steps=1,
        train_sampling_strategy="sequential", gradient_checkpointing=False, report_to="none",
        completion_only_loss=True, save_strategy="no", use_cpu=True, seed=train.seed, disable_tqdm=True,
    )  # fmt: skip
    rows = Dataset.from_dict({
        "input_ids": encoded.input_ids,
        "completion_mask": [(one != IGNORED).astype(int) for one in encoded.labels],
    })  # fmt: skip
    return SFTTrainer(
        model=model,
        args=settings,
        train_dataset=rows,
        processing_class=trainer.tokenizer(base),
        peft_config=trainer.adapter_config(recipe),
        callbacks=[trainer._reporting(log)],
    )


def measure(data: list[str]) -> dict[str, Any]:
    """Median seconds a step by kind, plain's over ours, and how far the losses lie apart."""
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    with tempfile.TemporaryDirectory() as work:
        for number in range(ROUNDS):
            for kind in KINDS:
                command = [
                    sys.executable,
                    __file__,
                    "--one",
                    kind,
                    f"{work}/{kind}-{number}",
                    *data,
                ]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                found[kind].append(json.loads(done.stdout.splitlines()[-1]))
                print(kind, found[kind][-1], file=sys.stderr, flush=True)
    step = {kind: statistics.median(s for one in rounds for s in one["seconds"][WARM:STEPS])
            for kind, rounds in found.items()}  # fmt: skip
    pairs = zip(found["plain"][0]["loss"], found["same vocabulary"][0]["loss"], strict=True)
    return {
        "seconds_a_step": step, "examples_a_second": {k: BATCH / s for k, s in step.items()},
        "ratio": _ratio(found, "ours"), "ratio_same_vocabulary": _ratio(found, "same vocabulary"),
        "loss": {kind: rounds[0]["loss"] for kind, rounds in found.items()},
        "loss_apart": max(abs(a - b) / a for a, b in pairs),
    }  # fmt: skip


def _ratio(found: dict[str, list[dict[str, Any]]], kind: str) -> float:
    """Plain's seconds over those of `kind`, the median over steps with the same rows."""
    return statistics.median(
        float(a / b)
        for plain, other in zip(found["plain"], found[kind], strict=True)
        for a, b in list(zip(plain["seconds"], other["seconds"], strict=True))[WARM:STEPS]
    )


if __name__ == "__main__":
    if sys.argv[1] == "--one":
        print(json.dumps(one(sys.argv[2], Path(sys.argv[3]), sys.argv[4:])))
    else:
        print(json.dumps(measure(sys.argv[1:]), indent=1))
