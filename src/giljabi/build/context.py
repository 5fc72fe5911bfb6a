"""Rows of a document, a question, an answer and its reasoning, made into data to tune on.

Reads (`read`), checks every row, renders it to messages, counts tokens and writes a folder
(`build`). Holds one group of rows at a time; of the others only digests, findings and lengths.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any

from giljabi.answer.generator import Message
from giljabi.answer.text_claims import Claims, plain
from giljabi.build.context_checks import CHECKS, Finding, check, ends_in_ellipsis, ends_properly
from giljabi.build.context_messages import messages, whole
from giljabi.build.context_report import (
    EXAMPLES,
    ContextReport,
    Example,
    Found,
    Lengths,
    Window,
    window,
)
from giljabi.build.context_rows import FIELDS, Row, digest, read
from giljabi.errors import GiljabiError
from giljabi.model import store
from giljabi.model.prompt import Template, template
from giljabi.model.tokens import TokenCounter, counter
from giljabi.venue.folder import write_json

__all__ = ["FIELDS", "ContextOptions", "ContextReport", "Row", "build", "read"]

_GROUP = 16
_OUTPUTS = ("train.jsonl", "val.jsonl", "rejected.jsonl", "report.json", "report.html")
_MOST = 0.5
_SAME_LENGTH = 3


@dataclass(frozen=True, slots=True)
class ContextOptions:
    """How rows are checked, counted and divided."""

    base: str = "gemma3-270m"
    """Whose tokenizer counts: a name in bases.toml, a .gguf file or a folder."""
    template: str = ""
    """Prompt template; "" takes the base's own, or gemma's for a file or folder."""
    limit: int | None = None
    """Most tokens of a row; None takes the base's context, where it is known."""
    system: str = ""
    """Text of a system message; "" for none."""
    reject: frozenset[str] = frozenset(name for name, c in CHECKS.items() if c.rejects)
    """The checks that leave a row out; the others only warn."""
    val: float = 0.0
    """Share of rows to set aside, by document: no document is on both sides."""
    seed: int = 0
    source: Path | None = None
    """What `rows` were read from, for the manifest's hash."""
    dry_run: bool = False
    """Check and count, write nothing."""


@dataclass(slots=True)
class _Kept:
    """What is remembered of a row until all have been seen."""

    source: str
    number: int
    context: bytes = b""
    asked: bytes = b""
    findings: list[Finding] = field(default_factory=list)
    tokens: int = 0


@dataclass(slots=True)
class _Document:
    size: int
    ends: str
    """Its last words where they end nothing, else ""."""
    marked: bool
    """Whether it ends in an ellipsis, which was reported already."""


class _Pass:
    """One reading of the rows."""

    def __init__(self, options: ContextOptions, staged: IO[str] | None) -> None:
        self.options = options
        self.count: TokenCounter = counter(options.base)
        self.limit = options.limit or self.count.context
        self.template: Template = _template(options)
        self.kept: list[_Kept] = []
        self.documents: dict[bytes, _Document] = {}
        self.answers: dict[bytes, set[bytes]] = {}
        self.hash = hashlib.sha256()
        self._staged = staged
        self._seen: dict[bytes, int] = {}
        self._last: tuple[bytes, Claims] = (b"", Claims(""))

    def take(self, rows: list[Row]) -> None:
        """Check and count a group, stage its messages line for line with `kept`."""
        talks: list[list[Message]] = []
        held: list[_Kept] = []
        for row in rows:
            self._take_one(row, talks, held)
        for mine, size in zip(
            held, self.count([whole(self.template, talk) for talk in talks]), strict=True
        ):
            mine.tokens = size
            if self.limit is not None and size > self.limit:
                mine.findings.append(Finding("too_long", f"{size:,} of {self.limit:,} tokens"))

    def _take_one(self, row: Row, talks: list[list[Message]], held: list[_Kept]) -> None:
        texts = [getattr(row, f) for f in FIELDS]
        said = json.dumps([row.source, row.number, row.fault, *texts], ensure_ascii=False)
        self.hash.update(said.encode() + b"\n")
        context = hashlib.sha256(row.context.encode()).digest()
        if self._last[0] != context:  # rows about one document usually follow each other
            self._last = (context, Claims(row.context))
        kept = _Kept(row.source, row.number, context, findings=check(row, self._last[1]))
        self.kept.append(kept)
        talk: list[Message] = []
        if not row.fault:
            talk = messages(row, self.options.system)
            talks.append(talk)
            held.append(kept)
            if not any(f.check == "empty_field" for f in kept.findings):
                self._compare(row, kept)
        if self._staged is not None:
            self._staged.write(json.dumps(talk, ensure_ascii=False) + "\n")

    def _compare(self, row: Row, kept: _Kept) -> None:
        ends = "" if ends_properly(row.context) else " ".join(row.context[-80:].split())[-40:]
        self.documents.setdefault(
            kept.context, _Document(len(row.context), ends, ends_in_ellipsis(row.context))
        )
        parts = [_key(getattr(row, f)) for f in FIELDS]
        kept.asked = _joined(parts[:2])
        first = self._seen.setdefault(_joined(parts), len(self.kept) - 1)
        if first != len(self.kept) - 1:
            before = self.kept[first]
            kept.findings.append(Finding("duplicate", f"of {before.source} {before.number}"))
        self.answers.setdefault(kept.asked, set()).add(parts[2])

    def finish(self) -> None:
        """Add what only shows once every row has been seen."""
        cut = _cut_documents(self.documents)
        for kept in self.kept:
            if kept.context in cut and kept.asked:
                kept.findings.append(Finding("truncated_context", cut[kept.context]))
            if len(self.answers.get(kept.asked, ())) > 1:
                other = len(self.answers[kept.asked])
                kept.findings.append(Finding("conflicting_answers", f"{other} different answers"))


def build(
    rows: Iterable[Row],
    options: ContextOptions,
    out: Path,
    progress: Callable[[int], None] | None = None,
) -> ContextReport:
    """Check `rows`, write the good ones as messages into the folder `out`, report on all.

    Writes train.jsonl, val.jsonl where asked for, rejected.jsonl, report.json, report.html and,
    last, manifest.json: without it the folder is unfinished. `progress` hears how many rows are
    done. Raises GiljabiError on a wrong option or where `out` cannot be written.
    """
    _check_options(options)
    try:
        if not options.dry_run:
            out.mkdir(parents=True, exist_ok=True)
        with (
            nullcontext(None)
            if options.dry_run
            else tempfile.TemporaryDirectory(prefix=".unfinished-", dir=out)
        ) as scratch:
            return _build(rows, options, out, Path(scratch) if scratch else None, progress)
    except OSError as error:
        raise GiljabiError(f"{out} cannot be written: {error.strerror or error}.") from error


def _build(
    rows: Iterable[Row],
    options: ContextOptions,
    out: Path,
    scratch: Path | None,
    progress: Callable[[int], None] | None,
) -> ContextReport:
    staged = scratch / "staged" if scratch else None
    with staged.open("w", encoding="utf-8") if staged else nullcontext(None) as handle:
        run = _Pass(options, handle)
        for group in _groups(rows):
            run.take(group)
            if progress:
                progress(len(run.kept))
    run.finish()
    if not run.kept:
        raise GiljabiError("There is not one row in the input.")
    aside = _set_aside(run, options)
    report = _report(run, options, aside)
    if scratch and staged:
        _write_rows(run, options, aside, staged, scratch)
        write_json(scratch / "report.json", report.to_dict())
        (scratch / "report.html").write_text(report.to_html(), "utf-8")
        _publish(scratch, out, _manifest(run, options, report))
    return report


def _check_options(options: ContextOptions) -> None:
    if not 0 <= options.val < 1:
        raise GiljabiError(f"The share set aside must be from 0 to below 1, not {options.val}.")
    if options.limit is not None and options.limit < 1:
        raise GiljabiError(f"The limit must be a number of tokens above 0, not {options.limit}.")
    if unknown := sorted(options.reject - set(CHECKS)):
        raise GiljabiError(f"There is no check {unknown[0]!r}; there are {', '.join(CHECKS)}.")


def _template(options: ContextOptions) -> Template:
    known = store.bases().get(options.base)
    return template(options.template or (known.template if known else "gemma"))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    group: list[Row] = []
    for row in rows:
        group.append(row)
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group


def _key(text: str) -> bytes:
    # “7 층.” and “7층” say one thing; other punctuation may tell numbers apart.
    return hashlib.sha256(plain(text).replace(" ", "").rstrip(".。").encode()).digest()


def _joined(parts: list[bytes]) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()[:16]


def _cut_documents(documents: dict[bytes, _Document]) -> dict[bytes, str]:
    """Documents cut somewhere, with the sign; those that end in an ellipsis aside."""
    cut: dict[bytes, str] = {}
    ended = sum(not d.ends for d in documents.values())
    # Where most end anyhow (lists of names, fragments), an end says nothing.
    if ended > _MOST * len(documents):
        cut = {k: f"ends: …{d.ends}" for k, d in documents.items() if d.ends and not d.marked}
    sizes = Counter(d.size for d in documents.values())
    longest = max(sizes, default=0)
    if sizes[longest] >= _SAME_LENGTH and len(sizes) > 1:
        for k, d in documents.items():
            if d.size == longest and not d.marked:
                cut.setdefault(k, f"{sizes[longest]} documents end at {longest:,} characters")
    return cut


def _rejects(kept: _Kept, options: ContextOptions) -> bool:
    # What could not be read or asked has no messages that anybody could learn from.
    return any(f.check in options.reject or f.check == "unreadable" for f in kept.findings)


def _set_aside(run: _Pass, options: ContextOptions) -> set[bytes]:
    """The documents whose rows go to val.jsonl: drawn until the share of rows is reached."""
    sizes = Counter(k.context for k in run.kept if not _rejects(k, options))
    wanted = options.val * sizes.total()
    order = sorted(sizes)
    random.Random(options.seed).shuffle(order)
    aside: set[bytes] = set()
    rows = 0
    for context in order:
        # A document that would overshoot by more than it fills is passed over for smaller ones.
        if rows + sizes[context] / 2 <= wanted and len(aside) + 1 < len(order):
            aside.add(context)
            rows += sizes[context]
    return aside


def _report(run: _Pass, options: ContextOptions, aside: set[bytes]) -> ContextReport:
    found = {name: Found(rejected=name in options.reject) for name in CHECKS}
    found["unreadable"].rejected = True
    for kept in run.kept:
        for finding in kept.findings:
            one = found[finding.check]
            one.rows += 1
            if len(one.examples) < EXAMPLES:
                one.examples.append(Example(kept.source, kept.number, finding.detail))
    good = [k for k in run.kept if not _rejects(k, options)]
    lengths = [k.tokens for k in run.kept if k.tokens]
    val = sum(k.context in aside for k in good)
    return ContextReport(
        read=len(run.kept),
        train=len(good) - val,
        val=val,
        rejected=len(run.kept) - len(good),
        flagged=sum(bool(k.findings) for k in good),
        base=options.base,
        limit=run.limit,
        found=found,
        lengths=Lengths.of(lengths),
        windows=_windows(run, options, lengths),
        tokens=tuple(lengths),
        notes=_notes(run, options, val),
    )


def _windows(run: _Pass, options: ContextOptions, lengths: list[int]) -> tuple[Window, ...]:
    known = {b.name: b.context for b in store.bases().values() if b.context}
    if run.count.context:
        known[options.base] = run.count.context
    order = sorted(known.items(), key=lambda item: (item[0] != options.base, item[1], item[0]))
    return tuple(window(name, size, lengths, name == options.base) for name, size in order)


def _notes(run: _Pass, options: ContextOptions, val: int) -> tuple[str, ...]:
    notes = [
        f"Lengths are of whole rows as the {run.template.name} template writes them, rejected rows "
        f"included, counted with the tokenizer of {options.base}; against the windows of other "
        "bases the same counts are held, so those rows are estimates."
    ]
    if run.limit is None:
        notes.append(f"The context of {options.base} is not known: no row was too long.")
    if options.val and not val:
        notes.append("Nothing was set aside: the rows have too few documents to divide.")
    return tuple(notes)


def _write_rows(
    run: _Pass, options: ContextOptions, aside: set[bytes], staged: Path, scratch: Path
) -> None:
    with (
        staged.open(encoding="utf-8") as lines,
        (scratch / "train.jsonl").open("w", encoding="utf-8") as train,
        (scratch / "val.jsonl").open("w", encoding="utf-8") as val,
        (scratch / "rejected.jsonl").open("w", encoding="utf-8") as rejected,
    ):
        for kept, line in zip(run.kept, lines, strict=True):
            where: dict[str, Any] = {"source": kept.source, "row": kept.number}
            reasons = [asdict(f) for f in kept.findings]
            if _rejects(kept, options):
                print(json.dumps(where | {"reasons": reasons}, ensure_ascii=False), file=rejected)
                continue
            # The line is put in as it was staged: a long one need not be parsed again.
            about = where | {"context_sha256": kept.context.hex(), "tokens": kept.tokens}
            if reasons:
                about["warnings"] = reasons
            rest = json.dumps(about, ensure_ascii=False)[1:]
            print(
                f'{{"messages": {line.rstrip()}, {rest}',
                file=val if kept.context in aside else train,
            )
    staged.unlink()
    if not options.val:
        (scratch / "val.jsonl").unlink()


def _manifest(run: _Pass, options: ContextOptions, report: ContextReport) -> dict[str, Any]:
    chosen = asdict(options) | {
        "reject": sorted(options.reject), "source": str(options.source) if options.source else None,
        "template": run.template.name, "limit": run.limit,
    }  # fmt: skip
    return {
        "made_by": "giljabi data context",
        "input_sha256": digest(options.source) if options.source else None,
        "rows_sha256": run.hash.hexdigest(),
        "base": options.base,
        "rows": report.to_dict()["rows"],
        "options": chosen,
    }


def _publish(scratch: Path, out: Path, manifest: dict[str, Any]) -> None:
    """Move the files into place; until the manifest is back the folder says it is unfinished."""
    (out / "manifest.json").unlink(missing_ok=True)
    hashes = {}
    for name in _OUTPUTS:
        if (scratch / name).is_file():
            hashes[name] = store.sha256_of(scratch / name)
            (scratch / name).chmod(0o644)
            os.replace(scratch / name, out / name)
        else:
            (out / name).unlink(missing_ok=True)
    write_json(out / "manifest.json", manifest | {"files": hashes})
