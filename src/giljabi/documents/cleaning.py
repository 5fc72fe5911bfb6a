"""Text as it is kept: one Unicode form, one kind of space, nothing that a reader cannot see."""

from __future__ import annotations

import re
import unicodedata

# Letters by their category, but drawn as nothing: Hangul fillers, the braille blank, the grapheme
# joiner and the variation selectors, in which text can be smuggled.
_BLANK = re.compile("[\u034f\u115f\u1160\u2800\u3164\uffa0\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_SPACES = re.compile(r"\s+")


def cleaned(text: str) -> str:
    """`text` in NFC on one line, single spaces, without unseen characters.

    Control, zero-width, bidirectional-override, tag and private-use characters go, so that no text
    reads otherwise to a program than to a person.
    """
    return _SPACES.sub(" ", _seen(_SPACES.sub(" ", text))).strip()


def cleaned_lines(text: str) -> list[str]:
    """The lines of `text`, each `cleaned`; empty ones stay, they part paragraphs."""
    return [cleaned(line) for line in re.split(r"\r\n|[\n\r\f\v\x85\u2028\u2029]", text)]


def _seen(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    kept = (c for c in text if unicodedata.category(c) not in _UNSEEN)
    return unicodedata.normalize("NFC", _BLANK.sub("", "".join(kept)))
