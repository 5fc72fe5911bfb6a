"""Places by what they are or have: a visitor's word against features, kinds and names."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi.venue.place import Lang, Place, Venue


@dataclass(frozen=True, slots=True)
class Hit:
    """A place and the words that made it one; `unit` is feature, kind or name."""

    place: Place
    value: str
    unit: str


@lru_cache(maxsize=1)
def _synonyms_raw() -> dict[str, dict[str, Any]]:
    return tomllib.loads((files("giljabi.answer") / "synonyms.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def _synonyms() -> dict[str, list[tuple[re.Pattern[str], list[str]]]]:
    raw = {lang: _synonyms_raw()[lang] for lang in ("ko", "en")}
    return {
        lang: [(re.compile(k, re.I), v) for k, v in table.items()] for lang, table in raw.items()
    }


def own_words(term: str) -> list[str]:
    """The term's own words, a shop's 집 taken off: "곱창집" finds 곱창."""
    out = [w for w in term.split() if len(w) >= 2]
    return out + [w[:-1] for w in out if w.endswith("집") and len(w) > 2]


def words_for(term: str, lang: Lang) -> list[str]:
    """The record words a visitor's term stands for: its own words first, then synonyms."""
    key = term.replace(" ", "") if lang == "ko" else term.lower()
    out = own_words(term)
    if lang == "ko" and len(key) >= 2:
        out.insert(0, key)
    for pattern, words in _synonyms()[lang]:
        if pattern.search(key) or pattern.search(term):
            out += words
    return list(dict.fromkeys(out))


def search(venue: Venue, term: str, lang: Lang, *, proper: bool = False) -> list[Hit]:
    """Hits in order: features, then kinds and names; nearest to the origin first in each.

    The term as it stands comes before what it stands for. `proper` takes it as one name:
    "Lotte World" is not Lotte Mart.
    """
    for said, recorded in _synonyms_raw().get("same", {}).items():
        term = term.replace(said, recorded)
    phrase = term.replace(" ", "") if lang == "ko" else term
    whole = _hits(venue, [phrase], lang)
    if whole or proper:
        return whole
    return _hits(venue, own_words(term), lang) or _hits(venue, words_for(term, lang), lang)


def _hits(venue: Venue, words: list[str], lang: Lang) -> list[Hit]:
    hits: dict[str, tuple[tuple[int, int, int], Hit]] = {}
    for place in venue.places:
        for rank, word in enumerate(words):
            if found := _match(place, word, lang):
                order = {"feature": 0, "kind": 1, "name": 1}[found.unit]
                key = (order, 99 if place.minutes is None else place.minutes, rank)
                if place.id not in hits or key < hits[place.id][0]:
                    hits[place.id] = (key, found)
    return [h for _, h in sorted(hits.values(), key=lambda kv: kv[0])]


def has(place: Place, term: str, lang: Lang, *, literal: bool = False) -> Hit | None:
    """Whether this one place is recorded as having (or being) what the term stands for.

    `literal` takes the term as it is, without synonyms.
    """
    for word in [term] if literal else words_for(term, lang):
        if (hit := _match(place, word, lang)) and hit.unit != "name":
            return hit
    return None


def _match(place: Place, word: str, lang: Lang) -> Hit | None:
    for feature in place.features:
        if _occurs(word, feature[lang], lang):
            return Hit(place, feature[lang], "feature")
    kind = place.kind[lang]
    if _occurs(word, kind, lang) and place.area != "landmark":
        return Hit(place, kind, "kind")
    if _occurs(word, kind, lang) or _occurs(word, place.label(lang), lang):
        return Hit(place, kind, "name")
    return None


def _occurs(word: str, text: str, lang: Lang) -> bool:
    if lang == "ko":
        return word.lower() in text.lower().replace(" ", "")
    return bool(re.search(rf"\b{re.escape(word.lower())}", text.lower()))
