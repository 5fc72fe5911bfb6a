"""Recipes of speech tuning; they are read without any of the libraries that tune."""

from __future__ import annotations

from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.tune import whisper_recipe

RECIPE = Path(whisper_recipe.__file__).parent / "recipes" / "whisper-ko.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('kind = "speech"\n[lora]\nrank = 3', "unknown key lora.rank"),
        ('kind = "speech"\nbatch = 3', "unknown key batch"),
        (
            'kind = "speech"\n[train]\nbatch = "eight"\n[data]\ntrain = "x"',
            "train.batch must be int",
        ),
        ('kind = "speech"', "data.train is missing"),
        (
            'kind = "speech"\n[data]\ntrain = "x"\nfaulty = "maybe"',
            "data.faulty must be stop or skip",
        ),
        ('kind = "speech"\n[data]\ntrain = "x"\nheld_out_share = 1.5', "held_out_share"),
        ('name = "text"', "not a recipe for recognition"),
        ("kind = ", "is not a TOML file"),
    ],
)
def test_a_recipe_that_makes_no_sense_says_where(tmp_path: Path, text: str, said: str) -> None:
    (path := tmp_path / "r.toml").write_text(text, "utf-8")
    with pytest.raises(GiljabiError, match=said) as raised:
        whisper_recipe.read(path)
    assert str(path) in str(raised.value)


def test_the_shipped_recipe_has_the_published_settings() -> None:
    found = whisper_recipe.read(RECIPE, {"data.train": "clips", "train.epochs": "1"})
    assert (found.lora.r, found.lora.alpha, found.lora.dropout) == (32, 64, 0.05)
    assert found.lora.targets == ("q_proj", "v_proj")
    assert (found.train.learning_rate, found.train.warmup, found.train.batch) == (1e-3, 50, 8)
    assert (found.data.train, found.train.epochs) == ("clips", 1.0)


def test_an_unknown_override_is_an_error() -> None:
    with pytest.raises(GiljabiError, match=r"unknown key train\.steps"):
        whisper_recipe.read(RECIPE, {"data.train": "clips", "train.steps": "3"})


def test_a_smoke_keeps_the_settings_and_shortens_the_run() -> None:
    found = whisper_recipe.read(RECIPE, {"data.train": "clips"})
    short = whisper_recipe.smoke(found)
    assert (short.train.max_steps, short.train.batch, short.export.score_clips) == (8, 4, 12)
    assert (short.lora, short.base, short.data) == (found.lora, found.base, found.data)
    assert short.train.learning_rate == found.train.learning_rate
