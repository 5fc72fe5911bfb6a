"""One live conversation over a socket: what the client sends is done, what happens is told.

Two tasks: one reads, one sends. Only the sender may wait for a slow client, and it gives up on
one that has stopped reading; whatever becomes stale while it waits is never sent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from starlette.websockets import WebSocket, WebSocketDisconnect

from giljabi.answer.memory import Turn
from giljabi.serve import realtime_events as sent
from giljabi.serve.realtime_dialogue import Asked, Dialogue, Message
from giljabi.serve.realtime_events import EventError, Json, Session, new_id
from giljabi.serve.realtime_listener import Clearable
from giljabi.serve.subject import Answerer
from giljabi.serve.voice import Voice
from giljabi.speech.events import Done, Event
from giljabi.speech.hold import Hold
from giljabi.speech.pieces import from_int16
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import RATE, Pcm
from giljabi.speech.turn import Conversation, TurnOptions

_CLOSE_IDLE, _CLOSE_STALLED = 1001, 1008


def _nowhere(_question: str, _answer: str) -> None:
    """Nothing is kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A conversation that began before the socket and outlives it."""

    history: tuple[Turn, ...] = ()
    add: Callable[[str, str], None] = _nowhere
    """Keeps a question and what was answered; blocks."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when it was wiped: the socket closes."""


class RealtimeSocket:
    """An accepted socket, its session and its conversation."""

    def __init__(
        self,
        socket: WebSocket,
        guide: Answerer,
        voice: Voice,
        session: Session,
        stall_s: float,
        *,
        raw: bool,
        kept: Kept | None = None,
    ) -> None:
        self._socket = socket
        self._guide = guide
        self._voice = voice
        self._session = session
        self._stall_s = stall_s
        self._raw = raw
        self._kept = kept or Kept()
        self._loop = asyncio.get_running_loop()
        self._out: asyncio.Queue[tuple[Dialogue, Event | Asked] | _Reply] = asyncio.Queue()
        self._pending: tuple[str, str | Pcm] | None = None  # an item that waits for a response
        self._buffer: list[Pcm] = []
        self._buffered = 0
        self._begin()

    async def serve(self) -> None:
        """Talk until the client leaves, goes silent or stops reading."""
        doing = (self._read_on(), self._send_on(), self._until_wiped())
        tasks = [asyncio.create_task(work) for work in doing]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.to_thread(self._talk.close)
        for task in done:
            with suppress(WebSocketDisconnect):
                task.result()

    async def _until_wiped(self) -> None:
        await self._kept.ended.wait()
        await self._socket.close()

    # ---- the conversation ----

    def _begin(self, old: Conversation | None = None) -> None:
        """A conversation as the session says, with what was said in the `old` one."""
        session, voice = self._session, self._voice
        self._listener = Clearable(voice.listener(session.silence_ms or sent.SILENCE_MS))
        self._resampler = Resampler(session.rate_in, RATE, "LQ")
        dialogue = Dialogue(
            session,
            voice.mouth.rate,
            lambda: self._talk.turn if self._dialogue is dialogue else sent.NEVER,
            raw=self._raw,
        )
        self._dialogue = dialogue

        def tell(event: Event) -> None:
            with suppress(RuntimeError):  # the server's loop has ended before the conversation
                self._loop.call_soon_threadsafe(self._out.put_nowait, (dialogue, event))

        self._talk = Conversation(
            cast(Hold, self._listener),  # all of a Hold that a conversation uses
            voice.ear,
            voice.mouth if session.spoken else None,
            cast(Any, self._guide),  # its answers are read for what they have in common only
            tell,
            options=TurnOptions(lang=session.lang),
            place=lambda place, lang: self._guide.venue.place(place).label(lang),
            spoken=lambda text, lang: voice.spoken(text, lang, self._guide.venue.readings),
            history=old.history if old else self._kept.history,
        )

    # ---- what is sent ----

    async def _send_on(self) -> None:
        while True:
            item = await self._out.get()
            if isinstance(item, _Reply):
                for message in item.messages:
                    await self._send(message)
                item.sent.set()
                continue
            dialogue, event = item
            for message in dialogue.messages(event):
                await self._send(message)
            if isinstance(event, Done) and event.answer is not None and self._talk.history:
                question = self._talk.history[-1].question
                await asyncio.to_thread(self._kept.add, question, event.text)

    async def _send(self, message: Message) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                if isinstance(message, bytes):
                    await self._socket.send_bytes(message)
                else:
                    event = {"event_id": new_id("event"), **message}
                    await self._socket.send_text(json.dumps(event))
        except TimeoutError:
            with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
                async with asyncio.timeout(1):
                    await self._socket.close(_CLOSE_STALLED)
            raise WebSocketDisconnect(_CLOSE_STALLED) from None

    async def _reply(self, messages: Iterator[Message]) -> None:
        """Send these in their turn. Who sends much and reads nothing is not read on meanwhile."""
        reply = _Reply(messages)
        self._out.put_nowait(reply)
        await reply.sent.wait()

    # ---- what is read ----

    async def _read_on(self) -> None:
        session = {"type": "session.created", "session": self._session.to_json()}
        await self._reply(iter([session]))
        while True:
            try:
                async with asyncio.timeout(self._voice.limits.idle_s):
                    message = await self._socket.receive()
            except TimeoutError:
                await self._idle()
                return
            if message["type"] == "websocket.disconnect":
                return
            try:
                if (data := message.get("bytes")) is not None:
                    await self._heard(sent.whole_samples(data))
                else:
                    await self._do(sent.parse(message.get("text") or ""))
            except EventError as e:
                await self._reply(iter([e.event()]))

    async def _idle(self) -> None:
        message = f"Nothing came for {self._voice.limits.idle_s:g} seconds."
        await self._reply(iter([EventError(message, "session_idle").event()]))
        await self._socket.close(_CLOSE_IDLE)

    async def _do(self, event: sent.ClientEvent) -> None:
        try:
            match event:
                case sent.Append():
                    await self._heard(sent.decoded(event.audio))
                case sent.SessionUpdate():
                    await self._update(event.session)
                case sent.Commit():
                    await self._commit()
                case sent.Clear():
                    await self._clear()
                case sent.CreateItem():
                    await self._add(event.item)
                case sent.CreateResponse():
                    self._answer()
                case sent.CancelResponse():
                    self._cancel()
                case sent.Truncate():
                    await self._truncate(event)
        except EventError as e:
            e.event_id = event.event_id
            raise

    async def _heard(self, data: bytes) -> None:
        pcm = self._resampler(from_int16(data))
        if self._session.silence_ms is not None:
            await asyncio.to_thread(self._talk.feed, pcm)
            return
        if self._buffered + len(pcm) > self._voice.limits.sound_s * RATE:
            raise _too_long(self._voice.limits.sound_s)
        self._buffered += len(pcm)
        self._buffer.append(pcm)

    async def _update(self, fields: sent.SessionFields) -> None:
        updated = self._session.updated(fields)
        if updated != self._session:
            self._session = updated
            old, told = self._talk, self._dialogue
            await asyncio.to_thread(old.close)
            self._begin(old)
            await self._reply(told.ended())
        session = {"type": "session.updated", "session": updated.to_json()}
        await self._reply(iter([session]))

    async def _commit(self) -> None:
        if self._session.silence_ms is not None:
            raise EventError("With turn detection the server commits.", "commit_by_server")
        if not self._buffered:
            raise EventError("The buffer is empty.", "input_audio_buffer_commit_empty")
        item = new_id("item")
        rest = self._resampler(np.zeros(0, np.float32), last=True)
        self._resampler = Resampler(self._session.rate_in, RATE, "LQ")
        self._pending = (item, np.concatenate([*self._buffer, rest]))
        self._buffer, self._buffered = [], 0
        await self._reply(self._dialogue.committed(item))

    async def _clear(self) -> None:
        self._buffer, self._buffered = [], 0
        self._resampler = Resampler(self._session.rate_in, RATE, "LQ")
        await asyncio.to_thread(self._listener.clear)
        await self._reply(iter([{"type": "input_audio_buffer.cleared"}]))

    async def _add(self, item: sent.UserItem) -> None:
        item_id = item.id or new_id("item")
        text = "".join(part.text for part in item.content if part.type == "input_text")
        sound = b"".join(sent.decoded(p.audio) for p in item.content if p.type == "input_audio")
        content: Json
        if sound:
            pcm = Resampler(self._session.rate_in, RATE, "LQ")(from_int16(sound), last=True)
            if len(pcm) > self._voice.limits.sound_s * RATE:
                raise _too_long(self._voice.limits.sound_s)
            self._pending, content = (item_id, pcm), {"type": "input_audio", "transcript": None}
        elif text.strip():
            self._pending, content = (item_id, text), {"type": "input_text", "text": text}
        else:
            raise EventError("The message is empty.", "empty_item")
        await self._reply(self._dialogue.added(sent.user_item(item_id, [content])))

    def _answer(self) -> None:
        """Begin a response. On the loop, so that what it tells comes after `Asked`."""
        if self._dialogue.answering:
            raise EventError(
                "A response is being given; cancel it first.",
                "conversation_already_has_active_response",
            )
        if self._pending is None:
            raise EventError("There is no message to answer.", "nothing_to_answer")
        (item, said), self._pending = self._pending, None
        if isinstance(said, str):
            self._talk.ask(said, self._session.lang)
            asked = Asked(self._talk.turn)
        else:
            self._talk.hear(said)
            asked = Asked(self._talk.turn, item, len(said) / RATE)
        self._out.put_nowait((self._dialogue, asked))

    def _cancel(self) -> None:
        if not self._dialogue.answering:
            raise EventError("No response is being given.", "response_cancel_not_active")
        self._dialogue.called_off = self._talk.turn
        self._talk.cancel()

    async def _truncate(self, event: sent.Truncate) -> None:
        turn = self._dialogue.turn_of(event.item_id)
        if turn is None:
            raise EventError("There is no such answer.", "item_truncate_invalid_item_id")
        self._talk.played(turn, event.audio_end_ms * self._talk.rate // 1000)
        done = {"type": "conversation.item.truncated", "content_index": 0}
        which = {"item_id": event.item_id, "audio_end_ms": event.audio_end_ms}
        await self._reply(iter([{**done, **which}]))


class _Reply:
    """Messages that answer a client's event, and whether they have been sent."""

    def __init__(self, messages: Iterator[Message]) -> None:
        self.messages = messages
        self.sent = asyncio.Event()


def _too_long(seconds: float) -> EventError:
    return EventError(f"One turn may have {seconds:g} seconds of sound.", "audio_too_long")
