"""What weights give every next token through transformers: the source of a conversion or adapter."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from giljabi.errors import GiljabiError
from giljabi.model import torch_weights

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Cuts(Protocol):
    """What cuts texts into tokens: `giljabi.model.logits.Scorer`, or a folder's own tokenizer."""

    bos: int | None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of `text`, without a beginning-of-sequence token."""
        ...


class TorchScorer:
    """Weights that score texts in 32 bits; see `giljabi.model.logits.Scorer`.

    `path` is a Hugging Face folder or a GGUF file, `adapter` a folder of PEFT's laid over it.
    Texts are cut by `cut`, which a GGUF file needs; a folder has its own tokenizer.
    """

    def __init__(self, path: Path, *, adapter: Path | None = None, cut: Cuts | None = None) -> None:
        torch_weights.need()
        import torch  # noqa: PLC0415

        self._cut: Cuts = cut or _FolderTokens(path)
        self.bos = self._cut.bos
        model = torch_weights.load(path, dtype=torch.float32)
        self._short = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._model = model if adapter is None else _with_adapter(model, adapter)

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        """Token ids of `text`, without a beginning-of-sequence token."""
        return self._cut.tokenize(text, special=special)

    def logprobs(self, ids: Sequence[int], start: int = 0) -> NDArray[np.float32]:
        """Log-probabilities of the token after each position from `start`, (len(ids) - start, V)."""
        import torch  # noqa: PLC0415

        # The head is most of a small model's work, so it is spared where nobody looks.
        asked = {"logits_to_keep": len(ids) - start} if self._short else {}
        with torch.inference_mode():
            logits = self._model(input_ids=torch.tensor([list(ids)]), **asked).logits[0]
            kept = logits[start - len(ids) :].float()
            found: NDArray[np.float32] = torch.log_softmax(kept, dim=-1).numpy()
        return found

    def close(self) -> None:
        """Free the weights."""
        self._model = None


class _FolderTokens:
    """The tokenizer of a Hugging Face folder."""

    def __init__(self, path: Path) -> None:
        from transformers import AutoTokenizer  # noqa: PLC0415

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                path, trust_remote_code=False, local_files_only=True
            )
        except (OSError, ValueError) as error:
            raise GiljabiError(f"transformers cannot load {path}: {error}") from error
        with_bos = self._tokenizer("a")["input_ids"]
        bos = self._tokenizer.bos_token_id
        self.bos: int | None = bos if with_bos[:1] == [bos] else None

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        found = self._tokenizer(text, add_special_tokens=False, split_special_tokens=not special)[
            "input_ids"
        ]
        return [int(i) for i in found]


def _with_adapter(model: Any, folder: Path) -> Any:
    from peft import PeftModel  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a tensor without a place shows in the numbers
            return PeftModel.from_pretrained(model, str(folder)).eval()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError) as error:
        said = " ".join(str(error).split())
        raise GiljabiError(f"peft cannot lay {folder} over the base: {said}") from error
