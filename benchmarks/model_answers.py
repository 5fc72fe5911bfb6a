"""What the model's words cost and how often they survive; and the bare runtime beside it.

For every question the guide's own prompts and token counts are recorded; a second, bare engine with
the same history then produces as many tokens from the same prompts. Both are timed in turn, so that
a busy machine slows both, and each finds its prefix cache as the other does.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.answer.guide import Guide
from giljabi.cli.guides import embedded
from giljabi.model.generate import Loaded
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]


class Recording:
    """Passes everything to the real generator and keeps each prompt with what came back."""

    def __init__(self, inner: Loaded) -> None:
        self.name, self.tuned, self._inner = inner.name, inner.tuned, inner
        self.calls: list[tuple[list[Message], dict[str, Any], list[str]]] = []

    def stream(
        self, messages: Sequence[Message], *, stop: Sequence[str] = (), max_tokens: int | None = None,
        temperature: float | None = None, seed: int | None = None, cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:  # fmt: skip
        options: dict[str, Any] = {
            "stop": stop,
            "max_tokens": max_tokens,
            "temperature": temperature,
            "seed": seed,
        }
        pieces: list[str] = []
        self.calls.append((list(messages), options, pieces))
        for piece in self._inner.stream(messages, cancel=cancel, **options):
            pieces.append(piece)
            yield piece


def questions(limit: int) -> list[str]:
    """Answerable first turns of the question set, every n-th."""
    rows = [
        json.loads(line)
        for line in (ROOT / "benchmarks/guide/questions.jsonl").read_text("utf-8").splitlines()
    ]
    asked = [r["turns"][0] for r in rows if r["expect"] == "answer" and len(r["turns"]) == 1]
    return asked[:: max(1, len(asked) // limit)][:limit]


def measure(limit: int = 120) -> dict[str, Any]:
    """Survival of the model's words and milliseconds against the bare runtime."""
    venue = folder.load(ROOT / "venues" / "hanyang")
    inner, beside = embedded(venue), embedded(venue)
    recording = Recording(inner)
    guide = Guide(venue, recording)
    written, slots = Counter[str](), Counter[str]()
    ours, bare, overhead = [], [], []
    dropped = sentences = 0
    for question in questions(limit):
        recording.calls.clear()
        start = time.perf_counter()
        answer = guide.answer(question)
        spent = time.perf_counter() - start
        written[answer.written_by] += 1
        slots[f"{answer.slot}:{answer.written_by}"] += 1
        if not recording.calls:
            continue
        dropped += len(answer.dropped)
        sentences += len(answer.dropped) + (answer.written_by in ("model", "mixed"))
        start = time.perf_counter()
        for messages, options, pieces in recording.calls:
            budget = max(1, len(pieces))
            list(beside.stream(messages, **{**options, "max_tokens": budget}))
        again = time.perf_counter() - start
        ours.append(spent * 1e3)
        bare.append(again * 1e3)
        overhead.append(answer.timings["understand"] + answer.timings["check"])
    inner.close()
    beside.close()
    asked = sum(written.values()) - written["refusal"]
    return {
        "questions": sum(written.values()), "written_by": dict(written), "by_slot": dict(slots),
        "model_or_mixed_share": (written["model"] + written["mixed"]) / asked,
        "drafts": sentences, "drafts_dropped": dropped,
        "guide_p50_ms": statistics.median(ours), "bare_p50_ms": statistics.median(bare),
        "ratio_p50": statistics.median(ours) / statistics.median(bare),
        "own_overhead_p50_ms": statistics.median(overhead), "timed": len(ours),
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(), ensure_ascii=False, indent=1))
