"""What the base says of its own texts is kept while the task is learnt."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the train extra")

import tiny_base
import torch
from peft import get_peft_model

from giljabi.errors import GiljabiError
from giljabi.tune import base as bases
from giljabi.tune import recipe as recipes
from giljabi.tune import replay, trainer
from giljabi.tune.recipe import BaseTable, KeepTable, LoraTable, Recipe

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
KEEP = KeepTable(rows=6, length=12, batch=2)


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    file = tiny_base.gguf(tmp_path_factory.mktemp("base") / "tiny.gguf")
    return Recipe(
        "tiny", base=BaseTable(str(file), "gemma"), lora=LoraTable(r=4, alpha=8), keep=KEEP
    )


@pytest.fixture(scope="module")
def base(recipe: Recipe) -> bases.Base:
    return bases.prepare(recipe, Path(), list, print)


def test_the_base_writes_whole_texts_once_half_of_them_opening_in_hangul(recipe, base, tmp_path):
    model, said = bases.load(base, recipe), []
    rows = replay.texts(KEEP, base, model, tmp_path, said.append, seed=0, bfloat16=False)
    assert rows.shape == (6, 12)
    assert (rows[:, 0] == base.ids.bos).all()
    opening = [base.tokenizer.id_to_token(int(row[1])) for row in rows]
    assert sum(any("가" <= c <= "힣" for c in token) for token in opening) >= 3
    again = replay.texts(KEEP, base, None, tmp_path, said.append, seed=0, bfloat16=False)
    assert torch.equal(rows, again)
    assert len(said) == 1


def test_an_adapter_that_does_nothing_has_not_strayed_and_one_that_does_has(recipe, base, tmp_path):
    model = bases.load(base, recipe)
    rows = replay.texts(KEEP, base, model, tmp_path, print, seed=0, bfloat16=False)
    adapted = get_peft_model(model, trainer.adapter_config(recipe))
    assert float(replay.divergence(model, adapted, rows)) == pytest.approx(0, abs=1e-6)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.2)
    strayed = replay.divergence(model, adapted, rows)
    assert float(strayed) > 0.01
    strayed.backward()
    touched = {n for n, p in adapted.named_parameters() if p.grad is not None and p.grad.any()}
    assert touched
    assert all("lora_" in name for name in touched)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"batch": 7}, "keep.batch must be"),
        ({"length": 1}, "keep.batch must be"),
        ({"weight": 0.0}, "keep.batch must be"),
    ],
)
def test_settings_that_make_no_sense_are_named(tmp_path, change, said):
    table = {"rows": 6, "length": 12, "batch": 2, "weight": 1.0} | change
    lines = "\n".join(f"{k} = {v}" for k, v in table.items())
    path = tmp_path / "r.toml"
    path.write_text(f'[base]\nmodel = "x.gguf"\n[keep]\n{lines}\n', "utf-8")
    with pytest.raises(GiljabiError, match=said):
        recipes.read(path)


def test_full_tuning_has_no_base_beside_it(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('method = "full"\n[base]\nmodel = "x"\n[keep]\nrows = 4\n', "utf-8")
    with pytest.raises(GiljabiError, match=r"keep\.rows needs an adapter"):
        recipes.read(path)
