from __future__ import annotations

from pathlib import Path

import pytest

from giljabi.errors import GiljabiError
from giljabi.measure.records import RawRecords
from giljabi.measure.statements import numbers, sentences

TRUE = [
    ("국제관은 지상 6층 건물이에요.", ["108"]),
    ("The International Hall has 6 floors.", ["108"]),
    ("The Fusion Tech Center is a thirteen-story building.", ["208"]),
    ("백남학술정보관은 지하 3층, 지상 6층이에요.", ["501"]),
    ("박물관은 8층이 아니라 5층이에요.", ["109"]),
    ("It's not 8 floors; the Museum has 5 floors.", ["109"]),
    ("건축관 오른쪽에는 과학기술관이 있어요.", ["202"]),
    ("박물관은 3분, 국제관은 4분이라 박물관이 더 가까워요.", ["109", "108"]),
    ("It takes 3 minutes to the Museum and 4 minutes to the International Hall.", ["109", "108"]),
    ("인문관은 508번 건물이에요.", ["508"]),
    ("한양대역 1번 출구에서 2012번 버스를 타고 성동구청에서 내려 6분 걸으세요.", ["T24"]),
    ("한양대역에서 1.4km 떨어져 있어요.", ["T24"]),
    ("Take Subway Line 2 to Seongsu Station, exit 3, then walk 1 minute.", ["T43"]),
    ("성동08번이나 성동03-1번 버스를 타세요.", ["T06"]),
    ("CGV 왕십리는 비트플렉스 5층에 있어요.", ["K28"]),
    ("대운동장은 기록은 1분이지만 거리로 보면 더 걸려요.", ["301"]),
    ("제8공학관은 기록에 없어요.", []),
]
PLANTED = [
    ("국제관은 7층이에요.", ["108"], "7층"),
    ("It has nine floors.", ["108"], "nine floors"),
    ("박물관까지 걸어서 13분 걸려요.", ["109"], "13분"),
    ("The Museum is a 12-minute walk.", ["109"], "12-minute"),
    ("박물관은 4분, 국제관은 3분이라 국제관이 더 가까워요.", ["109", "108"], "4분"),
    ("노천극장 왼쪽에 있어요.", ["209"], "왼쪽"),
    ("제1공학관(211관)입니다.", ["212"], "211관"),
    ("인문관은 312번 건물이에요.", ["508"], "312번"),
    ("241번 버스를 타세요.", ["T24"], "241번 버스"),
    ("Take bus 241 and get off.", ["T24"], "bus 241"),
    ("3번 출구로 나가세요.", ["T24"], "3번 출구"),
    ("지하철 5호선을 타세요.", ["T43"], "5호선"),
    ("한양대역에서 2.4km 떨어져 있어요.", ["T24"], "2.4km"),
    ("박물관은 오전 9시에 열어요.", ["109"], "9시"),
    ("입장료는 5,000원이에요.", ["109"], "5,000원"),
    ("전화번호는 02-2220-0114예요.", ["109"], "02-2220-0114"),
    ("제8공학관 옆에 있어요.", ["108"], "제8공학관"),
    ("Go to the Chemistry Building first.", ["108"], "Chemistry Building"),
]


@pytest.fixture(scope="module")
def records(shared: Path) -> RawRecords:
    return RawRecords.load(shared / "venue")


@pytest.mark.parametrize(("answer", "codes"), TRUE)
def test_true_statements_pass(records: RawRecords, answer: str, codes: list[str]) -> None:
    assert records.unsupported(answer, codes) == []


@pytest.mark.parametrize(("answer", "codes", "planted"), PLANTED)
def test_planted_wrong_statements_are_caught(
    records: RawRecords, answer: str, codes: list[str], planted: str
) -> None:
    assert planted in records.unsupported(answer, codes)


def test_an_estimate_called_one_is_reported_apart(records: RawRecords) -> None:
    said = records.check("인문관에서 학생회관까지 약 5분(약 350m) 걸려요.", ["508", "107"])
    assert (said.unsupported, said.estimated) == ((), ("5분", "350m"))
    english = records.check(
        "From the Humanities Building to the Student Hall it takes about 5 minutes.", []
    )
    assert english.estimated == ("5 minutes",)


def test_an_estimate_not_called_one_is_unsupported(records: RawRecords) -> None:
    said = records.check("인문관에서 학생회관까지 5분 걸려요.", ["508", "107"])
    assert (said.unsupported, said.estimated) == (("5분",), ())
    assert records.unsupported("인문관까지 약 35분 걸려요.", ["508"]) == ["35분"]


def test_the_records_agree_with_themselves(shared: Path, records: RawRecords) -> None:
    import json

    for raw in json.loads((shared / "venue" / "campus.json").read_text("utf-8")):
        for text in raw["route_description"].values():
            assert records.unsupported(text, [raw["building_code"]]) == [], text
    for raw in json.loads((shared / "venue" / "within_1km.json").read_text("utf-8")):
        assert records.unsupported(raw["route_description"], [raw["id"]]) == []


def test_a_folder_without_records_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"holds none of campus\.json"):
        RawRecords.load(tmp_path)
    (tmp_path / "campus.json").write_text("{", "utf-8")
    with pytest.raises(GiljabiError, match="cannot be read as JSON"):
        RawRecords.load(tmp_path)


def test_sentences_keep_decimals_whole() -> None:
    assert sentences("1.3km예요. 버스를 타세요! It is 1.5 km away.") == [
        "1.3km예요",
        "버스를 타세요",
        "It is 1.5 km away",
    ]


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("3분 정도 걸려요", ("minutes", "3", True)),
        ("about 12 minutes", ("minutes", "12", True)),
        ("1,300 m", ("metres", "1300", False)),
        ("on the fifth floor", ("floors", "5", False)),
        ("지하 1층", ("basement", "1", False)),
    ],
)
def test_numbers_have_one_spelling(sentence: str, said: tuple[str, str, bool]) -> None:
    assert [(one.kind, one.value, one.marked) for one in numbers(sentence)] == [said]
