"""A model file with fewer bits: llama.cpp's own quantiser, a gate after it, a record last.

The quantiser is `cyllama`, which is llama.cpp compiled into a wheel: it chooses the type of each
tensor as llama.cpp does, falls back where a row is not a multiple of 256 wide (640 of Gemma 3
270M), and asks for no compiler. The other candidate, `libgguf`, quantises single rows only, so the
mixture of types would have to be rebuilt here and kept in step. cyllama writes to the terminal
from C++ and brings an OpenMP and a ggml of its own next to xllamacpp's, so it runs in a process
of its own.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, modelfile, parity
from giljabi.export.parity import BARS, Parity, Progress, Sample

TYPES = ("Q8_0", "Q6_K", "Q5_K_M", "Q4_K_M", "Q4_K_S", "Q4_0")
"""What a file can be quantised to, largest first; names and mixtures are llama.cpp's."""

_WHOLE = {"F32", "F16", "BF16"}
_HALF_RANGE = 65504.0  # the largest float16
_STEP = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
# -P: a file called cyllama.py in the folder one stands in must not be what runs.
_CHILD = "import sys; from giljabi.export.quantise import run_quantiser as run; run(*sys.argv[1:])"
_SHOWN_LINES = 3


def quantise(
    source: Path,
    kind: str,
    out: Path | None = None,
    *,
    samples: Sequence[Sample],
    template: str = "",
    requantise: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
) -> tuple[Path, dict[str, Any]]:
    """Quantise the GGUF file `source` to `kind`; the new file and its record.

    `samples` are read under both files (see parity): the new one has to pass `BARS[kind]`.
    `template` only goes into the record. `out` is SOURCE-KIND.gguf beside it by default.
    Raises GiljabiError for an unknown type, a source that is quantised already (unless
    `requantise`, which the record then says), an `out` that exists, and a file that fails the
    gate; then nothing is left.
    """
    _check_kind(kind)
    requantised = is_quantised(source)
    if requantised and not requantise:
        raise GiljabiError(
            f"{source} is quantised already, and quantising twice loses twice; give the F16 file "
            "it was made from, or --requantise to go on, labelled as such."
        )
    out = out or source.with_name(f"{source.stem}-{kind}.gguf")
    if out.exists():
        raise GiljabiError(f"{out} exists already; remove it, or give another --out.")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as unfinished:
        made = Path(unfinished) / out.name
        make(source, kind, made, threads=threads)
        found, worst = _gate(source, made, kind, samples, progress)
        made.replace(out)
    details = {
        "quantisation": kind,
        "requantised": requantised,
        "tensor_types": tensor_types(out),
        "parity": {"samples": len(samples)} | found.to_json(),
        "lost_most": {name: round(error, 4) for name, error in worst[:5]},
        "template": template or _inherited_template(source),
    }
    return out, modelfile.record(out, "quantise", {"base": source}, details)


def make(
    source: Path,
    kind: str,
    out: Path,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> None:
    """Write `source` quantised to `kind` as `out`: no gate, no record.

    `progress` counts tensors. Raises GiljabiError where cyllama is missing or fails.
    """
    _check_kind(kind)
    if find_spec("cyllama") is None:
        raise GiljabiError(
            "Quantising needs cyllama: pip install 'giljabi[export]' (it has no wheel for Linux on "
            "aarch64; quantise on another machine and copy the file)."
        )
    from giljabi.model.llamacpp import spare_cores  # noqa: PLC0415

    command = [str(source), str(out), kind, str(threads or spare_cores())]
    said: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our own interpreter on our own code
        [sys.executable, "-P", "-c", _CHILD, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as child:
        for line in child.stdout or ():
            said = [*said, line.strip()][-_SHOWN_LINES:]
            if progress and (step := _STEP.search(line)):
                progress(int(step[1]), int(step[2]))
    if child.returncode != 0 or not out.is_file():
        out.unlink(missing_ok=True)
        reason = said[-1] if said else f"exit code {child.returncode}"
        raise GiljabiError(f"llama.cpp cannot quantise {source} to {kind}: {reason}")


def run_quantiser(source: str, out: str, kind: str, threads: str) -> None:
    """Quantise in this process, which prints; RuntimeError where llama.cpp fails. See `make`."""
    from cyllama.llama.llama_cpp import (  # noqa: PLC0415
        LlamaModelQuantizeParams,
        model_quantize,
    )
    from gguf import LlamaFileType  # noqa: PLC0415

    params = LlamaModelQuantizeParams()
    params.ftype = int(LlamaFileType[f"MOSTLY_{kind}"])
    params.nthread = int(threads)
    params.allow_requantize = True  # whether it is allowed is decided before this runs
    model_quantize(source, out, params)


def dequantise(source: Path, out: Path) -> Path:
    """Write a GGUF file's matrices as F16, its vectors as F32; the same model without blocks.

    What the first quantisation lost stays lost. A matrix with a number beyond float16 stays F32.
    Holds the whole model in memory. Raises GiljabiError for a type gguf cannot read.
    """
    import gguf  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    reader = gguf_file.read(source)
    half = int(gguf.LlamaFileType.MOSTLY_F16)
    with gguf_file.writing(out, gguf_file.architecture(reader)) as writer:
        gguf_file.copy_metadata(reader, writer, {"general.file_type": half})
        for tensor in reader.tensors:
            try:
                data = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            except NotImplementedError:
                raise GiljabiError(
                    f"{source}: {tensor.name} is stored as {tensor.tensor_type.name}, which "
                    "cannot be de-quantised here."
                ) from None
            matrix = len(tensor.shape) > 1 and float(np.abs(data).max()) <= _HALF_RANGE
            writer.add_tensor(tensor.name, data.astype(np.float16) if matrix else data)
    return out


def is_quantised(path: Path) -> bool:
    """Whether any tensor of the file is stored in fewer than 16 bits a number."""
    return any(t.tensor_type.name not in _WHOLE for t in gguf_file.read(path).tensors)


def tensor_types(path: Path) -> dict[str, int]:
    """How many tensors of a file have each type, the most frequent first."""
    names = [t.tensor_type.name for t in gguf_file.read(path).tensors]
    return {name: names.count(name) for name in sorted(set(names), key=lambda n: -names.count(n))}


def _check_kind(kind: str) -> None:
    if kind not in TYPES:
        raise GiljabiError(f"Unknown quantisation {kind!r}; known: {', '.join(TYPES)}.")


def _gate(
    source: Path, made: Path, kind: str, samples: Sequence[Sample], progress: Progress | None
) -> tuple[Parity, list[tuple[str, float]]]:
    """What the quantisation cost; GiljabiError, naming the worst tensors, under the bar."""
    from giljabi.model.logits import Scorer  # noqa: PLC0415

    with Scorer(source) as before, Scorer(made) as after:
        found = parity.compare(before, after, samples, progress=progress)
    worst = parity.lost(source, made)
    parity.check(found, BARS[kind], made, worst)
    return found, worst


def _inherited_template(source: Path) -> str:
    """The prompt template that the source's own record names, or ""."""
    if not modelfile.record_path(source).is_file():
        return ""
    return str(modelfile.recorded(source).get("template", ""))
