"""OpenAI's audio shapes: a sound that is to be written down, a text that is to be read aloud."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from giljabi.speech.sound import Heard, Lang

_NAMES: dict[Lang, str] = {"ko": "korean", "en": "english"}


class TranscriptionFields(BaseModel):
    """The fields beside `file`; others of the protocol are accepted and ignored."""

    model: str = Field(min_length=1, max_length=200)
    language: Literal["ko", "en", "auto", ""] = "auto"
    response_format: Literal["json", "text", "verbose_json"] = "json"

    @property
    def lang(self) -> Literal["ko", "en", "auto"]:
        """The language spoken, as far as the client says."""
        return self.language or "auto"

    @staticmethod
    def request_body() -> dict[str, Any]:
        """The form as OpenAPI documents it."""
        schema = TranscriptionFields.model_json_schema()
        schema["properties"]["file"] = {"type": "string", "format": "binary"}
        schema["required"] = ["file", "model"]
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}


class Duration(BaseModel):
    """How long the sound was."""

    type: Literal["duration"] = "duration"
    seconds: float


class Transcription(BaseModel):
    """What was said; empty where nothing was that can be believed."""

    text: str
    usage: Duration


class Segment(BaseModel):
    """The whole utterance in Whisper's terms; tokens are not given out."""

    id: int = 0
    seek: int = 0
    start: float = 0.0
    end: float
    text: str
    tokens: list[int] = []
    temperature: float = 0.0
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class TranscriptionVerbose(BaseModel):
    """What was said and how sure that is; `rejected` tells why `text` is empty."""

    task: Literal["transcribe"] = "transcribe"
    language: str
    duration: float
    text: str
    segments: list[Segment]
    usage: Duration
    rejected: Literal["", "no_speech", "unsure", "loop", "stock_phrase"]

    @staticmethod
    def of(heard: Heard, seconds: float) -> TranscriptionVerbose:
        """What an ear heard in a sound of `seconds`."""
        text = "" if heard.rejected else heard.text
        segment = Segment(
            end=seconds,
            text=text,
            avg_logprob=heard.log_prob,
            compression_ratio=_repeats(text),
            no_speech_prob=heard.no_speech,
        )
        return TranscriptionVerbose(
            language=_NAMES[heard.lang],
            duration=seconds,
            text=text,
            segments=[segment] if text else [],
            usage=Duration(seconds=seconds),
            rejected=heard.rejected,
        )


def _repeats(text: str) -> float:
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 1.0


class SpeechRequest(BaseModel):
    """A text to read aloud. `voice` and `instructions` are accepted and ignored: the server has
    one voice for each language, and the language is the text's.
    """

    model_config = ConfigDict(strict=True)

    model: str = Field(min_length=1, max_length=200)
    input: str = Field(min_length=1, pattern=r"\S")
    voice: Any = None
    response_format: Literal["mp3", "opus", "flac", "wav", "pcm"] = "mp3"
    speed: float = Field(default=1.0, ge=0.25, le=4.0)
    stream_format: Literal["audio"] = "audio"
