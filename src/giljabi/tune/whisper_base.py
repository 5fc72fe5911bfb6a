"""The Whisper that is tuned: a hub id, a folder of safetensors, or the CTranslate2 folder that serves.

Code that comes with weights is never run and nothing pickled is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.speech import weights
from giljabi.tune import whisper_ct2

_RATE = 16_000
_LIBRARIES = (
    "torch", "transformers", "peft", "accelerate", "ctranslate2", "soundfile", "soxr", "jiwer",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in float32, and what turns sound and text into what it takes."""

    model: Any
    extractor: Any
    tokenizer: Any
    language: str
    """Whisper's code of the language, `ko`."""

    @property
    def prompt(self) -> tuple[int, ...]:
        """The tokens every transcript begins with: language, task, no time stamps."""
        return tuple(self.tokenizer.prefix_tokens)

    @property
    def seconds(self) -> int:
        """The longest clip the encoder takes."""
        return int(self.extractor.chunk_length)

    def save(self, folder: Path) -> None:
        """Model, tokenizer and feature settings as a folder of safetensors."""
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        self.extractor.save_pretrained(folder)


def need() -> None:
    """Raise GiljabiError where a library that tuning needs is missing."""
    for module in _LIBRARIES:
        if find_spec(module) is None:
            raise GiljabiError(
                f"Tuning recognition needs {module}: pip install 'giljabi[speech-train]'"
            )


def load(name: str, language: str = "ko") -> Loaded:
    """The base called `name`: `whisper-base`, a folder, or an id of the Hugging Face hub.

    Raises GiljabiError where there is none, or it is no multilingual Whisper.
    """
    need()
    packaged = name == weights.WHISPER_BASE.name
    path = weights.packaged() if packaged else Path(name).expanduser()
    if (path / "model.bin").is_file():
        model, extractor, tokenizer = _from_ct2(path)
    else:
        model, extractor, tokenizer = _from_transformers(name, path)
    try:
        tokenizer.set_prefix_tokens(language=language, task="transcribe", predict_timestamps=False)
        prefix = tokenizer.prefix_tokens
    except (ValueError, KeyError) as error:
        raise GiljabiError(f"{name} cannot be told the language {language!r}: {error}.") from error
    if len(prefix) != 4 or None in prefix or tokenizer.unk_token_id in prefix:
        raise GiljabiError(
            f"{name} is not a multilingual Whisper; it knows no language {language!r}."
        )
    model.generation_config.forced_decoder_ids = None  # of older folders; the prompt says it
    return Loaded(model.eval(), extractor, tokenizer, language)


def _from_transformers(name: str, path: Path) -> tuple[Any, Any, Any]:
    import torch  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperTokenizerFast,
    )

    if path.is_dir():
        where, offline = str(path), True
    elif path.is_absolute() or name.startswith(".") or name.count("/") != 1:
        raise GiljabiError(f"There is no folder {name} of Whisper weights, and it is no hub id.")
    else:
        where, offline = name, False
    asked = {"local_files_only": offline, "trust_remote_code": False}
    try:
        return (
            WhisperForConditionalGeneration.from_pretrained(
                where, use_safetensors=True, torch_dtype=torch.float32, **asked
            ),
            WhisperFeatureExtractor.from_pretrained(where, **asked),
            WhisperTokenizerFast.from_pretrained(where, **asked),
        )
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise GiljabiError(f"transformers cannot load Whisper from {name}: {said}") from error


def _from_ct2(folder: Path) -> tuple[Any, Any, Any]:
    from transformers import WhisperFeatureExtractor, WhisperTokenizerFast  # noqa: PLC0415

    try:
        own = json.loads((folder / "config.json").read_text("utf-8"))
        if not (folder / "tokenizer.json").is_file():
            raise FileNotFoundError("tokenizer.json")
        tokenizer = WhisperTokenizerFast.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise GiljabiError(f"{folder} lacks a readable part beside model.bin: {error}.") from error
    stored = whisper_ct2.read(folder / "model.bin")
    model = _model(stored, own, tokenizer)
    if (folder / "preprocessor_config.json").is_file():
        extractor = WhisperFeatureExtractor.from_pretrained(folder, local_files_only=True)
    else:
        positions = model.config.max_source_positions
        extractor = WhisperFeatureExtractor(
            feature_size=model.config.num_mel_bins, chunk_length=positions * 2 * 160 // _RATE
        )
    return model, extractor, tokenizer


def _model(stored: whisper_ct2.Stored, own: dict[str, Any], tokenizer: Any) -> Any:
    """The model with its sizes read off its tensors, and generation told what CTranslate2 is."""
    from transformers import (  # noqa: PLC0415
        GenerationConfig,
        WhisperConfig,
        WhisperForConditionalGeneration,
    )

    tensors = whisper_ct2.state_dict(stored)
    token = tokenizer.convert_tokens_to_ids
    start, end = token("<|startoftranscript|>"), token("<|endoftext|>")
    decoder, encoder = (
        tensors["model.decoder.embed_tokens.weight"],
        tensors["model.encoder.conv1.weight"],
    )
    ids = {
        "decoder_start_token_id": start, "bos_token_id": end, "eos_token_id": end, "pad_token_id": end,
        "suppress_tokens": own.get("suppress_ids"),
        "begin_suppress_tokens": own.get("suppress_ids_begin"),
    }  # fmt: skip
    positions = tensors["model.decoder.embed_positions.weight"].shape[0]
    config = WhisperConfig(
        vocab_size=decoder.shape[0], d_model=decoder.shape[1], num_mel_bins=encoder.shape[1],
        encoder_layers=whisper_ct2.layers(stored, "encoder"),
        decoder_layers=whisper_ct2.layers(stored, "decoder"),
        encoder_attention_heads=int(stored.arrays["encoder/num_heads"]),
        decoder_attention_heads=int(stored.arrays["decoder/num_heads"]),
        encoder_ffn_dim=tensors["model.encoder.layers.0.fc1.weight"].shape[0],
        decoder_ffn_dim=tensors["model.decoder.layers.0.fc1.weight"].shape[0],
        max_source_positions=tensors["model.encoder.embed_positions.weight"].shape[0],
        max_target_positions=positions, **ids,
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    try:
        model.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        raise GiljabiError(f"The CTranslate2 tensors are no Whisper: {error}") from error
    names = {i: t for t, i in tokenizer.get_vocab().items()}
    model.generation_config = GenerationConfig(
        **ids, max_length=positions, is_multilingual=bool(own.get("lang_ids")), return_timestamps=False,
        lang_to_id={names[i]: i for i in own.get("lang_ids", ()) if i in names},
        task_to_id={"transcribe": token("<|transcribe|>"), "translate": token("<|translate|>")},
        no_timestamps_token_id=token("<|notimestamps|>"), prev_sot_token_id=token("<|startofprev|>"),
        alignment_heads=own.get("alignment_heads"),
    )  # fmt: skip
    return model
