"""Building numbers in every shape people say: 211관, 이백십일번, Building 211."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from giljabi import korean
from giljabi.venue.mention import Mention

_CODE = re.compile(
    r"(?P<pre>(?:건물\s*번호|건물번호|[Bb]uilding|[Bb]ldg\.?|[Bb]uilding [Nn]umber|[Rr]oom)"
    r"\s*(?:[Nn]o\.?\s*|[Nn]umber\s*|#\s*)?)?"
    r"(?:(?P<n3>(?<=[Bb]uilding )"
    r"(?:(?:zero|oh|one|two|three|four|five|six|seven|eight|nine)[ -]?){3})|"
    r"(?P<n>(?<![\d.,A-Za-z])\d{2,4})|(?P<n2>(?<![가-힣])[일이삼사오육칠팔구영공백십]{2,6}(?=번|관|호)))"
    r"(?!\s*(?:번\s*(?:버스|출구|마을|지선|간선)|호선|[mM](?![a-z])|km|미터|킬로|분|시|원|층|명|년|월|일|%|"
    r"m\b|min|minute|st\b|nd\b|rd\b|th\b|버스|bus|[.,]\d))"
    r"(?P<mark>\s*번?\s*(?P<strong>건물|동)|번\s*관|번|호관|호실|호|관)?(?![0-9A-Za-z])"
)
_SPOKEN_EN = "zero one two three four five six seven eight nine".split()


def _spoken_english(text: str) -> str:
    words = text.replace("-", " ").split()
    return "".join(str(_SPOKEN_EN.index(w)) if w in _SPOKEN_EN else "0" for w in words)


def find_codes(text: str, codes: Mapping[str, str], taken: Sequence[Mention]) -> Iterator[Mention]:
    """Building numbers in every shape people say; an unlisted number is an unknown place."""
    if not codes:
        return
    digits = {len(c) for c in codes if c.isdigit()}
    for m in _CODE.finditer(text):
        if any(m.start() < t.end and t.start < m.end() for t in taken):
            continue
        raw = m["n"] or m["n2"] or _spoken_english(m["n3"] or "")
        spoken = korean.number(raw) if not raw.isdigit() else int(raw)
        code = str(spoken)
        marked = bool(m["mark"] or m["pre"] or m["n3"])
        if code not in codes and not (marked and (len(code) in digits or m["strong"])):
            continue
        if not marked and (not raw.isdigit() or code not in codes):
            continue
        ids = (codes[code],) if code in codes else ()
        yield Mention(m.start(), m.end(), m[0].strip(), ids, "code" if ids else "unknown")
