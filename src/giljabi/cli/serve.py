"""The verb that serves."""

from __future__ import annotations

import os
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.answer.guide import Guide
from giljabi.cli.guides import Guides
from giljabi.cli.options import Chosen, model_options, plain_chat, venue_option
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.serve.admission import Admission
    from giljabi.serve.voice import Voice
    from giljabi.venue.place import Venue


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
@click.option("--voice", "with_voice", is_flag=True,
              help="Hear and speak too: transcriptions, speech and live conversations.")  # fmt: skip
@click.option("--ear", "ear_name", default="whisper-base", show_default=True,
              help="With --voice, who hears: whisper-base, a CTranslate2 folder, a hub id, or URL@MODEL.")  # fmt: skip
@click.option("--voice-name", default="espeak", show_default=True,
              help="With --voice, who speaks: espeak, supertonic, supertonic:VOICE, or URL@VOICE.")  # fmt: skip
@click.option("--conversations", type=click.IntRange(1, 64), default=8, show_default=True,
              help="With --voice: live conversations at the same time; more get 429.")  # fmt: skip
@click.option("--public-url", default="", help="Where phones on this network reach the server, as "
              "http://192.168.0.10:8000: turns QR codes on.")  # fmt: skip
@click.option("--metrics", is_flag=True, help="Figures for Prometheus at /metrics.")
@click.option("--admin", "with_admin", is_flag=True, help="The operator's pages at /admin, behind a "
              "token: --admin-token-file, or GILJABI_ADMIN_TOKEN.")  # fmt: skip
@click.option("--admin-token-file", type=click.Path(path_type=Path),
              help="With --admin: a file with the token, 16 characters at least.")  # fmt: skip
@click.option("--keep-unanswered", type=click.IntRange(1, 366), metavar="DAYS",
              help="With --admin: keep the words of refused questions for so many days.")  # fmt: skip
@click.option("--desk", help="With --admin: SQLAlchemy URL of the operator's record; beside the "
              "conversations by default.")  # fmt: skip
@click.option("--kiosk/--no-kiosk", "with_kiosk", default=True, show_default=True,
              help="Give browsers the page for visitors.")  # fmt: skip
@click.option("--idle", type=click.IntRange(0, 3600), default=90, show_default=True,
              help="Seconds without a touch after which the page forgets the conversation; 0: never.")  # fmt: skip
@click.option("--tiles", default="", metavar="URL",
              help="Map tiles under the venue's geometry: a URL with {z}, {x} and {y}; none by default.")  # fmt: skip
@click.option("--tiles-by", default="", metavar="TEXT", help="Whom the tiles are owed to.")
@click.option("--frequent", multiple=True, metavar="PLACE",
              help="A place the page offers first; repeatable.")  # fmt: skip
def serve(
    venue_dir: Path, chosen: Chosen, host: str, port: int, origin: str | None,
    plain: bool, system: Path | None, memory: str | None, allow_origin: tuple[str, ...],
    allow_host: tuple[str, ...], queue: int, model_wait: float, with_voice: bool, ear_name: str,
    voice_name: str, conversations: int, public_url: str, metrics: bool, with_admin: bool,
    admin_token_file: Path | None, keep_unanswered: int | None, desk: str | None, with_kiosk: bool,
    idle: int, tiles: str, tiles_by: str, frequent: tuple[str, ...],
) -> None:  # fmt: skip
    """Serve the guide over HTTP on 127.0.0.1:8000."""
    from giljabi.answer.memory import Memory
    from giljabi.serve.current_guide import CurrentGuide
    from giljabi.serve.desk import Desk
    from giljabi.serve.operator import Operator
    from giljabi.serve.options import KioskOptions, ServeOptions
    from giljabi.serve.reloading import Reloader
    from giljabi.serve.run import run as run_server

    kiosk = KioskOptions(idle, tiles, tiles_by, frequent) if with_kiosk else None
    options = ServeOptions(
        host=host, port=port, origins=allow_origin, hosts=allow_host, queue=queue,
        public_url=public_url.rstrip("/"), metrics=metrics, kiosk=kiosk,
    )  # fmt: skip
    admission = _admission(plain, with_admin, admin_token_file, keep_unanswered, desk)
    memory = memory or _default_memory()
    voice = operator = None
    if plain and with_voice:
        raise GiljabiError("--voice speaks with a venue's guide; leave out --chat.")
    with ExitStack() as stack:
        if plain:
            answers: Any = plain_chat(chosen, system)
        else:
            venue = folder.load(venue_dir)
            if with_voice:
                voice = _voice(venue, chosen, ear_name, voice_name, conversations)
            wait = None if model_wait < 0 else model_wait
            guides = Guides(venue_dir, chosen, origin, wait)

            def guide(venue: Venue) -> Guide:
                made = guides.over(venue)
                if voice is not None:
                    voice.ear.know(venue)
                return made

            answers = CurrentGuide(guide(venue))  # nothing else may hold on to the first one
            if admission is not None:
                record = stack.enter_context(
                    closing(Desk(desk or memory, keep_days=keep_unanswered))
                )
                operator = Operator(
                    admission, record, Reloader(venue_dir, guide), guides.model_name
                )
        kept = stack.enter_context(closing(Memory(memory)))
        run_server(answers, kept, options, voice=voice, operator=operator, announce=_announce)


def _admission(
    plain: bool, with_admin: bool, file: Path | None, keep: int | None, desk: str | None
) -> Admission | None:
    """Who may open the operator's pages; None where there are none."""
    from giljabi.serve.admission import Admission, token_from

    if not with_admin:
        for given, option in (
            (file, "--admin-token-file"), (keep, "--keep-unanswered"), (desk, "--desk"),
        ):  # fmt: skip
            if given is not None:
                raise GiljabiError(f"{option} belongs to the operator's pages; add --admin.")
        return None
    if plain:
        raise GiljabiError("--admin is for a venue's guide; leave out --chat.")
    return Admission(token_from(file))


def _voice(
    venue: Venue, chosen: Chosen, ear_name: str, voice_name: str, conversations: int
) -> Voice:
    """Ear, mouth and listeners, loaded before anybody is let in."""
    from giljabi.serve.voice import Voice, VoiceLimits, require

    require()
    from giljabi.speech.ears import ear
    from giljabi.speech.hold import listening
    from giljabi.speech.mouths import mouth
    from giljabi.spoken import spoken

    return Voice(
        ear(ear_name, venue, threads=chosen.threads),
        mouth(voice_name, fall_back=lambda sentence: click.echo(sentence, err=True)),
        listening,
        spoken,
        VoiceLimits(sockets=conversations),
    )


def _announce(url: str) -> None:
    click.echo(f"giljabi: {url}  (Ctrl-C stops)", err=True)


def _default_memory() -> str:
    base = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "giljabi"
    base.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{base / 'conversations.db'}"
