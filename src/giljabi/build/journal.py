"""A teacher's replies on disk: appended before they are used, paid for once."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

MOST_TOKENS = 10**9
"""Of one request; whoever counts more has not counted."""


class Journal:
    """An append-only file of replies; what is none is passed over when it is read.

    A last line without an end was cut off by a crash and is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self.replies: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            return
        whole = path.read_bytes()
        *lines, cut = whole.split(b"\n")
        self.replies = {reply["id"]: reply for reply in _replies(lines)}
        if cut:
            os.truncate(path, len(whole) - len(cut))

    @staticmethod
    def is_one(path: Path) -> bool:
        """Whether a file holds a reply."""
        return path.is_file() and any(_replies(path.read_bytes().split(b"\n")))

    def write(self, reply: dict[str, Any]) -> None:
        """Append a reply and wait until the disk has it."""
        with self._lock, self.path.open("ab") as f:
            f.write(json.dumps(reply, ensure_ascii=False).encode() + b"\n")
            f.flush()
            os.fsync(f.fileno())
            self.replies[reply["id"]] = reply


def _replies(lines: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """The lines that hold a reply, whoever wrote them."""
    for line in lines:
        try:
            reply = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if (
            isinstance(reply, dict)
            and isinstance(reply.get("id"), str)
            and isinstance(reply.get("content"), str)
            and all(_is_count(reply.get(name)) for name in ("tokens_in", "tokens_out"))
        ):
            yield reply


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < MOST_TOKENS
