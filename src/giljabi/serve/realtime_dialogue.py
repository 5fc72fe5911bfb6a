"""A spoken conversation's events as the Realtime protocol tells them to a client.

Knows no socket. Messages are made one at a time, when they are about to be sent: what has become
stale by then is left out.
"""

from __future__ import annotations

import base64
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from giljabi.serve.realtime_events import Json, Session, new_id, user_item
from giljabi.serve.realtime_response import Response
from giljabi.serve.shapes import GuideReply
from giljabi.serve.sound_formats import pcm16
from giljabi.speech.events import (
    Cancelled,
    Done,
    Event,
    Failed,
    Sentence,
    Sound,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import RATE, Heard, Pcm

_PIECE_S = 0.25  # between two pieces it is seen whether the rest is still wanted
_REMEMBERED = 64
_REJECTED = "Nothing was understood that could be answered."

Message = Json | bytes
Cause = Literal["turn_detected", "client_cancelled"]


@dataclass(frozen=True, slots=True)
class Asked:
    """A client asked for a response, which is `turn`; `item` is its sound that is recognised."""

    turn: int
    item: str | None = None
    seconds: float = 0.0


class Dialogue:
    """One conversation as a client is told it. `latest` gives the turn that is on.

    With `raw`, sound goes out as bare bytes instead of audio deltas.
    """

    def __init__(
        self, session: Session, rate: int, latest: Callable[[], int], *, raw: bool = False
    ) -> None:
        self.session = session
        self.raw = raw
        self._rate = rate
        self._latest = latest
        self._response: Response | None = None
        self._resampler: Resampler | None = None
        self._turns: OrderedDict[str, int] = OrderedDict()
        self._speech: tuple[str, int] | None = None  # the utterance going on: item, first sample
        self._heard: tuple[str, float] | None = None  # the one being recognised: item, seconds
        self._by_client: set[int] = set()  # turns a client asked for
        self._last_item: str | None = None
        self.called_off = -1
        """The turn that the client itself called off."""

    @property
    def answering(self) -> bool:
        """Whether the client has been told of a response that is not done."""
        return self._response is not None

    def turn_of(self, item_id: str) -> int | None:
        """The turn in which the guide said the item; None for what is no such item."""
        return self._turns.get(item_id)

    def added(self, item: Json) -> Iterator[Message]:
        """A visitor's message joined the conversation."""
        before, self._last_item = self._last_item, item["id"]
        yield {"type": "conversation.item.added", "item": item, "previous_item_id": before}
        yield {"type": "conversation.item.done", "item": item, "previous_item_id": before}

    def committed(self, item_id: str) -> Iterator[Message]:
        """The sound sent so far is a message now."""
        yield {
            "type": "input_audio_buffer.committed",
            "item_id": item_id,
            "previous_item_id": self._last_item,
        }
        content: list[Json] = [{"type": "input_audio", "transcript": None}]
        yield from self.added(user_item(item_id, content))

    def messages(self, event: Event | Asked) -> Iterator[Message]:
        """What to send of an event."""
        match event:
            case Asked():
                self._by_client.add(event.turn)
                self._heard = (event.item, event.seconds) if event.item else None
                yield from self._begun(event.turn)
            case SpeechStarted():
                self._speech = (new_id("item"), event.at)
                yield {
                    "type": "input_audio_buffer.speech_started",
                    "item_id": self._speech[0],
                    "audio_start_ms": event.at * 1000 // RATE,
                }
            case SpeechStopped():
                yield from self._stopped(event)
            case Transcribed():
                yield from self._transcribed(event.turn, event.heard)
            case Sentence():
                yield from self._sentence(event)
            case Sound():
                yield from self._sound(event)
            case Failed():
                yield from self._failed(event)
            case Done():
                yield from self._done(event)
            case Cancelled():
                yield from self.ended(event.turn)

    def ended(self, turn: int | None = None) -> Iterator[Message]:
        """The response of `turn` (None: whichever it is) was called off."""
        response = self._response
        if response is not None and turn in (None, response.turn):
            self._response = None
            self._by_client.discard(response.turn)
            by_client = turn is None or turn == self.called_off
            cause: Cause = "client_cancelled" if by_client else "turn_detected"
            yield from response.end("cancelled", {"type": "cancelled", "reason": cause})

    def _stopped(self, event: SpeechStopped) -> Iterator[Message]:
        if event.turn in self._by_client:
            return  # the client committed it itself
        item, start = self._speech or (new_id("item"), event.at)
        self._speech = None
        self._heard = (item, (event.at - start) / RATE)
        yield {
            "type": "input_audio_buffer.speech_stopped",
            "item_id": item,
            "audio_end_ms": event.at * 1000 // RATE,
        }
        yield from self.committed(item)

    def _transcribed(self, turn: int, heard: Heard) -> Iterator[Message]:
        if self._heard is not None:
            (item, seconds), self._heard = self._heard, None
            kind = "conversation.item.input_audio_transcription"
            which = {"item_id": item, "content_index": 0}
            if heard.rejected:
                error = {
                    "type": "transcription_error", "code": heard.rejected, "message": _REJECTED
                }  # fmt: skip
                yield {"type": f"{kind}.failed", **which, "error": error}
            else:
                usage = {"type": "duration", "seconds": seconds}
                said = {"transcript": heard.text, "usage": usage}
                yield {"type": f"{kind}.completed", **which, **said}
        if not heard.rejected and turn >= self._latest():
            yield from self._begun(turn)

    def _begun(self, turn: int) -> Iterator[Message]:
        """The response of `turn`, if the client has not been told of it yet."""
        if self._response is not None and self._response.turn == turn:
            return
        yield from self.ended()
        self._response = Response(turn, self.session, raw=self.raw)
        self._resampler = None
        yield self._response.created()

    def _sentence(self, event: Sentence) -> Iterator[Message]:
        if event.turn >= self._latest():
            yield from self._begun(event.turn)
        if (response := self._of(event.turn)) is None:
            return
        if not response.item_id:
            item = new_id("item")
            before, self._last_item = self._last_item, item
            self._turns[item] = event.turn
            while len(self._turns) > _REMEMBERED:
                self._turns.popitem(last=False)
            yield from response.open(item, before)
        if event.purpose != "acknowledgement":
            yield response.said(event.text)

    def _sound(self, event: Sound) -> Iterator[Message]:
        if self._resampler is None:
            self._resampler = Resampler(self._rate, self.session.rate_out, "LQ")
        step = int(self._rate * _PIECE_S)
        for start in range(0, len(event.pcm), step):
            response = self._of(event.turn)
            if response is None:
                return
            yield from self._audio(response, event.pcm[start : start + step])

    def _audio(self, response: Response, pcm: Pcm, *, last: bool = False) -> Iterator[Message]:
        if self._resampler is None:
            return
        data = pcm16(self._resampler(pcm, last=last))
        if data:
            yield data if self.raw else response.audio(base64.b64encode(data).decode())

    def _of(self, turn: int) -> Response | None:
        """The response of `turn` where it is being given and still wanted."""
        response = self._response
        if response is None or response.turn != turn:
            return None
        if turn < self._latest():
            response.cut = True
            return None
        return response

    def _failed(self, event: Failed) -> Iterator[Message]:
        error = {"type": "server_error", "code": "failed", "message": event.message}
        if self._heard is not None:
            (item, _), self._heard = self._heard, None
            yield {
                "type": "conversation.item.input_audio_transcription.failed",
                "item_id": item, "content_index": 0, "error": error,
            }  # fmt: skip
        if event.turn >= self._latest():
            yield from self._begun(event.turn)
        if (response := self._of(event.turn)) is not None:
            response.failure = error

    def _done(self, event: Done) -> Iterator[Message]:
        response = self._response
        if response is None or response.turn != event.turn:
            return
        if response.cut:
            yield from self.ended(event.turn)
            return
        if self._resampler is not None:
            yield from self._audio(response, np.zeros(0, np.float32), last=True)
        self._response = None
        self._by_client.discard(event.turn)
        response.metadata["purpose"] = event.purpose
        if event.answer is not None:
            response.metadata["outcome"] = event.answer.outcome
            response.metadata["places"] = ",".join(event.answer.places)[:512]
            if self.raw:  # our own page's dialect; the official client knows no such event
                fields = event.answer.to_json()
                reply = {**fields, "result": fields["answer"], "conversation": ""}
                answer = GuideReply.model_validate(reply).model_dump(mode="json")
                yield {"type": "giljabi.answer", "response_id": response.id, "answer": answer}
        if response.failure is not None:
            yield from response.end("failed", {"type": "failed", "error": response.failure})
        else:
            yield from response.end("completed", {"type": "completed"})
