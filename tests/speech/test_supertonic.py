"""The package's own code over weights that only hum: its real loading, styles, sentences, errors."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from giljabi.errors import GiljabiError
from giljabi.speech.mouths import mouth
from giljabi.speech.supertonic import Supertonic

pytest.importorskip("supertonic", reason="the extra supertonic is not installed")
onnx = pytest.importorskip("onnx", reason="onnx builds the small models")

CHUNK, FACTOR = 64, 2


def write(
    path: Path, inputs: dict[str, tuple[int, list[str | int]]], nodes: list, **constants
) -> None:
    made = [onnx.numpy_helper.from_array(np.array(v), name) for name, v in constants.items()]
    graph = onnx.helper.make_graph(
        nodes,
        path.stem,
        [onnx.helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in inputs.items()],
        [onnx.helper.make_tensor_value_info("out", onnx.TensorProto.FLOAT, None)],
        initializer=made,
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.1 s a character of noise, in the layout of supertonic-3."""
    folder = tmp_path_factory.mktemp("supertonic")
    (folder / "onnx").mkdir()
    (folder / "voice_styles").mkdir()
    real, whole = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
    node = onnx.helper.make_node
    text = {"text_ids": (whole, ["b", "t"]), "text_mask": (real, ["b", 1, "t"])}
    style = {"style_ttl": (real, ["b", 1, 4])}
    write(
        folder / "onnx" / "duration_predictor.onnx",
        {**text, "style_dp": (real, ["b", 1, 4])},
        [node("ReduceSum", ["text_mask", "axes"], ["n"], keepdims=0), node("Mul", ["n", "s"], ["out"])],
        axes=np.array([1, 2]),
        s=np.float32(0.1),
    )  # fmt: skip
    write(
        folder / "onnx" / "text_encoder.onnx",
        {**text, **style},
        [node("Identity", ["text_mask"], ["out"])],
    )
    write(
        folder / "onnx" / "vector_estimator.onnx",
        {
            "noisy_latent": (real, ["b", "d", "l"]), "text_emb": (real, ["b", 1, "t"]),
            "text_mask": (real, ["b", 1, "t"]), "latent_mask": (real, ["b", 1, "l"]),
            "current_step": (real, ["b"]), "total_step": (real, ["b"]), **style,
        },
        [node("Mul", ["noisy_latent", "latent_mask"], ["out"])],
    )  # fmt: skip
    write(
        folder / "onnx" / "vocoder.onnx",
        {"latent": (real, ["b", "d", "l"])},
        [node("Tanh", ["latent"], ["loud"]), node("Flatten", ["loud"], ["out"])],
    )
    (folder / "onnx" / "tts.json").write_text(
        json.dumps(
            {
                "ae": {"sample_rate": 8000, "base_chunk_size": CHUNK},
                "ttl": {"chunk_compress_factor": FACTOR, "latent_dim": CHUNK},
            }
        )
    )
    known = [n if chr(n).isprintable() and n < 0xD7A4 else -1 for n in range(0x10000)]
    (folder / "onnx" / "unicode_indexer.json").write_text(json.dumps(known))
    hum = {"dims": [1, 1, 4], "data": [[[0.0] * 4]]}
    for voice in ("F1", "F2"):
        (folder / "voice_styles" / f"{voice}.json").write_text(
            json.dumps({"style_ttl": hum, "style_dp": hum})
        )
    return folder


def test_it_speaks_at_the_weights_own_rate(weights: Path) -> None:
    voice = Supertonic("F2", folder=weights, threads=1)
    pieces = list(voice.say("안녕하세요. 이 층이에요.", "ko"))
    assert voice.rate == 8000
    assert max(map(len, pieces)) <= 0.04 * 8000
    pcm = np.concatenate(pieces)
    assert pcm.dtype == np.float32
    assert len(pcm) / 8000 > 1
    assert 0.1 < np.abs(pcm).max() <= 1


def test_sentences_come_one_at_a_time(weights: Path) -> None:
    voice = Supertonic(folder=weights, threads=1)
    one = sum(map(len, voice.say("안녕하세요.", "ko")))
    two = sum(map(len, voice.say("안녕하세요. 안녕하세요.", "ko")))
    assert two == 2 * one


def test_cancelling_ends_before_the_last_sentence(weights: Path) -> None:
    voice = Supertonic(folder=weights, threads=1)
    heard = []
    began = time.monotonic()
    for piece in voice.say("안녕하세요. " * 500, "ko", cancel=lambda: len(heard) > 2):
        heard.append(piece)
    assert len(heard) == 3
    assert time.monotonic() - began < 2


def test_a_voice_it_does_not_have(weights: Path) -> None:
    with pytest.raises(GiljabiError, match=r"cannot speak as Z9: .*F1, F2"):
        mouth("supertonic:Z9", weights=weights)


def test_what_it_cannot_read_is_one_sentence(weights: Path) -> None:
    with pytest.raises(GiljabiError, match="Supertonic cannot say a sentence"):
        list(Supertonic(folder=weights, threads=1).say("\u200b네.", "ko"))


@pytest.mark.parametrize("place", ["own", "hub"])
def test_weights_are_found_where_they_were_downloaded(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    from huggingface_hub import constants
    from supertonic.config import get_model_repo, get_model_revision

    model = f"models--{get_model_repo('supertonic-3').replace('/', '--')}"
    hub = tmp_path / "hub" / model / "snapshots" / get_model_revision("supertonic-3")
    monkeypatch.setenv("SUPERTONIC_CACHE_DIR", str(tmp_path / "own"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    shutil.copytree(weights, tmp_path / "own" if place == "own" else hub)
    assert mouth("supertonic:F2").rate == 8000
