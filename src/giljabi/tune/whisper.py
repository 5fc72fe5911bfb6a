"""Speech tuning from a recipe to a model that serves: split, tune, merge, export, compare.

A run is a folder: `run.json` (settings and data, first), `checkpoints/`, `loss.jsonl`, `before.json`,
`adapter/`, `merged/` (safetensors), `ct2/` (what serves) and `report.json`, written last.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi import __version__
from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.tune import (
    speech_data,
    whisper_base,
    whisper_export,
    whisper_recipe,
    whisper_score,
    whisper_train,
)
from giljabi.tune.whisper_recipe import DataTable, SpeechRecipe


@dataclass(frozen=True, slots=True)
class _Sets:
    """Clips to tune on, clips to judge by, and what was left out."""

    train: Sequence[speech_data.Clip]
    held_out: Sequence[speech_data.Clip]
    faults: tuple[str, ...]


def run(
    recipe_path: Path, out: Path, *, resume: bool, smoke: bool, overrides: Mapping[str, str]
) -> dict[str, Any]:
    """Tune as the recipe says, into the folder `out`; the report, which is `out`/report.json too.

    `overrides` maps `table.key` to a value. `resume` goes on with an unfinished `out` of the same
    settings and data, and gives a finished one's report. Raises GiljabiError where `out` is taken,
    a setting or clip is at fault, or the export hears worse than the model it was made from.
    """
    recipe = whisper_recipe.read(recipe_path, overrides)
    if smoke:
        recipe = whisper_recipe.smoke(recipe)
    whisper_base.need()
    report = out / "report.json"
    if resume and report.is_file():
        return _read(report)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        if not resume:
            raise GiljabiError(f"{out} exists already; give another --out.")
        if not (out / "run.json").is_file():
            raise GiljabiError(f"{out} holds other things than a run; give another --out.")
    began = time.monotonic()
    loaded = whisper_base.load(recipe.base.model, recipe.base.language)
    sets = _sets(recipe, float(loaded.seconds))
    _claim(out, _identity(recipe, sets))
    made = {**_made(recipe, loaded, sets, out), "seconds": round(time.monotonic() - began, 1)}
    write_text(report, json.dumps(made, ensure_ascii=False, indent=1) + "\n")
    return _read(report)


def _made(
    recipe: SpeechRecipe, loaded: whisper_base.Loaded, sets: _Sets, out: Path
) -> dict[str, Any]:
    """Everything after the checks: what was made in `out`, and its figures."""
    held = sets.held_out
    before = _before(loaded, held, out)
    began = time.monotonic()
    adapted, training = whisper_train.train(
        loaded, sets.train, held, recipe.lora, recipe.train, out
    )
    training["seconds"] = round(time.monotonic() - began, 1)
    adapted.save_pretrained(out / "adapter")
    merged = whisper_export.merge(loaded, adapted, out / "merged")
    after = whisper_export.scored(merged, held, whisper_score.torch_hears(merged))
    served, alike = whisper_export.export(
        merged, out / "merged", held, after, recipe.export, out / "ct2"
    )
    return {
        "giljabi": __version__,
        "recipe": recipe.to_json(),
        "clips": {"train": len(sets.train), "held_out": len(held), "left_out": list(sets.faults)},
        "training": training,
        "cer": {
            "before": before["cer"], "after": after.cer, "exported": served.cer,
            "heard_alike": f"{alike} of {len(held)}",
        },
        "held_out": [
            {"said": c.text, "before": b, "after": a, "exported": e}
            for c, b, a, e in zip(held, before["heard"], after.heard, served.heard, strict=True)
        ],
        "cpu_seconds": round(time.process_time(), 1),
        "peak_mb": _peak_mb(),
    }  # fmt: skip


def _sets(recipe: SpeechRecipe, longest: float) -> _Sets:
    data, seed = recipe.data, recipe.train.seed
    clips, faults = _usable(data, data.train, longest)
    if data.held_out:
        held, more = _usable(data, data.held_out, longest)
        faults = (*faults, *more)
        seen = {clip.audio.resolve() for clip in clips}
        if both := next((c for c in held if c.audio.resolve() in seen), None):
            raise GiljabiError(
                f"{both.where}: {both.audio} is to be trained on and held out at once."
            )
    else:
        clips, held = speech_data.split(clips, data.held_out_share, seed)
    return _Sets(clips, speech_data.some(held, recipe.export.score_clips, seed), faults)


def _usable(
    data: DataTable, path: str, longest: float
) -> tuple[Sequence[speech_data.Clip], tuple[str, ...]]:
    pairs = speech_data.read(Path(path).expanduser(), longest)
    if data.faulty == "stop":
        return pairs.sound(), ()
    if not pairs.clips:
        pairs.sound()
    return pairs.clips, pairs.faults


def _identity(recipe: SpeechRecipe, sets: _Sets) -> dict[str, Any]:
    """What a run may not change on its way: settings and clips."""
    digest = hashlib.sha256()
    for clip in (*sets.train, *sets.held_out):
        digest.update(f"{clip.audio.name}\0{clip.text}\0{clip.audio.stat().st_size}\n".encode())
    settings = recipe.to_json()
    return {"recipe": json.loads(json.dumps(settings)), "clips": digest.hexdigest()}


def _claim(out: Path, identity: Mapping[str, Any]) -> None:
    """Write what this run is, or see that the unfinished one in `out` is the same."""
    path = out / "run.json"
    try:
        before = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        write_text(path, json.dumps(identity, ensure_ascii=False, indent=1) + "\n")
        return
    except ValueError as error:
        raise GiljabiError(f"{path} is not a run's record: {error}.") from error
    if before == identity:
        return
    changed = "the clips are others"
    for table, values in identity["recipe"].items():
        if values != (old := before.get("recipe", {}).get(table)):
            changed = f"[{table}] was {old} and is {values}"
    raise GiljabiError(
        f"{out} is a run of other settings: {changed}; set them back, or give another --out."
    )


def _before(
    loaded: whisper_base.Loaded, held: Sequence[speech_data.Clip], out: Path
) -> dict[str, Any]:
    """How the untuned base hears the held-out clips, taken once a run."""
    path = out / "before.json"
    if not path.is_file():
        score = whisper_export.scored(loaded, held, whisper_score.torch_hears(loaded))
        write_text(
            path, json.dumps({"cer": score.cer, "heard": score.heard}, ensure_ascii=False) + "\n"
        )
    return _read(path)


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _peak_mb() -> dict[str, int]:
    """The most memory this process held, and of a GPU where one was used."""
    import torch  # noqa: PLC0415

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = {"resident": most // (1 << 20 if sys.platform == "darwin" else 1 << 10)}
    if torch.cuda.is_available():
        peak["gpu"] = torch.cuda.max_memory_allocated() >> 20
    return peak
