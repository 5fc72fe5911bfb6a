"""Hearing on real clips: words, names, what was not said, and when somebody begins and ends.

nice -n 19 python benchmarks/hearing.py [PART …]; parts: words names noises turns. One thread.
Reads ../shared/speech and skips, saying so, without it. CPU seconds are the process's own.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import statistics
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

import noises  # noqa: E402

from giljabi.speech import wav, weights  # noqa: E402
from giljabi.speech.recogniser import Decoding, Recogniser  # noqa: E402
from giljabi.speech.shortlist import Shortlist  # noqa: E402
from giljabi.speech.sound import RATE, Ended, Heard, Pcm, Started  # noqa: E402
from giljabi.speech.vad import FRAME, Silero, Turns, Vad  # noqa: E402
from giljabi.speech.whisper import WhisperEar  # noqa: E402
from giljabi.venue import folder  # noqa: E402
from giljabi.venue.names import Names  # noqa: E402
from giljabi.venue.place import Place, Text, Venue  # noqa: E402

SPEECH = HERE.parents[1] / "shared" / "speech"
PLACES = "아웃백 사당역 명동역 명동점 목동점 경산".split()
ROOMS = "수유실 지하철역 전철역 단체석 예약석 주차공간".split()
"""Names and common places that occur in the clips."""


@dataclasses.dataclass(frozen=True)
class Clip:
    name: str
    said: str
    pcm: Pcm


def measure(parts: tuple[str, ...] = ("words", "names", "noises", "turns")) -> dict[str, Any]:
    """Every figure by part, or why there is none."""
    if not SPEECH.is_dir():
        return {"skipped": f"{SPEECH} is not here"}
    with (SPEECH / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file, delimiter="\t") if r["kind"] != "noise"]
    clips = [Clip(r["file"], r["transcript"], wav.read(SPEECH / r["file"])) for r in rows]
    known: dict[str, Callable[[list[Clip]], Any]] = {
        "words": words, "names": names, "noises": unsaid, "turns": turns,
    }  # fmt: skip
    out = {"clips": len(clips), "seconds": round(sum(len(c.pcm) for c in clips) / RATE, 1)}
    return {**out, **{part: known[part](clips) for part in parts}}


def plain(text: str) -> str:
    """Letters and digits only: Korean spacing has several right forms."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def cer(pairs: list[tuple[str, str]]) -> float:
    import jiwer

    said, heard = ([plain(p[i]) for p in pairs] for i in (0, 1))
    return round(float(jiwer.cer(said, heard)), 3)


def recogniser(**decoding: Any) -> Recogniser:
    return Recogniser(weights.folder(), threads=1, decoding=Decoding(**decoding))


def words(clips: list[Clip]) -> dict[str, Any]:
    """Character errors and cost by setting; settings take turns at every clip."""
    from faster_whisper import WhisperModel

    library = WhisperModel(
        str(weights.folder()), device="cpu", compute_type="int8", cpu_threads=1,
        local_files_only=True,
    )  # fmt: skip
    ours = {
        "ours: window that fits, penalty 1.1, beam 5": recogniser(),
        "ours without penalty": recogniser(repetition_penalty=1.0),
        "ours, greedy": recogniser(beam=1),
        "ours on 30 s": recogniser(window_floor_s=30.0),
        "ours, window without the floor": recogniser(window_floor_s=0.0),
    }
    runs: dict[str, Callable[[Pcm], str]] = {
        "faster-whisper's transcribe()": lambda pcm: " ".join(
            s.text for s in library.transcribe(pcm, language="ko")[0]
        )
    }
    for name, model in ours.items():
        runs[name] = lambda pcm, m=model: m.decode(m.encode(pcm), "ko").text  # type: ignore[misc]
    heard: dict[str, list[tuple[str, str]]] = {name: [] for name in runs}
    cpu: Counter[str] = Counter()
    for clip in clips:
        for name, run in runs.items():
            begin = time.process_time()
            heard[name].append((clip.said, run(clip.pcm)))
            cpu[name] += time.process_time() - begin  # type: ignore[assignment]
    seconds = sum(len(c.pcm) for c in clips) / RATE
    return {
        name: {
            "cer": cer(heard[name]),
            "cpu_s_a_clip": round(cpu[name] / len(clips), 3),
            "real_time_factor": round(cpu[name] / seconds, 4),
        }
        for name in runs
    }


def catalogues() -> dict[str, Venue]:
    """Hanyang's places, with and without those the clips name."""
    hanyang = folder.load(HERE.parent / "venues" / "hanyang")
    kind = Text("장소")
    named = tuple(
        Place(id=f"clip-{n}", name=Text(name), kind=kind, area="landmark")
        for n, name in enumerate(PLACES + ROOMS)
    )
    return {
        "with the clips' places": dataclasses.replace(hanyang, places=hanyang.places + named),
        "Hanyang only": hanyang,
    }


def names(clips: list[Clip]) -> dict[str, Any]:
    """Names heard with and without help, and names heard that nobody said, by catalogue."""
    whisper = recogniser()
    out: dict[str, Any] = {}
    for which, venue in catalogues().items():
        index = Names(venue)
        for how, ear in (("unhelped", WhisperEar(whisper)), ("helped", WhisperEar(whisper, venue))):
            begin = time.process_time()
            heard = [ear.hear(c.pcm, lang="ko") for c in clips]
            cpu = time.process_time() - begin
            out[f"{which}, {how}"] = _named(venue, index, clips, heard) | {
                "cpu_s_a_clip": round(cpu / len(clips), 3)
            }
    shortlist = Shortlist(catalogues()["with the clips' places"])
    took = []
    for clip in clips:
        begin = time.perf_counter()
        shortlist.of(clip.said, "ko")
        took.append(1e3 * (time.perf_counter() - begin))
    return out | {"shortlist_ms": spread(took)}


def _named(venue: Venue, index: Names, clips: list[Clip], heard: list[Heard]) -> dict[str, Any]:
    ids = {p.name.ko: p.id for p in venue.places if p.id.startswith("clip-")}
    right, said, false, unrelated, asked = Counter[str](), Counter[str](), 0, 0, 0
    for clip, h in zip(clips, heard, strict=True):
        found = set() if h.rejected else _sure(index, h.text)
        wanted = {i: n for n, i in ids.items() if n in clip.said.replace(" ", "")}
        for i, name in wanted.items():
            group = "places" if name in PLACES else "rooms"
            said[group] += 1
            right[group] += i in found
        if not wanted:
            unrelated += 1
            false += bool(found - _sure(index, clip.said))
            asked += bool(h.asks)
    return {
        "names_right": {group: f"{right[group]} of {said[group]}" for group in said},
        "false_names": f"{false} of {unrelated} unrelated clips",
        "asked_back": f"{asked} of {unrelated} unrelated clips",
        "rejected": dict(Counter(h.rejected for h in heard if h.rejected)),
        "cer": cer([(c.said, h.text) for c, h in zip(clips, heard, strict=True)]),
    }


def _sure(index: Names, text: str) -> set[str]:
    return {m.places[0] for m in index.find(text) if m.how in {"exact", "near", "code"}}


def unsaid(clips: list[Clip]) -> dict[str, Any]:
    """A minute of each noise through Listener and Ear: turns that opened, and those answered."""
    ear = WhisperEar(recogniser(), catalogues()["Hanyang only"])
    out: dict[str, Any] = {}
    for name, sound in noises.all_of([c.pcm for c in clips]):
        heard = [ear.hear(pcm) for pcm in _turns_in(sound)]
        why = Counter(h.rejected or "answered" for h in heard)
        out[name] = {"turns": len(heard), "answered": why["answered"], "why": dict(why)}
        if why["answered"]:
            out[name]["said"] = [f"{h.text} ({h.log_prob:.2f})" for h in heard if not h.rejected]
    said = [[ear.hear(pcm) for pcm in _turns_in(_around(c.pcm))] for c in clips]
    return {
        "noises": out,
        "answered": sum(row["answered"] for row in out.values()),
        "real clips answered": f"{sum(any(not h.rejected for h in hs) for hs in said)} of {len(said)}",
        "real clips rejected": dict(Counter(h.rejected for hs in said for h in hs if h.rejected)),
    }


def _around(pcm: Pcm) -> Pcm:
    quiet = np.zeros(RATE, np.float32)
    return np.concatenate([quiet, pcm, quiet])


def _turns_in(sound: Pcm) -> list[Pcm]:
    return [e.pcm for e in Vad().feed(sound) if isinstance(e, Ended)]


def turns(clips: list[Clip]) -> dict[str, Any]:
    """How soon after speech begins and ends the listener says so, 20 ms at a time."""
    onset, end, opened = [], [], Counter[int]()
    for clip in clips:
        first, last = _loud(clip.pcm)
        sound, vad, seen = _around(clip.pcm), Vad(), []
        for at in range(0, len(sound), RATE // 50):
            seen += [(at + RATE // 50, e) for e in vad.feed(sound[at : at + RATE // 50])]
        opened[sum(isinstance(e, Started) for _, e in seen)] += 1
        onset += [1e3 * (at - RATE - first) / RATE for at, e in seen[:1] if isinstance(e, Started)]
        end += [1e3 * (at - RATE - last) / RATE for at, e in seen[-1:] if isinstance(e, Ended)]
    silero, frames, begin = Silero(), 0, time.process_time()
    for clip in clips:
        for frame in clip.pcm[: len(clip.pcm) // FRAME * FRAME].reshape(-1, FRAME):
            silero(frame)
            frames += 1
    return {
        "vad_ms_a_frame": round(1e3 * (time.process_time() - begin) / frames, 3),
        "turns_a_clip": dict(opened),
        "onset_ms": spread(onset),
        f"end_ms (silence of {Turns().silence_ms})": spread(end),
    }


def _loud(pcm: Pcm) -> tuple[int, int]:
    """First and last sample of speech by loudness alone: 30 ms within 25 dB of the loud tenth."""
    step = RATE // 100
    power = 10 * np.log10((pcm[: len(pcm) // step * step].reshape(-1, step) ** 2).mean(1) + 1e-10)
    loud = "".join("x" if p > np.percentile(power, 90) - 25 else "." for p in power)
    return loud.index("xxx") * step, (loud.rindex("xxx") + 3) * step


def spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=20)
    figures = {"p50": statistics.median(values), "p95": cuts[-1], "most": max(values)}
    return {name: round(value, 1) for name, value in figures.items()}


if __name__ == "__main__":
    chosen = tuple(p for p in sys.argv[1:] if re.fullmatch("[a-z]+", p))
    print(json.dumps(measure(chosen) if chosen else measure(), ensure_ascii=False, indent=1))
