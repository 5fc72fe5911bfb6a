from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeGuide, write_lines

from giljabi.errors import GiljabiError
from giljabi.measure.batch import answered_ids, read_batch, run_batch


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": f"q{n}", "turns": [f"{n}관은 어디야?"]} for n in range(count)]


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text("utf-8").splitlines()]


def test_answers_every_row_and_reports_progress(tmp_path: Path) -> None:
    batch, out = write_lines(tmp_path / "in.jsonl", rows(3)), tmp_path / "new" / "out.jsonl"
    seen: list[tuple[int, int]] = []
    assert run_batch(FakeGuide(), batch, out, lambda done, all_: seen.append((done, all_))) == 3
    first = json.loads(out.read_text("utf-8").splitlines()[0])
    assert first == {"id": "q0", "answer": "답: 0관은 어디야?", "lang": "ko", "outcome": "found"}
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_earlier_turns_become_history(tmp_path: Path) -> None:
    batch = write_lines(tmp_path / "in.jsonl", [{"id": "a", "turns": ["하나", "둘"], "slot": "x"}])
    guide = FakeGuide()
    run_batch(guide, batch, tmp_path / "out.jsonl")
    (_, none), (_, history) = guide.asked
    assert none == ()
    assert [(turn.question, turn.answer) for turn in history] == [("하나", "답: 하나")]


@pytest.mark.parametrize("dies_at", [1, 3, 5])
def test_killed_in_the_middle_then_resumed_gives_the_same_file(
    tmp_path: Path, dies_at: int
) -> None:
    batch = write_lines(tmp_path / "in.jsonl", rows(5))
    run_batch(FakeGuide(), batch, tmp_path / "whole.jsonl")
    out = tmp_path / "out.jsonl"
    with pytest.raises(KeyboardInterrupt):
        run_batch(FakeGuide(dies_at=dies_at), batch, out)
    assert ids(out) == [f"q{n}" for n in range(dies_at - 1)]
    again = FakeGuide()
    assert run_batch(again, batch, out) == len(again.asked) == 5 - (dies_at - 1)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()
    assert run_batch(FakeGuide(), batch, out) == 0


@pytest.mark.parametrize("cut", [1, 7, 20, 41])
def test_a_torn_last_line_is_asked_again(tmp_path: Path, cut: int) -> None:
    batch, out = write_lines(tmp_path / "in.jsonl", rows(3)), tmp_path / "out.jsonl"
    run_batch(FakeGuide(), batch, out)
    whole = out.read_bytes()
    out.write_bytes(whole[:-cut])  # a cut may fall inside a Korean letter
    run_batch(FakeGuide(), batch, out)
    assert out.read_bytes() == whole


def test_a_last_line_without_newline_is_kept(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    out.write_text('{"id": "q0"}\n{"id": "q1"}', "utf-8")
    assert answered_ids(out) == {"q0", "q1"}
    assert out.read_text("utf-8").endswith('{"id": "q1"}\n')


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"turns": ["하나"]}, "field 'id' is missing"),
        ({"id": "b"}, "field 'turns' is missing"),
        ({"id": "b", "turns": []}, "field 'turns'"),
        ({"id": "b", "turns": "하나"}, "field 'turns'"),
        ({"id": "a", "turns": ["둘"]}, "id 'a' was used on line 1 already"),
        ("{", "not valid JSON"),
    ],
)
def test_a_faulty_batch_names_file_and_line(tmp_path: Path, bad: Any, said: str) -> None:
    path = write_lines(tmp_path / "in.jsonl", [{"id": "a", "turns": ["하나"]}, bad])
    with pytest.raises(GiljabiError) as error:
        read_batch(path)
    assert said in str(error.value)
    assert f"{path}, line 2" in str(error.value)


def test_a_faulty_output_is_not_appended_to(tmp_path: Path) -> None:
    batch = write_lines(tmp_path / "in.jsonl", rows(2))
    out = write_lines(tmp_path / "out.jsonl", ["half a line", {"id": "q0"}])
    with pytest.raises(GiljabiError, match="line 1: not valid JSON"):
        run_batch(FakeGuide(), batch, out)
    twice = write_lines(tmp_path / "twice.jsonl", [{"id": "q0"}, {"id": "q0"}])
    with pytest.raises(GiljabiError, match="there twice"):
        run_batch(FakeGuide(), batch, twice)
    with pytest.raises(GiljabiError, match="name another file"):
        run_batch(FakeGuide(), batch, batch)
    assert ids(batch) == ["q0", "q1"]
