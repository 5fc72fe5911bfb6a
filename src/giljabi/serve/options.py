"""What a server may be told; every default is the closed one."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from giljabi.errors import GiljabiError

_LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:\d{1,5})?")


_TILES = re.compile(r"(?:(https?://[A-Za-z0-9.:\[\]-]+)/|/(?!/))[^\s\"'<>;,]*")


@dataclass(frozen=True, slots=True)
class KioskOptions:
    """What the page is told. Raises GiljabiError for a combination that cannot be meant."""

    idle_s: int = 90
    """Seconds without a touch after which a conversation is wiped; 0: never."""
    tiles: str = ""
    """URL template of map tiles with {z}, {x} and {y}; "": the venue's own geometry alone."""
    attribution: str = ""
    """Whom the tiles are owed to, in plain text."""
    frequent: tuple[str, ...] = ()
    """Places to offer first, by name; () leaves the choice to the data."""

    def __post_init__(self) -> None:
        if self.idle_s != 0 and not 40 <= self.idle_s <= 3600:
            raise GiljabiError("The idle time is 0 (never) or 40 to 3600 seconds.")
        parts = ("{z}", "{x}", "{y}")
        if self.tiles and (
            not _TILES.fullmatch(self.tiles) or any(part not in self.tiles for part in parts)
        ):
            raise GiljabiError(
                "Tiles are a URL with {z}, {x} and {y}, as http://host/{z}/{x}/{y}.png."
            )

    @property
    def tile_origin(self) -> str:
        """The server of the tiles as a page's policy names it; "" for this one."""
        match = _TILES.fullmatch(self.tiles) if self.tiles else None
        return (match[1] or "") if match else ""


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
    kiosk: KioskOptions | None = KioskOptions()
    """The page for browsers; None serves none."""

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
