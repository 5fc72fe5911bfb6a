"""Files into a venue's documents.db, one at a time: whole or not at all, and only what changed."""

from __future__ import annotations

import datetime
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from giljabi.documents import confined, readers
from giljabi.documents.confined import Limits
from giljabi.documents.library import NAME, Library
from giljabi.documents.passage import Document, Source
from giljabi.documents.readers import FORMATS, SAVE_AS
from giljabi.documents.splitting import passages_of
from giljabi.errors import GiljabiError

FOLDER = "documents"

Kind = Literal["read", "unchanged", "failed", "gone", "pruned", "left out"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one file: `path` below the documents folder, and what is to be said of it."""

    path: str
    kind: Kind
    said: str = ""
    passages: int = 0
    pages: int | None = None
    date: str = ""

    def line(self) -> str:
        """The outcome for people, on one line."""
        if self.kind == "failed":
            return f"giljabi: {self.said}"
        if self.kind != "read":
            return f"{self.path}: {_SAID[self.kind]}"
        said = [_counted(self.passages, "passage")]
        said += [_counted(self.pages, "page")] if self.pages else []
        return f"{self.path}: {', '.join(said + [self.date] * bool(self.date))}"


_SAID: Mapping[Kind, str] = {
    "unchanged": "unchanged",
    "gone": "no longer in the folder, kept (--prune removes it)",
    "pruned": "removed",
    "left out": "left out: a link, or a format that is not read",
}


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}{'s' * (n != 1)}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A file to import and the path it is kept under."""

    file: Path
    path: str


def is_document(path: Path) -> bool:
    """Whether `path` is a folder or a file that is read, or refused by name, as a document."""
    return path.is_dir() or path.suffix.lower() in FORMATS or path.suffix.lower() in SAVE_AS


def venue_of(given: Sequence[Path]) -> Path | None:
    """The one venue folder in whose documents folder everything in `given` lies, or None."""
    found = {_venue_above(p) for p in given}
    return found.pop() if len(found) == 1 else None


def _venue_above(path: Path) -> Path | None:
    absolute = _absolute(path)
    for parent in (absolute, *absolute.parents):
        if parent.name == FOLDER and (parent.parent / "venue.toml").is_file():
            return parent.parent
    return None


def _absolute(path: Path) -> Path:
    # Dots are taken out, links are not followed: one inside the folder may point anywhere.
    return Path(os.path.abspath(path))


def import_documents(
    given: Sequence[Path],
    venue: Path,
    *,
    prune: bool = False,
    limits: Limits | None = None,
    told: Callable[[Outcome, int, int], None] = lambda *_: None,
) -> list[Outcome]:
    """Read `given`, files and folders, into VENUE/documents.db.

    A file is kept under its path below VENUE/documents, one from elsewhere under its own name or
    its path below the folder given. What is unchanged by its sha256 is not read again; what cannot
    be read leaves what was kept of it. Files that are no longer in a folder given below
    VENUE/documents are reported, with `prune` removed. `told` hears every outcome, how many there
    were and how many there will be. Raises GiljabiError before anything is read where the venue is
    none or two files have one path.
    """
    if not (venue / "venue.toml").is_file():
        raise GiljabiError(f"{venue} is not a venue folder: it has no venue.toml.")
    limits = limits or Limits()
    planned, left_out = plan(given, venue)
    outcomes: list[Outcome] = []
    with Library(venue / NAME, create=True) as library:
        known = {s.path: s for s in library.sources()}
        gone = _gone(given, venue, known, {p.path for p in planned})
        total = len(left_out) + len(planned) + len(gone)

        def tell(outcome: Outcome) -> None:
            outcomes.append(outcome)
            told(outcome, len(outcomes), total)

        for path in left_out:
            tell(Outcome(path, "left out"))
        for item in planned:
            tell(_import_one(library, item, known.get(item.path), limits))
        for path in gone:
            if prune:
                library.remove(path)
            tell(Outcome(path, "pruned" if prune else "gone"))
    return outcomes


@contextmanager
def alone(file: Path) -> Iterator[Library]:
    """A library that holds one document, for as long as it is needed.

    The file is read in this process and without limits: nothing for a stranger's.
    """
    with TemporaryDirectory() as folder, Library(Path(folder) / NAME, create=True) as library:
        document = readers.read(file)
        source = _source(file.name, "", document)
        library.put(source, passages_of(document, source))
        yield library


def counted(venue: Path) -> tuple[int, int] | None:
    """How many documents and passages the venue has; None without any import."""
    if not (venue / NAME).is_file():
        return None
    with Library(venue / NAME) as library:
        return len(library.sources()), sum(1 for _ in library.passages())


def plan(given: Iterable[Path], venue: Path) -> tuple[list[Planned], list[str]]:
    """The files of `given` with the paths they are kept under, and what is left out of its folders.

    Links, hidden files and files of other formats in folders are left out. GiljabiError where two
    files have one path.
    """
    planned: dict[str, Path] = {}
    left_out: list[str] = []
    for start in given:
        files = sorted(_files(start)) if start.is_dir() else [start]
        for file in files:
            path = _kept_as(file, start, venue)
            if start.is_dir() and (file.is_symlink() or file.suffix.lower() not in FORMATS):
                left_out.append(path)
            elif path in planned and _absolute(planned[path]) != _absolute(file):
                raise GiljabiError(
                    f"{planned[path]} and {file} would both be kept as {path}: rename one, or put both "
                    f"into {venue / FOLDER}."
                )
            else:
                planned[path] = file
    return [Planned(file, path) for path, file in planned.items()], left_out


def _files(folder: Path) -> Iterable[Path]:
    for path in folder.rglob("*"):
        hidden = any(part.startswith((".", "~$")) for part in path.relative_to(folder).parts)
        if not hidden and (path.is_file() or path.is_symlink()) and not path.is_dir():
            yield path


def _kept_as(file: Path, start: Path, venue: Path) -> str:
    own = _absolute(venue / FOLDER)
    if _absolute(file).is_relative_to(own):
        return _absolute(file).relative_to(own).as_posix()
    return file.relative_to(start).as_posix() if start.is_dir() else file.name


def _gone(given: Iterable[Path], venue: Path, known: Iterable[str], there: set[str]) -> list[str]:
    """The known paths below the folders given that are not there any more."""
    own = _absolute(venue / FOLDER)
    folders = [_absolute(p) for p in given if p.is_dir() and _absolute(p).is_relative_to(own)]
    return [
        path for path in known
        if path not in there and any((own / path).is_relative_to(folder) for folder in folders)
    ]  # fmt: skip


def _import_one(library: Library, item: Planned, before: Source | None, limits: Limits) -> Outcome:
    try:
        digest = _sha256(item.file, limits)
        if before is not None and before.sha256 == digest:
            return Outcome(item.path, "unchanged")
        document = confined.read(item.file, limits)
    except GiljabiError as e:
        return Outcome(item.path, "failed", str(e))
    source = _source(item.path, digest, document)
    passages = passages_of(document, source)
    library.put(source, passages)
    return Outcome(
        item.path, "read", passages=len(passages), pages=document.pages, date=document.date
    )


def _source(path: str, digest: str, document: Document) -> Source:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return Source(path, document.title, digest, document.date, now, document.pages)


def _sha256(file: Path, limits: Limits) -> str:
    confined.check_size(file, limits)
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as e:
        raise GiljabiError(f"{file} cannot be read: {e.strerror}.") from None
