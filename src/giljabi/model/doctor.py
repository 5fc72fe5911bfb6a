"""What the planned parts really take in this process, how fast memory and model are, what is missing.

Knows the model's parts and this machine; the web server is started by whoever calls. Figures are
of one moment: another busy program makes speeds smaller.
"""

from __future__ import annotations

import os
import platform
import socket
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from giljabi.answer.generator import Message
from giljabi.errors import GiljabiError
from giljabi.model import budget, store
from giljabi.model.boards import Board
from giljabi.model.llamacpp import Adapter, LlamaCpp, spare_cores
from giljabi.model.packages import EXTRAS
from giljabi.model.prompt import Template
from giljabi.venue import folder

_NEEDED = "embedded"  # what `make serve` installs
_ARRAY_BYTES = 256 * budget.MB  # beyond any cache of these machines
_PROMPT = "one two three four five six seven eight nine ten "
_PROMPT_TOKENS = 600  # more than are read at once, so that every buffer is used
_WRITTEN = 64


@dataclass(frozen=True, slots=True)
class Resident:
    """Memory of this process, bytes."""

    total: int
    mapped: int | None = None
    """Pages of files; None where the system does not tell them apart."""
    private: int | None = None
    """All other pages."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A part of the plan and what it took here, bytes."""

    name: str
    planned: int
    measured: int

    @property
    def difference(self) -> float:
        """Planned against measured, percent; positive where the plan was too large."""
        return 100.0 * (self.planned - self.measured) / max(1, self.measured)


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast the model wrote and what memory allows."""

    tokens_per_second: float
    threads: int
    read_per_token: int
    """Bytes."""
    bandwidth: float | None
    """Bytes a second that as many threads read; None without numpy."""
    bandwidth_all: float | None
    """Bytes a second that all cores read."""

    @property
    def share(self) -> float | None:
        """Decode speed over what the measured bandwidth allows as many threads, 0 to 1."""
        if self.bandwidth is None:
            return None
        return self.tokens_per_second * self.read_per_token / self.bandwidth


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at."""

    name: str
    ok: bool
    said: str
    """What was found and, where something is missing, what to do."""
    needed: bool = False
    """`make serve` does not work without it."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Everything doctor found."""

    checks: tuple[Check, ...]
    measured: tuple[Measured, ...] = ()
    speed: Speed | None = None
    notes: tuple[str, ...] = ()

    @property
    def well(self) -> bool:
        """Whether `make serve` has what it needs."""
        return all(c.ok or not c.needed for c in self.checks)


def resident() -> Resident | None:
    """This process's resident memory; on macOS its peak; None where neither can be read."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except OSError:
        return _peak()
    rows = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)

    def size(key: str) -> int:
        return int(rows.get(key, "0 kB").split()[0]) * 1024

    mapped = size("RssFile") + size("RssShmem")
    return Resident(size("VmRSS"), mapped, size("RssAnon"))


def _peak() -> Resident | None:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return Resident(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit)


def read_bandwidth(threads: int) -> float | None:
    """Bytes a second that `threads` threads read from memory, best of five; None without numpy."""
    if find_spec("numpy") is None:
        return None
    import numpy as np  # noqa: PLC0415

    array = np.ones(_ARRAY_BYTES // 8, dtype=np.uint64)
    pieces = np.array_split(array, threads)
    best = float("inf")
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(5):
            began = time.perf_counter()
            # Reads every byte, does next to nothing with it, and releases the interpreter.
            list(pool.map(np.bitwise_or.reduce, pieces))
            best = min(best, time.perf_counter() - began)
    return float(array.nbytes / best)


def available_bytes() -> int | None:
    """Memory a program could still take; None where the system does not say."""
    try:
        rows = Path("/proc/meminfo").read_text("ascii").splitlines()
        line = next(r for r in rows if r.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return None
    return int(line.split()[1]) * 1024


def this_board() -> Board:
    """This machine as a board: what is free now, its bandwidth not yet known."""
    free = available_bytes() or 8 * 10**9
    return Board("this machine", free / 1e9, 0.0, os.cpu_count() or 1, platform.machine())


def measured(
    of: Diagnosis,
    plan: budget.Plan,
    weights: Callable[[], Path],
    serving: Callable[[], AbstractContextManager[None]],
) -> Diagnosis:
    """The diagnosis with the planned parts started in this process, one after the other.

    `serving` starts the web server and the guide, which this layer does not know. What cannot be
    started or measured becomes a note.
    """
    notes = list(of.notes)
    rows: list[Measured] = []
    speed: Speed | None = None
    web = sum(p.size for p in plan.parts if not p.model)
    try:
        with serving():
            if now := resident():
                rows.append(Measured("Python, web server and guide", web, now.total))
            else:
                notes.append("This system does not say how much memory a program takes.")
            if plan.choice.shape is not None:
                grown, speed, total = _measure_model(weights(), plan)
                rows += grown
                if total:
                    rows.append(Measured("all of it", plan.started, total.total))
    except GiljabiError as error:
        notes.append(f"Not measured: {error}")
    return replace(of, measured=tuple(rows), speed=speed, notes=tuple(notes))


def _measure_model(path: Path, plan: budget.Plan) -> tuple[list[Measured], Speed, Resident | None]:
    # Loaded and used as a guide uses it; closed again before memory's own speed is measured.
    before = resident()
    plain = Template("plain", (), "", lambda messages: str(messages[-1]["content"]))
    laid = Adapter(plan.choice.adapter) if plan.choice.adapter else None
    with closing(LlamaCpp(path, plain, n_ctx=plan.choice.context, adapter=laid)) as model:
        rate = max(_written(model, plan.choice.context) for _ in range(2))
        after = resident()
    rows = _grown(plan, before, after) if before and after else []
    read = budget.read_per_token(plan.choice)
    threads, cores = spare_cores(), os.cpu_count() or 1
    one, every = read_bandwidth(threads), read_bandwidth(cores)
    if one and every:
        every = max(one, every)  # they are measured one after the other, beside other programs
    return rows, Speed(rate, threads, read, one, every), after


def _written(model: LlamaCpp, context: int) -> float:
    # Tokens a second; the second time the prompt is found in the cache.
    words = max(10, min(_PROMPT_TOKENS, context - _WRITTEN - 10))
    ask: list[Message] = [{"role": "user", "content": _PROMPT * (words // 10)}]
    for _ in model.stream(ask, max_tokens=_WRITTEN, temperature=0.0):
        pass
    took = model.timings
    return 1000.0 * took.get("predicted_n", 0) / max(1e-3, took.get("predicted_ms", 0))


def _grown(plan: budget.Plan, before: Resident, after: Resident) -> list[Measured]:
    rows = [Measured("language model", plan.model_started, after.total - before.total)]
    if None in (before.mapped, before.private, after.mapped, after.private):
        return rows
    file = sum(p.size for p in plan.parts if p.mapped)
    mapped = (after.mapped or 0) - (before.mapped or 0)
    private = (after.private or 0) - (before.private or 0)
    rows.append(Measured("  weights and code, mapped", file, mapped))
    rows.append(Measured("  vocabulary, KV, buffers", plan.model_started - file, private))
    return rows


# ---- checks ----


def checks(
    venue: Path, port: int, plan: budget.Plan | None, weights: Callable[[], Path] | None
) -> list[Check]:
    """What `make serve` and the other verbs need, found or missing.

    `weights` finds the model's file; None where templates alone shall answer.
    """
    python = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    right = (3, 11) <= sys.version_info[:2] < (3, 14)
    return [
        Check("python", right, python if right else f"{python}; use 3.11 to 3.13", needed=True),
        *_extras(with_model=weights is not None),
        *([_weights(weights)] if weights else []),
        _cache(),
        _memory(plan),
        Check("cores", True, f"{os.cpu_count() or 1}; the model uses {spare_cores()}"),
        _port(port),
        _venue(venue),
    ]


def _extras(*, with_model: bool) -> list[Check]:
    out = []
    for extra, modules in EXTRAS.items():
        missing = [m for m in modules if find_spec(m) is None]
        said = "installed"
        if missing:
            said = f"{', '.join(missing)} missing: pip install 'giljabi[{extra}]'"
        out.append(Check(extra, not missing, said, needed=with_model and extra == _NEEDED))
    return out


def _weights(find: Callable[[], Path]) -> Check:
    try:
        path = find()
    except GiljabiError as error:
        return Check("weights", False, str(error), needed=True)
    return Check("weights", True, f"{path}, {path.stat().st_size / budget.MB:.0f} MB", needed=True)


def _cache() -> Check:
    where = store.cache_dir()
    try:
        where.mkdir(parents=True, exist_ok=True)
        probe = where / f".doctor-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        said = f"{where}: {error.strerror}; set GILJABI_CACHE to another folder"
        return Check("cache", False, said, needed=True)
    return Check("cache", True, f"{where} can be written", needed=True)


def _memory(plan: budget.Plan | None) -> Check:
    free = available_bytes()
    if free is None:
        return Check("memory", True, "this system does not say how much is free")
    said = f"{free / budget.MB:.0f} MB free"
    if plan is None:
        return Check("memory", True, said)
    enough = free >= plan.at_most
    said += f", {plan.at_most / budget.MB:.0f} MB planned at most"
    return Check("memory", enough, said if enough else f"{said}; see giljabi plan")


def _port(port: int) -> Check:
    with socket.socket() as probe:
        if os.name == "posix":  # as the server does: a port just left counts as free
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            said = f"{port}: {error.strerror}; end that program or use giljabi serve --port"
            return Check("port", False, said, needed=True)
    return Check("port", True, f"{port} is free", needed=True)


def _venue(path: Path) -> Check:
    try:
        venue = folder.load(path)
    except GiljabiError as error:
        return Check("venue", False, str(error), needed=True)
    return Check("venue", True, f"{venue.id}, {len(venue.places)} places", needed=True)


# ---- a diagnosis for people and for programs ----


def to_json(of: Diagnosis) -> dict[str, Any]:
    """The diagnosis as plain values; sizes in bytes."""
    speed = of.speed
    return {
        "well": of.well,
        "checks": [asdict(c) for c in of.checks],
        "measured": [{**asdict(m), "difference_percent": m.difference} for m in of.measured],
        "speed": {**asdict(speed), "share": speed.share} if speed else None,
        "notes": list(of.notes),
    }


def to_text(of: Diagnosis) -> str:
    """The diagnosis as lines: checks, planned beside measured, speed, notes."""
    lines = [
        f"{'ok' if c.ok else 'NO' if c.needed else '--'}  {c.name}: {c.said}" for c in of.checks
    ]
    if of.measured:
        lines.append("planned    measured  difference")
        lines += [_row(m) for m in of.measured]
    if of.speed:
        lines += _speed_lines(of.speed)
    lines += of.notes
    lines.append("giljabi serve has what it needs." if of.well else "Mend what is marked NO.")
    return "\n".join(lines)


def _row(m: Measured) -> str:
    sizes = f"{m.planned / budget.MB:5.0f} MB    {m.measured / budget.MB:5.0f} MB"
    return f"{sizes}   {m.difference:+6.1f} %  {m.name}"


def _speed_lines(s: Speed) -> Sequence[str]:
    threads = f"{s.threads} thread{'s' if s.threads > 1 else ''}"
    wrote = f"{s.tokens_per_second:.1f} tokens/s on {threads}, {s.read_per_token / budget.MB:.0f} MB read for each"
    if s.bandwidth is None or s.share is None or s.bandwidth_all is None:
        return [f"{wrote}; memory bandwidth not measured: pip install numpy"]
    return [
        f"memory: {s.bandwidth / 1e9:.1f} GB/s read by {threads}, {s.bandwidth_all / 1e9:.1f} by all cores",
        f"decode: {wrote}: {100 * s.share:.0f} % of what that bandwidth allows",
    ]
