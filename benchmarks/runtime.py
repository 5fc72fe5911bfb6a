"""The embedded model whole and trimmed, under each waiting policy, on idle cores and beside work.

Every setting runs in a process of its own, because OpenMP reads its policy once; settings take
turns, round by round, so that a noisy machine slows all of them alike. Figures are medians.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
POLICIES: dict[str, tuple[int, str]] = {
    "1 thread": (1, "1000"),
    "2 threads, default spinning": (2, "300000"),  # libgomp's own number
    "2 threads, GOMP_SPINCOUNT=1000": (2, "1000"),
    "2 threads, GOMP_SPINCOUNT=0": (2, "0"),
}
PROMPT = (
    "한양대학교 서울캠퍼스 안내입니다. 국제관은 지상 6층 건물이고 학생회관 옆에 있습니다. " * 12
)
TOKENS = 96


def _worker(path: str, threads: int) -> dict[str, float]:
    from giljabi.model import llamacpp, store
    from giljabi.model.prompt import Template
    from giljabi.model.store import Settings

    plain = Template("plain", (), "", lambda messages: messages[-1]["content"])
    before = _resident()
    start = time.perf_counter()
    model = llamacpp.LlamaCpp(
        Path(path), plain, n_ctx=store.base().n_ctx, threads=threads,
        settings=Settings(temperature=0.0, repetition_penalty=1.0),
    )  # fmt: skip
    loaded = time.perf_counter() - start

    def ask(question: str, tokens: int) -> float:
        start = time.perf_counter()
        first = 0.0
        messages: Any = [{"role": "user", "content": question}]
        for _ in model.stream(messages, max_tokens=tokens):
            first = first or time.perf_counter() - start
        return first

    cold = ask(PROMPT + "국제관은 어디에 있나요? 1, 2, 3,", 4)
    warm = [ask(PROMPT + f"국제관 {n}층에는 무엇이 있나요? 1, 2, 3,", 4) for n in range(3)]
    speeds = []
    for n in range(3):
        ask(f"{n}. 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,", TOKENS)
        speeds.append(1e3 * model.timings["predicted_n"] / model.timings["predicted_ms"])
        assert model.timings["predicted_n"] == TOKENS, "the model must count on"
    resident = _resident() - before
    model.close()
    return {
        "load_s": loaded, "first_cold_ms": 1e3 * cold, "first_warm_ms": 1e3 * statistics.median(warm),
        "tokens_s": statistics.median(speeds), "resident_mb": resident,
    }  # fmt: skip


def _resident() -> float:
    for line in Path("/proc/self/status").read_text("utf-8").splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1e3
    return 0.0


@contextmanager
def _busy() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def _run(path: Path, threads: int, spin: str) -> dict[str, float]:
    out = subprocess.run(
        [sys.executable, __file__, "worker", str(path), str(threads)],
        env={**os.environ, "GOMP_SPINCOUNT": spin}, check=True, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    found: dict[str, float] = json.loads(out.stdout.splitlines()[-1])
    return found


def bandwidth(rounds: int = 5) -> float:
    """Gigabytes a second that one core reads from memory, from summing a 512 MB array."""
    import numpy as np

    data = np.ones(1 << 27, dtype=np.float32)
    spent = []
    for _ in range(rounds):
        start = time.perf_counter()
        data.sum()
        spent.append(time.perf_counter() - start)
    return data.nbytes / min(spent) / 1e9


def measure(rounds: int = 2) -> dict[str, Any]:
    """Figures by load, policy and file, and the ratios that matter."""
    from giljabi.export.embedded import trimmed
    from giljabi.model import store
    from giljabi.venue import folder

    whole = store.weights().path
    small = trimmed(store.base(), folder.load(ROOT / "venues" / "hanyang"), print)
    files = {"full": whole, "trimmed": small}
    runs: dict[str, list[dict[str, float]]] = {}
    for _ in range(rounds):
        for load in ("idle", "one core busy"):
            for policy, (threads, spin) in POLICIES.items():
                for name, path in files.items():
                    if load == "idle":
                        figures = _run(path, threads, spin)
                    else:
                        with _busy():
                            figures = _run(path, threads, spin)
                    runs.setdefault(f"{load} / {policy} / {name}", []).append(figures)
    table = {
        key: {k: round(statistics.median(r[k] for r in many), 3) for k in many[0]}
        for key, many in runs.items()
    }
    gigabytes = bandwidth()
    return {
        "bytes": {name: path.stat().st_size for name, path in files.items()},
        "table": table,
        "memory_gb_s": gigabytes,
        "share_of_bandwidth": {
            name: table[f"idle / 1 thread / {name}"]["tokens_s"] * path.stat().st_size / 1e9 / gigabytes
            for name, path in files.items()
        },
        "rounds": rounds,
    }  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        print(json.dumps(_worker(sys.argv[2], int(sys.argv[3]))))
    else:
        print(json.dumps(measure(), ensure_ascii=False, indent=1))
