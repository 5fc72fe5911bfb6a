"""What each way to ship a model costs and gives: every file measured alike, side by side.

Rows are model files, with or without an adapter over them, and the quantisations made here of
each that has none yet. Speed is taken in rounds over all rows, so that whatever else the machine
does hits all alike. Every figure is written as soon as it is there; a second run goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from giljabi.build.files import write_text
from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, lineage, modelfile, parity, quantise
from giljabi.export.compare_measure import Task, timed
from giljabi.export.parity import Sample
from giljabi.model.tokens import gguf_metadata

if TYPE_CHECKING:
    from giljabi.model.logits import Scorer

OLD_ROAD = ("Q4_K_M", "Q4_0", "Q4_K_S")
"""Made of every source whatever was asked for: what the road before this one shipped."""

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, how many are done, of how many)."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A model file, with an adapter over it or without."""

    path: Path
    adapter: Path | None = None
    origin: Path | None = None
    """The given file it was made from here; None for a file that was given."""
    label: str = ""
    """What it is called instead of its file, whose name holds a hash."""

    @property
    def name(self) -> str:
        """What a row is called."""
        return self.plain + (f"+{self.adapter.stem}" if self.adapter else "")

    @property
    def plain(self) -> str:
        """The same without the adapter."""
        return self.label or self.path.stem


@dataclass(frozen=True, slots=True)
class Asking:
    """Guide accuracy: how a row is asked, and what makes two askings the same."""

    key: str
    """Over questions, limit, venue and template."""
    ask: Callable[[Subject], Mapping[str, float]]
    """Of a row: `right` answers of how many `asked`, `by_model` in its own words."""


@dataclass(frozen=True, slots=True)
class Options:
    """How rows are measured."""

    types: tuple[str, ...] = quantise.TYPES
    """Quantisations to make of each unquantised file; those of OLD_ROAD are always made."""
    rounds: int = 3
    """How often each row is timed."""
    tokens: int = 64
    """Tokens of a timed answer."""
    n_ctx: int = 2048
    threads: int | None = None
    """None: as many as the guide itself takes."""
    samples: Sequence[Sample] = field(default_factory=parity.fixed_text)
    """What bits per byte and divergence are taken on."""


def subject(text: str) -> Subject:
    """FILE or FILE+ADAPTER.gguf, a file being a path or a name of bases.toml."""
    from giljabi.model import store  # noqa: PLC0415

    cuts = [i for i, letter in enumerate(text) if letter == "+"]
    for cut in [] if Path(text).exists() else reversed(cuts):
        if (adapter := Path(text[cut + 1 :])).is_file():
            return Subject(store.weights(text[:cut]).path, adapter)
    return Subject(store.weights(text).path)


def compare(
    given: Sequence[Subject],
    out: Path,
    options: Options,
    *,
    source: Subject | None = None,
    asking: Asking | None = None,
    progress: Progress | None = None,
) -> list[dict[str, Any]]:
    """Measure every row and give its figures, the first row being what speed is relative to.

    Divergence is from `source` (the first file by default); where that is quantised, from its
    de-quantised weights. Made files go to OUT/files, figures to OUT/rows as they come. Raises
    GiljabiError where a file cannot be made or measured; what was measured stays.
    """
    if not given:
        raise GiljabiError("Nothing to compare: give at least one model file.")
    tell = progress or (lambda what, done, of: None)
    reference, subjects = _subjects(given, source or given[0], out / "files", options, tell)
    rows = [_Row(one, out / "rows") for one in subjects]
    _time(rows, options, tell)
    _score(rows, reference, options, tell)
    if asking:
        _ask(rows, asking, tell)
    return [row.figures(rows[0]) for row in rows]


def _subjects(
    given: Sequence[Subject], source: Subject, folder: Path, options: Options, tell: Progress
) -> tuple[Subject, list[Subject]]:
    """The reference, and all rows: what was given, then what is made of the unquantised files."""
    whole = [one for one in given if not quantise.is_quantised(one.path)]
    reference = source
    if quantise.is_quantised(source.path):
        tell(f"de-quantising {source.path.name}", 0, 1)
        made_whole = _dequantised(source.path, folder)
        reference = Subject(made_whole, source.adapter, source.path, f"{source.plain}-F16")
    unquantised = list(dict.fromkeys([reference, *whole]))
    kinds = [k for k in quantise.TYPES if k in {*options.types, *OLD_ROAD}]
    made = []
    for n, one in enumerate(unquantised):
        for m, kind in enumerate(kinds):
            tell(f"{one.path.name} to {kind}", n * len(kinds) + m, len(unquantised) * len(kinds))
            path, origin = _quantised(one.path, kind, folder), one.origin or one.path
            made.append(Subject(path, one.adapter, origin, f"{one.plain}-{kind}"))
    return reference, list(dict.fromkeys([*given, reference, *made]))


def _named(path: Path, kind: str, folder: Path) -> Path:
    """Where what is made of `path` stands; the name changes with the content."""
    return folder / f"{path.stem}-{kind}-{modelfile.weights_hash(path)[:8]}.gguf"


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A path that becomes `path` when the block ends well: a file that is there is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _quantised(path: Path, kind: str, folder: Path) -> Path:
    made = _named(path, kind, folder)
    if not made.is_file():
        with _appearing(made) as unfinished:
            quantise.make(path, kind, unfinished)
    return made


def _dequantised(path: Path, folder: Path) -> Path:
    made = _named(path, "F16", folder)
    if not made.is_file():
        with _appearing(made) as unfinished:
            quantise.dequantise(path, unfinished)
    return made


class _Row:
    """A subject and the file its figures are kept in."""

    def __init__(self, of: Subject, folder: Path) -> None:
        self.subject = of
        self.hash = modelfile.weights_hash(of.path)
        self.adapter_hash = modelfile.weights_hash(of.adapter) if of.adapter else ""
        self.key = _digest(self.hash, self.adapter_hash)
        self._where = folder / f"{self.key}.json"
        self.speed: list[dict[str, float]] = []
        self.parity: dict[str, Any] = {}
        self.accuracy: dict[str, float] | None = None

    def kept(self, what: str, settings: str) -> Any:
        """What was measured before with the same settings; None where nothing was."""
        return self._read().get(what, {}).get(settings)

    def keep(self, what: str, settings: str, figures: Any) -> None:
        """Write figures down at once."""
        stored = self._read()
        stored.setdefault(what, {})[settings] = figures
        write_text(self._where, json.dumps(stored, ensure_ascii=False, indent=1) + "\n")

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._where.read_text("utf-8"))
        except FileNotFoundError:
            return {"file": self.subject.path.name, "sha256": self.hash}
        except ValueError as error:
            raise GiljabiError(f"{self._where} is not valid JSON: {error}; remove it.") from error
        return dict(found)

    def figures(self, first: _Row) -> dict[str, Any]:
        """The row as the report shows it; speeds are medians over the rounds."""
        path, adapter = self.subject.path, self.subject.adapter
        pairs = zip(self.speed, first.speed, strict=True)
        return {
            "name": self.subject.name,
            "file": path.name,
            "sha256": self.hash,
            "adapter": adapter.name if adapter else "",
            "made_from": self.subject.origin.name if self.subject.origin else "",
            "steps": lineage.steps(self.subject.origin or path),
            "type": _type(path),
            "vocabulary": len(_tokens(path)),
            "bytes": path.stat().st_size + (adapter.stat().st_size if adapter else 0),
            "rounds": len(self.speed),
            **{name: _median([one[name] for one in self.speed]) for name in self.speed[0]},
            "speed_ratio": _median([a["tokens_per_s"] / b["tokens_per_s"] for a, b in pairs]),
            **self.parity,
            "passes": _passes(self.parity, _type(path)),
            **(self.accuracy or {}),
        }


def _time(rows: Sequence[_Row], options: Options, tell: Progress) -> None:
    from giljabi.model.llamacpp import spare_cores  # noqa: PLC0415

    prompt = "\n".join(sample.answer for sample in parity.fixed_text()[:3])
    threads = options.threads or spare_cores()
    # A row added later has its rounds beside nobody's, so the set of rows is part of the key.
    settings = _digest(
        prompt, options.tokens, options.n_ctx, threads, platform.machine(), os.cpu_count(),
        sorted(row.key for row in rows),
    )  # fmt: skip
    for row in rows:
        row.speed = list(row.kept("speed", settings) or [])
    for n in range(options.rounds):
        for m, row in enumerate(rows):
            tell(f"timing {row.subject.name}", n * len(rows) + m, options.rounds * len(rows))
            if len(row.speed) > n:
                continue
            adapter = str(row.subject.adapter or "")
            task = Task(
                str(row.subject.path), prompt, adapter, options.tokens, options.n_ctx, threads
            )
            row.speed.append(asdict(timed(task)))
            row.keep("speed", settings, row.speed)
    for row in rows:
        row.speed = row.speed[: options.rounds]


def _score(rows: Sequence[_Row], reference: Subject, options: Options, tell: Progress) -> None:
    settings = _digest(
        modelfile.weights_hash(reference.path),
        modelfile.weights_hash(reference.adapter) if reference.adapter else "",
        [asdict(sample) for sample in options.samples],
    )
    for row in rows:
        row.parity = row.kept("parity", settings) or {}
    waiting = [row for row in rows if not row.parity]
    if not waiting:
        return
    with _scorer(reference, remembers=True) as before:
        for n, row in enumerate(waiting):
            tell(f"scoring {row.subject.name}", n, len(waiting))
            kept = _kept(reference.path, row.subject.path)
            with _scorer(row.subject) as after:
                found = parity.compare(before, after, options.samples, kept=kept)
            row.parity = found.to_json()
            row.keep("parity", settings, row.parity)


def _ask(rows: Sequence[_Row], asking: Asking, tell: Progress) -> None:
    for n, row in enumerate(rows):
        tell(f"asking {row.subject.name}", n, len(rows))
        row.accuracy = row.kept("accuracy", asking.key)
        if row.accuracy is None:
            row.accuracy = dict(asking.ask(row.subject))
            row.keep("accuracy", asking.key, row.accuracy)


def _scorer(of: Subject, *, remembers: bool = False) -> Scorer:
    """A Scorer of a row; with `remembers` it reads each text through the layers only once."""
    from giljabi.model.llamacpp import Adapter  # noqa: PLC0415
    from giljabi.model.logits import Scorer  # noqa: PLC0415

    class Remembering(Scorer):
        """Hidden states are small (640 numbers a token), and the reference is read once a row."""

        def __init__(self, path: Path, adapter: Adapter | None) -> None:
            super().__init__(path, adapter=adapter)
            self._seen: dict[tuple[int, ...], Any] = {}

        def hidden(self, ids: Sequence[int]) -> Any:
            key = tuple(ids)
            if key not in self._seen:
                self._seen[key] = super().hidden(ids)
            return self._seen[key]

    adapter = Adapter(of.adapter) if of.adapter else None
    return Remembering(of.path, adapter) if remembers else Scorer(of.path, adapter=adapter)


def _kept(source: Path, made: Path) -> list[int] | None:
    """The source's id of each token of `made`; None where both have the same vocabulary."""
    old, new = _tokens(source), _tokens(made)
    if old == new:
        return None
    ids = {token: i for i, token in reversed(list(enumerate(old)))}
    strange = next((token for token in new if token not in ids), None)
    if strange is not None:
        raise GiljabiError(
            f"{made.name} has a token {strange!r} that {source.name} has not, so the two cannot be "
            "compared; give the file it was trimmed from as --source."
        )
    return [ids[token] for token in new]


def _tokens(path: Path) -> list[str]:
    return list(gguf_metadata(path).get("tokenizer.ggml.tokens", []))


def _type(path: Path) -> str:
    """The file's type by llama.cpp's name, as Q4_K_M."""
    import gguf  # noqa: PLC0415

    found = gguf_file.value(gguf_file.read(path), "general.file_type")
    try:
        return gguf.LlamaFileType(int(found)).name.removeprefix("MOSTLY_").removeprefix("ALL_")
    except (TypeError, ValueError):
        return "?"


def _passes(found: Mapping[str, Any], kind: str) -> bool | None:
    """Whether the row would pass the gate of its type; None for a type without a bar."""
    bar = parity.BARS.get(kind)
    if bar is None:
        return None
    rise = found["bits_per_byte"] / found["source_bits_per_byte"] - 1
    return bool(found["top1"] >= bar.top1 and found["kl"] <= bar.kl and rise <= bar.bits_per_byte)


def _median(values: Sequence[float]) -> float:
    from statistics import median  # noqa: PLC0415

    return round(median(values), 4)


def _digest(*parts: Any) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:16]
