"""A spoken turn, measured: how soon it is answered, interrupted at every stage, and for an hour.

    python benchmarks/voice.py [turns interrupt memory soak …] [--minutes N]

Human clips of ../shared/speech are fed in real time, 20 ms at a time; none names a building here, so
each is recognised for real and then stands for a question of the second set. The sequential road
has the same parts one after another: the silence, recognition, the whole answer, its whole sound.
Skips, saying so, without the clips.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import os
import queue
import random
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from giljabi.answer.guide import Guide
from giljabi.cli.guides import generator
from giljabi.cli.options import Chosen
from giljabi.measure.figures import within
from giljabi.measure.questions import read_questions
from giljabi.speech import events, wav, weights
from giljabi.speech.ears import ear
from giljabi.speech.echo import EchoCanceller
from giljabi.speech.espeak import Espeak
from giljabi.speech.hold import listening
from giljabi.speech.sound import RATE, Ended, Heard, Pcm
from giljabi.speech.turn import Conversation
from giljabi.speech.vad import Turns, Vad
from giljabi.spoken import spoken
from giljabi.venue import folder

ROOT = Path(__file__).parents[1]
SPEECH = ROOT.parent / "shared" / "speech"
PIECE = RATE // 50
TURNS, INTERRUPTIONS = 54, 8
SILENCE_MS = 500


@dataclass(frozen=True)
class Parts:
    """Everything loaded once."""

    guide: Guide
    ear: Any
    mouth: Espeak
    questions: Iterator[str]
    clips: list[Pcm]
    """Of one utterance each."""


class Told:
    """Recognises for real, and then says what was meant: the next question of the set."""

    def __init__(self, hears: Any, questions: Iterator[str]) -> None:
        self._hears, self._questions = hears, questions

    def hear(self, pcm: Pcm, **options: Any) -> Heard:
        heard: Heard = self._hears.hear(pcm, **{**options, "lang": "ko"})
        return replace(heard, text=next(self._questions), rejected="", asks=())


def parts() -> Parts:
    venue = folder.load(ROOT / "venues" / "hanyang")
    asked = read_questions(ROOT / "benchmarks" / "guide" / "held_out" / "questions.jsonl")
    texts = [
        q.turns[0] for q in asked if q.lang == "ko" and q.expect == "answer" and len(q.turns) == 1
    ]
    random.Random(1).shuffle(texts)
    guide = Guide(venue, generator(Chosen(), venue))
    questions = itertools.cycle(texts)
    return Parts(
        guide, Told(ear("whisper-base", venue, threads=1), questions), Espeak(), questions, _clips()
    )


def _clips() -> list[Pcm]:
    with (SPEECH / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["kind"] != "noise"]
    found = []
    for row in rows:
        pcm, vad = wav.read(SPEECH / row["file"]), Vad(Turns(silence_ms=SILENCE_MS))
        told = vad.feed(np.concatenate([pcm, np.zeros(RATE, np.float32)]))
        if sum(isinstance(one, Ended) for one in told) == 1:
            found.append(pcm)
    return found


class Talk:
    """A conversation fed in real time; its events with the moment they were told."""

    def __init__(self, of: Parts) -> None:
        self.told: queue.SimpleQueue[tuple[float, Any]] = queue.SimpleQueue()
        listener = listening(SILENCE_MS)
        self.on = Conversation(
            listener, of.ear, of.mouth, of.guide,
            lambda event: self.told.put((time.perf_counter(), event)), spoken=spoken,
        )  # fmt: skip
        self._due = time.perf_counter()

    def feed(self, pcm: Pcm) -> None:
        for at in range(0, len(pcm), PIECE):
            self._due = max(self._due + PIECE / RATE, time.perf_counter() - 0.1)
            time.sleep(max(0.0, self._due - time.perf_counter()))
            self.on.feed(pcm[at : at + PIECE])

    def until(self, kind: type | tuple[type, ...], within_s: float = 30.0) -> tuple[float, Any]:
        """The next event of that kind, silence being fed meanwhile."""
        until = time.perf_counter() + within_s
        while time.perf_counter() < until:
            while not self.told.empty():
                at, event = self.told.get()
                if isinstance(event, kind):
                    return at, event
            self.feed(np.zeros(PIECE, np.float32))
        raise TimeoutError(f"no {kind} in {within_s} s")


# ---- end of speech to first sound ----


def turns(of: Parts) -> dict[str, Any]:
    """Milliseconds from the end of speech to the first sound; ours and the sequential roads in turn."""
    from faster_whisper import WhisperModel

    library = WhisperModel(
        str(weights.folder()), device="cpu", compute_type="int8", cpu_threads=1, local_files_only=True
    )  # fmt: skip

    def by_library(pcm: Pcm) -> None:
        " ".join(s.text for s in library.transcribe(pcm, language="ko")[0])

    roads: dict[str, Callable[[Pcm], Any]] = {
        "sequential": of.ear.hear,
        "sequential, the library's own call": by_library,
    }
    found: dict[str, list[float]] = {"ours": [], **{name: [] for name in roads}}
    stages: dict[str, list[float]] = {}
    talk = Talk(of)
    for number, pcm in zip(range(TURNS), itertools.cycle(of.clips), strict=False):
        talk.feed(pcm)
        done = talk.until(events.Done)[1]
        found["ours"].append(done.timings["first_sound"])
        for name, ms in done.timings.items():
            stages.setdefault(name, []).append(ms)
        talk.on.forget()
        for name, hear in roads.items():
            found[name].append(_sequential(of, hear, pcm))
        if number % 10 == 9:
            print(
                number + 1,
                {k: round(statistics.median(v)) for k, v in found.items()},
                file=sys.stderr,
            )
    talk.on.close()
    p50 = {name: within(ms, 0.5) or 0 for name, ms in found.items()}
    return {
        "turns": TURNS, "silence_ms": SILENCE_MS,
        "first_sound_ms": {name: _spread(ms) for name, ms in found.items()},
        "stages_ms": {name: _spread(ms) for name, ms in stages.items()},
        "ratio": {name: p50[name] / p50["ours"] for name in roads},
    }  # fmt: skip


def _sequential(of: Parts, hear: Callable[[Pcm], Any], pcm: Pcm) -> float:
    """The hold, then every part whole; the time to the end of its sound's making."""
    began = time.perf_counter()
    hear(pcm)
    answer = of.guide.answer(next(of.questions))
    for _ in of.mouth.say(spoken(answer.text, answer.lang), answer.lang):
        pass
    return SILENCE_MS + (time.perf_counter() - began) * 1000


def _spread(ms: list[float]) -> dict[str, float]:
    return {"p50": round(within(ms, 0.5) or 0, 1), "p95": round(within(ms, 0.95) or 0, 1)}


# ---- interrupted ----


def interrupt(of: Parts) -> dict[str, Any]:
    """Milliseconds from the onset of recorded speech to Cancelled, at every stage.

    `echo` is speaking with the answer's own sound in the microphone, a tenth as strong and 60 ms
    late, through one canceller that has heard an answer before; elsewhere nothing of it is, as with
    a headset.
    Onset is where the clip first is loud, within 15 dB of its loudest tenth for 30 ms; what comes
    more than 50 ms before that is left out, or the stage would be over. What is cancelled in the
    silence before the clip, the answer interrupted itself; what had come to its end before anybody
    spoke is over, and not cancelled.
    """
    out: dict[str, Any] = {}
    room = Room(of.mouth)
    for stage in ("hearing", "thinking", "speaking", "echo"):
        where = room if stage == "echo" else None
        found = [_interrupted(of, stage, number, where) for number in range(INTERRUPTIONS)]
        delays = [one.delay_ms for one in found if one.delay_ms is not None]
        out[stage] = {
            **_spread(delays), "most": round(max(delays, default=0), 1),
            "within_200_ms": sum(ms <= 200 for ms in delays), "interruptions": len(found),
            "by_itself": sum(one.by_itself for one in found),
            "over_or_unheard": len(found) - len(delays), "stale_events": sum(one.stale for one in found),
            "next_turn_ended": sum(one.answered for one in found),
        }  # fmt: skip
        print(stage, out[stage], file=sys.stderr, flush=True)
    return out


@dataclass
class Interrupted:
    """What became of one interruption."""

    delay_ms: float | None = None
    """None: nobody noticed, or it was by itself."""
    by_itself: bool = False
    stale: int = 0
    answered: bool = False


class Room:
    """A loudspeaker that the microphone hears, a tenth as strong and 60 ms late; cancelled."""

    def __init__(self, mouth: Espeak) -> None:
        self._cancels, self._rate = EchoCanceller(), mouth.rate
        self._late = deque([np.zeros(PIECE, np.float32)] * 3)
        sound = list(
            mouth.say("잠시만 기다려 주세요. 가는 길을 찾고 있어요. 곧 알려 드릴게요.", "ko")
        )
        while sound:  # so that it knows the room
            self.heard(np.zeros(PIECE, np.float32), _next(sound, self._rate))

    def heard(self, piece: Pcm, played: Pcm) -> Pcm:
        """What is left of `piece` and the echo while `played` sounds."""
        self._cancels.played(played, self._rate)
        self._late.append(0.1 * _at_rate(played, self._rate, PIECE))
        return self._cancels.clean(piece + self._late.popleft()[: len(piece)])


def _interrupted(of: Parts, stage: str, number: int, room: Room | None) -> Interrupted:
    talk, out = Talk(of), Interrupted()
    talk.feed(of.clips[number % len(of.clips)])
    stop = {"hearing": events.SpeechStopped, "thinking": events.Transcribed}
    first = talk.until(stop.get(stage, events.Sound))[1]
    sound = [first.pcm] if isinstance(first, events.Sound) else []
    clip = of.clips[(number * 5 + 7) % len(of.clips)]
    before = 0 if stage in stop else RATE // 4  # a stage before speaking would be over
    onset = _onset(clip)
    lead = min(onset, RATE // 20)
    over = np.concatenate([np.zeros(before, np.float32), clip[onset - lead :]])
    begun, cancelled = time.perf_counter(), 0.0
    for at in range(0, len(over), PIECE):
        piece = over[at : at + PIECE]
        if room is not None:
            piece = room.heard(piece, _next(sound, talk.on.rate))
        talk.feed(piece)
        while not talk.told.empty():
            when, event = talk.told.get()
            if isinstance(event, events.Cancelled) and event.turn == first.turn:
                cancelled = when
            elif isinstance(event, events.Done) and event.turn > first.turn:
                out.answered = True
            elif cancelled and event.turn == first.turn:
                out.stale += 1
            elif isinstance(event, events.Sound):
                sound.append(event.pcm)
    with suppress(TimeoutError):
        out.answered = out.answered or bool(talk.until(events.Done, within_s=8))
    talk.on.close()
    out.by_itself = bool(cancelled) and cancelled - begun < before / RATE
    if cancelled and not out.by_itself:
        out.delay_ms = (cancelled - begun - (before + lead) / RATE) * 1000
    return out


def _onset(pcm: Pcm) -> int:
    """The first of 30 ms within 15 dB of the loudest tenth."""
    step = RATE // 100
    power = 10 * np.log10(
        np.mean(pcm[: len(pcm) // step * step].reshape(-1, step) ** 2, axis=1) + 1e-10
    )
    loud = "".join("x" if one > np.percentile(power, 90) - 15 else "." for one in power)
    return loud.index("xxx") * step


def _next(sound: list[Pcm], rate: int) -> Pcm:
    """20 ms of what plays."""
    wanted, out = rate // 50, np.zeros(0, np.float32)
    while sound and len(out) < wanted:
        out = np.concatenate([out, sound.pop(0)])
    if len(out) > wanted:
        sound.insert(0, out[wanted:])
    return np.pad(out[:wanted], (0, max(0, wanted - len(out)))).astype(np.float32)


def _at_rate(pcm: Pcm, rate: int, samples: int) -> Pcm:
    places = np.arange(samples) * (rate / RATE)
    out: Pcm = np.interp(places, np.arange(len(pcm)), pcm).astype(np.float32)
    return out


# ---- memory ----


def memory(of: Parts) -> dict[str, Any]:
    """Resident memory of the whole stack in this process after ten turns, beside plan's figure."""
    _converse(of, turns_=10)
    return {"resident_mb": round(_resident_mb(), 1), "peak_mb": round(_resident_mb("VmHWM"), 1)}


def soak(of: Parts, minutes: float) -> dict[str, Any]:
    """Resident memory, threads and open files over a conversation of that length, in real time."""
    seen: list[dict[str, float]] = []
    until = time.monotonic() + minutes * 60
    total = 0
    while time.monotonic() < until:
        total += _converse(of, turns_=20)
        seen.append({
            "minute": round(minutes - (until - time.monotonic()) / 60, 1),
            "resident_mb": round(_resident_mb(), 1), "turns": total,
            "threads": len(os.listdir("/proc/self/task")), "files": len(os.listdir("/proc/self/fd")),
        })  # fmt: skip
        print(seen[-1], file=sys.stderr, flush=True)
    half = [one["resident_mb"] for one in seen[len(seen) // 2 :]]
    return {"minutes": minutes, "turns": total, "first": seen[0], "last": seen[-1],
            "second_half_mb": [min(half), max(half)]}  # fmt: skip


def _converse(of: Parts, turns_: int) -> int:
    talk = Talk(of)
    for pcm in random.sample(of.clips, min(turns_, len(of.clips))):
        talk.feed(pcm)
        talk.until(events.Done)
    talk.on.close()
    return min(turns_, len(of.clips))


def _resident_mb(what: str = "VmRSS") -> float:
    text = Path("/proc/self/status").read_text("ascii")
    line = next(row for row in text.splitlines() if row.startswith(what))
    return int(line.split()[1]) * 1024 / 1e6


def measure(
    names: tuple[str, ...] = ("turns", "interrupt", "memory"), minutes: float = 60
) -> dict[str, Any]:
    """Every figure by part, or why there is none."""
    if not SPEECH.is_dir():
        return {"skipped": f"{SPEECH} is not here"}
    loaded = parts()
    known: dict[str, Callable[[], Any]] = {
        "turns": lambda: turns(loaded), "interrupt": lambda: interrupt(loaded),
        "memory": lambda: memory(loaded), "soak": lambda: soak(loaded, minutes),
    }  # fmt: skip
    out: dict[str, Any] = {}
    # Memory first: the library's own call of `turns` brings weights of its own.
    for name in sorted(names, key=lambda n: n != "memory"):
        out[name] = known[name]()
        print(name, json.dumps(out[name], ensure_ascii=False), file=sys.stderr, flush=True)
    return out


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["turns", "interrupt", "memory"])
    parser.add_argument("--minutes", type=float, default=60)
    given = parser.parse_args()
    print(json.dumps(measure(tuple(given.parts), given.minutes), ensure_ascii=False, indent=1))
