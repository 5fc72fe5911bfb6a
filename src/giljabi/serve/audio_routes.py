"""The OpenAI-compatible routes for sound: writing down what was said, reading a text aloud.

Nothing of either is kept, logged or written to a disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI, Request
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.responses import PlainTextResponse, Response

from giljabi.answer.claims import sentences
from giljabi.answer.words import language
from giljabi.serve import audio_shapes as shapes
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import Stream, result_of
from giljabi.serve.shapes import RefusalError, errors
from giljabi.serve.sound_formats import MEDIA_TYPES, written
from giljabi.serve.subject import Answerer
from giljabi.serve.voice import SPEECH, TRANSCRIPTIONS, Voice
from giljabi.serve.work import Cancel, Workers
from giljabi.speech import wav
from giljabi.speech.sound import RATE, Heard, Pcm

_FIELDS, _FIELD_BYTES = 32, 16 * 1024


class AudioRoutes:
    """Transcriptions and speech, by the same workers as every answer."""

    def __init__(
        self, guide: Answerer, voice: Voice, options: ServeOptions, workers: Workers
    ) -> None:
        self.guide = guide
        self.voice = voice
        self.options = options
        self.workers = workers

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        written_down = {
            "description": "What was said: JSON, or the bare text with response_format text.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        }
        app.add_api_route(
            TRANSCRIPTIONS, self.transcribe, methods=["POST"],
            response_model=shapes.TranscriptionVerbose | shapes.Transcription,
            responses={**errors(404, 409, 429, 503), 200: written_down},
            openapi_extra={"requestBody": shapes.TranscriptionFields.request_body()},
        )  # fmt: skip
        sound = {"schema": {"type": "string", "format": "binary"}}
        read_aloud = {
            "description": "The sound, streamed in the formats wav and pcm.",
            "content": dict.fromkeys(MEDIA_TYPES.values(), sound),
        }
        app.add_api_route(
            SPEECH, self.speak, methods=["POST"], response_class=Response,
            responses={**errors(404, 409, 429, 503), 200: read_aloud},
        )  # fmt: skip

    async def transcribe(self, request: Request) -> Any:
        """Write down what is said in the uploaded sound."""
        fields, data = await _form(request)
        self._check(fields.model)
        limits = self.voice.limits

        def hear(cancel: Cancel) -> Iterator[tuple[Heard, float]]:
            pcm = wav.decode(data, seconds=limits.sound_s, most_bytes=limits.upload_bytes)
            heard = self.voice.ear.hear(pcm, lang=fields.lang, cancel=cancel)
            if not cancel():
                yield heard, len(pcm) / RATE

        job = self.workers.submit(hear)
        heard, seconds = await result_of(job, request.receive, self.options.answer_s)
        if fields.response_format == "verbose_json":
            return shapes.TranscriptionVerbose.of(heard, seconds)
        text = "" if heard.rejected else heard.text
        if fields.response_format == "text":
            return PlainTextResponse(text + "\n")
        return shapes.Transcription(text=text, usage=shapes.Duration(seconds=seconds))

    async def speak(self, body: shapes.SpeechRequest) -> Any:
        """Read a text aloud in its own language, numbers and codes as they are said."""
        self._check(body.model)
        if len(body.input) > self.voice.limits.speech_chars:
            message = f"A text may have {self.voice.limits.speech_chars} characters."
            raise RefusalError(400, message, "text_too_long")
        if body.speed != 1.0:
            raise RefusalError(400, "The voice has one speed: leave `speed` at 1.", "one_speed")
        mouth, form = self.voice.mouth, body.response_format

        def say(cancel: Cancel) -> Iterator[bytes]:
            yield from written(self._sound(body.input, cancel), mouth.rate, form)

        return Stream(
            self.workers.submit(say), _File(MEDIA_TYPES[form]),
            answer_s=self.options.answer_s, stall_s=self.options.stall_s,
        )  # fmt: skip

    def _sound(self, text: str, cancel: Cancel) -> Iterator[Pcm]:
        """Sentence by sentence, so that the first is heard while the next is made."""
        lang = language(text)
        for sentence in sentences(text):
            if cancel():
                return
            said = self.voice.spoken(sentence, lang, self.guide.venue.readings)
            yield from self.voice.mouth.say(said, lang, cancel=cancel)

    def _check(self, name: str) -> None:
        if name not in self.options.models:
            known = ", ".join(self.options.models)
            raise RefusalError(404, f"There is no such model; known: {known}.", "model_not_found")


class _File:
    """A file piece by piece; one that fails on the way is cut, so that it does not look whole."""

    def __init__(self, media_type: str) -> None:
        self.media_type = media_type

    def opening(self) -> bytes:
        return b""

    def piece(self, item: bytes) -> bytes:
        return item

    def closing(self) -> bytes:
        return b""

    def broken(self, message: str, code: str) -> None:
        return None


class _InMemory(MultiPartParser):
    """Keeps what visitors said off the disk; the body's size is bounded already."""

    spool_max_size = 1 << 30


async def _form(request: Request) -> tuple[shapes.TranscriptionFields, bytes]:
    """The checked fields and the file. RefusalError 400 where they are not what is needed."""
    parser = _InMemory(
        request.headers, request.stream(),
        max_files=1, max_fields=_FIELDS, max_part_size=_FIELD_BYTES,
    )  # fmt: skip
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, UnicodeDecodeError):
        raise RefusalError(400, "The form cannot be read.", "bad_form") from None
    file = form.get("file")
    data = await file.read() if isinstance(file, UploadFile) else None
    await form.close()
    if data is None:
        raise RefusalError(400, "The form needs a sound as `file`.", "no_file")
    texts = {key: value for key, value in form.items() if isinstance(value, str)}
    if texts.get("stream", "").lower() == "true":
        raise RefusalError(400, "A transcription comes whole: leave out `stream`.", "no_stream")
    try:
        return shapes.TranscriptionFields.model_validate(texts), data
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise RefusalError(400, f"{where}: {first['msg']}.", "invalid") from None
