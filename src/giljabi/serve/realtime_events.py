"""OpenAI's Realtime protocol (GA shapes): what a client may send, and the objects it is sent.

Fields that this server has no use for are accepted and ignored, instructions and tools among
them; what the session really is comes back in session.created and session.updated.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from giljabi.serve.openai_shapes import QUESTION_CHARS
from giljabi.serve.sound_formats import PCM_RATE

RAW_RATE = 16_000
SILENCE_MS = 500
NEVER = 1 << 62
"""A turn that no turn comes after: everything of a conversation that was replaced is stale."""
Json = dict[str, Any]
_Id = Annotated[str, Field(max_length=64)]


class EventError(Exception):
    """A client's event that cannot be done; told to it in an error event."""

    def __init__(self, message: str, code: str, event_id: str | None = None) -> None:
        super().__init__(code)
        self.message = message
        self.code = code
        self.event_id = event_id

    def event(self, kind: str = "invalid_request_error") -> Json:
        """The error event."""
        error = {"type": kind, "code": self.code, "message": self.message}
        return {"type": "error", "error": {**error, "param": None, "event_id": self.event_id}}


class _Sent(BaseModel):
    model_config = ConfigDict(strict=True)


class _Event(_Sent):
    event_id: str | None = Field(default=None, max_length=512)


class Format(_Sent):
    """16-bit little-endian mono; `rate` may be 24000 or, unlike at OpenAI, 16000."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000, 16000] = 24000


class TurnDetection(_Sent):
    """Who decides that a turn is over; semantic_vad is taken as server_vad."""

    type: Literal["server_vad", "semantic_vad"] = "server_vad"
    silence_duration_ms: int = Field(default=SILENCE_MS, ge=200, le=3000)


class Spoken(_Sent):
    """What the visitor is expected to speak, where it is Korean or English."""

    language: str | None = None


class AudioInput(_Sent):
    """The visitor's side."""

    format: Format | None = None
    transcription: Spoken | None = None
    turn_detection: TurnDetection | None = None


class AudioOutput(_Sent):
    """The guide's side."""

    format: Format | None = None


class Audio(_Sent):
    """Both sides."""

    input: AudioInput | None = None
    output: AudioOutput | None = None


class SessionFields(_Sent):
    """What a client may ask of its session."""

    type: Literal["realtime"] = "realtime"
    audio: Audio | None = None
    output_modalities: list[Literal["audio", "text"]] | None = Field(default=None, max_length=2)


class SessionUpdate(_Event):
    """session.update."""

    type: Literal["session.update"]
    session: SessionFields


class Append(_Event):
    """input_audio_buffer.append: base64 of samples in the session's input format."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class Commit(_Event):
    """input_audio_buffer.commit, where there is no turn detection."""

    type: Literal["input_audio_buffer.commit"]


class Clear(_Event):
    """input_audio_buffer.clear."""

    type: Literal["input_audio_buffer.clear"]


class Content(_Sent):
    """A part of a visitor's message."""

    type: Literal["input_text", "input_audio"]
    text: str = Field(default="", max_length=QUESTION_CHARS)
    audio: str = ""


class UserItem(_Sent):
    """A visitor's message. Nobody else's can be put into a conversation."""

    type: Literal["message"]
    role: Literal["user"]
    id: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    content: list[Content] = Field(min_length=1, max_length=16)


class CreateItem(_Event):
    """conversation.item.create."""

    type: Literal["conversation.item.create"]
    item: UserItem


class Truncate(_Event):
    """conversation.item.truncate: how much of an answer was really played."""

    type: Literal["conversation.item.truncate"]
    item_id: _Id
    content_index: Literal[0] = 0
    audio_end_ms: int = Field(ge=0, le=3_600_000)


class CreateResponse(_Event):
    """response.create; what `response` holds is ignored."""

    type: Literal["response.create"]


class CancelResponse(_Event):
    """response.cancel."""

    type: Literal["response.cancel"]
    response_id: _Id | None = None


ClientEvent = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | CreateItem
    | Truncate
    | CreateResponse
    | CancelResponse
)
_EVENTS: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def parse(text: str) -> ClientEvent:
    """The event of a text message; EventError where it is none that this server knows."""
    try:
        return _EVENTS.validate_json(text)
    except ValidationError as e:
        first = e.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])[:100]
        reason = f"{where}: {first['msg']}" if where else first["msg"]
        raise EventError(reason[:300], "invalid_event") from None


def decoded(audio: str) -> bytes:
    """The bytes of base64; EventError where it is none or ends inside a sample."""
    try:
        data = base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise EventError("The audio is not base64.", "invalid_audio") from None
    return whole_samples(data)


def whole_samples(data: bytes) -> bytes:
    """`data` unchanged; EventError where it ends inside a sample."""
    if len(data) % 2:
        raise EventError("The audio ends inside a 16-bit sample.", "invalid_audio")
    return data


def new_id(kind: str) -> str:
    """An id as the protocol's look: "resp_…", "item_…", "event_…"."""
    return f"{kind}_{secrets.token_hex(10)}"


@dataclass(frozen=True, slots=True)
class Session:
    """What a session is. `silence_ms` is None where the client commits its turns itself."""

    id: str
    model: str
    lang: Literal["ko", "en", "auto"] = "auto"
    silence_ms: int | None = SILENCE_MS
    rate_in: int = PCM_RATE
    rate_out: int = PCM_RATE
    spoken: bool = True
    """False: answers come as text only."""

    def updated(self, fields: SessionFields) -> Session:
        """The session with what a client asked for; what it left out stays."""
        heard = (fields.audio and fields.audio.input) or AudioInput()
        said = (fields.audio and fields.audio.output) or AudioOutput()
        silence = self.silence_ms
        if "turn_detection" in heard.model_fields_set:
            detection = heard.turn_detection
            silence = detection.silence_duration_ms if detection else None
        lang = self.lang
        if heard.transcription is not None:
            asked = (heard.transcription.language or "")[:2].lower()
            lang = "ko" if asked == "ko" else "en" if asked == "en" else "auto"
        modalities = fields.output_modalities
        return Session(
            id=self.id,
            model=self.model,
            lang=lang,
            silence_ms=silence,
            rate_in=heard.format.rate if heard.format else self.rate_in,
            rate_out=said.format.rate if said.format else self.rate_out,
            spoken="audio" in modalities if modalities else self.spoken,
        )

    def to_json(self) -> Json:
        """The session object of the protocol."""
        detection = {
            "type": "server_vad",
            "silence_duration_ms": self.silence_ms,
            "create_response": True,
            "interrupt_response": True,
        }
        transcription = {"model": self.model, "language": self.lang}
        if self.lang == "auto":
            del transcription["language"]
        return {
            "type": "realtime",
            "object": "realtime.session",
            "id": self.id,
            "model": self.model,
            "output_modalities": ["audio" if self.spoken else "text"],
            "instructions": "",
            "tools": [],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self.rate_in},
                    "transcription": transcription,
                    "turn_detection": detection if self.silence_ms is not None else None,
                },
                "output": {"format": {"type": "audio/pcm", "rate": self.rate_out}},
            },
        }


def user_item(item_id: str, content: list[Json], status: str = "completed") -> Json:
    """A visitor's message."""
    return {
        "id": item_id, "object": "realtime.item", "type": "message", "status": status,
        "role": "user", "content": content,
    }  # fmt: skip
