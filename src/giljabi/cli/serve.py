"""The verb that serves."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.answer.guide import Guide
from giljabi.cli.options import Chosen, generator, model_options, plain_chat, venue_option
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.serve.voice import Voice
    from giljabi.venue.place import Venue

_PAUSE_MS = 200  # silence after which recognition begins


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
    voice_name: str, conversations: int, with_kiosk: bool, idle: int, tiles: str, tiles_by: str,
    frequent: tuple[str, ...],
) -> None:  # fmt: skip
    """Serve the guide over HTTP on 127.0.0.1:8000."""
    from giljabi.answer.memory import Memory
    from giljabi.serve.options import KioskOptions, ServeOptions
    from giljabi.serve.run import run as run_server

    kiosk = KioskOptions(idle, tiles, tiles_by, frequent) if with_kiosk else None
    options = ServeOptions(
        host=host, port=port, origins=allow_origin, hosts=allow_host, queue=queue, kiosk=kiosk
    )
    voice = None
    if plain and with_voice:
        raise GiljabiError("--voice speaks with a venue's guide; leave out --chat.")
    if plain:
        answers: Any = plain_chat(chosen, system)
    else:
        venue = folder.load(venue_dir)
        if with_voice:
            voice = _voice(venue, chosen, ear_name, voice_name, conversations)
        answers = Guide(
            venue,
            generator(chosen, venue),
            model_wait_s=None if model_wait < 0 else model_wait,
            origin=origin,
        )
    with closing(Memory(memory or _default_memory())) as kept:
        run_server(answers, kept, options, voice=voice, announce=_announce)


def _voice(
    venue: Venue, chosen: Chosen, ear_name: str, voice_name: str, conversations: int
) -> Voice:
    """Ear, mouth and listeners, loaded before anybody is let in."""
    from giljabi.serve.voice import Voice, VoiceLimits, require

    require()
    from giljabi.speech.ears import ear
    from giljabi.speech.hold import Hold
    from giljabi.speech.mouths import mouth
    from giljabi.speech.vad import Turns, Vad
    from giljabi.spoken import spoken

    return Voice(
        ear(ear_name, venue, threads=chosen.threads),
        mouth(voice_name, fall_back=lambda sentence: click.echo(sentence, err=True)),
        lambda silence_ms: Hold(Vad(Turns(silence_ms=min(_PAUSE_MS, silence_ms))), silence_ms),
        spoken,
        VoiceLimits(sockets=conversations),
    )


def _announce(url: str) -> None:
    click.echo(f"giljabi: {url}  (Ctrl-C stops)", err=True)


def _default_memory() -> str:
    base = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "giljabi"
    base.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{base / 'conversations.db'}"
