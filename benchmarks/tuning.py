"""What the adapter changes: whose words reach the visitor, whether they are right, what was forgotten.

Every question is asked of the same guide three ways: templates alone, the base as it comes, and base
with adapter. `own` is the share of the questions a model may word whose answer was wholly its own and
passed the checker. Held-out places are those of `giljabi data build`; the hospital and the arboretum
were never trained on.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

from model_answers import Recording

from giljabi.answer.guide import Guide
from giljabi.answer.memory import Turn
from giljabi.build import invented
from giljabi.build.dataset import BuildOptions, plan
from giljabi.build.maker import Maker
from giljabi.cli.options import Chosen, embedded
from giljabi.export import parity
from giljabi.export.embedded import trimmed
from giljabi.measure import suite
from giljabi.measure.questions import Question
from giljabi.model import store
from giljabi.model.llamacpp import Adapter
from giljabi.model.logits import Scorer
from giljabi.venue import folder
from giljabi.venue.place import Venue

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "benchmarks" / "guide"
WORDED = 150  # questions a set that a model may word


def sets() -> Iterator[tuple[str, Venue, list[list[str]]]]:
    """(name, venue, conversations) of every set: visitors' turns, the last one is answered."""
    hanyang = folder.load(ROOT / "venues" / "hanyang")
    for name, path in (("own", GUIDE / "questions.jsonl"),
                       ("second", GUIDE / "held_out" / "questions.jsonl")):  # fmt: skip
        yield name, hanyang, [list(row.turns) for row in _answerable(suite.read_questions(path))]
    yield "held-out places", hanyang, _made(hanyang, validation=True)
    hospital = folder.load(ROOT / "tests" / "venues" / "hospital")
    yield "a hospital never trained on", hospital, _made(hospital)
    park = invented.invent("park", seed=1)
    yield "an arboretum never trained on", park, _made(park)


def _answerable(rows: list[Question]) -> list[Question]:
    return [row for row in rows if row.expect == "answer"]


def _made(venue: Venue, *, validation: bool = False) -> list[list[str]]:
    """Questions of the data builder, in its held-out wordings where places are held out too."""
    options = BuildOptions(val_share=0.1 if validation else 0.0, seed=0)
    maker, out = Maker(venue), list[list[str]]()
    for job in plan(venue, options).jobs:
        if job.validation == validation:
            found, _ = maker.make(job)
            out += [list(example.questions) for example in found if example.for_model]
    return out[:: max(1, len(out) // WORDED)][:WORDED]


def words(venue: Venue, model: Recording, conversations: list[list[str]]) -> dict[str, Any]:
    """Who wrote the last answer of each conversation the model was asked to word."""
    guide, written, texts = Guide(venue, model), Counter[str](), []
    dropped = unended = 0
    for turns in conversations:
        history: list[Turn] = []
        for question in turns[:-1]:
            history.append(Turn(question, guide.answer(question, history=history).text))
        model.calls.clear()
        answer = guide.answer(turns[-1], history=history)
        if not model.calls:
            continue
        written[answer.written_by] += 1
        dropped += len(answer.dropped)
        unended += any(
            len(pieces) >= (options["max_tokens"] or 160) for _, options, pieces in model.calls
        )
        texts.append({"question": turns[-1], "answer": answer.text, "by": answer.written_by})
    return {"asked": len(conversations), "worded": sum(written.values()), "written_by": dict(written),
            "own": written["model"] / max(1, sum(written.values())), "sentences_dropped": dropped,
            "unended": unended, "texts": texts}  # fmt: skip


def forgetting(adapter: Path) -> dict[str, Any]:
    """Bits per byte of the fixed Korean and English text, adapter off and on."""
    base = store.base()
    file = trimmed(base, folder.load(ROOT / "venues" / "hanyang"), lambda line: None)
    out = {}
    for name, laid in (("off", None), ("on", Adapter(adapter))):
        with Scorer(file, adapter=laid) as scorer:
            out[name] = {lang: _bits(scorer, lang) for lang in ("ko", "en")}
    rise = {lang: out["on"][lang] / out["off"][lang] - 1 for lang in ("ko", "en")}
    return {**out, "rise": rise}


def _bits(scorer: Scorer, lang: str) -> float:
    korean = [s for s in parity.fixed_text() if any("가" <= c <= "힣" for c in s.answer)]
    some = korean if lang == "ko" else [s for s in parity.fixed_text() if s not in korean]
    nats = size = 0.0
    for sample in some:
        ids = scorer.tokenize(sample.answer)
        head = [] if scorer.bos is None else [scorer.bos]
        rows = scorer.logprobs([*head, *ids], start=len(head) - 1)[:-1]
        nats -= float(sum(row[i] for row, i in zip(rows, ids, strict=True)))
        size += len(sample.answer.encode())
    return nats / log(2) / size


def measure(adapter: Path | None = None) -> dict[str, Any]:
    """Words by set for base and adapter, and forgetting; `adapter` is the shipped one by default."""
    path = adapter or store.shipped_adapter(store.base())
    if path is None:
        return {"skipped": "no adapter ships yet"}
    out: dict[str, Any] = {"forgetting": forgetting(path), "words": {}}
    for name, venue, conversations in sets():
        out["words"][name] = {}
        for writer, chosen in (("base", "none"), ("adapter", str(path))):
            model = embedded(venue, Chosen(adapter=chosen))
            try:
                found = words(venue, Recording(model), conversations)
            finally:
                model.close()
            out["words"][name][writer] = {k: v for k, v in found.items() if k != "texts"}
            print(name, writer, out["words"][name][writer], file=sys.stderr, flush=True)
    return out


if __name__ == "__main__":
    given = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps(measure(given), ensure_ascii=False, indent=1))
