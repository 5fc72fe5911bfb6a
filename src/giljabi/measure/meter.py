"""What the machine spends while it answers: memory of this process, energy of the whole board.

Energy is read where the board reports it: an INA3221 (Jetson) or Intel's and AMD's RAPL counters.
It holds everything the board did meanwhile, idling included. Knows nothing of models.
"""

from __future__ import annotations

import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

_SYS = Path("/sys")
_SAMPLE_S = 0.1
_RAILS = ("VDD_IN", "POM_5V_IN")  # a Jetson's input rail by generation


def peak_mb() -> float | None:
    """The most this process ever had in memory, 10⁶ bytes; None where the system does not tell."""
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text("ascii", "replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024 / 1e6
    try:
        import resource  # noqa: PLC0415
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / 1e6 if sys.platform == "darwin" else most * 1024 / 1e6


class Energy:
    """Joules since it was made, from whatever reports them here; `source` is empty where nothing does."""

    def __init__(self, sysfs: Path = _SYS) -> None:
        self.source = ""
        self._joules = 0.0
        self._rail = _rail(sysfs)
        self._counters = {} if self._rail else _counters(sysfs)
        self._stop = threading.Event()
        if self._rail:
            self.source = "INA3221, the board's input"
            self._last = time.monotonic()
            threading.Thread(target=self._sample, name="giljabi-energy", daemon=True).start()
        elif self._counters:
            self.source = "RAPL, processor packages"

    def joules(self) -> float | None:
        """Spent so far; None where nothing reports it."""
        if not self.source:
            return None
        if self._counters:
            for path, (before, most) in self._counters.items():
                now = _number(path)
                if now is not None:
                    # The counter starts again at its maximum, about once a quarter of an hour.
                    self._joules += (now - before if now >= before else now - before + most) / 1e6
                    self._counters[path] = (now, most)
        return self._joules

    def close(self) -> None:
        """Read no more."""
        self._stop.set()

    def _sample(self) -> None:
        assert self._rail is not None  # noqa: S101 - the thread runs only with a rail
        while not self._stop.wait(_SAMPLE_S):
            millivolts, milliamps = (_number(path) for path in self._rail)
            now = time.monotonic()
            if millivolts is not None and milliamps is not None:
                self._joules += millivolts * milliamps / 1e6 * (now - self._last)
            self._last = now


def _rail(sysfs: Path) -> tuple[Path, Path] | None:
    """The files with millivolts and milliamps of the board's input."""
    for label in sorted(sysfs.glob("class/hwmon/hwmon*/in*_label")):
        with suppress(OSError):
            if label.read_text("ascii", "replace").strip() in _RAILS:
                number = label.name.removeprefix("in").removesuffix("_label")
                pair = label.with_name(f"in{number}_input"), label.with_name(f"curr{number}_input")
                if all(_number(path) is not None for path in pair):
                    return pair
    return None


def _counters(sysfs: Path) -> dict[Path, tuple[float, float]]:
    """Every package's counter, what it stands at and where it starts again, in microjoules."""
    found = {}
    for zone in sorted(sysfs.glob("class/powercap/intel-rapl:[0-9]*")):
        if zone.name.count(":") == 1:  # a second colon is a part of a package
            path, most = zone / "energy_uj", _number(zone / "max_energy_range_uj")
            now = _number(path)  # only root may read it on most systems
            if now is not None and most is not None:
                found[path] = (now, most)
    return found


def _number(path: Path) -> float | None:
    try:
        return float(path.read_text("ascii"))
    except (OSError, ValueError):
        return None
