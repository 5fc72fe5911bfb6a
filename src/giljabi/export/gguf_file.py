"""GGUF files read and written whole, through the `gguf` package (llama.cpp's own).

The format: github.com/ggml-org/ggml, docs/gguf.md. Knows nothing of what the tensors mean.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError


def read(path: Path) -> Any:
    """A `gguf.GGUFReader` over the file (memory-mapped); GiljabiError where it is none."""
    gguf = _package()
    try:
        return gguf.GGUFReader(str(path))
    except FileNotFoundError:
        raise GiljabiError(f"There is no model file {path}.") from None
    except Exception as error:
        # The reader raises whatever a damaged file makes numpy raise.
        raise GiljabiError(f"{path} is not a GGUF file, or was cut short ({error}).") from error


def value(reader: Any, key: str, default: Any = None) -> Any:
    """One metadata value of a reader, as Python holds it."""
    field = reader.fields.get(key)
    return default if field is None else field.contents()


def architecture(reader: Any) -> str:
    """general.architecture, as gemma3, llama or qwen2."""
    return str(value(reader, "general.architecture", ""))


@contextmanager
def writing(path: Path, arch: str) -> Iterator[Any]:
    """A `gguf.GGUFWriter` whose file becomes `path` when the block ends well.

    Inside the block add metadata and tensors; they are written in the order they were added.
    """
    gguf = _package()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        unfinished = Path(folder) / path.name
        writer = gguf.GGUFWriter(str(unfinished), arch)
        try:
            yield writer
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()
        unfinished.replace(path)


def copy_metadata(
    reader: Any, writer: Any, changed: Mapping[str, Any] | None = None, skip: tuple[str, ...] = ()
) -> None:
    """Every key of `reader` but those in `skip`, with the values of `changed` put in their place."""
    gguf = _package()
    array = gguf.GGUFValueType.ARRAY
    for key, field in reader.fields.items():
        if key.startswith("GGUF.") or key == "general.architecture" or key in skip:
            continue
        new = (changed or {}).get(key)
        content = field.contents() if new is None else new
        if field.types[0] == array:
            writer.add_key_value(key, content, array, sub_type=field.types[-1])
        else:
            writer.add_key_value(key, content, field.types[0])


def add_tensor(writer: Any, name: str, data: Any, kind: Any) -> None:
    """Raw rows of a tensor as `reader.tensors` give them: `data` as stored, `kind` its type."""
    import numpy as np  # noqa: PLC0415

    plain = kind.name in {"F32", "F16"}
    rows = np.ascontiguousarray(data)
    writer.add_tensor(name, rows, raw_dtype=None if plain else kind)


def _package() -> Any:
    try:
        import gguf  # noqa: PLC0415
    except ImportError as error:
        raise GiljabiError(
            "Reading and writing model files needs gguf: pip install 'giljabi[embedded]'"
        ) from error
    return gguf
