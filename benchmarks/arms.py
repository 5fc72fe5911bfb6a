"""Three roads to a tuned model on a box, on the same data with the same steps. Run with torch.

a: trained on the numbers of the quantised file, served as that file with the adapter beside it.
b: trained on NF4 with double quantisation, merged at 16 bit, quantised: the old road.
c: trained at 16 bit, merged, quantised.

Gemma's own 16-bit weights are in no package, so here they are the packaged file's numbers with
NOISE relative Gaussian noise on every matrix, which puts them off the grid they were rounded to;
the quantised file of all three is made of these. `divergence` is of what is served from what was
trained (its weights at 16 bit with the adapter), on fixed text and answers of the guide.

    python benchmarks/arms.py WORK DATA [DATA …]     # half an hour on two cores; goes on where it was
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from giljabi.answer.guide import Guide
from giljabi.export import gguf_file, modelfile, parity, quantise
from giljabi.export.adapter import to_gguf
from giljabi.export.convert import convert
from giljabi.export.embedded import trimmed
from giljabi.export.merge import merge
from giljabi.measure import suite
from giljabi.model import prompt, store
from giljabi.model.generate import load
from giljabi.model.llamacpp import Adapter
from giljabi.model.logits import Scorer
from giljabi.tune import recipe as recipes
from giljabi.tune import run
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
NOISE = 0.03
STEPS = 40
KIND = "Q4_K_M"
ANSWERS = 40
ASKED = 80
Change = Callable[[Any, Any], Any]


def changed(source: Path, out: Path, change: Change) -> Path:
    """An F16 file with `change(values, random)` done to every matrix of the layers."""
    import numpy as np

    if out.is_file():
        return out
    reader, random = gguf_file.read(source), np.random.default_rng(0)
    with gguf_file.writing(out, gguf_file.architecture(reader)) as writer:
        gguf_file.copy_metadata(reader, writer)
        for tensor in reader.tensors:
            data = tensor.data
            if tensor.name.startswith("blk.") and len(tensor.shape) > 1:
                data = change(data.astype(np.float32), random).astype(np.float16)
            writer.add_tensor(tensor.name, np.ascontiguousarray(data))
    modelfile.record(out, "change", {"base": source}, {})
    return out


def noised(values: Any, random: Any) -> Any:
    """With noise of NOISE times their root mean square."""
    import numpy as np

    scale = NOISE * float(np.sqrt((values**2).mean()))
    return values + random.standard_normal(values.shape, np.float32) * scale


def as_nf4(values: Any, random: Any) -> Any:
    """As bitsandbytes stores and reads them: NF4, blocks of 64, double quantisation."""
    import torch
    from bitsandbytes import functional

    packed, state = functional.quantize_4bit(
        torch.from_numpy(values), blocksize=64, compress_statistics=True, quant_type="nf4"
    )
    return functional.dequantize_4bit(packed, state).numpy()


def trained(base: Path, out: Path, data: list[str]) -> Path:
    """The adapter folder of the same short run on `base`."""
    short = ["base.trim=false", "base.template=gemma", f"base.model={base}", f"train.max_steps={STEPS}",
             "train.batch=8", "train.compile=false", "data.eval_limit=64", "keep.rows=32"]  # fmt: skip
    recipe = run.with_data(recipes.read(recipes.find("embedded"), short), data, ())
    recipe = replace(recipe, data=replace(recipe.data, limit=STEPS * recipe.train.batch))
    where, _ = run.run(recipe, out, progress=lambda step, of, said: print(out.name, step, said))
    return where / "adapter"


def measured(
    served: Path, adapter: Path | None, whole: Path, learnt: Path, asked: list[Any], venue: Any
) -> dict[str, Any]:
    """Figures of one arm: `whole` and `learnt` are the weights and adapter as they were trained."""
    samples = [
        *parity.fixed_text(),
        *parity.guide_answers(venue, prompt.template("gemma"), ANSWERS),
    ]
    out: dict[str, Any] = {
        "bytes": served.stat().st_size + (adapter.stat().st_size if adapter else 0)
    }
    with (
        Scorer(whole, adapter=Adapter(learnt)) as before,
        Scorer(served, adapter=Adapter(adapter) if adapter else None) as after,
    ):
        out |= {"divergence": parity.compare(before, after, samples).kl,
                "bits_per_byte": parity.compare(before, after, parity.fixed_text()).bits_per_byte}  # fmt: skip
    model = load(
        str(served), template="gemma", adapter=adapter, tuned=True, settings=store.base().settings
    )
    try:
        rows = suite.evaluate(Guide(venue, model), asked).rows
    finally:
        model.close()
    out |= {"asked": len(rows), "right": sum(r.right for r in rows),
            "own": sum(r.written_by == "model" for r in rows),
            "worded": sum(r.written_by in ("model", "mixed", "template") for r in rows)}  # fmt: skip
    return out


def measure(work: Path, data: list[str]) -> dict[str, Any]:
    """All three arms' figures."""
    work.mkdir(parents=True, exist_ok=True)
    venue = folder.load(ROOT / "venues" / "hanyang")
    packaged = trimmed(store.base(), venue, print)
    whole = changed(
        quantise.dequantise(packaged, work / "packaged-f16.gguf"), work / "whole.gguf", noised
    )
    small = work / "served.gguf"
    if not small.is_file():
        quantise.make(whole, KIND, small)
    nf4 = changed(whole, work / "nf4.gguf", as_nf4)
    asked = [row for row in suite.read_questions(ROOT / "benchmarks/guide/questions.jsonl")
             if row.expect == "answer"]  # fmt: skip
    asked = asked[:: len(asked) // ASKED]
    out: dict[str, Any] = {"noise": NOISE, "steps": STEPS, "arms": {}}
    for name, base in (("a", small), ("b", nf4), ("c", whole)):
        folder_ = trained(base, work / f"run-{name}", data)
        learnt, _ = to_gguf(folder_, base, work / f"adapter-{name}.gguf", other_base=True)
        if name == "a":
            source = work / "served-f16.gguf"
            if not source.is_file():
                quantise.dequantise(small, source)
            served, adapter = small, learnt
        else:
            source, served, adapter = base, work / f"merged-{name}.gguf", None
            if not served.is_file():
                merged, _ = merge(folder_, whole, work / f"merged-{name}", other_base=True)
                sixteen = work / f"merged-{name}-f16.gguf"
                convert(merged, sixteen, like=whole)
                quantise.make(sixteen, KIND, served)
        out["arms"][name] = measured(served, adapter, source, learnt, asked, venue)
        print(name, out["arms"][name], file=sys.stderr, flush=True)
    return out


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), sys.argv[2:]), indent=1))
