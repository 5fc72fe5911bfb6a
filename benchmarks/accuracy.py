"""The question sets, the teacher beside the guide, template latency, planted errors."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from giljabi.answer.guide import Guide
from giljabi.cli.guides import embedded
from giljabi.measure import suite
from giljabi.measure.records import RawRecords
from giljabi.measure.report import Report
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "benchmarks" / "guide"
SHARED = ROOT.parent / "shared" / "venue"
SETS = {"own": GUIDE / "questions.jsonl", "second": GUIDE / "held_out" / "questions.jsonl"}


def _figures(report: Report) -> dict[str, Any]:
    unknown = report.by("slot")
    return {
        "right": report.accuracy.right, "of": report.accuracy.all,
        "unknown_right": sum(unknown[s].right for s in ("unknown_place", "unknown_fact") if s in unknown),
        "unknown_of": sum(unknown[s].all for s in ("unknown_place", "unknown_fact") if s in unknown),
        "unsupported_by_verify": report.unverified, "unsupported_by_records": report.unsupported,
        "written_by": report.written_by, "p50_ms": report.latency(0.5), "p95_ms": report.latency(0.95),
    }  # fmt: skip


def measure(*, model: bool) -> dict[str, Any]:
    """Figures by set, without and (with `model`) with the embedded model."""
    records = RawRecords.load(SHARED) if SHARED.is_dir() else None
    sets = dict(SETS)
    out: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        if records is not None:
            sets["teacher_val"] = Path(scratch) / "val.jsonl"
            command = [
                sys.executable,
                str(GUIDE / "teacher_questions.py"),
                str(sets["teacher_val"]),
            ]
            subprocess.run(
                command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        venue = folder.load(ROOT / "venues" / "hanyang")
        generators = {"template": None, **({"model": embedded(venue)} if model else {})}
        for name, path in sets.items():
            rows = suite.read_questions(path)
            for writer, generator in generators.items():
                guide = Guide(venue, generator)
                out[f"{name}/{writer}"] = _figures(suite.evaluate(guide, rows, records=records))
            if name == "teacher_val":
                raw = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
                texts = {r["id"]: r["teacher_answer"] for r in raw}
                report = suite.evaluate_texts(texts, rows, writer="teacher", records=records)
                out[f"{name}/teacher"] = _figures(report)
    if records is None:
        out["skipped"] = "teacher questions and the raw-record check need ../shared"
    return out


if __name__ == "__main__":
    print(json.dumps(measure(model="--model" in sys.argv), ensure_ascii=False, indent=1))
