"""`giljabi measure` and `giljabi report` as they are typed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main

HOSPITAL = str(Path(__file__).parent / "venues" / "hospital")
ROWS = [
    {"id": "floor", "lang": "ko", "turns": ["내과는 몇 층이야?"], "slot": "floors",
     "place_codes": [], "must_contain_any": [["2층"]], "must_not_contain": [], "expect": "answer"},
    {"id": "none", "lang": "ko", "turns": ["제8공학관은 어디야?"], "slot": "about",
     "place_codes": [], "must_contain_any": [["모르"]], "must_not_contain": [], "expect": "abstain"},
]  # fmt: skip


def said(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture
def questions(tmp_path: Path) -> str:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), "utf-8")
    return str(path)


def test_measured_reported_and_measured_again(
    questions: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = said("measure", "template", "--questions", questions, "--venue", HOSPITAL)
    assert first.exit_code == 0, first.output
    assert "| right | 2 of 2 (100.0%) |" in first.stdout
    [run] = (tmp_path / "runs").iterdir()
    assert run.name.startswith("measure-")
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    command = manifest["command"]
    assert command[:5] == ["giljabi", "measure", "template", "--questions", questions]

    # The recorded command, as it stands, finds its run and has nothing left to ask.
    rows = run / "rows" / "1-template.jsonl"
    before = rows.read_bytes()
    assert said(*command[1:]).exit_code == 0
    assert rows.read_bytes() == before

    second = said("measure", "--again", str(run), "--out", "b")
    assert second.exit_code == 0, second.output
    figures = [
        json.loads((folder / "report.json").read_text("utf-8"))["contestants"][0]["figures"]
        for folder in (run, tmp_path / "b")
    ]
    assert [{**one, "system": 0} for one in figures[:1]] == [
        {**one, "system": 0} for one in figures[1:]
    ]

    told = said("report", str(run), "b", "--out", "pages/both.html")
    assert told.exit_code == 0, told.output
    assert "right: noise: template (b) and template (" in told.stdout
    page = (tmp_path / "pages" / "both.html").read_text("utf-8")
    assert "template (b)" in page
    assert "내과는 2층에 있어요." in page


def test_runs_on_different_questions_are_refused(questions: str, tmp_path: Path) -> None:
    other = tmp_path / "other.jsonl"
    other.write_text(json.dumps(ROWS[0]) + "\n", "utf-8")
    for file, out in ((questions, "a"), (str(other), "b")):
        done = said("measure", "template", "--questions", file, "--venue", HOSPITAL,
                    "--out", str(tmp_path / out))  # fmt: skip
        assert done.exit_code == 0, done.output
    found = said("report", str(tmp_path / "a"), str(tmp_path / "b"))
    assert found.exit_code == 2
    assert "only answers to the same questions compare." in found.output
    assert found.output.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("measure", "template"), "Say who is measured on what"),
        (("measure", "--questions", "Q"), "Say who is measured on what"),
        (("measure", "teacher", "--questions", "Q"), "There is no contestant 'teacher'"),
        (("measure", "alone:nobody", "--questions", "Q"), "Unknown model 'nobody'"),
        (("measure", "alone:no.gguf", "--questions", "Q"), "There is no model file no.gguf"),
        (("measure", "template", "--again", "."), "--again takes contestants and questions from"),
        (("measure", "--again", "."), "no finished measuring run"),
        (("report", "."), "no finished measuring run"),
    ],
)
def test_a_slip_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, questions: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    result = said(*(questions if one == "Q" else one for one in arguments))
    assert result.exit_code == 2
    assert sentence in result.output
    assert result.output.startswith("giljabi: ")
    assert result.output.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.model
def test_the_default_contestant_is_the_embedded_model_trimmed_to_the_venue(
    questions: str, tmp_path: Path
) -> None:
    pytest.importorskip("xllamacpp")
    out = tmp_path / "run"
    done = said("measure", "guide", "--questions", questions, "--venue", HOSPITAL, "--limit", "1",
                "--out", str(out))  # fmt: skip
    assert done.exit_code == 0, done.output
    report = json.loads((out / "report.json").read_text("utf-8"))["contestants"][0]
    assert report["figures"]["right"] == {"count": 1, "of": 1, "share": 1}
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    weights = list(manifest["identity"]["contestants"]["guide"]["model"])
    assert weights[0].startswith("gemma-3-270m-q4_k_m-")  # and what it was trimmed to


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["template", "--writing"],
            "template answers about a venue; writing is asked of chat:MODEL.",
        ),
        (["template", "--judge", "http://box/v1"], "say what that server calls the model"),
        (["template", "--texts", "/nowhere"], "'/nowhere' does not exist"),
        (["--again", "{run}", "--writing"], "--again takes contestants and questions from the run"),
    ],
)
def test_a_slip_is_one_sentence_and_exit_code_2(
    questions: str, tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    asked = [one.format(run=tmp_path) for one in arguments]
    if "--again" not in asked:
        asked += ["--venue", HOSPITAL, "--out", str(tmp_path / "run")]
        asked += [] if "--writing" in asked else ["--questions", questions]
    found = said("measure", *asked)
    assert found.exit_code == 2
    assert sentence in found.output
    assert "Traceback" not in found.output


def test_a_run_that_measured_no_base_chooses_none(questions: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert said("measure", "template", "--questions", questions, "--venue", HOSPITAL,
                "--out", str(run)).exit_code == 0  # fmt: skip
    found = said("select", "--run", str(run))
    assert found.exit_code == 2
    assert "measured no base by itself; measure facts:NAME+none" in found.output
