"""A voice behind OpenAI's `POST /v1/audio/speech`: raw 16-bit PCM at 24 kHz, as it is made.

https://platform.openai.com/docs/api-reference/audio/createSpeech; many local servers speak it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from giljabi.errors import GiljabiError
from giljabi.model.connection import SPEECH_KEY_VARIABLE, Line, Server
from giljabi.model.pump import pump
from giljabi.speech.pieces import cut, from_int16
from giljabi.speech.sound import Cancel, Lang, Pcm

if TYPE_CHECKING:
    import httpx

LONGEST_S = 600
"""Seconds of sound one answer may bring."""

_RATE = 24_000
# What a server sends that cannot do PCM and does not say so: WAV, MP3, Ogg, FLAC.
_OTHER_SOUND = (b"RIFF", b"ID3", b"\xff\xfb", b"\xff\xf3", b"OggS", b"fLaC")


class SpeechUrl:
    """The voice called `voice` of the server at `url`; implements `giljabi.speech.sound.Mouth`.

    The server's key is read from GILJABI_SPEECH_API_KEY. `language` is not part of the protocol: the
    server hears it from the text. Timeouts in seconds, as in `giljabi.model.openai_url.OpenAIUrl`.
    """

    rate = _RATE

    def __init__(
        self,
        url: str,
        voice: str,
        *,
        model: str = "tts-1",
        connect: float = 5.0,
        silence: float = 30.0,
    ) -> None:
        self._server = Server(
            url, "/audio/speech", connect=connect, silence=silence, key_variable=SPEECH_KEY_VARIABLE
        )
        self._voice = voice
        self._model = model

    def say(self, text: str, lang: Lang, *, cancel: Cancel | None = None) -> Iterator[Pcm]:
        """See Mouth.say; leaving the iterator closes the connection, so the server stops."""
        body = {
            "model": self._model,
            "voice": self._voice,
            "input": text,
            "response_format": "pcm",
        }
        line = Line()
        return pump(
            lambda emit, stopped: self._ask(body, line, emit, stopped),
            cancel=cancel,
            abort=line.hang_up,
        )

    def _ask(
        self,
        body: dict[str, str],
        line: Line,
        emit: Callable[[Pcm], None],
        stopped: threading.Event,
    ) -> None:
        import httpx  # noqa: PLC0415

        try:
            with (
                self._server.client() as client,
                client.stream(
                    "POST", self._server.endpoint, json=body, extensions={"trace": line.trace}
                ) as response,
            ):
                if response.status_code != 200:
                    raise self._server.refused(
                        response.status_code, next(response.iter_bytes(4096), b"")
                    )
                for piece in self._sound(response):
                    if stopped.is_set():
                        return
                    emit(piece)
        except httpx.HTTPError as error:
            if stopped.is_set():
                return  # we hung up ourselves
            raise self._server.unreachable(error) from error

    def _sound(self, response: httpx.Response) -> Iterator[Pcm]:
        kind = response.headers.get("content-type", "").split(";")[0].strip()
        if kind and not (kind.startswith("audio/") or kind == "application/octet-stream"):
            raise GiljabiError(f"{self._server.endpoint} sent {kind} instead of sound.")
        rest, received = b"", 0
        for chunk in response.iter_bytes():
            if received == 0 and chunk.startswith(_OTHER_SOUND):
                raise GiljabiError(f"{self._server.endpoint} sent a sound file instead of raw PCM.")
            received += len(chunk)
            if received > LONGEST_S * _RATE * 2:
                raise GiljabiError(
                    f"{self._server.endpoint} sent more than {LONGEST_S} s of sound."
                )
            rest += chunk
            whole = len(rest) // 2 * 2  # a sample may be cut in two
            yield from cut(from_int16(rest[:whole]), _RATE)
            rest = rest[whole:]
        if received == 0:
            raise GiljabiError(f"{self._server.endpoint} sent no sound.")
