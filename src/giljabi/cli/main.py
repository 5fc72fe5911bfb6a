"""The verbs: parse, call one function each, print. No logic lives here."""

from __future__ import annotations

from typing import Any

import click

from giljabi import __version__
from giljabi.cli import (
    ask,
    benchmark,
    board,
    data,
    export,
    measure,
    select,
    serve,
    train,
    venue,
    voice,
)  # fmt: skip
from giljabi.errors import GiljabiError


class _Group(click.Group):
    """Prints a GiljabiError as one sentence and exits with 2; everything else is a bug."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except GiljabiError as error:
            click.echo(f"giljabi: {error}", err=True)
            ctx.exit(2)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """길잡이: a Korean place guide. The model writes, the venue's facts decide."""


for command in (
    ask.ask, ask.chat, ask.route, ask.evaluate, venue.venue, data.data, export.export,
    train.train, select.select, measure.measure, measure.report, benchmark.benchmark,
    board.plan, board.doctor, serve.serve, voice.voice,
):  # fmt: skip
    main.add_command(command)
