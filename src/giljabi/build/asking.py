"""Questions as visitors word them: families of wordings, the names they use, how they are misheard.

The wordings are data (asking.toml). Knows nothing of answers: whether a question is read as it is
meant is for the guide's own reading to say.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from string import Formatter
from typing import Any

from giljabi import korean
from giljabi.answer.ways import SIDE_WORDS
from giljabi.answer.words import articled
from giljabi.venue.names import Names
from giljabi.venue.place import Lang, Place, Venue

_GROUP = re.compile(r"\(([^()]*\|[^()]*)\)")
_ENDING = re.compile(r"%([가-힣a-z]+)")
LANGS: tuple[Lang, ...] = ("ko", "en")
_OPENERS = frozenset(
    "How What Which Where Who When Until Is Are Does Can Could Tell Give Show Please Between At After "
    "On In Whereabouts The Isn't Doesn't It".split()
)
# "옆" and "근처" answer no question after a direction.
SIDED = frozenset({"left", "right", "up", "down", "front", "behind"})


@dataclass(frozen=True, slots=True)
class Family:
    """One wording with everything that is only another ending of it: what a split keeps whole."""

    id: str
    name: str
    slot: str
    lang: Lang
    text: str
    needs: str = ""
    two: bool = False
    placeless: bool = False
    coded: bool = False
    aliased: bool = False


@lru_cache(maxsize=1)
def _table() -> dict[str, Any]:
    return tomllib.loads((files("giljabi.build") / "asking.toml").read_text("utf-8"))


@lru_cache(maxsize=1)
def digest_text() -> str:
    """The wordings as they stand, for a manifest's hash."""
    return (files("giljabi.build") / "asking.toml").read_text("utf-8")


@cache
def families(lang: Lang, part: str = "ask") -> tuple[Family, ...]:
    """All families of `part`: "ask", "follow", "unknown" or "strangers"."""
    table = _table()
    if part in ("unknown", "strangers"):
        texts = table["unknown"][lang] if part == "unknown" else table["strangers"]["asks"][lang]
        return tuple(
            Family(f"{lang}.{part}.{n}", part, "", lang, t) for n, t in enumerate(texts, 1)
        )
    out = []
    for entry in table[part]:
        options = dict(entry)
        texts, name = options[lang], str(options.get("name", options["slot"]))
        flags = {k: options[k] for k in ("two", "placeless", "coded", "aliased") if k in options}
        prefix = "" if part == "ask" else f"{part}."
        for n, text in enumerate(texts, 1):
            ident = f"{lang}.{prefix}{name}.{n}"
            out.append(Family(ident, name, options["slot"], lang, text, options["needs"], **flags))
    return tuple(out)


def kinds() -> Mapping[str, Sequence[str]]:
    """The four kinds of question and the family names each is made of."""
    table: Mapping[str, Sequence[str]] = _table()["kinds"]
    return table


def held_out(seed: int, share: float) -> frozenset[str]:
    """Family ids kept for validation: `share` of every name's families, one at least."""
    out: set[str] = set()
    for lang in LANGS:
        for part in ("ask", "follow", "unknown", "strangers"):
            by_name: dict[str, list[str]] = {}
            for f in families(lang, part):
                by_name.setdefault(f.name, []).append(f.id)
            for name, ids in by_name.items():
                random.Random(f"{seed}/{lang}/{part}/{name}").shuffle(ids)
                out.update(ids[: max(1, round(len(ids) * share))])
    return frozenset(out)


def stranger(lang: Lang, rng: random.Random) -> str:
    """The name of a building that no venue has."""
    parts: Mapping[str, str] = _table()["strangers"][lang]
    words = [rng.choice(parts[part].split()) for part in ("first", "last")]
    return ("" if lang == "ko" else " ").join(words)


class _Words(Formatter):
    def format_field(self, value: Any, format_spec: str) -> str:
        return korean.josa(str(value), format_spec) if format_spec else str(value)


_WORDS = _Words()


def word(
    family: Family, values: Mapping[str, str], rng: random.Random, *, leads: bool = True
) -> str:
    """One surface form of a family, its slots filled and one of each alternatives chosen."""
    endings: Mapping[str, str] = _table()["endings"][family.lang]
    text = _ENDING.sub(lambda m: endings[m[1]], family.text)
    while m := _GROUP.search(text):
        text = text[: m.start()] + rng.choice(m[1].split("|")) + text[m.end() :]
    said = _WORDS.vformat(text, (), values)
    lead = rng.choice(_leads(family, said)) if leads else ""
    if family.lang == "en":
        first = said.split(" ", 1)[0]
        if lead and first in _OPENERS:
            said = said[:1].lower() + said[1:]
        return lead + said if lead else said[:1].upper() + said[1:]
    return lead + said


def _leads(family: Family, said: str) -> list[str]:
    """The openings that suit an ending: nobody says "실례합니다. … 뭐야?"."""
    table = _table()["lead"][family.lang]
    out: list[str] = list(table["any"])
    if re.search(r"(?:요|까|니다)[.?]$", said):
        out += table.get("polite", ())
    if said.endswith("?"):
        out += table.get("asking", ())
    return out


class Callings:
    """The names a visitor may call a place by, each meaning that place and no other."""

    def __init__(self, venue: Venue, names: Names) -> None:
        self._venue, self._names = venue, names
        self._cached = lru_cache(maxsize=None)(self._find)

    def of(
        self, place: Place, lang: Lang
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        """(plain names, aliases, building-number forms) in that language."""
        return self._cached(place.id, lang)

    def _find(
        self, place_id: str, lang: Lang
    ) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
        place = self._venue.place(place_id)
        label = place.label(lang)
        if lang == "ko":
            plain = [label, label, label.replace(" ", "")]
            alias = [a for a in place.aliases if korean.has_hangul(a)]
        else:
            plain = [articled(label), label]
            alias = [a for a in place.aliases if not korean.has_hangul(a)]
        code = []
        if place.code and place.code.isdigit():
            code = [f"{place.code}관", f"{place.code}번 건물", f"{place.code}동"] if lang == "ko" else [
                f"Building {place.code}", f"building number {place.code}"]  # fmt: skip
        unique = {place.id}

        def means(name: str) -> bool:
            found = self._names.find(name)
            return len(found) == 1 and set(found[0].places) == unique

        plain, alias, code = ([n for n in names if means(n)] for names in (plain, alias, code))
        # "본관" may be several: then the place is called by what it alone is called.
        return tuple(plain or alias or code), tuple(alias), tuple(code)


def absent(lang: Lang, rng: random.Random) -> str:
    """Something that most places do not have."""
    words: str = _table()["unknown"]["absent"][lang]
    return rng.choice(words.split() if lang == "ko" else words.split("|"))


def side_word(place: Place, lang: Lang, rng: random.Random) -> str | None:
    """A recorded side of the place, as it is asked for; None where none is recorded."""
    sides = [n.side for n in place.neighbours if n.side in SIDED]
    return SIDE_WORDS[rng.choice(sides)][lang == "en"] if sides else None


Mishearing = Callable[[str, random.Random], str]


def misheard(text: str, lang: Lang, rng: random.Random) -> str:
    """The question as a recogniser might write it down: sound-alike letters, spaces, fillers."""
    if lang == "en":
        return _typed(text, rng)
    text = re.sub(r"[?.!]$", "", text)
    alike = [i for i, c in enumerate(text) if "가" <= c <= "힣" and _like(c, rng) != c]
    for i in rng.sample(alike, min(len(alike), rng.choice((0, 1, 1, 2)))):
        text = text[:i] + _like(text[i], rng) + text[i + 1 :]
    if rng.random() < 0.4:
        spots = [i for i, c in enumerate(text) if c == " "]
        for i in sorted(rng.sample(spots, min(len(spots), 2)), reverse=True):
            text = text[:i] + text[i + 1 :]
    return rng.choice(("", "", "어 ", "음 ")) + text


def _like(syllable: str, rng: random.Random) -> str:
    """Another syllable that sounds the same to a listener, where there is one."""
    index = ord(syllable) - 0xAC00
    lead, vowel, coda = index // 588, index % 588 // 28, index % 28
    swaps = {1: 5, 5: 1, 11: 15, 15: 11, 3: 7, 7: 3}  # ㅐ/ㅔ, ㅚ/ㅞ, ㅒ/ㅖ
    codas = {19: 7, 22: 7, 23: 7, 25: 7, 7: 19, 2: 1, 24: 1, 26: 17}
    options = []
    if vowel in swaps:
        options.append((lead, swaps[vowel], coda))
    if coda in codas:
        options.append((lead, vowel, codas[coda]))
    if not options:
        return syllable
    a, b, c = rng.choice(options)
    return chr(0xAC00 + a * 588 + b * 28 + c)


def _typed(text: str, rng: random.Random) -> str:
    text = re.sub(r"[?.!]$", "", text).lower()
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) > 5 and w.isalpha()]
    if long:
        i = rng.choice(long)
        w, at = words[i], rng.randrange(1, len(words[i]) - 2)
        words[i] = rng.choice((w[:at] + w[at + 1 :], w[:at] + w[at + 1] + w[at] + w[at + 2 :]))
    return rng.choice(("", "", "um ", "uh ")) + " ".join(words)
