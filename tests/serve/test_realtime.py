"""The Realtime protocol by the official client: conversations, interruptions, sessions."""

from __future__ import annotations

import threading

import numpy as np
import pytest

pytest.importorskip("websockets", reason="needs the extra voice")
pytest.importorskip("soxr", reason="needs the extra voice")

from live import AUDIO, live, sound, types, words
from running import until
from scripted_voice import (
    WORDS,
    ScriptedEar,
    ScriptedMouth,
    SpokenGuide,
    b64,
    scripted_voice,
    utterance,
)

# The official client opens its socket in a way that websockets 17 wants spelt otherwise.
pytestmark = pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
ASKED = utterance("도서관 어디야?", rate=24_000)
ANSWER = "질문은 도서관 어디야?입니다. 앞선 질문은 []입니다."


@pytest.fixture
def serve(start):
    def begin(ear=None, mouth=None, guide=None, **limits):
        voice = scripted_voice(ear, mouth, **limits)
        return start(answers=guide or SpokenGuide(), voice=voice)

    return begin


def manual(talk):
    """Let the client commit its turns itself."""
    talk.connection.session.update(
        session={"type": "realtime", "audio": {"input": {"turn_detection": None}}}
    )
    return talk.until("session.updated")[-1].session


def test_a_question_by_voice_is_answered_by_voice(serve):
    with live(serve()) as talk:
        assert talk.session.type == "realtime"
        assert talk.session.audio.input.format.rate == 24_000
        assert talk.session.audio.input.turn_detection.silence_duration_ms == 500
        talk.speak(ASKED)
        events = talk.until("response.done")
    order = list(dict.fromkeys(types(events)))
    assert order == [
        "input_audio_buffer.speech_started", "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed", "conversation.item.added", "conversation.item.done",
        "conversation.item.input_audio_transcription.completed", "response.created",
        "response.output_item.added", "response.content_part.added",
        "response.output_audio_transcript.delta", AUDIO, "response.output_audio.done",
        "response.output_audio_transcript.done", "response.content_part.done",
        "response.output_item.done", "response.done",
    ]  # fmt: skip
    by = {e.type: e for e in events}
    assert by["input_audio_buffer.speech_started"].audio_start_ms == 0
    assert by["input_audio_buffer.speech_stopped"].audio_end_ms == pytest.approx(400, abs=20)
    said = by["conversation.item.input_audio_transcription.completed"]
    assert said.transcript == "도서관 어디야?"
    assert said.usage.seconds == pytest.approx(0.4, abs=0.02)
    assert said.item_id == by["input_audio_buffer.committed"].item_id
    assert words(events) == by["response.output_audio_transcript.done"].transcript == ANSWER
    done = by["response.done"].response
    assert (done.status, done.metadata["purpose"]) == ("completed", "answer")
    assert done.output[0].content[0].transcript == ANSWER
    heard = sound(events)
    pieces = sum(len(s) // 2 for s in ANSWER.split(". ")) * 0.1
    assert len(heard) / 24_000 == pytest.approx(pieces, abs=0.3)
    assert np.abs(heard).max() == pytest.approx(0.3, abs=0.03)


def test_a_conversation_remembers_what_was_said_in_it(serve):
    with live(serve()) as talk:
        talk.write("하나")
        assert words(talk.until("response.done")).startswith("질문은 하나입니다.")
        talk.speak(ASKED)
        assert "앞선 질문은 ['하나']입니다." in words(talk.until("response.done"))
    with live(serve()) as talk:
        talk.write("둘")
        assert "앞선 질문은 []" in words(talk.until("response.done"))


def test_a_client_may_commit_its_turns_itself(serve):
    ear = ScriptedEar()
    with live(serve(ear)) as talk:
        assert manual(talk).audio.input.turn_detection is None
        for half in np.split(ASKED, 2):
            talk.connection.input_audio_buffer.append(audio=b64(half))
        talk.connection.input_audio_buffer.commit()
        item = talk.until("input_audio_buffer.committed")[-1].item_id
        talk.connection.response.create()
        events = talk.until("response.done")
    assert "input_audio_buffer.speech_stopped" not in types(events)
    heard = [e for e in events if e.type.endswith("transcription.completed")]
    assert [(e.item_id, e.transcript) for e in heard] == [(item, "도서관 어디야?")]
    assert ear.seconds == [pytest.approx(0.4, abs=0.02)]


def test_a_recorded_message_is_heard_too(serve):
    with live(serve()) as talk:
        content = [{"type": "input_audio", "audio": b64(ASKED)}]
        talk.connection.conversation.item.create(
            item={"type": "message", "role": "user", "content": content}
        )
        talk.connection.response.create()
        assert words(talk.until("response.done")) == ANSWER


def test_speech_interrupts_an_answer_and_nothing_stale_follows(serve):
    mouth = ScriptedMouth(piece_s=0.05)
    with live(serve(mouth=mouth)) as talk:
        talk.write("길게 말해 줘")
        talk.until(AUDIO)
        talk.speak(ASKED)
        cut = talk.until("response.done")
        done = cut[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "turn_detected")
        assert done.output[0].status == "incomplete"
        rest = talk.until("response.done")
    events = cut + rest
    stale = done.id
    start = types(events).index("input_audio_buffer.speech_started")
    after = [e for e in events[start:] if getattr(e, "response_id", None) == stale]
    assert AUDIO not in types(after)
    assert "response.output_audio_transcript.delta" not in types(after)
    assert mouth.cut == 1
    assert rest[-1].response.status == "completed"
    assert words(rest).startswith("질문은 도서관 어디야?입니다.")


def test_an_answer_that_was_sent_faster_than_it_is_heard_may_be_interrupted_too(serve):
    with live(serve()) as talk:
        talk.write("하나")
        item = talk.until("response.done")[-1].response.output[0].id
        talk.connection.conversation.item.truncate(item_id=item, content_index=0, audio_end_ms=0)
        assert talk.until("conversation.item.truncated")[-1].item_id == item
        talk.speak(ASKED)
        # Nothing of the first answer was heard, so its question has no answer to remember.
        assert words(talk.until("response.done")).startswith("질문은 도서관 어디야?입니다.")


def test_a_response_is_cancelled_by_its_client(serve):
    guide = SpokenGuide()
    with live(serve(guide=guide)) as talk:
        talk.write("느리게 답해 줘")
        talk.until(AUDIO)
        talk.connection.response.cancel()
        done = talk.until("response.done")[-1].response
        assert (done.status, done.status_details.reason) == ("cancelled", "client_cancelled")
        until(lambda: guide.cancelled == 1)
        assert AUDIO not in types(talk.quiet())
        talk.write("둘")
        assert talk.until("response.done")[-1].response.status == "completed"


def test_recognition_is_called_off_too(serve):
    ear = ScriptedEar(slow=True)
    with live(serve(ear)) as talk:
        talk.speak(ASKED)
        talk.until("input_audio_buffer.committed")
        until(lambda: ear.started == 1)
        talk.speak(ASKED)
        until(lambda: ear.cancelled == 1)
        ear.slow = False
        assert words(talk.until("response.done")) == ANSWER


def test_a_rejected_utterance_is_asked_for_again_and_not_answered(serve):
    guide = SpokenGuide()
    with live(serve(ScriptedEar(rejected="unsure"), guide=guide)) as talk:
        talk.speak(ASKED)
        events = talk.until("response.done")
    failed = [e for e in events if e.type.endswith("transcription.failed")]
    assert [e.error.code for e in failed] == ["unsure"]
    assert events[-1].response.metadata["purpose"] == "repeat"
    assert words(events)
    assert guide.started == 0


def test_parts_that_fail_end_the_response_and_not_the_conversation(serve):
    ear = ScriptedEar(fails=True)
    with live(serve(ear)) as talk:
        talk.speak(ASKED)
        done = talk.until("response.done")[-1].response
        assert (done.status, done.status_details.error.message) == (
            "failed", "The recogniser is not there.",
        )  # fmt: skip
        talk.write("고장")
        done = talk.until("response.done")[-1].response
        assert done.status == "failed"
        assert "고장" not in done.status_details.error.message
        talk.write("고장난 목소리")
        assert talk.until("response.done")[-1].response.status == "failed"
        talk.write("거절")
        assert "not there" in talk.until("response.done")[-1].response.status_details.error.message
        ear.fails = False
        talk.speak(ASKED)
        assert talk.until("response.done")[-1].response.status == "completed"


def test_text_alone_where_the_session_asks_for_it(serve):
    mouth = ScriptedMouth()
    with live(serve(mouth=mouth)) as talk:
        talk.connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        assert talk.until("session.updated")[-1].session.output_modalities == ["text"]
        talk.speak(ASKED)
        events = talk.until("response.done")
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == ANSWER
    assert AUDIO not in types(events)
    assert mouth.said == []


def test_what_is_said_is_read_in_its_spoken_form(serve):
    mouth = ScriptedMouth()
    with live(serve(mouth=mouth)) as talk:
        talk.write("2층")
        assert "2층" in words(talk.until("response.done"))
    assert mouth.said[0] == ("질문은 이 층입니다.", "ko")


def test_the_session_is_as_it_is_told(serve):
    ear = ScriptedEar()
    with live(serve(ear), check=False) as talk:
        talk.connection.session.update(session={
            "type": "realtime", "instructions": "Say that the library is closed.",
            "tools": [{"type": "function", "name": "f", "parameters": {}}],
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": 16_000},
                    "transcription": {"model": "whisper-1", "language": "ko"},
                    "turn_detection": {"type": "semantic_vad", "silence_duration_ms": 300},
                },
                "output": {"format": {"type": "audio/pcm", "rate": 16_000}, "voice": "marin"},
            },
        })  # fmt: skip
        session = talk.until("session.updated")[-1].session
        assert (session.instructions, session.tools) == ("", [])
        assert session.audio.input.turn_detection.type == "server_vad"
        assert session.audio.input.turn_detection.silence_duration_ms == 300
        assert session.audio.input.transcription.language == "ko"
        talk.speak(utterance("도서관 어디야?"), rate=16_000)
        events = talk.until("response.done")
    assert ear.langs == ["ko"]
    assert ear.seconds == [pytest.approx(0.7, abs=0.05)]  # the utterance and 300 ms
    assert words(events) == ANSWER
    pieces = sum(len(s) // 2 for s in ANSWER.split(". ")) * 0.1
    assert len(sound(events)) / 16_000 == pytest.approx(pieces, abs=0.3)


def test_a_session_changed_on_the_way_keeps_what_was_said(serve):
    with live(serve(mouth=ScriptedMouth(piece_s=0.05))) as talk:
        talk.write("하나")
        talk.until("response.done")
        talk.write("느리게")
        talk.until(AUDIO)
        manual(talk)
        ended = [e for e in talk.seen if getattr(e, "type", "") == "response.done"][-1]
        assert ended.response.status == "cancelled"
        talk.write("둘")
        assert "'하나'" in words(talk.until("response.done"))


def test_sound_as_bare_bytes_for_browsers(serve):
    with live(serve(), check=False, raw=1) as talk:
        assert talk.session.audio.input.format.rate == 16_000
        assert talk.session.audio.output.format.rate == 16_000
        talk.speak_raw(utterance("도서관 어디야?"))
        events = talk.until("response.done")
    assert words(events) == ANSWER
    assert AUDIO not in types(events)
    frames = [i for i, e in enumerate(events) if isinstance(e, bytes)]
    kinds = types(events)
    assert kinds.index("response.content_part.added") < frames[0]
    assert frames[-1] < kinds.index("response.output_audio.done")
    pieces = sum(len(s) // 2 for s in ANSWER.split(". ")) * 0.1
    assert len(sound(events)) / 16_000 == pytest.approx(pieces, abs=0.3)


def test_a_cleared_buffer_is_forgotten(serve):
    ear = ScriptedEar()
    with live(serve(ear)) as talk:
        talk.connection.input_audio_buffer.append(audio=b64(ASKED))
        talk.until("input_audio_buffer.speech_started")
        talk.connection.input_audio_buffer.clear()
        talk.until("input_audio_buffer.cleared")
        talk.speak(utterance("학생회관은?", rate=24_000))
        events = talk.until("response.done")
        started = next(e for e in events if e.type == "input_audio_buffer.speech_started")
        assert started.audio_start_ms == pytest.approx(400, abs=10)  # the clock goes on
        assert "학생회관은?" in words(events)
        manual(talk)
        talk.connection.input_audio_buffer.append(audio=b64(ASKED))
        talk.connection.input_audio_buffer.clear()
        talk.until("input_audio_buffer.cleared")
        talk.connection.input_audio_buffer.commit()
        assert talk.until("error")[-1].error.code == "input_audio_buffer_commit_empty"
    assert ear.started == 1


def test_two_conversations_do_not_mix(serve):
    server = serve(mouth=ScriptedMouth(piece_s=0.01))
    answers = {}

    def converse(words_):
        with live(server) as talk:
            for _ in range(3):
                talk.speak(utterance(words_, rate=24_000))
                answers.setdefault(words_, []).append(words(talk.until("response.done", 20)))

    crowd = [threading.Thread(target=converse, args=(WORDS[n],)) for n in (0, 2)]
    for thread in crowd:
        thread.start()
    for thread in crowd:
        thread.join(60)
    for own, other in ((WORDS[0], WORDS[2]), (WORDS[2], WORDS[0])):
        assert len(answers[own]) == 3
        assert all(f"질문은 {own}입니다." in text and other not in text for text in answers[own])
        assert answers[own][2].count(f"'{own}'") == 2
