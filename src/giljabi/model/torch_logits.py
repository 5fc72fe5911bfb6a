"""What safetensors weights give every next token, through transformers: the source of a conversion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class TorchScorer:
    """A Hugging Face folder that scores texts in 32 bits; see `giljabi.model.logits.Scorer`."""

    def __init__(self, path: Path) -> None:
        try:
            import torch  # noqa: PLC0415
            from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415
        except ImportError as error:
            raise GiljabiError(
                "Scoring safetensors weights needs transformers: pip install 'giljabi[train]'"
            ) from error
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                path, trust_remote_code=False, local_files_only=True
            )
            self._model: Any = AutoModelForCausalLM.from_pretrained(
                path, trust_remote_code=False, local_files_only=True, use_safetensors=True,
                torch_dtype=torch.float32,
            ).eval()  # fmt: skip
        except (OSError, ValueError, RuntimeError) as error:
            raise GiljabiError(f"transformers cannot load {path}: {error}") from error
        with_bos = self._tokenizer("a")["input_ids"]
        bos = self._tokenizer.bos_token_id
        self.bos: int | None = bos if with_bos[:1] == [bos] else None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of `text`, without a beginning-of-sequence token."""
        found = self._tokenizer(text, add_special_tokens=False, split_special_tokens=not special)[
            "input_ids"
        ]
        return [int(i) for i in found]

    def logprobs(self, ids: Sequence[int], start: int = 0) -> NDArray[np.float32]:
        """Log-probabilities of the token after each position from `start`, (len(ids) - start, V)."""
        import torch  # noqa: PLC0415

        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([list(ids)])).logits[0, start:]
            found: NDArray[np.float32] = torch.log_softmax(logits.float(), dim=-1).numpy()
        return found
