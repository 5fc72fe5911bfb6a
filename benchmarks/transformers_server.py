"""The obvious alternative, as in the tutorials: one FastAPI process around transformers `generate`.

Runs in an environment of its own (torch, transformers, gguf, fastapi, uvicorn):
python benchmarks/transformers_server.py WEIGHTS.gguf PORT
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel
from transformers import AutoModelForCausalLM, AutoTokenizer


class Ask(BaseModel):
    """A rendered prompt and the token budget."""

    prompt: str
    max_new_tokens: int


def build(weights: Path) -> FastAPI:
    """De-quantise the GGUF to fp32 and serve it."""
    tokenizer = AutoTokenizer.from_pretrained(weights.parent, gguf_file=str(weights.resolve()))
    model = AutoModelForCausalLM.from_pretrained(
        weights.parent, gguf_file=str(weights.resolve()), dtype=torch.float32
    )
    app = FastAPI()

    @app.post("/answer")
    def answer(ask: Ask) -> dict[str, str]:
        inputs = tokenizer(ask.prompt, return_tensors="pt")
        with torch.no_grad():
            out = model.generate(**inputs, max_new_tokens=ask.max_new_tokens, do_sample=False)
        return {"result": tokenizer.decode(out[0][inputs["input_ids"].shape[1] :])}

    return app


if __name__ == "__main__":
    uvicorn.run(build(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
