from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main

ROOT = Path(__file__).parents[1]
HOSPITAL = ["--venue", str(ROOT / "tests" / "venues" / "hospital")]
NONE = ["--model", "none"]


def run(*words: str) -> Result:
    return CliRunner().invoke(main, words)


def test_ask() -> None:
    result = run("ask", "국제관 몇 층이야?", *NONE)
    assert (result.exit_code, result.stdout) == (0, "국제관은 지상 6층 건물이에요.\n")


def test_ask_json_and_language() -> None:
    out = json.loads(run("ask", "박물관", "--lang", "en", "--json", *NONE).stdout)
    assert out["lang"] == "en"
    assert "Museum" in out["answer"]


def test_ask_from_somewhere_else() -> None:
    assert (
        "도서관" not in run("ask", "박물관 어떻게 가?", "--from", "501관", *NONE).stdout.split()[0]
    )
    assert run("ask", "박물관 어떻게 가?", "--from", "501관", *NONE).stdout.startswith(
        "백남학술정보관에서"
    )


def test_batch_keeps_ids_and_resumes(tmp_path: Path) -> None:
    rows = [{"id": f"q{n}", "turns": ["국제관 몇 층이야?", "그럼 박물관은?"]} for n in range(4)]
    file, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    file.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), "utf-8")
    assert run("ask", "--batch", str(file), "--out", str(out), *NONE).exit_code == 0
    first = out.read_text("utf-8")
    answers = [json.loads(line) for line in first.splitlines()]
    assert [a["id"] for a in answers] == ["q0", "q1", "q2", "q3"]
    assert all(a["answer"] == "박물관은 지상 5층 건물이에요." for a in answers)
    assert run("ask", "--batch", str(file), "--out", str(out), *NONE).exit_code == 0
    assert out.read_text("utf-8") == first


def test_route() -> None:
    assert "206" not in run("route", "노천극장", "206관").stdout
    assert "공업센터 본관" in run("route", "노천극장", "206관").stdout
    assert "엘리베이터" in run("route", "정문", "내과", "--step-free", *HOSPITAL).stdout


def test_chat_remembers_the_last_place() -> None:
    result = CliRunner().invoke(
        main, ["chat", *NONE], input="국제관 몇 층이야?\n그럼 박물관은?\n\n"
    )
    assert "국제관은 지상 6층" in result.stdout
    assert "박물관은 지상 5층" in result.stdout


def test_venue_show_and_check() -> None:
    assert "campus.json" in run("venue", "show", "박물관").stdout
    assert "71" in run("venue", "show").stdout
    result = run("venue", "check")
    assert result.exit_code == 0
    assert "사근동" in result.stdout


def test_venue_import_round_trip(tmp_path: Path, shared: Path) -> None:
    records = [str(shared / "venue" / "campus.json")]
    result = run("venue", "import", *records, "--into", str(tmp_path))
    assert result.exit_code == 0
    assert len(json.loads((tmp_path / "places.json").read_text("utf-8"))) == 71


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["ask"], "Give either one question"),
        (["ask", "x", "--venue", "nowhere"], "is not a venue folder"),
        (["ask", "x", "--from", "달나라", *NONE], "is not one place"),
        (["ask", "x", "--model", "no-such-model"], "no-such-model"),
        (["venue", "show", "달나라"], "is not one place"),
        (["eval", __file__, *NONE], "test_cli.py"),
        (["serve", "--chat", "--model", "gemma3-270m"], "only words facts and cannot chat"),
    ],
)
def test_a_user_s_mistake_is_one_sentence_and_exit_code_2(words: list[str], said: str) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1


def test_eval_writes_a_report(tmp_path: Path) -> None:
    row = {"id": "a", "lang": "ko", "turns": ["국제관 몇 층이야?"], "slot": "floors", "place_codes": ["108"],
           "must_contain_any": [["6층"]], "must_not_contain": [], "expect": "answer"}  # fmt: skip
    questions = tmp_path / "q.jsonl"
    questions.write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    result = run("eval", str(questions), "--out", str(tmp_path / "report"), *NONE)
    assert result.exit_code == 0
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))
