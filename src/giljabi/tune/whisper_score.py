"""How well speech was recognised: greedy transcripts, and their character error rate.

The same prompt, budget and search for torch and for CTranslate2, so that their rates compare.
"""

from __future__ import annotations

import copy
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

_TOKENS_A_SECOND = 12  # twice what quick Korean takes; a model that loops stops there


def plain(text: str) -> str:
    """What is compared: composed Hangul, lower case, letters and digits only.

    Korean spacing has several right forms, so white space counts as little as punctuation. A
    number in digits and the same in words stay different.
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum())


def error_rate(said: Sequence[str], heard: Sequence[str]) -> float:
    """Edits of characters over all texts together, by the characters said; may exceed 1."""
    import jiwer  # noqa: PLC0415

    return float(jiwer.cer([plain(t) for t in said], [plain(t) for t in heard]))


def budget(loaded: Any, seconds: float) -> int:
    """The most new tokens a clip may take: by its length, and half of what the decoder holds."""
    half = int(loaded.model.config.max_target_positions) // 2
    return min(10 + int(seconds * _TOKENS_A_SECOND), half)


def torch_hears(loaded: Any) -> Callable[[Any, float], str]:
    """Greedy transcription of (features, seconds) by the torch model."""
    import torch  # noqa: PLC0415

    model = loaded.model.eval()
    settings = copy.deepcopy(model.generation_config)
    settings.update(num_beams=1, do_sample=False, return_timestamps=False)
    prompt = torch.tensor([loaded.prompt], device=model.device)

    def hear(features: Any, seconds: float) -> str:
        settings.max_length = budget(loaded, seconds)  # Whisper's generate adds the prompt's length
        sound = torch.from_numpy(features[None]).to(model.device)
        with torch.inference_mode():
            ids = model.generate(
                sound, generation_config=settings, decoder_input_ids=prompt,
                attention_mask=torch.ones(sound.shape[0], sound.shape[-1], device=model.device),
            )  # fmt: skip
        return _text(loaded, ids[0].tolist())

    return hear


def ct2_hears(loaded: Any, folder: Path) -> Callable[[Any, float], str]:
    """The same by the CTranslate2 model in `folder`, on the processor, as it serves."""
    import ctranslate2  # noqa: PLC0415

    model = ctranslate2.models.Whisper(str(folder), device="cpu")
    prompt = list(loaded.prompt)

    def hear(features: Any, seconds: float) -> str:
        sound = ctranslate2.StorageView.from_array(features[None])
        # CTranslate2 writes half of its max_length at most, as the first Whisper did
        found = model.generate(sound, [prompt], beam_size=1, max_length=2 * budget(loaded, seconds))
        return _text(loaded, found[0].sequences_ids[0])

    return hear


def _text(loaded: Any, ids: Sequence[int]) -> str:
    end = loaded.tokenizer.eos_token_id
    said: str = loaded.tokenizer.decode([i for i in ids if i < end], skip_special_tokens=True)
    return said.strip()
