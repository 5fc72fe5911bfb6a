"""The door for live conversations: a WebSocket that speaks OpenAI's Realtime protocol.

Beside the protocol, binary frames are sound: up in the session's input format, and with `?raw=1`
also down, both then at 16 kHz. Nothing that is said is kept after the socket closes, unless the
client names a conversation with `?conversation=`, which written questions then share.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket

from giljabi.serve.conversations import Conversations
from giljabi.serve.guard import error_body
from giljabi.serve.options import ServeOptions
from giljabi.serve.realtime_events import RAW_RATE, Session, new_id
from giljabi.serve.realtime_socket import Kept, RealtimeSocket
from giljabi.serve.shapes import CONVERSATION
from giljabi.serve.sound_formats import PCM_RATE
from giljabi.serve.subject import Answerer
from giljabi.serve.voice import REALTIME, Voice


class RealtimeRoute:
    """Lets so many clients in at a time, each with a conversation of its own."""

    def __init__(
        self, guide: Answerer, voice: Voice, options: ServeOptions, conversations: Conversations
    ) -> None:
        self.guide = guide
        self.voice = voice
        self.options = options
        self.conversations = conversations
        self._open = 0

    def add_to(self, app: FastAPI) -> None:
        """Register the route."""
        app.add_api_websocket_route(REALTIME, self.talk)

    async def talk(self, socket: WebSocket) -> None:
        """One client from its handshake to its leaving."""
        model = socket.query_params.get("model", self.options.models[0])
        if model not in self.options.models:
            known = ", ".join(self.options.models)
            message = f"There is no such model; known: {known}."
            await _deny(socket, 404, message, "model_not_found")
            return
        named = socket.query_params.get("conversation")
        if named is not None and not re.fullmatch(CONVERSATION, named):
            message = "A conversation id is 1 to 64 characters of A-Z, a-z, 0-9, '_' and '-'."
            await _deny(socket, 400, message, "invalid")
            return
        if self._open >= self.voice.limits.sockets:
            await _deny(socket, 429, "Too many conversations at once; try again soon.", "busy")
            return
        self._open += 1
        try:
            await socket.accept()
            raw = socket.query_params.get("raw") == "1"
            rate = RAW_RATE if raw else PCM_RATE
            session = Session(new_id("sess"), model, rate_in=rate, rate_out=rate)
            stall_s = self.options.stall_s
            with self._kept(named) as kept:
                talk = RealtimeSocket(
                    socket, self.guide, self.voice, session, stall_s, raw=raw, kept=kept
                )
                await talk.serve()
        finally:
            self._open -= 1

    @contextmanager
    def _kept(self, conversation: str | None) -> Iterator[Kept]:
        """What the client's conversation holds already, and where its turns are added."""
        if conversation is None:
            yield Kept()
            return
        wiped, ended, loop = threading.Event(), asyncio.Event(), asyncio.get_running_loop()

        def end() -> None:
            wiped.set()
            loop.call_soon_threadsafe(ended.set)

        def add(question: str, answer: str) -> None:
            self.conversations.add(conversation, question, answer, wiped.is_set)

        with self.conversations.live(conversation, end):
            yield Kept(self.conversations.history(conversation), add, ended)


async def _deny(socket: WebSocket, status: int, message: str, code: str) -> None:
    body = error_body(message, "invalid_request_error", code)
    await socket.send_denial_response(JSONResponse(body, status))
