"""`giljabi select`: parse, call one function, print."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.cli.board import board_of
from giljabi.cli.options import writing
from giljabi.errors import GiljabiError
from giljabi.measure.leaderboard import SHIPPED
from giljabi.measure.training_cost import METHODS

if TYPE_CHECKING:
    from giljabi.measure.leaderboard import Table
    from giljabi.measure.limits import Limits


def _options(*options: Callable[..., Any]) -> Callable[..., Any]:
    def of(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return of


_WHO = _options(
    click.option("--leaderboard", default=SHIPPED, show_default=True, metavar="NAME|none|FILE",
                 help="Candidates beside the known bases, with their figures."),
    click.option("--measurements", multiple=True, type=click.Path(path_type=Path),
                 help="A .csv or .json of figures: candidate, then a column a metric; repeatable."),
    click.option("--run", "runs", multiple=True, metavar="RUN",
                 type=click.Path(path_type=Path, exists=True, file_okay=False),
                 help="A finished run of giljabi measure, for what it says of bases; repeatable."),
    click.option("--candidate", "only", multiple=True, metavar="NAME",
                 help="Look at this one; repeatable. All by default."),
    click.option("--by", default="", metavar="METRIC[:WEIGHT],…", help="What ranks."),
    click.option("--lower", multiple=True, metavar="METRIC",
                 help="A metric of which less is better; repeatable."),
)  # fmt: skip
_LIMITS = _options(
    click.option("--board", help="A board of boards.toml that must hold it."),
    click.option("--usable-gb", type=float, help="Memory left for us there; your own board's."),
    click.option("--quantisation", default="Q4_K_M", show_default=True, help="As it runs there."),
    click.option("--data", type=click.Path(path_type=Path),
                 help="Your texts, counted in the tokens of each candidate whose tokenizer is here."),
    click.option("--longest", type=click.IntRange(0), default=0, metavar="TOKENS",
                 help="The data's longest example, where --data cannot count it."),
    click.option("--mean", type=click.IntRange(0), default=0, metavar="TOKENS",
                 help="The same on average."),
    click.option("--licence", "licences", multiple=True, metavar="TEXT",
                 help="A licence that will do, by a part of its name; repeatable."),
    click.option("--commercial", is_flag=True, help="None whose licence forbids commercial use."),
)  # fmt: skip
_TRAINING = _options(
    click.option("--gpu-gb", type=float, help="Memory of the GPU that trains, in GB."),
    click.option("--gpu-tflops", type=float, default=0.0,
                 help="Its dense bfloat16 speed by the data sheet."),
    click.option("--method", type=click.Choice(METHODS), default="lora",
                 show_default=True),
    click.option("--rank", type=click.IntRange(1), default=16, show_default=True,
                 help="Of the adapter."),
    click.option("--train-tokens", type=click.IntRange(0), default=0,
                 help="Tokens to train on, all epochs together."),
    click.option("--hours", type=float, default=0.0, help="At most, for the training."),
)  # fmt: skip


@click.command()
@_WHO
@_LIMITS
@_TRAINING
@click.option("--json", "as_json", is_flag=True, help="Everything as JSON.")
@click.option("--out", type=click.Path(path_type=Path), help="A file in place of the screen.")
def select(
    leaderboard: str, measurements: tuple[Path, ...], runs: tuple[Path, ...], only: tuple[str, ...], by: str,
    lower: tuple[str, ...], data: Path | None, as_json: bool, out: Path | None, **limits: Any,
) -> None:  # fmt: skip
    """Which base to take: known bases and a leaderboard's, limits, figures; ranked with reasons.

    Exit code 0 where a candidate is left, 1 where the limits leave none.
    """
    from giljabi.measure import candidates, ranking, selection_report, texts
    from giljabi.measure import select as selecting
    from giljabi.measure.leaderboard import metric, read
    from giljabi.measure.measurements import of_run
    from giljabi.measure.results import read_run

    weights = ranking.weights(by)
    asked = _limits(**limits, counted=data is not None)
    table = _table(leaderboard)
    measured = [read(path) for path in measurements]
    ran = [of_run(read_run(path)) for path in runs]
    gathered = candidates.gather(table, measured, only, ran)
    if data is not None:
        gathered = candidates.in_tokens(gathered, texts.read_texts(data))
    found = selecting.select(
        gathered, weights, asked, lower=[metric(one) for one in lower], board=table,
        measurements=[*measured, *ran],
    )  # fmt: skip
    text = (
        json.dumps(selection_report.to_json(found), ensure_ascii=False, indent=1) + "\n"
        if as_json
        else selection_report.to_markdown(found)
    )
    if out is None:
        click.echo(text, nl=False)
    else:
        with writing(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(text, "utf-8")
    raise click.exceptions.Exit(0 if found.left else 1)


def _table(name: str) -> Table | None:
    from giljabi.measure.leaderboard import read, shipped

    if name == "none":
        return None
    return shipped() if name == SHIPPED else read(Path(name))


def _limits(
    board: str | None, usable_gb: float | None, quantisation: str, longest: int, mean: int,
    licences: tuple[str, ...], commercial: bool, gpu_gb: float | None, gpu_tflops: float,
    method: Any, rank: int, train_tokens: int, hours: float, counted: bool,
) -> Limits:  # fmt: skip
    from giljabi.measure.limits import Limits
    from giljabi.measure.training_cost import Gpu, Job

    if gpu_gb is None and (gpu_tflops or train_tokens or hours):
        raise GiljabiError("Training needs a GPU to be judged on: give --gpu-gb too.")
    return Limits(
        longest=longest, mean=mean, counted=counted, licences=licences, commercial=commercial,
        board=None if board is None and usable_gb is None else board_of(board, usable_gb),
        quantisation=quantisation,
        gpu=Gpu(gpu_gb, gpu_tflops) if gpu_gb is not None else None,
        job=Job(method, train_tokens, rank=rank), hours=hours,
    )  # fmt: skip
