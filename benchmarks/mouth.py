"""How fast the embedded voice says guide answers, and what it takes in memory.

    python benchmarks/mouth.py [--answers 20]

Answers come from the guide over venues/hanyang without a model; times are milliseconds, one answer
at a time, whole answers rather than sentences. Resident memory is Linux's.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from giljabi.answer.guide import Guide
from giljabi.speech.sound import Lang
from giljabi.spoken import spoken
from giljabi.venue import folder

ASKED: dict[Lang, tuple[str, ...]] = {
    "ko": ("{} 어디야?", "{} 몇 층이야?", "한양플라자에서 {} 가는 길", "{} 거리", "{} 버스"),
    "en": (
        "Where is {}?",
        "How many floors does {} have?",
        "How do I get to {} from Hanyang Plaza?",
    ),
}


def resident() -> float:
    """MiB of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


def answers(lang: Lang, count: int) -> list[str]:
    """`count` different answers, the same every time."""
    venue = folder.load(Path(__file__).parents[1] / "venues" / "hanyang")
    guide = Guide(venue)
    draw = random.Random(7)
    found: set[str] = set()
    while len(found) < count:
        place = draw.choice(venue.places).label(lang)
        found.add(guide.answer(draw.choice(ASKED[lang]).format(place)).text)
    return sorted(found)


def measured(lang: Lang, texts: list[str]) -> dict[str, Any]:
    """Medians and 95th percentiles over `texts`."""
    from giljabi.speech.espeak import Espeak

    voice = Espeak()
    rows = []
    for text in texts:
        began = time.perf_counter()
        said = spoken(text, lang)
        asked = time.perf_counter()
        pieces = voice.say(said, lang)
        samples = len(next(pieces))
        first = time.perf_counter()
        samples += sum(map(len, pieces))
        seconds = samples / voice.rate
        rows.append(
            (asked - began, first - asked, (time.perf_counter() - asked) / seconds, seconds)
        )
    spoken_s, first_s, factor, length = zip(*rows, strict=True)
    return {
        "answers": len(texts),
        "sound_s": round(sum(length)),
        "spoken_ms": _both(spoken_s, 1000, 2),
        "first_piece_ms": _both(first_s, 1000, 2),
        "real_time_factor": _both(factor, 1, 4),
    }


def _both(values: tuple[float, ...], scale: float, digits: int) -> dict[str, float]:
    p95 = quantiles(values, n=20)[-1]
    return {"p50": round(median(values) * scale, digits), "p95": round(p95 * scale, digits)}


def main() -> None:
    """Print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answers", type=int, default=20)
    count = parser.parse_args().answers
    texts = {lang: answers(lang, count) for lang in ASKED}
    before = resident()
    out: dict[str, Any] = {lang: measured(lang, texts[lang]) for lang in ASKED}
    out["memory_added_mib"] = round(resident() - before, 1)
    print(json.dumps(out, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
