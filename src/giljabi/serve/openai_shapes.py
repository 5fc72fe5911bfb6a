"""The OpenAI chat-completions protocol: what a client sends, what it gets, what was meant.

Token counts are estimates, one per four bytes of UTF-8: many answers come from templates, and no
tokenizer need be loaded to serve them.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from giljabi.answer.memory import Turn
from giljabi.errors import GiljabiError
from giljabi.serve.guard import error_body

QUESTION_CHARS = 1000
MESSAGES = 64


class _Sent(BaseModel):
    """What a client sends: a number is no text and "yes" is no boolean."""

    model_config = ConfigDict(strict=True)


class TextPart(_Sent):
    """A piece of text inside a message."""

    type: Literal["text"]
    text: str


class ChatMessage(_Sent):
    """One message; other fields of the protocol are accepted and ignored."""

    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[TextPart] | None = None

    def text(self) -> str:
        """The content as one string."""
        if isinstance(self.content, list):
            return "".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(_Sent):
    """What a stream carries besides the text."""

    include_usage: bool = False


class ChatRequest(_Sent):
    """A request; sampling fields (temperature, max_tokens, …) are accepted and ignored."""

    model: str = Field(min_length=1, max_length=200)
    messages: list[ChatMessage] = Field(min_length=1, max_length=MESSAGES)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: Literal[1] | None = None

    def asked(self) -> tuple[str, tuple[Turn, ...], str]:
        """The question, the turns before it, and the system text.

        The question is the last message, from the user; a user's message that an assistant's
        follows is a turn; messages without a partner are no turn and left out. GiljabiError when
        there is no question, or a longer one than 1,000 characters.
        """
        *earlier, last = self.messages
        question = last.text()
        if last.role != "user" or not question.strip():
            raise GiljabiError("The last message must be the user's question, with some text.")
        if len(question) > QUESTION_CHARS:
            raise GiljabiError(f"A question may have {QUESTION_CHARS} characters.")
        turns, pending, system = list[Turn](), "", list[str]()
        for message in earlier:
            if message.role == "user":
                pending = message.text()
            elif message.role == "assistant":
                if pending:
                    turns.append(Turn(pending, message.text()))
                pending = ""
            else:
                system.append(message.text())
        return question, tuple(turns), "\n\n".join(system)


class Usage(BaseModel):
    """Estimated tokens."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @staticmethod
    def of(request: ChatRequest, answer: str) -> Usage:
        """Usage of a request and its answer."""
        sent = sum(_tokens(message.text()) for message in request.messages)
        made = _tokens(answer)
        return Usage(prompt_tokens=sent, completion_tokens=made, total_tokens=sent + made)


def _tokens(text: str) -> int:
    return -(-len(text.encode()) // 4)


class ReplyMessage(BaseModel):
    """The assistant's message."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(BaseModel):
    """The only choice."""

    index: int = 0
    message: ReplyMessage
    finish_reason: Literal["stop"] = "stop"


class ChatCompletion(BaseModel):
    """A whole answer. `created` is in seconds since 1970."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str
    choices: list[Choice]
    usage: Usage


class ModelCard(BaseModel):
    """One model name."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: str = "giljabi"


class ModelList(BaseModel):
    """Every model name this server answers to."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class Chunks:
    """The server-sent events of one streamed answer, as bytes ready to send."""

    media_type = "text/event-stream"

    def __init__(self, request: ChatRequest, answer_id: str, created: int) -> None:
        self._request = request
        self._head = {
            "id": answer_id,
            "object": "chat.completion.chunk",
            "created": created,
            "model": request.model,
        }
        self._usage = request.stream_options is not None and request.stream_options.include_usage
        self._said: list[str] = []

    def opening(self) -> bytes:
        """The first event: who speaks."""
        return self._choice({"role": "assistant", "content": ""}, None)

    def piece(self, text: str) -> bytes:
        """One sentence."""
        self._said.append(text)
        return self._choice({"content": text}, None)

    def closing(self) -> bytes:
        """The last events: why it ended, the usage where asked for, [DONE]."""
        out = self._choice({}, "stop")
        if self._usage:
            usage = Usage.of(self._request, "".join(self._said)).model_dump()
            out += event({**self._head, "choices": [], "usage": usage})
        return out + b"data: [DONE]\n\n"

    def broken(self, message: str, code: str) -> bytes:
        """The last event of a stream that failed: an error, and no [DONE]."""
        return event({**error_body(message, "server_error", code)})

    def _choice(self, delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        body: dict[str, Any] = {**self._head, "choices": [choice]}
        if self._usage:
            body["usage"] = None  # the protocol wants the key in every event then
        return event(body)


def event(body: dict[str, Any]) -> bytes:
    """One server-sent event holding JSON."""
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"
