"""How surprised a contestant's model is by texts: perplexity, and bits per byte by language.

Texts are read by themselves; references are read after the prompt that the contestant was shown, as
training reads them. A model behind a URL gives no likelihoods, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from giljabi.answer.memory import Turn
from giljabi.measure import metrics
from giljabi.measure.contestants import Contestant, Model
from giljabi.measure.measured import Item
from giljabi.measure.plan import Entry, Plan
from giljabi.measure.texts import is_korean, read_texts
from giljabi.model.prompt import Template

Texts = Mapping[str, Sequence[tuple[str, str]]]
"""(prompt, text) pairs by what they are, such as "references, ko"; an empty prompt is none."""


def wanted(plan: Plan, entry: Entry, items: Sequence[Item]) -> bool:
    """Whether there is anything to read, and a model here that can."""
    local = entry.model is not None and not entry.model.served_name
    return local and bool(plan.texts or any(item.reference for item in items))


def texts(plan: Plan, contestant: Contestant, template: Template, items: Sequence[Item]) -> Texts:
    """What is to be read, the prompts as the model's own template renders them."""
    out: dict[str, list[tuple[str, str]]] = {}
    for text in read_texts(Path(plan.texts)) if plan.texts else ():
        out.setdefault(f"texts, {'ko' if is_korean(text) else 'en'}", []).append(("", text))
    for item in items:
        if item.reference:
            *earlier, question = item.question.turns
            shown = contestant.shown(question, [Turn(one, "…") for one in earlier])
            said = out.setdefault(f"references, {item.question.lang}", [])
            said.append((template.render(shown), item.reference))
    return out


def read(model: Model, of: Texts) -> dict[str, dict[str, float]]:
    """Nats, tokens, bytes, perplexity and bits per byte of each kind of text.

    Loads the weights anew, to score. GiljabiError where a text does not fit the context.
    """
    with closing(_scorer(model)) as scorer:
        found = {
            what: metrics.likelihood(scorer, [t for _, t in pairs], [p for p, _ in pairs])
            for what, pairs in of.items()
        }
    return {
        what: asdict(one) | {"perplexity": one.perplexity, "bits_per_byte": one.bits_per_byte}
        for what, one in found.items()
    }


def _scorer(model: Model) -> Any:
    path, adapter = model.files()
    if path.is_dir():
        from giljabi.model.torch_logits import TorchScorer  # noqa: PLC0415

        return TorchScorer(path)
    from giljabi.model.llamacpp import Adapter  # noqa: PLC0415
    from giljabi.model.logits import Scorer  # noqa: PLC0415

    laid = Adapter(adapter) if adapter else None
    return Scorer(path, adapter=laid, threads=model.threads)
