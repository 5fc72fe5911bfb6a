"""The audit: each fault planted once is found with its row, and the real old set as it is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from small import HOSPITAL

from giljabi.build import audit_report, corpus
from giljabi.build.audit import Audit, audit
from giljabi.build.dataset import KINDS, BuildOptions, build
from giljabi.errors import GiljabiError
from giljabi.venue.place import Venue


def row(question: str, answer: str) -> dict:
    return {
        "messages": [
            {"role": "user", "content": question},
            {"role": "assistant", "content": answer},
        ]
    }


FINE = [
    row("국제관은 몇 층이야?", "국제관은 지상 6층 건물이에요."),
    row("Where is the Museum?", "The Museum is 3 minutes on foot from Aejimun."),
    row("애지문에서 박물관까지 얼마나 걸려?", "애지문에서 3분 걸려요."),
]


def write(path: Path, rows: list) -> Path:
    path.write_text(json.dumps(rows), "utf-8")
    return path


def counts(found: Audit) -> dict[str, int]:
    return {r.name: r.count for r in found.rules if r.count}


def of(found: Audit, name: str):
    return next(r for r in found.rules if r.name == name)


def test_good_rows_have_no_faults(tmp_path: Path, hanyang: Venue) -> None:
    found = audit([write(tmp_path / "train.json", FINE)], hanyang)
    assert found.faults == 0
    assert found.rows == {"train": 3}


PLANTED = [
    ("duplicates", FINE[0]),
    ("near_duplicates", row("국제관은 몇  층이야?!", "국제관은 지상 6층 건물이에요.") | {}),
    ("several_answers", row("국제관은 몇 층이야?", "6층이에요.")),
    ("different_numbers", row("국제관은 몇 층이야?", "국제관은 지상 7층 건물이에요.")),
    (
        "mixed_language",
        row("Is it far to the College of Engineering?", "You can walk to 공업센터 easily."),
    ),
    ("mixed_language", row("국제관 위치가 어디야?", "국제관은 國際館이라고 해요.")),
    ("prompt_leakage", row("학생회관 어디야?", "질문 1: 학생회관은 {name} 옆이에요.")),
    ("prompt_leakage", row("학생회관 뭐야?", "As an AI, I cannot tell.")),
    ("contradicted", row("국제관 층수 좀 알려 주세요.", "국제관은 9층까지 있어요.")),
    (
        "contradicted",
        row("성동구립무지개도서관 가는 버스 알려 줘", "한양대역에서 2224번 버스를 타고 가면 돼요."),
    ),
    ("unsupported", row("동해루 가는 버스 알려 줘", "한양대역에서 2224번 버스를 타고 가면 돼요.")),
    ("misspelt", row("정문 이름이 뭐야, 애지문?", "예지문이 입구예요.")),
]


@pytest.mark.parametrize(("rule", "bad"), PLANTED[:1] + PLANTED[2:])
def test_a_planted_fault_is_found_in_its_row(
    rule: str, bad: dict, tmp_path: Path, hanyang: Venue
) -> None:
    found = audit([write(tmp_path / "train.json", [*FINE, bad])], hanyang)
    hit = of(found, rule)
    assert hit.count == 1, counts(found)
    assert hit.rows[0].number in (1, 4)
    assert hit.rows[0].file == "train.json"


def test_nearly_the_same_question_is_found(tmp_path: Path) -> None:
    long = "실례합니다만 한양플라자에서 백남학술정보관까지 가는 길을 알려 주시겠습니까"
    rows = [row(long + "?", "a1"), row(long + "요?", "a2")]
    found = audit([write(tmp_path / "train.json", rows)])
    assert of(found, "near_duplicates").rows[0].number == 2


def test_leakage_is_between_the_splits_only(tmp_path: Path) -> None:
    train = write(tmp_path / "train_messages.json", [FINE[0], FINE[1]])
    val = write(tmp_path / "val_messages.json", [FINE[0], FINE[2]])
    found = audit([train, val])
    assert of(found, "leakage").count == 1
    assert of(found, "leakage").of == 2
    assert "train_messages.json row 1" in of(found, "leakage").rows[0].why


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("text", "not an object"),
        ({}, "no messages"),
        ({"messages": []}, "no messages"),
        ({"messages": [{"role": "user", "content": "a"}]}, "alternate"),
        (
            {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "b"}]},
            "empty user",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "  "},
                ]
            },
            "empty assistant",
        ),
        (
            {
                "messages": [
                    {"role": "robot", "content": "a"},
                    {"role": "assistant", "content": "b"},
                ]
            },
            "unknown role",
        ),
        (
            {
                "messages": [
                    {"role": "user", "content": "a"},
                    {"role": "assistant", "content": "b"},
                    {"role": "assistant", "content": "c"},
                ]
            },
            "alternate",
        ),
        (FINE[2] | {"conversation": 5}, "no messages"),
        (FINE[2] | {"conversation": True}, "no messages"),
        ({"messages": [5], "conversation": FINE[2]["messages"]}, "unknown role"),
        (FINE[2] | {"conversation": FINE[2]["messages"], "places": 5}, "places"),
        (FINE[2] | {"conversation": FINE[2]["messages"], "places": [{}]}, "places"),
        (row("애지문 \ud83d?", "네."), "half a character"),
    ],
)
def test_a_malformed_row_is_reported_and_never_skipped(
    bad: object, why: str, tmp_path: Path
) -> None:
    found = audit([write(tmp_path / "train.json", [FINE[0], bad, FINE[1]])])
    rule = of(found, "malformed")
    assert rule.count == 1
    assert rule.rows[0].number == 2
    assert why in rule.rows[0].why
    assert found.rows == {"train": 2}


@pytest.mark.parametrize("bad", ["{oops", "[" * 100_000, "9" * 5000])
def test_lines_that_are_not_json_have_their_number(bad: str, tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    lines = [json.dumps(FINE[0]), "", bad, json.dumps(FINE[1]), ""]
    path.write_text("\n".join(lines), "utf-8-sig")
    found = audit([path])
    rule = of(found, "malformed")
    assert [(s.number, "not JSON" in s.why) for s in rule.rows] == [(3, True)]
    assert found.rows == {"train": 2}


def test_an_empty_file_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "val.jsonl").write_text("")
    found = audit([write(tmp_path / "train.json", FINE), tmp_path / "val.jsonl"])
    assert (found.rows, found.faults) == ({"train": 3}, 0)


def test_a_place_of_another_venue_is_read_from_the_question(tmp_path: Path, hanyang: Venue) -> None:
    elsewhere = {"conversation": FINE[0]["messages"], "places": ["nowhere"]}
    found = audit([write(tmp_path / "train.json", [FINE[0] | elsewhere])], hanyang)
    assert found.faults == 0
    assert of(found, "no_place").count == 0


@pytest.mark.parametrize(
    ("question", "answer"),
    [("국제관은?", "국제관은 9층이에요. " * 50_000), ("가" * 500_000, "네."), ("a" * 500_000, "b")],
)
def test_a_row_too_long_to_link_is_a_finding(
    question: str, answer: str, tmp_path: Path, hanyang: Venue
) -> None:
    found = audit([write(tmp_path / "train.json", [*FINE, row(question, answer)])], hanyang)
    assert [s.number for s in of(found, "unchecked").rows] == [4]
    assert len(audit_report.to_html(found)) < 1_000_000


@pytest.mark.parametrize(
    "layouts", [("jsonl", "scopes"), ("parquet",), ("parquet", "scopes"), ("scopes",)]
)
def test_a_data_set_is_read_once_and_without_what_is_beside_it(
    layouts: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    counts = {kind: int(kind == "basic") for kind in KINDS}
    manifest = build(
        HOSPITAL, tmp_path / "d", BuildOptions(counts=counts, workers=1, layouts=layouts)
    )
    for name in ("teacher.jsonl", "rejected.jsonl", "mine.jsonl"):
        (tmp_path / "d" / name).write_text('{"no": "row"}\n')
    found = audit([tmp_path / "d"])
    assert found.rows == manifest["rows"]
    assert of(found, "malformed").count == 0


def test_sharegpt_rows_are_read_too(tmp_path: Path) -> None:
    rows = [{"conversations": [{"from": "human", "value": "a?"}, {"from": "gpt", "value": "b."}]}]
    pairs, bad = corpus.read([write(tmp_path / "x.json", rows)])
    assert not bad
    assert pairs[0].question == "a?"


@pytest.mark.parametrize(("text", "word"), [("{}", "list"), ("[1,", "row 2"), ('{"a"', "list")])
def test_a_file_that_is_no_list_is_one_sentence(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text, "utf-8")
    with pytest.raises(GiljabiError, match=word):
        audit([tmp_path / "x.json"])


def test_lengths_are_in_tokens_of_the_base(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    found = audit([write(tmp_path / "train.json", FINE)], base="gemma3-270m")
    assert len(found.tokens) == 3
    assert found.context == 32768
    assert "gemma3-270m" in audit_report.to_text(found)


def test_the_page_stands_by_itself_and_brings_its_letters(tmp_path: Path, hanyang: Venue) -> None:
    bad = row("<script>alert(1)</script> 국제관 층수?", "국제관은 9층이에요. <b>정말</b>")
    found = audit([write(tmp_path / "train.json", [*FINE, bad])], hanyang)
    page = audit_report.to_html(found)
    assert "<script>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    assert "<svg" in page
    assert "국제관은 9층이에요." in page
    assert "@font-face" in page


def near(found: Audit, name: str, figure: int) -> bool:
    rule = of(found, name)
    return len(rule.rows) == rule.count and abs(rule.count - figure) <= 0.02 * figure


def test_the_old_set_is_as_it_is_known(shared: Path) -> None:
    """The figures of the issue; each with rows to look at."""
    found = audit([shared / "venue" / "qa"])
    assert found.rows == {"train": 12003, "val": 1215}
    assert near(found, "leakage", 82)
    assert near(found, "several_answers", 358)
    assert near(found, "different_numbers", 239)
    # The issue counts 1,631 of 6,462: it leaves out the 174 English answers fullest of Hangul.
    mixed = of(found, "mixed_language")
    assert (mixed.count, mixed.of) == (1805, 6636)
    assert mixed.of - 6462 == mixed.count - 1631


@pytest.mark.slow
def test_the_old_set_against_the_venue(shared: Path, hanyang: Venue) -> None:
    found = audit([shared / "venue" / "qa"], hanyang)
    assert near(found, "misspelt", 1039)
    assert found.extra["spellings"]["애지문"] == {"right": 8, "예지문": 1039}
    assert found.extra["bus_numbers"]["03"] >= 10
    assert of(found, "no_such_ride").count > 140
