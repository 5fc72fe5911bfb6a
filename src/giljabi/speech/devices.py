"""Microphones and loudspeakers of this machine, through PortAudio (`sounddevice`).

Knows no speech: a microphone gives RATE samples, a device is found by its name or number.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np

from giljabi.errors import GiljabiError
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import RATE, Pcm

Kind = Literal["input", "output"]
BLOCK_S = 0.01
"""Seconds of sound moved at once, in and out."""
LATENCY_S = 0.04
"""Sound kept in a device: enough for a busy board, little enough to fall silent within 50 ms."""
_WAITING = 500  # blocks kept for a reader that is late; 5 s


@dataclass(frozen=True, slots=True)
class Device:
    """One of the machine's sound devices."""

    number: int
    name: str
    inputs: int
    """Channels it records; 0 where it cannot."""
    outputs: int
    """Channels it plays; 0 where it cannot."""
    rate: int
    """Its own samples a second."""
    default: tuple[Kind, ...] = ()
    """What it is taken for where no device is named."""


def devices() -> list[Device]:
    """Every device, by number. Raises GiljabiError where sound devices cannot be used at all."""
    sd = sounddevice()
    chosen = dict(zip(("input", "output"), sd.default.device, strict=True))
    kinds: tuple[Kind, ...] = ("input", "output")
    return [
        Device(
            number, str(d["name"]), int(d["max_input_channels"]), int(d["max_output_channels"]),
            round(d["default_samplerate"]), tuple(k for k in kinds if chosen[k] == number),
        )
        for number, d in enumerate(sd.query_devices())
    ]  # fmt: skip


def find(wanted: str | None, kind: Kind) -> Device:
    """The device called `wanted`: its number, its name, or a part that only its name has.

    None is the system's own choice. Raises GiljabiError where there is none or several.
    """
    able = [d for d in devices() if (d.inputs if kind == "input" else d.outputs)]
    what = "microphone" if kind == "input" else "loudspeaker"
    if not able:
        raise GiljabiError(
            f"There is no {what} here; plug one in, and see giljabi voice --devices."
        )
    if wanted is None:
        return next((d for d in able if kind in d.default), able[0])
    if wanted.isdecimal():
        found = [d for d in able if d.number == int(wanted)]
    else:
        part = wanted.casefold()
        found = [d for d in able if d.name.casefold() == part]
        found = found or [d for d in able if part in d.name.casefold()]
    if len(found) == 1:
        return found[0]
    named = "several" if found else "no"
    raise GiljabiError(f"{wanted!r} names {named} {what}s; see giljabi voice --devices.")


def sounddevice() -> Any:
    """The library; GiljabiError where it or the system's PortAudio is missing."""
    try:
        import sounddevice as sd  # noqa: PLC0415
    except ImportError:
        raise GiljabiError("Sound devices need sounddevice: run pip install 'giljabi[voice]'.") from None  # fmt: skip
    except OSError:
        raise GiljabiError(
            "The system's PortAudio is missing: run sudo apt install libportaudio2."
        ) from None
    return sd


def usable_rate(device: Device, kind: Kind, wanted: int) -> int:
    """`wanted` where the device takes it, or else its own rate."""
    sd = sounddevice()
    check = sd.check_input_settings if kind == "input" else sd.check_output_settings
    try:
        check(device=device.number, channels=1, samplerate=wanted, dtype="float32")
    except sd.PortAudioError:
        return device.rate
    return wanted


def opened(make: Any, device: Device, **settings: Any) -> Any:
    """A started stream of `device`; GiljabiError where it is taken, or does not take this."""
    sd = sounddevice()
    try:
        stream = make(
            device=device.number, channels=1, dtype="float32", latency=LATENCY_S,
            blocksize=round(settings["samplerate"] * BLOCK_S), **settings,
        )  # fmt: skip
        stream.start()
    except sd.PortAudioError as error:
        reason = str(error.args[0]).strip().rstrip(".")
        raise GiljabiError(
            f"{device.name} cannot be opened ({reason}); end what uses it, or name another device."
        ) from None
    return stream


class Microphone:
    """Sound from a device, RATE samples a second. Records from entering until leaving.

    Raises GiljabiError where the device cannot be opened.
    """

    def __init__(self, device: Device) -> None:
        self._device = device
        self._blocks: queue.Queue[Pcm] = queue.Queue(_WAITING)
        self._stream: Any = None
        self.lost = 0
        """Blocks nobody read in time."""

    def __enter__(self) -> Self:
        rate = usable_rate(self._device, "input", RATE)
        self._resample = Resampler(rate, RATE)
        make = sounddevice().InputStream
        self._stream = opened(make, self._device, samplerate=rate, callback=self._recorded)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    def _recorded(self, block: Any, frames: int, when: Any, status: Any) -> None:
        try:
            self._blocks.put_nowait(np.array(block[:, 0]))
        except queue.Full:
            self.lost += 1

    def blocks(self, patience_s: float = 3.0) -> Iterator[Pcm]:
        """What it records, for ever. Raises GiljabiError when the device falls silent as if unplugged."""
        while True:
            try:
                block = self._blocks.get(timeout=patience_s)
            except queue.Empty:
                raise GiljabiError(
                    f"{self._device.name} gives no more sound; look at its plug."
                ) from None
            yield self._resample(block)
