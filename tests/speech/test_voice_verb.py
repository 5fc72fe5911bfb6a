"""`giljabi voice --file` with the real ear, guide and voice, over recorded speech."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from giljabi.cli import main

for part in (
    "ctranslate2",
    "faster_whisper",
    "onnxruntime",
    "soundfile",
    "soxr",
    "espeakng_loader",
):
    pytest.importorskip(part, reason="needs giljabi[voice]")
pytest.importorskip("giljabi.speech.mouths")


def voice(*arguments):
    return CliRunner().invoke(
        main, ["voice", "--model", "none", "--lang", "ko", *map(str, arguments)]
    )


def rows(result):
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def questions(shared):
    clips = shared / "speech" / "call_002.wav", shared / "speech" / "call_004.wav"
    if not clips[0].is_file():
        pytest.skip("../shared/speech is not here")
    return clips


def test_every_question_of_a_recording_is_heard_answered_and_spoken(questions, tmp_path):
    import soundfile

    sound = [soundfile.read(clip, dtype="float32")[0] for clip in questions]
    both = np.concatenate([x for clip in sound for x in (clip, np.zeros(16000, np.float32))])
    soundfile.write(tmp_path / "in.wav", both, 16000)
    said = rows(voice("--file", tmp_path / "in.wav", "--out", tmp_path / "out.wav"))

    answered = [row for row in said if row["purpose"] == "answer"]
    assert "어느 쪽으로 가야" in answered[0]["heard"]
    assert any("출구" in row["heard"] for row in answered[1:])
    assert all(row["said"] for row in answered)
    assert answered[0]["timings"]["hold"] == pytest.approx(500, abs=40)
    out, rate = soundfile.read(tmp_path / "out.wav")
    assert len(out) / rate > said[-1]["answer_at_s"] > 2
    start = round(answered[0]["answer_at_s"] * rate)
    assert np.abs(out[start : start + rate]).max() > 0.05


def test_a_silent_recording_is_answered_by_nothing(tmp_path):
    import soundfile

    soundfile.write(tmp_path / "in.wav", np.zeros(32000, np.float32), 16000)
    assert rows(voice("--file", tmp_path / "in.wav", "--out", tmp_path / "out.wav")) == []


@pytest.mark.parametrize(
    "option", [("--ear", "nowhere/no-such-folder/at-all"), ("--voice", "parrot")]
)
def test_parts_that_are_not_there_are_one_sentence(tmp_path, option):
    import soundfile

    soundfile.write(tmp_path / "in.wav", np.zeros(1600, np.float32), 16000)
    result = voice("--file", tmp_path / "in.wav", *option)
    assert result.exit_code == 2
    assert result.stderr.splitlines()[-1].startswith("giljabi: ")
    assert "Traceback" not in result.output
