"""The verbs from records to training data, as a user types them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main

ROOT = Path(__file__).parents[1]
HOSPITAL = str(ROOT / "tests" / "venues" / "hospital")
FEW = ["--count=basic=2"] + [f"--count={k}=0" for k in (
    "route", "location", "complex", "unknown_place", "unknown_fact", "follow_up", "distractor", "spoken", "plain"
)]  # fmt: skip


def run(*words: object) -> Result:
    return CliRunner().invoke(main, [str(w) for w in words])


def messages(path: Path, *pairs: tuple[str, str]) -> Path:
    rows = [
        {"messages": [{"role": "user", "content": q}, {"role": "assistant", "content": a}]}
        for q, a in pairs
    ]
    path.write_text(json.dumps(rows, ensure_ascii=False), "utf-8")
    return path


def test_from_a_venue_to_an_audited_data_set(tmp_path: Path) -> None:
    out = tmp_path / "data"
    built = run("data", "build", HOSPITAL, "--out", out, *FEW, "--workers", 1)
    assert built.exit_code == 0, built.output
    assert "examples to train on" in built.stdout
    audited = run(
        "data", "audit", out, "--venue", HOSPITAL, "--strict", "--out", tmp_path / "report"
    )
    assert audited.exit_code == 0, audited.output
    assert (tmp_path / "report" / "report.html").is_file()
    assert json.loads((tmp_path / "report" / "report.json").read_text("utf-8"))["rules"]


def test_a_data_set_has_a_usual_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    built = run("data", "build", HOSPITAL, *FEW, "--workers", 1)
    assert built.exit_code == 0, built.output
    (made,) = tmp_path.glob("runs/*/dataset/manifest.json")
    assert str(made.parent.relative_to(tmp_path)) in built.stdout


def test_a_folder_of_somebody_elses_stays_as_it_is(tmp_path: Path) -> None:
    theirs = tmp_path / "manifest.json"
    theirs.write_text('{"name": "a web page"}', "utf-8")
    refused = run("data", "build", HOSPITAL, "--out", tmp_path, *FEW)
    assert refused.exit_code == 2
    assert "no data set" in refused.output
    assert theirs.read_text("utf-8") == '{"name": "a web page"}'


def test_a_dry_run_makes_nothing(tmp_path: Path) -> None:
    result = run("data", "build", HOSPITAL, "--out", tmp_path / "d", "--dry-run")
    assert "places" in result.stdout
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("target", ["nowhere/at-all", "link"], ids=["dangling", "loop"])
def test_a_link_that_leads_nowhere_is_one_sentence(target: str, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / target)
    built = run("data", "build", HOSPITAL, "--out", tmp_path / "link", *FEW, "--workers", 1)
    assert built.exit_code == 2, built.output
    assert "link" in built.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["link"]


def test_a_language_named_twice_is_made_once(tmp_path: Path) -> None:
    built = run("data", "build", HOSPITAL, "--out", tmp_path, *FEW, "--lang=ko", "--lang=ko")
    assert built.exit_code == 0, built.output
    assert json.loads((tmp_path / "manifest.json").read_text("utf-8"))["languages"] == ["ko"]


def test_a_report_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    fine = messages(tmp_path / "train.json", ("a?", "b"))
    audited = run("data", "audit", fine, "--out", fine)
    assert audited.exit_code == 2
    assert "train.json" in audited.stderr


def test_audit_is_strict_when_asked(tmp_path: Path) -> None:
    bad = messages(tmp_path / "train.json", ("a?", "b"), ("a?", "c"))
    assert run("data", "audit", bad).exit_code == 0
    assert run("data", "audit", bad, "--strict").exit_code == 1


def test_context_rows(tmp_path: Path) -> None:
    pytest.importorskip("tokenizers")
    document = "도서관은 평일 오전 9시에 열고 오후 10시에 닫습니다. 주말에는 문을 열지 않습니다."
    row = {"context": document, "question": "도서관은 몇 시에 열어요?", "answer": "오전 9시에 엽니다.",
           "cot_answer": "본문에 평일 오전 9시에 연다고 되어 있습니다. 따라서 오전 9시입니다."}  # fmt: skip
    source = tmp_path / "rows.jsonl"
    source.write_text(json.dumps(row, ensure_ascii=False) + "\n", "utf-8")
    result = run("data", "context", source, "--out", tmp_path / "c")
    assert result.exit_code == 0, result.output
    made = json.loads((tmp_path / "c" / "train.jsonl").read_text("utf-8"))
    assert [m["role"] for m in made["messages"]] == ["user", "assistant"]


def test_check_has_exit_codes_for_ci(tmp_path: Path) -> None:
    assert run("venue", "check", "--venue", HOSPITAL).exit_code == 0
    assert run("venue", "check", "--strict").exit_code == 1  # Hanyang has warnings
    found = json.loads(run("venue", "check", "--json").stdout)
    assert found["severities"]["error"] == 0


def test_check_reads_other_peoples_records(shared: Path) -> None:
    result = run("venue", "check", shared / "venue" / "campus.json", "--coordinates",
                 shared / "venue" / "hanyang_coordinates.json")  # fmt: skip
    assert result.exit_code == 1
    assert "대운동장" in result.stdout


def test_a_map_becomes_a_venue_that_answers(tmp_path: Path, shared: Path) -> None:
    pytest.importorskip("osmium")
    town = tmp_path / "town"
    made = run(
        "venue", "import", shared / "osm" / "gh_monaco.osm.gz", "--into", town, "--name", "Monaco"
    )
    assert made.exit_code == 0, made.output
    way = run("route", "Musée océanographique", "Stade Louis II", "--venue", town)
    assert way.exit_code == 0
    assert "minutes" in way.stdout
    assert (
        run("venue", "import", shared / "osm" / "gh_monaco.osm.gz", "--into", town).exit_code == 2
    )


def test_a_table_becomes_a_venue(tmp_path: Path) -> None:
    table = tmp_path / "places.csv"
    table.write_text(
        "이름,영문이름,종류,층수,위도,경도\n별관,Annex,건물,3,37.5,127.0\n본관,Main,건물,5,37.501,127.0\n",
        "utf-8-sig",
    )
    assert (
        run("venue", "import", table, "--into", tmp_path / "v", "--name", "우리 회사").exit_code
        == 0
    )
    answer = run("ask", "별관 몇 층이야?", "--venue", tmp_path / "v", "--model", "none")
    assert "3층" in answer.stdout


def test_collect_says_which_key_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KAKAO_REST_API_KEY", "NAVER_CLIENT_ID", "NAVER_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    result = run("venue", "collect", "--lat", 37.5, "--lon", 127.0, "--into", tmp_path / "c")
    assert result.exit_code == 2
    assert "KAKAO_REST_API_KEY" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data", "build", "nowhere", "--out", "x"], "not a venue folder"),
        (["data", "build", HOSPITAL, "--out", "x", "--count", "poems=3"], "poems"),
        (["data", "build", HOSPITAL, "--out", "x", "--val", "2"], "0.5"),
        (["data", "build", HOSPITAL, "--out", "x", "--layout", "xml"], "xml"),
        (["data", "build", HOSPITAL, "--out", "x", "--teacher", "localhost"], "not a URL"),
        (
            ["data", "build", HOSPITAL, "--out", "x", "--teacher", "http://localhost:1"],
            "--model",
        ),
        (["data", "build", HOSPITAL, "--out", "x", "--count", "basic=²"], "KIND=NUMBER"),
        (["data", "build", HOSPITAL, "--out", "x", "--workers", "-1"], "workers"),
        (["data", "build", HOSPITAL, "--out", "x", "--teacher", "http://[::1"], "not a URL"),
        (["data", "build", HOSPITAL, "--out", f"{__file__}/x", *FEW], "Not a directory"),
        (["data", "build", HOSPITAL, "--out", "/dev/null", *FEW], "/dev/null"),
        (["data", "build", HOSPITAL, "--out", "/proc/x", *FEW], "/proc/x"),
        (["data", "audit", __file__], "none of .jsonl"),
        (["data", "audit", HOSPITAL, "--base", "gpt-9"], "gpt-9"),
        (["data", "context", __file__, "--out", "x", "--keep", "all"], "--keep"),
        (["venue", "import", __file__, "--into", "x"], "no reader"),
    ],
)
def test_a_user_s_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    assert not list(tmp_path.iterdir())
