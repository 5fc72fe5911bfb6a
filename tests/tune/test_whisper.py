"""Speech tuning through its doors: clips, rates, and a tiny random Whisper from end to end."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

from giljabi.errors import GiljabiError
from giljabi.speech.weights import WHISPER_BASE, packaged
from giljabi.tune import (
    speech_data,
    whisper,
    whisper_base,
    whisper_recipe,
    whisper_score,
    whisper_train,
)

for _needed in (
    "torch",
    "transformers",
    "peft",
    "accelerate",
    "ctranslate2",
    "soundfile",
    "soxr",
    "jiwer",
):
    pytest.importorskip(_needed, reason="needs giljabi[speech-train]")

pytestmark = [
    # of transformers, accelerate and torch among themselves
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]

RECIPE = Path(whisper_recipe.__file__).parent / "recipes" / "whisper-ko.toml"
WORDS = ("안녕", "학교", "도서관", "정문", "식당", "지하철")
SPECIAL = (
    "<|endoftext|> <|startoftranscript|> <|en|> <|zh|> <|de|> <|es|> <|ru|> <|ko|> <|translate|> "
    "<|transcribe|> <|startoflm|> <|startofprev|> <|nocaptions|> <|notimestamps|>"
).split()


def tone(
    path: Path, hertz: float, seconds: float = 1.0, rate: int = 16_000, channels: int = 1
) -> Path:
    import numpy as np
    import soundfile

    wave = 0.4 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)
    soundfile.write(path, np.stack([wave] * channels, axis=1), rate)
    return path


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six tones, each with a word that stands for it."""
    folder = tmp_path_factory.mktemp("clips")
    rows = []
    for n, word in enumerate(WORDS):
        tone(folder / f"{n}.wav", 200 + 150 * n)
        rows.append(json.dumps({"audio": f"{n}.wav", "text": word}, ensure_ascii=False))
    (folder / "metadata.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Whisper that hears two seconds and writes bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import (
        GenerationConfig,
        WhisperConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
    )

    folder = tmp_path_factory.mktemp("tiny-whisper")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.save(str(folder / "tokenizer.json"))
    at = tokenizer.token_to_id
    end, start = at("<|endoftext|>"), at("<|startoftranscript|>")
    ids = {
        "decoder_start_token_id": start,
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
    }
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size() + 4, d_model=32, encoder_layers=2, decoder_layers=2,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64, decoder_ffn_dim=64,
        num_mel_bins=80, max_source_positions=100, max_target_positions=64, **ids,
    )  # fmt: skip
    torch.manual_seed(0)
    model = WhisperForConditionalGeneration(config)
    model.generation_config = GenerationConfig(
        **ids, max_length=64, is_multilingual=True, lang_to_id={"<|ko|>": at("<|ko|>")},
        task_to_id={"transcribe": at("<|transcribe|>")}, no_timestamps_token_id=at("<|notimestamps|>"),
        suppress_tokens=[start], begin_suppress_tokens=[end], return_timestamps=False,
    )  # fmt: skip
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80, chunk_length=2).save_pretrained(folder)
    return folder


def settings(tiny: Path, clips: Path, **more: str) -> dict[str, str]:
    return {
        "base.model": str(tiny), "data.train": str(clips), "data.held_out_share": "0.3",
        "train.max_steps": "6", "train.batch": "2", "train.save_every": "2", "train.keep": "5",
        "train.log_every": "1", "train.warmup": "1", "export.quantization": '"float32"',
    } | {k.replace("__", "."): v for k, v in more.items()}  # fmt: skip


def run(out: Path, values: dict[str, str], *, resume: bool = False) -> dict[str, Any]:
    return whisper.run(RECIPE, out, resume=resume, smoke=False, overrides=values)


@pytest.fixture(scope="module")
def tuned(
    tiny: Path, clips: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """One finished run of the tiny model, six steps."""
    out = tmp_path_factory.mktemp("run") / "out"
    with warnings.catch_warnings(action="ignore"):  # a fixture does not see the marks above
        return out, run(out, settings(tiny, clips))


def weights(folder: Path) -> dict[str, Any]:
    from safetensors.torch import load_file

    return dict(load_file(next(folder.glob("*.safetensors"))))


# ---- clips ----


def test_every_fault_names_file_and_line(tmp_path: Path) -> None:
    tone(tmp_path / "good.wav", 300)
    tone(tmp_path / "long.wav", 300, seconds=31)
    (tmp_path / "broken.wav").write_bytes(b"RIFF of nothing")
    (manifest := tmp_path / "m.csv").write_text(
        "audio,text\ngood.wav,안녕\nnone.wav,안녕\ngood.wav,…\nlong.wav,안녕\nbroken.wav,안녕\n",
        "utf-8",
    )
    found = speech_data.read(manifest)
    assert [clip.text for clip in found.clips] == ["안녕"]
    for line, said, fault in zip(
        (3, 4, 5, 6), ("there is no sound file", "empty", "31.0 s long", "cannot be read"), found.faults, strict=True
    ):  # fmt: skip
        assert fault.startswith(f"{manifest}, line {line}: ")
        assert said in fault
    with pytest.raises(GiljabiError, match=r"line 3: there is no sound file .* \(and 3 more\)"):
        found.sound()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("m.jsonl", '{"audio": "a.wav", "text": "네"}\n{"audio"', "line 2 is not JSON"),
        ("m.jsonl", '{"text": "네"}', "line 1: no sound file named"),
        ("m.jsonl", "[1]", "line 1 is not a JSON object"),
        ("m.csv", "clip,words\na.wav,네\n", "line 1: a manifest needs a column"),
        ("m.csv", "audio,text\n", "holds no audio–text pairs"),
    ],
)
def test_what_is_no_manifest_says_so(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(GiljabiError, match=said):
        speech_data.read(tmp_path / name)


def test_a_folder_of_sounds_with_texts_beside_them(tmp_path: Path) -> None:
    tone(tmp_path / "a.flac", 300)
    tone(tmp_path / "b.wav", 300)
    (tmp_path / "a.txt").write_text("안녕\n", "utf-8")
    found = speech_data.read(tmp_path)
    assert [(clip.audio.name, clip.text) for clip in found.clips] == [("a.flac", "안녕")]
    assert [str(tmp_path / "b.txt") in fault for fault in found.faults] == [True]


def test_sound_becomes_sixteen_kilohertz_mono(tmp_path: Path) -> None:
    import numpy as np

    tone(tmp_path / "a.wav", 440, rate=44_100, channels=2)
    (tmp_path / "a.txt").write_text("라", "utf-8")
    heard = speech_data.samples(speech_data.read(tmp_path).clips[0])
    assert heard.shape == (16_000,)
    assert heard.dtype == np.float32
    assert int(np.argmax(np.abs(np.fft.rfft(heard)))) == 440  # one bin a hertz


def test_held_out_clips_share_no_speaker_and_no_sentence_with_the_others() -> None:
    def clip(n: int, text: str, speaker: str) -> speech_data.Clip:
        return speech_data.Clip(Path(f"{n}.wav"), text, "", 1.0, speaker)

    spoken = [clip(n, f"말 {n}", f"s{n % 5}") for n in range(50)]
    train, held = speech_data.split(spoken, 0.2, seed=1)
    assert len(held) == 10
    assert not {c.speaker for c in train} & {c.speaker for c in held}
    assert speech_data.split(spoken[::-1], 0.2, seed=1)[1] != []
    nameless = [clip(n, f"말 {n % 7}.", "") for n in range(49)]
    train, held = speech_data.split(nameless, 0.1, seed=0)
    assert not {c.text for c in train} & {c.text for c in held}
    with pytest.raises(GiljabiError, match="cannot be split"):
        speech_data.split([clip(1, "하나", "a"), clip(2, "둘", "a")], 0.5, seed=0)


# ---- the rate ----


def test_the_rate_counts_letters_and_digits_only() -> None:
    assert whisper_score.plain(" 몇 시, AM 5시?") == "몇시am5시"
    assert whisper_score.error_rate(["몇 시까지 해요?"], ["몇시 까지해요"]) == 0.0
    # 가나다라 → 가다라마: one left out, one added, of four; 하나 is right
    assert whisper_score.error_rate(["가나다라", "하나"], ["가다라마", "하나"]) == pytest.approx(
        2 / 6
    )
    assert whisper_score.error_rate(["네"], ["네네네"]) == 2.0


# ---- a tiny Whisper, end to end ----


def test_a_run_leaves_everything_and_its_figures(tuned: tuple[Path, dict[str, Any]]) -> None:
    out, report = tuned
    assert report == json.loads((out / "report.json").read_text("utf-8"))
    assert report["clips"] == {"train": 4, "held_out": 2, "left_out": []}
    assert report["training"]["steps"] == 6
    assert set(report["cer"]) == {"before", "after", "exported", "heard_alike"}
    history = [json.loads(line) for line in (out / "loss.jsonl").read_text("utf-8").splitlines()]
    assert [row["step"] for row in history if "loss" in row] == [1, 2, 3, 4, 5, 6]
    assert [row["step"] for row in history if "eval_loss" in row] == [2, 4, 6]
    for name in ("adapter/adapter_model.safetensors", "merged/model.safetensors", "ct2/model.bin",
                 "ct2/tokenizer.json", "ct2/preprocessor_config.json"):  # fmt: skip
        assert (out / name).is_file(), name


def test_only_the_adapter_learned(tiny: Path, tuned: tuple[Path, dict[str, Any]]) -> None:
    before, after = weights(tiny), weights(tuned[0] / "merged")
    changed = {name for name in before if not before[name].equal(after[name])}
    assert changed
    assert all(name.endswith(("q_proj.weight", "v_proj.weight")) for name in changed)


def test_the_export_hears_what_torch_hears(tuned: tuple[Path, dict[str, Any]]) -> None:
    report = tuned[1]
    assert report["cer"]["heard_alike"] == "2 of 2"
    assert all(row["after"] == row["exported"] for row in report["held_out"])
    assert any(row["after"] for row in report["held_out"])


def test_a_run_stopped_at_a_checkpoint_ends_in_the_same_weights(
    tiny: Path, clips: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    whole, out = tuned[0], tmp_path / "out"
    for step in (2, 4):
        shutil.copytree(
            whole / "checkpoints" / f"checkpoint-{step}", out / "checkpoints" / f"checkpoint-{step}"
        )
    shutil.copyfile(whole / "run.json", out / "run.json")
    (out / "checkpoints" / "checkpoint-4" / "trainer_state.json").write_text('{"epo', "utf-8")
    report = run(out, settings(tiny, clips), resume=True)
    assert report["training"]["resumed_from"] == "checkpoint-2"
    ours, theirs = weights(out / "merged"), weights(whole / "merged")
    assert all(ours[name].equal(theirs[name]) for name in theirs)
    assert report["training"]["loss"] == tuned[1]["training"]["loss"]


def test_a_run_killed_after_its_last_step_only_merges_and_exports(
    tiny: Path, clips: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    shutil.copytree(
        tuned[0], out, ignore=shutil.ignore_patterns("report.json", "merged", "adapter")
    )
    report = run(out, settings(tiny, clips), resume=True)
    assert (report["training"]["resumed_from"], report["training"]["steps"]) == ("checkpoint-6", 6)
    ours, theirs = weights(out / "merged"), weights(tuned[0] / "merged")
    assert all(ours[name].equal(theirs[name]) for name in theirs)


def test_a_run_is_neither_overwritten_nor_mixed(
    tiny: Path, clips: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    out, report = tuned
    with pytest.raises(GiljabiError, match="exists already"):
        run(out, settings(tiny, clips))
    assert run(out, settings(tiny, clips), resume=True) == report
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "diary.txt").write_text("", "utf-8")
    with pytest.raises(GiljabiError, match="holds other things than a run"):
        run(tmp_path / "mine", settings(tiny, clips), resume=True)
    (tmp_path / "out").mkdir()
    shutil.copyfile(out / "run.json", tmp_path / "out" / "run.json")
    with pytest.raises(GiljabiError, match=r"other settings: \[lora\] was"):
        run(tmp_path / "out", settings(tiny, clips, lora__r="4"), resume=True)


def test_an_export_that_hears_worse_does_not_appear(
    tiny: Path, clips: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from giljabi.tune import whisper_export

    loaded = whisper_base.load(str(tuned[0] / "merged"))
    held = speech_data.read(clips).clips
    asked = whisper_recipe.ExportTable(tolerance=0.0)
    perfect = whisper_export.Score(0.0, tuple(clip.text for clip in held))
    with pytest.raises(GiljabiError, match=r"character errors, the merged model with 0\.000"):
        whisper_export.export(loaded, tuned[0] / "merged", held, perfect, asked, tmp_path / "ct2")
    assert list(tmp_path.iterdir()) == []


def test_gradient_checkpointing_changes_memory_not_losses(
    tiny: Path, clips: Path, tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    values = settings(
        tiny, clips, train__gradient_checkpointing="true", export__quantization="int8"
    )
    report = run(tmp_path / "out", values | {"export.tolerance": "9"})
    assert report["training"]["loss"] == pytest.approx(tuned[1]["training"]["loss"], rel=1e-4)


def test_no_layer_of_that_name(tiny: Path, clips: Path, tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"lora\.targets fits no layer"):
        run(tmp_path / "out", settings(tiny, clips, lora__targets='["gate_proj"]'))


def test_a_text_longer_than_the_decoder_names_its_line(tiny: Path, tmp_path: Path) -> None:
    tone(tmp_path / "a.wav", 300)
    (tmp_path / "m.jsonl").write_text(json.dumps({"audio": "a.wav", "text": "가" * 30}), "utf-8")
    with pytest.raises(GiljabiError, match=r"m\.jsonl, line 1: the text has 94 tokens"):
        speech_data.Examples(
            whisper_base.load(str(tiny)), speech_data.read(tmp_path / "m.jsonl").clips
        )


# ---- weights read back from what serves ----


def test_weights_come_back_from_the_export(tuned: tuple[Path, dict[str, Any]]) -> None:
    out = tuned[0]
    back, merged = whisper_base.load(str(out / "ct2")), whisper_base.load(str(out / "merged"))
    theirs = merged.model.state_dict()
    assert set(back.model.state_dict()) == set(theirs)
    assert all(value.equal(theirs[name]) for name, value in back.model.state_dict().items())
    assert (back.prompt, back.seconds) == (merged.prompt, merged.seconds)


def test_int8_weights_come_back_within_half_a_step(
    tuned: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    from ctranslate2.converters import TransformersConverter

    merged = tuned[0] / "merged"
    TransformersConverter(str(merged), copy_files=["tokenizer.json"]).convert(
        str(tmp_path / "int8"), quantization="int8"
    )
    back, first = whisper_base.load(str(tmp_path / "int8")), whisper_base.load(str(merged))
    theirs = first.model.state_dict()
    for name, value in back.model.state_dict().items():
        rows = theirs[name].reshape(theirs[name].shape[0], -1)
        step = rows.abs().amax(dim=1, keepdim=True) / 127
        away = (value.reshape(rows.shape) - rows).abs()
        assert bool((away <= 0.51 * step + 1e-7).all()), name
    assert back.seconds == first.seconds


@pytest.mark.parametrize("kept", [0, 3, 200, 30_000])
def test_a_torn_model_is_refused(
    tuned: tuple[Path, dict[str, Any]], tmp_path: Path, kept: int
) -> None:
    torn = tmp_path / "torn"
    shutil.copytree(tuned[0] / "ct2", torn)
    whole = (torn / "model.bin").read_bytes()
    (torn / "model.bin").write_bytes(whole[:kept])
    with pytest.raises(GiljabiError, match="is not a whole CTranslate2 model"):
        whisper_base.load(str(torn))
    (torn / "model.bin").write_bytes(whole.replace(b"WhisperSpec", b"WhisperSpek"))
    with pytest.raises(GiljabiError, match="WhisperSpek revision 3; only"):
        whisper_base.load(str(torn))


def test_a_base_that_is_not_there(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(GiljabiError, match=r"There is no folder \./none"):
        whisper_base.load("./none")
    with pytest.raises(GiljabiError, match="transformers cannot load"):
        whisper_base.load(str(tmp_path))
    with pytest.raises(GiljabiError, match="language 'xx'"):
        whisper_base.load(str(tiny), "xx")


def test_a_checkpoint_half_written_does_not_count(tmp_path: Path) -> None:
    assert whisper_train.last_checkpoint(tmp_path) is None
    for step, state in ((9, "{}"), (10, "{}"), (11, '{"a')):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state, "utf-8")
    found = whisper_train.last_checkpoint(tmp_path)
    assert found is not None
    assert found.name == "checkpoint-10"


@pytest.mark.slow
def test_real_weights_read_back_hear_what_ctranslate2_hears(shared: Path) -> None:
    for part in WHISPER_BASE.parts:
        pytest.importorskip(part.partition("/")[0], reason="needs the packaged Whisper weights")
    from giljabi.tune import whisper_export

    loaded = whisper_base.load("whisper-base")
    held = speech_data.some(speech_data.read(shared / "speech").clips, 6, seed=0)
    ours = whisper_export.scored(loaded, held, whisper_score.torch_hears(loaded))
    theirs = whisper_export.scored(loaded, held, whisper_score.ct2_hears(loaded, packaged()))
    assert ours.heard == theirs.heard
    assert ours.cer < 0.5
