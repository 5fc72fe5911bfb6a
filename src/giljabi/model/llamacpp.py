"""llama.cpp inside this process, through xllamacpp. Knows nothing of venues or of HTTP.

What the comments call measured stands in docs/architecture.md.
"""

from __future__ import annotations

import os
import secrets
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model.prompt import Template
from giljabi.model.pump import pump
from giljabi.model.store import Settings

PREFIX_CACHE_MIB = 48
"""Most memory that prompts read before may take, to be found again: some 13 of the guide's. With
more, an hour of talk would take the whole voice stack beyond 700 MB."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A LoRA file in GGUF form and how strongly it is applied (1 is as trained)."""

    path: Path
    scale: float = 1.0


class _Engine:
    """The running server and who may use it; apart from LlamaCpp so that it can outlive it."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.slot = threading.Lock()
        self.closing = threading.Event()

    def close(self) -> None:
        self.closing.set()
        with self.slot:
            self.server = None


@dataclass(slots=True)
class _Call:
    """What the callbacks of one request leave behind; they must not raise themselves."""

    error: Exception | None = None
    reply: Mapping[str, Any] = field(default_factory=dict)


class LlamaCpp:
    """A GGUF model in process: one slot, one request at a time, the prompt's prefix reused.

    Implements `giljabi.answer.generator.Generator`. Thread-safe: a second request waits for the
    first and can be cancelled while it waits. `timings` holds llama.cpp's own figures of the last
    finished request (prompt_n, cache_n, prompt_ms, predicted_n, predicted_ms).
    """

    def __init__(
        self,
        path: Path,
        template: Template,
        *,
        settings: Settings | None = None,
        n_ctx: int = 4096,
        threads: int | None = None,
        adapter: Adapter | None = None,
        tuned: bool = False,
        name: str = "",
    ) -> None:
        self.name = name or path.stem
        self.tuned = tuned or adapter is not None
        self.template = template
        self.settings = settings or Settings()
        self.timings: Mapping[str, float] = {}
        self._n_ctx = n_ctx
        self._engine = _Engine(start(parameters(path, n_ctx, threads or spare_cores(), adapter)))
        # Also at the program's end: an engine still generating then brings the process down.
        weakref.finalize(self, self._engine.close)

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
        """See Generator.stream; a cancelled prompt is still read to its end before the next."""
        request = {
            "prompt": self.template.render(messages),
            "stream": True,
            "stop": list(dict.fromkeys((*self.template.stops, *stop))),
            "cache_prompt": True,
            **self._sampling(max_tokens, temperature, seed),
        }
        return pump(lambda emit, stopped: self._run(request, emit, stopped), cancel=cancel)

    def close(self) -> None:
        """Stop what runs, free the model. A later `stream` raises GiljabiError."""
        self._engine.close()

    def _sampling(
        self, max_tokens: int | None, temperature: float | None, seed: int | None
    ) -> dict[str, Any]:
        s = self.settings
        out: dict[str, Any] = {
            "max_tokens": max_tokens or s.max_tokens,
            "temperature": s.temperature if temperature is None else temperature,
            "top_p": s.top_p,
            "repeat_penalty": s.repetition_penalty,
        }
        if seed is not None:
            out["seed"] = seed
        if out["temperature"] == 0 and s.repetition_penalty == 1 and s.no_repeat_ngram <= 1:
            # The likeliest token is the answer: the other samplers would sort 50,000 for nothing.
            out |= {"samplers": ["top_k"], "top_k": 1}
        if s.no_repeat_ngram > 1:
            # DRY with a penalty no score survives is "never repeat a run of n tokens".
            out |= {
                "dry_multiplier": 100.0,
                "dry_allowed_length": s.no_repeat_ngram - 1,
                "dry_penalty_last_n": self._n_ctx,
                "dry_sequence_breakers": [],
            }
        return out

    def _run(
        self,
        request: Mapping[str, Any],
        emit: Callable[[str], None],
        stopped: threading.Event,
    ) -> None:
        while not self._engine.slot.acquire(timeout=0.05):
            if stopped.is_set() or self._engine.closing.is_set():
                return
        try:
            if self._engine.server is None:
                raise GiljabiError(f"The model {self.name} has been closed.")
            if not stopped.is_set():
                self._complete(request, emit, stopped)
        finally:
            self._engine.slot.release()

    def _complete(
        self,
        request: Mapping[str, Any],
        emit: Callable[[str], None],
        stopped: threading.Event,
    ) -> None:
        call = _Call()

        def on_chunk(chunk: Mapping[str, Any]) -> bool:
            # llama.cpp swallows whatever is raised in here, so it is kept and raised below.
            try:
                text = _read_chunk(chunk)
                call.reply = chunk
                if text:
                    emit(text)
            except Exception as error:  # noqa: BLE001 - the edge to the C++ thread
                call.error = error
                return True
            return stopped.is_set() or self._engine.closing.is_set()

        try:
            self._engine.server.handle_completions(dict(request), on_chunk)
        except (ValueError, RuntimeError) as error:  # the other shape its errors come in
            raise GiljabiError(f"llama.cpp refused the request: {error}") from error
        if call.error is not None:
            raise call.error
        self.timings = call.reply.get("timings", {})


def _read_chunk(chunk: Mapping[str, Any]) -> str:
    if "error" in chunk:
        error = chunk["error"]
        said = error.get("message", error) if isinstance(error, Mapping) else error
        raise GiljabiError(f"llama.cpp refused the request: {said}")
    choices = chunk.get("choices") or [{}]
    return str(choices[0].get("text") or "")


def spare_cores() -> int:
    """How many threads an engine gets where nobody says."""
    # One core is left to everything else, because each step waits for its slowest thread
    # (measured on two cores beside another busy process, per answer: 1.0 to 1.4 s with two
    # threads, 0.2 s with one). Decoding is bound by memory, so beyond a few they gain nothing.
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min(cores - 1, 6))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def runtime() -> Any:
    """The xllamacpp module; GiljabiError, with the command that installs it, where it is not here."""
    # OpenMP reads this once, when the library loads: threads that wait shall soon stop spinning,
    # or they starve whatever else runs on a small board.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    try:
        import xllamacpp  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Running a model in process needs llama.cpp: pip install 'giljabi[embedded]'"
        ) from error
    return xllamacpp


def parameters(path: Path, n_ctx: int, threads: int, adapter: Adapter | None) -> Any:
    """What every engine here is started with: one slot, no guessing, a port nobody can use."""
    xllamacpp = runtime()
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = n_ctx
    params.n_parallel = 1
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    # Without it Gemma 3's sliding window drops the prefix, and each question reads it again.
    params.swa_full = True
    params.fit_params = False  # n_ctx is what was asked for, not what a guess makes of it
    params.cache_ram_mib = PREFIX_CACHE_MIB  # its default may take 8 GB: the whole board
    params.verbosity = 0
    # The engine insists on a port: a loopback one nobody else can use.
    params.hostnames = ["127.0.0.1"]
    params.port = _free_port()
    params.api_keys = [secrets.token_urlsafe(32)]
    params.ui = False
    params.endpoint_slots = False
    params.endpoint_metrics = True  # for `start`
    if adapter is not None:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter.path), adapter.scale
        params.lora_adapters = [lora]
    return params


def start(params: Any) -> Any:
    """The engine with these parameters; GiljabiError where it cannot load the file."""
    try:
        server = runtime().Server(params)
    except (ValueError, RuntimeError) as error:
        raise GiljabiError(f"llama.cpp cannot load {params.model.path}: {error}") from error
    # An engine dropped before its loop runs never ends (10 of 14 tries); figures come from the loop.
    server.handle_metrics()
    return server
