"""`giljabi select` as it is typed: a table with reasons, and one sentence for what is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from giljabi.cli import main

SYNATRA = "synatra-42dot-1.3b"
LLAMA, QWEN = "llama-3.2-3b-instruct", "qwen2.5-3b-instruct"


def said(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["select", *arguments])


@pytest.fixture
def similarities(tmp_path: Path) -> str:
    """Figures in the published order; which they were is not public."""
    file = tmp_path / "similarities.csv"
    file.write_text(
        f"candidate,similarity,downloads\n{LLAMA},0.7,100\nQwen/Qwen2.5-3B-Instruct,0.6,200\n",
        "utf-8",
    )
    return str(file)


def test_the_first_published_decision_as_a_table() -> None:
    result = said("--by", "average")
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if line.startswith("| ")]
    assert rows[0] == "| place | candidate | average | context | licence | why |"
    assert rows[2].startswith(f"| 1 | {SYNATRA} | 31.66 | 8,192 | CC BY-NC 4.0")
    assert "0.59 ahead of DILAB-HYU/koquality-polyglot-1.3b" in rows[2]
    assert len(rows) == 12
    for line in (
        "- No average is known of exaone-3.5-2.4b-instruct, gemma-2-2b-it,",
        "- By the mean of the 8 columns shown (average is over 9): jungyuko/DAVinCI",
        "- The first place stays the same without any one of ko_gpqa, ko_winogrande,",
        "- Without kornat_cka: Qwen/Qwen2.5-0.5B-Instruct 32.6 (synatra-42dot-1.3b 32.2).",
        "- Nobody is dominated: of the 8 columns",
    ):
        assert line in result.stdout
    assert "2025-04-26" in result.stdout


def test_the_second_published_decision_and_what_its_data_would_have_decided(
    similarities: str,
) -> None:
    pair = ("--measurements", similarities, "--candidate", LLAMA, "--candidate", QWEN)
    by_figure = said(*pair, "--by", "similarity")
    assert f"| 1 | {LLAMA} | 0.7 |" in by_figure.stdout
    assert f"0.1 ahead of {QWEN}" in by_figure.stdout
    assert f"- Most downloads: {QWEN} 200 ({LLAMA} 100). Popularity" in by_figure.stdout
    by_data = said(*pair, "--by", "similarity", "--longest", "131072", "--mean", "36000")
    assert f"- {QWEN}: its context of 32,768 tokens is shorter than the data's" in by_data.stdout
    assert "The first place stays the same without the limit on context." in by_data.stdout


def test_json_has_everything(similarities: str, tmp_path: Path) -> None:
    out = tmp_path / "made" / "select.json"
    result = said(
        "--measurements", similarities, "--by", "similarity", "--board", "orin-nano-8gb",
        "--longest", "40000", "--gpu-gb", "24", "--gpu-tflops", "165", "--method", "qlora",
        "--train-tokens", "1000000", "--json", "--out", str(out),
    )  # fmt: skip
    assert (result.exit_code, result.stdout) == (0, "")
    found = json.loads(out.read_text("utf-8"))
    assert found["by"] == [{"metric": "similarity", "weight": 1.0, "lower_is_better": False}]
    assert [one["candidate"] for one in found["ranked"]] == found["first"] == []
    llama = next(one for one in found["excluded"] if one["candidate"] == LLAMA)
    verdicts = {one["limit"]: one["verdict"] for one in llama["limits"]}
    assert verdicts == {"context": "kept", "board": "broken", "training": "kept"}
    assert {"similarity", "downloads", "board_mb", "training_gb", "training_hours"} <= set(
        llama["figures"]
    )
    assert found["tables"][0]["mean_of"] == 9
    unknown = next(one for one in found["not_ranked"] if one["candidate"].startswith("jungyuko"))
    assert unknown["context"] is None


def test_without_a_metric_those_left_are_listed_and_nothing_is_ranked() -> None:
    result = said("--leaderboard", "none", "--licence", "Apache")
    assert result.exit_code == 0
    assert "Nothing was ranked: name what counts with --by." in result.stdout
    assert "| – | qwen2.5-1.5b-instruct | 32,768 | Apache-2.0 |" in result.stdout


def test_training_is_said_to_be_estimated() -> None:
    result = said("--leaderboard", "none", "--gpu-gb", "24")
    assert "(estimated)" in result.stdout
    assert "Training is estimated, not measured" in result.stdout


def test_limits_that_leave_nobody_end_with_1() -> None:
    result = said("--usable-gb", "0.1", "--leaderboard", "none")
    assert result.exit_code == 1
    assert "Nobody is left to rank." in result.stdout


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--by", "downloads"), "downloads is popularity: it is shown and does not rank"),
        (("--by", "colour"), "--by colour: no candidate has that figure; there are average,"),
        (("--by", "average", "--lower", "colour"), "--lower colour: no candidate has that figure"),
        (("--by", "average:heavy"), "is not METRIC or METRIC:WEIGHT"),
        (("--candidate", "lama"), "There is no candidate 'lama'; a base or a row of the"),
        (("--board", "toaster"), "Unknown board 'toaster'; known: orin-nano-8gb"),
        (("--board", "agx-orin", "--quantisation", "Q9"), "Unknown quantisation 'Q9'"),
        (("--hours", "3"), "Training needs a GPU to be judged on: give --gpu-gb too."),
        (("--gpu-gb", "24", "--hours", "3"), "Hours follow from the GPU's memory and TFLOPS"),
        (("--gpu-gb", "0"), "A GPU has some memory"),
        (("--mean", "3"), "is above its longest"),
        (("--leaderboard", "missing.csv"), "missing.csv: cannot be read"),
        (("--measurements", "missing.csv"), "missing.csv: cannot be read"),
        (("--data", "missing.txt"), "missing.txt: cannot be read"),
    ],
)
def test_a_slip_is_one_sentence(
    arguments: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = said(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output
    assert result.output.startswith("giljabi: ")
    assert result.output.count("\n") == 1


def test_a_bad_row_is_named_with_its_column(tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text(f"candidate,similarity\n{LLAMA},0.7\n{QWEN},about 0.6\n", "utf-8")
    result = said("--measurements", str(file))
    assert result.exit_code == 2
    assert f"{file}, line 3, column 'similarity': 'about 0.6' is not a number" in result.output


def test_out_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    result = said("--out", str(tmp_path))
    assert result.exit_code == 2
    assert "give another --out" in result.output
