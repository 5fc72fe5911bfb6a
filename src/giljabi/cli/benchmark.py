"""The verb that runs public benchmarks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click

from giljabi.cli.options import Chosen, model_options, progress_bar, writing
from giljabi.errors import GiljabiError


def _copies(pairs: Sequence[str]) -> dict[str, Path]:
    found = {}
    for pair in pairs:
        name, equals, folder = pair.partition("=")
        if not (name and equals and folder):
            raise GiljabiError(
                f"--data takes NAME=FOLDER, as in --data kobest=copies/kobest, not {pair}."
            )
        found[name] = Path(folder)
    return found


@click.command()
@click.argument("tasks", nargs=-1)
@model_options
@click.option(
    "--template",
    default="",
    help="Put prompts into turns by this prompt template; plain "
    "text by default, as most published figures were taken.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N questions of each task.")
@click.option(
    "--fewshot", type=click.IntRange(0), help="Worked examples; the recorded number by default."
)
@click.option(
    "--data",
    "copies",
    multiple=True,
    metavar="NAME=FOLDER",
    help="A task's data from a folder, not the hub; may be given again.",
)
@click.option(
    "--tasks-dir",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="A folder of tasks of your own, in the harness's YAML; their Python runs.",
)
@click.option(
    "--context",
    type=click.IntRange(32),
    default=4096,
    show_default=True,
    help="Tokens of context; longer requests lose their beginning.",
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="The whole report as JSON."
)
@click.option("--list", "listed", is_flag=True, help="The recorded benchmarks, and nothing is run.")
def benchmark(
    tasks: tuple[str, ...], chosen: Chosen, template: str, limit: int | None, fewshot: int | None,
    copies: tuple[str, ...], tasks_dir: Path | None, context: int, out: Path | None, listed: bool,
) -> None:  # fmt: skip
    """Run public benchmarks, each TASK by the name lm-evaluation-harness gives it.

    The embedded model is measured whole, not as trimmed to a venue.
    """
    from giljabi.measure import harness_run

    if listed:
        click.echo(harness_run.to_list())
        return
    if not tasks:
        raise GiljabiError(
            "Name what to run, as in giljabi benchmark kobest; --list shows what there is."
        )
    model = harness_run.subject(
        chosen.name, adapter=chosen.adapter, served_name=chosen.served_name, template=template,
        n_ctx=context, threads=chosen.threads,
    )  # fmt: skip
    with progress_bar() as progress:
        bar = progress.add_task(", ".join(tasks), total=None)
        report = harness_run.run(
            tasks, model, limit=limit, fewshot=fewshot, data=_copies(copies), tasks_dir=tasks_dir,
            progress=lambda done, total: progress.update(bar, completed=done, total=total),
        )  # fmt: skip
    click.echo(harness_run.to_markdown(report))
    if out is not None:
        with writing(out):
            out.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n", "utf-8")
