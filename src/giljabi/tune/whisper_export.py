"""A tuned Whisper merged into one folder of safetensors, and converted to what serves.

CTranslate2 converts; what comes out has to recognise the held-out clips as the merged model does,
or it does not appear.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.tune import speech_data, whisper_score
from giljabi.tune.whisper_base import Loaded
from giljabi.tune.whisper_recipe import ExportTable

_BESIDE = ("tokenizer.json", "preprocessor_config.json")  # what faster-whisper reads too


@dataclass(frozen=True, slots=True)
class Score:
    """What was heard in the clips, and how far from what was said."""

    cer: float
    heard: tuple[str, ...]


def scored(
    loaded: Loaded, clips: Sequence[speech_data.Clip], hear: Callable[[Any, float], str]
) -> Score:
    """The clips transcribed one by one."""
    heard = tuple(hear(speech_data.features(loaded, clip), clip.seconds) for clip in clips)
    return Score(whisper_score.error_rate([clip.text for clip in clips], heard), heard)


def merge(loaded: Loaded, adapted: Any, out: Path) -> Loaded:
    """The adapter laid into the weights and saved as the folder `out`; the merged model."""
    try:
        model = adapted.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise GiljabiError(
            f"The tuned weights are not finite ({error}); lower train.learning_rate."
        ) from error
    model.config.use_cache = True
    merged = replace(loaded, model=model.float().eval())
    with _appearing(out) as made:
        merged.save(made)
    return merged


def export(
    loaded: Loaded,
    merged: Path,
    clips: Sequence[speech_data.Clip],
    expected: Score,
    settings: ExportTable,
    out: Path,
) -> tuple[Score, int]:
    """`merged` in CTranslate2 form at `out`; its score, and how many clips it hears alike.

    Raises GiljabiError, leaving no `out`, where its character error rate is over that of the torch
    model by more than the tolerance.
    """
    from ctranslate2.converters import TransformersConverter  # noqa: PLC0415

    with _appearing(out) as made:
        converter = TransformersConverter(
            str(merged), copy_files=list(_BESIDE), trust_remote_code=False
        )
        converter.convert(str(made), quantization=settings.quantization, force=True)
        found = scored(loaded, clips, whisper_score.ct2_hears(loaded, made))
        if found.cer > expected.cer + settings.tolerance:
            raise GiljabiError(
                f"The export as {settings.quantization} hears with {found.cer:.3f} character errors, the "
                f"merged model with {expected.cer:.3f}; export in a finer export.quantization, or raise "
                "export.tolerance."
            )
    return found, sum(a == b for a, b in zip(found.heard, expected.heard, strict=True))


@contextmanager
def _appearing(out: Path) -> Iterator[Path]:
    """A folder to fill that becomes `out` when all went well, in the place of an older one."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as unfinished:
        made = Path(unfinished) / out.name
        made.mkdir()
        yield made
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
