"""`make bench`: every figure of the README, measured in one place and written to results.json.

python benchmarks/run.py [--only NAME …]; names: accuracy planted model measuring tuning load
alternative data runtime hearing voice documents.
A part that cannot run says why. The alternative needs GILJABI_TORCH_PYTHON (see alternative.py).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
sys.path[:0] = [str(HERE), str(HERE / "guide")]

import tables  # noqa: E402


def _part(module: str, function: str, *args: Any, **options: Any) -> Callable[[], Any]:
    return lambda: getattr(importlib.import_module(module), function)(*args, **options)


PARTS: dict[str, Callable[[], Any]] = {
    "accuracy": _part("accuracy", "measure", model=True),
    "planted": _part("planted_errors", "rates"),
    "model": _part("model_answers", "measure"),
    "measuring": _part("measuring", "measure"),
    "load": lambda: [_part("load", "measure", "none")(), _part("load", "measure", "auto", 400)()],
    "alternative": _part("alternative", "measure"),
    "tuning": _part("tuning", "measure"),
    "data": _part("data", "measure"),
    "runtime": _part("runtime", "measure"),
    "hearing": _part("hearing", "measure"),
    "voice": _part("voice", "measure"),
    "documents": _part("document_answers", "measure"),
}


def _attempt(name: str) -> Any:
    try:
        return PARTS[name]()
    except Exception as error:  # noqa: BLE001 - one part that fails must not lose the others
        return {"failed": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Measure the named parts (all by default) and merge them into results.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    results: dict[str, Any] = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    for name in parser.parse_args().only:
        print(f"{name} …", file=sys.stderr, flush=True)
        begin = time.perf_counter()
        results[name] = {
            "measured": time.strftime("%Y-%m-%d"), "load_average": os.getloadavg()[0],
            "machine": f"{platform.machine()}, {os.cpu_count()} cores", "python": platform.python_version(),
            "figures": _attempt(name), "seconds": round(time.perf_counter() - begin),
        }  # fmt: skip
        scratch = RESULTS.with_suffix(".tmp")
        scratch.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", "utf-8")
        scratch.replace(RESULTS)
    tables.write(results)


if __name__ == "__main__":
    main()
