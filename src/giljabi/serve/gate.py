"""The operator's token as requests carry it: a Bearer header, or the cookie of a session."""

from __future__ import annotations

import hashlib

from fastapi import Request
from starlette.responses import Response

from giljabi.serve.admission import SESSION_S, Admission, TooManyFailuresError
from giljabi.serve.shapes import RefusalError

ROOT = "/admin"
_COOKIE = "giljabi_admin"


class Gate:
    """Asks `admission` for a request. Never reads a token from an address."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission

    def shown(self, request: Request, token: str) -> bool:
        """Whether `token` is the one. Raises RefusalError 429 after too many wrong ones."""
        try:
            return self.admission.knows(token, request.client.host if request.client else "")
        except TooManyFailuresError as e:
            raise RefusalError(
                429, "Too many wrong tokens; try again later.", "too_many_tokens",
                headers={"Retry-After": str(e.wait_s)},
            ) from None  # fmt: skip

    def bearer(self, request: Request) -> bool:
        """Whether the request has an Authorization header, which then is right.

        Raises RefusalError 401 for a wrong one.
        """
        header = request.headers.get("authorization")
        if header is None:
            return False
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not self.shown(request, token.strip()):
            raise _no_token("The token is not the one.")
        return True

    def session(self, request: Request) -> bool:
        """Whether the request comes from a browser that signed in, and for a change from our own page."""
        if not self.admission.goes_on(request.cookies.get(_COOKIE, "")):
            return False
        return request.method == "GET" or own_page(request)

    def require(self, request: Request) -> None:
        """Raises RefusalError 401 unless the request carries the token or a session."""
        if not (self.bearer(request) or self.session(request)):
            raise _no_token("Send the admin token as `Authorization: Bearer …`, or sign in.")

    def whose(self, request: Request) -> str:
        """What tells one browser's session from another's, and opens nothing."""
        return hashlib.sha256(request.cookies.get(_COOKIE, "").encode()).hexdigest()

    def admit(self, request: Request, response: Response) -> None:
        """Give the browser a session."""
        response.set_cookie(
            _COOKIE, self.admission.begin(), max_age=SESSION_S, path=ROOT, httponly=True,
            samesite="strict", secure=request.url.scheme == "https",
        )  # fmt: skip

    def dismiss(self, request: Request, response: Response) -> None:
        """End the browser's session."""
        self.admission.end(request.cookies.get(_COOKIE, ""))
        response.delete_cookie(_COOKIE, path=ROOT, httponly=True, samesite="strict")


def own_page(request: Request) -> bool:
    """Whether a page of this very server sent the request.

    The guard of origins lets configured pages call; those may ask the guide, not act for its operator.
    """
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    return request.headers.get("origin") == own


def _no_token(message: str) -> RefusalError:
    return RefusalError(401, message, "no_token", headers={"WWW-Authenticate": "Bearer"})
