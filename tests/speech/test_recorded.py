"""A recording as a visitor, and a talk at this machine's devices, with scripted parts."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scripted_parts import (
    PIECE,
    RATE_OUT,
    SILENCE,
    LevelListener,
    Log,
    ScriptedAnswerer,
    ScriptedEar,
    ScriptedMouth,
    broken,
    sentences,
    utterance,
    voice_of,
)

from giljabi.speech import recorded
from giljabi.speech.events import Done
from giljabi.speech.live import Playing, TalkKey
from giljabi.speech.sound import Heard
from giljabi.speech.turn import Conversation


def conversation(tell, ear=None):
    return Conversation(
        LevelListener(), ear or ScriptedEar(), ScriptedMouth(), ScriptedAnswerer(), tell
    )


def test_every_utterance_of_a_recording_is_answered_one_after_the_other():
    pcm = np.concatenate([SILENCE, utterance(1), SILENCE, SILENCE, utterance(2)])
    said = list(recorded.exchanges(pcm, conversation, silence_s=0.2))
    assert [e.transcribed.heard.text for e in said] == ["질문 1", "질문 2"]
    rows = [e.to_json() for e in said]
    assert [r["said"] for r in rows] == [" ".join(sentences(f"질문 {n}")) for n in (1, 2)]
    assert [r["speech_ended_s"] for r in rows] == [0.2, 0.5]
    assert rows[0]["timings"]["first_sound"] > rows[0]["timings"]["hold"] > 0

    sound = recorded.said(said[1], RATE_OUT)
    assert len(sound) == 9 * PIECE + round(recorded.PAUSE_S * RATE_OUT)
    assert sound[0] == voice_of(sentences("질문 2")[0])


def test_what_is_rejected_or_fails_is_told_and_the_rest_still_answered():
    ear = ScriptedEar(texts={1: Heard("감사합니다", "ko", rejected="stock_phrase")})
    ear.fails = [None, broken("ear")]
    pcm = np.concatenate([x for n in (1, 2, 3) for x in (utterance(n), SILENCE)])
    rows = [
        e.to_json()
        for e in recorded.exchanges(pcm, lambda tell: conversation(tell, ear), silence_s=0.2)
    ]
    assert [r["purpose"] for r in rows] == ["repeat", "failure", "answer"]
    assert rows[0]["rejected"] == "stock_phrase"
    assert rows[1]["error"] == "The ear is broken; mend it."


def test_a_recording_without_speech_gives_nothing():
    assert list(recorded.exchanges(SILENCE, conversation, silence_s=0.2)) == []


class TapePlayer:
    """Plays on the spot, as much of everything as it is let."""

    def __init__(self):
        self.turn, self.queued, self.sounded, self.stops = 0, 0, 0, 0

    def play(self, turn, pcm):
        if turn != self.turn:
            self.turn, self.queued, self.sounded = turn, 0, 0
        self.queued += len(pcm)

    def end(self):
        pass

    def stop(self):
        self.stops += 1
        self.queued = self.sounded

    def played(self):
        return self.turn, self.sounded

    @property
    def idle(self):
        return self.sounded == self.queued


@pytest.fixture
def live():
    log, player = Log(), TapePlayer()
    playing = Playing(log)
    with conversation(playing.tell) as talk, playing.start(talk, player):
        yield talk, player, log


def test_what_the_player_has_played_is_what_is_remembered(live):
    talk, player, log = live
    talk.ask("질문 1")
    done = log.wait(Done)
    player.sounded = 3 * PIECE + 1  # one sentence and a little
    time.sleep(0.15)
    assert talk.stage == "speaking"
    talk.feed(utterance(2))
    talk.feed(SILENCE)
    log.wait(Done, done.turn + 1)
    assert player.stops == 1
    assert talk.history[0].answer == sentences("질문 1")[0]


def test_played_to_its_end_it_listens_again_even_where_the_device_counts_otherwise(live):
    talk, player, log = live
    talk.ask("질문 1")
    log.wait(Done)
    player.sounded = player.queued = player.queued - 7  # a resampler rounds
    end = time.monotonic() + 2
    while talk.stage != "listening" and time.monotonic() < end:
        time.sleep(0.01)
    assert talk.stage == "listening"


def test_a_key_begins_and_ends_what_is_heard():
    log = Log()
    ear = ScriptedEar()
    with conversation(log, ear) as talk:
        key = TalkKey(talk)
        key.feed(utterance(1))
        assert not key.recording
        key.press()
        key.feed(utterance(2))
        key.feed(utterance(2))
        key.press()
        assert log.wait(Done).text == " ".join(sentences("질문 2"))
        assert ear.heard == [2]


def test_a_forgotten_key_hands_over_after_25_seconds():
    log = Log()
    with conversation(log) as talk:
        key = TalkKey(talk)
        key.press()
        for _ in range(26):
            key.feed(utterance(3, 16000))
        assert not key.recording
        log.wait(Done)
