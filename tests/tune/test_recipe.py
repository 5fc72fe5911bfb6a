"""Recipes: every key is known, published settings stand as published, nothing is guessed."""

from __future__ import annotations

import pytest

from giljabi.errors import GiljabiError
from giljabi.tune import recipe as recipes

MINIMAL = '[base]\nmodel = "x.gguf"\n'


def written(tmp_path, text):
    path = tmp_path / "mine.toml"
    path.write_text(text, "utf-8")
    return path


def test_a_recipe_is_called_as_its_file_unless_it_says(tmp_path):
    assert recipes.read(written(tmp_path, MINIMAL)).name == "mine"
    assert recipes.read(written(tmp_path, 'name = "other"\n' + MINIMAL)).name == "other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[base\n", "not a TOML file"),
        ("", "base.model is missing"),
        ('rank = 4\n[base]\nmodel = "x"\n', "unknown key rank"),
        (MINIMAL + "[lora]\nrank = 4\n", "unknown key lora.rank"),
        (MINIMAL + '[lora]\nr = "16"\n', "lora.r must be int"),
        (MINIMAL + "[lora]\nr = 0\n", "lora.r must be at least 1"),
        (MINIMAL + "[lora]\nrslora = 1\n", "lora.rslora must be bool"),
        (MINIMAL + '[lora]\ntargets = "q_proj"\n', "lora.targets must be a list of texts"),
        (MINIMAL + "[lora]\ntargets = []\n", "lora.targets is empty"),
        ('method = "dora"\n' + MINIMAL, "method must be lora or qlora or full"),
        ('train = 3\n' + MINIMAL, "train must be a table"),
        (MINIMAL + '[train]\nreport = ["mlflow"]\n', "tensorboard and wandb"),
        (MINIMAL + "[train]\nlearning_rate = 0\n", "learning_rate must be above 0"),
        (MINIMAL + "[train]\nsave_every = 50\neval_every = 20\n", "multiple of eval_every"),
        (MINIMAL.replace('"x.gguf"', '"x.gguf"\ntemplate = "alpaca"'), "template 'alpaca' is unknown"),
    ],
)  # fmt: skip
def test_a_slip_is_named_with_its_key(tmp_path, text, said):
    with pytest.raises(GiljabiError, match=said) as raised:
        recipes.read(written(tmp_path, text))
    assert "mine.toml" in str(raised.value)


def test_one_setting_can_be_replaced_from_the_command_line(tmp_path):
    path = written(tmp_path, MINIMAL)
    found = recipes.read(
        path, ["train.max_steps=5", "train.learning_rate=1e-3", "base.template=gemma", 'lora.targets=["q_proj"]']
    )  # fmt: skip
    assert (found.train.max_steps, found.train.learning_rate) == (5, 1e-3)
    assert (found.base.template, found.lora.targets) == ("gemma", ("q_proj",))
    with pytest.raises(GiljabiError, match=r"is not TABLE\.KEY=VALUE"):
        recipes.read(path, ["train.max_steps"])
    with pytest.raises(GiljabiError, match=r"unknown key train\.steps"):
        recipes.read(path, ["train.steps=5"])


def test_an_unknown_recipe_names_the_known():
    with pytest.raises(GiljabiError, match="context, embedded, guide"):
        recipes.find("gide")


def test_the_published_settings_stand_to_the_letter():
    guide = recipes.read(recipes.find("guide"))
    assert guide.method == "qlora"
    assert (guide.lora.r, guide.lora.alpha, guide.lora.dropout) == (16, 32, 0.05)
    assert guide.lora.targets == ("q_proj", "k_proj", "v_proj", "o_proj")
    train = guide.train
    assert (train.epochs, train.batch, train.accumulate) == (3, 2, 8)
    assert (train.learning_rate, train.schedule, train.warmup) == (2e-4, "cosine", 0.03)
    assert (train.weight_decay, train.clip, train.optimizer) == (0.01, 1.0, "paged_adamw_8bit")
    assert (train.gradient_checkpointing, train.best, train.patience) == (True, True, 3)
    assert (train.eval_every, train.save_every, train.keep) == (100, 100, 3)
    assert train.report == ("tensorboard",)

    context = recipes.read(recipes.find("context"))
    assert context.method == "lora"
    assert (context.lora.r, context.lora.alpha, context.lora.dropout) == (4, 8, 0)
    assert context.lora.targets == recipes.SEVEN
    train = context.train
    assert (train.epochs, train.batch, train.accumulate) == (2, 4, 16)
    assert (train.learning_rate, train.warmup, train.eval_every) == (2e-5, 10, 20)
    assert (context.data.packing, train.report) == (False, ("wandb",))


def test_every_text_recipe_that_ships_reads_and_says_where_it_comes_from():
    for name, path in recipes.shipped().items():
        if recipes.table(path).get("kind") == "speech":
            continue
        found = recipes.read(path)
        assert found.source, name
        assert found.about, name
