"""What transformers says on the tiny models: recorded once, compared where torch is missing.

python tests/export/tiny_golden.py          # with torch and transformers: writes the file
python tests/export/tiny_golden.py --seeds  # searches the seeds of tiny_models.SEEDS
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

import tiny_models

from giljabi.export.conversations import CONVERSATIONS
from giljabi.export.convert_architecture import ARCHITECTURES
from giljabi.export.convert_tokenizer import load
from giljabi.model import prompt

GOLDEN = Path(__file__).with_name("tiny_golden.json")
STEPS = 16
_ASKED = (0, 3, 8, 14)  # Korean, Korean with a system message, English, emoji
_TEMPLATES = {a.name: a.template for a in ARCHITECTURES.values()}


def prompts(architecture: str) -> list[str]:
    """The texts the tiny models are asked with, without a beginning-of-sequence token."""
    template = prompt.template(_TEMPLATES[architecture])
    return [template.render(CONVERSATIONS[i].messages) for i in _ASKED]


def greedy(folder: Path, texts: list[str]) -> tuple[list[list[int]], float]:
    """transformers' likeliest ids, STEPS for each text, and the smallest lead in standard
    deviations of the logits: float32, so that F16 weights are its only rounding."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = load(folder)
    said, lead = [], float("inf")
    for text in texts:
        ids = tokenizer.encode(text).ids
        start = len(ids)
        for _ in range(STEPS):
            with torch.no_grad():
                logits = model(torch.tensor([ids])).logits[0, -1]
            best = logits.topk(2)
            lead = min(lead, float((best.values[0] - best.values[1]) / logits.std()))
            ids.append(int(best.indices[0]))
        said.append(ids[start:])
    return said, lead


def golden() -> dict[str, list[list[int]]]:
    """What was recorded: ids by architecture and prompt."""
    return json.loads(GOLDEN.read_text("utf-8"))


def _seeds(count: int = 40) -> None:
    for architecture in tiny_models.ARCHITECTURES:
        found = []
        for seed in range(count):
            with tempfile.TemporaryDirectory() as folder:
                made = tiny_models.make(Path(folder) / "m", architecture, seed=seed)
                said, lead = greedy(made, prompts(architecture))
                added = tiny_models.read(made, "tokenizer.json")["added_tokens"]
            special = {t["id"] for t in added if t["special"]}
            different = {i for ids in said for i in ids}
            # A control token would end the runtime's answer; a model that repeats itself shows
            # little.
            if not special & different and len(different) > STEPS:
                found.append((lead, len(different), seed))
        print(architecture, len(found), sorted(found, reverse=True)[:3], flush=True)


def _record() -> None:
    said = {}
    for architecture in tiny_models.ARCHITECTURES:
        with tempfile.TemporaryDirectory() as folder:
            made = tiny_models.make(Path(folder) / "m", architecture)
            said[architecture], lead = greedy(made, prompts(architecture))
        print(architecture, f"smallest lead {lead:.3f}")
    rows = ",\n".join(f" {json.dumps(name)}: {json.dumps(ids)}" for name, ids in said.items())
    GOLDEN.write_text(f"{{\n{rows}\n}}\n", "utf-8")


if __name__ == "__main__":
    _seeds() if "--seeds" in sys.argv else _record()
