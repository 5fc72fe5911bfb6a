"""The HTTP application: its routes, its error answers, and what runs beside it.

`create_app` puts the parts together; how an answer is made is the subject's business.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from giljabi import __version__
from giljabi.answer.memory import Memory
from giljabi.errors import GiljabiError
from giljabi.serve import shapes
from giljabi.serve.answer_events import AnswerEvents
from giljabi.serve.chat_routes import ChatRoutes
from giljabi.serve.conversations import Conversations
from giljabi.serve.guard import BodyGuard, HostGuard, Net, OriginGuard, error_body
from giljabi.serve.kiosk_routes import KioskRoutes
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import Stream, result_of
from giljabi.serve.subject import Answerer, GuideSubject, Subject, Talker, subject_of
from giljabi.serve.venue_routes import VenueRoutes
from giljabi.serve.voice import CLOSED, Voice, require
from giljabi.serve.work import BusyError, Cancel, Workers

_log = logging.getLogger(__name__)


def create_app(
    answers: Answerer | Talker,
    memory: Memory,
    options: ServeOptions | None = None,
    voice: Voice | None = None,
) -> FastAPI:
    """The application for a venue's guide, or for plain chat (then without the venue's routes).

    With a `voice` it hears and speaks too; without, it loads nothing that would. The caller keeps
    `memory` and closes it after the server has stopped. Raises GiljabiError for a voice without
    a venue's guide or without its extra.
    """
    options = options or ServeOptions()
    workers = Workers(options.workers, options.queue)
    subject = subject_of(answers)
    if voice is not None and not isinstance(subject, GuideSubject):
        raise GiljabiError("Only a venue's guide can be spoken with; leave out --voice or --chat.")

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        workers.open()
        upkeep = asyncio.create_task(_expire(memory, options.expire_every_s))
        try:
            yield
        finally:
            upkeep.cancel()
            workers.close()

    app = FastAPI(
        title="giljabi",
        version=__version__,
        # The interactive pages load scripts from a CDN; the document itself does not.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=_guards(options, voice),
    )
    front = None
    if options.kiosk is not None and isinstance(subject, GuideSubject):
        front = KioskRoutes(subject.guide, options.kiosk, has_voice=voice is not None)
        front.add_to(app)
    conversations = Conversations(memory, workers)
    AskRoutes(subject, conversations, options, workers, front).add_to(app)
    ChatRoutes(subject, options, workers).add_to(app)
    if isinstance(subject, GuideSubject):
        VenueRoutes(subject.guide, options, workers).add_to(app)
    if voice is not None and isinstance(subject, GuideSubject):
        _add_voice(app, subject.guide, voice, options, workers, conversations)
    _add_errors(app, options)
    _document(app)
    return app


def _guards(options: ServeOptions, voice: Voice | None) -> list[Middleware]:
    """What stands in front of every route, outermost first."""
    return [
        Middleware(Net),
        Middleware(HostGuard, options=options),
        Middleware(OriginGuard, options=options),
        Middleware(
            BodyGuard,
            options=options,
            rules=voice.limits.body_rules() if voice else {},
            closed={} if voice else CLOSED,
        ),
    ]


def _add_voice(
    app: FastAPI, guide: Answerer, voice: Voice, options: ServeOptions, workers: Workers,
    conversations: Conversations,
) -> None:  # fmt: skip
    require()
    # Here and not above: they import speech, which a server without a voice must do without.
    from giljabi.serve.audio_routes import AudioRoutes  # noqa: PLC0415
    from giljabi.serve.realtime import RealtimeRoute  # noqa: PLC0415

    AudioRoutes(voice, options, workers).add_to(app)
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
        self.venue = subject.guide.venue if isinstance(subject, GuideSubject) else None
        self.reply = shapes.Reply if self.venue is None else shapes.GuideReply

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
        if self.venue is None:
            text = "안녕하세요! 무엇이든 물어보세요. Hello! Ask me anything."
        else:
            text = (
                f"안녕하세요! {self.venue.name.ko} 길 안내입니다. "
                f"Hello! This is the guide to {self.venue.name['en']}."
            )
        return shapes.Greeting(message=text)

    async def health(self) -> shapes.Health:
        """Whether the server is up, and how busy."""
        return shapes.Health(
            version=__version__,
            venue=self.venue.id if self.venue else None,
            venue_hash=self.venue.hash if self.venue else None,
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
