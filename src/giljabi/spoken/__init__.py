"""Text as it is said aloud. Knows no voice and no venue; a venue's own readings are an argument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from giljabi.spoken import english, hangul


def spoken(
    text: str, lang: Literal["ko", "en"] = "ko", readings: Mapping[str, str] | None = None
) -> str:
    """`text` as a reader of `lang` says it: "2층까지 650m" -> "이 층까지 육백오십 미터".

    Korean comes back as Hangul syllables, spaces, line ends and `. , ? !`, nothing else: numbers,
    units and Latin letters are written out, and what cannot be read aloud is dropped. In English
    only what a synthesiser reads wrong is rewritten; digits stay. `readings` are the words of one
    venue and how they are said there ({"HIT": "히트"}); they come before everything in
    spoken.toml. A josa after a written-out word follows the new sound, unless it already
    disagreed with the old one. Saying Korean twice changes nothing.
    """
    say = hangul.say if lang == "ko" else english.say
    return say(text, readings or {})
