"""One name for a model, wherever it runs, to a Generator that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Literal, Protocol

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model import prompt, store


class Loaded(Protocol):
    """A Generator (see giljabi.answer.generator) that holds memory until it is closed."""

    name: str
    tuned: bool
    settings: store.Settings

    def stream(
        self,
        messages: Sequence[Message],
        *,
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        temperature: float | None = None,
        seed: int | None = None,
        cancel: Callable[[], bool] | None = None,
    ) -> Iterator[str]:
        """See giljabi.answer.generator.Generator.stream."""
        ...

    def close(self) -> None:
        """Free what the model holds; a running answer ends early."""
        ...


def embedded_is_installed() -> bool:
    """Whether the runtime and the packaged weights of the default base are here."""
    package = store.base().package or ""
    needed = ("xllamacpp", package.partition("==")[0].replace("-", "_"))
    return all(find_spec(name) is not None for name in needed)


def load(
    what: str | None = None,
    *,
    model: str = "",
    template: str | None = None,
    adapter: Path | Literal["shipped"] | None = "shipped",
    tuned: bool = False,
    settings: store.Settings | None = None,
    file: Path | None = None,
    n_ctx: int | None = None,
    threads: int | None = None,
) -> Loaded:
    """A generator for a short name of `bases.toml` (None: the default), a path, or a URL.

    A URL needs `model`, the name that server knows it by. A .gguf file of our own needs
    `template`; a known base brings its own, and its untuned one while no `adapter` (a LoRA in
    GGUF form; "shipped" is the base's own, where it has one) is loaded; `tuned` says that the
    weights themselves learnt the task. `file` runs in place of a known base's own file: the same
    model trimmed or quantised otherwise. Raises GiljabiError where weights, runtime, adapter or
    template are missing.
    """
    if what and what.startswith(("http://", "https://")):
        from giljabi.model.openai_url import OpenAIUrl  # noqa: PLC0415

        if not model:
            raise GiljabiError(f"Say which model {what} should run, by its name there.")
        return OpenAIUrl(what, model, settings=settings)

    weights = store.Weights(file, store.base(what)) if file else store.weights(what)
    known = weights.base
    if adapter == "shipped":
        adapter = store.shipped_adapter(known) if known else None
    chosen = _template(known, template, tuned=tuned or adapter is not None, path=weights.path)
    sampling = settings or (known.settings if known else store.Settings())
    name = known.name if known else weights.path.stem
    if weights.path.is_dir():
        from giljabi.model.torch_chat import TorchChat  # noqa: PLC0415

        if adapter is not None:
            raise GiljabiError("An adapter in GGUF form needs a .gguf base.")
        return TorchChat(weights.path, chosen, settings=sampling, name=name)

    from giljabi.model.llamacpp import Adapter, LlamaCpp  # noqa: PLC0415

    return LlamaCpp(
        weights.path,
        chosen,
        settings=sampling,
        n_ctx=n_ctx or (known.n_ctx if known else 4096),
        threads=threads,
        adapter=Adapter(adapter) if adapter else None,
        tuned=tuned,
        name=name,
    )


def _template(
    known: store.Base | None, asked: str | None, *, tuned: bool, path: Path
) -> prompt.Template:
    if asked:
        return prompt.template(asked)
    if known is None:
        names = ", ".join(sorted(prompt.TEMPLATES))
        raise GiljabiError(f"Say which prompt template {path} was tuned with: {names}.")
    return prompt.template(known.template if tuned else known.untuned_template or known.template)
