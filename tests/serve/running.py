"""A server of this process for a test, and the wait for what another thread brings about."""

from __future__ import annotations

import contextlib
import threading
import time

import httpx

from giljabi.serve.run import listening, server_for, url_of


class Running:
    """A real uvicorn server in a thread, on a free loopback port."""

    def __init__(self, answers, memory, options, voice=None, operator=None):
        self.guide = answers
        self.memory = memory
        self.operator = operator
        self._stack = contextlib.ExitStack()
        listener = self._stack.enter_context(listening("127.0.0.1", 0))
        self.url = url_of(listener)
        self.port = listener.getsockname()[1]
        self._server = server_for(answers, memory, options, voice, operator)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]})
        self._thread.start()
        self.http = httpx.Client(base_url=self.url, timeout=20)

    def stop(self):
        self.http.close()
        self._server.should_exit = True
        self._thread.join(15)
        assert not self._thread.is_alive()
        self._stack.close()
        self.memory.close()
        if self.operator is not None:
            self.operator.desk.close()

    def ask(self, prompt, **more):
        return self.http.post("/answer", json={"prompt": prompt, **more})


def until(condition, seconds=10.0):
    """Wait for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
