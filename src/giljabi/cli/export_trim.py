"""The verb that trims a model's vocabulary."""

from __future__ import annotations

from pathlib import Path

import click

from giljabi.cli.options import progress_bar, venue_option
from giljabi.export.parity import GUIDE_ANSWERS
from giljabi.venue import folder


@click.command()
@click.argument("model", default="gemma3-270m")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The .gguf to write.")
@click.option(
    "--answers", type=click.IntRange(0), default=GUIDE_ANSWERS, show_default=True,
    help="Guide answers to compare on, beside the fixed text.",
)  # fmt: skip
@venue_option
@click.option("--english", type=int, help="English tokens kept, the most frequent first.")
@click.option(
    "--text",
    "files",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Further text whose tokens stay; repeatable.",
)
def trim(
    model: str, out: Path, answers: int, venue_dir: Path, english: int | None,
    files: tuple[Path, ...],
) -> None:  # fmt: skip
    """Leave out the vocabulary a Korean and English guide to the venue never needs.

    MODEL is a name in bases.toml or a .gguf file. Nothing is quantised again: the made file is
    compared with its source byte by byte, then on fixed text and on answers of the guide.
    """
    from giljabi.export import trimming

    venue = folder.load(venue_dir)
    with progress_bar() as bar:
        task = bar.add_task("compared", total=None)
        made = trimming.trim_for(
            model, venue, out, english=english, answers=answers,
            more=[f.read_text("utf-8") for f in files],
            progress=lambda n, of: bar.update(task, completed=n, total=of),
        )  # fmt: skip
    click.echo(trimming.summary(made, out))
