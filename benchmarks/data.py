"""Training data: how fast it is built, how varied it is, what the audit says of it and of the old set.

And the teacher path against a local endpoint in trouble, beside the old road's loop: one request at
a time with a second's sleep after each.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx

from giljabi.build.audit import audit, variety
from giljabi.build.corpus import read
from giljabi.build.dataset import KINDS, BuildOptions, build
from giljabi.build.journal import Journal
from giljabi.build.taught import pairs_in
from giljabi.build.teacher import Teacher, TeacherOptions
from giljabi.measure.records import RawRecords
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
HANYANG = ROOT / "venues" / "hanyang"
SHARED = ROOT.parent / "shared" / "venue"
OLD = SHARED / "qa"
sys.path.insert(0, str(ROOT / "tests" / "build"))

_SAMPLE, _REFERENCES = 400, 2000
_REQUESTS, _LATENCY_S, _OLD_SLEEP_S = 40, 0.4, 1.0


def _bytes(folder_: Path) -> dict[str, str]:
    return {
        p.name: hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(folder_.iterdir())
        if p.is_file()
    }


def _built(scratch: Path) -> dict[str, Any]:
    options = BuildOptions(layouts=("jsonl", "parquet", "scopes"))
    began = time.perf_counter()
    manifest = build(HANYANG, scratch / "one", options)
    seconds = time.perf_counter() - began
    build(HANYANG, scratch / "two", options)
    rows = [
        json.loads(line)
        for split in ("train", "val")
        for line in (scratch / "one" / f"{split}.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    raw = RawRecords.load(SHARED)
    unsupported = 0
    for row in rows:
        codes = [*row["places"], *(f[k] for f in row["facts"] for k in ("subject", "object"))]
        unsupported += bool(
            raw.unsupported(row["messages"][-1]["content"], list(dict.fromkeys(codes)))
        )
    found = audit([scratch / "one"], folder.load(HANYANG))
    return {
        "examples": len(rows), "by_kind": manifest["by_kind"], "seconds": round(seconds, 1),
        "short": sum(manifest["short"].values()),
        "second_run_equal": _bytes(scratch / "one") == _bytes(scratch / "two"),
        "unsupported_by_records": unsupported, "audit": {r.name: r.count for r in found.rules if r.fault},
    }  # fmt: skip


def self_bleu(texts: list[str]) -> float:
    """Mean BLEU of a sample against others of the same set, words as tokens: lower is more varied."""
    from sacrebleu.metrics.bleu import BLEU

    rng = random.Random(0)
    texts = sorted(set(texts))
    rng.shuffle(texts)
    sample, rest = texts[:_SAMPLE], texts[_SAMPLE : _SAMPLE + _REFERENCES]
    bleu = BLEU(tokenize="none", effective_order=True)
    return sum(bleu.sentence_score(t, rest).score for t in sample) / len(sample)


def _variety(path: Path) -> dict[str, Any]:
    pairs, _ = read([path])
    questions, answers = [p.question for p in pairs], [p.answer for p in pairs]
    out: dict[str, Any] = {}
    for name, texts in (("questions", questions), ("answers", answers)):
        same_size = random.Random(0).sample(texts, 12_000)
        out[name] = {
            "distinct": len(set(texts)) / len(texts),
            "distinct_3": variety(same_size)["share_distinct_3"],
            "self_bleu": round(self_bleu(texts), 1),
        }
    return out


def _old() -> dict[str, Any]:
    found = audit([OLD], folder.load(HANYANG))
    return {
        "rules": {r.name: [r.count, r.of] for r in found.rules},
        "spellings": found.extra["spellings"], "bus_numbers": found.extra["bus_numbers"],
    }  # fmt: skip


def _troubled(scratch: Path) -> dict[str, Any]:
    import teachers

    with teachers.Teacher(trouble=True, lies=0.3) as server:
        options = TeacherOptions(
            server.url, "stand-in", first_wait_s=0.05, price_in=0.15, price_out=0.6
        )
        counts = dict.fromkeys(KINDS, 0) | {"basic": 1}
        manifest = build(HANYANG, scratch / "taught", BuildOptions(counts=counts, teacher=options))
        rows = (
            json.loads(x)
            for x in (scratch / "taught" / "train.jsonl").read_text("utf-8").split("\n")
            if x
        )
        kept = {r["messages"][-1]["content"] for r in rows if r["kind"] == "teacher"}
        false = server.told_false - server.told_true
        return {
            "requests": manifest["teacher"]["requests"], "kept": manifest["teacher"]["kept"],
            "rejected": manifest["teacher"]["rejected"], "statuses": dict(server.statuses),
            "false_answers": len(false), "false_kept": len(kept & false),
            "true_answers": len(server.told_true), "true_kept": len(kept & server.told_true),
            "most_often_billed": max(server.billed.values()), "unanswered": manifest["teacher"]["failed"],
        }  # fmt: skip


def _throughput(scratch: Path) -> dict[str, Any]:
    """Pairs a second: ours (8 at once), the old loop with its sleep, and the loop without it."""
    import teachers

    from giljabi.build.maker import Job, Maker
    from giljabi.build.taught import ask_for

    maker = Maker(folder.load(HANYANG))
    jobs = [Job(p, "ko", 0, (), frozenset(), (), False) for p in maker.described()[:_REQUESTS]]
    asks = [ask_for(maker, job, 10, 0, "m") for job in jobs]
    out: dict[str, Any] = {}
    with teachers.Teacher(latency=_LATENCY_S) as server:
        options = TeacherOptions(server.url, "stand-in")
        journal = Journal(scratch / "speed.jsonl")
        began = time.perf_counter()
        Teacher(options, journal).ask(asks, lambda n, of: None)
        pairs = sum(len(pairs_in(r["content"])[0]) for r in journal.replies.values())
        out["ours_pairs_per_s"] = pairs / (time.perf_counter() - began)
        for name, sleep in (("old_loop", _OLD_SLEEP_S), ("loop_without_sleep", 0.0)):
            some, began, pairs = asks[: _REQUESTS // 4], time.perf_counter(), 0
            for ask in some:
                body = {"model": "stand-in", "messages": list(ask.messages)}
                reply = httpx.post(options.endpoint, json=body, timeout=60, trust_env=False).json()
                pairs += len(pairs_in(reply["choices"][0]["message"]["content"])[0])
                time.sleep(sleep)
            out[f"{name}_pairs_per_s"] = pairs / (time.perf_counter() - began)
    out["ratio_to_old_loop"] = out["ours_pairs_per_s"] / out["old_loop_pairs_per_s"]
    out["ratio_without_sleep"] = out["ours_pairs_per_s"] / out["loop_without_sleep_pairs_per_s"]
    return out


def measure() -> dict[str, Any]:
    """Every figure about training data."""
    if not OLD.is_dir():
        raise FileNotFoundError(f"{OLD} is not here: the old set and the raw records are needed")
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        return {
            "built": _built(scratch),
            "variety": {"ours": _variety(scratch / "one"), "old": _variety(OLD)},
            "old_audit": _old(), "teacher": _troubled(scratch), "throughput": _throughput(scratch),
        }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(measure(), ensure_ascii=False, indent=1))
