"""The OpenAI-compatible routes: chat completions and the list of models.

History comes from the messages themselves; nothing of it is kept on the server.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import FastAPI, Path, Request
from starlette.responses import Response

from giljabi.serve import openai_shapes as shapes
from giljabi.serve.options import ServeOptions
from giljabi.serve.reply import Stream, result_of
from giljabi.serve.shapes import RefusalError, errors
from giljabi.serve.subject import Subject
from giljabi.serve.work import Cancel, Workers


class ChatRoutes:
    """Chat completions, streamed and whole, under the configured model names."""

    def __init__(self, subject: Subject, options: ServeOptions, workers: Workers) -> None:
        self.subject = subject
        self.options = options
        self.workers = workers
        self.since = int(time.time())

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        streamed = {
            "description": "The whole answer, or with `stream` its sentences as chunks.",
            "content": {"text/event-stream": {"example": "data: {…}\n\ndata: [DONE]\n\n"}},
        }
        app.add_api_route(
            "/v1/chat/completions", self.complete, methods=["POST"],
            response_model=shapes.ChatCompletion,
            responses={**errors(404, 409, 429, 503), 200: streamed},
        )  # fmt: skip
        app.add_api_route("/v1/models", self.models, responses=errors())
        app.add_api_route("/v1/models/{model}", self.model, responses=errors(404))

    async def models(self) -> shapes.ModelList:
        """The names `model` may have."""
        return shapes.ModelList(data=[self._card(name) for name in self.options.models])

    async def model(self, model: Annotated[str, Path(max_length=200)]) -> shapes.ModelCard:
        """One of the names."""
        self._check(model)
        return self._card(model)

    async def complete(self, body: shapes.ChatRequest, request: Request) -> Any:
        """Answer the last message; the ones before it are the history."""
        self._check(body.model)
        question, history, system = body.asked()
        answer_id, now = f"chatcmpl-{secrets.token_hex(12)}", int(time.time())

        def sentences(cancel: Cancel) -> Iterator[str]:
            return self.subject.sentences(question, history, system, cancel)

        if body.stream:
            return self._streamed(body, answer_id, now, self.workers.submit(sentences))

        def whole(cancel: Cancel) -> Iterator[str]:
            text = "".join(sentences(cancel))
            if not cancel():
                yield text

        job = self.workers.submit(whole)
        text = await result_of(job, request.receive, self.options.answer_s)
        return shapes.ChatCompletion(
            id=answer_id,
            created=now,
            model=body.model,
            choices=[shapes.Choice(message=shapes.ReplyMessage(content=text))],
            usage=shapes.Usage.of(body, text),
        )

    def _streamed(self, body: shapes.ChatRequest, answer_id: str, now: int, job: Any) -> Response:
        chunks = shapes.Chunks(body, answer_id, now)
        return Stream(job, chunks, answer_s=self.options.answer_s, stall_s=self.options.stall_s)

    def _card(self, name: str) -> shapes.ModelCard:
        return shapes.ModelCard(id=name, created=self.since)

    def _check(self, name: str) -> None:
        if name not in self.options.models:
            known = ", ".join(self.options.models)
            raise RefusalError(404, f"There is no such model; known: {known}.", "model_not_found")
