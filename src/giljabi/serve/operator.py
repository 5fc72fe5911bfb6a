"""What a server with an operator has beside the guide, and how it stands at a moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from giljabi import __version__
from giljabi.model.doctor import resident
from giljabi.serve.admission import Admission
from giljabi.serve.desk import Desk, Unanswered
from giljabi.serve.reloading import Reloader
from giljabi.serve.work import Workers
from giljabi.venue.place import Venue

_HOURS = 24
_SHOWN = 200  # questions on the page; the export has all


@dataclass(frozen=True, slots=True)
class Operator:
    """What `--admin` brings. The caller closes `desk` after the server has stopped."""

    admission: Admission
    desk: Desk
    reloader: Reloader
    model: str = ""
    """The model's name; "" where only templates answer."""
    began: float = field(default_factory=time.monotonic)


@dataclass(frozen=True, slots=True)
class Health:
    """How the server does. `memory_bytes` is resident memory, None where the system does not say."""

    version: str
    uptime_s: int
    venue: str
    venue_hash: str
    places: int
    model: str
    running: int
    waiting: int
    turned_away: int
    memory_bytes: int | None


@dataclass(frozen=True, slots=True)
class Confused:
    """Places among which visitors had to choose, and how often."""

    places: tuple[str, ...]
    names: tuple[str, ...]
    times: int


@dataclass(frozen=True, slots=True)
class Figures:
    """All the operator is shown. Hours are seconds since 1970 at their beginning."""

    health: Health
    hours: tuple[tuple[int, dict[str, int]], ...]
    routes: dict[str, int]
    confused: tuple[Confused, ...]
    failed: dict[str, int]
    """Reasons why sentences of the model were dropped, and how often."""
    model: dict[str, int]
    """Reasons why the model wrote nothing, and how often."""
    keep_days: int | None
    dropped: tuple[tuple[str, str, str], ...]
    """(day, sentence, reason)."""
    unanswered: tuple[Unanswered, ...]


def figures(operator: Operator, venue: Venue, workers: Workers) -> Figures:
    """The figures of the moment; reads the database. Raises GiljabiError where it does not answer."""
    desk = operator.desk
    desk.flush()
    names = {
        p.id: p.name.ko if p.name.en is None else f"{p.name.ko} ({p.name.en})" for p in venue.places
    }
    confused = [
        Confused(ids, tuple(names.get(i, i) for i in ids), n)
        for key, n in desk.totals("confused").items()
        for ids in (tuple(key.split(",")),)
    ]
    return Figures(
        health=_health(operator, venue, workers),
        hours=tuple((hour * 3600, counts) for hour, counts in desk.by_hour(_HOURS).items()),
        routes=desk.totals("route", _HOURS),
        confused=tuple(confused[:_SHOWN]),
        failed=desk.totals("failed"),
        model=desk.totals("model"),
        keep_days=desk.keep_days,
        dropped=tuple(desk.dropped()),
        unanswered=tuple(desk.unanswered(_SHOWN)),
    )


def _health(operator: Operator, venue: Venue, workers: Workers) -> Health:
    memory = resident()
    return Health(
        version=__version__,
        uptime_s=int(time.monotonic() - operator.began),
        venue=venue.name.ko,
        venue_hash=venue.hash,
        places=len(venue.places),
        model=operator.model,
        running=workers.running,
        waiting=workers.waiting,
        turned_away=workers.turned_away,
        memory_bytes=memory.total if memory else None,
    )
