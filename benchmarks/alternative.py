"""Requests a second with 8 clients: `giljabi serve` beside one FastAPI process over transformers.

Same weights, same prompts, as many new tokens as the guide's drafts took. The alternative runs in an
environment of its own, named by GILJABI_TORCH_PYTHON (a python with torch, transformers, gguf).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from load import PORT, start, stop
from model_answers import ROOT, Recording, questions

from giljabi.answer.guide import Guide
from giljabi.model import prompt, store
from giljabi.model.generate import load
from giljabi.venue import folder

CLIENTS = 8
OTHER = 8766


def drafts(limit: int) -> list[tuple[str, str, int]]:
    """(question, rendered prompt, new tokens) for questions the guide gives to the model."""
    inner = load()
    recording = Recording(inner)
    guide = Guide(folder.load(ROOT / "venues" / "hanyang"), recording)
    template = prompt.template(store.base().untuned_template)
    out = []
    for question in questions(limit * 3):
        recording.calls.clear()
        guide.answer(question)
        if recording.calls:
            messages, _, pieces = recording.calls[0]
            out.append((question, template.render(messages), max(4, len(pieces))))
        if len(out) == limit:
            break
    inner.close()
    return out


async def _rate(url: str, bodies: list[dict[str, Any]]) -> float:
    """Requests a second when CLIENTS clients share the bodies between them."""
    queue = list(bodies)

    async def client() -> None:
        async with httpx.AsyncClient(timeout=600) as http:
            while queue:
                (await http.post(url, json=queue.pop())).raise_for_status()

    begin = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    return len(bodies) / (time.perf_counter() - begin)


def _ours(rows: list[tuple[str, str, int]], *extra: str) -> float:
    with tempfile.TemporaryDirectory() as folder_:
        server = start("auto", Path(folder_) / "m.db", *extra)
        httpx.post(f"http://127.0.0.1:{PORT}/answer", json={"prompt": rows[0][0]}, timeout=600)
        rate = asyncio.run(
            _rate(f"http://127.0.0.1:{PORT}/answer", [{"prompt": q} for q, _, _ in rows])
        )
        stop(server)
    return rate


def _theirs(python: str, rows: list[tuple[str, str, int]]) -> float:
    weights = store.weights().path
    script = str(Path(__file__).with_name("transformers_server.py"))
    server = subprocess.Popen([python, script, str(weights), str(OTHER)])
    try:
        for _ in range(600):
            try:
                httpx.get(f"http://127.0.0.1:{OTHER}/docs", timeout=1)
                break
            except httpx.HTTPError:
                time.sleep(0.5)
        bodies = [{"prompt": p, "max_new_tokens": n} for _, p, n in rows]
        httpx.post(f"http://127.0.0.1:{OTHER}/answer", json=bodies[0], timeout=600)
        return asyncio.run(_rate(f"http://127.0.0.1:{OTHER}/answer", bodies))
    finally:
        server.terminate()
        server.wait(20)


def measure(limit: int = 32) -> dict[str, Any]:
    """All three rates in one run, and the ratios."""
    rows = drafts(limit)
    shipped, all_model = _ours(rows), _ours(rows, "--model-wait", "-1")
    out: dict[str, Any] = {
        "clients": CLIENTS, "requests": len(rows), "as_shipped_rps": shipped, "all_by_model_rps": all_model,
    }  # fmt: skip
    if python := os.environ.get("GILJABI_TORCH_PYTHON"):
        other = _theirs(python, rows)
        out |= {"transformers_rps": other,
                "ratio_as_shipped": shipped / other, "ratio_all_by_model": all_model / other}  # fmt: skip
    else:
        out["transformers"] = "skipped: GILJABI_TORCH_PYTHON is not set"
    return out


if __name__ == "__main__":
    print(json.dumps(measure(), indent=1))
