"""The verbs: parse, call one function each, print. No logic lives here."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giljabi import __version__
from giljabi.answer.guide import Answer, Guide
from giljabi.answer.memory import Turn
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.model.generate import Loaded


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


def shipped_venue() -> Path:
    """The venue that ships: in the wheel, or in the checkout this runs from."""
    packaged = Path(__file__).parent / "venues" / "hanyang"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "venues" / "hanyang"


def _venue_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--venue", "venue_dir", type=click.Path(path_type=Path), envvar="GILJABI_VENUE",
        default=shipped_venue, help="Venue folder; the shipped Hanyang venue by default.",
    )(command)  # fmt: skip


def _model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--served-name", default="", help="With --model URL: the model's name on that server."
    )(command)
    return click.option(
        "--model", default="auto", envvar="GILJABI_MODEL", show_default=True,
        help="auto (the embedded model where installed), none (templates only), a name from "
        "bases.toml, a .gguf or model folder, or an OpenAI-compatible URL.",
    )(command)  # fmt: skip


def _generator(model: str, served_name: str) -> Loaded | None:
    if model == "none":
        return None
    from giljabi.model.generate import embedded_is_installed, load

    if model == "auto":
        return load() if embedded_is_installed() else None
    return load(model, model=served_name)


def _guide(venue_dir: Path, model: str, served_name: str, origin: str | None) -> Guide:
    return Guide(folder.load(venue_dir), _generator(model, served_name), origin=origin)


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(answer.to_json(), ensure_ascii=False, indent=1))
    else:
        click.echo(answer.text)


@main.command()
@click.argument("question", required=False)
@_venue_option
@_model_options
@click.option("--from", "origin", help="Where the visitor stands, instead of the venue's origin.")
@click.option("--lang", type=click.Choice(["ko", "en", "auto"]), default="auto", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The whole structured answer.")
@click.option("--batch", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="A JSONL file of rows with id and turns; needs --out.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="Where --batch writes; resumes.")
def ask(
    question: str | None, venue_dir: Path, model: str, served_name: str, origin: str | None,
    lang: Any, as_json: bool, batch: Path | None, out: Path | None,
) -> None:  # fmt: skip
    """Answer one QUESTION, or a file of them."""
    if (question is None) == (batch is None):
        raise GiljabiError(
            'Give either one question, as in giljabi ask "도서관 어디야?", or --batch FILE.'
        )
    if batch is not None and out is None:
        raise GiljabiError("--batch needs --out OUT.jsonl.")
    guide = _guide(venue_dir, model, served_name, origin)
    if batch is None or out is None:
        _print(guide.answer(question or "", lang=lang), as_json)
        return
    from giljabi.measure.batch import run_batch

    with _progress() as progress:
        task = progress.add_task(batch.name, total=None)
        run_batch(
            guide,
            batch,
            out,
            progress=lambda n, total: progress.update(task, completed=n, total=total),
        )


def _progress() -> Progress:
    from rich.console import Console

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip


@main.command()
@_venue_option
@_model_options
@click.option("--from", "origin", help="Where the visitor stands.")
@click.option("--plain", is_flag=True, help="Plain chat with the model, without a venue.")
@click.option(
    "--system", type=click.Path(path_type=Path, exists=True), help="System text for --plain."
)
def chat(
    venue_dir: Path,
    model: str,
    served_name: str,
    origin: str | None,
    plain: bool,
    system: Path | None,
) -> None:
    """Talk in the terminal; an empty line or Ctrl-D ends it."""
    reply = _plain_chat(model, served_name, system) if plain else None
    guide = None if reply else _guide(venue_dir, model, served_name, origin)
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


_CHAT_BASE = "qwen2.5-1.5b-instruct"  # the smallest known base with an open licence


def _plain_chat(model: str, served_name: str, system: Path | None) -> Any:
    from giljabi.answer.chat import Chat
    from giljabi.model import store
    from giljabi.model.generate import load

    name = _CHAT_BASE if model == "auto" else model
    known = store.bases().get(name)
    if known is not None and known.untuned_template:
        raise GiljabiError(
            f"{name} is an untuned base and cannot chat; name a chat model such as {_CHAT_BASE}."
        )
    generator = load(name, model=served_name)
    default = (known or store.base()).system
    return Chat(generator, system.read_text("utf-8") if system else default)


@main.command()
@click.argument("start")
@click.argument("end")
@_venue_option
@click.option("--step-free", is_flag=True, help="Only ways recorded as free of steps.")
@click.option("--json", "as_json", is_flag=True)
def route(start: str, end: str, venue_dir: Path, step_free: bool, as_json: bool) -> None:
    """The way from START to END, places named freely."""
    guide = Guide(folder.load(venue_dir))
    _print(guide.route(start, end, step_free=step_free), as_json)


@main.group()
def venue() -> None:
    """Venue folders: show, check, import."""


@venue.command("show")
@_venue_option
@click.argument("place", required=False)
def venue_show(venue_dir: Path, place: str | None) -> None:
    """What a venue holds; with PLACE, everything known of one place and where it comes from."""
    from giljabi.venue.show import place_text, venue_text

    loaded = folder.load(venue_dir)
    if place is None:
        click.echo(venue_text(loaded))
    else:
        click.echo(place_text(loaded, Guide(loaded).find_place(place)))


@venue.command("check")
@_venue_option
def venue_check(venue_dir: Path) -> None:
    """Read a venue folder as the guide would and say what is loose; exit code 2 when it is bad."""
    from giljabi.venue.show import loose_ends

    loaded = folder.load(venue_dir)
    for line in loose_ends(loaded):
        click.echo(line)
    click.echo(
        f"{loaded.id}: {len(loaded.places)} places, {len(loaded.directions)} described ways: readable."
    )


@venue.command("import")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option("--coordinates", type=click.Path(path_type=Path, exists=True),
              help="Coordinates, English names and aliases by building code.")  # fmt: skip
@click.option("--into", "target", required=True, type=click.Path(path_type=Path),
              help="The venue folder; its wording.json and names.json give the English words.")  # fmt: skip
def venue_import(records: tuple[Path, ...], coordinates: Path | None, target: Path) -> None:
    """Read place RECORDS of any known shape into the venue folder's places.json."""
    from giljabi.venue.readers import import_places, read_wording

    places = import_places(records, coordinates, read_wording(target))
    folder.write_json(target / "places.json", places)
    loose = [n["name"] for p in places for n in p.get("neighbours", ()) if "place" not in n]
    click.echo(
        f"{target / 'places.json'}: {len(places)} places; {len(loose)} neighbour names unresolved."
    )


@main.command()
@_venue_option
@_model_options
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
    venue_dir: Path, model: str, served_name: str, host: str, port: int, origin: str | None,
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
        answers: Any = _plain_chat(model, served_name, system)
    else:
        answers = Guide(
            folder.load(venue_dir),
            _generator(model, served_name),
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


@main.command("eval")
@click.argument("questions", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_venue_option
@_model_options
@click.option("--records", type=click.Path(path_type=Path, exists=True, file_okay=False),
              help="Raw record files for the independent check.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Report folder (report.json, report.md)."
)
def evaluate(
    questions: Path,
    venue_dir: Path,
    model: str,
    served_name: str,
    records: Path | None,
    out: Path | None,
) -> None:
    """Measure the guide on a question set with checkable answers."""
    from giljabi.measure import suite
    from giljabi.measure.records import RawRecords

    guide = _guide(venue_dir, model, served_name, None)
    rows = suite.read_questions(questions)
    raw = RawRecords.load(records) if records else None
    with _progress() as progress:
        task = progress.add_task(questions.name, total=len(rows))
        report = suite.evaluate(
            guide, rows, records=raw, progress=lambda n, _: progress.update(task, completed=n)
        )
    click.echo(report.to_markdown())
    if out is not None:
        suite.write_report(report, out)


if __name__ == "__main__":
    sys.exit(main())
