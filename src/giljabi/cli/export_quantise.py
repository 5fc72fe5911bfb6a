"""`giljabi export quantise`, `compare` and `card`: parse, call one function, print."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.cli.options import progress_bar, venue_option
from giljabi.export.parity import GUIDE_ANSWERS
from giljabi.export.quantise import TYPES

if TYPE_CHECKING:
    from giljabi.export.compare import Asking

_TEMPLATE = "Prompt template; the one the file's record names by default."


@click.command()
@click.argument("model", metavar="FILE")
@click.option("--type", "kind", type=click.Choice(TYPES), required=True, help="What to make of it.")
@click.option("--out", type=click.Path(path_type=Path), help="FILE-TYPE.gguf beside it by default.")
@click.option("--requantise", is_flag=True, help="Go on with a file quantised already; labelled.")
@click.option("--quick", is_flag=True, help="Check on the fixed text alone, without guide answers.")
@click.option(
    "--answers", type=click.IntRange(1), default=GUIDE_ANSWERS, show_default=True,
    help="Guide answers to check on.",
)  # fmt: skip
@click.option("--template", help=_TEMPLATE)
@venue_option
def quantise(
    model: str, kind: str, out: Path | None, requantise: bool, quick: bool, answers: int,
    template: str | None, venue_dir: Path,
) -> None:  # fmt: skip
    """Quantise FILE, a GGUF of 16 or 32 bits, with llama.cpp's own mixture of types.

    The file appears only if it is still the model it was made from: the gate names the tensors
    that lost most where it is not.
    """
    from giljabi.export import lineage, parity
    from giljabi.export import quantise as quantising
    from giljabi.model import store

    found = store.weights(model)
    source, known = found.path, found.base.template if found.base else None
    spoken = template if quick else lineage.template_of(source, template or known)
    with progress_bar() as progress:
        task = progress.add_task("checking", total=None)
        path, record = quantising.quantise(
            source, kind, out, samples=parity.samples(venue_dir, spoken, 0 if quick else answers),
            template=spoken or "", requantise=requantise,
            progress=lambda n, total: progress.update(task, completed=n, total=total),
        )  # fmt: skip
    figures, types = record["parity"], record["tensor_types"]
    click.echo(
        f"{path}: {record['bytes'] / 1e6:.1f} MB, "
        + ", ".join(f"{count} {name}" for name, count in types.items())
    )
    click.echo(
        f"likeliest token the same in {figures['top1']:.1%}, divergence {figures['kl']:.4f} nats "
        f"a token, bits per byte {figures['bits_per_byte']:.4f} from "
        f"{figures['source_bits_per_byte']:.4f}"
    )


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--source", help="What divergence is taken from; the first FILE by default.")
@click.option("--type", "types", type=click.Choice(TYPES), multiple=True,
              help="Quantisations to make of each unquantised FILE; all by default.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), required=True,
              help="Folder for the made files, the figures and the report; resumes.")  # fmt: skip
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True,
              help="How often each file is timed.")  # fmt: skip
@click.option("--tokens", type=click.IntRange(8), default=64, show_default=True,
              help="Length of a timed answer.")  # fmt: skip
@click.option("--threads", type=click.IntRange(1), help="As many as the guide takes by default.")
@click.option("--answers", type=click.IntRange(0), default=0, show_default=True,
              help="Guide answers to score beside the fixed text.")  # fmt: skip
@click.option("--questions", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A question set as giljabi eval reads it: takes minutes a file.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Ask only the first so many questions.")
@click.option("--template", help=_TEMPLATE)
@venue_option
def compare(
    files: tuple[str, ...], source: str | None, types: tuple[str, ...], out: Path, rounds: int,
    tokens: int, threads: int | None, answers: int, questions: Path | None, limit: int | None,
    template: str | None, venue_dir: Path,
) -> None:  # fmt: skip
    """Measure model FILEs side by side: size, speed, memory, bits per byte, divergence, accuracy.

    A FILE is a .gguf file, a name of bases.toml, or FILE+ADAPTER.gguf. Quantisations of each
    unquantised FILE are made in OUT/files; Q4_K_M, Q4_0 and Q4_K_S are always among them.
    """
    from giljabi.export import compare as comparing
    from giljabi.export import compare_report, lineage, parity

    given = [comparing.subject(text) for text in files]
    spoken = lineage.template_of(given[0].path, template) if answers else None
    samples = parity.samples(venue_dir, spoken, answers)
    options = comparing.Options(types or TYPES, rounds, tokens, threads=threads, samples=samples)
    asking = _asking(questions, limit, venue_dir, template) if questions else None
    against = comparing.subject(source) if source else None
    with progress_bar() as progress:
        task = progress.add_task("comparing", total=None)
        rows = comparing.compare(
            given, out, options, source=against, asking=asking,
            progress=lambda what, done, of: progress.update(
                task, description=what, completed=done, total=of
            ),
        )  # fmt: skip
    about = _about(against.name if against else given[0].name, options, questions, limit)
    made = compare_report.write(rows, out, about)
    click.echo(made[0].read_text("utf-8"))
    click.echo("\n".join(str(path) for path in made), err=True)


def _about(source: str, options: Any, questions: Path | None, limit: int | None) -> dict[str, Any]:
    import os
    import platform

    from giljabi.model.llamacpp import spare_cores

    return {
        "source": source,
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "threads": options.threads or spare_cores(),
        "rounds": options.rounds,
        "tokens of a timed answer": options.tokens,
        "texts scored": len(options.samples),
        **({"questions": questions.name, "limit": limit or "all"} if questions else {}),
    }


def _asking(questions: Path, limit: int | None, venue_dir: Path, template: str | None) -> Asking:
    """Guide accuracy of one file: `giljabi eval` with it, its right answers counted."""
    from giljabi.answer.guide import Guide
    from giljabi.export import lineage
    from giljabi.export.compare import Asking, Subject
    from giljabi.measure import suite
    from giljabi.model import store
    from giljabi.model.generate import load
    from giljabi.venue import folder

    rows = suite.read_questions(questions)[:limit]
    venue = folder.load(venue_dir)

    def ask(of: Subject) -> Mapping[str, float]:
        settings = store.base().settings  # the guide's own: greedy, short
        # What was quantised here has no record; the file it was made from has.
        known, tuned = lineage.spoken_to(
            of.origin or of.path, adapter=of.adapter is not None, asked=template
        )
        model = load(
            str(of.path), template=known, adapter=of.adapter, tuned=tuned, settings=settings
        )
        try:
            report = suite.evaluate(Guide(venue, model), rows)
        finally:
            model.close()
        # What the checker refuses, a template says instead: a worse model shows here first.
        return {
            "right": sum(row.right for row in report.rows),
            "asked": len(report.rows),
            "by_model": sum(row.written_by == "model" for row in report.rows),
        }

    read = sorted(path for path in venue_dir.rglob("*") if path.is_file())
    parts = (limit, template, *(store.sha256_of(path) for path in (questions, *read)))
    return Asking(hashlib.sha256(repr(parts).encode()).hexdigest()[:16], ask)


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--adapter", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A LoRA in GGUF form that is loaded over it.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
@click.option("--template", help=_TEMPLATE)
@click.option("--base", help="Name in bases.toml, where no record leads back to a known base.")
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
def card(
    file: Path, adapter: Path | None, out: Path, template: str | None, base: str | None, port: int
) -> None:
    """Write what FILE needs to run elsewhere: Modelfile, llama-server.sh, README.md."""
    from giljabi.export.card import card as written

    for path in written(file, out, adapter=adapter, template=template, base=base, port=port):
        click.echo(str(path))
