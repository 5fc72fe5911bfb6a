"""Texts of a file, a language each: to be counted in tokens, or read by a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.korean import has_hangul
from giljabi.measure.questions import read_lines


def read_texts(path: Path) -> list[str]:
    """The texts of a .jsonl file (`messages` or `text` in each row) or the lines of any other.

    Raises GiljabiError naming the first line that holds neither.
    """
    if path.suffix == ".jsonl":
        texts = [_text(row, f"{path}, line {number}") for number, row in read_lines(path)]
    else:
        try:
            texts = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise GiljabiError(f"{path}: cannot be read as UTF-8 text ({error}).") from error
    if not texts:
        raise GiljabiError(f"{path}: holds no text.")
    return texts


def _text(row: Mapping[str, Any], where: str) -> str:
    text = row.get("text")
    if isinstance(text, str):
        return text
    messages = row.get("messages")
    if isinstance(messages, list) and all(
        isinstance(one, dict) and isinstance(one.get("content"), str) for one in messages
    ):
        return "\n".join(one["content"] for one in messages)
    raise GiljabiError(f"{where}: has neither 'text' nor 'messages' with a 'content' each.")


def is_korean(text: str) -> bool:
    """Whether Hangul is half of the letters or more."""
    letters = [one for one in text if one.isalpha()]
    return bool(letters) and sum(map(has_hangul, letters)) * 2 >= len(letters)
