"""What the turn itself says, how yes and no are understood, and a place put where it was misheard.

Knows no sound; the texts and patterns are data (`says.toml`).
"""

from __future__ import annotations

import re
import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

from rapidfuzz import fuzz

from giljabi import korean
from giljabi.speech.events import Purpose
from giljabi.speech.sound import Lang

Reply = Literal["yes", "no", "other"]


@lru_cache(maxsize=1)
def _texts() -> dict[str, dict[str, str]]:
    return tomllib.loads((files("giljabi.speech") / "says.toml").read_text("utf-8"))


def text(purpose: Purpose, lang: Lang, *, place: str = "") -> str:
    """The fixed sentence for `purpose`; KeyError for "answer", which has none."""
    return _texts()[lang][purpose].format(place=place)


def reply(said: str, lang: Lang, place: str) -> Reply:
    """Whether `said` agrees to having meant `place`, denies it, or says something else."""
    bare = _bare(said)
    meant = _bare(place)
    for each in (lang, "en" if lang == "ko" else "ko"):  # "yes" may be heard as either language
        for answer in ("yes", "no"):
            if re.fullmatch(_texts()[each][answer], bare):
                return "yes" if answer == "yes" else "no"
    # "네, 학생회관이요." agrees as well, and so does the name alone.
    before, found, after = bare.partition(meant)
    agreed = not before or re.fullmatch(_texts()[lang]["yes"], before)
    if meant and found and agreed and len(after) <= _ENDING:
        return "yes"
    return "other"


def with_place(said: str, place: str, lang: Lang) -> str:
    """`said` with the stretch that sounds most like `place` replaced by it.

    "학생할인 어디예요?", "학생회관" -> "학생회관 어디예요?". Every stretch that begins with a word and
    is about as long as the name is compared by sound (Korean) or letters (English).
    """
    key = _sound if lang == "ko" else _bare
    wanted = key(place)
    starts = [m.start() for m in re.finditer(r"\S+", said)]
    best, where = -1.0, (0, 0)
    for start in starts:
        for end in _ends(said, start, len(place)):
            score = fuzz.ratio(key(said[start:end]), wanted)
            if score > best:
                best, where = score, (start, end)
    if not starts:
        return place
    return said[: where[0]] + place + said[where[1] :]


_ENDING = 5  # characters of "이요", "말이에요"
_SLACK = 3


def _ends(said: str, start: int, length: int) -> range:
    return range(
        min(len(said), start + max(1, length - _SLACK)),
        min(len(said), start + length + _SLACK) + 1,
    )


def _bare(said: str) -> str:
    return re.sub(r"[\W_]+", "", said.lower())


def _sound(said: str) -> str:
    return korean.sound(_bare(said))
