"""Verbs that ask: one question or a file, a conversation, a way, a question set."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.answer.cites import Documents
from giljabi.answer.guide import Answer, Guide
from giljabi.answer.memory import Turn
from giljabi.cli.guides import generator, guide_of, reader
from giljabi.cli.options import (
    Chosen,
    model_options,
    plain_chat,
    progress_bar,
    venue_option,
    writing,
)
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.documents.library import Library
    from giljabi.measure.cited_answers import CitedRow, DocumentQuestion
    from giljabi.venue.place import Venue


def print_answer(answer: Answer, as_json: bool) -> None:
    """The answer as text with the passages it cites, or whole as JSON."""
    if as_json:
        click.echo(json.dumps(answer.to_json(), ensure_ascii=False, indent=1))
        return
    click.echo(answer.text)
    for passage in answer.passages:
        about = ", ".join(
            [f"p. {passage.page}"] * bool(passage.page) + [passage.date] * bool(passage.date)
        )
        click.echo(f"\n  {passage.place}" + (f" ({about})" if about else ""))
        click.echo("\n".join(f"  | {line}" for line in passage.text.split("\n")))


@click.command()
@click.argument("question", required=False)
@venue_option
@model_options
@click.option("--from", "origin", help="Where the visitor stands, instead of the venue's origin.")
@click.option("--lang", type=click.Choice(["ko", "en", "auto"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole structured answer.")
@click.option("--batch", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A JSONL file of rows with id and turns; needs --out.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Where --batch writes; resumes.")
def ask(
    question: str | None, venue_dir: Path, chosen: Chosen, origin: str | None, lang: Any, as_json: bool,
    batch: Path | None, out: Path | None,
) -> None:  # fmt: skip
    """Answer one QUESTION, or a file of them."""
    if (question is None) == (batch is None):
        raise GiljabiError(
            'Give either one question, as in giljabi ask "도서관 어디야?", or --batch FILE.'
        )
    if batch is not None and out is None:
        raise GiljabiError("--batch needs --out OUT.jsonl.")
    guide = guide_of(venue_dir, chosen, origin)
    if batch is None or out is None:
        print_answer(guide.answer(question or "", lang=lang), as_json)
        return
    from giljabi.measure.batch import run_batch

    with progress_bar() as progress:
        task = progress.add_task(batch.name, total=None)
        run_batch(
            guide,
            batch,
            out,
            progress=lambda n, total: progress.update(task, completed=n, total=total),
        )


@click.command()
@venue_option
@model_options
@click.option("--from", "origin", help="Where the visitor stands.")
@click.option("--plain", is_flag=True, help="Plain chat with the model, without a venue.")
@click.option(
    "--system", type=click.Path(path_type=Path, exists=True), help="System text for --plain."
)
def chat(
    venue_dir: Path,
    chosen: Chosen,
    origin: str | None,
    plain: bool,
    system: Path | None,
) -> None:
    """Talk in the terminal; an empty line or Ctrl-D ends it."""
    reply = plain_chat(chosen, system) if plain else None
    guide = None if reply else guide_of(venue_dir, chosen, origin)
    history: list[Turn] = []
    while question := _read_line():
        pieces = reply.stream(question, history) if reply else guide.stream(question, history)  # type: ignore[union-attr]
        text = ""
        for piece in pieces:
            if isinstance(piece, str):
                text += piece
                click.echo(piece, nl=False)
        click.echo()
        history = [*history, Turn(question, text)][-10:]


def _read_line() -> str:
    try:
        return str(click.prompt("", prompt_suffix="> ", default="", show_default=False)).strip()
    except (click.Abort, EOFError):
        return ""


@click.command()
@click.argument("start")
@click.argument("end")
@venue_option
@click.option("--step-free", is_flag=True, help="Only ways recorded as free of steps.")
@click.option("--json", "as_json", is_flag=True)
def route(start: str, end: str, venue_dir: Path, step_free: bool, as_json: bool) -> None:
    """The way from START to END, places named freely."""
    guide = Guide(folder.load(venue_dir))
    print_answer(guide.route(start, end, step_free=step_free), as_json)


@click.command("eval")
@click.argument("questions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@venue_option
@model_options
@click.option("--records", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Raw record files for the independent check.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Report folder (report.json, report.md)."
)
@click.option("--split", default="", help="Of questions about documents: only this side, as test.")
@click.option(
    "--similarity",
    "similar",
    is_flag=True,
    help="Of questions about documents: how near answers come to the accepted ones, by the packaged "
    "sentence encoder (giljabi[measure]).",
)
def evaluate(
    questions: Path,
    venue_dir: Path,
    chosen: Chosen,
    records: Path | None,
    out: Path | None,
    split: str,
    similar: bool,
) -> None:
    """Measure the guide on a question set with checkable answers.

    About places, about the documents imported into the venue, or rows that bring their own text
    (context, question, answer, cot_answer), each then the only document.
    """
    from giljabi.measure import cited_answers, context_answers, suite
    from giljabi.measure.records import RawRecords

    if context_answers.is_of_contexts(questions):
        _of_contexts(folder.load(venue_dir), chosen, questions, out, similar)
        return
    guide = guide_of(venue_dir, chosen, None)
    if cited_answers.is_of_documents(questions):
        _of_documents(guide, questions, split, out, similar)
        return
    rows = suite.read_questions(questions)
    raw = RawRecords.load(records) if records else None
    with progress_bar() as progress:
        task = progress.add_task(questions.name, total=len(rows))
        report = suite.evaluate(
            guide, rows, records=raw, progress=lambda n, _: progress.update(task, completed=n)
        )
    click.echo(report.to_markdown())
    if out is not None:
        suite.write_report(report, out)


def _of_documents(
    guide: Guide, questions: Path, split: str, out: Path | None, similar: bool
) -> None:
    from giljabi.measure import cited_answers

    rows = cited_answers.read_document_questions(questions, split)
    with progress_bar() as progress:
        task = progress.add_task(questions.name, total=len(rows))
        found = cited_answers.ask_documents(
            guide, rows, lambda done: progress.update(task, completed=done)
        )
    _report(found, rows, out, similar)


def _of_contexts(
    venue: Venue, chosen: Chosen, questions: Path, out: Path | None, similar: bool
) -> None:
    from giljabi.measure import context_answers

    rows = context_answers.read_context_questions(questions)
    read = list(dict.fromkeys(r.context for r in rows)) if chosen.reader != "none" else []
    model = generator(chosen, venue, read)
    reads = reader(chosen, venue, model, read)

    def over(library: Library) -> Guide:
        documents = Documents(library, refuse=chosen.refuse, window=chosen.window)
        return Guide(venue, model, documents=documents, reader=reads)

    with progress_bar() as progress:
        task = progress.add_task(questions.name, total=len(rows))
        found = context_answers.ask_contexts(
            rows, over, lambda done: progress.update(task, completed=done)
        )
    _report(found, [r.question for r in rows], out, similar)


def _report(
    found: list[CitedRow], asked: list[DocumentQuestion], out: Path | None, similar: bool
) -> None:
    from giljabi.measure import cited_answers
    from giljabi.measure.report import write_text
    from giljabi.measure.similarity import encoder

    if similar:
        found = cited_answers.with_similarity(found, asked, encoder())
    table = cited_answers.to_markdown(found)
    click.echo(table)
    if out is not None:
        with writing(out):
            folder.write_json(out / "report.json", cited_answers.to_json(found))
            write_text(out / "report.md", table)
