"""A live conversation by the official client: events as they come, each checked for its shape."""

from __future__ import annotations

import base64
import contextlib
import json
import queue
import threading

import numpy as np
import openai
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from scripted_voice import b64, pcm16, silence
from websockets.exceptions import ConnectionClosed

_SHAPES = TypeAdapter(RealtimeServerEvent)
AUDIO = "response.output_audio.delta"


class Live:
    """One connection of `openai.OpenAI().realtime`; read in a thread, so that waiting ends."""

    def __init__(self, connection, *, check=True):
        self.connection = connection
        self.check = check
        self.seen = []
        self._events = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        with contextlib.suppress(ConnectionClosed):
            while True:
                data = self.connection.recv_bytes()
                with contextlib.suppress(UnicodeDecodeError, ValueError):
                    raw = json.loads(data)
                    if self.check:
                        _SHAPES.validate_python(raw)  # the client itself takes anything
                    self._events.put(self.connection.parse_event(data))
                    continue
                self._events.put(data)
        self._events.put(None)

    def next(self, seconds=10.0):
        """The next event; bytes for a binary frame, None when the socket is closed."""
        event = self._events.get(timeout=seconds)
        self.seen.append(event)
        return event

    def until(self, kind, seconds=10.0):
        """Every event up to the first of type `kind`, which is the last of them."""
        events = []
        while True:
            events.append(self.next(seconds))
            assert events[-1] is not None, f"closed before {kind}: {types(events)}"
            if getattr(events[-1], "type", None) == kind:
                return events

    def quiet(self, seconds=0.4):
        """What comes within some time."""
        events = []
        with contextlib.suppress(queue.Empty):
            while True:
                events.append(self.next(seconds))
        return events

    def send(self, **event):
        self.connection.send(event)

    def raw(self, text):
        self.connection.send_raw(text)

    def speak(self, pcm, rate=24_000, step=0.1):
        """The sound and some silence, in pieces as a microphone gives them."""
        whole = np.concatenate([pcm, silence(0.8, rate)])
        for start in range(0, len(whole), int(rate * step)):
            piece = whole[start : start + int(rate * step)]
            self.connection.input_audio_buffer.append(audio=b64(piece))

    def speak_raw(self, pcm, rate=16_000):
        whole = np.concatenate([pcm, silence(0.8, rate)])
        for start in range(0, len(whole), rate // 10):
            self.connection.send_raw(pcm16(whole[start : start + rate // 10]))

    def write(self, text):
        self.connection.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": text}],
            }
        )
        self.connection.response.create()


@contextlib.contextmanager
def live(server, *, check=True, **query):
    """A conversation with the server; its first event, session.created, is read."""
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        extra = {key: str(value) for key, value in query.items()}
        with client.realtime.connect(model="giljabi", extra_query=extra) as connection:
            talk = Live(connection, check=check)
            talk.session = talk.until("session.created")[-1].session
            yield talk


def types(events):
    return [getattr(e, "type", "bytes" if isinstance(e, bytes) else e) for e in events]


def sound(events):
    """The samples of the audio deltas and binary frames among the events."""
    data = b"".join(
        e if isinstance(e, bytes) else base64.b64decode(e.delta)
        for e in events
        if isinstance(e, bytes) or getattr(e, "type", "") == AUDIO
    )
    return np.frombuffer(data, "<i2") / 32767


def words(events):
    return "".join(
        e.delta for e in events if types([e]) == ["response.output_audio_transcript.delta"]
    )
