"""Conversion and trimming on tiny models of every architecture, compared in numbers."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import tiny_models

from giljabi.errors import GiljabiError
from giljabi.export import conversion_gate, modelfile, parity, vocab
from giljabi.export.convert import convert
from giljabi.model.logits import Scorer

pytest.importorskip("gguf")
pytest.importorskip("xllamacpp")

TEXT = [
    parity.Sample("", "신소재공학관은 지상 7층 건물입니다. The library is open."),
    parity.Sample("도서관에서 ", "5분 걸립니다."),
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {name: tiny_models.make(root / name, name) for name in tiny_models.ARCHITECTURES}


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_trimmed_it_is_the_same_model_in_the_runtime(
    architecture: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    whole, made = tmp_path / "whole.gguf", tmp_path / "trimmed.gguf"
    convert(folders[architecture], whole, kind="f32")
    meta = vocab.metadata(whole)
    used = vocab.used_by([s.prompt + s.answer for s in TEXT], meta, whole)
    ids = vocab.keep(vocab.vocabulary(meta, whole), used, english=20)
    assert len(ids) < len(meta["tokenizer.ggml.tokens"])
    vocab.trim(whole, made, ids)
    with Scorer(whole) as before, Scorer(made) as after:
        found = parity.compare(before, after, TEXT, kept=ids)
    parity.check(found, parity.BARS["same"], made)
    assert found.apart == 0
    assert found.top1 == 1.0


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_a_conversion_is_compared_with_its_source(
    architecture: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    out = tmp_path / "made.gguf"
    made, found = conversion_gate.convert_checked(folders[architecture], out, TEXT)
    assert found is not None
    assert found.kl < 0.01
    assert modelfile.recorded(made.path)["parity"]["tokens"] == found.tokens
    assert modelfile.recorded(out)["sha256"] == modelfile.weights_hash(out)


def test_two_tensors_in_each_others_place_are_no_conversion(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch", reason="needs the train extra")
    spoilt = Path(shutil.copytree(folders["llama"], tmp_path / "spoilt"))
    tensors = tiny_models.load(spoilt)
    first, second = "model.layers.0.mlp.up_proj.weight", "model.layers.1.mlp.up_proj.weight"
    tensors[first], tensors[second] = tensors[second], tensors[first]
    tiny_models.save(spoilt, tensors)

    def faulty(_: Path, out: Path, **options: Any) -> Any:
        return convert(spoilt, out, **options)

    monkeypatch.setattr(conversion_gate, "convert", faulty)
    out = tmp_path / "made.gguf"
    with pytest.raises(GiljabiError, match="no longer the model it was made from"):
        conversion_gate.convert_checked(folders["llama"], out, TEXT)
    assert not out.exists()
    assert not modelfile.record_path(out).exists()


def test_without_transformers_the_record_says_nothing_was_compared(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversion_gate, "find_spec", lambda name: None)
    made, found = conversion_gate.convert_checked(folders["qwen3"], tmp_path / "m.gguf", TEXT)
    assert found is None
    assert modelfile.recorded(made.path)["parity"] is None


def test_the_verb_prepares_no_answers_where_nothing_is_compared(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from click.testing import CliRunner

    from giljabi.cli.export_gguf import gguf as verb

    monkeypatch.setattr(conversion_gate, "find_spec", lambda name: None)
    monkeypatch.setattr(parity, "guide_answers", lambda *given: 1 / 0)
    said = CliRunner().invoke(verb, [str(folders["qwen3"]), "--out", str(tmp_path / "m.gguf")])
    assert said.exit_code == 0, said.output
    assert "not compared in numbers" in said.output


@pytest.mark.parametrize(
    ("architecture", "template"),
    [("gemma3", "gemma"), ("llama", "llama3"), ("qwen2", "qwen"), ("qwen3", "qwen")],
)
def test_answers_are_rendered_in_the_architectures_own_template(
    architecture: str, template: str, folders: dict[str, Path]
) -> None:
    assert conversion_gate.spoken(folders[architecture], None) == template
    assert conversion_gate.spoken(folders[architecture], "completion") == "completion"


def test_an_unknown_architecture_has_no_template_to_render_answers_in(tmp_path: Path) -> None:
    tiny_models.write(tmp_path, "config.json", {"architectures": ["FalconForCausalLM"]})
    assert conversion_gate.spoken(tmp_path, None) is None


def test_keeping_the_first_columns_is_comparing_them_alone() -> None:
    """A range is sliced, any other choice copied: the figures are the same."""
    import numpy as np

    class Fixed:
        bos = 0

        def __init__(self, width: int, seed: int) -> None:
            logits = np.random.default_rng(seed).normal(size=(64, width))
            self.rows = np.log(np.exp(logits) / np.exp(logits).sum(1, keepdims=True))

        def tokenize(self, text: str, *, special: bool = True) -> list[int]:
            return [ord(letter) % 7 for letter in text]

        def logprobs(self, ids: Any, start: int = 0) -> Any:
            return self.rows[start : len(ids)]

    source, made = Fixed(12, 1), Fixed(9, 2)
    texts = [parity.Sample("ab", "some words and more"), parity.Sample("", "of them")]
    sliced = parity.compare(source, made, texts, kept=range(9))
    copied = parity.compare(source, made, texts, kept=list(range(9)))
    assert sliced.to_json() == copied.to_json()
    whole = parity.compare(source, source, texts, kept=range(12))
    assert whole == parity.compare(source, source, texts)
    assert whole.kl == 0


@pytest.mark.parametrize("architecture", tiny_models.ARCHITECTURES)
def test_scores_are_those_of_the_running_model(
    architecture: str, folders: dict[str, Path], tmp_path: Path
) -> None:
    """The head applied here gives the probabilities the engine samples from."""
    import numpy as np

    from giljabi.model import llamacpp

    path = tmp_path / "m.gguf"
    convert(folders[architecture], path, kind="f32")
    with Scorer(path) as scorer:
        ids = ([] if scorer.bos is None else [scorer.bos]) + scorer.tokenize("도서관은 어디에")
        ours = scorer.logprobs(ids)[-1]
    engine = llamacpp.start(llamacpp.parameters(path, 256, 1, None))
    replies: list[Any] = []
    engine.handle_completions(
        {"prompt": ids, "max_tokens": 1, "n_probs": 20, "temperature": 0, "stream": False},
        lambda reply: bool(replies.append(reply)),
    )
    said = replies[-1]["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    theirs = np.array([t["logprob"] for t in said])
    assert np.abs(ours[[t["id"] for t in said]] - theirs).max() < 0.05
