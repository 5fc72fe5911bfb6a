"""An answer from a document: the passage beside it, the cited sentence marked, in both languages."""

import shutil

import pytest
from click.testing import CliRunner
from kiosk_page import HOSPITAL, PHONE, ask

from giljabi.cli import main

RULES = """# 원무 규정

시행일: 2026-03-01

## 제2장 입원

### 제4조(면회)

면회 시간은 평일 18:00부터 20:00까지로 한다. 다만, 중환자실은 면회할 수 없다.

## 제3장 서류

### 제10조(보관)

진료 기록은 10년 동안 보관한다. <script>alert(1)</script>

| 구분 | 수수료 |
|---|---|
| 일반 진단서 | 2만 원 |
"""


@pytest.fixture(scope="module")
def rules_kiosk(serve_kiosk, tmp_path_factory):
    venue = tmp_path_factory.mktemp("rules") / "hospital"
    shutil.copytree(HOSPITAL, venue)
    (venue / "documents").mkdir()
    (venue / "documents" / "rules.md").write_text(RULES, "utf-8")
    done = CliRunner().invoke(
        main, ["venue", "import", str(venue / "documents"), "--encoder", "none"]
    )
    assert done.exit_code == 0, done.output
    return serve_kiosk("--venue", str(venue), "--model", "none")


def test_the_passage_stands_beside_the_answer_and_its_sentence_is_marked(visit, axe, rules_kiosk):
    page = visit(rules_kiosk)
    turn = ask(page, "진료 기록은 몇 년 동안 보관하나요?")
    assert "10년" in turn.locator(".text").inner_text()
    shown = turn.locator(".passages")
    assert shown.locator("cite").inner_text() == "원무 규정 · 제3장 서류 · 제10조(보관)"
    assert shown.locator("small").inner_text() == "2026-03-01"
    assert shown.locator("mark").all_inner_texts() == ["진료 기록은 10년 동안 보관한다."]
    assert turn.locator("script").count() == 0
    assert axe(page) == []


def test_on_a_phone_in_english_the_nearest_passage_follows_the_refusal(visit, axe, rules_kiosk):
    page = visit(rules_kiosk, size=PHONE)
    page.click("#lang")
    turn = ask(page, "What colour is the cover of 진료 기록?")
    assert turn.locator(".passages h3").inner_text() == "The nearest part of the documents"
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_is_not_written_is_refused_without_a_passage(visit, rules_kiosk):
    turn = ask(visit(rules_kiosk), "수술실 조명은 무슨 색이에요?")
    assert turn.locator(".answer.refusal").count() == 1
