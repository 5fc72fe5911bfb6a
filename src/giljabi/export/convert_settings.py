"""config.json of a Hugging Face folder, asked key by key."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one model; a missing or odd value is refused by its key."""

    where: Path
    values: Mapping[str, Any]

    @property
    def family(self) -> str:
        """The model's class in transformers, as config.json names it; empty where it does not."""
        found = self.values.get("architectures") or [""]
        return str(found[0])

    def get(self, key: str, default: Any = None) -> Any:
        """A value as it stands; `default` where it is absent or null."""
        found = self.values.get(key)
        return default if found is None else found

    def integer(self, key: str) -> int:
        """A positive whole number; GiljabiError where it is not one."""
        found = self.values.get(key)
        if not isinstance(found, int) or isinstance(found, bool) or found <= 0:
            raise GiljabiError(f"{self.where} needs {key} as a positive number; it is {found!r}.")
        return found

    def number(self, key: str) -> float:
        """A positive number; GiljabiError where it is not one."""
        found = self.values.get(key)
        if not isinstance(found, int | float) or isinstance(found, bool) or found <= 0:
            raise GiljabiError(f"{self.where} needs {key} as a positive number; it is {found!r}.")
        return float(found)


def read_settings(folder: Path) -> Settings:
    """config.json of a folder; GiljabiError where there is none or it names no architecture."""
    where = folder / "config.json"
    settings = Settings(where, read_object(where, needed=True))
    if not settings.family:
        raise GiljabiError(f"{where} names no architecture; it needs its key architectures.")
    return settings


def read_object(path: Path, *, needed: bool = False) -> dict[str, Any]:
    """A JSON object from a file; {} where it is absent and not `needed`."""
    try:
        found = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        if not needed:
            return {}
        raise GiljabiError(
            f"There is no {path}; give the folder that save_pretrained wrote."
        ) from None
    except ValueError as error:
        raise GiljabiError(f"{path} is not valid JSON: {error}.") from error
    if not isinstance(found, dict):
        raise GiljabiError(f"{path} holds no JSON object.")
    return found
