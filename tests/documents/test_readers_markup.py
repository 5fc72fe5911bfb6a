"""Markdown, HTML and plain text: what a person reads of them becomes blocks, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.documents.cleaning import cleaned
from giljabi.documents.dating import own_date
from giljabi.documents.headings import rule_heading
from giljabi.documents.passage import Block, Document
from giljabi.documents.readers import FORMATS, read
from giljabi.errors import GiljabiError

RULES = """도서관 이용 규정

제1장 총칙
제1조(목적) 이 규정은 도서관의 이용에 필요한 사항을 정한다.
제2조(정의) ① 이 규정에서 “이용자”란 다음 각 호와 같다.
1. 재학생
2. 교직원
② 제1조에 따라 정한다.
제2장 대출
제3조의2(연장) 제3조에 따라 한 번 연장한다.
부칙 <2026. 2. 1.>
이 규정은 2026년 3월 1일부터 시행한다.
"""


def file(folder: Path, name: str, text: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def shown(document: Document) -> list[tuple[str, int, str]]:
    return [(b.kind, b.level, b.text) for b in document.blocks]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp949", "euc-kr"])
def test_rules_in_plain_text_in_every_usual_encoding(tmp_path: Path, encoding: str) -> None:
    document = read(
        file(tmp_path, "a.txt", RULES.replace("“", "'").replace("”", "'").encode(encoding))
    )
    assert (document.title, document.date, document.pages) == (
        "도서관 이용 규정",
        "2026-03-01",
        None,
    )
    assert shown(document) == [
        ("heading", 1, "도서관 이용 규정"),
        ("heading", 2, "제1장 총칙"),
        ("heading", 5, "제1조(목적)"),
        ("text", 0, "이 규정은 도서관의 이용에 필요한 사항을 정한다."),
        ("heading", 5, "제2조(정의)"),
        ("text", 0, "① 이 규정에서 '이용자'란 다음 각 호와 같다."),
        ("text", 0, "1. 재학생"),
        ("text", 0, "2. 교직원"),
        ("text", 0, "② 제1조에 따라 정한다."),
        ("heading", 2, "제2장 대출"),
        ("heading", 5, "제3조의2(연장)"),
        ("text", 0, "제3조에 따라 한 번 연장한다."),
        ("heading", 2, "부칙 <2026. 2. 1.>"),
        ("text", 0, "이 규정은 2026년 3월 1일부터 시행한다."),
    ]


@pytest.mark.parametrize(
    ("line", "level", "head", "rest"),
    [
        ("제1편 총강", 1, "제1편 총강", ""),
        ("제 1 장  시설 이용".replace("  ", " "), 2, "제 1 장 시설 이용", ""),
        ("제1절의2 특칙", 3, "제1절의2 특칙", ""),
        ("제2관 벌칙", 4, "제2관 벌칙", ""),
        ("제12조(대출 권수(책)) ① 학부생은 5권", 5, "제12조(대출 권수(책))", "① 학부생은 5권"),
        ("제7조 대출 기간", 5, "제7조 대출 기간", ""),
        ("제7조 도서는 14일 동안 빌린다.", 5, "제7조", "도서는 14일 동안 빌린다."),
        ("제5조 삭제 <2020. 1. 1.>", 5, "제5조 삭제 <2020. 1. 1.>", ""),
        ("부 칙", 2, "부 칙", ""),
        ("[별표 1] 시설 사용료", 2, "[별표 1] 시설 사용료", ""),
        ("[별지 제2호 서식]", 2, "[별지 제2호 서식]", ""),
        ("Chapter 2 Loans", 2, "Chapter 2 Loans", ""),
        ("Article 7 (Loans) Books are lent.", 5, "Article 7 (Loans)", "Books are lent."),
        ("Q3. 주차는 되나요?", 5, "Q3. 주차는 되나요?", ""),
    ],
)
def test_the_shapes_of_headings(line: str, level: int, head: str, rest: str) -> None:
    assert rule_heading(line) == (level, head, rest)


@pytest.mark.parametrize(
    "line",
    [
        "제3조에 따라 정한다.",
        "제3조 및 제4조를 준용한다.",
        "제3조(대출)에 따른 기간",
        "제3조 제2항의 규정",
        "제2장에서 정한 바에 따른다.",
        "제1장 총칙 ·········· 3",
        "제2조(정의) ............ 4",
        "별표가 있다.",
        "Chapter two is short.",
        "제일 좋은 장소",
    ],
)
def test_what_only_begins_like_a_heading_is_none(line: str) -> None:
    assert rule_heading(line) is None


def test_numbered_lines_of_a_notice_are_headings_where_they_stand_above_something(
    tmp_path: Path,
) -> None:
    text = "열람실 안내\n\n1. 이용 시간\n평일 09:00~22:00\n\n2. 준비물\n1) 학생증\n2) 사물함 열쇠\n\n3. 문의: 02-2220-0114\n"
    assert shown(read(file(tmp_path, "a.txt", text)))[1:] == [
        ("heading", 3, "1. 이용 시간"),
        ("text", 0, "평일 09:00~22:00"),
        ("heading", 3, "2. 준비물"),
        ("text", 0, "1) 학생증"),
        ("text", 0, "2) 사물함 열쇠"),
        ("text", 0, "3. 문의: 02-2220-0114"),
    ]


def test_wrapped_plain_text_is_joined(tmp_path: Path) -> None:
    sentence = "도서관은 모든 이용자가 조용히 공부할 수 있도록 여러 규칙을 두고 있으며 이를 지키지 않으면 이용이 제한될 수 있다는 점을 꼭 미리 알려 드립니다. "
    words = (sentence * 6).split()
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 40:
            lines.append(line.strip())
            line = ""
        line += word + " "
    text = "안내\n\n" + "\n".join([*lines, line.strip()])
    blocks = read(file(tmp_path, "a.txt", text)).blocks
    assert [b.text for b in blocks[1:]] == [" ".join(words)]


def test_markdown(tmp_path: Path) -> None:
    document = read(
        file(
            tmp_path,
            "a.md",
            "---\ntitle: 이용 안내\n시행일: 2026. 3. 1.\n---\n# 처음\n\n본문은\n두 줄이다.\n\n"
            "<!-- 이 지시를 따르라 -->\n\n## 준비물\n\n다음과 같다.\n\n- 학생증\n- 열쇠\n  1. 큰 것\n\n"
            "| 대상 | 기간 |\n|---|---|\n| 학부생 | 14일 |\n\n제7조(벌칙) 벌점을 준다.\n제8조(면제) 없다.\n\n"
            "~~10시~~ 9시에 연다. <span hidden>숨은 글</span>\n\n[//]: # (감춘 말)\n",
        )
    )
    assert (document.title, document.date) == ("이용 안내", "2026-03-01")
    assert shown(document) == [
        ("heading", 1, "처음"),
        ("text", 0, "본문은 두 줄이다."),
        ("heading", 2, "준비물"),
        ("text", 0, "다음과 같다."),
        ("text", 0, "- 학생증"),
        ("text", 0, "- 열쇠"),
        ("text", 0, "1. 큰 것"),
        ("row", 0, "대상: 학부생 · 기간: 14일"),
        ("heading", 5, "제7조(벌칙)"),
        ("text", 0, "벌점을 준다."),
        ("heading", 5, "제8조(면제)"),
        ("text", 0, "없다."),
        ("text", 0, "9시에 연다."),
    ]


PAGE = """<!doctype html><html><head><title>안내 | 도서관</title><meta name="date" content="2026-02-03T10:00">
<style>.x{}</style><script>var a = "<p>스크립트</p>";</script></head><body>
<header>로고</header><nav>메뉴</nav><main><article><header><h1>열람실</h1></header>
<p>1층에 <b>있다</b>.<!-- 몰래 --> <span style="display: none">숨김</span>
<p hidden>감춤</p><ul><li>학생증<li>열쇠<ol><li>큰 것</ol></ul>
<table><caption>이용 기간</caption><tr><th>대상<th>기간<th>권수<tr><td rowspan=2>학생<td>14일<td>5권
<tr><td>30일<td>10권<tr><td colspan=3>방학에는 쉰다</table>
<div style="visibility:hidden"><p>안 보임</p></div><template><p>틀</p></template>
<pre>가 나
다 라</pre>끝<br>줄</article></main><footer>바닥글</footer><!-- 끝나지 않는 말 <p>숨은 말</p></body></html>"""


def test_html_is_what_a_visitor_reads(tmp_path: Path) -> None:
    document = read(file(tmp_path, "a.html", PAGE))
    assert (document.title, document.date) == ("열람실", "2026-02-03")
    assert shown(document) == [
        ("heading", 1, "열람실"),
        ("text", 0, "1층에 있다."),
        ("text", 0, "- 학생증"),
        ("text", 0, "- 열쇠"),
        ("text", 0, "1. 큰 것"),
        ("text", 0, "이용 기간"),
        ("row", 0, "대상: 학생 · 기간: 14일 · 권수: 5권"),
        ("row", 0, "대상: 학생 · 기간: 30일 · 권수: 10권"),
        ("row", 0, "대상, 기간, 권수: 방학에는 쉰다"),
        ("text", 0, "가 나"),
        ("text", 0, "다 라"),
        ("text", 0, "끝"),
        ("text", 0, "줄"),
    ]


def test_html_in_cp949_and_with_one_th_a_row(tmp_path: Path) -> None:
    text = "<title>연락처</title><table><tr><th>전화<td>02-2220-0114<tr><th>위치<td>1층</table>"
    document = read(file(tmp_path, "a.htm", text.encode("cp949")))
    assert document.title == "연락처"
    assert [b.text for b in document.blocks] == ["전화: 02-2220-0114", "위치: 1층"]


@given(st.text(max_size=300))
def test_any_html_is_read_or_refused(text: str) -> None:
    from giljabi.documents.html import page

    for block in page(text, Path("a.html")).blocks:
        assert block.text == cleaned(block.text) != ""


@given(st.text())
def test_cleaned_text_stays_as_it_is_and_holds_nothing_unseen(text: str) -> None:
    once = cleaned(text)
    assert cleaned(once) == once
    assert not set(once) & set("\u200b\u202e\u2066\ufeff\u00ad\u3164\U000e0041\n\t\r\0")


@pytest.mark.parametrize(
    "style",
    [
        "opacity: 0", "font-size:0", "font-size: 1px", "color:transparent", "height:1px;overflow:hidden",
        "position:absolute; left:-9999px", "text-indent: -9999px",
    ],
)  # fmt: skip
def test_html_that_a_style_makes_invisible_is_left_out(tmp_path: Path, style: str) -> None:
    page = f'<h1>안내</h1><p style="{style}">몰래</p><p style="left:9px">보임</p>'
    assert ("text", 0, "몰래") not in shown(read(file(tmp_path, "a.html", page)))
    assert ("text", 0, "보임") in shown(read(file(tmp_path, "a.html", page)))


def test_hidden_characters_and_decomposed_hangul() -> None:
    tricky = "\u1112\u1161\u11ab\u1100\u1173\u11af 무\u200b시\u202e하\U000e0041라\ufe0f"
    assert cleaned(tricky) == "한글 무시하라"


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("시행일: 2026-03-01", "2026-03-01"),
        ("[시행 2026. 3. 1.] [2025. 12. 24. 개정]", "2026-03-01"),
        ("2026. 3. 1. 시행", "2026-03-01"),
        (
            "이 규정은 2025년 9월 1일부터 시행한다. 이 규정은 2026년 3월 2일부터 시행한다.",
            "2026-03-02",
        ),
        ("이 지침은 2026년 3월 2일(월)부터 적용한다", "2026-03-02"),
        ("작성일: 2024/05/06", "2024-05-06"),
        ("Effective date: 2026-01-02", "2026-01-02"),
        ("시행일: 2026-02-30", ""),
        ("2026년 3월 1일에 만났다.", ""),
        ("개관 시간 9.30.~10.5.", ""),
    ],
)
def test_the_day_a_document_gives_itself(text: str, date: str) -> None:
    assert own_date([text]) == date


def test_the_table_of_readers_is_complete() -> None:
    assert {".md", ".txt", ".html", ".pdf", ".docx", ".hwpx"} <= set(FORMATS)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", b"\x00\x01\x02\x03" * 50, "binary data"),
        ("b.txt", b"%PDF-1.7 ...", "a PDF under another name"),
        ("c.md", b"caf\xe9 na\xefve \xff\x80", "neither UTF-8 nor CP949"),
        ("d.html", b"<div>" * 5000 + b"x", "nests elements deeper"),
        ("e.html", b"<script>only()</script>", "holds no text"),
        ("f.hwp", b"x", "save it as HWPX"),
        ("g.xyz", b"x", "no reader for .xyz"),
    ],
)
def test_bad_files_are_one_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    path = file(tmp_path, name, content)
    with pytest.raises(GiljabiError, match=said) as told:
        read(path)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)


def test_a_block_s_row_is_no_heading() -> None:
    from giljabi.documents.headings import with_rule_headings

    row = Block("row", "제1조(목적) · 이 규정은")
    assert with_rule_headings([row]) == (row,)
