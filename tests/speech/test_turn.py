"""Listening, thinking, speaking; and being interrupted in every one of them."""

from __future__ import annotations

import threading
import time
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scripted_parts import (
    PIECE,
    SILENCE,
    LevelListener,
    Log,
    ScriptedAnswerer,
    ScriptedEar,
    ScriptedMouth,
    broken,
    sentences,
    until,
    utterance,
    voice_of,
)

from giljabi.answer.memory import Turn
from giljabi.speech.events import (
    Cancelled,
    Done,
    Failed,
    Sentence,
    Sound,
    SpeechStarted,
    SpeechStopped,
    Transcribed,
)
from giljabi.speech.hold import Hold, Paused, Resumed
from giljabi.speech.sound import Ended, Heard, Started
from giljabi.speech.turn import Conversation, TurnOptions

REPEAT = "죄송해요, 잘 못 들었어요. 다시 한번 말씀해 주시겠어요?"
CANCEL_S = 0.2  # the issue's own bound


class Talk:
    """A conversation of scripted parts."""

    def __init__(self, options=None, mouth=True, listener=None, **more):
        self.ear, self.answerer, self.log = ScriptedEar(), ScriptedAnswerer(), Log()
        self.mouth = ScriptedMouth()
        self.conversation = Conversation(
            listener or LevelListener(), self.ear, self.mouth if mouth else None, self.answerer, self.log,
            options=options or TurnOptions(), **more,
        )  # fmt: skip

    def say(self, number):
        """An utterance and the silence that ends it; the turn it became."""
        self.conversation.feed(utterance(number))
        self.conversation.feed(SILENCE)
        return self.conversation.turn

    def answered(self, number):
        turn = self.say(number)
        return self.log.wait(Done, turn)

    def play(self, turn):
        """The player has played everything of `turn`."""
        self.conversation.played(turn, sum(len(e.pcm) for e in self.log.of(Sound, turn)))


@pytest.fixture
def talk():
    made = []

    def make(*args, **kwargs):
        made.append(Talk(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.conversation.close()


def nothing_stale(events):
    """Turns only go forward; after a cancellation nothing of that turn or an older one is told."""
    newest = 0
    for event in events:
        if isinstance(event, Cancelled):
            assert event.turn >= newest
            newest = event.turn + 1
        else:
            assert event.turn >= newest, f"{event} after turn {newest} had begun"
            newest = event.turn


# ---- a turn ----


def test_an_utterance_is_transcribed_answered_and_spoken_sentence_by_sentence(talk):
    t = talk()
    done = t.answered(1)

    kinds = [type(e) for e in t.log.events if not isinstance(e, Sound | Sentence)]
    assert kinds == [SpeechStarted, SpeechStopped, Transcribed, Done]
    assert t.log.of(Transcribed)[0].heard.text == "질문 1"
    assert [e.text.strip() for e in t.log.of(Sentence)] == sentences("질문 1")
    assert done.text == " ".join(sentences("질문 1")) == "".join(e.text for e in t.log.of(Sentence))
    for index, text in enumerate(sentences("질문 1")):
        sound = np.concatenate([e.pcm for e in t.log.of(Sound) if e.index == index])
        assert len(sound) == 3 * PIECE
        assert (sound == voice_of(text)).all()


def test_the_first_sentence_sounds_while_the_second_is_not_yet_written(talk):
    t = talk()
    t.answerer.gate.close(after=1)
    turn = t.say(1)
    t.log.wait(Sound, turn)
    assert len(t.log.of(Sentence, turn)) == 1
    t.answerer.gate.open()
    assert t.log.wait(Done, turn).text == " ".join(sentences("질문 1"))


def test_the_stages_are_timed_and_the_hold_counts(talk):
    t = talk()
    t.ear.gate.close()
    turn = t.say(1)
    time.sleep(0.1)
    t.ear.gate.open()
    timings = t.log.wait(Done, turn).timings
    assert set(timings) == {"hold", "wait", "hear", "think", "voice", "first_sound", "total"}
    assert timings["hold"] == pytest.approx(100)  # the silence that was fed
    assert timings["hear"] >= 95
    parts = sum(timings[s] for s in ("hold", "wait", "hear", "think", "voice"))
    assert timings["first_sound"] == pytest.approx(parts, abs=5)
    assert timings["total"] >= timings["first_sound"]


def test_earlier_turns_are_the_history_and_only_so_many_of_them(talk):
    t = talk(TurnOptions(turns=2), history=[Turn("앞선 질문", "앞선 답")])
    for n in (1, 2, 3):
        done = t.answered(n)
        t.play(done.turn)
    said = {n: " ".join(sentences(f"질문 {n}")) for n in (1, 2, 3)}
    assert t.answerer.asked[0][1] == (Turn("앞선 질문", "앞선 답"),)
    assert t.answerer.asked[2][1] == (Turn("질문 1", said[1]), Turn("질문 2", said[2]))
    assert t.conversation.history == (Turn("질문 2", said[2]), Turn("질문 3", said[3]))
    t.conversation.forget()
    assert t.conversation.history == ()


def test_the_language_heard_is_the_language_answered_and_spoken(talk):
    t = talk()
    t.ear.texts[1] = Heard("Where is the library?", "en")
    t.answered(1)
    assert t.answerer.langs == ["en"]
    assert {lang for _, lang in t.mouth.said} == {"en"}


def test_a_question_in_writing_is_answered_aloud(talk):
    t = talk()
    t.conversation.ask("Where is the library?")
    done = t.log.wait(Done)
    assert t.answerer.asked[0][0] == "Where is the library?"
    assert t.answerer.langs == ["en"]
    assert done.timings.keys() == {"wait", "think", "voice", "first_sound", "total"}


def test_a_whole_utterance_needs_no_listener(talk):
    t = talk()
    t.conversation.hear(utterance(7))
    t.log.wait(Done)
    assert t.answerer.asked[0][0] == "질문 7"


def test_written_text_is_made_speakable_for_the_voice_only(talk):
    t = talk(spoken=lambda text, lang: text.replace("1", "일"))
    t.answered(1)
    assert all("1" not in said for said, _ in t.mouth.said)
    assert "1" in t.log.of(Sentence)[0].text


def test_without_a_mouth_the_answer_is_text(talk):
    t = talk(mouth=False)
    done = t.answered(1)
    assert done.text == " ".join(sentences("질문 1"))
    assert not t.log.of(Sound)
    assert t.conversation.rate == 0
    assert t.conversation.history == (Turn("질문 1", done.text),)


def test_an_acknowledgement_is_said_first_and_is_no_part_of_the_answer(talk):
    t = talk(TurnOptions(acknowledge=True))
    done = t.answered(1)
    assert t.mouth.said[0] == ("네,", "ko")
    assert t.log.of(Sentence)[0].purpose == "acknowledgement"
    assert "네," not in done.text
    assert t.conversation.history[0].answer == done.text


# ---- doubts ----


@pytest.mark.parametrize("rejected", ["no_speech", "unsure", "loop", "stock_phrase"])
def test_what_was_rejected_is_never_answered_but_asked_for_again(talk, rejected):
    t = talk()
    t.ear.texts[1] = Heard("시청해 주셔서 감사합니다", "ko", rejected=rejected)
    done = t.answered(1)
    assert (done.purpose, done.text) == ("repeat", REPEAT)
    assert not t.answerer.asked
    assert t.conversation.history == ()


def test_a_noisy_place_is_not_talked_at_for_ever(talk):
    t = talk(TurnOptions(repeats=2))
    t.ear.texts[1] = Heard("", "en", rejected="unsure")
    assert [bool(t.answered(1).text) for _ in range(4)] == [True, True, False, False]
    t.answered(2)
    assert t.answered(1).text == REPEAT


def test_a_repetition_is_asked_for_in_the_language_last_understood(talk):
    t = talk()
    t.ear.texts |= {1: Heard("Hello?", "en"), 2: Heard("Ik hoor", "ko", rejected="unsure")}
    t.answered(1)
    assert t.answered(2).text.startswith("Sorry")
    t.conversation.forget()
    assert t.answered(2).text == REPEAT


def named(place, lang):
    return {"a": "학생회관", "b": "학생복지관"}[place]


@pytest.mark.parametrize("yes", ["네", "네, 맞아요.", "응", "네 학생회관이요", "학생회관", "Yes."])
def test_a_place_heard_in_doubt_is_asked_back_and_a_yes_puts_it_into_the_question(talk, yes):
    t = talk(place=named)
    t.ear.texts |= {1: Heard("학생할인은 어디예요?", "ko", asks=("a", "b")), 2: yes}
    assert t.answered(1).text == "학생회관 말씀이세요?"
    assert not t.answerer.asked
    assert t.answered(2).purpose == "answer"
    assert t.answerer.asked == [("학생회관은 어디예요?", ())]


def test_after_a_no_the_next_guess_is_asked_and_then_a_repetition(talk):
    t = talk(place=named)
    t.ear.texts |= {1: Heard("학생할인 어디예요?", "ko", asks=("a", "b")), 2: "아니요"}
    assert t.answered(1).text == "학생회관 말씀이세요?"
    assert t.answered(2).text == "학생복지관 말씀이세요?"
    assert t.answered(2).text == REPEAT
    assert not t.answerer.asked


def test_another_question_in_place_of_a_yes_is_answered(talk):
    t = talk(place=named)
    t.ear.texts |= {1: Heard("학생할인 어디예요?", "ko", asks=("a",)), 2: "도서관은 몇 층이에요?"}
    t.answered(1)
    t.answered(2)
    t.answered(3)
    assert [q for q, _ in t.answerer.asked] == ["도서관은 몇 층이에요?", "질문 3"]


def test_the_yes_may_come_before_the_question_back_has_been_said(talk):
    t = talk(place=named)
    t.ear.texts |= {1: Heard("학생할인 어디예요?", "ko", asks=("a",)), 2: "네"}
    t.mouth.gate.close()
    t.say(1)
    t.log.wait(Sentence)
    assert t.mouth.gate.reached.wait(2)
    turn = t.say(2)
    t.mouth.gate.open()
    t.log.wait(Done, turn)
    assert t.answerer.asked == [("학생회관 어디예요?", ())]


# ---- recognising during the silence ----


PAUSE = np.zeros(1600, np.float32)  # 100 ms: the listener's 50, and not yet the hold's 300


def patient():
    return Hold(LevelListener(), silence_ms=300)


def test_an_utterance_is_recognised_while_its_end_is_still_waited_for(talk):
    t = talk(listener=patient())
    t.conversation.feed(utterance(1))
    t.conversation.feed(PAUSE)
    until(lambda: t.ear.ended)
    time.sleep(0.05)
    assert t.ear.heard == [1]
    assert [type(e) for e in t.log.events] == [SpeechStarted]
    t.conversation.feed(np.concatenate([PAUSE, PAUSE]))
    done = t.log.wait(Done)
    assert t.ear.heard == [1]
    assert done.timings["hold"] == pytest.approx(300)
    assert done.timings["hear"] < 50
    assert [type(e) for e in t.log.events[:3]] == [SpeechStarted, SpeechStopped, Transcribed]


@pytest.mark.parametrize("heard_in_time", [True, False])
def test_speech_that_goes_on_is_one_utterance_and_the_guess_is_never_told(talk, heard_in_time):
    t = talk(listener=patient())
    if not heard_in_time:
        t.ear.gate.close()
    t.conversation.feed(utterance(1))
    t.conversation.feed(PAUSE)
    until(lambda: t.ear.ended if heard_in_time else t.ear.gate.reached.is_set())
    t.conversation.feed(utterance(2))
    until(lambda: not t.ear.busy)  # given up
    t.ear.gate.open()
    t.conversation.feed(np.zeros(8000, np.float32))
    t.log.wait(Done)
    assert t.ear.heard == [1, 2]
    assert [e.heard.text for e in t.log.of(Transcribed)] == ["질문 2"]
    assert [q for q, _ in t.answerer.asked] == ["질문 2"]
    assert not t.log.of(Cancelled)


def test_a_guess_that_fails_is_told_once_and_only_when_speech_is_over(talk):
    t = talk(listener=patient())
    t.ear.fails.append(broken("ear"))
    t.conversation.feed(utterance(1))
    t.conversation.feed(PAUSE)
    until(lambda: not t.ear.fails)
    time.sleep(0.05)
    assert not t.log.of(Failed)
    t.conversation.feed(np.concatenate([PAUSE, PAUSE]))
    t.log.wait(Done)
    assert len(t.log.of(Failed)) == 1


def test_a_guess_called_off_frees_the_thread_that_made_it(talk):
    t = talk(listener=patient())
    t.conversation.feed(utterance(1))
    t.conversation.feed(PAUSE)
    until(lambda: t.ear.ended)
    t.conversation.ask("글로 쓴 질문")
    assert t.log.wait(Done).text.startswith("글로 쓴 질문")
    assert not t.log.of(Transcribed)


@settings(max_examples=50, deadline=None)
@example([(1, 4800), (1, 1)], 1)  # the next one begins within what is kept from before it
@given(st.lists(st.tuples(st.integers(1, 3000), st.integers(1, 6000)), max_size=6),
       st.integers(1, 700))  # fmt: skip
def test_the_hold_ends_every_utterance_once_with_all_its_speech(phrases, size):
    sound = np.concatenate(
        [np.zeros(8000, np.float32),
         *(x for speech, quiet in phrases for x in (utterance(3, speech), np.zeros(quiet, np.float32))),
         np.zeros(8000, np.float32)]
    )  # fmt: skip
    hold, events = patient(), []
    for n in range(0, len(sound), size):
        events += hold.feed(sound[n : n + size])
    ends = [e for e in events if isinstance(e, Ended)]
    assert len(ends) == sum(isinstance(e, Started) for e in events)
    spoken = sum(np.count_nonzero(e.pcm) for e in ends)
    assert spoken == np.count_nonzero(sound)
    for before, event in pairwise(events):
        if isinstance(event, Ended | Resumed):
            assert isinstance(before, Paused)
        if isinstance(event, Ended):
            assert event.pcm is before.pcm
            assert not sound[event.at : event.at + 160].any()


# ---- interruptions ----


def stops(t, part, act):
    """`act` cancels: `part` has given up within the bound, and the next turn is understood."""
    turn = t.conversation.turn
    before = time.monotonic()
    act()
    t.log.wait(Cancelled, turn)
    assert t.log.times[t.log.events.index(Cancelled(turn))] - before < CANCEL_S
    while part.busy and time.monotonic() - before < 2:
        time.sleep(0.001)
    assert part.ended[-1] - before < CANCEL_S
    for each in (t.ear, t.mouth, t.answerer):
        each.gate.open()
    done = t.answered(9)
    assert done.text == " ".join(sentences("질문 9"))
    nothing_stale(t.log.events)


ACTS = {
    "by speech": lambda t: t.conversation.feed(utterance(9)),
    "by speech, twice quickly": lambda t: [
        t.conversation.feed(p) for p in (utterance(8, 320), SILENCE, utterance(9))
    ],
    "by the player": lambda t: t.conversation.cancel(),
    "by a written question": lambda t: t.conversation.ask("다른 질문"),
    "by the next visitor": lambda t: t.conversation.forget(),
}


@pytest.mark.parametrize("how", ACTS)
@pytest.mark.parametrize("stage", ["hearing", "thinking", "between sentences", "speaking"])
def test_interrupted_at_any_stage_it_stops_at_once_and_says_nothing_stale(talk, stage, how):
    t = talk()
    part = {"hearing": t.ear, "speaking": t.mouth}.get(stage, t.answerer)
    part.gate.close(after=1 if stage in ("between sentences", "speaking") else 0)
    turn = t.say(1)
    assert part.gate.reached.wait(2)
    if stage in ("between sentences", "speaking"):
        t.log.wait(Sound, turn)
    stops(t, part, lambda: ACTS[how](t))


def test_hearing_waits_until_thinking_has_given_up(talk):
    """The one and the other never run at the same time, however fast the visitor interrupts."""
    t = talk()
    together = []
    hear, stream = t.ear.hear, t.answerer.stream

    def watched_hear(*args, **kwargs):
        together.append(t.answerer.busy)
        return hear(*args, **kwargs)

    def watched_stream(*args, **kwargs):
        together.append(t.ear.busy)
        return stream(*args, **kwargs)

    t.ear.hear, t.answerer.stream = watched_hear, watched_stream
    for n in range(1, 30):
        t.say(n)
        time.sleep(0.003 * (n % 5))
    t.log.wait(Done, t.conversation.turn)
    assert together
    assert not any(together)
    assert t.ear.most == t.answerer.most == 1


def test_sound_still_playing_after_the_answer_is_done_is_cancelled_too(talk):
    t = talk()
    done = t.answered(1)
    assert t.conversation.stage == "speaking"  # nine pieces of 50 ms take longer than to make
    t.conversation.feed(utterance(2))
    assert t.log.of(Cancelled, done.turn)


def test_what_has_been_played_to_its_end_is_not_cancelled_any_more(talk):
    t = talk()
    done = t.answered(1)
    t.play(done.turn)
    assert t.conversation.stage == "listening"
    t.conversation.feed(utterance(2))
    assert not t.log.of(Cancelled)


def test_memory_keeps_of_an_interrupted_answer_the_sentences_that_were_heard(talk):
    t = talk()
    done = t.answered(1)
    t.conversation.played(done.turn, 3 * PIECE + PIECE)  # one sentence and a third of the next
    t.answered(2)
    assert t.answerer.asked[1][1] == (Turn("질문 1", sentences("질문 1")[0]),)
    t.conversation.played(done.turn, 6 * PIECE)  # the player's last word came late
    assert t.conversation.history[0].answer == " ".join(sentences("질문 1")[:2])


def test_a_player_that_does_not_report_is_taken_to_play_in_time(talk):
    t = talk()
    t.answered(1)
    time.sleep(0.2)  # a sentence is 150 ms, all of it 450 ms
    t.conversation.feed(utterance(2))
    assert t.conversation.history[0].answer == sentences("질문 1")[0]


def test_a_question_interrupted_before_its_answer_is_still_remembered(talk):
    t = talk()
    t.answerer.gate.close()
    t.say(1)
    assert t.answerer.gate.reached.wait(2)
    t.conversation.feed(utterance(2))
    t.answerer.gate.open()
    t.conversation.feed(SILENCE)
    t.log.wait(Done)
    assert t.answerer.asked[1] == ("질문 2", (Turn("질문 1", ""),))


def test_without_barge_in_nothing_is_heard_while_an_answer_sounds(talk):
    t = talk(TurnOptions(barge_in=False))
    done = t.answered(1)
    t.say(2)
    assert t.conversation.turn == done.turn
    t.play(done.turn)
    assert t.answered(3).text.startswith("질문 3")
    assert t.ear.heard == [1, 3]


# ---- failures and ends ----


@pytest.mark.parametrize("part", ["ear", "answerer", "mouth"])
def test_a_failing_part_is_told_once_and_the_next_turn_works(talk, part):
    t = talk()
    getattr(t, part).fails.append(broken(part))
    done = t.answered(1)
    assert [e.message for e in t.log.of(Failed)] == [f"The {part} is broken; mend it."]
    assert done.purpose == "failure"
    assert len(t.log.of(Done)) == 1
    said = [text for text, _ in t.mouth.said]
    assert (
        (said == []) if part == "mouth" else (len(said) == 1 and said[0].startswith("죄송합니다"))
    )
    t.play(done.turn)
    assert t.answered(2).text == " ".join(sentences("질문 2"))
    assert len(t.log.of(Failed)) == 1


def test_a_voice_that_fails_even_at_saying_so_fails_once(talk):
    t = talk()
    t.ear.fails.append(broken("ear"))
    t.mouth.fails.append(broken("mouth"))
    t.answered(1)
    assert len(t.log.of(Failed)) == 1
    assert t.answered(2).purpose == "answer"


def test_a_voice_that_fails_in_the_middle_ends_the_writing_and_keeps_what_was_said(talk):
    t = talk()
    t.mouth.fails += [None, broken("mouth")]
    t.answerer.gate.close(after=2)
    done = t.answered(1)
    assert done.purpose == "failure"
    assert t.conversation.history == (Turn("질문 1", sentences("질문 1")[0]),)
    t.answerer.gate.open()
    assert t.answered(2).purpose == "answer"
    assert len(t.log.of(Failed)) == len(t.log.of(Done, done.turn)) == 1


def test_a_fault_of_the_program_is_told_without_quoting_the_visitor(talk, caplog):
    t = talk()
    t.ear.fails.append(ValueError("질문의 내용"))
    t.answered(1)
    assert (
        t.log.of(Failed)[0].message
        == "This turn failed by a fault of the program; the log says where."
    )
    assert "ValueError" in caplog.text
    assert "질문의 내용" not in caplog.text
    assert t.answered(2).purpose == "answer"


def test_the_end_of_a_conversation_frees_its_threads_and_tells_nothing_more():
    before = threading.active_count()
    talks = [Talk() for _ in range(5)]
    for part in ("ear", "answerer", "mouth"):
        for t in talks[:3]:
            getattr(t, part).gate.close()
    for t in talks:
        t.say(1)
    for t in talks:
        t.conversation.close()
        t.conversation.close()
    assert threading.active_count() == before
    told = [len(t.log.events) for t in talks]
    for t in talks:
        t.conversation.ask("아직 있어요?")
        t.conversation.feed(utterance(1))
        t.conversation.feed(SILENCE)
    time.sleep(0.05)
    assert [len(t.log.events) for t in talks] == told


@pytest.mark.parametrize("listener", [None, patient])
def test_speech_that_outlasts_a_written_answer_is_a_turn_of_its_own(talk, listener):
    t = talk(listener=listener and listener())
    t.conversation.feed(utterance(1))
    t.conversation.ask("글로 쓴 질문")
    written = t.log.wait(Done).turn
    t.play(written)
    t.conversation.feed(np.zeros(8000, np.float32))  # only now is the utterance over
    until(lambda: len(t.log.of(Done)) == 2)
    assert [e.turn for e in t.log.of(Done)] == [written, written + 1]
    assert [e.turn for e in t.log.of(Transcribed)] == [written + 1]


# ---- whatever happens, in whatever order ----

STEPS = st.one_of(
    st.tuples(st.just("speak"), st.integers(1, 6)),
    st.tuples(st.just("pause"), st.just(0)),
    st.tuples(st.just("wait"), st.sampled_from([0, 1, 3, 10, 30])),
    st.tuples(st.just("ask"), st.integers(1, 6)),
    st.tuples(st.just("cancel"), st.just(0)),
    st.tuples(st.just("played"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["ear", "mouth", "answerer"]), st.booleans()),
    st.tuples(st.just("fail"), st.sampled_from(["ear", "mouth", "answerer"])),
)


def act(t, step, value):
    conversation = t.conversation
    match step:
        case "speak":
            conversation.feed(utterance(value))
        case "pause":
            conversation.feed(SILENCE)
        case "wait":
            time.sleep(value / 1000)
        case "ask":
            conversation.ask(f"글로 쓴 질문 {value}")
        case "cancel":
            conversation.cancel()
        case "played":
            conversation.played(conversation.turn, value * PIECE)
        case "fail":
            getattr(t, value).fails[:] = [broken(value)]
        case _:
            gate = getattr(t, step).gate
            gate.open() if value else gate.close()


@settings(max_examples=60, deadline=None)
@given(st.lists(STEPS, min_size=5, max_size=40), st.booleans(), st.booleans())
def test_in_any_order_of_things_nothing_stale_is_told_and_every_turn_ends(
    steps, acknowledge, patience
):
    t = Talk(TurnOptions(acknowledge=acknowledge), listener=patient() if patience else None)
    t.ear.texts |= {5: Heard("", "ko", rejected="unsure"), 6: Heard("흠", "ko", asks=("a",))}
    try:
        for step, value in steps:
            act(t, step, value)
        for part in (t.ear, t.mouth, t.answerer):
            part.gate.open()
        t.conversation.feed(np.zeros(8000, np.float32))
        begun = {e.turn for e in t.log.of(SpeechStopped) + t.log.of(Sentence)}
        for turn in begun:
            t.log.wait_over(turn)
        t.conversation.cancel()
        holds(t)
    finally:
        t.conversation.close()


def holds(t):
    events = t.log.events
    nothing_stale(events)
    written = {(e.turn, e.index): e for e in t.log.of(Sentence)}
    for turn in {e.turn for e in events}:
        ends = [len(t.log.of(kind, turn)) for kind in (Done, Cancelled, Failed)]
        assert max(ends) <= 1
        sounds = t.log.of(Sound, turn)
        assert [e.index for e in sounds] == sorted(e.index for e in sounds)
    for n, event in enumerate(events):
        if isinstance(event, Sound):
            sentence = written[event.turn, event.index]
            assert events.index(sentence) < n
            assert (event.pcm == voice_of(sentence.text.strip())).all()
    for turn in t.conversation.history:
        assert " ".join(sentences(turn.question)).startswith(turn.answer)
