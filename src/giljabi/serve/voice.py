"""What a server needs to hear and speak, and how much of it anybody may use.

Nothing here imports `giljabi.speech` or its libraries: a server without a voice stays light.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING

from giljabi.errors import GiljabiError
from giljabi.serve.guard import BodyRule

if TYPE_CHECKING:
    from giljabi.speech.hold import Hold
    from giljabi.speech.sound import Ear, Lang, Listener, Mouth

TRANSCRIPTIONS = "/v1/audio/transcriptions"
SPEECH = "/v1/audio/speech"
REALTIME = "/v1/realtime"
_OFF = "This server neither hears nor speaks; start it with `giljabi serve --voice`."
CLOSED = dict.fromkeys((TRANSCRIPTIONS, SPEECH, REALTIME), _OFF)
"""What the paths answer on a server without a voice."""


@dataclass(frozen=True, slots=True)
class VoiceLimits:
    """How much one client, and all of them together, may ask of ear and mouth."""

    upload_bytes: int = 8 << 20
    """Largest request that brings a sound to transcribe: 30 s of CD stereo fit."""
    uploads: int = 4
    """Such requests in hand at the same time."""
    sound_s: float = 30.0
    """Longest sound that is recognised, in seconds: what Whisper hears at once."""
    speech_chars: int = 4096
    """Longest text that is read aloud; OpenAI's limit."""
    sockets: int = 8
    """Live conversations at the same time."""
    message_bytes: int = 2 << 20
    """Largest message on a socket."""
    idle_s: float = 300.0
    """Seconds a socket may be silent before it is closed."""

    def body_rules(self) -> dict[str, BodyRule]:
        """The bodies that differ from every other route's."""
        rule = BodyRule(self.upload_bytes, "multipart/form-data", self.uploads)
        return {TRANSCRIPTIONS: rule}


@dataclass(frozen=True, slots=True)
class Voice:
    """The parts that hear and speak. Ear and mouth are shared by every client."""

    ear: Ear
    mouth: Mouth
    listener: Callable[[int], Listener | Hold]
    """A listener of its own for each live conversation, given the silence that ends a turn (ms)."""
    spoken: Callable[[str, Lang, Mapping[str, str]], str]
    """Written text as it is read aloud, given the readings of the venue of the moment."""
    limits: VoiceLimits = field(default_factory=VoiceLimits)


def require() -> None:
    """GiljabiError where something is missing that carries sound over HTTP."""
    for module in ("numpy", "python_multipart", "websockets", "soundfile", "soxr"):
        if find_spec(module) is None:
            raise GiljabiError(f"Serving voice needs {module}: pip install 'giljabi[voice]'.")
