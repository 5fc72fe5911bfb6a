"""results.json -> the tables of README.md and benchmarks/README.md, between their markers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", ROOT / "benchmarks" / "README.md")


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _accuracy(f: dict[str, Any]) -> list[tuple[str, str]]:
    rows = []
    names = {
        "own": "own questions",
        "second": "second set",
        "teacher_val": "the old teacher's questions",
    }
    for key, figures in f.items():
        if not isinstance(figures, dict):
            continue
        name, writer = key.split("/")
        right = f"{figures['right']} of {figures['of']}"
        extra = ""
        if figures["unknown_of"]:
            extra += f"; unknown places and facts refused {figures['unknown_right']} of {figures['unknown_of']}"
        extra += (
            f"; unsupported answers {_percent(figures['unsupported_by_records'])} by the records"
        )
        if writer != "teacher":
            extra += f", {_percent(figures['unsupported_by_verify'])} by the checker"
            extra += f"; p50 {figures['p50_ms']:.0f} ms, p95 {figures['p95_ms']:.0f} ms"
        rows.append((f"right, {names[name]}, {writer}", right + extra))
    return rows


def _planted(f: dict[str, Any]) -> list[tuple[str, str]]:
    caught = f["planted"] - f["missed"]
    return [
        (
            "planted errors caught",
            f"{caught:,} of {f['planted']:,} ({100 * f['catch_rate']:.3f} %)",
        ),
        (
            "true paraphrases passed",
            f"{f['passed']:,} of {f['true']:,} ({100 * f['pass_rate']:.2f} %)",
        ),
    ]


def _model(f: dict[str, Any]) -> list[tuple[str, str]]:
    by, dropped = f["written_by"], f"{f['drafts_dropped']} of {f['drafts']}"
    return [
        ("who wrote (Gemma 3 270M with its adapter)", ", ".join(f"{k} {n}" for k, n in sorted(by.items()))
         + f"; drafts dropped {dropped}"),
        ("model answers, p50", f"{f['guide_p50_ms']:.0f} ms, {f['ratio_p50']:.2f}× the bare runtime on the same "
         f"tokens; the guide's own part {f['own_overhead_p50_ms']:.1f} ms"),
    ]  # fmt: skip


def _load(runs: list[dict[str, Any]]) -> list[tuple[str, str]]:
    rows = []
    for f in runs:
        name = f"load, {f['requests']} requests, {f['concurrency']} at once, model {f['model']}"
        kept = f"{f['kept_after_kill']} of {f['answered_before_kill']}"
        said = f"statuses {f['statuses']}, wrong or crossed {f['crossed_or_wrong']}, "
        said += (
            f"{f['requests_per_second']} a second; after kill -9 {kept} answered turns still there"
        )
        rows.append((name, said))
    return rows


def _alternative(f: dict[str, Any]) -> list[tuple[str, str]]:
    if "transformers_rps" not in f:
        return [("8 clients", str(f.get("transformers", "not measured")))]
    return [
        ("8 clients, beside FastAPI + transformers",
         f"as shipped {f['as_shipped_rps']:.2f}/s ({f['ratio_as_shipped']:.1f}×), every answer by the model "
         f"{f['all_by_model_rps']:.2f}/s ({f['ratio_all_by_model']:.1f}×), transformers {f['transformers_rps']:.3f}/s")
    ]  # fmt: skip


def _data(f: dict[str, Any]) -> list[tuple[str, str]]:
    b, t, s = f["built"], f["teacher"], f["throughput"]
    equal = (
        "bytes equal on a second run" if b["second_run_equal"] else "BYTES DIFFER ON A SECOND RUN"
    )
    rules = f["old_audit"]["rules"]
    old = ", ".join(
        f"{what} {rules[name][0]:,} of {rules[name][1]:,}"
        for name, what in (
            ("leakage", "validation questions in training"),
            ("several_answers", "questions with several answers"),
            ("different_numbers", "with different numbers"),
            ("mixed_language", "English answered with Hangul"),
            ("contradicted", "contradicted by the venue"),
            ("no_such_ride", "buses where none goes"),
        )
    )
    rows = [
        ("training set from venues/hanyang", f"{b['examples']:,} examples in {b['seconds']:.0f} s; {equal}; "
         f"unsupported by the raw records {b['unsupported_by_records']}, audit faults {sum(b['audit'].values())}"),
        ("the old set of 13,218, audited", old),
    ]  # fmt: skip
    for what in ("questions", "answers"):
        ours, theirs = f["variety"]["ours"][what], f["variety"]["old"][what]
        said = f"distinct {_percent(ours['distinct'])} and {_percent(theirs['distinct'])}, "
        said += f"distinct 3-word pieces {_percent(ours['distinct_3'])} and {_percent(theirs['distinct_3'])}, "
        said += f"self-BLEU {ours['self_bleu']} and {theirs['self_bleu']}"
        rows.append((f"variety of {what}, ours and the old set's", said))
    caught = t["false_answers"] - t["false_kept"]
    refusals = sum(t["statuses"].values()) - t["requests"]
    taught = f"{t['requests']} replies through {refusals} refusals; {t['kept']:,} pairs kept; "
    taught += f"{caught} of {t['false_answers']} lies caught, "
    taught += f"{t['true_kept']:,} of {t['true_answers']:,} true answers kept; "
    taught += f"none billed more than {t['most_often_billed']} time"
    speed = (
        f"{s['ours_pairs_per_s']:.1f}: {s['ratio_to_old_loop']:.1f}× the old loop with its sleep, "
    )
    speed += f"{s['ratio_without_sleep']:.1f}× the loop without"
    return [*rows, ("a teacher in trouble that lies", taught), ("teacher pairs a second", speed)]


def _measuring(f: dict[str, Any]) -> list[tuple[str, str]]:
    def share(name: str, what: str) -> str:
        found = f["contestants"][name][what]
        return f"{found['count']} of {found['of']} ({_percent(found['share'])})"

    names = {
        "alone:gemma3-270m": "the tuned model alone",
        "facts": "with the facts in its prompt, unchecked",
        "guide": "the guide",
    }
    return [
        (f"answers with something no fact supports, {f['asked']} questions",
         ", ".join(f"{said} {share(name, 'unsupported')}" for name, said in names.items())),
        ("right of the same questions",
         ", ".join(f"{said} {share(name, 'right')}" for name, said in names.items())),
    ]  # fmt: skip


def _tuning(f: dict[str, Any]) -> list[tuple[str, str]]:
    if "words" not in f:
        return [("the adapter", str(f.get("skipped", "not measured")))]
    own = ", ".join(
        f"{name} {_percent(by['base']['own'])} → {_percent(by['adapter']['own'])}"
        for name, by in f["words"].items()
    )
    tuned = [by["adapter"] for by in f["words"].values()]
    asked = sum(one["worded"] for one in tuned)
    ended = {how: sum(one[f"ended_{how}"] for one in tuned) for how in ("greedy", "sampled")}
    off, on, rise = (f["forgetting"][name] for name in ("off", "on", "rise"))
    kept = ", ".join(
        f"{name} {off[lang]:.3f} → {on[lang]:.3f} ({100 * rise[lang]:+.1f} %)"
        for lang, name in (("ko", "Korean"), ("en", "English"))
    )
    return [
        ("answers wholly in the model's own words, base → with its adapter", own),
        ("answers that end by themselves", f"greedy {ended['greedy']} of {asked}, "
         f"sampled {ended['sampled']} of {asked}"),
        ("general text, bits per byte, adapter off → on", kept),
    ]  # fmt: skip


def _runtime(f: dict[str, Any]) -> list[tuple[str, str]]:
    table, size = f["table"], f["bytes"]

    def row(load: str, policy: str) -> tuple[str, str]:
        full, small = (table[f"{load} / {policy} / {name}"] for name in ("full", "trimmed"))
        ratio = small["tokens_s"] / full["tokens_s"]
        said = f"{small['tokens_s']:.0f} and {full['tokens_s']:.0f} ({ratio:.2f}×)"
        return f"tokens a second, trimmed and full, {load}, {policy}", said

    full, small = (table[f"idle / 1 thread / {name}"] for name in ("full", "trimmed"))
    shares = f["share_of_bandwidth"]
    rows = [
        ("trimmed beside the full file", f"{size['trimmed'] / size['full']:.2f}× the bytes, "
         f"{small['resident_mb'] / full['resident_mb']:.2f}× resident ({small['resident_mb']:.0f} MB), "
         f"load {small['load_s']:.1f} and {full['load_s']:.1f} s, first token "
         f"{small['first_warm_ms']:.0f} and {full['first_warm_ms']:.0f} ms"),
        ("decode as a share of one core's memory bandwidth", f"trimmed {_percent(shares['trimmed'])}, full "
         f"{_percent(shares['full'])} of {f['memory_gb_s']:.1f} GB/s"),
    ]  # fmt: skip
    keys = dict.fromkeys(tuple(k.split(" / ")[:2]) for k in table)
    return rows + [row(load, policy) for load, policy in keys]


def _hearing(f: dict[str, Any]) -> list[tuple[str, str]]:
    if "words" not in f:
        return [("hearing", str(f.get("skipped", "not measured")))]
    words, names, noises = f["words"], f["names"], f["noises"]
    ours = words["ours: window that fits, penalty 1.1, beam 5"]
    theirs = words["faster-whisper's transcribe()"]
    alone, helped = (names[f"with the clips' places, {how}"] for how in ("unhelped", "helped"))
    named = ", ".join(
        f"{what} {alone['names_right'][what]} → {helped['names_right'][what]}"
        for what in helped["names_right"]
    )
    opened = sum(row["turns"] for row in noises["noises"].values())
    return [
        (f"character errors of Whisper base, {f['clips']} human clips, ours beside faster-whisper's own call",
         f"{ours['cer']:.3f} and {theirs['cer']:.3f}, CPU seconds a clip {ours['cpu_s_a_clip']:.2f} and "
         f"{theirs['cpu_s_a_clip']:.2f}, real-time factor {ours['real_time_factor']:.3f} and "
         f"{theirs['real_time_factor']:.3f}"),
        ("names heard right, alone → helped by a catalogue of 208 places",
         f"{named}; character errors {alone['cer']:.3f} → {helped['cer']:.3f}; names nobody said: "
         f"{helped['false_names']}, with Hanyang's catalogue {names['Hanyang only, helped']['false_names']}"),
        (f"a minute each of {len(noises['noises'])} noises: silence, white, pink, hum, clicks, crowds, music",
         f"{opened} turns opened, {noises['answered']} answered; of the human clips "
         f"{noises['real clips answered']} are"),
    ]  # fmt: skip


def _voice(f: dict[str, Any]) -> list[tuple[str, str]]:
    if "turns" not in f:
        return [("a spoken turn", str(f.get("skipped", "not measured")))]
    turns, cut, memory = f["turns"], f["interrupt"], f["memory"]
    first, stages = turns["first_sound_ms"], turns["stages_ms"]

    def spread(of: dict[str, float]) -> str:
        return f"{of['p50']:.0f} ({of['p95']:.0f})"

    roads = ", ".join(
        f"{name} {spread(first[name])}: {ratio:.1f}×" for name, ratio in turns["ratio"].items()
    )
    staged = ", ".join(
        f"{name} {spread(stages[name])}" for name in ("hold", "hear", "think", "voice")
    )
    stopped = ", ".join(
        f"{stage} {spread(one)}, {one['within_200_ms']} of {one['interruptions']} within 200"
        for stage, one in cut.items()
    )
    stale = sum(one["stale_events"] for one in cut.values())
    return [
        (f"end of speech to first sound, {turns['turns']} turns, ms p50 (p95)",
         f"{spread(first['ours'])}; one after another: {roads}"),
        ("the same by stage", staged),
        ("interrupted: from speech onset to cancelled, ms p50 (p95)", f"{stopped}; stale events after it {stale}"),
        ("whole voice stack in one process",
         f"{memory['resident_mb']:.0f} MB resident, peak {memory['peak_mb']:.0f} MB"),
    ]  # fmt: skip


def _documents(f: dict[str, Any]) -> list[tuple[str, str]]:
    found = f["found"]
    rows = [
        (f"passages found, {found['questions']} questions on six documents searched at once",
         f"recall@5 {_percent(found['recall@5'])}, recall@1 {_percent(found['recall@1'])}, MRR {found['MRR']:.3f}"),
    ]  # fmt: skip
    for bar, a in f["answers"].items():
        rows.append((
            f"answered from documents by quoting, --refuse {bar}",
            f"answered {_percent(a['answered'])}, by a right sentence {_percent(a['evidence'])}, the answer shown "
            f"{_percent(a['shown'])}; supported {_percent(a['supported'])}; refused "
            f"{_percent(a['refused'])} of {a['unanswerable']} that nothing answers",
        ))  # fmt: skip
    return [*rows, ("the same, p50 and p95", f"{f['p50_ms']:.0f} and {f['p95_ms']:.0f} ms")]


_TABLES = {
    "accuracy": _accuracy, "measuring": _measuring, "planted": _planted, "model": _model, "tuning": _tuning,
    "load": _load, "alternative": _alternative, "data": _data, "runtime": _runtime, "hearing": _hearing,
    "voice": _voice, "documents": _documents,
}  # fmt: skip


def write(results: dict[str, Any]) -> None:
    """Put the table of every measured part between the markers of both pages."""
    lines = ["| what | measured |", "|---|---|"]
    for name, table in _TABLES.items():
        if name in results and "failed" not in results[name]["figures"]:
            lines += [f"| {a} | {b} |" for a, b in table(results[name]["figures"])]  # type: ignore[operator]
    days = sorted({r["measured"] for r in results.values()})
    where = next(iter(results.values()))
    lines += [
        "",
        f"{where['machine']}, no GPU, Python {where['python']}, {' – '.join(days)}; `make bench` measures it again.",
    ]
    block = "<!-- bench:begin -->\n" + "\n".join(lines) + "\n<!-- bench:end -->"
    for page in PAGES:
        text = page.read_text("utf-8")
        text = re.sub(
            r"<!-- bench:begin -->.*?<!-- bench:end -->", lambda _: block, text, flags=re.S
        )
        page.write_text(text, "utf-8")
