"""Addresses inside a text: web, e-mail, Markdown. Says which part of them a person can use."""

from __future__ import annotations

import re
from collections.abc import Callable

_MARKDOWN = re.compile(r"!?\[([^\][]*)\]\([^()\s]*\)")
_MAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])(?:mailto:)?([A-Za-z0-9._%+-]{1,64})@([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+)"
)
_WEB = re.compile(
    r"(?:https?://(?:www\.)?|www\.)(?P<host>[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)(?::\d+)?(?P<path>[/?#][!-~]*)?"
    r"|(?<![A-Za-z0-9.])(?P<bare>(?:[A-Za-z][A-Za-z0-9-]*\.)+(?:com|net|org|kr|io|me|ly|app|dev))"
    r"(?![A-Za-z0-9])(?P<rest>/[!-~]*)?"
)
_PATH = re.compile(r"(?:/[A-Za-z0-9_-]+)+")
_LONGEST_PATH = 16


def rewritten(text: str, mail: Callable[[str, str], str], web: Callable[[str, str], str]) -> str:
    """`text` with `mail(name, host)` and `web(host, path)` in the place of addresses.

    A path that nobody could type after hearing it (long, or with a query) is given as "".
    """

    def site(found: re.Match[str]) -> str:
        path = (found["path"] or found["rest"] or "").rstrip("/.,;:!?)'\"")
        left = (found["path"] or found["rest"] or "")[len(path) :].lstrip("/")
        short = len(path) <= _LONGEST_PATH and _PATH.fullmatch(path)
        return web(found["host"] or found["bare"], path if short else "") + left

    text = _MARKDOWN.sub(r"\1", text)
    text = _MAIL.sub(lambda m: mail(m[1], m[2]), text)
    return _WEB.sub(site, text)
