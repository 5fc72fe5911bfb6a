"""Where a model file comes from: its records, step by step, and the base at the root.

Every record names the files before it by hash; they are looked for beside the file. Knows
nothing of what a step did.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import modelfile
from giljabi.model import store

Record = Mapping[str, Any]


def records(path: Path) -> list[Record]:
    """The record of `path` and those of what it was made from, the newest first.

    A source whose record is not beside it ends its branch. Raises GiljabiError where `path`
    itself has no record, or changed since it was written.
    """
    own = modelfile.recorded(path)
    if modelfile.weights_hash(path) != own.get("sha256"):
        raise GiljabiError(
            f"{path} is not the file its record {modelfile.record_path(path).name} tells of; make "
            "it again."
        )
    found: dict[str, Record] = {str(own["sha256"]): own}
    waiting = [(path, own)]
    while waiting:
        where, record = waiting.pop(0)
        for name, digest in _sources(record):
            before = where.with_name(name)
            if digest in found or not modelfile.record_path(before).is_file():
                continue
            earlier = modelfile.recorded(before)
            if earlier.get("sha256") == digest:
                found[digest] = earlier
                waiting.append((before, earlier))
    return list(found.values())


def steps(path: Path) -> list[str]:
    """The steps that led to `path`, the first one first; none where it has no record."""
    if not modelfile.record_path(path).is_file():
        return []
    return [str(record.get("step", "")) for record in reversed(records(path))]


def base_of(chain: list[Record]) -> store.Base | None:
    """The known base whose packaged file one of the records was made from."""
    hashes = {digest for record in chain for _, digest in _sources(record)}
    hashes |= {str(record.get("sha256")) for record in chain}
    known = (base for base in store.bases().values() if base.sha256 in hashes and base.sha256)
    return next(known, None)


def spoken_to(path: Path, *, adapter: bool, asked: str | None = None) -> tuple[str, bool]:
    """How a model file is prompted: the template, and whether it learnt the task.

    It did with an adapter over it, or one merged into it; a known base that did not is spoken to
    in its untuned template. Raises GiljabiError where nothing says.
    """
    chain = records(path) if modelfile.record_path(path).is_file() else []
    tuned = adapter or any(record.get("step") in {"merge", "train"} for record in chain)
    own = modelfile.weights_hash(path)
    base = base_of(chain) or base_of([{"sha256": own}])
    if asked or base is None:
        return template_of(path, asked), tuned
    return (base.template if tuned else base.untuned_template or base.template), tuned


def template_of(path: Path, asked: str | None = None) -> str:
    """The prompt template of a model file: the one asked for, or the newest its records name.

    Raises GiljabiError where neither says.
    """
    if asked:
        return asked
    for record in records(path) if modelfile.record_path(path).is_file() else []:
        if named := record.get("template"):
            return str(named)
    raise GiljabiError(f"No record says which prompt template {path} speaks; give --template NAME.")


def _sources(record: Record) -> Iterator[tuple[str, str]]:
    for source in record.get("sources", {}).values():
        yield str(source.get("file", "")), str(source.get("sha256", ""))
