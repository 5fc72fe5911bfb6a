"""The small data set the tests build, and how its rows are read."""

from __future__ import annotations

import json
from pathlib import Path

from giljabi.build.dataset import KINDS

VENUES = Path(__file__).parents[1] / "venues"
HOSPITAL = VENUES / "hospital"
SMALL = dict.fromkeys(KINDS, 1) | {"basic": 4, "route": 3, "location": 3, "complex": 3}


def rows_of(folder: Path, split: str) -> list[dict]:
    text = (folder / f"{split}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.split("\n") if line]
