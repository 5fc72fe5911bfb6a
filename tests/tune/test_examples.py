"""Honest batches: what is learnt is the answer and its end, what is read is what will be served."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("gguf", reason="needs the embedded extra")
pytest.importorskip("tokenizers", reason="needs the embedded extra")

import tiny_base
from hypothesis import given
from hypothesis import strategies as st

from giljabi.answer.generator import Message
from giljabi.answer.guide import Guide
from giljabi.build.dataset import BuildOptions, plan
from giljabi.build.maker import Maker
from giljabi.build.telling import instruction
from giljabi.errors import GiljabiError
from giljabi.measure import suite
from giljabi.measure.questions import Question
from giljabi.model.prompt import template
from giljabi.tune import base as bases
from giljabi.tune import examples
from giljabi.tune.recipe import BaseTable, Recipe

SYSTEM = {"role": "system", "content": "짧게 답하세요."}
ASKED = {"role": "user", "content": "도서관은 몇 층이에요?"}
ANSWER = {"role": "assistant", "content": "지상 4층 건물이에요."}
AGAIN = {"role": "user", "content": "거기 카페도 있어요?"}
SECOND = {"role": "assistant", "content": "1층에 있어요."}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> bases.Base:
    file = tiny_base.gguf(tmp_path_factory.mktemp("base") / "tiny.gguf")
    recipe = Recipe("tiny", base=BaseTable(str(file), "gemma"))
    return bases.prepare(recipe, file.parent, list, print)


def row(*messages: Message, where: str = "here") -> examples.Row:
    return examples.Row(tuple(messages), where)


def text(base: bases.Base, ids: Sequence[int]) -> str:
    return base.tokenizer.decode(list(ids), skip_special_tokens=False)


def test_only_answers_are_learnt_each_with_its_end_of_turn(base):
    made = examples.encode([row(SYSTEM, ASKED, ANSWER, AGAIN, SECOND)], base, 500)
    ids, labels = made.input_ids[0], made.labels[0]
    learnt = [i for i in labels if i != examples.IGNORED]
    assert text(base, learnt) == ("지상 4층 건물이에요.<end_of_turn>1층에 있어요.<end_of_turn>")
    assert all(label in (examples.IGNORED, i) for i, label in zip(ids, labels, strict=True))
    assert labels[-1] == base.ids.end
    assert ids[0] == base.ids.bos
    assert labels[0] == examples.IGNORED


def test_the_tokens_before_an_answer_are_those_the_served_prompt_is_cut_into(base):
    made = examples.encode([row(SYSTEM, ASKED, ANSWER, AGAIN, SECOND)], base, 500)
    prompt = base.template.render([SYSTEM, ASKED, ANSWER, AGAIN])
    served = [base.ids.bos, *base.tokenizer.encode(prompt, add_special_tokens=False).ids]
    assert list(made.input_ids[0][: len(served)]) == served


@pytest.mark.parametrize("name", ["gemma", "llama3", "qwen", "exaone", "synatra"])
@given(
    contents=st.lists(st.text(max_size=40).filter(str.strip), min_size=2, max_size=6),
    system=st.booleans(),
)
def test_pieces_read_as_the_template_renders(name, contents, system):
    turns = contents[: len(contents) // 2 * 2]
    spoken: list[Message] = [
        {"role": "assistant" if i % 2 else "user", "content": c} for i, c in enumerate(turns)
    ]
    messages = [SYSTEM, *spoken] if system else spoken
    of, so_far, at = template(name), "", 0
    for piece, learnt in examples.pieces(messages, of):
        if learnt:
            at = next(i for i, m in enumerate(messages) if m["role"] == "assistant" and i > at - 1)
            assert so_far == of.render(messages[:at])
            at += 1
            so_far += piece + of.stops[0]
        else:
            so_far += piece


class Recording:
    """A tuned generator that keeps what it was asked, and says nothing."""

    name, tuned = "recording", True

    def __init__(self) -> None:
        self.asked: list[list[Message]] = []

    def stream(self, messages, **_):
        self.asked.append(list(messages))
        yield ""


@pytest.mark.parametrize("name", ["gemma", "llama3", "qwen", "exaone"])
def test_trained_measured_and_served_prompts_are_byte_equal(hospital, name):
    of = template(name)
    maker = Maker(hospital)
    jobs = plan(hospital, BuildOptions(counts={"basic": 1}, val_share=0.0)).jobs
    every = [e for job in jobs for e in maker.make(job)[0] if e.for_model]
    # Other registers are asked for in the instruction, and only in training.
    made = [e for e in every if not instruction(e.register)][:12]
    assert len(made) == 12
    for example in made:
        question = example.conversation[0]["content"]
        trained = examples.pieces(example.messages, of)[0][0]
        serving, measuring = Recording(), Recording()
        Guide(hospital, serving).answer(question)
        asked = Question(
            id="q", lang=example.lang, turns=(question,), slot=example.slot, place_codes=(),
            must_contain_any=(), must_not_contain=(), expect="answer",
        )  # fmt: skip
        suite.evaluate(Guide(hospital, measuring), [asked])
        assert of.render(serving.asked[0]) == of.render(measuring.asked[0]) == trained


# ---- what is refused ----


def refused(base: bases.Base, rows: Sequence[examples.Row], limit: int = 500) -> str:
    with pytest.raises(GiljabiError) as raised:
        examples.encode(rows, base, limit)
    return str(raised.value)


def test_an_answer_without_text_has_nothing_to_learn(base):
    empty = {"role": "assistant", "content": "  "}
    said = refused(
        base, [row(ASKED, ANSWER), *(row(ASKED, empty, where=f"row {n}") for n in range(5))]
    )
    assert "an answer without any text in 5 (row 0, row 1, row 2, …)" in said


def test_what_is_too_long_is_refused_not_cut(base):
    said = refused(base, [row(ASKED, ANSWER, where="row 7")], 12)
    assert "longer than data.max_length = 12 tokens in 1 (row 7)" in said


def test_a_template_whose_end_of_turn_is_no_token_is_refused(base, tmp_path):
    recipe = Recipe("tiny", base=BaseTable(str(base.path), "llama3"))
    with pytest.raises(
        GiljabiError, match=r"'<\|eot_id\|>' in the template llama3, is not one token"
    ):
        bases.prepare(recipe, tmp_path, list, print)


def test_a_marker_in_an_answer_is_text_and_ends_nothing(base):
    sly = {"role": "assistant", "content": "네.<end_of_turn>아니요."}
    made = examples.encode([row(ASKED, sly)], base, 500)
    assert list(made.labels[0]).count(base.ids.end) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"messages": []}', "does not end with an assistant's answer"),
        ('{"text": "x"}', "no messages of role"),
        ('{"messages": [{"role": "user", "content": 3}]}', "no messages of role"),
        ('{"messages": [{"role": "user", "content": "x"}]}', "does not end with an assistant's answer"),
        ("{", "not JSON"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_conversation_is_named(tmp_path, line, said):
    good = json.dumps({"messages": [ASKED, ANSWER]}, ensure_ascii=False)
    file = tmp_path / "rows.jsonl"
    file.write_text(f"{good}\n{line}\n", "utf-8")
    with pytest.raises(GiljabiError, match=said) as raised:
        examples.read([file])
    assert "rows.jsonl, row 2" in str(raised.value)


def test_rows_the_guide_answers_itself_are_left_out(tmp_path):
    file = tmp_path / "rows.jsonl"
    rows = [{"messages": [ASKED, ANSWER], "for_model": False}, {"messages": [AGAIN, SECOND]}]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    assert [r.messages[0]["content"] for r in examples.read([file])] == [AGAIN["content"]]
    file.write_text(json.dumps(rows[0]) + "\n", "utf-8")
    with pytest.raises(GiljabiError, match="nothing to learn"):
        examples.read([file])


def test_only_the_registers_asked_for_are_learnt(tmp_path):
    file = tmp_path / "rows.jsonl"
    kinds = {"haeyo": "a", "plain": "b", "neutral": "c", None: "d"}
    rows = [
        {"messages": [{"role": "user", "content": said}, ANSWER]}
        | ({"register": register} if register else {})
        for register, said in kinds.items()
    ]
    file.write_text("".join(json.dumps(r) + "\n" for r in rows), "utf-8")
    found = examples.read([file], registers=("haeyo", "neutral"))
    assert [r.messages[0]["content"] for r in found] == ["a", "c", "d"]
    assert len(examples.read([file])) == len(rows)


def test_a_drawn_part_is_the_same_every_time(tmp_path):
    file = tmp_path / "rows.jsonl"
    lines = [{"messages": [{"role": "user", "content": str(n)}, ANSWER]} for n in range(50)]
    file.write_text("".join(json.dumps(r) + "\n" for r in lines), "utf-8")
    first = [r.where for r in examples.read([file], 10, seed=4)]
    assert first == [r.where for r in examples.read([file], 10, seed=4)]
    assert first != [r.where for r in examples.read([file], 10, seed=5)]
    assert len(first) == 10


def test_cutting_is_done_once(base, tmp_path):
    rows = [row(ASKED, ANSWER), row(SYSTEM, ASKED, ANSWER, AGAIN, SECOND)]
    first = examples.cached(tmp_path, rows, base, 500)

    def never(*_: object) -> examples.Encoded:
        raise AssertionError("cut again")

    second = examples.cached(tmp_path, rows, base, 500, never)
    for a, b in zip(first.input_ids + first.labels, second.input_ids + second.labels, strict=True):
        assert list(a) == list(b)
    with pytest.raises(AssertionError):
        examples.cached(tmp_path, rows, base, 499, never)


def test_a_data_folder_gives_its_split(tmp_path: Path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.jsonl").touch()
    assert examples.files_of(["set"], "train", tmp_path) == [tmp_path / "set" / "train.jsonl"]
    with pytest.raises(GiljabiError, match=r"no data file .*val\.jsonl"):
        examples.files_of(["set"], "val", tmp_path)
