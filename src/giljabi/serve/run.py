"""Running the application: a bound socket, uvicorn, and a graceful end."""

from __future__ import annotations

import errno
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn

from giljabi.answer.memory import Memory
from giljabi.errors import GiljabiError
from giljabi.serve.api import create_app
from giljabi.serve.http_connection import patient
from giljabi.serve.operator import Operator
from giljabi.serve.options import ServeOptions
from giljabi.serve.subject import Answerer, Talker
from giljabi.serve.voice import Voice, VoiceLimits

_GRACE_S = 5
_CONNECTIONS = 512


def run(
    answers: Answerer | Talker,
    memory: Memory,
    options: ServeOptions | None = None,
    *,
    voice: Voice | None = None,
    operator: Operator | None = None,
    announce: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; running answers get 5 seconds to end.

    `announce` is called once with the server's URL, when connections are taken. Raises
    GiljabiError when the address cannot be listened on.
    """
    options = options or ServeOptions()
    with listening(options.host, options.port) as listener:
        server = server_for(answers, memory, options, voice, operator)
        if announce is not None:
            announce(url_of(listener))
        with _quiet_end():
            server.run(sockets=[listener])


def server_for(
    answers: Answerer | Talker,
    memory: Memory,
    options: ServeOptions,
    voice: Voice | None = None,
    operator: Operator | None = None,
) -> uvicorn.Server:
    """The uvicorn server, to be run on a socket of `listening`."""
    config = uvicorn.Config(
        create_app(answers, memory, options, voice, operator),
        # One parser and one loop everywhere, whatever else is installed.
        http=patient(options.head_s),
        loop="asyncio",
        ws="none" if voice is None else "websockets-sansio",
        ws_max_size=(voice.limits if voice else VoiceLimits()).message_bytes,
        ws_per_message_deflate=False,  # a small frame must not unfold into a large one
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=_CONNECTIONS,
        timeout_graceful_shutdown=_GRACE_S,
    )
    # uvicorn's access log holds query strings, and with them what people ask. Without handlers it
    # is only quiet; disabled it stays so whatever a program adds. The other one tells of sockets
    # with their query strings, and when debugging what passes through them.
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    return uvicorn.Server(config)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A listening TCP socket on `host`:`port` (0: any free port), closed at the end.

    Raises GiljabiError when the port is taken, not allowed, or the address is not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as e:
        raise GiljabiError(f"The address {host} cannot be used: {e.strerror}.") from None
    with listener:
        try:
            if os.name == "posix":  # elsewhere it would let two programs share the port
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2048)
        except OSError as e:
            raise GiljabiError(_why_not(e, host, port)) from None
        yield listener


def url_of(listener: socket.socket) -> str:
    """The URL under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _why_not(e: OSError, host: str, port: int) -> str:
    if e.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is taken by another program; choose another port."
    if e.errno == errno.EACCES:
        return f"Port {port} needs rights this user does not have; choose one above 1023."
    return f"The server cannot listen on {host}, port {port}: {e.strerror}."


@contextmanager
def _quiet_end() -> Iterator[None]:
    """Let the caller clean up: uvicorn, once shut down, raises again the signal that ended it."""

    def stop(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)
