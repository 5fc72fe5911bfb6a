"""A GGUF adapter that is run over its base, and compared with PEFT, before it appears."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import adapter, modelfile, parity
from giljabi.model import torch_logits, torch_weights
from giljabi.model.llamacpp import Adapter
from giljabi.model.logits import Scorer


def comparable(base: Path) -> bool:
    """Whether `base` with an adapter can be had from transformers and peft too."""
    installed = all(find_spec(name) for name in ("torch", "transformers", "peft"))
    return installed and torch_weights.reads(base)


def to_gguf_checked(
    folder: Path, base: Path, out: Path | None = None, *, samples: Sequence[parity.Sample],
    other_base: bool = False, progress: parity.Progress | None = None,
) -> tuple[Path, dict[str, Any]]:  # fmt: skip
    """`adapter.to_gguf`, then base and adapter in the runtime; the path and its record.

    Where `comparable`, both are read from `base` de-quantised and the PEFT folder too, and have to
    say the same on `samples`; else the record's parity is null. Raises GiljabiError, and leaves
    what stood there, where llama.cpp refuses the adapter or says something else.
    """
    parent = (out or folder.absolute()).parent
    parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=parent, prefix=f".{folder.absolute().name}.") as scratch:
        draft = Path(scratch) / "adapter.gguf"
        _, record = adapter.to_gguf(folder, base, draft, other_base=other_base)
        out = adapter.destination(folder, base, out, record["base"])
        found = _tried(folder, base, draft, samples, progress)
        if found is not None:
            parity.check(found, parity.BARS["adapter"], out)
        # A record of an older file must not stand beside a new one.
        modelfile.record_path(out).unlink(missing_ok=True)
        draft.replace(out)
    details = {k: v for k, v in record.items() if k not in modelfile.OWN}
    details["parity"] = found and {"samples": len(samples)} | found.to_json()
    return out, modelfile.record(out, "adapter", {"base": base, "adapter": folder}, details)


def _tried(
    folder: Path, base: Path, made: Path, samples: Sequence[parity.Sample],
    progress: parity.Progress | None,
) -> parity.Parity | None:  # fmt: skip
    """The adapter over its base in the runtime; against PEFT's where there is one."""
    try:
        after = Scorer(base, adapter=Adapter(made))
    except GiljabiError as error:
        raise GiljabiError(f"{folder} cannot be loaded over {base.name}: {error}") from error
    with after:
        if not comparable(base):
            after.logprobs(after.tokenize("a"))
            return None
        source = torch_logits.TorchScorer(base, adapter=folder, cut=after)
        return parity.compare(source, after, samples, progress=progress)
