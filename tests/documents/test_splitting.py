"""Passages: every block once and in order, within bounds, under its own headings."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from giljabi.documents.passage import Block, Document, Source
from giljabi.documents.splitting import LONGEST, PASSAGE, passages_of

SOURCE = Source("rules/a.md", "규정", "0" * 64, "2026-03-01")


def text(block: str, page: int | None = None) -> Block:
    return Block("text", block, page=page)


def heading(block: str, level: int) -> Block:
    return Block("heading", block, level)


def test_a_passage_stands_under_its_headings() -> None:
    blocks = (
        heading("규정", 1), text("머리말이다.", 1), heading("제1장 총칙", 2), heading("제1조(목적)", 5),
        text("정한다.", 2), text("또 정한다.", 3), heading("제2장 대출", 2), text("빌린다.", 3),
    )  # fmt: skip
    passages = passages_of(Document("규정", blocks), SOURCE)
    assert [(p.id, p.place, p.text, p.page) for p in passages] == [
        ("rules/a.md#1", "규정", "머리말이다.", 1),
        ("rules/a.md#2", "규정 › 제1장 총칙 › 제1조(목적)", "정한다.\n또 정한다.", 2),
        ("rules/a.md#3", "규정 › 제2장 대출", "빌린다.", 3),
    ]
    assert {(p.source, p.date) for p in passages} == {("rules/a.md", "2026-03-01")}


def test_a_list_stays_with_what_leads_to_it_and_a_table_together() -> None:
    long = text("앞의 문장이다. " * 60)
    items = [text(f"{n}. " + "물건" * 20) for n in range(1, 6)]
    rows = [Block("row", "대상: " + "학생" * 40) for _ in range(5)]
    lead = text("준비물은 다음 각 호와 같다.")
    passages = passages_of(Document("규정", (long, lead, *items, text("끝이다."), *rows)), SOURCE)
    assert [p.text.count("\n") + 1 for p in passages] == [1, 7, 5]
    assert passages[1].text.startswith(lead.text)


def test_a_long_block_is_cut_at_its_sentences_only() -> None:
    sentence = "이 규정은 2.5배의 기간을 정한다."
    passages = passages_of(Document("규정", (text(" ".join([sentence] * 100)),)), SOURCE)
    assert len(passages) > 1
    for passage in passages:
        assert re.fullmatch(f"(?:{re.escape(sentence)}[ \n]?)+", passage.text)
        assert len(passage.text) <= PASSAGE


words = st.text("가나다라. ①", min_size=1, max_size=40).map(str.strip).filter(bool)
lengths = st.integers(1, 60)
texts = st.builds(lambda w, n: " ".join((w * n).split()), words, lengths).filter(bool)
blocks = st.builds(
    Block,
    st.sampled_from(["heading", "text", "text", "text", "row"]),
    texts,
    st.integers(1, 6),
    st.integers(1, 9),
)


@given(st.lists(blocks, max_size=40))
def test_every_block_stands_once_in_order_and_whole(made: list[Block]) -> None:
    passages = passages_of(Document("규정", tuple(made)), SOURCE)
    assert [p.id for p in passages] == [f"rules/a.md#{n}" for n in range(1, len(passages) + 1)]
    lines = [line for p in passages for line in p.text.split("\n")]
    body = [b.text for b in made if b.kind != "heading"]
    assert "".join("".join(lines).split()) == "".join("".join(body).split())
    short = [b for b in body if len(b) <= LONGEST]
    assert [x for x in lines if x in set(short)] == [x for x in short if x in set(lines)]
    assert set(short) <= set(lines)
    for passage in passages:
        assert len(passage.text) <= PASSAGE or "\n" not in passage.text
        assert len(passage.text) <= LONGEST


@given(st.lists(blocks, max_size=20))
def test_the_headings_of_a_passage_are_those_above_it(made: list[Block]) -> None:
    for passage in passages_of(Document("규정", tuple(made)), SOURCE):
        assert passage.titles[0] == "규정"
        named = [b.text for b in made if b.kind == "heading"]
        assert set(passage.titles[1:]) <= set(named)
