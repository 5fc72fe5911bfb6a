"""What recognition left nearly right, put right by the venue's names; and what is worth asking."""

from __future__ import annotations

from dataclasses import dataclass

from giljabi import korean
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Venue

MOST_ASKS = 3


@dataclass(frozen=True, slots=True)
class Mended:
    """A text, and ids of places it may name, the likeliest first."""

    text: str
    asks: tuple[str, ...] = ()


class Mender:
    """Puts misheard names right. Building it takes tens of milliseconds; keep one."""

    def __init__(self, venue: Venue, names: Names | None = None) -> None:
        self._venue = venue
        self._names = names or Names(venue)

    def mend(self, text: str) -> Mended:
        """Names heard nearly right as they are written; those less sure as places to ask about.

        How sure is `Names.find`'s judgement: "near" is taken, "maybe" is asked, as typed.
        """
        found = self._names.find(text)
        asks = [place for m in found if m.how == "maybe" for place in m.places]
        for m in reversed(found):
            if m.how == "near":
                lang: Lang = "ko" if korean.has_hangul(m.text) else "en"
                name = self._venue.place(m.places[0]).label(lang)
                text = text[: m.start] + name + text[m.end :]
        return Mended(text, tuple(dict.fromkeys(asks))[:MOST_ASKS])
