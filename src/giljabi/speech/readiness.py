"""What speech needs on this machine, looked at: devices, echo cancellation, weights, a voice.

Starts nothing and records nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from giljabi.errors import GiljabiError
from giljabi.model import store
from giljabi.model.doctor import Check
from giljabi.speech import devices, echo, weights


def checks() -> list[Check]:
    """One check a part; none of them is needed by the text guide."""
    return [*_devices(), _echo(), _said("hearing", _ear_weights), _said("voice's weights", _voice)]


def _devices() -> Iterator[Check]:
    kinds: tuple[devices.Kind, ...] = ("input", "output")
    for kind, name in zip(kinds, ("microphone", "loudspeaker"), strict=True):
        yield _said(name, lambda kind=kind: devices.find(None, kind).name)  # type: ignore[misc]


def _echo() -> Check:
    if echo.is_installed():
        return Check("echo", True, "livekit cancels it")
    said = "an answer cannot be interrupted by voice: pip install 'giljabi[echo]'"
    return Check("echo", False, said)


def _said(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name, True, look())
    except GiljabiError as error:
        return Check(name, False, str(error))


def _ear_weights() -> str:
    return str(store.join(weights.WHISPER_BASE))


def _voice() -> str:
    from giljabi.speech.mouths import mouth  # noqa: PLC0415

    made = mouth()
    return f"speaks at {made.rate} samples a second"
