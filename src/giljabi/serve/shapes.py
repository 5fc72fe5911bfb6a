"""The server's own JSON: questions and answers, health, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from giljabi.answer.facts import FactKind, Outcome
from giljabi.serve.openai_shapes import QUESTION_CHARS

CONVERSATION = r"^[A-Za-z0-9_-]{1,64}$"
Conversation = Annotated[str, StringConstraints(pattern=CONVERSATION)]
Question = Annotated[str, StringConstraints(min_length=1, max_length=QUESTION_CHARS, pattern=r"\S")]


class RefusalError(Exception):
    """A request that is answered with an error instead: `status` and its JSON."""

    def __init__(
        self,
        status: int,
        message: str,
        code: str,
        *,
        headers: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.message = message
        self.code = code
        self.headers = dict(headers or {})
        self.fields = dict(fields or {})


class ErrorDetail(BaseModel):
    """What went wrong: a sentence for people, a type and a code for programs."""

    message: str
    type: Literal["invalid_request_error", "server_error"]
    code: str


class Error(BaseModel):
    """Every error looks like this."""

    error: ErrorDetail


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents: these statuses, and the ones any route may give."""
    said = {
        400: "The request is not one this server understands.",
        403: "The host or the calling page is not allowed.",
        404: "There is no such thing.",
        408: "The body did not arrive in time.",
        409: "The question was called off.",
        413: "The body is too large.",
        415: "The body is not of the content type that is taken.",
        429: "Too much is being done and waiting; try again soon.",
        500: "A fault of the server.",
        503: "The answer took too long, or the memory does not work.",
    }
    wanted = sorted({400, 403, 408, 413, 415, 500, *statuses})
    return {status: {"model": Error, "description": said[status]} for status in wanted}


class Greeting(BaseModel):
    """Who is speaking, in Korean and English."""

    message: str


class Health(BaseModel):
    """That the server is up, what it serves, and how busy it is."""

    status: Literal["ok"] = "ok"
    version: str
    venue: str | None
    venue_hash: str | None
    running: int
    waiting: int


class Ask(BaseModel):
    """A question; `conversation` is an id from an earlier answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: Question
    conversation: Conversation | None = None
    lang: Literal["ko", "en", "auto"] = "auto"


class Reply(BaseModel):
    """An answer in plain chat."""

    result: str
    conversation: str


class FactOut(BaseModel):
    """One thing the venue's data says."""

    id: str
    kind: FactKind
    subject: str
    value: str | int | float
    unit: str
    object: str
    estimated: bool
    source: str


class ClaimOut(BaseModel):
    """A stretch of the text and the id of the fact it states, or what is wrong with it."""

    text: str
    fact: str
    problem: str


class VerdictOut(BaseModel):
    """Whether every claim of the text is one of the facts."""

    ok: bool
    claims: list[ClaimOut]


class PassageOut(BaseModel):
    """A passage an answer cites: where it stands, and its text, one block a line."""

    id: str
    source: str
    titles: list[str]
    text: str
    page: int | None
    date: str


class GuideReply(Reply):
    """An answer of the guide.

    `minutes` are walking minutes, `line` is (lon, lat) in WGS84 degrees, `guessed` says which
    stretches of it are estimates, `stops` are the places it passes, `timings` are milliseconds.
    Of an answer from documents, `passages` are those it cites and `reasoning` says what it rests on.
    Sentences that did not pass the check are no part of it.
    """

    lang: Literal["ko", "en"]
    outcome: Outcome
    written_by: Literal["model", "template", "mixed", "refusal"]
    slot: str
    places: list[str]
    facts: list[FactOut]
    verdict: VerdictOut
    line: list[tuple[float, float]] | None
    guessed: list[bool] = []
    stops: list[str] = []
    timings: dict[str, float]
    minutes: float | None
    reasoning: str = ""
    passages: list[PassageOut] = []


class Wiped(BaseModel):
    """Whether there was anything to forget."""

    conversation: str
    wiped: bool
