"""What was heard, made a question - or, where that is in doubt, what to ask the visitor first.

Knows no sound and no threads; remembers what was asked back until it is settled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from giljabi.speech import says
from giljabi.speech.sound import Heard, Lang


@dataclass(frozen=True, slots=True)
class Question:
    """To be answered."""

    text: str
    lang: Lang


@dataclass(frozen=True, slots=True)
class AskBack:
    """To be said instead of an answer; silence where `text` is empty."""

    purpose: Literal["repeat", "confirm"]
    text: str
    lang: Lang


class Clarifying:
    """Reads one visitor's utterances in turn.

    `place` names a place by its id; `repeats` bounds how often in a row a repetition is asked
    for, so that a noisy place is not talked at. `lang` is spoken to visitors of whom nothing has
    been understood yet.
    """

    def __init__(self, place: Callable[[str, Lang], str], repeats: int, lang: Lang = "ko") -> None:
        self._place = place
        self._repeats = repeats
        self._first = lang
        self.forget()

    def forget(self) -> None:
        """Nothing has been asked back."""
        self._asked: Heard | None = None
        self._unheard = 0
        self._lang = self._first

    def settled(self) -> None:
        """The question was answered: a later "네" is no longer about the place."""
        self._asked = None

    def read(self, heard: Heard) -> Question | AskBack:
        """What `heard` comes to, in the light of what was asked back before."""
        if heard.rejected or not heard.text.strip():
            # Whoever was not understood may not have spoken the language it was taken for.
            return self._repeat(self._lang)
        self._unheard, self._lang = 0, heard.lang
        if self._asked is not None:
            name = self._name(self._asked)
            meant = says.reply(heard.text, self._asked.lang, name)
            if meant == "yes":
                # Still asked until it has been answered: "네" may be interrupted by "그래요".
                text = says.with_place(self._asked.text, name, self._asked.lang)
                return Question(text, self._asked.lang)
            if meant == "no":
                heard = replace(self._asked, asks=self._asked.asks[1:])
                if not heard.asks:
                    self._asked = None
                    return self._repeat(heard.lang)
        self._asked = heard if heard.asks else None
        if self._asked is None:
            return Question(heard.text, heard.lang)
        text = says.text("confirm", heard.lang, place=self._name(heard))
        return AskBack("confirm", text, heard.lang)

    def _repeat(self, lang: Lang) -> AskBack:
        self._unheard += 1
        text = says.text("repeat", lang) if self._unheard <= self._repeats else ""
        return AskBack("repeat", text, lang)

    def _name(self, heard: Heard) -> str:
        return self._place(heard.asks[0], heard.lang)
