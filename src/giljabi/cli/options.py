"""Options that several verbs share, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from giljabi.answer import evidence
from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    pass


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


_AROUND = 2048  # tokens of a question, an answer, and of what the guide itself asks a model


@dataclass(frozen=True, slots=True)
class Chosen:
    """The model a command line asks for."""

    name: str = "auto"
    served_name: str = ""
    adapter: str = "shipped"
    threads: int | None = None
    reader: str = "none"
    window: int = 0
    refuse: str = evidence.REFUSED[0]

    @property
    def context(self) -> int | None:
        """Tokens of the model's context where its own is not enough for the documents it reads."""
        return max(self.window + _AROUND, 4096) if self.reader != "none" and self.window else None


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What answers: --model and --reader with what belongs to them, handed on as one `chosen`."""

    @wraps(command)
    def with_chosen(
        *args: Any, model: str, served_name: str, adapter: str, threads: int | None, reader: str,
        reader_window: int, refuse: str, **rest: Any,
    ) -> Any:  # fmt: skip
        chosen = Chosen(model, served_name, adapter, threads, reader, reader_window, refuse)
        return command(*args, chosen=chosen, **rest)

    options = (
        click.option(
            "--refuse", type=click.Choice(evidence.REFUSED), default=evidence.REFUSED[0],
            show_default=True, envvar="GILJABI_REFUSE",
            help="Of 100 questions that documents do not answer, how many are refused at least: "
            "the fewer, the more of the others are answered, and wrongly too.",
        ),
        click.option(
            "--reader-window", type=click.IntRange(0), default=0, metavar="TOKENS",
            show_default=True, envvar="GILJABI_READER_WINDOW",
            help="The reader is shown whole documents where they fit so many tokens; 0: the "
            "sentences found.",
        ),
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
