"""The day a document gives itself: when it takes effect, else when it was written."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable

_DAY = (
    r"[‘'’]?(?P<y{n}>\d{{4}}|\d{{2}}(?=[.\s]))\s*(?:[.\-/년])\s*(?P<m{n}>\d{{1,2}})\s*(?:[.\-/월])\s*"
    r"(?P<d{n}>\d{{1,2}})(?!\d)\s*(?:[.일])?"
)
_WEEKDAY = r"\s*(?:\(?[월화수목금토일](?:요일)?\)?)?\s*"
_FROM = re.compile(
    rf"시\s*행\s*(?:일자?)?\s*[:：\])〉>]?\s*{_DAY.format(n=1)}"
    rf"|{_DAY.format(n=2)}{_WEEKDAY}(?:부터|자로|자)?\s*(?:이를\s*)?(?:시행|적용)"
    rf"|(?:effective|in force)(?:\s+(?:date|from|on|as of))*\s*[:：]?\s*{_DAY.format(n=3)}",
    re.IGNORECASE,
)
_WRITTEN = re.compile(
    r"(?:작성|게시|등록|공고|발행|발간|개정|제정|수정|최종\s*수정|기준|updated|published|date)"
    rf"\s*(?:일자?|on)?\s*[:：]\s*{_DAY.format(n=1)}",
    re.IGNORECASE,
)
_HEAD = 40
"""Blocks from the start, and from the end, in which the day of writing is looked for."""


def own_date(texts: Iterable[str]) -> str:
    """The latest day of effect named in `texts`, else the first labelled day of writing, else "".

    A rule amended many times names every day it took effect; the latest is the one in force.
    """
    lines = list(texts)
    if effective := [day for line in lines for m in _FROM.finditer(line) if (day := _iso(m))]:
        return max(effective)
    ends = lines if len(lines) <= 2 * _HEAD else lines[:_HEAD] + lines[-_HEAD:]
    written = (day for line in ends for m in _WRITTEN.finditer(line) if (day := _iso(m)))
    return next(written, "")


def iso_day(text: str) -> str:
    """`text` (“2026-03-01T09:00+09:00”, “2026. 3. 1.”) as an ISO 8601 day; "" where it is none."""
    found = re.match(rf"\s*{_DAY.format(n=1)}", text)
    return _iso(found) if found else ""


def _iso(found: re.Match[str]) -> str:
    parts = {key[0]: int(value) for key, value in found.groupdict().items() if value}
    year = parts["y"] + 2000 if parts["y"] < 100 else parts["y"]
    try:
        return datetime.date(year, parts["m"], parts["d"]).isoformat()
    except ValueError:
        return ""
