"""The operator's routes: the page, its buttons, and the same as JSON for programs.

Nothing here is in the public document of the interface. Every route asks the gate.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import parse_qs

from fastapi import FastAPI, Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from giljabi.errors import GiljabiError
from giljabi.serve import desk_page
from giljabi.serve.current_guide import CurrentGuide
from giljabi.serve.desk import Desk
from giljabi.serve.gate import ROOT, Gate, own_page
from giljabi.serve.guard import FORM, BodyRule
from giljabi.serve.operator import Figures, Operator, figures
from giljabi.serve.reloading import RefusedVenueError, Reloaded, ReloadingError
from giljabi.serve.shapes import RefusalError
from giljabi.serve.work import Workers
from giljabi.venue.place import Lang

BODY_RULES = {
    f"{ROOT}/{form}": BodyRule(1024, FORM) for form in ("login", "logout", "reload", "forget")
}
"""What the page's forms may send."""
_NOT_KEPT = (
    "The words of questions are not kept; start with `giljabi serve --keep-unanswered DAYS`."
)
_FLUSH_S = 5.0
_UNREAD = 16
_log = logging.getLogger(__name__)
_Chosen = Literal["ko", "en"] | None


class DeskRoutes:
    """`/admin` and what is under it."""

    def __init__(self, operator: Operator, current: CurrentGuide, workers: Workers) -> None:
        self.operator = operator
        self.current = current
        self.workers = workers
        self.gate = Gate(operator.admission)
        self._said: OrderedDict[str, desk_page.Said] = OrderedDict()  # by session

    def add_to(self, app: FastAPI) -> None:
        """Register the routes."""
        for path, act, method in (
            ("", self.show, "GET"),
            ("/login", self.sign_in, "POST"),
            ("/logout", self.sign_out, "POST"),
            ("/reload", self.reload, "POST"),
            ("/forget", self.forget, "POST"),
            ("/figures", self.tell, "GET"),
            ("/unanswered.jsonl", self.export, "GET"),
        ):
            app.add_api_route(f"{ROOT}{path}", act, methods=[method], include_in_schema=False)

    def show(self, request: Request, lang: _Chosen = None) -> Response:
        """The page, or the form to sign in. Not `async`: it reads the database."""
        if not (self.gate.bearer(request) or self.gate.session(request)):
            return desk_page.sign_in(_lang(request, lang))
        said = self._said.pop(self.gate.whose(request), None)
        return desk_page.desk(self._figures(), _lang(request, lang), said)

    async def sign_in(self, request: Request, lang: _Chosen = None) -> Response:
        """Give the browser a session for the token in the form."""
        if "origin" in request.headers and not own_page(request):
            raise RefusalError(403, "Sign in on the page itself.", "bad_origin")
        if not self.gate.shown(request, _token_in(await request.body())):
            _log.warning("a wrong admin token from %s", request.client and request.client.host)
            return desk_page.sign_in(_lang(request, lang), wrong=True)
        response = RedirectResponse(_to_page(lang), 303)
        self.gate.admit(request, response)
        return response

    async def sign_out(self, request: Request, lang: _Chosen = None) -> Response:
        """End the session."""
        self.gate.require(request)
        response = RedirectResponse(_to_page(lang), 303)
        self.gate.dismiss(request, response)
        return response

    async def reload(self, request: Request, lang: _Chosen = None) -> Any:
        """Read the venue anew: JSON for a program with the token, back to the page for a browser."""
        self.gate.require(request)
        chosen = _lang(request, lang)
        try:
            done = await asyncio.to_thread(self.operator.reloader.reload, self.current)
        except ReloadingError:
            raise RefusalError(409, "A reload is going on already.", "reloading") from None
        except RefusedVenueError as e:
            _log.warning("the venue was not reloaded: %s", _one_line(str(e)))
            if _by_program(request):
                raise RefusalError(409, str(e), "venue_refused") from None
            return self._back(request, lang, desk_page.refused(chosen, str(e)))
        _log.info("the venue was reloaded: %s", done.venue_hash)
        if _by_program(request):
            return asdict(done)
        return self._back(request, lang, _told(done, chosen))

    def forget(self, request: Request, lang: _Chosen = None) -> Any:
        """Delete the words that are kept."""
        self.gate.require(request)
        gone = self._reading(self.operator.desk.forget)
        return {"deleted": gone} if _by_program(request) else RedirectResponse(_to_page(lang), 303)

    def tell(self, request: Request) -> dict[str, Any]:
        """The figures as JSON."""
        self.gate.require(request)
        return asdict(self._figures())

    def export(self, request: Request) -> Response:
        """Every unanswered question that is kept, one JSON object a line, for `giljabi data build`."""
        self.gate.require(request)
        desk = self.operator.desk
        if desk.keep_days is None:
            raise RefusalError(404, _NOT_KEPT, "not_kept")
        self._reading(desk.flush)
        rows = self._reading(lambda: list(desk.unanswered()))

        def lines() -> Iterator[str]:
            for row in rows:
                yield json.dumps(asdict(row), ensure_ascii=False) + "\n"

        headers = {"content-disposition": 'attachment; filename="unanswered.jsonl"'}
        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)

    def _figures(self) -> Figures:
        found: Figures = self._reading(
            lambda: figures(self.operator, self.current.venue, self.workers)
        )
        return found

    def _reading(self, act: Any) -> Any:
        try:
            return act()
        except GiljabiError as e:
            _log.error("%s", e)
            message = "The operator's record does not work; the log says why."
            raise RefusalError(503, message, "desk_unavailable") from None

    def _back(self, request: Request, lang: _Chosen, said: desk_page.Said) -> Response:
        self._said[self.gate.whose(request)] = said
        while len(self._said) > _UNREAD:
            self._said.popitem(last=False)
        return RedirectResponse(_to_page(lang), 303)


@contextlib.asynccontextmanager
async def keeping(desk: Desk, sweep_every_s: float) -> AsyncIterator[None]:
    """While inside, what is noted is written every few seconds and what is too old swept."""

    def tidy(*, sweep: bool) -> None:
        try:
            desk.flush()
            if sweep and (gone := desk.sweep()):
                _log.info("%d old questions and sentences forgotten", gone)
        except GiljabiError as e:
            _log.error("%s", e)

    async def keep() -> None:
        since = 0.0
        while True:
            await asyncio.sleep(min(_FLUSH_S, sweep_every_s))
            since += min(_FLUSH_S, sweep_every_s)
            await asyncio.to_thread(tidy, sweep=since >= sweep_every_s)
            since = 0.0 if since >= sweep_every_s else since

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.to_thread(tidy, sweep=False)


def _lang(request: Request, chosen: _Chosen) -> Lang:
    """The language asked for, else the browser's first."""
    if chosen is not None:
        return chosen
    first = request.headers.get("accept-language", "ko").strip().lower()
    return "ko" if first.startswith("ko") else "en"


def _token_in(form: bytes) -> str:
    """The field `token` of a form; "" where it has none, or more fields than our page sends."""
    try:
        fields = parse_qs(form.decode("utf-8", "replace"), max_num_fields=4)
    except ValueError:
        return ""
    return fields.get("token", [""])[0].strip()


def _by_program(request: Request) -> bool:
    return "authorization" in request.headers


def _to_page(lang: _Chosen) -> str:
    return f"{ROOT}?lang={lang}" if lang else ROOT


def _told(done: Reloaded, lang: Lang) -> desk_page.Said:
    return desk_page.reloaded(lang, done.places, done.venue_hash, done.warnings, done.seconds)


def _one_line(text: str) -> str:
    """`text` as one line of a log, whatever a venue's names hold."""
    return "".join(c if c.isprintable() else "\ufffd" for c in text)
