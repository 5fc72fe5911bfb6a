"""What `giljabi export quantise` promises, on a tiny model of width 640; the real one once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gguf
import numpy as np
import pytest
import tiny_gguf

from giljabi.errors import GiljabiError
from giljabi.export import modelfile, parity, quantise
from giljabi.export.parity import Sample

pytest.importorskip("cyllama")
pytest.importorskip("xllamacpp")

SAMPLES = [
    Sample("", "길을 묻는 사람은 대개 급합니다. 그래서 안내는 짧고 정확해야 합니다."),
    Sample("people who ask the way ", "are usually in a hurry, so be short and exact."),
]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_gguf.write(tmp_path_factory.mktemp("tiny") / "tiny.gguf")


@pytest.fixture(scope="module")
def made(source: Path) -> Callable[[str], Path]:
    """The source quantised to a type, each made once."""

    def of(kind: str) -> Path:
        path = source.with_name(f"made-{kind}.gguf")
        if not path.exists():
            quantise.make(source, kind, path, threads=1)
        return path

    return of


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_rows_are_those_of_gguf_s_own_quantisation(
    source: Path, made: Callable[[str], Path], kind: str
) -> None:
    before, after = tiny_gguf.tensors(source), tiny_gguf.tensors(made(kind))
    compared = 0
    for name, tensor in after.items():
        if tensor.tensor_type.name != kind:
            continue
        rows = before[name].data.astype(np.float32)
        expected = gguf.quants.quantize(rows, tensor.tensor_type)
        assert np.array_equal(tensor.data, expected), name
        compared += 1
    assert compared >= 14


@pytest.mark.parametrize(
    ("kind", "narrow", "wide"),
    [
        # What llama.cpp takes for rows of 640, and for the first ffn_down, of 512.
        ("Q8_0", "Q8_0", "Q8_0"),
        ("Q6_K", "Q8_0", "Q6_K"),
        ("Q5_K_M", "Q5_1", "Q5_K"),
        ("Q4_K_M", "Q5_0", "Q4_K"),
        ("Q4_K_S", "Q5_0", "Q4_K"),
        ("Q4_0", "Q4_0", "Q4_0"),
    ],
)
def test_a_width_of_640_falls_back_as_in_llama_cpp(
    made: Callable[[str], Path], kind: str, narrow: str, wide: str
) -> None:
    types = {name: t.tensor_type.name for name, t in tiny_gguf.tensors(made(kind)).items()}
    assert types["blk.0.attn_q.weight"] == narrow
    assert types["blk.0.ffn_down.weight"] == wide
    assert types["blk.0.attn_norm.weight"] == "F32"
    assert types["output.weight"] == "Q8_0"  # Q6_K where the width allows it


def test_the_mixture_gives_some_layers_more_bits(made: Callable[[str], Path]) -> None:
    types = {name: t.tensor_type.name for name, t in tiny_gguf.tensors(made("Q4_K_M")).items()}
    assert types["blk.1.ffn_down.weight"] == "Q6_K"
    assert types["blk.1.attn_v.weight"] == "Q8_0"  # the fallback of Q6_K
    assert types["blk.0.attn_v.weight"] == "Q5_0"


def test_it_writes_the_file_then_a_record_with_its_parity(source: Path, tmp_path: Path) -> None:
    path, record = quantise.quantise(
        source, "Q8_0", tmp_path / "small.gguf", samples=SAMPLES, template="gemma", threads=1
    )
    assert left_in(tmp_path) == ["small.gguf", "small.gguf.json"]
    assert record == modelfile.recorded(path)
    assert (record["step"], record["quantisation"], record["template"]) == (
        "quantise", "Q8_0", "gemma",
    )  # fmt: skip
    assert record["requantised"] is False
    assert record["sources"]["base"]["sha256"] == modelfile.weights_hash(source)
    assert record["tensor_types"] == {"Q8_0": 16, "F32": 5}
    assert record["parity"]["samples"] == 2
    assert 0 < record["parity"]["kl"] < 0.03
    assert record["bytes"] < source.stat().st_size * 0.6


def test_two_tensors_in_each_other_s_place_are_named_and_nothing_is_left(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = quantise.make

    def faulty(source: Path, kind: str, out: Path, *, threads: int | None = None) -> None:
        make(source, kind, out, threads=threads)
        tiny_gguf.swap(out, "blk.0.ffn_up.weight", "blk.1.ffn_up.weight")

    monkeypatch.setattr(quantise, "make", faulty)
    with pytest.raises(GiljabiError) as caught:
        quantise.quantise(source, "Q8_0", tmp_path / "small.gguf", samples=SAMPLES, threads=1)
    said = str(caught.value)
    assert "no longer the model" in said
    worst = said.partition("Tensors that lost most: ")[2].split(", ")
    assert {tensor.split()[0] for tensor in worst[:2]} == {
        "blk.0.ffn_up.weight", "blk.1.ffn_up.weight",
    }  # fmt: skip
    assert left_in(tmp_path) == []


def test_a_quantised_source_is_refused_unless_asked_for_and_labelled(
    made: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twice = tmp_path / "twice.gguf"
    with pytest.raises(GiljabiError, match=r"quantised already.*--requantise"):
        quantise.quantise(made("Q8_0"), "Q4_0", twice, samples=SAMPLES)
    assert left_in(tmp_path) == []
    monkeypatch.setitem(parity.BARS, "Q4_0", parity.Bar(0.0, 9.0, 9.0))  # random weights
    _, record = quantise.quantise(
        made("Q8_0"), "Q4_0", twice, samples=SAMPLES, requantise=True, threads=1
    )
    assert record["requantised"] is True


def test_what_cannot_be_done_is_said_before_anything_is(source: Path, tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="Unknown quantisation 'Q3_K'; known: Q8_0"):
        quantise.quantise(source, "Q3_K", tmp_path / "x.gguf", samples=SAMPLES)
    (tmp_path / "there.gguf").write_bytes(b"mine")
    with pytest.raises(GiljabiError, match="exists already"):
        quantise.quantise(source, "Q8_0", tmp_path / "there.gguf", samples=SAMPLES)
    (tmp_path / "no.gguf").write_bytes(b"GGUF")
    with pytest.raises(GiljabiError, match="not a GGUF file"):
        quantise.quantise(tmp_path / "no.gguf", "Q8_0", samples=SAMPLES)


def test_llama_cpp_s_own_refusal_becomes_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "empty.gguf").write_bytes(b"")
    with pytest.raises(GiljabiError, match=r"cannot quantise .*empty\.gguf to Q8_0"):
        quantise.make(tmp_path / "empty.gguf", "Q8_0", tmp_path / "out.gguf", threads=1)
    assert left_in(tmp_path) == ["empty.gguf"]


def test_without_cyllama_it_says_what_to_install(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quantise, "find_spec", lambda name: None)
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[export\]'"):
        quantise.make(source, "Q8_0", tmp_path / "x.gguf")


def test_nothing_of_the_quantiser_reaches_the_terminal(
    source: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    counted: list[tuple[int, int]] = []
    quantise.make(
        source,
        "Q8_0",
        tmp_path / "x.gguf",
        threads=1,
        progress=lambda n, of: counted.append((n, of)),
    )
    assert capfd.readouterr() == ("", "")
    assert counted[-1] == (21, 21)


def test_de_quantised_weights_are_those_the_blocks_stand_for(
    made: Callable[[str], Path], tmp_path: Path
) -> None:
    path = quantise.dequantise(made("Q4_K_M"), tmp_path / "f16.gguf")
    before, after = tiny_gguf.tensors(made("Q4_K_M")), tiny_gguf.tensors(path)
    assert quantise.tensor_types(path) == {"F16": 16, "F32": 5}
    assert not quantise.is_quantised(path)
    for name, tensor in before.items():
        stood_for = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        assert np.array_equal(after[name].data, stood_for.astype(after[name].data.dtype)), name
    reader = gguf.GGUFReader(str(path))
    assert reader.fields["general.file_type"].contents() == gguf.LlamaFileType.MOSTLY_F16


@pytest.mark.slow
@pytest.mark.model
def test_gemma_3_270m_falls_back_in_90_tensors_and_passes_its_bar(tmp_path: Path) -> None:
    from giljabi.model.store import weights

    half = quantise.dequantise(weights().path, tmp_path / "f16.gguf")
    samples = parity.fixed_text()[::4]
    path, record = quantise.quantise(half, "Q4_K_M", tmp_path / "q.gguf", samples=samples)
    assert record["tensor_types"] == {"F32": 109, "Q5_0": 81, "Q4_K": 27, "Q8_0": 10, "Q6_K": 9}
    assert path.stat().st_size == weights().path.stat().st_size
