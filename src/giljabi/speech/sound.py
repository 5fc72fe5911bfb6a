"""What ears, mouths and turns pass to one another: sound, what was heard, and who hears and says.

Knows no model, no device and no server.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from giljabi.venue.place import Venue

RATE = 16_000
"""Samples a second of everything that is heard."""

Pcm = NDArray[np.float32]
"""Mono sound, shape (samples,), -1 to 1."""

Cancel = Callable[[], bool]
Lang = Literal["ko", "en"]
Rejection = Literal["", "no_speech", "unsure", "loop", "stock_phrase"]


@dataclass(frozen=True, slots=True)
class Heard:
    """What one utterance said, or why it is not to be believed.

    `log_prob` is the mean over tokens (natural logarithm); `timings` are milliseconds by stage.
    """

    text: str
    lang: Lang
    rejected: Rejection = ""
    """Not empty: whatever `text` says must not be answered; ask to repeat."""
    asks: tuple[str, ...] = ()
    """Ids of places it may have named, too unsure to take: ask "학생회관 말씀이세요?" first."""
    log_prob: float = 0.0
    no_speech: float = 0.0
    """Probability that nobody spoke."""
    timings: dict[str, float] = field(default_factory=dict)


class Ear(Protocol):
    """Whoever turns one utterance into text."""

    def hear(
        self, pcm: Pcm, *, lang: Lang | Literal["auto"] = "auto", cancel: Cancel | None = None
    ) -> Heard:
        """The words of `pcm` (RATE, mono). Ends soon after `cancel()` turns true, with empty text.

        Raises GiljabiError where the recogniser fails or cannot be reached.
        """
        ...

    def know(self, venue: Venue) -> None:
        """Be helped by the names of `venue` from now on, where a venue's names helped so far."""
        ...


class Mouth(Protocol):
    """Whoever turns text into sound."""

    rate: int
    """Samples a second of what it says."""

    def say(self, text: str, lang: Lang, *, cancel: Cancel | None = None) -> Iterator[Pcm]:
        """`text` as it is to be read (already in its spoken form), in pieces of sound as they come.

        Ends soon after `cancel()` turns true. Raises GiljabiError where the voice fails.
        """
        ...


@dataclass(frozen=True, slots=True)
class Started:
    """Somebody began to speak, `at` samples after the first that was fed."""

    at: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The utterance is over: its sound, with a little before it; `at` is where speech stopped."""

    at: int
    pcm: Pcm


class Listener(Protocol):
    """Whoever tells speech from everything else."""

    def feed(self, pcm: Pcm) -> list[Started | Ended]:
        """The next samples (RATE, any number of them), and what they began or ended."""
        ...

    def reset(self) -> None:
        """Forget everything fed so far; counting begins anew."""
        ...
