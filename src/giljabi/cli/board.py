"""Verbs on the box it runs on: plan what fits, and measure what is there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from giljabi.cli.guides import fitted
from giljabi.cli.options import venue_option
from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    from giljabi.model.boards import Board
    from giljabi.model.budget import Choice
    from giljabi.model.doctor import Check

_BOARD = "orin-nano-8gb"
_MODEL = (
    "auto (the embedded base, fitted to the venue), none, a name from bases.toml, or a .gguf file."
)


def board_of(name: str | None, usable_gb: float | None, bandwidth: float | None = None) -> Board:
    """The board of these options: a known one, its figures replaced where given, or one's own."""
    from giljabi.model.boards import Board, boards

    if name is None and usable_gb is not None:
        return Board("own figures", usable_gb, bandwidth or 0.0)
    known = boards()
    name = name or _BOARD
    if name not in known:
        raise GiljabiError(
            f"Unknown board {name!r}; known: {', '.join(known)}; or give --usable-gb."
        )
    board = known[name]
    return replace(
        board,
        usable_gb=board.usable_gb if usable_gb is None else usable_gb,
        bandwidth_gbs=board.bandwidth_gbs if bandwidth is None else bandwidth,
    )


def _name(model: str, venue_dir: Path) -> str | None:
    """What `auto` stands for here: the file `giljabi serve` runs for the venue, made if need be."""
    from giljabi.model import store
    from giljabi.model.generate import embedded_is_installed

    if model != "auto":
        return model
    if not embedded_is_installed():
        return None
    from giljabi.venue import folder

    store.show_licence(store.base())
    return str(fitted(folder.load(venue_dir)))


def _choice(
    board: Board, model: str, venue_dir: Path, quantisation: str | None, context: int | None,
    parallel: int, besides: dict[str, str],
) -> Choice:  # fmt: skip
    from giljabi.model import budget, store

    name = _name(model, venue_dir)
    named = None if model == "auto" else model
    known = store.base(named) if named is None or named in store.bases() else None
    return budget.Choice(
        board,
        None if model == "none" else budget.shape_of(name, quantisation),
        context=context if context is not None else (known.n_ctx if known else 4096),
        parallel=parallel,
        besides={kind: part for kind, part in besides.items() if part != "none"},
        adapter=store.shipped_adapter(known) if known and quantisation is None else None,
    )


@click.command()
@click.option("--board", help=f"A board of boards.toml; {_BOARD} by default.")
@click.option("--usable-gb", type=float, help="Memory left for us, in GB; your own board's.")
@click.option("--bandwidth", type=float, help="The memory's bandwidth in GB/s.")
@venue_option
@click.option("--model", default="auto", show_default=True, help=_MODEL)
@click.option("--quantisation", help="As Q4_K_M; the file's own by default.")
@click.option("--context", type=int, help="Tokens of a conversation; the base's own by default.")
@click.option("--parallel", default=1, show_default=True, help="Conversations held at once.")
@click.option("--asr", default="none", show_default=True, help="As whisper-base, of parts.toml.")
@click.option("--vad", default="none", show_default=True, help="As silero.")
@click.option("--tts", default="none", show_default=True, help="As espeak-ng.")
@click.option("--web", default="fastapi", show_default=True, help="The web server, or none.")
@click.option("--json", "as_json", is_flag=True, help="The whole plan, sizes in bytes.")
def plan(
    board: str | None, usable_gb: float | None, bandwidth: float | None, venue_dir: Path,
    model: str, quantisation: str | None, context: int | None, parallel: int, asr: str, vad: str, tts: str,
    web: str, as_json: bool,
) -> None:  # fmt: skip
    """What a choice of parts takes on a board, whether it fits, and what to shrink.

    Exit code 0 where it fits, 1 where it does not.
    """
    from giljabi.model import budget

    besides = {"web": web, "asr": asr, "vad": vad, "tts": tts}
    choice = _choice(
        board_of(board, usable_gb, bandwidth),
        model,
        venue_dir,
        quantisation,
        context,
        parallel,
        besides,
    )
    found = budget.plan(choice)
    if as_json:
        click.echo(json.dumps(budget.to_json(found), ensure_ascii=False, indent=1))
    else:
        click.echo(budget.to_text(found))
    raise click.exceptions.Exit(0 if found.fits else 1)


@click.command()
@venue_option
@click.option("--model", default="auto", show_default=True, help=_MODEL)
@click.option("--context", type=int, help="Tokens of a conversation; the base's own by default.")
@click.option("--port", default=8000, show_default=True, help="The port serve will take.")
@click.option("--quick", is_flag=True, help="Only look; start nothing and measure nothing.")
@click.option("--json", "as_json", is_flag=True, help="Everything found, sizes in bytes.")
def doctor(
    venue_dir: Path, model: str, context: int | None, port: int, quick: bool, as_json: bool
) -> None:
    """What is missing here, and what the parts take in this process beside their plan.

    Exit code 1 where something is missing that `giljabi serve` needs.
    """
    from giljabi.model import budget, doctor, store

    def weights() -> Path:
        return store.weights(_name(model, venue_dir)).path

    found_plan: budget.Plan | None = None
    notes: list[str] = []
    try:
        choice = _choice(
            doctor.this_board(), model, venue_dir, None, context, 1, {"web": "fastapi"}
        )
        found_plan = budget.plan(choice)
    except GiljabiError as error:
        notes.append(f"No plan to measure against: {error}")
    checks = doctor.checks(venue_dir, port, found_plan, None if model == "none" else weights)
    found = doctor.Diagnosis(tuple(checks), notes=tuple(notes))
    if not quick and found_plan is not None:
        found = doctor.measured(found, found_plan, weights, lambda: _serving(venue_dir))
    # Last, because looking loads sound libraries, which memory would be measured with.
    found = replace(found, checks=(*found.checks, *_speech_checks()))
    if as_json:
        click.echo(json.dumps(doctor.to_json(found), ensure_ascii=False, indent=1))
    else:
        click.echo(doctor.to_text(found))
    raise click.exceptions.Exit(0 if found.well else 1)


def _speech_checks() -> list[Check]:
    """Devices and weights of speech, where its extra is installed; its own row tells otherwise."""
    from importlib.util import find_spec

    from giljabi.model.packages import EXTRAS

    if any(find_spec(module) is None for module in EXTRAS["voice"]):
        return []
    from giljabi.speech.readiness import checks

    return checks()


@contextmanager
def _serving(venue_dir: Path) -> Iterator[None]:
    """The web server with the guide, on a free port, having answered a question."""
    from giljabi.answer.guide import Guide
    from giljabi.answer.memory import Memory
    from giljabi.serve.options import ServeOptions
    from giljabi.serve.run import listening, server_for
    from giljabi.venue import folder

    guide = Guide(folder.load(venue_dir))
    with closing(Memory("sqlite://")) as memory, listening("127.0.0.1", 0) as listener:
        server = server_for(guide, memory, ServeOptions())
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        guide.answer("안녕하세요")
        try:
            yield
        finally:
            server.should_exit = True
            thread.join()
