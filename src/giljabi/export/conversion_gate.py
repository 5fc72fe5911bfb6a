"""A conversion that is compared with its source in numbers before it appears."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from giljabi.export import modelfile, parity
from giljabi.export.convert import Converted, convert
from giljabi.export.convert_architecture import ARCHITECTURES
from giljabi.export.convert_settings import read_settings
from giljabi.model.logits import Scorer
from giljabi.model.torch_logits import TorchScorer


def comparable() -> bool:
    """Whether the source can be run here: torch, transformers and peft are installed."""
    return all(find_spec(name) for name in ("torch", "transformers", "peft"))


def spoken(folder: Path, asked: str | None) -> str | None:
    """The prompt template a made file speaks: the one asked for, or its architecture's own."""
    architecture = ARCHITECTURES.get(read_settings(folder).family)
    return asked or (architecture.template if architecture else None)


def convert_checked(
    folder: Path, out: Path, samples: Sequence[parity.Sample], *, progress: parity.Progress | None = None,
    **options: Any,
) -> tuple[Converted, parity.Parity | None]:  # fmt: skip
    """`convert` (its options), then both models on `samples`; gives what was made and the figures.

    Where not `comparable` nothing is compared in numbers, and the figures are None. Raises
    GiljabiError, and leaves `out` as it was, where the made model is not its source.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        draft = Path(scratch) / out.name
        made = convert(folder, draft, **options)
        found = _compare(folder, draft, samples, progress) if comparable() else None
        if found is not None:
            parity.check(found, parity.BARS["f16"], out)
        record = modelfile.recorded(draft)
        modelfile.record_path(out).unlink(missing_ok=True)
        draft.replace(out)
    sources = {"source": folder} | ({"like": options["like"]} if options.get("like") else {})
    kept = {k: v for k, v in record.items() if k not in modelfile.OWN}
    modelfile.record(out, "convert", sources, kept | {"parity": found and found.to_json()})
    return replace(made, path=out), found


def _compare(
    folder: Path, made: Path, samples: Sequence[parity.Sample], progress: parity.Progress | None
) -> parity.Parity:
    source = TorchScorer(folder)
    with Scorer(made) as after:
        same = range(min(len(source.logprobs([0])[0]), after.vocabulary))
        return parity.compare(source, after, samples, kept=same, progress=progress)
