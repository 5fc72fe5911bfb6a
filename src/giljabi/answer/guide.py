"""The path itself: question -> places -> facts -> draft -> verdict -> answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypedDict

Outcome = Literal[
    "found", "ambiguous", "no_such_place", "no_way", "not_in_data", "outside", "greeting"
]
WrittenBy = Literal["model", "template", "mixed", "refusal"]


class Message(TypedDict):
    """One chat message, in the shape every chat API uses."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generator(Protocol):
    """Anything that continues a conversation: llama.cpp in process, or a URL."""

    name: str

    def stream(
        self,
        messages: Sequence[Message],
        *,
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """Yield decoded text pieces as they come; ends at a stop string, the token budget or
        when `cancel()` turns true. Raises GiljabiError when the backend fails.
        """
        ...
