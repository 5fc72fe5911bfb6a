"""One response of the Realtime protocol: its events from response.created to response.done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from giljabi.serve.realtime_events import Json, Session, new_id

Status = Literal["in_progress", "completed", "cancelled", "failed"]


class Response:
    """The guide's answer of turn `turn`, told piece by piece.

    It has one item with one part, sound with its transcript or text alone; an answer without any
    words has none. With `raw`, whoever sends it sends the sound beside the events.
    """

    def __init__(self, turn: int, session: Session, *, raw: bool) -> None:
        self.turn = turn
        self.id = new_id("resp")
        self.item_id = ""
        self.cut = False
        """Whether some of it was left out because it had become stale."""
        self.failure: Json | None = None
        self.metadata: dict[str, str] = {}
        self._session = session
        self._raw = raw
        self._before: str | None = None
        self._text = ""
        # The names of the text's events and of the part that holds it.
        self._part, self._event, self._field = (
            ("audio", "response.output_audio_transcript", "transcript")
            if session.spoken
            else ("text", "response.output_text", "text")
        )

    def created(self) -> Json:
        """The response is being made."""
        return {"type": "response.created", "response": self._json("in_progress", None)}

    def open(self, item_id: str, before: str | None) -> Iterator[Json]:
        """The item and its part, empty yet."""
        self.item_id, self._before = item_id, before
        item = {**self._item("in_progress"), "content": []}
        yield {
            "type": "response.output_item.added",
            "response_id": self.id, "output_index": 0, "item": item,
        }  # fmt: skip
        yield {"type": "conversation.item.added", "item": item, "previous_item_id": before}
        yield {
            "type": "response.content_part.added", **self._where(),
            "part": {"type": self._part, self._field: ""},
        }  # fmt: skip

    def said(self, text: str) -> Json:
        """More of the words."""
        self._text += text
        return {"type": f"{self._event}.delta", **self._where(), "delta": text}

    def audio(self, encoded: str) -> Json:
        """More of the sound, in base64."""
        return {"type": "response.output_audio.delta", **self._where(), "delta": encoded}

    def end(self, status: Status, details: Json) -> Iterator[Json]:
        """Everything that closes it."""
        if self.item_id:
            whole = status == "completed"
            item = self._item("completed" if whole else "incomplete")
            if self._session.spoken:
                yield {"type": "response.output_audio.done", **self._where()}
            yield {"type": f"{self._event}.done", **self._where(), self._field: self._text}
            yield {
                "type": "response.content_part.done", **self._where(),
                "part": {"type": self._part, self._field: self._text},
            }  # fmt: skip
            yield {
                "type": "response.output_item.done",
                "response_id": self.id, "output_index": 0, "item": item,
            }  # fmt: skip
            yield {"type": "conversation.item.done", "item": item, "previous_item_id": self._before}
        yield {"type": "response.done", "response": self._json(status, details)}

    def _where(self) -> Json:
        return {
            "response_id": self.id, "item_id": self.item_id, "output_index": 0, "content_index": 0,
        }  # fmt: skip

    def _item(self, status: str) -> Json:
        content = {"type": f"output_{self._part}", self._field: self._text}
        return {
            "id": self.item_id, "object": "realtime.item", "type": "message", "status": status,
            "role": "assistant", "content": [content],
        }  # fmt: skip

    def _json(self, status: Status, details: Json | None) -> Json:
        finished = status == "completed"
        output = [self._item("completed" if finished else "incomplete")] if self.item_id else []
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": output,
            "output_modalities": ["audio" if self._session.spoken else "text"],
            "audio": {"output": {"format": {"type": "audio/pcm", "rate": self._session.rate_out}}},
            "metadata": self.metadata or None,
            "usage": None,
        }
