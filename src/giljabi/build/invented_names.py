"""Names of invented places, out of invented.toml: never one twice, and Korean beside English."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from giljabi import korean
from giljabi.errors import GiljabiError
from giljabi.venue.place import Text

_DRAWS = 400
_LETTERS = "ABDEHJMNPQRTVXYZ"


@lru_cache(maxsize=1)
def table() -> dict[str, Any]:
    """invented.toml."""
    return tomllib.loads((files("giljabi.build") / "invented.toml").read_text("utf-8"))


class Word(str):
    """A word that "{a:을}" writes with the josa its last sound asks for."""

    def __format__(self, spec: str) -> str:
        return korean.josa(self, spec) if spec else str(self)


def fill(template: str, ko: Mapping[str, str], en: Mapping[str, str]) -> Text:
    """ "ko|en" with each language's own words."""
    one, _, two = template.partition("|")
    return Text(
        one.format_map({k: Word(v) for k, v in ko.items()}),
        two.format_map({k: Word(v) for k, v in en.items()}),
    )


@dataclass(frozen=True, slots=True)
class Named:
    """What a place is called."""

    name: Text
    aliases: tuple[str, ...]


class Namer:
    """Draws names for one venue; a made-up word is used once."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._stems = self._shuffled("stems")
        self._towns = self._shuffled("towns")
        self._topics: dict[str, tuple[str, str]] = {}
        self._counters: dict[tuple[str, str], int] = {}
        self._used: set[str] = set()

    def _shuffled(self, key: str) -> list[tuple[str, str]]:
        pairs = [(p[0], p[2]) for w in table()[key].split() if (p := w.partition("="))]
        self._rng.shuffle(pairs)
        return pairs

    def town(self) -> tuple[str, str]:
        """A place in the city that no other ride goes to."""
        self._towns.append(self._towns.pop(0))
        return self._towns[-1]

    def name(self, entry: Mapping[str, Any], **extra: tuple[str, str]) -> Named | None:
        """A name by one of the entry's templates; None where its words have run out."""
        for _ in range(_DRAWS):
            template = self._rng.choice(entry["names"])
            if named := self._try(template, entry, extra):
                return named
        return None

    def name_of_one(
        self, entries: Sequence[Mapping[str, Any]], **extra: tuple[str, str]
    ) -> tuple[Named, Mapping[str, Any]]:
        """A name by the first of the entries that has words left, and that entry."""
        for entry in entries:
            if named := self.name(entry, **extra):
                return named, entry
        raise GiljabiError("The words of invented.toml are too few for that many places.")

    def _try(
        self, template: str, entry: Mapping[str, Any], extra: Mapping[str, tuple[str, str]]
    ) -> Named | None:
        pairs = dict(extra)
        if "{s}" in template:
            if not self._stems:
                return None
            pairs["s"] = self._stems[-1]
        if "{d}" in template:
            pairs["d"] = self._donor()
        if "{t}" in template:
            topic = self._topic(template, entry.get("topics", ()))
            if topic is None:
                return None
            pairs["t"] = topic
        if "{n}" in template:
            pairs["n"] = (self._number(template, pairs.get("t", ("", ""))[0], entry),) * 2
        named = _named(template, pairs, self._rng)
        keys = {_key(named.name.ko), _key(named.name.en or "")}
        if keys & self._used:
            return None
        if "{s}" in template:
            self._stems.pop()
        aliases = tuple(a for a in dict.fromkeys(named.aliases) if _key(a) not in self._used | keys)
        self._used |= keys | {_key(a) for a in aliases}
        return Named(named.name, aliases)

    def _donor(self) -> tuple[str, str]:
        chosen = [self._rng.choice(table()[k].split()).split("=") for k in ("surnames", "given")]
        (surname, latin), (given, written) = chosen
        return surname + given, f"{latin} {written}"

    def _topic(self, template: str, topics: Sequence[str]) -> tuple[str, str] | None:
        # "제1피부과" and "제2피부과": a numbered name keeps its topic.
        if "{n}" in template and template in self._topics:
            return self._topics[template]
        left = [t for t in topics if t not in self._used]
        if not left:
            return None
        chosen = self._rng.choice(left)
        self._used.add(chosen)
        ko, _, en = chosen.partition("=")
        self._topics[template] = (ko, en)
        return ko, en

    def _number(self, template: str, topic: str, entry: Mapping[str, Any]) -> str:
        if "number" in entry:
            return str(self._rng.randint(*entry["number"]))
        self._counters[template, topic] = self._counters.get((template, topic), 0) + 1
        return str(self._counters[template, topic])


def _key(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()


def _named(template: str, pairs: Mapping[str, tuple[str, str]], rng: random.Random) -> Named:
    parts = [*template.split("|"), "", ""][:4]
    en = {k.upper(): v[1] for k, v in pairs.items()} | {"n": pairs.get("n", ("", ""))[1]}
    ko = {k: v[0] for k, v in pairs.items()}
    head = parts[1].replace("({L})", "")
    initials = "".join(re.findall(r"\b[A-Z]", head.format_map({**en, "L": ""})))
    letters = initials if "({L})" in parts[1] else "".join(rng.sample(_LETTERS, 2))
    ko["L"] = en["L"] = letters
    aliases = [a.format_map(ko) for a in parts[2].split(";") if a]
    aliases += [a.format_map(en) for a in parts[3].split(";") if a]
    if "({L})" in parts[1]:
        aliases.append(letters)
    return Named(Text(parts[0].format_map(ko), parts[1].format_map(en)), tuple(aliases))
