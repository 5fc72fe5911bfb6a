"""What a server may be told; every default is the closed one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from giljabi.errors import GiljabiError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Options of the HTTP server. Raises GiljabiError for a combination that cannot be meant."""

    host: str = "127.0.0.1"
    """Address to listen on. Anything but a loopback address opens the server to the network."""
    port: int = 8000
    """TCP port; 0 lets the system choose a free one."""
    hosts: tuple[str, ...] = ()
    """Host names the server answers to, besides localhost, 127.0.0.1, [::1] and `host`."""
    origins: tuple[str, ...] = ()
    """Web pages that may call, exactly as browsers write them: "https://kiosk.example:8443"."""
    models: tuple[str, ...] = ("giljabi",)
    """Names the OpenAI-compatible routes answer to; the first is the one to advertise."""
    workers: int = 4
    """Answers being made at the same time."""
    queue: int = 64
    """Questions that may wait for a worker; the next one is turned away with 429."""
    answer_s: float = 120.0
    """Seconds a question may take, waiting included, before it is given up with 503."""
    stall_s: float = 30.0
    """Seconds a client may take to send its body, or to read a piece of a stream."""
    head_s: float = 10.0
    """Seconds a connection may take to say what it wants."""
    body_bytes: int = 64 * 1024
    """Largest request body."""
    retry_after_s: int = 2
    """What Retry-After says when the queue is full."""
    expire_every_s: float = 60.0
    """Seconds between two clean-ups of the conversations."""
    public_url: str = ""
    """Where phones reach this server ("http://192.168.0.10:8000"), for QR codes; "": nowhere."""
    metrics: bool = False
    """Whether `/metrics` tells Prometheus what goes on."""

    def __post_init__(self) -> None:
        if self.workers < 1 or self.queue < 0 or not 0 <= self.port <= 65535:
            raise GiljabiError("A server needs workers >= 1, queue >= 0 and a port up to 65535.")
        if not self.models:
            raise GiljabiError("A server needs at least one model name.")
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise GiljabiError(
                    f"The origin {origin!r} must be written as browsers do: scheme://host[:port] "
                    "in lower case, without a path or '*'."
                )
        if self.public_url and not _ORIGIN.fullmatch(self.public_url):
            raise GiljabiError(
                f"The public URL {self.public_url!r} must be scheme://host[:port] in lower case, as "
                "phones on this network reach it, without a path."
            )
        for name in (self.host, *self.hosts):
            if host_name(name) is None:
                raise GiljabiError(f"{name!r} is not a host name or an address.")

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """Names a Host header may carry, as `host_name` writes them.

        A wildcard address is nobody's name, and browsers do send 0.0.0.0 to local servers.
        """
        public = self.public_url.partition("://")[2]
        given = (*_LOCAL_NAMES, self.host, *self.hosts, *([public] if public else ()))
        names = {host_name(name) for name in given}
        return frozenset(n for n in names if n is not None and n not in ("0.0.0.0", "::"))  # noqa: S104


def host_name(value: str) -> str | None:
    """The bare host of "host", "host:port", "[v6]", "[v6]:port" or "v6"; None for anything else.

    Lower case, an IPv6 address in its shortest form, so that equal hosts are equal strings.
    """
    match = re.fullmatch(
        r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]{1,253}))(?::([0-9]{1,5}))?", value, re.ASCII
    )
    v6 = match[1] if match else value
    if v6 is not None:
        try:
            return ipaddress.IPv6Address(v6).compressed
        except ValueError:
            return None
    assert match is not None  # noqa: S101 - for the type checker: v6 is None only on a match
    return match[2].lower() if int(match[3] or 0) <= 65535 else None
