"""An answer as server-sent events: its sentences as they are checked, then all of it."""

from __future__ import annotations

import json
from typing import Any

from giljabi.serve.guard import error_body
from giljabi.serve.shapes import Reply


class AnswerEvents:
    """`sentence` events, which joined are the text; then one `answer` of `shape`, or one `error`."""

    media_type = "text/event-stream"

    def __init__(self, shape: type[Reply]) -> None:
        self._shape = shape

    def opening(self) -> bytes:
        """Nothing comes before the first sentence."""
        return b""

    def piece(self, item: str | dict[str, Any]) -> bytes:
        """A sentence, or the whole answer."""
        if isinstance(item, str):
            return _event("sentence", {"text": item})
        return _event("answer", self._shape.model_validate(item).model_dump(mode="json"))

    def closing(self) -> bytes:
        """The answer was the last event."""
        return b""

    def broken(self, message: str, code: str) -> bytes:
        """What comes in place of an answer that failed."""
        return _event("error", error_body(message, "server_error", code))


def _event(name: str, data: dict[str, Any]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()
