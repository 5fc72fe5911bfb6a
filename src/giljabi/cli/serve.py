"""The verb that serves."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import Any

import click

from giljabi.answer.guide import Guide
from giljabi.cli.options import Chosen, generator, model_options, plain_chat, venue_option
from giljabi.venue import folder


@click.command()
@venue_option
@model_options
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", default=8000, show_default=True)
@click.option("--from", "origin", help="Where this kiosk stands.")
@click.option("--chat", "plain", is_flag=True, help="Plain chat without a venue.")
@click.option(
    "--system", type=click.Path(path_type=Path, exists=True), help="System text for --chat."
)
@click.option(
    "--memory",
    default=None,
    help="SQLAlchemy URL of the conversations; a local SQLite file by default.",
)
@click.option("--allow-origin", multiple=True, help="An exact origin allowed by CORS; repeatable.")
@click.option(
    "--allow-host", multiple=True, help="A Host name to answer to beside loopback; repeatable."
)
@click.option(
    "--queue", default=64, show_default=True, help="Requests that may wait; more get 429."
)
@click.option("--model-wait", default=1.5, show_default=True,
              help="Seconds one answer waits for the model before the template answers; -1: all wait.")  # fmt: skip
def serve(
    venue_dir: Path, chosen: Chosen, host: str, port: int, origin: str | None,
    plain: bool, system: Path | None, memory: str | None, allow_origin: tuple[str, ...],
    allow_host: tuple[str, ...], queue: int, model_wait: float,
) -> None:  # fmt: skip
    """Serve the guide over HTTP on 127.0.0.1:8000."""
    from giljabi.answer.memory import Memory
    from giljabi.serve.options import ServeOptions
    from giljabi.serve.run import run as run_server

    options = ServeOptions(
        host=host, port=port, origins=allow_origin, hosts=allow_host, queue=queue
    )
    if plain:
        answers: Any = plain_chat(chosen, system)
    else:
        venue = folder.load(venue_dir)
        answers = Guide(
            venue,
            generator(chosen, venue),
            model_wait_s=None if model_wait < 0 else model_wait,
            origin=origin,
        )
    with closing(Memory(memory or _default_memory())) as kept:
        run_server(answers, kept, options, announce=_announce)


def _announce(url: str) -> None:
    click.echo(f"giljabi: {url}  (Ctrl-C stops)", err=True)


def _default_memory() -> str:
    base = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "giljabi"
    base.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{base / 'conversations.db'}"
