"""The verbs that measure and report: parse, call one function, print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from giljabi.cli.guides import fitted
from giljabi.cli.options import progress_bar, venue_option
from giljabi.cli.options import writing as into
from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    from giljabi.measure.contestants import Model, Spec
    from giljabi.measure.plan import Entry, Plan


def entry(text: str, venue_dir: Path, *, template: str = "", threads: int | None = None) -> Entry:
    """A contestant as it is typed, with its model found; GiljabiError where there is none."""
    from giljabi.measure.contestants import parse
    from giljabi.measure.plan import Entry

    spec = parse(text)
    if spec.kind == "template":
        return Entry(text, spec.kind)
    return Entry(text, spec.kind, _model(spec, venue_dir, template, threads))


def _model(spec: Spec, venue_dir: Path, template: str, threads: int | None) -> Model:
    from giljabi.export import lineage
    from giljabi.measure.contestants import Model
    from giljabi.model import store
    from giljabi.venue import folder

    adapter = spec.adapter
    if adapter not in {"shipped", "none"}:
        adapter = str(Path(adapter).resolve())
    if not spec.model:
        base = store.base()
        file = fitted(folder.load(venue_dir))
        return Model(base.name, file=str(file), adapter=adapter, threads=threads)
    if spec.served_name or spec.model in store.bases():
        return Model(spec.model, adapter=adapter, served_name=spec.served_name, threads=threads)
    path = store.weights(spec.model).path.resolve()
    spoken, tuned = template, False
    if path.is_file():
        own = adapter not in {"shipped", "none"}
        spoken, tuned = lineage.spoken_to(path, adapter=own, asked=template or None)
    return Model(str(path), adapter=adapter, template=spoken, tuned=tuned, threads=threads)


def _judge(text: str, venue_dir: Path, threads: int | None) -> Model | None:
    """The judge as it is typed, a contestant's MODEL."""
    from giljabi.measure.contestants import parse

    return _model(parse(f"alone:{text}"), venue_dir, "", threads) if text else None


def _command(plan: Plan, template: str, threads: int | None, judge: str) -> Sequence[str]:
    """What to type for this run, wherever it is typed."""
    named = {
        "--questions": plan.questions, "--texts": plan.texts, "--judge": judge,
        "--venue": plan.venue, "--limit": plan.limit,
        "--encoder": plan.encoder, "--template": template, "--tokens": plan.tokens,
        "--threads": threads,
    }  # fmt: skip
    options = [word for name, value in named.items() if value for word in (name, str(value))]
    return ["giljabi", "measure", *(one.name for one in plan.entries), *options]


@click.command()
@click.argument("contestants", metavar="CONTESTANT...", nargs=-1)
@click.option("--questions", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A question set, or conversations with answers as giljabi data build writes.")  # fmt: skip
@click.option(
    "--writing",
    is_flag=True,
    help="In place of questions: 65 Korean texts to write, asked of chat:MODEL.",
)
@click.option(
    "--texts",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Texts every model here reads, for perplexity and bits per byte: lines, or "
    ".jsonl with text or messages.",
)
@click.option("--judge", default="", metavar="MODEL",
              help="A model that marks every answer from 1 to 5: an extra column, and no gate.")  # fmt: skip
@venue_option
@click.option("--limit", type=click.IntRange(1), help="Ask only the first so many questions.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="A new folder, or a run to go on with; runs/measure-HASH by default.")  # fmt: skip
@click.option("--encoder", default="packaged", show_default=True,
              help="What similarity to references is taken by: packaged, ko-sroberta, a "
              "sentence-transformers folder, or none.")  # fmt: skip
@click.option("--template", default="", help="Prompt template of a model that nothing tells of.")
@click.option("--tokens", type=click.IntRange(1), help="Most tokens of an unchecked answer; 512.")
@click.option("--threads", type=click.IntRange(1), envvar="GILJABI_THREADS",
              help="Threads of an in-process model; one core is left free by default.")  # fmt: skip
@click.option("--again", type=click.Path(path_type=Path, exists=True),
              help="A finished run: measure once more what its manifest says, into --out.")  # fmt: skip
def measure(
    contestants: tuple[str, ...], questions: Path | None, writing: bool, texts: Path | None,
    judge: str, venue_dir: Path, limit: int | None, out: Path | None, encoder: str,
    template: str, tokens: int | None, threads: int | None,
    again: Path | None,
) -> None:  # fmt: skip
    """Ask every CONTESTANT the same questions; accuracy, unsupported claims, speed and memory.

    \b
    template                        the guide without a model
    guide[:MODEL[+ADAPTER|+none]]   what a visitor gets: model, facts and check
    facts[:MODEL[+ADAPTER|+none]]   the model shown the facts, its text unchecked
    alone[:MODEL[+ADAPTER|+none]]   the model without the facts
    chat[:MODEL[+ADAPTER|+none]]    the model in plain conversation, with its own system text

    MODEL is a name of bases.toml, a .gguf file or model folder, or URL@NAME; without one it is the
    embedded model, trimmed to the venue, with its adapter.
    """
    from giljabi.measure import run
    from giljabi.measure import writing as prose
    from giljabi.measure.contestants import TOKENS
    from giljabi.measure.figures import to_markdown
    from giljabi.measure.plan import Plan

    if again is not None:
        if contestants or questions or writing:
            raise GiljabiError("--again takes contestants and questions from the run it names.")
        plan = run.again(again)
    else:
        questions = prose.SHIPPED if writing else questions
        if not contestants or questions is None:
            raise GiljabiError(
                "Say who is measured on what, as in giljabi measure template guide "
                "--questions benchmarks/guide/questions.jsonl."
            )
        entries = [entry(one, venue_dir, template=template, threads=threads) for one in contestants]
        plan = Plan(
            str(questions.resolve()), str(venue_dir.resolve()), tuple(entries), limit, encoder,
            tokens or TOKENS, str(texts.resolve()) if texts else "",
            _judge(judge, venue_dir, threads),
        )  # fmt: skip
    folder = out or Path("runs") / f"measure-{run.key(run.identity(plan))}"
    with progress_bar() as progress, into(folder):
        bar = progress.add_task("measuring", total=None)
        done = run.measure(
            plan, folder, command=_command(plan, template, threads, judge),
            progress=lambda name, n, total: progress.update(
                bar, description=name, completed=n, total=total
            ),
        )  # fmt: skip
    click.echo(to_markdown({one.name: one.figures for one in done.results}))
    click.echo(str(folder / "report.html"), err=True)


@click.command()
@click.argument("runs", metavar="RUN...", nargs=-1, required=True,
                type=click.Path(path_type=Path, exists=True, file_okay=False))  # fmt: skip
@click.option("--history", "histories", multiple=True, type=click.Path(path_type=Path),
              help="A tuning run, or its history.jsonl, whose curves are shown.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), default="report.html",
              show_default=True, help="The page.")  # fmt: skip
def report(runs: tuple[Path, ...], histories: tuple[Path, ...], out: Path) -> None:
    """Put finished measuring RUNs on one page, every contestant beside the first.

    Differences come with their interval over the questions, and are called noise where it holds 0.
    """
    from giljabi.measure import html_report, pictures
    from giljabi.measure.comparison import compare, together
    from giljabi.measure.results import read_run, write

    found = [read_run(one) for one in dict.fromkeys(runs)]
    curves = {str(one): pictures.read_history(one) for one in histories}
    write(out, html_report.page(found, curves))
    for one in compare(together(found)):
        click.echo(one.said)
    click.echo(str(out), err=True)
