"""Rates of the checker on planted errors and true paraphrases, by class and language.

Run: python benchmarks/guide/planted_errors.py
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from giljabi.venue import folder

ROOT = Path(__file__).parents[2]
VENUES = ("venues/hanyang", "tests/venues/hospital")


def rates() -> dict[str, Any]:
    """Counts over both venues: true passed of all, planted caught of all, by how and language."""
    sys.path.insert(0, str(ROOT / "tests" / "answer"))
    from planted import Bench, planted, true_cases  # type: ignore[import-not-found]

    true, passed = 0, 0
    all_, missed = Counter[str](), Counter[str]()
    for venue in VENUES:
        bench = Bench(folder.load(ROOT / venue))
        cases = list(true_cases(bench))
        true += len(cases)
        passed += sum(bench.passes(c.question, c.text) for c in cases)
        for p in planted(bench, cases, seed=7):
            key = f"{p.how} ({p.case.lang})"
            all_[key] += 1
            missed[key] += bench.passes(p.case.question, p.text)
    total = sum(all_.values())
    return {
        "true": true, "passed": passed, "pass_rate": passed / true,
        "planted": total, "missed": sum(missed.values()), "catch_rate": 1 - sum(missed.values()) / total,
        "by": {k: {"planted": n, "missed": missed[k]} for k, n in sorted(all_.items())},
    }  # fmt: skip


if __name__ == "__main__":
    found = rates()
    print(f"true paraphrases passed: {found['passed']} of {found['true']}")
    print(f"planted errors caught: {found['planted'] - found['missed']} of {found['planted']}")
    for name, row in found["by"].items():
        print(f"| {name} | {row['planted']} | {row['missed']} |")
