from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from giljabi.answer.chat import NOTHING_SAID, Chat, ChatSettings, without_loops

GOOD = "도서관은 본관 옆에 있습니다. "
LOOP = "자세한 것은 안내소에 물어보세요. "


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str


class Scripted:
    """A generator that says what it is told and remembers what it was asked."""

    name = "scripted"

    tuned = False

    def __init__(self, text, size=3):
        self.text, self.size = text, size
        self.asked, self.given, self.closed = [], 0, False

    def stream(self, messages, **options):
        self.asked.append((messages, options))
        try:
            for i in range(0, len(self.text), self.size):
                self.given = i
                yield self.text[i : i + self.size]
        finally:
            self.closed = True


def test_an_empty_answer_is_said_to_be_one() -> None:
    class Silent:
        name = "silent"
        tuned = False

        def stream(self, messages: object, **_: object) -> Iterator[str]:
            return iter(())

    assert "".join(Chat(Silent(), "").stream("안녕?")) == NOTHING_SAID


def test_an_answer_comes_sentence_by_sentence_and_whole():
    text = "1. 도서관: 3층입니다.\n2. 본관: 5층입니다. 즐거운 하루 되세요!"
    pieces = list(Chat(Scripted(text), "").stream("알려줘"))
    assert pieces == ["1. 도서관: 3층입니다.\n", "2. 본관: 5층입니다. ", "즐거운 하루 되세요!"]


def test_the_model_is_sent_system_last_turns_and_question():
    model = Scripted("네.")
    history = [Turn(f"질문{i}", f"답{i}") for i in range(5)]
    chat = Chat(model, "친절히", ChatSettings(turns=2, max_tokens=9, temperature=0.5))
    list(chat.stream("그럼?", history, seed=4))
    messages, options = model.asked[0]
    assert [m["role"] for m in messages] == ["system", *["user", "assistant"] * 2, "user"]
    assert [m["content"] for m in messages] == ["친절히", "질문3", "답3", "질문4", "답4", "그럼?"]
    assert options == {"max_tokens": 9, "temperature": 0.5, "seed": 4, "cancel": None}


def test_no_turns_and_long_turns_are_left_out():
    history = [Turn("가", "나" * 90), Turn("다", "라" * 10)]
    assert len(Chat(None, "", ChatSettings(turns=0)).messages("?", history)) == 1
    kept = Chat(None, "", ChatSettings(history_chars=50)).messages("?", history)
    assert [m["content"] for m in kept] == ["다", "라" * 10, "?"]


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_loop_is_cut_at_the_last_good_sentence_and_the_model_stopped(size):
    model = Scripted(GOOD + LOOP * 50, size)
    assert "".join(Chat(model, "").stream("?")) == GOOD + LOOP
    assert model.closed
    if size < 1000:
        assert model.given < len(GOOD + LOOP * 5)


def test_a_loop_inside_a_sentence_leaves_only_what_was_finished():
    assert "".join(without_loops(iter([GOOD + "왼쪽, " * 40]))) == GOOD


def test_a_sentence_that_rightly_comes_back_is_kept_in_place():
    text = GOOD + LOOP + GOOD + "끝입니다."
    assert "".join(without_loops(iter(text))) == text


def test_an_answer_cut_by_its_budget_keeps_its_last_words():
    assert "".join(without_loops(iter([GOOD + "본관은 지상"]))) == GOOD + "본관은 지상"


def test_leaving_early_stops_the_model():
    model = Scripted(GOOD * 2 + "다른 말도 합니다. " * 2)
    pieces = Chat(model, "").stream("?")
    next(pieces)
    pieces.close()
    assert model.closed
