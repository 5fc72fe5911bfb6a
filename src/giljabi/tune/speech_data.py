"""Audio–text pairs: read from a manifest or a folder, checked, split, and made into features.

A manifest is JSONL, CSV or TSV; a row names its sound (`audio`, `file`, `file_name` or `path`), what is
said in it (`text`, `transcript`, `transcription` or `sentence`) and, where it is known, its `speaker`.
Sound files stand beside the manifest unless their path is absolute. A folder holds one such manifest,
or sounds with a .txt of the same name each.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.tune.whisper_score import plain

RATE = 16_000
"""Samples a second of what Whisper hears."""

_SOUNDS = {".wav", ".flac"}
_MANIFESTS = (
    "metadata.jsonl",
    "metadata.csv",
    "manifest.jsonl",
    "transcripts.tsv",
    "transcripts.csv",
)
_AUDIO = ("audio", "file", "file_name", "path")
_TEXT = ("text", "transcript", "transcription", "sentence")


@dataclass(frozen=True, slots=True)
class Clip:
    """One sound file and what is said in it."""

    audio: Path
    text: str
    where: str
    """The manifest and line it was read from, for messages."""
    seconds: float
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Clips that can be trained on, and a sentence on each that cannot."""

    clips: tuple[Clip, ...]
    faults: tuple[str, ...] = field(default=())

    def sound(self) -> tuple[Clip, ...]:
        """The clips; GiljabiError with the first fault where there is any."""
        if self.faults:
            more = f" (and {len(self.faults) - 1} more)" if len(self.faults) > 1 else ""
            raise GiljabiError(
                f'{self.faults[0]}{more}; mend the rows, or leave them out with data.faulty = "skip".'
            )
        return self.clips


def read(path: Path, longest: float = 30.0) -> Pairs:
    """Every pair of a manifest or folder; a clip of over `longest` seconds is a fault.

    Raises GiljabiError where there is no manifest, or it cannot be read as one.
    """
    found = [_checked(where, audio, row, longest) for where, audio, row in _rows(path)]
    clips = tuple(pair for pair in found if isinstance(pair, Clip))
    faults = tuple(fault for fault in found if isinstance(fault, str))
    if not clips and not faults:
        raise GiljabiError(f"{path} holds no audio–text pairs.")
    return Pairs(clips, faults)


def _rows(path: Path) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    """(where, sound file, row) of everything that ought to be a pair."""
    manifest = path
    if path.is_dir():
        found = next((path / name for name in _MANIFESTS if (path / name).is_file()), None)
        if found is None:
            yield from _beside(path)
            return
        manifest = found
    try:
        text = manifest.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise GiljabiError(f"Cannot read {path} as a manifest of speech: {error}.") from error
    for line, row in (
        _json_rows(manifest, text) if manifest.suffix == ".jsonl" else _table(manifest, text)
    ):
        where = f"{manifest}, line {line}"
        name = next((row[k] for k in _AUDIO if row.get(k)), None)
        if not isinstance(name, str):
            raise GiljabiError(f"{where}: no sound file named; a row needs {' or '.join(_AUDIO)}.")
        yield where, manifest.parent / name, row


def _beside(folder: Path) -> Iterator[tuple[str, Path, Mapping[str, Any]]]:
    for sound in sorted(p for p in folder.rglob("*") if p.suffix.lower() in _SOUNDS):
        said = sound.with_suffix(".txt")
        try:
            row = {"text": said.read_text("utf-8")} if said.is_file() else {}
        except UnicodeDecodeError as error:
            raise GiljabiError(f"{said} is not UTF-8 text: {error}.") from error
        yield str(said), sound, row


def _json_rows(manifest: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise GiljabiError(f"{manifest}, line {number} is not JSON: {error}.") from error
        if not isinstance(row, dict):
            raise GiljabiError(f"{manifest}, line {number} is not a JSON object.")
        yield number, row


def _table(manifest: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    tabs = manifest.suffix == ".tsv"
    reader = csv.DictReader(
        io.StringIO(text),
        delimiter="\t" if tabs else ",",
        quoting=csv.QUOTE_NONE if tabs else csv.QUOTE_MINIMAL,
    )
    columns = set(reader.fieldnames or ())
    if not columns & set(_AUDIO) or not columns & set(_TEXT):
        raise GiljabiError(
            f"{manifest}, line 1: a manifest needs a column {' or '.join(_AUDIO)} and one of "
            f"{', '.join(_TEXT)}."
        )
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise GiljabiError(
            f"{manifest}, line {reader.line_num + 1} is not CSV: {error}."
        ) from error


def _checked(where: str, audio: Path, row: Mapping[str, Any], longest: float) -> Clip | str:
    """The clip, or what is wrong with it as the beginning of a sentence."""
    import soundfile  # noqa: PLC0415

    said = next((row[k] for k in _TEXT if row.get(k)), "")
    if not isinstance(said, str) or not plain(said):
        return f"{where}: nothing is said in {audio.name}, its text is empty"
    if not audio.is_file():
        return f"{where}: there is no sound file {audio}"
    try:
        info = soundfile.info(str(audio))
    except soundfile.SoundFileError as error:
        return f"{where}: {audio} cannot be read as sound ({error})"
    if not 0 < info.duration <= longest:
        return f"{where}: {audio.name} is {info.duration:.1f} s long; Whisper hears up to {longest:g} s"
    return Clip(audio, " ".join(said.split()), where, info.duration, str(row.get("speaker") or ""))


def split(clips: Sequence[Clip], share: float, seed: int) -> tuple[list[Clip], list[Clip]]:
    """(training, held out): about `share` of the clips are held out, the same ones every time.

    Clips of one speaker stay together, and clips that say the same where no speaker is known.
    Raises GiljabiError where one side would be empty.
    """
    groups: dict[str, list[Clip]] = {}
    for clip in clips:
        groups.setdefault(clip.speaker or plain(clip.text), []).append(clip)
    held: list[Clip] = []
    for name in sorted(groups, key=lambda n: _draw(seed, n)):
        if len(held) >= share * len(clips):
            break
        held += groups.pop(name)
    train = [clip for group in groups.values() for clip in group]
    if not train or not held:
        raise GiljabiError(
            f"{len(clips)} clips of {len(groups) + bool(held)} speakers or sentences cannot be split; "
            "add clips, or name held-out ones with data.held_out."
        )
    return train, held


def some(clips: Iterable[Clip], count: int, seed: int) -> list[Clip]:
    """At most `count` clips, drawn by the seed."""
    return list(islice(sorted(clips, key=lambda c: _draw(seed, f"{c.audio.name} {c.text}")), count))


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\0{name}".encode()).digest()


def samples(clip: Clip) -> Any:
    """The clip as 16 kHz mono float32; GiljabiError where its sound is broken."""
    import numpy as np  # noqa: PLC0415
    import soundfile  # noqa: PLC0415

    try:
        sound, rate = soundfile.read(str(clip.audio), dtype="float32", always_2d=True)
    except soundfile.SoundFileError as error:
        raise GiljabiError(
            f"{clip.where}: {clip.audio} cannot be read as sound ({error})."
        ) from error
    mono = sound.mean(axis=1)
    if rate != RATE:
        import soxr  # noqa: PLC0415

        mono = soxr.resample(mono, rate, RATE)
    return np.ascontiguousarray(mono, dtype=np.float32)


def features(loaded: Any, clip: Clip) -> Any:
    """The clip's log-mel spectrogram, padded to the encoder's length: (bins, frames)."""
    return loaded.extractor(samples(clip), sampling_rate=RATE, return_tensors="np").input_features[
        0
    ]


class Examples:
    """Clips as a data set of PyTorch: features are made when asked for, so no set is too large."""

    def __init__(self, loaded: Any, clips: Sequence[Clip]) -> None:
        """`loaded` is the base (whisper_base.Loaded); GiljabiError where a text is too long for it."""
        self._loaded, self._clips = loaded, clips
        limit = loaded.model.config.max_target_positions
        # Without the first token: the model puts <|startoftranscript|> before the labels itself.
        self._labels = [loaded.tokenizer(clip.text).input_ids[1:] for clip in clips]
        for clip, ids in zip(clips, self._labels, strict=True):
            if len(ids) > limit:
                raise GiljabiError(
                    f"{clip.where}: the text has {len(ids)} tokens; Whisper writes up to {limit}."
                )

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {
            "input_features": features(self._loaded, self._clips[index]),
            "labels": self._labels[index],
        }


def batch(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Rows of Examples as tensors; padding of labels does not count in the loss."""
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415
    from torch.nn.utils.rnn import pad_sequence  # noqa: PLC0415

    labels = [torch.tensor(row["labels"]) for row in rows]
    return {
        "input_features": torch.from_numpy(np.stack([row["input_features"] for row in rows])),
        "labels": pad_sequence(labels, batch_first=True, padding_value=-100),
    }
