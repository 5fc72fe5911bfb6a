"""The model that serves a venue by default: the packaged one, trimmed to that venue, kept in the cache.

Made on first use, found again by what it depends on: the packaged file, what the venue holds, the
wordings. Venues that need the same tokens share one file.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi import __version__
from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.export import vocab
from giljabi.export.modelfile import record_path, recorded
from giljabi.export.parity import guide_answers
from giljabi.model import prompt, store

if TYPE_CHECKING:
    from giljabi.venue.place import Venue

_FORGOTTEN_S = 30 * 24 * 3600  # a trimmed file nobody started for a month makes room


def trimmed(
    of: store.Base, venue: Venue, say: Callable[[str], None], read: Sequence[str] = ()
) -> Path:
    """The trimmed file of a packaged base for `venue` and the other texts that it is to `read`.

    `say` is told before long work. Raises GiljabiError where the weights are not installed or the
    cache cannot be written.
    """
    folder = store.cache_dir() / "trimmed"
    memo = folder / f"{_key(of, venue, read)}.json"
    if (found := _known(memo)) is not None:
        return found
    say("giljabi: fitting the model to the venue, once (about half a minute) …")
    source = store.weights(of.name).path
    try:
        made = _make(source, folder, [*texts(venue, of), *read])
        write_text(memo, json.dumps({"file": made.name, "sha256": recorded(made)["sha256"]}))
        _forget(folder, made)
    except OSError as error:
        raise GiljabiError(
            f"Cannot write {folder} ({error.strerror}); set GILJABI_CACHE to another folder, or "
            f"run the whole file with --model {of.name}."
        ) from error
    return made


def texts(venue: Venue, of: store.Base) -> list[str]:
    """What a model of this base reads and writes for the venue: records, wordings, whole prompts."""
    out = list(_strings(venue))
    out += [s for text in _wordings() for s in _strings(tomllib.loads(text))]
    out += [f" {s}" for s in out]  # within a sentence a word has other tokens than at its start
    for name in {of.template, of.untuned_template or of.template}:
        samples = guide_answers(venue, prompt.template(name), count=2 * len(venue.places))
        out += [s.prompt + s.answer for s in samples]
    return out


def _wordings() -> list[str]:
    return [
        file.read_text("utf-8")
        for package in ("giljabi.answer", "giljabi.build", "giljabi.export")
        for file in sorted(files(package).iterdir(), key=lambda f: f.name)
        if file.name.endswith(".toml")
    ]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _strings(item)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _strings(getattr(value, name))


def _key(of: store.Base, venue: Venue, read: Sequence[str]) -> str:
    parts = [of.sha256, venue.hash, __version__, vocab.RULES, of.template, *_wordings(), *read]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _known(memo: Path) -> Path | None:
    try:
        found = json.loads(memo.read_text("utf-8"))
        path = memo.parent / str(found["file"])
        if not store.verify(path, str(found["sha256"])):
            return None
        os.utime(record_path(path))
        return path
    except (OSError, ValueError, KeyError, TypeError):
        return None  # not made yet, or torn: it is made again


def _make(source: Path, folder: Path, used: list[str]) -> Path:
    meta = vocab.metadata(source)
    ids = vocab.keep(vocab.vocabulary(meta, source), vocab.used_by(used, meta, source))
    digest = hashlib.sha256(json.dumps(ids).encode()).hexdigest()[:12]
    target = folder / f"{source.stem}-{digest}.gguf"
    if not (record_path(target).is_file() and store.verify(target, recorded(target)["sha256"])):
        vocab.trim(source, target, ids)
    return target


def _forget(folder: Path, newest: Path) -> None:
    """Drop trimmed files that nobody has used for long; their records say when they were."""
    for made in folder.glob("*.gguf"):
        used = record_path(made)
        if made != newest and used.is_file() and time.time() - used.stat().st_mtime > _FORGOTTEN_S:
            for path in (made, used, made.with_name(made.name + ".checked.json")):
                path.unlink(missing_ok=True)
