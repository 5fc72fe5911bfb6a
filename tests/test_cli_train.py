"""`giljabi train` as it is typed: what is wrong is one sentence, and exit code 2."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from click.testing import CliRunner

from giljabi.cli import main


def said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["train", *arguments])
    return result.exit_code, result.output


def test_the_recipes_are_listed_with_what_they_are_for() -> None:
    code, text = said("--list")
    assert code == 0
    assert all(name in text for name in ("guide", "context", "embedded", "whisper-ko"))
    assert "QLoRA on NF4 weights" in text


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("gide",), "There is no recipe gide; give a .toml file or one of context, embedded"),
        (("embedded",), "There is no data to train on: give --data"),
        (("embedded", "--data", "x", "--set", "lora.rank=3"), "unknown key lora.rank"),
        (("embedded", "--data", "x", "--set", "nonsense"), "is not TABLE.KEY=VALUE"),
        (("whisper-ko", "--data", "a", "--data", "b"), "takes one --data and one --eval"),
    ],
)
def test_a_slip_is_told_before_anything_is_loaded(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said(*arguments)
    assert (code, "Traceback" in text) == (2, False)
    assert sentence in " ".join(text.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(find_spec("trl") is not None, reason="the train extra is installed")
def test_a_missing_extra_is_named_with_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    code, text = said("embedded", "--data", "x")
    assert code == 2
    assert "pip install 'giljabi[train]'" in text
