"""Against forgetting: what the base says of text it writes itself, kept while the task is learnt.

The base samples texts before training; in every step some are read with the adapter on and off,
and the divergence between the two is part of the loss. No foreign text is needed, and in
expectation it is the divergence over all the base might say (learning without forgetting: Li and
Hoiem 2016, arXiv:1606.09282; here with the base's own samples).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from giljabi import korean
from giljabi.build.files import replacing
from giljabi.model import torch_weights
from giljabi.tune.base import Base
from giljabi.tune.recipe import KeepTable

_AT_ONCE = 128
_OPENINGS = 4000  # Hangul tokens a Korean text may open with: the first ones are the common ones


def texts(
    keep: KeepTable, base: Base, model: Any, work: Path, say: Callable[[str], None], *,
    seed: int, bfloat16: bool,
) -> Any:  # fmt: skip
    """Texts of the base as token ids, (rows, length) int64; sampled once and kept in `work`.

    Half of them open as the base likes, half with a Hangul token, so that both languages of a
    guide are there whatever the base would rather speak.
    """
    import numpy as np  # noqa: PLC0415
    import torch  # noqa: PLC0415

    path = work / f"replay-{keep.rows}-{keep.length}-{seed}.npy"
    if path.is_file():
        return torch.from_numpy(np.load(path, allow_pickle=False))
    say(f"the base writes {keep.rows} texts of its own, to remember itself by …")
    drawn, start = random.Random(seed), [] if base.ids.bos is None else [base.ids.bos]
    hangul = [i for t, i in sorted(base.tokenizer.get_vocab().items(), key=lambda p: p[1])
              if korean.has_hangul(t)][:_OPENINGS]  # fmt: skip
    opened = [
        [*start, *([drawn.choice(hangul)] if n % 2 and hangul else [])] for n in range(keep.rows)
    ]
    torch.manual_seed(seed)
    made = []
    for opening in sorted({len(one) for one in opened}):
        some = [one for one in opened if len(one) == opening]
        for at in range(0, len(some), _AT_ONCE):
            made.append(
                _sampled(model, some[at : at + _AT_ONCE], keep.length, base, bfloat16=bfloat16)
            )
    rows = torch.cat(made)
    work.mkdir(parents=True, exist_ok=True)
    with replacing(path, "wb") as file:
        np.save(file, rows.numpy())
    return rows


def _sampled(
    model: Any, opened: list[list[int]], length: int, base: Base, *, bfloat16: bool
) -> Any:
    import torch  # noqa: PLC0415

    ids = torch.tensor(opened, device=model.device)
    fast = torch.autocast(model.device.type, torch.bfloat16, enabled=bfloat16)
    with torch.inference_mode(), fast:
        made = model.generate(
            input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=True, temperature=1.0,
            top_k=0, top_p=1.0, min_new_tokens=length - ids.shape[1],
            max_new_tokens=length - ids.shape[1], pad_token_id=base.ids.pad,
        )  # fmt: skip
    return made.cpu()


def divergence(causal: Any, adapted: Any, rows: Any) -> Any:
    """Mean divergence of the adapted model from the base on `rows`, nats a token."""
    import torch  # noqa: PLC0415

    with torch.no_grad(), adapted.disable_adapter():
        before = _log_probs(causal, rows)
    after = _log_probs(causal, rows)
    per_token = (before.exp() * (before - after)).sum(-1)
    return per_token.mean()


def _log_probs(causal: Any, rows: Any) -> Any:
    import torch  # noqa: PLC0415

    read = causal.get_decoder()(
        input_ids=rows, attention_mask=torch.ones_like(rows), use_cache=False
    )
    return torch.log_softmax(torch_weights.logits(causal, read.last_hidden_state), dim=-1)
