"""An Ear behind a URL: any server that speaks OpenAI's /v1/audio/transcriptions.

OpenAI itself, vLLM, speaches, or whisper.cpp's server (--inference-path
/v1/audio/transcriptions). A venue's names mend what comes back.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

from giljabi import korean
from giljabi.errors import GiljabiError
from giljabi.model.connection import SPEECH_KEY_VARIABLE, Line, Server
from giljabi.model.pump import pump
from giljabi.speech import belief, wav
from giljabi.speech.belief import Doubts
from giljabi.speech.mending import Mended, Mender
from giljabi.speech.recogniser import LONGEST_S
from giljabi.speech.sound import RATE, Cancel, Heard, Lang, Pcm
from giljabi.venue.place import Venue

_LONGEST_REPLY = 1 << 20
_LANGUAGES: Mapping[str, Lang] = {"ko": "ko", "korean": "ko", "en": "en", "english": "en"}


class TranscriptionUrl:
    """Recognition by `model` at `url` (with or without the closing /v1). Implements Ear.

    Timeouts are in seconds: `connect` to reach the server, `silence` until it answers.
    """

    def __init__(
        self,
        url: str,
        model: str,
        venue: Venue | None = None,
        *,
        doubts: Doubts | None = None,
        connect: float = 5.0,
        silence: float = 30.0,
    ) -> None:
        self.name = model
        self._server = Server(
            url, "/audio/transcriptions", connect=connect, silence=silence,
            key_variable=SPEECH_KEY_VARIABLE,
        )  # fmt: skip
        self._doubts = doubts
        self._mender = Mender(venue) if venue else None
        self._detailed = True

    def know(self, venue: Venue) -> None:
        """See Ear.know."""
        if self._mender is not None:
            self._mender = Mender(venue)

    def hear(
        self, pcm: Pcm, *, lang: Lang | Literal["auto"] = "auto", cancel: Cancel | None = None
    ) -> Heard:
        """See Ear.hear; cancelling hangs up."""
        pcm = wav.clean(pcm)[: int(LONGEST_S * RATE)]
        begin = time.perf_counter()
        line = Line()
        sound = wav.encode(pcm)
        body = "".join(
            pump(
                lambda emit, stopped: self._ask(sound, lang, line, emit, stopped),
                cancel=cancel,
                abort=line.hang_up,
            )
        )
        timings = {"transcribe": 1e3 * (time.perf_counter() - begin)}
        if not body:  # hung up
            return Heard("", "en" if lang == "en" else "ko", timings=timings)
        return self._heard(self._parsed(body), lang, pcm, timings)

    def _ask(
        self,
        sound: bytes,
        lang: Lang | Literal["auto"],
        line: Line,
        emit: Callable[[str], None],
        stopped: threading.Event,
    ) -> None:
        import httpx  # noqa: PLC0415

        try:
            with self._server.client() as client:
                status, raw = self._post(client, sound, lang, line)
                if status == 400 and self._detailed and b"response_format" in raw:
                    self._detailed = False  # a server that gives text only
                    status, raw = self._post(client, sound, lang, line)
        except httpx.HTTPError as error:
            if stopped.is_set():
                return  # we hung up ourselves
            raise self._server.unreachable(error) from error
        if status != 200:
            raise self._server.refused(status, raw)
        emit(raw.decode("utf-8", "replace"))

    def _post(
        self, client: Any, sound: bytes, lang: Lang | Literal["auto"], line: Line
    ) -> tuple[int, bytes]:
        form = {
            "model": self.name,
            "temperature": "0",
            "response_format": "verbose_json" if self._detailed else "json",
        }
        if lang != "auto":
            form["language"] = lang
        with client.stream(
            "POST",
            self._server.endpoint,
            data=form,
            files={"file": ("speech.wav", sound, "audio/wav")},
            extensions={"trace": line.trace},
        ) as response:
            raw = b""
            for piece in response.iter_bytes():
                raw += piece
                if len(raw) > _LONGEST_REPLY:
                    raise GiljabiError(f"{self._server.endpoint} sent more than a mebibyte.")
            return response.status_code, raw

    def _parsed(self, body: str) -> dict[str, Any]:
        try:
            reply = json.loads(body)
        except ValueError as error:
            raise GiljabiError(f"{self._server.endpoint} sent no JSON: {body[:80]!r}.") from error
        if not isinstance(reply, dict) or not isinstance(reply.get("text"), str):
            raise GiljabiError(f"{self._server.endpoint} sent no text: {body[:80]!r}.")
        return reply

    def _heard(
        self,
        reply: Mapping[str, Any],
        asked: Lang | Literal["auto"],
        pcm: Pcm,
        timings: dict[str, float],
    ) -> Heard:
        text = " ".join(reply["text"].split())
        log_prob, no_speech = _figures(reply.get("segments"))
        rejected = belief.judge(
            text, pcm=pcm, log_prob=log_prob, no_speech=no_speech, doubts=self._doubts
        )
        guessed: Lang = "ko" if korean.has_hangul(text) else "en"
        lang = _LANGUAGES.get(str(reply.get("language", "")).lower(), guessed)
        mended = self._mender.mend(text) if self._mender and not rejected else Mended(text)
        return Heard(
            mended.text, lang if asked == "auto" else asked, rejected, mended.asks,
            log_prob or 0.0, no_speech, timings,
        )  # fmt: skip


def _figures(segments: Any) -> tuple[float | None, float]:
    """Mean log probability (None where none is given) and no-speech probability of a reply."""
    rows = [s for s in segments if isinstance(s, dict)] if isinstance(segments, list) else []

    def all_of(key: str) -> list[float]:
        return [float(s[key]) for s in rows if isinstance(s.get(key), int | float)]

    likely, silent = all_of("avg_logprob"), all_of("no_speech_prob")
    return (sum(likely) / len(likely) if likely else None), min(silent, default=0.0)
