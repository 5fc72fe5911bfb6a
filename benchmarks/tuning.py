"""What the adapter changes: whose words reach the visitor, whether they are right, what was forgotten.

Every question is asked of the same guide with the base as it comes and with its adapter. `own` is
the share of the questions a model may word where it worded every fact and the checker passed all of
it. Held-out places are those of `giljabi data build`; the hospital and the arboretum were never
trained on. `ended` counts answers of the model alone, unchecked, that end by themselves.

    python benchmarks/tuning.py [ADAPTER.gguf [PAIRS.jsonl]]   # pairs: template and model, to judge
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
from giljabi.cli.guides import embedded
from giljabi.cli.options import Chosen
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
ASKED = 60  # questions a set
HOW = {"greedy": 0.0, "sampled": 0.7}  # temperatures


def sets() -> Iterator[tuple[str, Venue, list[list[str]]]]:
    """(name, venue, conversations) of every set: visitors' turns, the last one is answered."""
    hanyang = folder.load(ROOT / "venues" / "hanyang")
    for name, path in (("own", GUIDE / "questions.jsonl"),
                       ("second", GUIDE / "held_out" / "questions.jsonl")):  # fmt: skip
        yield name, hanyang, _some([list(r.turns) for r in _answerable(suite.read_questions(path))])
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
    return _some(out)


def _some(conversations: list[list[str]]) -> list[list[str]]:
    return [
        conversations[n * len(conversations) // ASKED]
        for n in range(min(ASKED, len(conversations)))
    ]


def words(venue: Venue, model: Recording, conversations: list[list[str]]) -> dict[str, Any]:
    """Who wrote the last answer of each conversation the model was asked to word."""
    guide, guide_alone, written, texts = Guide(venue, model), Guide(venue), Counter[str](), []
    dropped = 0
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
        template = guide_alone.answer(turns[-1], history=history).text
        texts.append({"turns": turns, "model": answer.text, "template": template,
                      "by": answer.written_by, "call": model.calls[0][:2]})  # fmt: skip
    return {"asked": len(conversations), "worded": sum(written.values()), "written_by": dict(written),
            "own": written["model"] / max(1, sum(written.values())), "sentences_dropped": dropped,
            "texts": texts}  # fmt: skip


def ended(model: Any, calls: list[tuple[Any, dict[str, Any]]], temperature: float) -> int:
    """How many prompts the model alone answers with an end of its own before the cap."""
    out = 0
    for messages, options in calls:
        for _ in model.stream(messages, **{**options, "temperature": temperature}):
            pass
        out += model.timings["predicted_n"] < options["max_tokens"]
    return out


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


def measure(adapter: Path | None = None, pairs: Path | None = None) -> dict[str, Any]:
    """Words and ends by set for base and adapter, and forgetting; the shipped adapter by default."""
    path = adapter or store.shipped_adapter(store.base())
    if path is None:
        return {"skipped": "no adapter ships"}
    out: dict[str, Any] = {"forgetting": forgetting(path), "words": {}}
    judged: list[dict[str, Any]] = []
    for name, venue, conversations in sets():
        out["words"][name] = {}
        for writer, chosen in (("base", "none"), ("adapter", str(path))):
            model = embedded(venue, Chosen(adapter=chosen))
            try:
                found = words(venue, Recording(model), conversations)
                calls = [text.pop("call") for text in found["texts"]]
                for how, temperature in HOW.items() if writer == "adapter" else ():
                    found[f"ended_{how}"] = ended(model, calls, temperature)
            finally:
                model.close()
            out["words"][name][writer] = {k: v for k, v in found.items() if k != "texts"}
            print(name, writer, out["words"][name][writer], file=sys.stderr, flush=True)
        judged += [{"set": name, **t} for t in found["texts"] if t["by"] == "model"]
    if pairs:
        pairs.write_text("".join(json.dumps(j, ensure_ascii=False) + "\n" for j in judged), "utf-8")
    return out


if __name__ == "__main__":
    given = [Path(argument) for argument in sys.argv[1:3]]
    print(json.dumps(measure(*given), ensure_ascii=False, indent=1))
