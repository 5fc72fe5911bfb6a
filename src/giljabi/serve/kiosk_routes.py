"""The page for visitors: its files, what it may load, and what it is told of the venue.

The files are read once and kept; a path is looked up among them and nowhere else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from fastapi import FastAPI, Request
from starlette.responses import Response

from giljabi import __version__
from giljabi.errors import GiljabiError
from giljabi.serve import kiosk_shapes as shapes
from giljabi.serve.options import KioskOptions
from giljabi.serve.shapes import RefusalError, errors
from giljabi.serve.subject import Answerer
from giljabi.serve.venue_shapes import TextOut

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_DOORS = ("/v1/qr", "/print")  # of other routes, where this server has them


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    kind: str
    etag: str


class KioskRoutes:
    """The page and its venue. Raises GiljabiError for a frequent place that is none."""

    def __init__(self, guide: Answerer, options: KioskOptions, *, has_voice: bool) -> None:
        self.guide = guide
        self.options = options
        self.has_voice = has_voice
        for name in options.frequent:
            guide.find_place(name)
        self._kept: shapes.KioskOut | None = None
        self._files = dict(_read(files("giljabi.serve") / "kiosk"))
        self._policy = _policy(options.tile_origin)

    def add_to(self, app: FastAPI) -> None:
        """Register the routes; the page itself is given out by whoever answers at "/"."""
        app.add_api_route("/v1/kiosk", self.kiosk, responses=errors())
        app.add_api_route("/kiosk/{path:path}", self.file, include_in_schema=False)

    def page(self, request: Request) -> Response:
        """The page for a browser."""
        return self._give("index.html", request)

    async def file(self, path: str, request: Request) -> Response:
        """One of the page's files."""
        return self._give(path, request)

    async def kiosk(self, request: Request) -> shapes.KioskOut:
        """Everything of the venue that the page needs: names, categories, what to draw."""
        doors = {getattr(route, "path", "") for route in request.app.routes}
        qr, printed = (door in doors for door in _DOORS)
        if self._kept is None or self._kept.hash != self.guide.venue.hash:
            self._kept = self._told()  # it may have been read anew
        return self._kept.model_copy(update={"options": self._options(qr=qr, printed=printed)})

    def _told(self) -> shapes.KioskOut:
        venue, here = self.guide.venue, self.guide.here
        return shapes.KioskOut(
            version=__version__,
            id=venue.id,
            hash=venue.hash,
            name=TextOut(ko=venue.name.ko, en=venue.name.en),
            languages=list(venue.languages),
            here=here,
            areas={area: TextOut(ko=text.ko, en=text.en) for area, text in venue.areas.items()},
            sources=dict(venue.sources),
            frequent=list(self._frequent()) or shapes.frequent(venue, here),
            categories=shapes.categories(venue.places),
            places=shapes.spots(venue, here),
            map=shapes.drawing(venue),
            options=self._options(qr=False, printed=False),
        )

    def _frequent(self) -> Iterator[str]:
        for name in self.options.frequent:
            with suppress(GiljabiError):  # gone from a venue that was read anew
                yield self.guide.find_place(name)

    def _options(self, *, qr: bool, printed: bool) -> shapes.OptionsOut:
        tiles = None
        if self.options.tiles:
            tiles = shapes.TilesOut(url=self.options.tiles, attribution=self.options.attribution)
        return shapes.OptionsOut(
            idle_s=self.options.idle_s, voice=self.has_voice, qr=qr, print=printed, tiles=tiles
        )

    def _give(self, path: str, request: Request) -> Response:
        file = self._files.get(path)
        if file is None:
            raise RefusalError(404, "There is no such file.", "not_found")
        headers = {
            "etag": file.etag,
            "cache-control": "no-cache",  # kept, and asked about each time: an update is seen
            "vary": "Accept",
            "content-security-policy": self._policy,
            "referrer-policy": "no-referrer",
            "permissions-policy": "microphone=(self), camera=(), geolocation=(), payment=(), usb=()",
            "cross-origin-opener-policy": "same-origin",
            "cross-origin-resource-policy": "same-origin",
        }
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(file.content, headers=headers, media_type=file.kind)


def _read(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, _File]]:
    for entry in folder.iterdir():
        name = f"{prefix}{entry.name}"
        suffix = entry.name[entry.name.rfind(".") :]
        if entry.is_dir():
            yield from _read(entry, f"{name}/")
        elif suffix in _TYPES:
            content = entry.read_bytes()
            etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
            yield name, _File(content, _TYPES[suffix], etag)


def _policy(tile_origin: str) -> str:
    """The page's Content-Security-Policy: its own files, sounds and sockets, and nothing inline."""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            f"img-src 'self' data: {tile_origin}".strip(),
            "connect-src 'self'",
            "worker-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
