"""Sentences of documents that speak to a machine: found, and left out of whatever is made of them.

Documents are data and nothing in them is obeyed. What is known by its words as an order is moreover
neither shown to a model nor said to a visitor. Words can always be found that no pattern knows: what
holds then is that an answer has to rest on the likeliest evidence (reader.py) and is checked.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from giljabi.answer.claims import sentences
from giljabi.documents.passage import Passage

LEFT_OUT = "…"
"""What stands where an order stood."""
_LONG, _STEP = (
    600,
    400,
)  # letters that are looked at together; no pattern looks as far as they overlap
_ROW = re.compile(r"^[^:：.]{1,30}[:：] .+ · ")
_TITLE = re.compile(r"^제\s?\d+\s?[편장절관조](?:의\s?\d+)?")
_SPELT = re.compile(r"(?<!\w)(?:\w[\s.·_-]){2,}\w(?!\w)")
_LOOKALIKES = str.maketrans("аеорсухіјѕАЕОРСУХІЈЅΑΕΟΡΧΥΙο", "aeopcyxijsAEOPCYXIJSAEOPXYIo")


def gives_orders(text: str) -> bool:
    """Whether a sentence speaks to a machine."""
    found = _patterns()
    said = _folded(text)
    for start in range(0, max(1, len(said) - _LONG + _STEP), _STEP):
        some = said[start : start + _LONG]
        if found["ko"].search(re.sub(r"\s+", "", some)) or found["en"].search(some):
            return True
    return False


def without_orders(passage: Passage) -> Passage:
    """The passage with “…” where sentences or headings give orders; itself where none do."""
    lines = passage.text.split("\n")
    parts = [(n, part) for n, line in enumerate(lines) for part in parts_of(line)]
    bad = _orders([part for _, part in parts])
    titles = tuple(_title(t) for t in passage.titles)
    if not any(bad) and titles == passage.titles:
        return passage
    kept: list[list[str]] = [[] for _ in lines]
    for (n, part), order in zip(parts, bad, strict=True):
        if not order or kept[n][-1:] != [LEFT_OUT]:
            kept[n].append(LEFT_OUT if order else part)
    text = [" ".join(k) if LEFT_OUT in k else line for line, k in zip(lines, kept, strict=True)]
    return replace(passage, titles=titles, text="\n".join(text))


def parts_of(line: str) -> list[str]:
    """The sentences of a line; the row of a table is one."""
    return [line] if is_row(line) else sentences(line)


def is_row(line: str) -> bool:
    """Whether the line was the row of a table: “대상: 학부생 · 기간: 14일”."""
    return bool(_ROW.match(line))


def _orders(parts: list[str]) -> list[bool]:
    """Which of the sentences give orders, also those cut in two, or said in one and meant in the next."""
    out = [gives_orders(part) for part in parts]
    found = _patterns()
    for n in range(len(parts) - 1):
        if out[n] and (
            found["announces"].search(parts[n]) or found["goes_on"].search(parts[n + 1])
        ):
            out[n + 1] = True
        elif not out[n] and not out[n + 1] and gives_orders(f"{parts[n]} {parts[n + 1]}"):
            out[n] = out[n + 1] = True
    return out


def _title(title: str) -> str:
    if not gives_orders(title):
        return title
    number = _TITLE.match(title)
    return number[0] if number else LEFT_OUT


def _folded(text: str) -> str:
    """One width, no accents, letters that only look Latin as Latin, spelt-out words in one."""
    plain = unicodedata.normalize("NFKC", text).translate(_LOOKALIKES)
    plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    plain = unicodedata.normalize("NFC", plain)
    return _SPELT.sub(lambda m: re.sub(r"[\s.·_-]", "", m[0]), plain)


@lru_cache(maxsize=1)
def _patterns() -> dict[str, re.Pattern[str]]:
    table = tomllib.loads((files("giljabi.answer") / "orders.toml").read_text("utf-8"))
    parts, said = table["parts"], table["sentences"]

    def filled(pattern: str) -> str:
        # What is no name of a part is a count: {0,40}.
        return re.sub(r"\{(\w+)\}", lambda m: str(parts.get(m[1], m[0])), pattern)

    each = {
        "ko": "|".join(map(filled, said["ko"])), "en": "|".join(map(filled, said["en"])),
        "announces": said["announces"], "goes_on": said["goes_on"],
    }  # fmt: skip
    return {name: re.compile(pattern, re.IGNORECASE) for name, pattern in each.items()}
