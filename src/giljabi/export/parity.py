"""Is it still the same model? Two of them on the same text, token by token, and a bar to pass.

Both read a fixed Korean and English text and answers of the guide after their prompts. What is
compared: how often both find the same token likeliest, the Kullback–Leibler divergence of the
made model from its source in nats a token, and bits per byte of the text under each.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from importlib.resources import files
from math import log
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.build.maker import Maker
from giljabi.errors import GiljabiError
from giljabi.export import gguf_file
from giljabi.model import prompt
from giljabi.model.prompt import Template

if TYPE_CHECKING:
    from giljabi.model.logits import Scores
    from giljabi.venue.place import Venue

Progress = Callable[[int, int], None]

_ROWS = 16  # positions compared at a time, so that what is in between stays small: 17 MB each
GUIDE_ANSWERS = 200
"""Answers of the guide that a gate reads beside the fixed text, where nobody says."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A text to score: only `answer` counts, read after `prompt`."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Parity:
    """How near a made model is to its source."""

    tokens: int
    """Positions compared."""
    top1: float
    """Share of them where both find the same token likeliest."""
    kl: float
    """Mean divergence of the made model from the source, nats a token."""
    bits_per_byte: float
    source_bits_per_byte: float
    apart: int = 0
    """Samples the two cut into different tokens: they count for bits per byte alone."""

    def to_json(self) -> dict[str, Any]:
        """Plain figures."""
        return {k: round(v, 6) if isinstance(v, float) else v for k, v in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Bar:
    """What a step may cost at most."""

    top1: float
    kl: float
    bits_per_byte: float
    """Most the bits per byte may rise, as a share of the source's."""


BARS = {
    "same": Bar(0.995, 0.001, 0.001),
    "f16": Bar(0.97, 0.01, 0.005),
    "adapter": Bar(0.88, 0.02, 0.02),
    "Q8_0": Bar(0.93, 0.03, 0.02),
    "Q6_K": Bar(0.90, 0.05, 0.03),
    "Q5_K_M": Bar(0.80, 0.12, 0.06),
    "Q4_K_M": Bar(0.75, 0.20, 0.10),
    "Q4_K_S": Bar(0.75, 0.25, 0.12),
    "Q4_0": Bar(0.50, 0.90, 0.35),
}
"""By step: sliced or copied weights, weights at 16 bit, an adapter over its base, each
quantisation. Set from what Gemma 3 270M, the smallest base here, loses (docs/model-files.md), with
room for other text; a misplaced tensor costs several nats."""


def fixed_text() -> list[Sample]:
    """The fixed Korean and English paragraphs."""
    table = tomllib.loads((files("giljabi.export") / "parity.toml").read_text("utf-8"))
    return [Sample("", text) for lang in ("ko", "en") for text in table[lang]]


def guide_answers(venue: Venue, template: Template, count: int = GUIDE_ANSWERS) -> list[Sample]:
    """Answers as the guide gives them after the prompts it sends, both languages, `count` of them."""
    from giljabi.build.dataset import BuildOptions, plan  # noqa: PLC0415 - it imports much

    counts = {"basic": 1, "route": 1}
    jobs = plan(venue, BuildOptions(counts=counts, val_share=0.0)).jobs
    maker, out = Maker(venue), list[Sample]()
    for job in jobs:
        found, _ = maker.make(job)
        for example in found:
            prompt = template.render(example.messages[:-1])
            out.append(Sample(prompt, example.answer + template.end.rstrip("\n")))
        if len(out) >= count:
            break
    return out[:count]


def samples(venue_dir: Path, template: str | None, answers: int = GUIDE_ANSWERS) -> list[Sample]:
    """The fixed text and `answers` of the guide to a venue; these need a template's name."""
    if not answers or template is None:
        return fixed_text()
    from giljabi.venue import folder  # noqa: PLC0415

    spoken = prompt.template(template)
    return [*fixed_text(), *guide_answers(folder.load(venue_dir), spoken, answers)]


def compare(
    source: Scores,
    made: Scores,
    samples: Sequence[Sample],
    *,
    kept: Sequence[int] | None = None,
    progress: Progress | None = None,
) -> Parity:
    """Score `samples` under both models.

    `kept`: where `made` has fewer tokens, the source's id of each of its own. The source's
    probabilities are then taken among those alone.
    """
    import numpy as np  # noqa: PLC0415

    columns = None if kept is None else _columns(kept)
    tokens = same = size = apart = 0
    divergence = nats = source_nats = 0.0
    for n, (sample, before, after) in enumerate(_both(source, made, samples), 1):
        size += len(sample.answer.encode())
        source_nats -= float(before.taken.sum())
        nats -= float(after.taken.sum())
        ids = after.ids if kept is None else [int(kept[i]) for i in after.ids]
        if ids != before.ids:
            apart += 1
        else:
            tokens += len(after.logprobs)
            for at in range(0, len(after.logprobs), _ROWS):
                new, old = (s.logprobs[at : at + _ROWS] for s in (after, before))
                old = old if columns is None else _among(old, columns)
                same += int((old.argmax(1) == new.argmax(1)).sum())
                divergence += float((np.exp(old) * (old - new)).sum())
        if progress:
            progress(n, len(samples))
    if not tokens:
        raise GiljabiError("The two models cut every text into different tokens.")
    bits = log(2) * size
    return Parity(
        tokens, same / tokens, divergence / tokens, nats / bits, source_nats / bits, apart
    )


@dataclass(frozen=True, slots=True)
class _Scored:
    ids: list[int]
    logprobs: Any
    taken: Any


def _score(model: Scores, sample: Sample) -> _Scored:
    import numpy as np  # noqa: PLC0415

    head = [] if model.bos is None else [model.bos]
    head += model.tokenize(sample.prompt) if sample.prompt else []
    ids = model.tokenize(sample.answer)
    if not head:  # nothing stands before the first token, so it is not predicted
        head, ids = ids[:1], ids[1:]
    logprobs = model.logprobs([*head, *ids], start=len(head) - 1)[:-1]
    return _Scored([*head, *ids], logprobs, logprobs[np.arange(len(ids)), ids])


def _both(
    source: Scores, made: Scores, samples: Sequence[Sample]
) -> Iterator[tuple[Sample, _Scored, _Scored]]:
    """Every sample under both models, the two at once: each leaves cores to the other."""
    with ThreadPoolExecutor(1) as pool:
        for sample in samples:
            before = pool.submit(_score, source, sample)
            after = _score(made, sample)
            yield sample, before.result(), after


def _columns(kept: Sequence[int]) -> Any:
    """What selects `kept`; a slice, which copies nothing, where they are the first ones."""
    import numpy as np  # noqa: PLC0415

    return slice(len(kept)) if kept == range(len(kept)) else np.asarray(kept)


def _among(logprobs: Any, columns: Any) -> Any:
    import numpy as np  # noqa: PLC0415

    some = logprobs[:, columns]
    if some.shape == logprobs.shape and isinstance(columns, slice):
        return some
    return some - np.log(np.exp(some).sum(axis=1, keepdims=True))


def check(found: Parity, bar: Bar, made: Path, worst: Sequence[tuple[str, float]] = ()) -> None:
    """Raise GiljabiError where `found` is under the bar; `worst` are the tensors that lost most."""
    rise = found.bits_per_byte / found.source_bits_per_byte - 1
    failed = [
        said
        for said, bad in (
            (f"the likeliest token agrees in {found.top1:.1%}, not {bar.top1:.1%}", found.top1 < bar.top1),
            (f"the divergence is {found.kl:.4f} nats a token, over {bar.kl}", not found.kl <= bar.kl),
            (f"bits per byte rise by {rise:.1%}, over {bar.bits_per_byte:.1%}", not rise <= bar.bits_per_byte),
        )
        if bad
    ]  # fmt: skip
    if failed:
        lost = ", ".join(f"{name} ({error:.1%})" for name, error in worst[:5])
        raise GiljabiError(
            f"{made.name} is no longer the model it was made from: {'; '.join(failed)}."
            + (f" Tensors that lost most: {lost}." if lost else "")
        )


def lost(source: Path, made: Path) -> list[tuple[str, float]]:
    """Relative root-mean-square error of each tensor both files have, the worst first.

    A tensor whose shape differs is not compared. 0.05 is usual for 4 bits, 1.4 an unrelated one.
    """
    import gguf  # noqa: PLC0415
    import numpy as np  # noqa: PLC0415

    before = {t.name: t for t in gguf_file.read(source).tensors}
    out = []
    for tensor in gguf_file.read(made).tensors:
        old = before.get(tensor.name)
        if old is None or list(old.shape) != list(tensor.shape):
            continue
        a = gguf.quants.dequantize(old.data, old.tensor_type)
        b = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        size = float(np.sqrt((a * a).mean())) or 1.0
        out.append((tensor.name, float(np.sqrt(((a - b) ** 2).mean())) / size))
    return sorted(out, key=lambda pair: -pair[1])
