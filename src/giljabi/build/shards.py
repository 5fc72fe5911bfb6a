"""Shards: the examples of one place in one language, written when they are done.

A killed build goes on with the shards it finds. The first line is the hash of the rest, so that a
file that is cut off or mended by hand is made again.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.build.files import write_text
from giljabi.build.layouts import Row
from giljabi.build.maker import Job, Maker
from giljabi.venue import folder

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Shard:
    """A job's rows, spares included, and why other candidates were left out."""

    rows: tuple[Row, ...]
    reasons: Counter[str]


def make(
    venue_dir: Path, jobs: Sequence[Job], where: Path, workers: int, progress: Progress
) -> dict[Job, Shard]:
    """The shards of all jobs, those not in the folder `where` made by `workers` processes.

    0 workers is one a core. Raises OSError where a shard cannot be written.
    """
    waiting = [job for job in jobs if read(where, job) is None]
    done = len(jobs) - len(waiting)
    progress("places", done, len(jobs))
    count = min(workers or os.cpu_count() or 1, max(1, len(waiting)))
    with ProcessPoolExecutor(count, initializer=_start, initargs=(venue_dir,)) as pool:
        pending: set[Future[None]] = {pool.submit(_make, job, where) for job in waiting}
        try:
            while pending:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                done += len(finished)
                progress("places", done, len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {job: shard for job in jobs if (shard := read(where, job)) is not None}


def read(where: Path, job: Job) -> Shard | None:
    """The shard of a job; None where it is not there as it was written."""
    try:
        head, _, body = _path(where, job).read_bytes().partition(b"\n")
    except OSError:
        return None
    if head != _hash(body):
        return None
    first, *rows = map(json.loads, body.splitlines())
    return Shard(tuple(rows), Counter(first["reasons"]))


def _path(where: Path, job: Job) -> Path:
    return where / f"{job.lang}-{job.place}.jsonl"


def _hash(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest().encode()


# ---- in a worker ----

_maker: Maker | None = None


def _start(venue_dir: Path) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _maker  # noqa: PLW0603 - one venue a process, read once
    _maker = Maker(folder.load(venue_dir))


def _end_with_parent() -> None:
    """A parent killed outright cannot tell its workers to end; without it they wait forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # noqa: S101 - only workers come here
    parent.join()
    os._exit(1)


def _make(job: Job, where: Path) -> None:
    assert _maker is not None  # noqa: S101 - set by the initializer
    examples, reasons = _maker.make(job)
    parts: list[Any] = [{"reasons": dict(sorted(reasons.items()))}]
    parts += [e.to_json() for e in examples]
    body = "".join(json.dumps(part, ensure_ascii=False) + "\n" for part in parts)
    write_text(_path(where, job), f"{_hash(body.encode()).decode()}\n{body}")
