"""Architectures we do not know, handed to a llama.cpp checkout's own converter as a subprocess."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from giljabi.errors import GiljabiError

_SCRIPT = "convert_hf_to_gguf.py"


def run_converter(checkout: Path, folder: Path, out: Path, kind: str) -> None:
    """Write `folder` to `out` with the checkout's script, under this Python.

    Raises GiljabiError where there is no script, it fails (with its last line) or writes nothing.
    """
    script = checkout / _SCRIPT
    if not script.is_file():
        raise GiljabiError(
            f"{checkout} has no {_SCRIPT}; --llama-cpp takes a checkout of "
            "github.com/ggml-org/llama.cpp."
        )
    command = [sys.executable, str(script.resolve()), str(folder), "--outfile", str(out)]
    done = subprocess.run(  # noqa: S603 - the person named this checkout
        [*command, "--outtype", kind], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise GiljabiError(f"{script} could not convert {folder}: {last}")
    if not out.is_file():
        raise GiljabiError(f"{script} ended well but wrote no file for {folder}.")
