"""QR codes that open a page of this server on a phone. Where phones reach it, the operator says."""

from __future__ import annotations

import io
import re
from functools import lru_cache
from urllib.parse import quote, urlsplit

from giljabi.errors import GiljabiError

ROUTE = "/v1/qr"
CLOSED = {
    ROUTE: "This server does not know where phones reach it; start it with "
    "`giljabi serve --public-url http://ADDRESS:PORT`."
}
"""What the path answers on a server without a public URL."""
PAGES = ("/", "/print")
"""The pages a code may open; everything else of this server is for programs or its operator."""
LONGEST = 1000
"""Bytes of a URL; a code of more has modules too small for a phone held before a screen."""
_UNSAID = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")
_KEPT = "/?#&=%:@!$'()*+,;~"
_BORDER = 4  # modules of quiet zone, ISO/IEC 18004


def target(public_url: str, path: str) -> str:
    """The URL of our own page `path` (with its query and fragment) at `public_url`, in ASCII.

    Raises GiljabiError for what is no path of `PAGES`: another host, a scheme, a control character,
    a backslash (browsers read it as a slash), or more than 1,000 bytes.
    """
    if not path.startswith("/") or path.startswith("//") or _UNSAID.search(path):
        raise GiljabiError("Give a path of this server's page, such as /?to=206.")
    if urlsplit(path).path not in PAGES:
        raise GiljabiError(f"A code opens one of the pages {', '.join(PAGES)}.")
    url = public_url + quote(path, safe=_KEPT)
    if len(url) > LONGEST:
        raise GiljabiError(f"The address is too long for a code that a phone can read: {LONGEST}.")
    return url


@lru_cache(maxsize=256)
def svg(url: str, *, inline: bool = False) -> bytes:
    """The code of `url` (ISO/IEC 18004, error correction M) as SVG, black on white.

    `inline` leaves out the namespace, for a place inside HTML.
    """
    import segno  # noqa: PLC0415 - only where a code is asked for

    out = io.BytesIO()
    code = segno.make(url, error="m", micro=False)
    code.save(
        out, kind="svg", scale=8, border=_BORDER, light="#fff", xmldecl=False, svgns=not inline,
        omitsize=True, nl=False,
    )  # fmt: skip
    return out.getvalue()
