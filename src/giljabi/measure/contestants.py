"""Who is measured: the guide with and without a model, and the model with and without the facts.

All answer the same questions through the same call, so what is measured of the guide is what a
visitor gets, and what is measured of a model is its text as it came. Knows no files of results.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from giljabi.answer.chat import Chat
from giljabi.answer.claims import sentences
from giljabi.answer.facts import Fact, Facts
from giljabi.answer.generator import Generator, Message
from giljabi.answer.guide import Answer, Guide
from giljabi.answer.memory import Turn
from giljabi.answer.phrase import Phrasebook
from giljabi.answer.verify import Verdict
from giljabi.answer.write import is_for_model, messages
from giljabi.errors import GiljabiError
from giljabi.model import store
from giljabi.venue.place import Venue

Kind = Literal["template", "guide", "facts", "alone", "chat"]
KINDS: tuple[Kind, ...] = get_args(Kind)
"""template: the guide without a model. guide: what a visitor gets. facts: the model shown the
guide's prompt, its text unchecked. alone: the same without the facts, the old road. chat: the model as a
plain conversation partner, with the system text of its base."""

TOKENS = 512
"""Most tokens of an unchecked answer; a model that ends its answers never needs them."""

SEED = 1
"""Of unchecked answers where a model's settings sample; the guide draws a seed from each question."""

ABSTAINS = re.compile(
    r"모르겠|모릅니다|몰라요|잘 모르|알 수 (?:가 )?없|알지 못|자료에(?:는)? 없|정보(?:는|가|에)? ?없"
    r"|찾을 수 (?:가 )?없|찾지 못|확인할 수 (?:가 )?없|확인되지 않|도와드릴 수 (?:가 )?없"
    r"|답(?:변)?(?:을|해)? ?(?:드릴|할) 수 (?:가 )?없|기록이? 없"
    r"|\b(?:do not|don['’]t|cannot|can['’]t|can not|could not|couldn['’]t|unable to|not able to)\s"
    r"(?:know|find|tell|say|help|answer|provide|confirm)\b"
    r"|\bnot in (?:my|the|our) data\b|\bno (?:information|record|data|such place)\b"
    r"|\bnot (?:available|listed|recorded)\b|\bonly help\b",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Spec:
    """KIND[:MODEL[+ADAPTER]] as it is typed, taken apart; an empty `model` is the default."""

    text: str
    kind: Kind
    model: str = ""
    adapter: str = "shipped"
    """shipped, none, or the path of a LoRA in GGUF form."""
    served_name: str = ""


def parse(text: str) -> Spec:
    """A contestant as it is typed; GiljabiError, with an example, for anything else."""
    kind, _, rest = text.partition(":")
    known = next((one for one in KINDS if one == kind), None)
    if known is None:
        raise GiljabiError(
            f"There is no contestant {kind!r}; known: {', '.join(KINDS)}, as in guide or "
            "alone:gemma3-270m+none."
        )
    if known == "template":
        if rest:
            raise GiljabiError(f"{text}: template is the guide without a model; it takes none.")
        return Spec(text, known)
    if rest.startswith(("http://", "https://")):
        url, at, name = rest.rpartition("@")
        if not at or not name or not url.partition("//")[2]:
            raise GiljabiError(
                f"{text}: say what that server calls the model, as in {kind}:URL@NAME."
            )
        return Spec(text, known, url, "none", name)
    model, plus, adapter = rest.rpartition("+")
    if plus and not Path(rest).exists() and (adapter == "none" or adapter.endswith(".gguf")):
        return Spec(text, known, model, adapter)
    return Spec(text, known, rest)


@dataclass(frozen=True, slots=True)
class Model:
    """What `giljabi.model.generate.load` is told, as plain values that another process can read."""

    name: str = ""
    file: str = ""
    """Runs in place of a known base's own file: trimmed, for one."""
    adapter: str = "shipped"
    served_name: str = ""
    template: str = ""
    tuned: bool = False
    threads: int | None = None

    def load(self) -> Any:
        """The generator; GiljabiError where it cannot be had."""
        from giljabi.model.generate import load  # noqa: PLC0415

        own = self.adapter not in {"shipped", "none"}
        return load(
            self.name or None,
            model=self.served_name,
            template=self.template or None,
            adapter=Path(self.adapter) if own else "shipped" if self.adapter == "shipped" else None,
            tuned=self.tuned,
            file=Path(self.file) if self.file else None,
            threads=self.threads,
        )

    @property
    def system(self) -> str:
        """The system text its base is chatted with; empty where nothing is known of it."""
        known = store.bases().get(self.name)
        return known.system.strip() if known else ""

    def files(self) -> tuple[Path, Path | None]:
        """Its weights, a file or a folder, and the adapter laid over them.

        Not of a model behind a URL. GiljabiError where a file is missing.
        """
        weights = store.weights(self.name or None)
        path = Path(self.file) if self.file else weights.path
        adapter = None if self.adapter in {"shipped", "none"} else Path(self.adapter)
        if self.adapter == "shipped" and weights.base is not None:
            adapter = store.shipped_adapter(weights.base)
        if adapter is not None and not adapter.is_file():
            raise GiljabiError(f"There is no adapter file {adapter}.")
        return path, adapter

    def identity(self) -> dict[str, str]:
        """Names and SHA-256 of its weights and adapter, or URL and name there."""
        if self.served_name:
            return {"url": self.name, "served_name": self.served_name}
        path, adapter = self.files()
        files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
        found = {file.name: _sha256(file) for file in files}
        return found | ({f"adapter {adapter.name}": _sha256(adapter)} if adapter else {})


def _sha256(path: Path) -> str:
    """Of a file as it is now; weights that several contestants share are read once."""
    stat = path.stat()
    return _hashed(path, stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=32)
def _hashed(path: Path, size: int, mtime_ns: int) -> str:
    return store.sha256_of(path)


@dataclass(slots=True)
class Call:
    """One request to the model, as it was seen from outside."""

    cap: int | None
    """Most tokens it was allowed."""
    first_ms: float | None = None
    """Until the first piece of text, the prompt read."""
    tokens: int | None = None
    """Generated; None where the runtime does not tell, or was stopped."""
    decode_ms: float | None = None

    @property
    def capped(self) -> bool | None:
        """Whether the cap ended it, and not the model; None where nobody tells."""
        return None if self.tokens is None or self.cap is None else self.tokens >= self.cap


class Watched:
    """A generator that notes how long each of its answers took."""

    def __init__(self, of: Generator) -> None:
        self.name, self.tuned = of.name, of.tuned
        self.calls: list[Call] = []
        self._of = of

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
        call = Call(max_tokens)
        self.calls.append(call)
        start = time.perf_counter()
        for piece in self._of.stream(
            messages, stop=stop, max_tokens=max_tokens, temperature=temperature, seed=seed,
            cancel=cancel,
        ):  # fmt: skip
            if call.first_ms is None:
                call.first_ms = (time.perf_counter() - start) * 1000
            yield piece
        # llama.cpp tells once a request has ended; other runtimes have no such attribute.
        told: Mapping[str, float] = getattr(self._of, "timings", {})
        if told:
            call.tokens, call.decode_ms = int(told["predicted_n"]), told["predicted_ms"]


class Contestant:
    """Answers as one KIND does; `last` and what follows it tell of the newest answer."""

    def __init__(
        self, kind: Kind, venue: Venue, generator: Generator | None = None, *,
        tokens: int = TOKENS, system: str = "",
    ) -> None:  # fmt: skip
        """A Kind other than template needs a generator, loaded already; `tokens` bound its text.

        `system` is the system text of plain chat.
        """
        if (generator is None) != (kind == "template"):
            raise GiljabiError(
                "template is measured without a model."
                if generator
                else f"{kind} needs a model, and none was given."
            )
        self.kind = kind
        self.last: Answer | None = None
        self._facts: Facts | None = None
        self._model = Watched(generator) if generator is not None else None
        self._guide = Guide(venue, self._model if kind == "guide" else None)
        self._book = Phrasebook(venue)
        self._tokens = tokens
        self._system = system

    @property
    def calls(self) -> tuple[Call, ...]:
        """The model's requests of the last answer."""
        return tuple(self._model.calls) if self._model else ()

    @property
    def told(self) -> tuple[str, ...]:
        """The facts of the last answer as lines to read, each with where it comes from."""
        labels = {place.id: place.label("ko") for place in self._guide.venue.places}
        return tuple(_line(fact, labels) for fact in (self._facts.items if self._facts else ()))

    @property
    def for_model(self) -> bool:
        """Whether the guide lets a model word the last answer at all."""
        return self._facts is not None and is_for_model(self._facts)

    def answer(self, question: str, history: Sequence[Turn] = ()) -> Answer:
        """The answer to one question; an unchecked text comes with the checker's verdict on it."""
        if self._model is not None:
            self._model.calls.clear()
        began = time.perf_counter()
        self._facts = self._guide.facts(question, history)
        if self.kind in ("template", "guide"):
            self.last = self._guide.answer(question, history)
        else:
            self.last = self._unchecked(self._facts, question, history, began)
        return self.last

    def shown(self, question: str, history: Sequence[Turn] = ()) -> list[Message]:
        """The messages the model is shown with a question; of `guide`, those of its first draft."""
        return self._shown(self._guide.facts(question, history), question, history)

    def _shown(self, facts: Facts, question: str, history: Sequence[Turn]) -> list[Message]:
        assert self._model is not None  # noqa: S101 - the template shows nobody anything
        if self.kind == "chat":
            return Chat(self._model, self._system).messages(question, history)
        if self.kind == "alone":
            return _bare(facts, question, history, tuned=self._model.tuned)
        return messages(facts, self._book.notes(facts), tuned=self._model.tuned)

    def write(self, prompt: str) -> Answer:
        """What the model writes to a prompt that is not about the venue; nothing is checked."""
        if self._model is None or self.kind != "chat":
            raise GiljabiError(
                f"{self.kind} answers about a venue; writing is asked of chat:MODEL."
            )
        self._model.calls.clear()
        self._facts = None
        began = time.perf_counter()
        shown = Chat(self._model, self._system).messages(prompt)
        text = "".join(self._model.stream(shown, max_tokens=self._tokens, seed=SEED)).strip()
        self.last = Answer(
            text=text, lang="ko", outcome="found", written_by="model", slot="writing", places=(),
            facts=(), verdict=Verdict(True),
            timings={"total": (time.perf_counter() - began) * 1000},
        )  # fmt: skip
        return self.last

    def _unchecked(
        self, facts: Facts, question: str, history: Sequence[Turn], began: float
    ) -> Answer:
        assert self._model is not None  # noqa: S101 - the other kinds do not come here
        if self.kind != "facts":
            began = time.perf_counter()  # the old road gathered no facts
        shown = self._shown(facts, question, history)
        stop = ("\n",) if self.kind == "facts" else ()  # as the guide asks
        pieces = self._model.stream(shown, stop=stop, max_tokens=self._tokens, seed=SEED)
        text = "".join(pieces).strip()
        spent = (time.perf_counter() - began) * 1000
        said = claimed(text)
        return Answer(
            text=text, lang=facts.query.lang, outcome=facts.outcome, written_by="model",
            slot=facts.query.slot, places=facts.places, facts=facts.items,
            verdict=self._guide.check(said, facts) if said else Verdict(True),
            timings={"total": spent},
        )  # fmt: skip


def _line(fact: Fact, labels: Mapping[str, str]) -> str:
    words = [fact.kind, labels.get(fact.subject, fact.subject), str(fact.value), fact.unit]
    words += [labels.get(fact.object, fact.object), "estimated" if fact.estimated else ""]
    return " · ".join(word for word in words if word) + (f" ({fact.source})" if fact.source else "")


def abstains(text: str) -> bool:
    """Whether a text says that it does not know: by the same words for every contestant."""
    return ABSTAINS.search(text) is not None


def claimed(text: str) -> str:
    """A text without the sentences that say it does not know: they claim nothing."""
    return " ".join(one for one in sentences(text) if not abstains(one))


def _bare(facts: Facts, question: str, history: Sequence[Turn], *, tuned: bool) -> list[Message]:
    """The guide's prompt without the facts: the instruction, what was said so far, the question.

    An untuned model keeps its examples, their facts left out too: without any, a base that never
    saw a question says nothing at all.
    """
    shown = messages(facts, (), tuned=tuned)
    for one in shown:
        if one["role"] == "user":
            one["content"] = one["content"].partition("\n")[0]
    if tuned:
        shown[-1]["content"] = " ".join(question.split())
    said: list[Message] = []
    for turn in history:
        said.append({"role": "user", "content": turn.question})
        said.append({"role": "assistant", "content": turn.answer or "…"})
    return [*shown[:-1], *said, shown[-1]]
