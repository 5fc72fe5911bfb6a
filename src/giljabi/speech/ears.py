"""One name for an ear, wherever it runs, to an Ear that hears with a venue's help."""

from __future__ import annotations

from giljabi.errors import GiljabiError
from giljabi.speech.sound import Ear
from giljabi.speech.weights import WHISPER_BASE
from giljabi.venue.place import Venue


def ear(
    name: str = WHISPER_BASE.name,
    venue: Venue | None = None,
    *,
    threads: int | None = None,
    helped: bool = True,
) -> Ear:
    """The ear called `name`:

    - `whisper-base`: the packaged weights (the default);
    - a folder of CTranslate2 weights, or an id of the Hugging Face hub: any multilingual Whisper;
    - `http(s)://HOST/v1@MODEL`: a server that transcribes as OpenAI's does, whisper.cpp's too.

    `threads` (default: all cores but one) is for Whisper in this process; `helped=False` keeps
    the venue's names out of it. Raises GiljabiError where a library, weights or a URL is missing.
    """
    knows = venue if helped else None
    if name.startswith(("http://", "https://")):
        from giljabi.speech.transcription_url import TranscriptionUrl  # noqa: PLC0415

        url, model = url_and_model(name)
        return TranscriptionUrl(url, model, knows)
    from giljabi.speech import weights  # noqa: PLC0415
    from giljabi.speech.recogniser import Recogniser  # noqa: PLC0415
    from giljabi.speech.whisper import WhisperEar  # noqa: PLC0415

    return WhisperEar(Recogniser(weights.folder(name), threads=threads), knows)


def url_and_model(name: str) -> tuple[str, str]:
    """`http://host/v1@MODEL` apart; GiljabiError where it names no model."""
    root, at, model = name.rpartition("@")
    # An @ before the host's end belongs to a user's name, not to a model.
    if not at or not model or root.count("/") < 3:
        raise GiljabiError(
            f"Say which model {name} should transcribe with: http://host:port/v1@MODEL."
        )
    return root, model
