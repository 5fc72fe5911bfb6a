"""The venue read anew while the server runs: checked first, exchanged at once, or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from giljabi.errors import GiljabiError
from giljabi.serve.current_guide import CurrentGuide
from giljabi.serve.subject import Answerer
from giljabi.venue import folder, lint
from giljabi.venue.place import Venue

Make = Callable[[Venue], Answerer]
"""A guide over a venue. It may take long; the old one answers meanwhile."""


class ReloadingError(Exception):
    """A reload is going on already."""


class RefusedVenueError(Exception):
    """The folder is broken: the argument says what, where, and what to do."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """What is answered from now: its hash and places, and whether venue or documents are others than
    before."""

    venue_hash: str
    places: int
    changed: bool
    warnings: int
    seconds: float


class Reloader:
    """Reads `venue_dir` again and puts the guide that `make` gives in the place of `current`'s."""

    def __init__(self, venue_dir: Path, make: Make) -> None:
        self._folder = venue_dir
        self._make = make
        self._one = threading.Lock()

    def reload(self, current: CurrentGuide) -> Reloaded:
        """Read, check, exchange. Takes seconds, so call it off the event loop.

        Raises RefusedVenueError for a folder that cannot be read, has a finding that is an error,
        or changed while it was read, and ReloadingError; the old guide stays then.
        """
        if not self._one.acquire(blocking=False):
            raise ReloadingError
        try:
            return self._reload(current)
        finally:
            self._one.release()

    def _reload(self, current: CurrentGuide) -> Reloaded:
        began = time.perf_counter()
        before = current.knows
        try:
            read = folder.digest(self._folder)
            venue = folder.load(self._folder)
            if not read == venue.hash == folder.digest(self._folder):
                raise RefusedVenueError(f"{self._folder} changed while it was read; try again.")
            found = lint.check(venue, self._folder)
            errors = [f for f in found if f.severity == "error"]
            if errors:
                first = errors[0]
                more = f" ({len(errors) - 1} more errors.)" if errors[1:] else ""
                raise RefusedVenueError(f"{first.where}: {first.what} {first.mend}{more}")
            guide = self._make(venue)
        except GiljabiError as e:
            raise RefusedVenueError(str(e)) from None
        except OSError as e:
            raise RefusedVenueError(f"{self._folder} cannot be read: {e.strerror or e}.") from None
        current.exchange(guide)
        warnings = sum(f.severity == "warning" for f in found)
        seconds = round(time.perf_counter() - began, 2)
        changed = guide.knows != before
        return Reloaded(venue.hash, len(venue.places), changed, warnings, seconds)
