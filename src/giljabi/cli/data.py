"""Verbs on training data: build, audit, context."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click

from giljabi.cli.data_invent import invent
from giljabi.cli.options import progress_bar, shipped_venue, writing
from giljabi.errors import GiljabiError
from giljabi.venue import folder

_RESUMES = "giljabi: stopped; the same command goes on from here."


@click.group()
def data() -> None:
    """Training data: build it from a venue, audit anyone's, prepare document questions."""


def _counts(items: tuple[str, ...]) -> dict[str, int]:
    from giljabi.build.dataset import KINDS

    out = dict(KINDS)
    for item in items:
        kind, _, number = item.partition("=")
        if kind not in KINDS or not re.fullmatch("[0-9]{1,6}", number):
            raise GiljabiError(
                f"--count {item!r} is not KIND=NUMBER; kinds are {', '.join(KINDS)}."
            )
        out[kind] = int(number)
    return out


@data.command()
@click.argument("venue_dir", type=click.Path(path_type=Path), default=shipped_venue)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new folder, or one to go on with; runs/VENUE-HASH/dataset by default.",
)
@click.option(
    "--count",
    "counts",
    multiple=True,
    metavar="KIND=NUMBER",
    help="Pairs a place and language of one kind.",
)
@click.option(
    "--lang",
    "languages",
    multiple=True,
    type=click.Choice(["ko", "en"]),
    help="Default: the venue's.",
)
@click.option("--seed", default=0, show_default=True)
@click.option(
    "--val", "val_share", default=0.1, show_default=True, help="Share of places held out."
)
@click.option(
    "--layout",
    "layouts",
    multiple=True,
    default=("jsonl",),
    show_default=True,
    help="jsonl, parquet, scopes (one messages file a split and area); repeatable.",
)
@click.option("--workers", default=0, help="Processes; 0 is one a core.")
@click.option("--teacher", "url", help="OpenAI-compatible URL that words further pairs.")
@click.option(
    "--model", "teacher_model", default="", help="The teacher's model, by its name there."
)
@click.option(
    "--teacher-pairs", default=10, show_default=True, help="Pairs asked for a place and language."
)
@click.option("--concurrency", default=8, show_default=True, help="Requests at once.")
@click.option("--price-in", default=0.0, help="Dollars a million tokens read.")
@click.option("--price-out", default=0.0, help="Dollars a million tokens written.")
@click.option("--ceiling", type=float, help="Most dollars the teacher may cost.")
@click.option("--dry-run", is_flag=True, help="Say what would be made and what it would cost.")
@click.option(
    "--questions",
    "asked_file",
    type=click.Path(path_type=Path, exists=True),
    help="What visitors asked (rows with a field question), as the operator's pages export it.",
)
def build(
    venue_dir: Path, out: Path | None, counts: tuple[str, ...], languages: tuple[Any, ...], seed: int,
    val_share: float, layouts: tuple[str, ...], workers: int, url: str | None, teacher_model: str,
    teacher_pairs: int, concurrency: int, price_in: float, price_out: float,
    ceiling: float | None, dry_run: bool, asked_file: Path | None,
) -> None:  # fmt: skip
    """Build a training set from a venue folder (the shipped one by default).

    Killed or stopped with Ctrl-C, the same command goes on. A teacher's key is read from
    GILJABI_TEACHER_KEY.
    """
    from giljabi.build import asked, dataset
    from giljabi.build.teacher import TeacherOptions

    teacher = None
    if url:
        teacher = TeacherOptions(
            url, teacher_model, min(10, teacher_pairs), concurrency,
            price_in=price_in, price_out=price_out, ceiling=ceiling,
        )  # fmt: skip
    venue = folder.load(venue_dir)
    options = dataset.BuildOptions(
        counts=_counts(counts), languages=tuple(dict.fromkeys(languages or venue.languages)),
        seed=seed, val_share=val_share, layouts=tuple(dict.fromkeys(layouts)), workers=workers,
        teacher=teacher, taught=teacher_pairs,
        questions=asked.read(asked_file) if asked_file else (),
    )  # fmt: skip
    if dry_run:
        click.echo(dataset.forecast(venue, options))
        return
    out = out or dataset.usual_place(venue, options)
    try:
        with writing(out), progress_bar() as bar:
            tasks: dict[str, Any] = {}

            def show(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done)

            manifest = dataset.build(venue_dir, out, options, show)
    except KeyboardInterrupt:
        click.echo(_RESUMES, err=True)
        raise click.exceptions.Exit(130) from None
    click.echo(dataset.summary(manifest, out))


@data.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--venue",
    "venue_dir",
    type=click.Path(path_type=Path),
    envvar="GILJABI_VENUE",
    help="Also check every figure against this venue folder.",
)
@click.option(
    "--base",
    default="",
    help="Count lengths in this base's tokens: a name in bases.toml, a .gguf, a folder.",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for report.html and report.json."
)
@click.option("--strict", is_flag=True, help="Exit code 1 where anything is found.")
def audit(
    files: tuple[Path, ...], venue_dir: Path | None, base: str, out: Path | None, strict: bool
) -> None:
    """Look over question–answer FILES (messages in JSON or JSONL, or folders of them).

    A file whose name says val, valid, dev or test is the validation split.
    """
    from giljabi.build import audit_report
    from giljabi.build.audit import audit as run_audit
    from giljabi.build.files import write_text

    venue = folder.load(venue_dir) if venue_dir else None
    with progress_bar() as bar:
        tasks: dict[str, Any] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bar.add_task(what, total=total)
            bar.update(tasks[what], completed=done, total=total)

        found = run_audit(files, venue, base, show)
    click.echo(audit_report.to_text(found))
    if out is not None:
        report = json.dumps(audit_report.to_json(found), ensure_ascii=False, indent=1)
        page = audit_report.to_html(found)
        with writing(out):
            write_text(out / "report.json", report + "\n")
            write_text(out / "report.html", page)
        click.echo(f"{out / 'report.html'}")
    if strict and found.faults:
        raise click.exceptions.Exit(1)


@data.command()
@click.argument("source", type=click.Path(path_type=Path, exists=True))
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option(
    "--base",
    default="gemma3-270m",
    show_default=True,
    help="Whose tokens count: a name in bases.toml, a .gguf, a folder.",
)
@click.option("--template", default="", help="Prompt template; the base's own by default.")
@click.option("--limit", type=int, help="Most tokens of a row; the base's context by default.")
@click.option(
    "--column",
    "columns",
    multiple=True,
    metavar="FIELD=NAME",
    help="Another column name, as context=passage.",
)
@click.option("--system", default="", help="Text of a system message.")
@click.option(
    "--keep", multiple=True, help="A check that only warns, as answer_unsupported; repeatable."
)
@click.option("--val", default=0.0, show_default=True, help="Share of rows held out, by document.")
@click.option("--seed", default=0, show_default=True)
@click.option("--dry-run", is_flag=True, help="Check and count, write nothing.")
def context(
    source: Path, out: Path, base: str, template: str, limit: int | None, columns: tuple[str, ...],
    system: str, keep: tuple[str, ...], val: float, seed: int, dry_run: bool,
) -> None:  # fmt: skip
    """Prepare rows of a document, a question, an answer and its reasoning (JSON, JSONL, Parquet, datasets)."""
    from giljabi.build import context as rows_of
    from giljabi.build.context_checks import CHECKS

    if unknown := [k for k in keep if k not in CHECKS]:
        raise GiljabiError(f"--keep {unknown[0]!r} is no check; checks are {', '.join(CHECKS)}.")
    names: dict[str, str] = {}
    for column in columns:
        name, _, theirs = column.partition("=")
        if name not in rows_of.FIELDS or not theirs:
            raise GiljabiError(
                f"--column {column!r} is not one of {', '.join(rows_of.FIELDS)}=NAME."
            )
        names[name] = theirs
    reject = rows_of.ContextOptions().reject - set(keep)
    options = rows_of.ContextOptions(
        base=base, template=template, limit=limit, system=system, reject=reject, val=val, seed=seed,
        source=source, dry_run=dry_run,
    )  # fmt: skip
    with progress_bar() as bar:
        task = bar.add_task(source.name, total=None)
        report = rows_of.build(
            rows_of.read(source, names), options, out, lambda n: bar.update(task, completed=n)
        )
    click.echo(report.to_text())


data.add_command(invent)
