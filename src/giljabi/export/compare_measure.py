"""How fast a model file answers and how much memory it takes, in a process of its own.

A process that has loaded another model before would show that one's memory as well. Times are
llama.cpp's own; memory is what the system counts as resident, mapped weights included.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError

_MARK = "giljabi-measured "
_CHILD = "import sys; from giljabi.export.compare_measure import main; main(sys.argv[1])"
_MOST_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class Task:
    """One answer to be timed."""

    path: str
    prompt: str
    adapter: str = ""
    """A LoRA file loaded over it; empty for none."""
    tokens: int = 64
    """Tokens of the answer; the model cannot end it earlier."""
    n_ctx: int = 2048
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Timing:
    """What one answer took."""

    load_s: float
    first_token_s: float
    """From the request to the first piece of text, the whole prompt read."""
    tokens_per_s: float
    """While decoding."""
    resident_mb: float
    """10⁶ bytes, after the answer; 0 where the system does not tell."""
    prompt_tokens: int


def timed(task: Task) -> Timing:
    """Load and answer in a fresh process; GiljabiError where it fails."""
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter on our own code
            [sys.executable, "-P", "-c", _CHILD, json.dumps(asdict(task))],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise GiljabiError(f"{task.path} did not answer within {_MOST_SECONDS} s.") from None
    for line in done.stdout.splitlines():
        if line.startswith(_MARK):
            return Timing(**json.loads(line.removeprefix(_MARK)))
    said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    raise GiljabiError(f"{task.path} could not be measured: {said}")


def main(task: str) -> None:
    """The child's part: measure here and print one marked line."""
    print(f"\n{_MARK}{json.dumps(asdict(measure(Task(**json.loads(task)))))}", flush=True)


def measure(task: Task) -> Timing:
    """Load the model into this process and time one answer."""
    from giljabi.model import llamacpp  # noqa: PLC0415

    adapter = llamacpp.Adapter(Path(task.adapter)) if task.adapter else None
    start = time.perf_counter()
    engine = llamacpp.start(llamacpp.parameters(Path(task.path), task.n_ctx, task.threads, adapter))
    loaded = time.perf_counter()
    _answer(engine, "길", 4)  # brings every page of the weights in
    asked = time.perf_counter()
    first, timings = _answer(engine, task.prompt, task.tokens)
    return Timing(
        load_s=round(loaded - start, 3),
        first_token_s=round(first - asked, 4),
        tokens_per_s=round(timings["predicted_n"] / timings["predicted_ms"] * 1000, 2),
        resident_mb=round(_resident() / 1e6, 1),
        prompt_tokens=int(timings["prompt_n"]),
    )


def _answer(engine: Any, prompt: str, tokens: int) -> tuple[float, dict[str, float]]:
    """When the first token came, and llama.cpp's timings of the answer."""
    first: list[float] = []
    last: dict[str, Any] = {}

    def on_chunk(chunk: dict[str, Any]) -> bool:
        first.append(time.perf_counter())
        last.update(chunk)
        return False

    request = {
        "prompt": prompt, "stream": True, "max_tokens": tokens, "ignore_eos": True,
        "temperature": 0.0, "cache_prompt": False,
    }  # fmt: skip
    engine.handle_completions(request, on_chunk)
    if "timings" not in last:
        raise GiljabiError(f"llama.cpp refused to answer: {last.get('error', last)}")
    return first[0], last["timings"]


def _resident() -> int:
    """Bytes of this process in memory now; the most there ever were where no /proc tells."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most if sys.platform == "darwin" else most * 1024)
