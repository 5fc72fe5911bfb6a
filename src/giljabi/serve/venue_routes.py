"""What the venue's data holds, without a question: its places, and ways between them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from fastapi import FastAPI, Path, Query, Request

from giljabi.serve import venue_shapes as shapes
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import result_of
from giljabi.serve.shapes import RefusalError, errors
from giljabi.serve.subject import Answerer, AnswerLike
from giljabi.serve.work import Cancel, Workers

_Name = Annotated[str, Query(min_length=1, max_length=200)]


class VenueRoutes:
    """Places and ways of a guide's venue."""

    def __init__(self, guide: Answerer, options: ServeOptions, workers: Workers) -> None:
        self.guide = guide
        self.options = options
        self.workers = workers

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        no_way = {
            "model": shapes.NoWay,
            "description": "No way: `outcome` says whether a place, a way or the data is missing.",
        }
        app.add_api_route("/v1/places", self.places, responses=errors())
        app.add_api_route("/v1/places/{place}", self.place, responses=errors(404))
        app.add_api_route("/v1/route", self.route, responses={**errors(409, 429, 503), 404: no_way})

    async def places(
        self,
        q: Annotated[str, Query(max_length=200)] = "",
        kind: Annotated[str, Query(max_length=100)] = "",
        limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    ) -> shapes.PlaceList:
        """Places whose name, alias or number holds `q`, of the kind `kind` (Korean or English)."""
        found = shapes.matching(self.guide.venue.places, q, kind)
        return shapes.PlaceList(
            total=len(found), places=[shapes.PlaceOut.of(place) for place in found[:limit]]
        )

    async def place(self, place: Annotated[str, Path(max_length=200)]) -> shapes.PlaceOut:
        """One place by its id."""
        try:
            return shapes.PlaceOut.of(self.guide.venue.place(place))
        except KeyError:
            raise RefusalError(404, "There is no such place.", "no_such_place") from None

    async def route(
        self,
        request: Request,
        start: Annotated[_Name, Query(alias="from")],
        to: _Name,
        step_free: bool = False,
        lang: Literal["ko", "en", "auto"] = "auto",
    ) -> shapes.Way:
        """The way between two places, by id or named freely, as GeoJSON (WGS84)."""

        def make(_cancel: Cancel) -> Iterator[AnswerLike]:
            yield self.guide.route(start, to, step_free=step_free, lang=lang)

        job = self.workers.submit(make)
        answer = await result_of(job, request.receive, self.options.answer_s)
        if answer.outcome != "found":
            fields = {"outcome": answer.outcome, "places": list(answer.places)}
            raise RefusalError(404, answer.text, answer.outcome, fields=fields)
        return shapes.Way.of(answer)
