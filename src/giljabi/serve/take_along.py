"""What a visitor takes along: a QR code that opens a page on a phone, and a way to print.

The printed page is plain HTML without a script, for paper and for a phone alike.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from importlib.resources import files
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from fastapi import FastAPI, Query, Request
from starlette.responses import HTMLResponse, Response

from giljabi.answer.claims import sentences
from giljabi.serve import qr
from giljabi.serve.markup import Content, Node, element, page
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import result_of
from giljabi.serve.shapes import errors
from giljabi.serve.subject import Answerer, AnswerLike, Lang
from giljabi.serve.work import Cancel, Workers
from giljabi.venue.place import Venue

_Name = Annotated[str, Query(min_length=1, max_length=200)]


class TakeAlongRoutes:
    """`/v1/qr` and `/print`."""

    def __init__(
        self,
        guide: Answerer,
        options: ServeOptions,
        workers: Workers,
        today: Callable[[], date] = date.today,
    ) -> None:
        self.guide = guide
        self.options = options
        self.workers = workers
        self.today = today

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        html = {"text/html": {"schema": {"type": "string"}}}
        if self.options.public_url:  # else it is one of the closed paths
            code: dict[int | str, Any] = {
                200: {"description": "The code.", "content": {"image/svg+xml": {}}}
            }
            app.add_api_route(
                qr.ROUTE, self.code, response_class=Response, responses={**_errors(), **code}
            )
        app.add_api_route(
            "/print", self.sheet, response_class=HTMLResponse,
            responses={
                **_errors(409, 429, 503),
                404: {"description": "The same page, saying why there is no way.", "content": html},
            },
        )  # fmt: skip

    def code(self, path: Annotated[str, Query(min_length=1, max_length=500)]) -> Response:
        """A QR code of a page of this server, as SVG."""
        image = qr.svg(qr.target(self.options.public_url, path))
        headers = {"content-security-policy": "default-src 'none'"}
        return Response(image, media_type="image/svg+xml", headers=headers)

    async def sheet(
        self,
        request: Request,
        start: Annotated[_Name, Query(alias="from")],
        to: _Name,
        step_free: bool = False,
        lang: Lang = "auto",
    ) -> HTMLResponse:
        """The way between two places as a page to print, or to keep on a phone."""
        venue = self.guide.venue
        asked = Asked(start, to, step_free, lang)

        def make(_cancel: Cancel) -> Iterator[HTMLResponse]:
            answer = self.guide.route(start, to, step_free=step_free, lang=lang)
            yield self._page(asked, answer, venue)  # its code takes as long as the answer

        job = self.workers.submit(make)
        return await result_of(job, request.receive, self.options.answer_s)

    def _page(self, asked: Asked, answer: AnswerLike, venue: Venue) -> HTMLResponse:
        words = _words(answer.lang)
        found = answer.outcome == "found"
        title = words["no_way"]
        if found:
            start, goal = _ends(asked, answer, venue)
            title = words["heading"].format(start=start, goal=goal)
        parts = _way(answer, words) if found else [element("p", answer.text)]
        note = words["step_free"] if asked.step_free else None
        body: list[Content] = [
            element("header", element("p", venue.name[answer.lang]), element("h1", title)),
            element(
                "main",
                element("p", note) if note else None,
                *parts,
                self._code(asked, words) if found else None,
            ),
            element("footer", *_footer(answer, venue, words, self.today())),
        ]
        return page(
            f"{title} · {venue.name[answer.lang]}", answer.lang, "take_along.css", body,
            status=200 if found else 404,
        )  # fmt: skip

    def _code(self, asked: Asked, words: dict[str, str]) -> Node | None:
        """The code of this page, where phones reach it and it is not too long for one."""
        if not self.options.public_url:
            return None
        url = self.options.public_url + asked.path()
        if len(url) > qr.LONGEST:
            return None
        image = ET.fromstring(qr.svg(url, inline=True))  # noqa: S314 - our own
        image.set("role", "img")
        image.set("aria-label", words["code_alt"])
        host = self.options.public_url
        where = element("p", element("strong", words["code"]), element("br"), host)
        return element("section", image, where, class_="code")


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors as they are everywhere: JSON, although the route itself gives something else."""
    schema = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {
        status: {"description": said["description"], "content": schema}
        for status, said in errors(*statuses).items()
    }


@dataclass(frozen=True, slots=True)
class Asked:
    """What the printed page was asked for."""

    start: str
    to: str
    step_free: bool
    lang: Lang

    def path(self) -> str:
        """The page's own address on this server."""
        query = {"from": self.start, "to": self.to}
        query |= {"step_free": "true"} if self.step_free else {}
        query |= {"lang": self.lang} if self.lang != "auto" else {}
        return f"/print?{urlencode(query)}"


@lru_cache(maxsize=2)
def _words(lang: Literal["ko", "en"]) -> dict[str, str]:
    table = tomllib.loads((files("giljabi.serve") / "take_along.toml").read_text("utf-8"))
    words: dict[str, str] = table[lang]
    return words


def _ends(asked: Asked, answer: AnswerLike, venue: Venue) -> tuple[str, str]:
    """The names of both ends as the venue has them; as they were asked for where it does not say."""
    known = {place.id: place.label(answer.lang) for place in venue.places}
    walked = [f.object for f in answer.facts if f.kind == "minutes"]
    start = known.get(walked[0], asked.start) if walked else asked.start
    return start, known.get(answer.places[-1] if answer.places else "", asked.to)


def _way(answer: AnswerLike, words: dict[str, str]) -> list[Content]:
    """Steps as a list, then what else the answer says; a way without steps is sentences."""
    steps = [f for f in answer.facts if f.kind == "step" and str(f.value) in answer.text]
    rest = answer.text
    for step in steps:
        rest = rest.replace(str(step.value), " ", 1)
    items = [
        element("li", f"{step.value} ", _mark(words) if step.estimated else None) for step in steps
    ]
    said = [element("p", sentence) for sentence in sentences(rest) if sentence.strip()]
    if not items:
        return [element("h2", words["steps"]), *said]
    around: list[Content] = [element("h2", words["about"]), *said] if said else []
    return [element("h2", words["steps"]), element("ol", *items), *around]


def _mark(words: dict[str, str]) -> Node:
    return element("mark", words["estimated"])


def _footer(answer: AnswerLike, venue: Venue, words: dict[str, str], today: date) -> Iterator[Node]:
    if any(f.kind == "step" and f.estimated for f in answer.facts):
        yield element("p", words["estimated_note"])
    sources = dict.fromkeys(s for f in answer.facts for s in f.source.split("; ") if s)
    if sources:
        yield element("p", f"{words['sources']}: {', '.join(sources)}")
    day = words["date"].format(
        year=today.year, month=today.month, day=today.day, month_name=f"{today:%B}"
    )
    yield element("p", words["made"].format(venue=venue.name[answer.lang], date=day))
