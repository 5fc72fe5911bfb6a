"""A Generator on transformers: for bases that have no GGUF file, and for comparing with one.

Slower than llama.cpp on a CPU (measured: 10 to 14 tokens a second against 60), so never the
default.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model.prompt import Template
from giljabi.model.pump import pump
from giljabi.model.store import Settings


class StopStrings:
    """Cuts a stream of pieces at the first of several strings, even one that arrives in halves."""

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(s for s in stops if s)
        self._held = ""
        self.found = False

    def feed(self, piece: str) -> str:
        """The text now known to stand before any stop string."""
        if self.found:
            return ""
        text = self._held + piece
        cut = min((at for s in self._stops if (at := text.find(s)) >= 0), default=-1)
        if cut >= 0:
            self.found, self._held = True, ""
            return text[:cut]
        keep = max((_overlap(text, s) for s in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def rest(self) -> str:
        """What was held back, once nothing more comes."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """Length of the longest beginning of `stop` that `text` ends with."""
    sizes = range(min(len(text), len(stop) - 1), 0, -1)
    return next((n for n in sizes if text.endswith(stop[:n])), 0)


class TorchChat:
    """Safetensors weights run by transformers; one request at a time.

    Implements `giljabi.answer.generator.Generator`. `path` is a folder with the weights and their
    tokenizer; code that comes with a model is never run, so a base that needs its own is refused.
    """

    def __init__(
        self,
        path: Path,
        template: Template,
        *,
        settings: Settings | None = None,
        device: str | None = None,
        name: str = "",
    ) -> None:
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415
        except ImportError as error:
            raise GiljabiError(
                "Running safetensors weights needs transformers: pip install 'giljabi[train]'"
            ) from error
        self.name = name or path.name
        self.tuned = False
        self.template = template
        self.settings = settings or Settings()
        self._slot = threading.Lock()
        where = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(path, trust_remote_code=False)
            model: Any = AutoModelForCausalLM.from_pretrained(
                path,
                trust_remote_code=False,
                use_safetensors=True,
                torch_dtype=torch.bfloat16 if where == "cuda" else torch.float32,
            )
        except (OSError, ValueError) as error:
            raise GiljabiError(f"transformers cannot load {path}: {error}") from error
        self._model: Any = model.to(where).eval()

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
        """See Generator.stream."""
        heat = self.settings.temperature if temperature is None else temperature
        sampling: dict[str, Any] = {
            "max_new_tokens": max_tokens or self.settings.max_tokens,
            "repetition_penalty": self.settings.repetition_penalty,
            "no_repeat_ngram_size": self.settings.no_repeat_ngram,
            "do_sample": heat > 0,
        }
        if heat > 0:
            sampling |= {"temperature": heat, "top_p": self.settings.top_p}
        prompt = self.template.render(messages)
        stops = StopStrings((*self.template.stops, *stop, self._tokenizer.eos_token or ""))
        return pump(
            lambda emit, stopped: self._run(
                prompt, sampling, stops=stops, seed=seed, emit=emit, stopped=stopped
            ),
            cancel=cancel,
        )

    def close(self) -> None:
        """Free the model. A later `stream` raises GiljabiError."""
        with self._slot:
            self._model = None

    def _run(
        self,
        prompt: str,
        sampling: dict[str, Any],
        *,
        stops: StopStrings,
        seed: int | None,
        emit: Callable[[str], None],
        stopped: threading.Event,
    ) -> None:
        import torch  # noqa: PLC0415
        from transformers import (  # noqa: PLC0415
            StoppingCriteria,
            StoppingCriteriaList,
            TextStreamer,
        )

        class Pieces(TextStreamer):  # type: ignore[misc]
            """Hands text on as soon as whole words are decoded, in this very thread."""

            def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
                safe = stops.feed(text) + (stops.rest() if stream_end else "")
                if safe:
                    emit(safe)

        class Halt(StoppingCriteria):  # type: ignore[misc]
            def __call__(self, input_ids: Any, scores: Any, **_: Any) -> Any:
                done = stopped.is_set() or stops.found
                return torch.full((input_ids.shape[0],), done, device=input_ids.device)

        with self._slot:
            if self._model is None:
                raise GiljabiError(f"The model {self.name} has been closed.")
            if seed is not None:
                torch.manual_seed(seed)
            inputs = self._tokenizer(prompt, return_tensors="pt").to(self._model.device)
            # Stop strings may be special tokens, so those are decoded too and cut by us.
            with torch.inference_mode():
                self._model.generate(
                    **inputs,
                    **sampling,
                    streamer=Pieces(self._tokenizer, skip_prompt=True),
                    stopping_criteria=StoppingCriteriaList([Halt()]),
                )
