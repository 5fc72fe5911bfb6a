"""A venue to a training set: `giljabi data build`.

One shard a place and language, written when it is done, so that a killed build goes on where it
was; the manifest is written last, and its presence means complete. The same venue, options and
wordings give the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from giljabi import __version__
from giljabi.build import asked, asking, shards, telling
from giljabi.build.files import write_text
from giljabi.build.journal import Journal
from giljabi.build.layouts import LAYOUTS, Row, sha256, write_layouts
from giljabi.build.maker import Job, Maker
from giljabi.build.near import NearIndex
from giljabi.build.shards import Progress, Shard
from giljabi.build.taught import ask_for, examples
from giljabi.build.teacher import Teacher, TeacherOptions, cost
from giljabi.errors import GiljabiError
from giljabi.venue import folder
from giljabi.venue.place import Lang, Venue

KINDS: dict[str, int] = {
    "basic": 10, "route": 12, "location": 10, "complex": 8,
    "unknown_place": 2, "unknown_fact": 2, "follow_up": 3, "distractor": 2, "spoken": 3, "plain": 3,
}  # fmt: skip
"""Pairs made for each place and language, by kind. Plain (반말) is Korean only."""


def _silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class BuildOptions:
    """What to make.

    `counts` are pairs a place and language by kind; `val_share` the share of places and of
    wordings held out for validation, in 0 to 0.5; `layouts` the forms to write (see layouts.py).
    """

    counts: dict[str, int] = field(default_factory=lambda: dict(KINDS))
    languages: tuple[Lang, ...] = ("ko", "en")
    seed: int = 0
    val_share: float = 0.1
    layouts: tuple[str, ...] = ("jsonl",)
    workers: int = 0
    """Processes; 0 is one a core."""
    teacher: TeacherOptions | None = None
    taught: int = 10
    """Pairs asked of the teacher for each training place and language."""
    questions: tuple[str, ...] = ()
    """What visitors asked, to be answered as the guide answers it now."""

    def check(self, venue: Venue) -> None:
        """GiljabiError where an option makes no sense for this venue."""
        if unknown := sorted(set(self.counts) - set(KINDS)):
            raise GiljabiError(f"Unknown kind {unknown[0]!r}; known: {', '.join(KINDS)}.")
        if any(n < 0 for n in self.counts.values()) or not any(self.counts.values()):
            raise GiljabiError("The counts must not be negative, and one at least above 0.")
        if not 0 <= self.val_share <= 0.5:
            raise GiljabiError(f"The validation share {self.val_share} is not within 0 and 0.5.")
        if self.workers < 0:
            raise GiljabiError(f"There cannot be {self.workers} workers; 0 is one a core.")
        if not self.languages or len(set(self.languages)) < len(self.languages):
            raise GiljabiError("Name one language at least, and each of them once.")
        if missing := [x for x in self.languages if x not in venue.languages]:
            raise GiljabiError(f"The venue has no language {missing[0]!r}: {venue.languages}.")
        if self.teacher is not None:
            self.teacher.check()
        if wrong := [x for x in self.layouts if x not in LAYOUTS]:
            raise GiljabiError(f"Unknown layout {wrong[0]!r}; known: {', '.join(LAYOUTS)}.")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build will do: its jobs, and the places of which too little is recorded."""

    jobs: tuple[Job, ...]
    skipped: tuple[str, ...]
    validation: frozenset[str]
    key: str

    def asks(self, options: BuildOptions) -> int:
        """Requests a teacher would be sent."""
        if options.teacher is None:
            return 0
        taught = sum(not job.validation for job in self.jobs)
        return taught * -(-options.taught // options.teacher.pairs)

    @property
    def wanted(self) -> int:
        """Examples asked for."""
        return sum(n for job in self.jobs for _, n in job.counts)


def plan(venue: Venue, options: BuildOptions) -> Plan:
    """The jobs of a build in their order; the places held out are drawn by area."""
    options.check(venue)
    described = Maker(venue).described()
    if not described:
        raise GiljabiError(f"{venue.name.ko}: no place has anything recorded to ask about.")
    validation = _held_out_places(venue, described, options)
    hold = asking.held_out(options.seed, 0.25 if options.val_share else 0.0)
    jobs = []
    for place in described:
        others = tuple(o for o in described if (o in validation) == (place in validation))
        for lang in options.languages:
            counts = tuple(
                (kind, options.counts.get(kind, 0))
                for kind in KINDS
                if options.counts.get(kind) and not (kind == "plain" and lang == "en")
            )
            jobs.append(Job(place, lang, options.seed, counts, hold, others, place in validation))
    skipped = tuple(p.id for p in venue.places if p.id not in set(described))
    return Plan(tuple(jobs), skipped, validation, _key(venue, options))


def _held_out_places(
    venue: Venue, described: Sequence[str], options: BuildOptions
) -> frozenset[str]:
    by_area: dict[str, list[str]] = {}
    for place in described:
        by_area.setdefault(venue.place(place).area, []).append(place)
    out: set[str] = set()
    for area, ids in by_area.items():
        shuffled = sorted(ids)
        random.Random(f"{options.seed}/{area}").shuffle(shuffled)
        share = round(len(ids) * options.val_share)
        # A comparison needs two.
        out.update(shuffled[: max(2, share) if options.val_share and len(ids) >= 8 else share])
    return frozenset(out)


def _key(venue: Venue, options: BuildOptions) -> str:
    """What the bytes of a build depend on."""
    parts = [
        venue.hash, __version__, asking.digest_text(), telling.digest_text(), prompt_hash(),
        json.dumps(options.counts, sort_keys=True), ",".join(options.languages),
        str(options.seed), str(options.val_share),
        *([asked.digest(options.questions)] if options.questions else []),
    ]  # fmt: skip
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def usual_place(venue: Venue, options: BuildOptions) -> Path:
    """Where a build goes that nobody gave a folder: other inputs, another folder."""
    return Path("runs") / f"{venue.id}-{_key(venue, options)[:8]}" / "dataset"


def prompt_hash() -> str:
    """sha256 over what a model is shown beside the facts: instruction, form, notes."""
    data = files("giljabi.answer")
    h = hashlib.sha256()
    for name in ("fewshot.toml", "wording.toml"):
        h.update((data / name).read_bytes())
    return h.hexdigest()


def forecast(venue: Venue, options: BuildOptions) -> str:
    """What a build would make, and what its teacher would cost at most."""
    todo = plan(venue, options)
    out = [
        f"{len({j.place for j in todo.jobs})} places, {', '.join(options.languages)}: {todo.wanted:,} examples; "
        f"{len(todo.validation)} places held out for validation; of {len(todo.skipped)} places too little is recorded."
    ]
    if options.teacher is not None:
        maker = Maker(venue)
        first = next(job for job in todo.jobs if not job.validation)
        one = cost(
            options.teacher, ask_for(maker, first, options.teacher.pairs, 0, options.teacher.model)
        )
        asks = todo.asks(options)
        out.append(
            f"{asks:,} requests to {options.teacher.model}, about ${asks * one:.2f} at most."
        )
    return "\n".join(out)


def summary(manifest: Mapping[str, Any], out: Path) -> str:
    """A finished build in a few lines."""
    rows = manifest["rows"]
    lines = [f"{out}: {rows['train']:,} examples to train on, {rows['val']:,} held out."]
    lines.append("  " + ", ".join(f"{kind} {n:,}" for kind, n in manifest["by_kind"].items()))
    if short := sum(manifest["short"].values()):
        lines.append(f"  {short:,} fewer than asked for; manifest.json says where.")
    if visitors := manifest.get("asked"):
        lines.append(
            f"  visitors: {visitors['kept']:,} of {visitors['given']:,} questions taken in"
        )
    if teacher := manifest.get("teacher"):
        kept, lost = teacher["kept"], sum(teacher["rejected"].values())
        tokens = teacher["tokens_in"] + teacher["tokens_out"]
        lines.append(
            f"  teacher: {kept:,} pairs kept, {lost:,} rejected or mended, {tokens:,} "
            f"tokens, ${teacher['dollars']:.2f}"
            + (f"; stopped: {teacher['stopped']}" if teacher["stopped"] else "")
        )
        if failed := teacher["failed"]:
            why = ", ".join(f"{reason} ({n:,})" for reason, n in failed.items())
            lines.append(f"  teacher: requests without an answer: {why}")
    return "\n".join(lines)


# ---- making ----


def build(
    venue_dir: Path, out: Path, options: BuildOptions, progress: Progress | None = None
) -> dict[str, Any]:
    """Build the data set of a venue folder in `out`; gives its manifest.

    Goes on with the shards of a build that was cut off with the same inputs. Raises GiljabiError
    for bad input and where `out` holds something else, OSError where it cannot be written; a data
    set that stood there stays until the new one is complete.
    """
    venue = folder.load(venue_dir)
    todo = plan(venue, options)
    _make_room(out, todo.key)
    work = out / ".shards" / todo.key
    work.mkdir(parents=True, exist_ok=True)
    made = shards.make(venue_dir, todo.jobs, work, options.workers, progress or _silent)
    reasons = sum((shard.reasons for shard in made.values()), Counter[str]())
    taught, bill = _teach(venue, todo, options, out, progress or _silent)
    rows, short = _assemble(todo, made, taught)
    _settle(bill, rows["train"])
    if options.questions:
        maker = Maker(venue)
        bill["asked"] = asked.join(
            maker, options.questions, options.languages, todo.validation, rows
        )
    written = write_layouts(rows, venue, work / "ready", options.layouts)
    manifest = _manifest(venue, options, todo, rows, short, reasons, written) | bill
    _publish(written, out, json.dumps(manifest, ensure_ascii=False, indent=1) + "\n")
    return manifest


def _make_room(out: Path, key: str) -> None:
    """The folder is ours, or empty; shards of other inputs are thrown away."""
    if out.is_file():
        raise GiljabiError(f"{out} is a file; give a folder.")
    if out.is_dir() and any(out.iterdir()) and not _is_ours(out):
        raise GiljabiError(f"{out} is not empty and no data set; give a new folder.")
    if (out / ".shards").is_dir():
        for old in (out / ".shards").iterdir():
            if old.name != key and old.is_dir():
                shutil.rmtree(old)


def _is_ours(out: Path) -> bool:
    if (out / ".shards").is_dir() or Journal.is_one(out / "teacher.jsonl"):
        return True
    return {"format", "giljabi", "wordings"} <= _read_manifest(out / "manifest.json").keys()


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _publish(ready: Sequence[Path], out: Path, manifest: str) -> None:
    """The new files in the place of those the old manifest lists, and the new manifest last."""
    old = out / ".shards" / "replaced.json"  # kept until the end: a kill may come in between
    if (out / "manifest.json").is_file():
        os.replace(out / "manifest.json", old)
    for name in _read_manifest(old).get("files", ()):
        if Path(name).name == name:
            (out / name).unlink(missing_ok=True)
    for path in ready:
        os.replace(path, out / path.name)
    write_text(out / "manifest.json", manifest)
    shutil.rmtree(out / ".shards")


def _teach(
    venue: Venue, todo: Plan, options: BuildOptions, out: Path, progress: Progress
) -> tuple[dict[Job, list[Row]], dict[str, Any]]:
    """The teacher's rows by job, and the manifest's part about it.

    Only training places are taught: a teacher words one place as it words the next.
    """
    if options.teacher is None:
        return {}, {}
    maker, batch, model = Maker(venue), options.teacher.pairs, options.teacher.model
    parts = [min(batch, options.taught - n) for n in range(0, options.taught, batch)]
    jobs = [job for job in todo.jobs if not job.validation]
    asks = {
        job: [ask_for(maker, job, size, n, model) for n, size in enumerate(parts)] for job in jobs
    }
    journal = Journal(out / "teacher.jsonl")
    teacher = Teacher(options.teacher, journal)
    every = [ask for some in asks.values() for ask in some]
    teacher.ask(every, lambda n, of: progress("teacher", n, of))
    rows: dict[Job, list[Row]] = {}
    reasons: Counter[str] = Counter()
    for n, (job, some) in enumerate(asks.items(), 1):
        answered = [(journal.replies[a.id], a.pairs) for a in some if a.id in journal.replies]
        replies = [(reply["content"], pairs) for reply, pairs in answered]
        found, why = examples(maker, job, replies, model)
        rows[job] = [example.to_json() for example in found]
        reasons += why
        progress("teacher's pairs checked", n, len(asks))
    kept = sum(map(len, rows.values()))
    told = {"model": model, "kept": kept, "rejected": dict(sorted(reasons.items()))}
    return rows, {"teacher": told | teacher.bill.to_json()}


def _settle(bill: dict[str, Any], rows: Sequence[Row]) -> None:
    """Kept is what stands in the set: a question asked there already is rejected too."""
    if told := bill.get("teacher"):
        kept = sum(row["kind"] == "teacher" for row in rows)
        if again := told["kept"] - kept:
            why = "nearly the same question again"
            told["rejected"][why] = told["rejected"].get(why, 0) + again
        told["kept"] = kept


def _assemble(
    todo: Plan, made: Mapping[Job, Shard], taught: Mapping[Job, Sequence[Row]]
) -> tuple[dict[str, list[Row]], dict[str, int]]:
    """Rows by split, no question twice or nearly so anywhere; training has the first choice."""
    jobs = sorted(todo.jobs, key=lambda j: j.validation)
    near = NearIndex(_asked(row) for job in jobs for row in made[job].rows)
    rows: dict[str, list[Row]] = {"train": [], "val": []}
    short: Counter[str] = Counter()
    for job in jobs:
        left = dict(job.counts)
        for row in made[job].rows:
            if left[row["kind"]] and near.find(_asked(row)) is None:
                near.add(_asked(row))
                left[row["kind"]] -= 1
                rows["val" if job.validation else "train"].append(row)
        for row in taught.get(job, ()):
            if near.find(_asked(row)) is None:
                near.add(_asked(row))
                rows["train"].append(row)
        short.update({f"{job.lang} {kind} {job.place}": n for kind, n in left.items() if n})
    return rows, dict(short)


def _asked(row: Row) -> str:
    return " / ".join(m["content"] for m in row["conversation"][::2])


def _manifest(
    venue: Venue, options: BuildOptions, todo: Plan, rows: dict[str, list[Row]],
    short: dict[str, int], reasons: Counter[str], written: Sequence[Path],
) -> dict[str, Any]:  # fmt: skip
    every = [r for split in rows.values() for r in split]
    return {
        "format": 1,
        "giljabi": __version__,
        "venue": {"id": venue.id, "hash": venue.hash},
        "prompt": prompt_hash(),
        "wordings": hashlib.sha256(
            (asking.digest_text() + telling.digest_text()).encode()
        ).hexdigest(),
        "seed": options.seed,
        "counts": options.counts,
        "languages": list(options.languages),
        "val_share": options.val_share,
        "rows": {name: len(split) for name, split in rows.items()},
        "by_kind": dict(sorted(Counter(r["kind"] for r in every).items())),
        "by_language": dict(sorted(Counter(r["lang"] for r in every).items())),
        "by_register": dict(sorted(Counter(r["register"] for r in every).items())),
        "validation_places": sorted(todo.validation),
        "validation_families": sorted(todo.jobs[0].hold) if todo.jobs else [],
        "too_little_recorded": list(todo.skipped),
        "short": dict(sorted(short.items())),
        "left_out": dict(sorted(reasons.items())),
        "files": {p.name: sha256(p) for p in written},
    }
