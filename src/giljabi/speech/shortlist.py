"""A dozen place names that sound like something in a text, out of a whole catalogue.

What recognition wrote is looked at by ear: whole names slide over it and are compared as sounds,
so that a name survives being misheard. Knows nothing of sound files or models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz.fuzz import partial_ratio
from rapidfuzz.process import extract

from giljabi import korean
from giljabi.venue import forms
from giljabi.venue.place import Lang, Place, Venue


@dataclass(frozen=True, slots=True)
class Alike:
    """A name of a place, and how much of it is heard in a text, 0 to 1."""

    name: str
    place: str
    score: float


@dataclass(frozen=True, slots=True)
class _Said:
    name: str
    place: str
    weight: float
    """Short names are found by chance more often."""


class Shortlist:
    """The names of a venue by sound. Building it takes tens of milliseconds; keep one."""

    def __init__(self, venue: Venue) -> None:
        self._said: dict[Lang, list[_Said]] = {"ko": [], "en": []}
        self._sounds: dict[Lang, list[str]] = {"ko": [], "en": []}
        for place in venue.places:
            for name in dict.fromkeys(_korean(place)):
                self._add("ko", name, place.id, korean.sound(name))
            for name in forms.english_names(place):
                self._add("en", name, place.id, forms.roman_fold(name))

    def _add(self, lang: Lang, name: str, place: str, sound: str) -> None:
        if len(sound) >= _SHORTEST:
            weight = 0.8 + 0.2 * min(len(sound), _SURE) / _SURE
            self._said[lang].append(_Said(name, place, weight))
            self._sounds[lang].append(sound)

    def of(self, text: str, lang: Lang, *, most: int = 12, least: float = 0.0) -> list[Alike]:
        """At most `most` names heard in `text`, best first, one for each place; none below `least`."""
        heard = korean.sound(text) if lang == "ko" else forms.roman_fold(text)
        if not heard:
            return []
        scored = extract(
            heard, self._sounds[lang], scorer=_within, score_cutoff=100 * least, limit=None
        )
        said: Sequence[_Said] = self._said[lang]
        best: dict[str, Alike] = {}
        for _, score, n in scored:
            alike = Alike(said[n].name, said[n].place, said[n].weight * score / 100)
            if alike.score >= least and alike.score > best.get(alike.place, _NOTHING).score:
                best[alike.place] = alike
        return sorted(best.values(), key=lambda a: -a.score)[:most]


_within = partial_ratio
_SHORTEST = 4
_SURE = 12
_NOTHING = Alike("", "", -1.0)


def _korean(place: Place) -> list[str]:
    label = place.label("ko")
    own = forms.squeeze(label)
    return [label, *sorted(f for f in forms.korean_forms(place) if f != own)]
