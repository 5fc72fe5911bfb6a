"""`giljabi export trim`: a model trimmed to a venue, with the proof that it is still the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from giljabi.errors import GiljabiError
from giljabi.export import parity, vocab, vocab_check
from giljabi.export.embedded import texts
from giljabi.export.modelfile import record
from giljabi.model import prompt, store
from giljabi.model.logits import Scorer

if TYPE_CHECKING:
    from giljabi.venue.place import Venue


def trim_for(
    model: str, venue: Venue, out: Path, *, english: int | None = None,
    more: Sequence[str] = (), answers: int = parity.GUIDE_ANSWERS, progress: parity.Progress | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Trim a base's GGUF to `venue` as `out`; gives the record with the parity and segmentation.

    Both files are compared on the fixed text and `answers` of the guide.

    Raises GiljabiError, and leaves no file, where the made model is not the same on kept tokens.
    """
    weights = store.weights(model)
    if weights.path.is_dir():
        raise GiljabiError(f"{weights.path} is a folder; trim its GGUF: giljabi export gguf first.")
    base = weights.base or store.base()
    meta = vocab.metadata(weights.path)
    used = [*texts(venue, base), *more]
    ids = vocab.keep(
        vocab.vocabulary(meta, weights.path),
        vocab.used_by(used, meta, weights.path),
        vocab.ENGLISH if english is None else english,
    )
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as folder:
        draft = Path(folder) / out.name
        made = vocab.trim(weights.path, draft, ids)
        found = _parity(weights.path, draft, ids, _samples(venue, base, answers), progress)
        parity.check(found, parity.BARS["same"], out)
        draft.replace(out)
    cut = vocab_check.segmentation(weights.path, out, used)
    details = {k: made[k] for k in ("tokens", "of", "sliced")}
    return record(
        out, "trim", {"base": weights.path},
        {**details, "template": base.template, "parity": found.to_json(), "segmentation": cut.to_json()},
    )  # fmt: skip


def _samples(venue: Venue, base: store.Base, answers: int) -> list[parity.Sample]:
    if not answers:
        return parity.fixed_text()
    spoken = prompt.template(base.template)
    return [*parity.fixed_text(), *parity.guide_answers(venue, spoken, answers)]


def _parity(
    source: Path, made: Path, ids: Sequence[int], samples: Sequence[parity.Sample],
    progress: parity.Progress | None,
) -> parity.Parity:  # fmt: skip
    with Scorer(source) as before, Scorer(made) as after:
        return parity.compare(before, after, samples, kept=ids, progress=progress)


def summary(made: dict[str, Any], out: Path) -> str:
    """A trimmed file in a few lines."""
    found, cut = made["parity"], made["segmentation"]
    return (
        f"{out}: {made['tokens']:,} of {made['of']:,} tokens, {made['bytes'] / 1e6:.0f} MB\n"
        f"  on {found['tokens']:,} tokens the likeliest is the same in {found['top1']:.2%}, "
        f"divergence {found['kl']:.6f} nats a token\n"
        f"  {cut['same']:,} of {cut['texts']:,} texts cut as before, {cut['longer']:+.2%} tokens; "
        f"{cut['returned']:,} come back unchanged"
    )
