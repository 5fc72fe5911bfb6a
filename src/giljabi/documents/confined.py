"""Reading a file in a process of its own, with limits on time, memory and output.

A file that makes its parser spin, eat memory or crash costs one sentence, and not the program.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from giljabi.documents.passage import Block, Document
from giljabi.documents.readers import format_of
from giljabi.documents.readers import read as read_here
from giljabi.errors import GiljabiError

_OUTPUT = 256 << 20
"""Bytes the child may write; the text of the largest document is less than half of it."""
_USER_ERROR, _NO_MEMORY, _BROKEN = 2, 3, 4


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may take: bytes of it, seconds, and bytes of address space."""

    size: int = 64 << 20
    seconds: int = 120
    memory: int = 2 << 30


def read(path: Path, limits: Limits | None = None) -> Document:
    """The document at `path`, read by `readers.read` in a child process.

    GiljabiError where it is too large, cannot be read, or takes more than `limits` (the
    default ones if None). Limits of
    memory hold on Linux; time is limited everywhere.
    """
    limits = limits or Limits()
    format_of(path)
    check_size(path, limits)
    command = [
        sys.executable,
        "-P",
        "-m",
        __name__,
        str(path.absolute()),
        json.dumps(asdict(limits)),
    ]
    with tempfile.TemporaryFile() as out:
        try:
            # In a session of its own, so that Ctrl-C reaches it by way of this process only.
            done = subprocess.run(  # noqa: S603
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE,
                timeout=limits.seconds, check=False, start_new_session=True, env=_environment(),
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise _too_slow(path, limits) from None
        out.seek(0)
        said = out.read()
    if done.returncode == 0:
        return _document(said)
    if done.returncode == _USER_ERROR:
        raise GiljabiError(said.decode("utf-8").replace(str(path.absolute()), str(path)))
    if done.returncode == _NO_MEMORY:
        raise GiljabiError(
            f"{path} takes more than {limits.memory >> 20:,} MB of memory to read: split it."
        )
    if done.returncode == -getattr(signal, "SIGXCPU", 0):
        raise _too_slow(path, limits)
    raise GiljabiError(
        f"{path} is broken: its reader gave up on it; save it anew and import it again."
    )


def check_size(path: Path, limits: Limits) -> None:
    """Raise GiljabiError where `path` is no file, is empty, or is larger than `limits` allow."""
    try:
        size = path.stat().st_size
    except OSError as e:
        raise GiljabiError(f"{path} cannot be read: {e.strerror}.") from None
    if not path.is_file():
        raise GiljabiError(f"{path} is no file.")
    if size == 0:
        raise GiljabiError(f"{path} is empty.")
    if size > limits.size:
        raise GiljabiError(
            f"{path} has {size / 2**20:,.0f} MB, more than the {limits.size >> 20:,} MB that are read: "
            "split it, or raise --max-mb."
        )


def _too_slow(path: Path, limits: Limits) -> GiljabiError:
    return GiljabiError(
        f"{path} takes more than {limits.seconds} s to read: split it or save it anew."
    )


def _environment() -> dict[str, str]:
    # The child finds the same giljabi; nothing else of the environment is its business.
    kept = {k: v for k, v in os.environ.items() if k in ("PATH", "SYSTEMROOT", "TMPDIR", "LANG")}
    return kept | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONUTF8": "1"}


def _document(said: bytes) -> Document:
    raw = json.loads(said)
    blocks = tuple(Block(*b) for b in raw["blocks"])
    return Document(raw["title"], blocks, raw["date"], raw["pages"])


def _confine(limits: Limits) -> None:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ModuleNotFoundError:  # Windows: the parent's time limit is what there is
        return
    wanted = (
        (resource.RLIMIT_CPU, limits.seconds), (resource.RLIMIT_AS, limits.memory),
        (resource.RLIMIT_FSIZE, _OUTPUT), (resource.RLIMIT_CORE, 0),
    )  # fmt: skip
    for what, most in wanted:
        hard = resource.getrlimit(what)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (soft, hard))


def _main(path: str, limits: str) -> int:
    _confine(Limits(**json.loads(limits)))
    try:
        made = read_here(Path(path))
    except GiljabiError as e:
        sys.stdout.buffer.write(str(e).encode("utf-8", "replace"))
        return _USER_ERROR
    except MemoryError:
        return _NO_MEMORY
    except Exception as e:  # noqa: BLE001 - whatever a parser makes of a stranger's file
        sys.stderr.write(f"{type(e).__name__}: {e}")
        return _BROKEN
    blocks = [(b.kind, b.text, b.level, b.page) for b in made.blocks]
    said = {"title": made.title, "date": made.date, "pages": made.pages, "blocks": blocks}
    sys.stdout.buffer.write(json.dumps(said, ensure_ascii=False).encode("utf-8"))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
