"""What a GGUF model gives every next token, for whole texts at once, in the runtime that serves it.

The engine gives the hidden state after its last norm for each position at reading speed; the
output head is applied here, de-quantised, because the engine hands out probabilities only one
generated token at a time. Its own head multiplies 8-bit activations, so its log-probabilities
differ from these by about 0.05 (measured, docs/architecture.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import httpx

from giljabi.errors import GiljabiError
from giljabi.model import llamacpp
from giljabi.model.tokens import gguf_metadata

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_ROWS = 64  # positions whose logits stand in memory at once: 64 × 262,144 × 4 bytes = 67 MB


class Scores(Protocol):
    """A model that scores texts: `Scorer`, or `torch_logits.TorchScorer`."""

    bos: int | None
    """The token every text begins with; None where there is none."""

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of a text, without BOS."""
        ...

    def logprobs(self, ids: Sequence[int], start: int = 0) -> NDArray[np.float32]:
        """(len(ids) - start, V) log-probabilities of the token after each position."""
        ...


class Scorer:
    """A GGUF file, with or without an adapter, that scores texts. Close it when done."""

    def __init__(
        self,
        path: Path,
        *,
        adapter: llamacpp.Adapter | None = None,
        n_ctx: int = 2048,
        threads: int | None = None,
    ) -> None:
        self.path = path
        self.n_ctx = n_ctx
        meta = gguf_metadata(path)
        adds = meta.get("tokenizer.ggml.add_bos_token", True)
        self.bos: int | None = meta.get("tokenizer.ggml.bos_token_id") if adds else None
        self._softcap = meta.get(f"{meta['general.architecture']}.final_logit_softcapping")
        self._head = _output_head(path)
        xllamacpp = llamacpp.runtime()
        params = llamacpp.parameters(path, n_ctx, threads or llamacpp.spare_cores(), adapter)
        params.embedding = True
        params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_NONE
        params.n_batch = params.n_ubatch = n_ctx
        params.cache_ram_mib = 0
        self._engine: Any = llamacpp.start(params)
        self._http = httpx.Client(
            base_url=f"http://127.0.0.1:{params.port}",
            headers={"authorization": f"Bearer {params.api_keys[0]}"},
            timeout=600,
            trust_env=False,
        )

    @property
    def vocabulary(self) -> int:
        """Number of tokens."""
        return int(self._head.shape[0])

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of `text` by the runtime, without a beginning-of-sequence token.

        `special`: markers such as <end_of_turn> are the one token they are.
        """
        body = {"content": text, "add_special": False, "parse_special": special}
        return [int(i) for i in self._post("/tokenize", body)["tokens"]]

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids by the runtime."""
        return str(self._post("/detokenize", {"tokens": list(ids)})["content"])

    def hidden(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Hidden states after the last norm, (len(ids), width). Ids as the model reads them, BOS too."""
        import numpy as np  # noqa: PLC0415

        if not 0 < len(ids) <= self.n_ctx:
            raise GiljabiError(
                f"A text of {len(ids):,} tokens does not fit the context of {self.n_ctx:,}."
            )
        found = self._post("/embedding", {"content": list(ids), "embd_normalize": -1})
        return np.asarray(found[0]["embedding"], dtype=np.float32)

    def logprobs(self, ids: Sequence[int], start: int = 0) -> NDArray[np.float32]:
        """Log-probabilities of the token after each position from `start`, (len(ids) - start, V)."""
        import numpy as np  # noqa: PLC0415

        hidden = self.hidden(ids)[start:]
        out = np.empty((len(hidden), self.vocabulary), dtype=np.float32)
        for at in range(0, len(hidden), _ROWS):
            logits = hidden[at : at + _ROWS] @ self._head.T
            if self._softcap:
                logits = self._softcap * np.tanh(logits / self._softcap)
            logits -= logits.max(axis=1, keepdims=True)
            logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
            out[at : at + _ROWS] = logits
        return out

    def close(self) -> None:
        """Free the model."""
        self._http.close()
        self._engine = None

    def __enter__(self) -> Scorer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _post(self, where: str, body: dict[str, Any]) -> Any:
        reply = self._http.post(where, json=body)
        if reply.status_code != 200:
            raise GiljabiError(f"llama.cpp refused to score with {self.path}: {reply.text[:200]}")
        return reply.json()


def _output_head(path: Path) -> Any:
    """The matrix from hidden state to logits, (V, width) float32; tied to the embeddings or not."""
    try:
        import gguf  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError("Scoring texts needs gguf: pip install 'giljabi[embedded]'") from error
    tensors = {t.name: t for t in gguf.GGUFReader(str(path)).tensors}
    head = tensors.get("output.weight") or tensors.get("token_embd.weight")
    if head is None:
        raise GiljabiError(f"{path} has neither output nor embedding weights.")
    return gguf.quants.dequantize(head.data, head.tensor_type)
