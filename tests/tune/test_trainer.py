"""The loss is the field's loss: logits at labelled tokens give what all logits give."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("trl", reason="needs the train extra")

import tiny_base
import torch

from giljabi.model import torch_weights
from giljabi.tune import base as bases
from giljabi.tune import examples, trainer
from giljabi.tune.recipe import BaseTable, LoraTable, Recipe, TrainTable

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    file = tiny_base.gguf(tmp_path_factory.mktemp("base") / "tiny.gguf")
    return Recipe(
        "tiny", base=BaseTable(str(file), "gemma"), lora=LoraTable(r=4, alpha=8),
        train=TrainTable(batch=3, precision="float32", max_steps=1),
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(recipe: Recipe) -> bases.Base:
    return bases.prepare(recipe, Path(), list, print)


def rows(count: int) -> list[examples.Row]:
    out = []
    for n in range(count):
        asked = {"role": "user", "content": "몇 층이에요" + "?" * (3 * n + 1)}
        told = {"role": "assistant", "content": f"{n}층이에요." * (n + 1)}
        out.append(examples.Row((asked, told), str(n)))
    return out


def test_it_is_transformers_own_loss_with_its_own_gradients(recipe, base, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "_ROWS", 5)  # several parts, the last one smaller
    made = trainer.make(
        recipe, base, bases.load(base, recipe), examples.encode(rows(3), base, 256), None, tmp_path,
        lambda said: None,
    )  # fmt: skip
    batch = next(iter(made.get_train_dataloader()))
    made.model.eval()
    loss = made.compute_loss(made.model, dict(batch))
    loss.backward()
    name, weight = next((n, p) for n, p in made.model.named_parameters() if "lora_B" in n)
    ours = weight.grad.clone()
    made.model.zero_grad()
    theirs = made.model(**{k: batch[k] for k in ("input_ids", "attention_mask", "labels")}).loss
    theirs.backward()
    assert float(loss) == pytest.approx(float(theirs), rel=1e-6), name
    assert torch.allclose(ours, weight.grad, rtol=1e-4, atol=1e-7)


def test_shorter_rows_are_filled_with_the_bases_own_pad_token_and_not_learnt(
    recipe, base, tmp_path
):
    made = trainer.make(
        recipe, base, bases.load(base, recipe), examples.encode(rows(3), base, 256), None, tmp_path,
        lambda said: None,
    )  # fmt: skip
    batch = next(iter(made.get_train_dataloader()))
    filled = batch["attention_mask"] == 0
    assert filled.any()
    assert set(batch["input_ids"][filled].tolist()) == {base.ids.pad}
    assert set(batch["labels"][filled].tolist()) == {examples.IGNORED}


def test_the_tokenizer_handed_to_the_trainer_is_the_bases(base):
    handed = trainer.tokenizer(base)
    assert len(handed) == base.tokenizer.get_vocab_size()
    assert handed.eos_token_id == base.ids.end
    text = "<start_of_turn>user\n안녕<end_of_turn>\n"
    assert handed(text, add_special_tokens=False)["input_ids"] == base.tokenizer.encode(text).ids


def test_a_gguf_base_is_loaded_as_the_floats_it_holds(recipe, base):
    model = bases.load(base, recipe)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    again = torch_weights.load(base.path)
    for (name, one), (_, other) in zip(
        model.named_parameters(), again.named_parameters(), strict=True
    ):
        assert torch.equal(one, other), name


def test_a_file_of_the_same_name_in_the_working_directory_is_not_the_base(
    base, tmp_path, monkeypatch
):
    (tmp_path / base.path.name).write_bytes(b"another model")
    monkeypatch.chdir(tmp_path)
    torch_weights.load(base.path)


@pytest.mark.parametrize(
    ("asked", "gpu", "taken"),
    [
        ("paged_adamw_8bit", False, "adamw_torch"),
        ("paged_adamw_8bit", True, "paged_adamw_8bit"),
        ("adamw_torch", False, "adamw_torch"),
    ],
)
def test_pages_and_8_bits_are_for_gpus(recipe, monkeypatch, asked, gpu, taken):
    monkeypatch.setattr(torch, "cuda", SimpleNamespace(is_available=lambda: gpu))
    from dataclasses import replace

    wanted = replace(recipe, train=replace(recipe.train, optimizer=asked))
    assert trainer.optimizer(wanted) == taken


def test_only_a_checkpoint_written_to_the_end_counts(tmp_path):
    for step, files in {4: [trainer.WHOLE], 12: [trainer.WHOLE], 16: ["model.safetensors"]}.items():
        for file in files:
            at = tmp_path / f"checkpoint-{step}" / file
            at.parent.mkdir(parents=True, exist_ok=True)
            at.touch()
    assert trainer.whole(tmp_path) == tmp_path / "checkpoint-12"
    assert not (tmp_path / "checkpoint-16").exists()
    assert trainer.whole(tmp_path / "none") is None
