"""The HTTP application: its routes, its error answers, and what runs beside it.

`create_app` puts the parts together; how an answer is made is the subject's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from giljabi import __version__
from giljabi.answer.memory import Memory
from giljabi.errors import GiljabiError
from giljabi.serve import qr, shapes
from giljabi.serve.answer_events import AnswerEvents
from giljabi.serve.chat_routes import ChatRoutes
from giljabi.serve.conversations import Conversations
from giljabi.serve.current_guide import CurrentGuide
from giljabi.serve.desk_routes import BODY_RULES, DeskRoutes, keeping
from giljabi.serve.gate import Gate
from giljabi.serve.guard import BodyGuard, HostGuard, Net, OriginGuard, error_body
from giljabi.serve.kiosk_routes import KioskRoutes
from giljabi.serve.metrics import Metrics
from giljabi.serve.metrics_route import MetricsRoute
from giljabi.serve.operator import Operator
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import Stream, result_of
from giljabi.serve.subject import Answerer, GuideSubject, Subject, Talker, subject_of
from giljabi.serve.take_along import TakeAlongRoutes
from giljabi.serve.venue_routes import VenueRoutes
from giljabi.serve.voice import CLOSED, Voice, require
from giljabi.serve.work import BusyError, Cancel, Workers
from giljabi.venue.place import Venue

_log = logging.getLogger(__name__)


def create_app(
    answers: Answerer | Talker,
    memory: Memory,
    options: ServeOptions | None = None,
    voice: Voice | None = None,
    operator: Operator | None = None,
) -> FastAPI:
    """The application for a venue's guide, or for plain chat (then without the venue's routes).

    With a `voice` it hears and speaks too; without, it loads nothing that would. With an
    `operator` it has the pages under `/admin`. The caller keeps `memory` and closes it after the
    server has stopped. Raises GiljabiError for a voice or an operator without a venue's guide,
    and for a voice without its extra.
    """
    options = options or ServeOptions()
    workers = Workers(options.workers, options.queue)
    metrics = Metrics(workers) if options.metrics else None
    current = _current(answers, metrics, operator) if isinstance(answers, Answerer) else None
    subject = subject_of(current or answers)
    if current is None and (voice is not None or operator is not None):
        what = "spoken with; leave out --voice" if voice else "administered; leave out --admin"
        raise GiljabiError(f"Only a venue's guide can be {what} or --chat.")

    app = FastAPI(
        title="giljabi",
        version=__version__,
        # The interactive pages load scripts from a CDN; the document itself does not.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(workers, memory, options, operator),
        middleware=_guards(options, voice, operator),
    )
    front = None
    if options.kiosk is not None and isinstance(subject, GuideSubject):
        front = KioskRoutes(subject.guide, options.kiosk, has_voice=voice is not None)
        front.add_to(app)
    conversations = Conversations(memory, workers)
    AskRoutes(subject, conversations, options, workers, front).add_to(app)
    ChatRoutes(subject, options, workers).add_to(app)
    if current is not None:
        VenueRoutes(current, options, workers).add_to(app)
        TakeAlongRoutes(current, options, workers).add_to(app)
        if voice is not None:
            _add_voice(app, current.spoken(), voice, options, workers, conversations)
        if operator is not None:
            DeskRoutes(operator, current, workers).add_to(app)
    if metrics is not None:
        MetricsRoute(metrics, Gate(operator.admission) if operator else None).add_to(app)
    _add_errors(app, options)
    _document(app)
    return app


def _lifespan(
    workers: Workers, memory: Memory, options: ServeOptions, operator: Operator | None
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """What runs beside the requests, from the first to the last."""

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        workers.open()
        every = options.expire_every_s
        upkeep = asyncio.create_task(_expire(memory, every))
        try:
            async with keeping(operator.desk, every) if operator else contextlib.nullcontext():
                yield
        finally:
            upkeep.cancel()
            workers.close()

    return lifespan


def _guards(
    options: ServeOptions, voice: Voice | None, operator: Operator | None
) -> list[Middleware]:
    """What stands in front of the routes, the outermost first."""
    rules = {
        **(voice.limits.body_rules() if voice else {}),
        **(BODY_RULES if operator else {}),
    }
    closed = {**({} if voice else CLOSED), **({} if options.public_url else qr.CLOSED)}
    return [
        Middleware(Net),
        Middleware(HostGuard, options=options),
        Middleware(OriginGuard, options=options),
        Middleware(BodyGuard, options=options, rules=rules, closed=closed),
    ]


def _current(guide: Answerer, metrics: Metrics | None, operator: Operator | None) -> CurrentGuide:
    """The guide as one that can be exchanged; whoever will exchange it hands over such a one."""
    current = guide if isinstance(guide, CurrentGuide) else CurrentGuide(guide)
    if metrics is not None:
        current.tell(metrics.note)
    if operator is not None:
        current.tell(operator.desk.note)
    return current


def _add_voice(
    app: FastAPI, guide: Answerer, voice: Voice, options: ServeOptions, workers: Workers,
    conversations: Conversations,
) -> None:  # fmt: skip
    require()
    # Here and not above: they import speech, which a server without a voice must do without.
    from giljabi.serve.audio_routes import AudioRoutes  # noqa: PLC0415
    from giljabi.serve.realtime import RealtimeRoute  # noqa: PLC0415

    AudioRoutes(guide, voice, options, workers).add_to(app)
    RealtimeRoute(guide, voice, options, conversations).add_to(app)


class AskRoutes:
    """The greeting, health, questions with a remembered conversation, and forgetting one."""

    def __init__(
        self, subject: Subject, conversations: Conversations, options: ServeOptions,
        workers: Workers, front: KioskRoutes | None = None,
    ) -> None:  # fmt: skip
        self.subject = subject
        self.front = front
        self.conversations = conversations
        self.options = options
        self.workers = workers
        self.reply = shapes.Reply if self.venue is None else shapes.GuideReply

    @property
    def venue(self) -> Venue | None:
        """The venue of the moment; None in plain chat."""
        return self.subject.guide.venue if isinstance(self.subject, GuideSubject) else None

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        app.add_api_route("/", self.greet, response_model=shapes.Greeting,
                          responses=shapes.errors())  # fmt: skip
        app.add_api_route("/healthz", self.health, responses=shapes.errors())
        app.add_api_route(
            "/answer", self.answer, methods=["POST"], response_model=self.reply,
            responses={**shapes.errors(409, 429, 503), 200: _STREAMED},
        )  # fmt: skip
        app.add_api_route(
            "/conversations/{conversation}", self.wipe, methods=["DELETE"],
            responses=shapes.errors(503),
        )  # fmt: skip

    async def greet(self, request: Request) -> Any:
        """Say hello, in Korean and English; to a browser, with the page."""
        if self.front is not None and "text/html" in request.headers.get("accept", ""):
            return self.front.page(request)
        venue = self.venue
        if venue is None:
            text = "안녕하세요! 무엇이든 물어보세요. Hello! Ask me anything."
        else:
            text = (
                f"안녕하세요! {venue.name.ko} 길 안내입니다. "
                f"Hello! This is the guide to {venue.name['en']}."
            )
        return shapes.Greeting(message=text)

    async def health(self) -> shapes.Health:
        """Whether the server is up, and how busy."""
        venue = self.venue
        return shapes.Health(
            version=__version__,
            venue=venue.id if venue else None,
            venue_hash=venue.hash if venue else None,
            running=self.workers.running,
            waiting=self.workers.waiting,
        )

    async def answer(self, ask: shapes.Ask, request: Request) -> Any:
        """Answer a question and remember the turn under `conversation`.

        Who accepts text/event-stream gets the checked sentences as they are ready, then the rest.
        """
        conversation = ask.conversation or secrets.token_urlsafe(18)

        def stream(cancel: Cancel) -> Iterator[str | dict[str, Any]]:
            history = self.conversations.history(conversation)
            for piece in self.subject.stream(ask.prompt, history, ask.lang, cancel):
                if isinstance(piece, str):
                    yield piece
                    continue
                text, fields = piece
                if not self.conversations.add(conversation, ask.prompt, text, cancel):
                    return
                yield {**fields, "result": text, "conversation": conversation}

        if "text/event-stream" in request.headers.get("accept", ""):
            streamed = self.workers.submit(stream, key=conversation)
            framing = AnswerEvents(self.reply)
            options = self.options
            return Stream(streamed, framing, answer_s=options.answer_s, stall_s=options.stall_s)

        def whole(cancel: Cancel) -> Iterator[dict[str, Any]]:
            yield from (piece for piece in stream(cancel) if not isinstance(piece, str))

        job = self.workers.submit(whole, key=conversation)
        return await result_of(job, request.receive, self.options.answer_s)

    def wipe(self, conversation: Annotated[str, Path(pattern=shapes.CONVERSATION)]) -> shapes.Wiped:
        """Forget a conversation, and call off what is being answered in it."""
        wiped = self.conversations.wipe(conversation)
        return shapes.Wiped(conversation=conversation, wiped=wiped)


_STREAMED = {
    "description": "The whole answer, or as text/event-stream its sentences and then all of it.",
    "content": {"text/event-stream": {"example": "event: sentence\ndata: {…}\n\n"}},
}


async def _expire(memory: Memory, seconds: float) -> None:
    while True:
        try:
            gone = await asyncio.to_thread(memory.expire)
            if gone:
                _log.info("%d old turns forgotten", gone)
        except GiljabiError as e:
            _log.error("%s", e)
        await asyncio.sleep(seconds)


def _add_errors(app: FastAPI, options: ServeOptions) -> None:
    def answer(
        status: int, message: str, code: str, headers: dict[str, str] | None = None, **fields: Any
    ) -> JSONResponse:
        kind = "server_error" if status >= 500 else "invalid_request_error"
        body = {**error_body(message, kind, code), **fields}
        return JSONResponse(body, status, headers)

    async def refused(_request: Request, e: Any) -> JSONResponse:
        return answer(e.status, e.message, e.code, e.headers, **e.fields)

    async def busy(_request: Request, _e: Exception) -> JSONResponse:
        wait = {"Retry-After": str(options.retry_after_s)}
        return answer(429, "Too many questions are waiting; try again soon.", "busy", wait)

    async def wrong(_request: Request, e: Exception) -> JSONResponse:
        return answer(400, str(e), "bad_request")

    async def invalid(_request: Request, e: Any) -> JSONResponse:
        first = e.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        return answer(400, f"{where}: {first['msg']}.", "invalid")

    async def http(_request: Request, e: Any) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(e.status_code, "bad_request")
        return answer(e.status_code, str(e.detail), code, e.headers)

    app.add_exception_handler(shapes.RefusalError, refused)
    app.add_exception_handler(BusyError, busy)
    app.add_exception_handler(GiljabiError, wrong)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def _document(app: FastAPI) -> None:
    """Take FastAPI's 422 out of the OpenAPI document: here an invalid request is a 400."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            for operations in document["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
            for name in ("HTTPValidationError", "ValidationError"):
                document["components"]["schemas"].pop(name, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
