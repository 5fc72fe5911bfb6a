"""Finding devices, moving sound through them, and taking the loudspeaker out of the microphone."""

from __future__ import annotations

import builtins
import sys
import time
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.cli import main
from giljabi.errors import GiljabiError
from giljabi.speech import devices, playback
from giljabi.speech.devices import Microphone, find
from giljabi.speech.playback import Player
from giljabi.speech.resampling import Resampler
from giljabi.speech.sound import RATE

pytest.importorskip("soxr")

PLAIN = {"default_samplerate": 48000.0}
FOUND = [
    {"name": "USB Mic: Audio", "max_input_channels": 1, "max_output_channels": 0, **PLAIN},
    {"name": "HDMI 0", "max_input_channels": 0, "max_output_channels": 2, **PLAIN},
    {"name": "USB Speaker: Audio", "max_input_channels": 0, "max_output_channels": 2, **PLAIN},
]


class PortAudioError(Exception):
    pass


class Stream:
    """A device that takes or gives a block when told to."""

    def __init__(self, callback, samplerate, blocksize, latency, **settings):
        self.callback, self.samplerate, self.blocksize = callback, samplerate, blocksize
        self.settings, self.latency, self.aborted = settings, 0.02, 0

    def start(self):
        if self.settings["device"] == 1:
            raise PortAudioError("Device unavailable", -9985)

    def abort(self):
        self.aborted += 1

    def close(self):
        pass

    def take(self, frames=None):
        out = np.full((frames or self.blocksize, 1), 9, np.float32)
        self.callback(out, len(out), None, None)
        return out[:, 0]

    def give(self, block):
        self.callback(block[:, None], len(block), None, None)


@pytest.fixture
def portaudio(monkeypatch):
    """PortAudio with the devices above; only 48 kHz and 16 kHz are taken by the microphone."""
    made = []

    def stream(**settings):
        made.append(Stream(**settings))
        return made[-1]

    def check(device, samplerate, **_):
        if samplerate not in (48000, 22050 if device == 2 else 48000):
            raise PortAudioError("Invalid sample rate", -9997)

    fake = SimpleNamespace(
        query_devices=lambda: FOUND, default=SimpleNamespace(device=(0, 2)),
        PortAudioError=PortAudioError, check_input_settings=check, check_output_settings=check,
        InputStream=stream, OutputStream=stream, made=made,
    )  # fmt: skip
    monkeypatch.setattr(devices, "sounddevice", lambda: fake)
    monkeypatch.setattr(playback, "sounddevice", lambda: fake)
    return fake


# ---- finding ----


def test_a_device_is_found_by_number_by_name_by_part_or_as_the_default(portaudio):
    assert find(None, "input").number == 0
    assert find(None, "output").number == 2
    assert find("1", "output").name == "HDMI 0"
    assert find("hdmi 0", "output").number == 1
    assert find("speaker", "output").number == 2
    assert find("usb", "input").number == 0


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [("9", "input", "no microphones"), ("piano", "output", "no loudspeakers"),
     ("0", "output", "no loudspeakers"), ("i", "output", "several loudspeakers")],
)  # fmt: skip
def test_what_names_no_device_or_several_is_said_in_a_sentence(portaudio, wanted, kind, said):
    with pytest.raises(GiljabiError, match=said):
        find(wanted, kind)


def test_a_machine_without_devices_says_so(portaudio):
    portaudio.query_devices = list
    with pytest.raises(GiljabiError, match="no microphone here; plug one in"):
        find(None, "input")
    result = CliRunner().invoke(main, ["voice", "--devices"])
    assert (result.exit_code, result.output) == (0, "No sound device.\n")


def test_the_list_names_each_device_and_the_defaults(portaudio):
    result = CliRunner().invoke(main, ["voice", "--devices"])
    assert result.output.splitlines()[2] == (
        "  2  0 in  2 out  48000 Hz  USB Speaker: Audio  (default output)"
    )


@pytest.mark.parametrize(
    ("error", "said"),
    [(OSError("PortAudio library not found"), "apt install libportaudio2"),
     (ImportError("sounddevice"), r"pip install 'giljabi\[voice\]'")],
)  # fmt: skip
def test_without_portaudio_the_sentence_says_what_to_install(monkeypatch, error, said):
    real = builtins.__import__

    def importing(name, *args, **kwargs):
        if name == "sounddevice":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(GiljabiError, match=said):
        devices.devices()
    result = CliRunner().invoke(main, ["voice", "--devices"])
    assert result.exit_code == 2
    assert result.output.startswith("giljabi: ")


def test_a_device_that_is_taken_is_told_by_name(portaudio):
    with pytest.raises(GiljabiError, match=r"HDMI 0 cannot be opened \(Device unavailable\)"):
        Player(find("1", "output"), 48000).__enter__()


def test_out_without_file_is_refused():
    result = CliRunner().invoke(main, ["voice", "--out", "x.wav"])
    assert (result.exit_code, result.output) == (2, "giljabi: --out needs --file RECORDING.\n")


# ---- recording ----


def test_a_microphone_of_another_rate_gives_16_khz(portaudio):
    with Microphone(find(None, "input")) as mic:
        assert portaudio.made[0].samplerate == 48000
        time_ = np.arange(48000) / 48000
        tone = np.sin(2 * np.pi * 440 * time_).astype(np.float32)
        for n in range(0, 48000, 480):
            portaudio.made[0].give(tone[n : n + 480])
        blocks = mic.blocks(patience_s=0.05)
        out = np.concatenate([next(blocks) for _ in range(100)])
    assert len(out) == pytest.approx(RATE, abs=400)
    spectrum = np.abs(np.fft.rfft(out[2000:10000]))
    assert spectrum.argmax() * RATE / 8000 == pytest.approx(440, abs=3)


def test_a_microphone_that_falls_silent_is_told_and_a_late_reader_loses_the_rest(portaudio):
    with Microphone(find(None, "input")) as mic:
        for _ in range(600):
            portaudio.made[0].give(np.zeros(480, np.float32))
        assert mic.lost == 100
        blocks = mic.blocks(patience_s=0.05)
        for _ in range(500):
            next(blocks)
        with pytest.raises(GiljabiError, match="USB Mic: Audio gives no more sound"):
            next(blocks)


# ---- playing ----


def test_pieces_are_played_in_order_with_silence_where_there_is_none(portaudio):
    heard = []
    with Player(find(None, "output"), 22050, lambda b, rate: heard.append((b, rate))) as player:
        stream = portaudio.made[0]
        player.play(1, np.full(300, 0.1, np.float32))
        player.play(1, np.full(100, 0.2, np.float32))
        first, second = stream.take(250), stream.take(250)
    assert (first == np.float32(0.1)).all()
    assert second.tolist() == pytest.approx([0.1] * 50 + [0.2] * 100 + [0.0] * 100)
    assert np.concatenate([b for b, _ in heard]).tolist() == [*first.tolist(), *second.tolist()]
    assert {rate for _, rate in heard} == {22050}


def test_it_knows_what_has_sounded_and_what_is_still_in_the_device(portaudio):
    with Player(find(None, "output"), 22050) as player:
        stream, late = portaudio.made[0], round(0.02 * 22050)
        player.play(1, np.ones(2000, np.float32))
        stream.take(1000)
        assert player.played() == (1, 1000 - late)
        assert not player.idle
        stream.take(1000)
        assert player.played() == (1, 2000 - late)
        stream.take(late)
        assert player.played() == (1, 2000)
        assert player.idle
        player.play(2, np.ones(500, np.float32))
        assert player.played() == (2, 0)


def test_told_to_stop_it_gives_silence_from_the_next_block_on(portaudio):
    with Player(find(None, "output"), 22050) as player:
        stream = portaudio.made[0]
        player.play(1, np.ones(22050, np.float32))
        stream.take(1000)
        player.stop()
        assert not stream.take(220).any()
        late = round(0.02 * 22050)
        assert player.played() == (1, 1000 - late)
        assert player.idle
        assert not stream.aborted
        player.play(2, np.ones(100, np.float32))
        assert stream.take(100).all()


def test_a_device_with_long_buffers_is_thrown_open_so_that_it_stops_at_once(portaudio):
    with Player(find(None, "output"), 22050) as player:
        portaudio.made[0].latency = 0.2
        player.play(1, np.ones(22050, np.float32))
        player.stop()
        assert portaudio.made[0].aborted == 1


def test_a_loudspeaker_of_another_rate_plays_all_of_it(portaudio):
    with Player(find(None, "output"), 16000) as player:
        stream = portaudio.made[0]
        assert stream.samplerate == 48000
        for _ in range(10):
            player.play(1, np.full(160, 0.5, np.float32))
        player.end()
        out = np.concatenate([stream.take(480) for _ in range(20)])
        assert np.count_nonzero(out > 0.4) == pytest.approx(4800, abs=60)
        assert player.played()[1] == pytest.approx(1600, abs=3)
        assert player.idle


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(0, 900), min_size=1, max_size=20), st.sampled_from([8000, 22050, 44100])
)
def test_resampled_in_pieces_it_is_what_it_is_as_a_whole(sizes, rate):
    sound = np.sin(np.arange(sum(sizes)) / 7).astype(np.float32)
    pieces = Resampler(rate, RATE)
    out, at = [], 0
    for size in sizes:
        out.append(pieces(sound[at : at + size]))
        at += size
    out.append(pieces(np.zeros(0, np.float32), last=True))
    whole = Resampler(rate, RATE)(sound, last=True)
    assert np.allclose(np.concatenate(out), whole, atol=1e-4)


# ---- with whatever devices this machine has ----


def test_a_real_loudspeaker_falls_silent_within_50_ms_and_its_count_is_right():
    try:
        device = find(None, "output")
        player = Player(device, 22050)
        opened = player.__enter__()
    except GiljabiError as error:
        pytest.skip(str(error))
    with player:
        tone = 0.01 * np.sin(np.arange(3 * 22050) / 10)
        opened.play(1, tone.astype(np.float32))
        end = time.monotonic() + 5
        while opened.played()[1] < 22050 // 2 and time.monotonic() < end:
            time.sleep(0.01)
        assert opened.played()[1] >= 22050 // 2
        began = time.monotonic()
        opened.stop()
        assert opened.idle
        assert time.monotonic() - began < 0.05
        assert opened._stream.latency < 0.05
        sounded = opened.played()
        time.sleep(0.2)
        assert opened.played() == sounded


# ---- echo ----


def speech_like(seconds, seed):
    """Noise that comes in syllables and pauses, coloured as a voice is."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    noise = np.convolve(rng.standard_normal(n), np.exp(-np.arange(40) / 8), "same")
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * np.arange(n) / RATE + seed), 0, 1)
    phrases = np.sin(2 * np.pi * 0.4 * np.arange(n) / RATE) > -0.6
    sound = noise * syllables * phrases
    return (0.4 * sound / np.abs(sound).max()).astype(np.float32)


def level(pcm):
    return 10 * np.log10(np.mean(np.square(pcm, dtype=np.float64)) + 1e-12)


def cleaned(near, far, rate=RATE):
    pytest.importorskip("livekit")
    from giljabi.speech.echo import EchoCanceller

    canceller, out = EchoCanceller(), []
    step = rate // 100
    for n in range(len(near) // 160):
        canceller.played(far[n * step : (n + 1) * step], rate)
        out.append(canceller.clean(near[n * 160 : (n + 1) * 160]))
    return np.concatenate(out)


@pytest.mark.parametrize("delay_ms", [10, 80, 200])
def test_the_loudspeakers_echo_is_taken_out(delay_ms):
    far = speech_like(8, 1)
    tail = np.exp(-np.arange(1600) / 400) * np.random.default_rng(2).standard_normal(1600)
    room = np.concatenate([np.zeros(delay_ms * 16), 0.3 * tail / np.abs(tail).sum() * 4])
    echo = np.convolve(far, room)[: len(far)].astype(np.float32)
    out = cleaned(echo, far)
    after = slice(3 * RATE, None)
    assert level(echo[after]) - level(out[after]) > 25


def test_without_anything_playing_the_visitor_is_left_as_loud_as_before():
    near = speech_like(6, 3)
    out = cleaned(near, np.zeros_like(near))
    assert level(out[RATE:]) == pytest.approx(level(near[RATE:]), abs=2)


def test_pieces_of_any_size_come_out_whole():
    pytest.importorskip("livekit")
    from giljabi.speech.echo import EchoCanceller

    canceller = EchoCanceller()
    sizes = [1, 159, 160, 161, 479, 512, 7]
    out = sum(len(canceller.clean(np.zeros(s, np.float32))) for s in sizes)
    assert out == sum(sizes) // 160 * 160
