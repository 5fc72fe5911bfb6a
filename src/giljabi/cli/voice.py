"""The verb that listens and speaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from giljabi.cli.guides import guide_of
from giljabi.cli.options import Chosen, model_options, venue_option
from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    from giljabi.speech.events import Event
    from giljabi.speech.turn import Conversation, TurnOptions

    Made = Callable[[Callable[[Event], None]], Conversation]

_AFTER_S = 1.0  # beyond the silence that ends an utterance, fed after a file


@click.command()
@venue_option
@model_options
@click.option("--from", "origin", help="Where this kiosk stands.")
@click.option("--devices", "list_devices", is_flag=True, help="List the sound devices and end.")
@click.option("--input", "microphone", help="The microphone: its number or a part of its name.")
@click.option("--output", "loudspeaker", help="The loudspeaker: its number or a part of its name.")
@click.option("--ear", "ear_name", default="whisper-base", show_default=True,
              help="Who hears: whisper-base, a folder of CTranslate2 weights, a hub id, or URL@MODEL.")  # fmt: skip
@click.option("--voice", "voice_name", default="espeak", show_default=True,
              help="Who speaks: espeak, supertonic, supertonic:VOICE, or URL@VOICE.")  # fmt: skip
@click.option("--silence-ms", type=click.IntRange(100, 3000), default=500, show_default=True,
              help="Silence that ends an utterance.")  # fmt: skip
@click.option("--lang", type=click.Choice(["ko", "en", "auto"]), default="auto", show_default=True)
@click.option("--echo", type=click.Choice(["auto", "off"]), default="auto", show_default=True,
              help="auto: cancel the loudspeaker's echo, and where giljabi[echo] is not installed do "
              "not listen while speaking; off: the device cancels it, or a headset is worn.")  # fmt: skip
@click.option("--push-to-talk", is_flag=True, help="Enter or space begins and ends an utterance; q quits.")  # fmt: skip
@click.option("--acknowledge", is_flag=True, help='Say "네," before thinking.')
@click.option("--file", "recording", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Answer every utterance of a sound file instead; JSON lines on standard output.")  # fmt: skip
@click.option("--out", type=click.Path(path_type=Path), help="With --file: the spoken answers as WAV.")  # fmt: skip
def voice(
    venue_dir: Path, chosen: Chosen, origin: str | None, list_devices: bool, microphone: str | None,
    loudspeaker: str | None, ear_name: str, voice_name: str, silence_ms: int, lang: Any, echo: str,
    push_to_talk: bool, acknowledge: bool, recording: Path | None, out: Path | None,
) -> None:  # fmt: skip
    """Talk with the guide: microphone in, loudspeaker out; Ctrl-C ends it."""
    from giljabi.speech.turn import TurnOptions

    if list_devices:
        _list()
        return
    if out is not None and recording is None:
        raise GiljabiError("--out needs --file RECORDING.")
    cancels = echo == "auto" and recording is None and not push_to_talk and _cancels_echo()
    options = TurnOptions(
        lang=lang, acknowledge=acknowledge,
        barge_in=cancels or echo == "off" or push_to_talk or recording is not None,
    )  # fmt: skip

    def made() -> Made:
        return _parts(venue_dir, chosen, origin, ear_name, voice_name, silence_ms, options)

    if recording is not None:
        _answer_file(recording, out, made(), silence_ms)
    else:
        _converse(microphone, loudspeaker, made, cancels, push_to_talk)


def _list() -> None:
    from giljabi.speech.devices import devices

    found = devices()
    for d in found:
        default = f"  (default {' and '.join(d.default)})" if d.default else ""
        click.echo(f"{d.number:3}  {d.inputs} in  {d.outputs} out  {d.rate} Hz  {d.name}{default}")
    if not found:
        click.echo("No sound device.")


def _cancels_echo() -> bool:
    from giljabi.speech.echo import is_installed

    if is_installed():
        return True
    click.echo(
        "No echo cancellation: answers cannot be interrupted by voice. "
        "pip install 'giljabi[echo]', or wear a headset and say --echo off.",
        err=True,
    )
    return False


def _parts(
    venue_dir: Path, chosen: Chosen, origin: str | None, ear_name: str, voice_name: str,
    silence_ms: int, options: TurnOptions,
) -> Made:  # fmt: skip
    """Loads everything; what comes back begins a conversation over it."""
    from giljabi.speech.ears import ear
    from giljabi.speech.hold import listening
    from giljabi.speech.mouths import mouth
    from giljabi.speech.turn import Conversation
    from giljabi.spoken import spoken

    guide = guide_of(venue_dir, chosen, origin)
    venue = guide.venue
    hears = ear(ear_name, venue, threads=chosen.threads)
    speaks = mouth(voice_name, fall_back=lambda sentence: click.echo(sentence, err=True))

    def made(tell: Callable[[Event], None]) -> Conversation:
        return Conversation(
            listening(silence_ms), hears, speaks, guide, tell, options=options,
            place=lambda place, lang: venue.place(place).label(lang),
            spoken=partial(spoken, readings=venue.readings),
        )  # fmt: skip

    return made


def _answer_file(recording: Path, out: Path | None, made: Made, silence_ms: int) -> None:
    import numpy as np

    from giljabi.speech import recorded, wav

    pcm = wav.read(recording)
    rate, sound, at = 0, [np.zeros(0, np.float32)], 0.0

    def conversation(tell: Callable[[Event], None]) -> Conversation:
        nonlocal rate
        talk = made(tell)
        rate = talk.rate
        return talk

    for each in recorded.exchanges(pcm, conversation, silence_ms / 1000 + _AFTER_S):
        sound.append(recorded.said(each, rate))
        row = {**each.to_json(), "answer_at_s": round(at, 3)}
        at += len(sound[-1]) / rate
        click.echo(json.dumps(row, ensure_ascii=False))
    if out is not None:
        wav.write(out, np.concatenate(sound), rate)


def _converse(
    microphone: str | None, loudspeaker: str | None, made: Callable[[], Made], cancels: bool,
    push_to_talk: bool,
) -> None:  # fmt: skip
    from giljabi.speech.devices import find
    from giljabi.speech.echo import EchoCanceller
    from giljabi.speech.live import Playing, converse

    devices = {"microphone": find(microphone, "input"), "loudspeaker": find(loudspeaker, "output")}
    playing = Playing(_show)
    with made()(playing.tell) as talk:
        how = "Enter or space: speak; q: end." if push_to_talk else "Speak; Ctrl-C ends."
        click.echo(f"giljabi: {devices['microphone'].name}. {how}", err=True)
        try:
            converse(
                talk, playing, **devices, echo=EchoCanceller() if cancels else None,
                presses=_keys if push_to_talk else None,
            )  # fmt: skip
        except KeyboardInterrupt:
            click.echo(err=True)


def _keys(press: Callable[[], None]) -> None:
    """Presses for Enter and space until q, Ctrl-C or Ctrl-D."""
    while (char := _key()) not in ("q", "Q", "ㅂ", ""):
        if char in ("\r", "\n", " "):
            press()


def _key() -> str:
    try:
        return click.getchar()
    except (KeyboardInterrupt, EOFError, OSError):
        return ""


def _show(event: Event) -> None:
    """What is heard and said, as text."""
    from giljabi.speech import events

    match event:
        case events.Transcribed(heard=heard):
            click.echo(f"> {heard.text}" if not heard.rejected else f"> … ({heard.rejected})")
        case events.Sentence(text=text):
            click.echo(text, nl=False)
        case events.Failed(message=message):
            click.echo(f"giljabi: {message}", err=True)
        case events.Done():
            click.echo()
        case events.Cancelled():
            click.echo(" …")
        case _:
            pass
