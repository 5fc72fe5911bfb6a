"""What the guide asks of a language model, and nothing of how one works."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol, TypedDict


class Message(TypedDict):
    """One chat message, in the shape every chat API uses."""

    role: Literal["system", "user", "assistant"]
    content: str


class Generator(Protocol):
    """Anything that continues a conversation: llama.cpp in process, or a URL."""

    name: str
    tuned: bool
    """Whether it was trained on this task, and so needs no examples in its prompt."""

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
        """Yield decoded text pieces as they come.

        Ends at a stop string, at the token budget, or soon after `cancel()` turns true.
        Raises GiljabiError when the backend fails or cannot be reached.
        """
        ...
