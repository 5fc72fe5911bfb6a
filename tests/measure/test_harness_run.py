"""Benchmarks end to end: our models, the real harness, small tasks in its own format."""

from __future__ import annotations

import json
import math
import sys
import time
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from giljabi.errors import GiljabiError
from giljabi.measure.harness import Subject, language_model
from giljabi.measure.harness_run import run, subject, to_markdown
from giljabi.measure.harness_tasks import table

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))
import tiny_models

for needed in ("lm_eval", "xllamacpp", "gguf", "tokenizers", "jinja2", "safetensors"):
    pytest.importorskip(needed)

from giljabi.cli.benchmark import benchmark  # noqa: E402
from giljabi.export.convert import convert  # noqa: E402
from giljabi.model import prompt, store  # noqa: E402

OWN = Path(__file__).parent / "harness_tasks"
KOBEST: dict[str, dict[str, Any]] = {
    "boolq": {"paragraph": "공학관은 7층이다.", "question": "공학관은 7층인가?"},
    "copa": {"premise": "비가 왔다.", "question": "결과", "alternative_1": "길이 젖었다.", "alternative_2": "해가 떴다."},
    "hellaswag": {"context": "문을 연다.", "ending_1": "들어간다.", "ending_2": "먹는다.", "ending_3": "난다.", "ending_4": "잔다."},
    "sentineg": {"sentence": "아주 좋았다."},
    "wic": {"word": "배", "context_1": "배를 탔다.", "context_2": "배가 달다."},
}  # fmt: skip

_PART = """- config_name: {part}
  data_files:
  - {{split: train, path: "v1 {part}/train.jsonl"}}
  - {{split: validation, path: "v1 {part}/validation.jsonl"}}
  - {{split: test, path: "v1 {part}/test.jsonl"}}
"""
_LETTERS = {"A": "하나", "B": "둘", "C": "셋", "D": "넷"}
_SCIENCE = {
    "question": "What is ice?", "answerKey": "B",
    "choices": {"text": ["a gas", "water", "wood"], "label": ["A", "B", "C"]},
}  # fmt: skip
ROWS: dict[str, dict[str, Any]] = {
    "kmmlu_law": {"question": "둘은?", **_LETTERS, "answer": 2},
    "haerae_history": {"query": "둘은? (A) 1 (B) 2 (C) 3 (D) 4 (E) 5 답:", "answer": "(B)"},
    "hrm8k_gsm8k": {"question": "두 개와 세 개는 몇 개인가요?", "answer": "5", "original": "2+3?"},
    "mmlu_anatomy": {"question": "Two?", "choices": ["1", "2", "3", "4"], "answer": 1},
    "gsm8k": {"question": "Two and three?", "answer": "It is 2 + 3. #### 5"},
    "arc_easy": _SCIENCE,
    "arc_challenge": _SCIENCE,
    "hellaswag": {
        "ctx_a": "A man opens a door.", "ctx_b": "he", "activity_label": "Doors", "label": "0",
        "endings": ["goes in.", "eats it.", "flies.", "sleeps."],
    },
    "winogrande": {
        "sentence": "The cup fell on the mat because _ was loose.", "option1": "the cup",
        "option2": "the mat", "answer": "1",
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tasks name their files from the root; the data sets' cache is the test's own."""
    monkeypatch.chdir(Path(__file__).parents[2])
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("tiny")
    convert(tiny_models.make(root / "gemma3", "gemma3"), root / "tiny.gguf", kind="f32")
    return root / "tiny.gguf"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """KoBEST as its repository has it: a folder for each task, a file for each split."""
    for part, row in KOBEST.items():
        (tmp_path / "kobest" / part).mkdir(parents=True)
        for split, count in (("train", 2), ("validation", 2), ("test", 6)):
            rows = [{**row, "label": n % 2} for n in range(count)]
            text = "\n".join(json.dumps(r, ensure_ascii=False) for r in rows)
            (tmp_path / "kobest" / part / f"{split}.jsonl").write_text(text, "utf-8")
    return tmp_path / "kobest"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def on(path: Path, **options: Any) -> Subject:
    return Subject(path, n_ctx=512, threads=1, **options)


# ---- what a run says ----


def test_a_run_says_what_was_measured_and_how(tiny: Path) -> None:
    found = run(["ko_choice", "ko_write"], on(tiny), tasks_dir=OWN)
    choice = found["tasks"]["ko_choice"]
    assert {k: choice[k] for k in ("version", "n", "of", "limit", "fewshot")} == {
        "version": 0.3, "n": 4, "of": 4, "limit": None, "fewshot": 1,
    }  # fmt: skip
    acc = choice["metrics"]["acc"]
    assert acc["value"] in {0, 0.25, 0.5, 0.75, 1}
    assert acc["stderr"] == pytest.approx(math.sqrt(acc["value"] * (1 - acc["value"]) / 3))
    assert set(found["tasks"]["ko_write"]["metrics"]) == {"exact_match (first-number)"}
    assert found["model"]["sha256"] == store.sha256_of(tiny)
    assert found["model"]["adapter_sha256"] is None
    assert found["lm_eval"].startswith("0.")
    assert (found["prompts"], found["truncated"], found["limit"]) == ("plain text", 0, None)
    json.dumps(found)


def test_a_limit_is_said_in_the_table_and_none_is_said_too(tiny: Path) -> None:
    some = to_markdown(run(["ko_choice"], on(tiny), tasks_dir=OWN, limit=3, fewshot=0))
    assert "limit 3: the first questions of each task only" in some
    assert "| 3 of 4 | 0 | 0.3 |" in some
    every = to_markdown(run(["ko_choice"], on(tiny), tasks_dir=OWN, limit=9))
    assert "| 4 | 1 | 0.3 |" in every
    assert "limit none" in to_markdown(run(["ko_text"], on(tiny), tasks_dir=OWN))


def test_a_group_comes_first_with_its_tasks_after_it(tiny: Path) -> None:
    rows = run(["ko_text", "ko_group"], on(tiny), tasks_dir=OWN, limit=2)["tasks"]
    assert list(rows) == ["ko_group", "ko_text", "ko_choice"]
    assert (
        rows["ko_group"]["metrics"]["acc"]["value"] == rows["ko_choice"]["metrics"]["acc"]["value"]
    )
    assert (rows["ko_group"]["n"], rows["ko_group"]["of"]) == (2, 4)


def test_examples_come_from_their_own_split(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    from giljabi.measure.harness import Likelihoods

    encode = Likelihoods.encode
    monkeypatch.setattr(
        Likelihoods, "encode", lambda me, text, *a: (asked.append(text), encode(me, text, *a))[1]
    )
    run(["ko_choice"], on(tiny), tasks_dir=OWN, limit=1)
    assert asked[1].count("질문:") == 2
    assert asked[1].startswith(("질문: 바다의 물은", "질문: 개의 다리는"))
    assert asked[1].endswith("질문: 한국의 수도는 어디인가요?\n답변:")


def test_turns_are_the_templates_own(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One worked example is one turn; the answer is scored right after the cue."""
    asked: list[tuple[str, str]] = []
    from lm_eval.api.model import TemplateLM

    cut = TemplateLM._encode_pair
    monkeypatch.setattr(
        TemplateLM, "_encode_pair", lambda me, *pair: (asked.append(pair), cut(me, *pair))[1]
    )
    spoken = on(tiny, template=prompt.template("gemma"))
    found = run(["ko_choice"], spoken, tasks_dir=OWN, limit=1)
    context, answer = asked[0]
    assert context.count("<start_of_turn>user\n질문:") == 2
    assert context.endswith("<start_of_turn>model\n")
    assert (answer, found["prompts"]) == ("서울", "turns of gemma")


# ---- the recorded benchmarks over copies of their data ----


@pytest.mark.parametrize("card", [False, True])
def test_kobest_runs_from_a_copy_of_its_data(card: bool, tiny: Path, copy: Path) -> None:
    """Found by the names of folders and files, or by the card that the hub's repository has."""
    if card:
        for part in KOBEST:
            (copy / part).rename(copy / f"v1 {part}")
        parts = "".join(_PART.format(part=part) for part in KOBEST)
        (copy / "README.md").write_text(f"---\nconfigs:\n{parts}---\n# KoBEST\n", "utf-8")
    found = run(["kobest"], on(tiny), data={"kobest": copy}, limit=4)
    rows = found["tasks"]
    assert next(iter(rows)) == "kobest"
    assert set(rows) == {"kobest", *(f"kobest_{part}" for part in KOBEST)}
    assert (rows["kobest"]["n"], rows["kobest"]["of"]) == (20, 30)
    assert all(rows[f"kobest_{part}"]["metrics"]["acc"] is not None for part in KOBEST)
    assert set(rows["kobest_copa"]["metrics"]) == {"acc", "f1"}
    assert rows["kobest_copa"]["fewshot"] == 0
    assert found["data"] == {"kobest": str(copy)}


@pytest.mark.parametrize("name", ROWS)
def test_every_other_recorded_benchmark_runs_from_a_copy_of_its_data(
    name: str, tiny: Path, tmp_path: Path
) -> None:
    """With the recorded number of examples before each question."""
    for split in ("train", "validation", "dev", "test"):
        rows = [json.dumps({**ROWS[name], "n": n}, ensure_ascii=False) for n in range(30)]
        (tmp_path / f"{split}.jsonl").write_text("\n".join(rows), "utf-8")
    model = Subject(tiny, n_ctx=2048, threads=1)
    (found,) = run([name], model, data={name: tmp_path}, limit=1)["tasks"].values()
    recorded = table().get(name) or table()[name.partition("_")[0]]
    assert (found["version"], found["fewshot"]) == (recorded.version, recorded.fewshot)
    assert all(0 <= mark["value"] <= 1 for mark in found["metrics"].values())
    assert (found["n"], found["of"]) == (1, 30)


def test_examples_a_task_fixes_at_none_stay_none(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text(json.dumps(ROWS["hrm8k_gsm8k"]), "utf-8")
    asked = {"data": {"hrm8k_gsm8k": tmp_path}, "fewshot": 3}
    assert run(["hrm8k_gsm8k"], on(tiny), **asked)["tasks"]["hrm8k_gsm8k"]["fewshot"] == 0


def test_a_hub_out_of_reach_is_one_sentence_at_once(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(
        GiljabiError, match=r"skt/kobest_v1 .* cannot be reached; .* --data kobest=FOLDER"
    ):
        run(["kobest"], on(tiny))
    assert time.monotonic() - begun < 60, "the hub's own client tries for minutes"


@pytest.mark.parametrize(("part", "lacks"), [("copa", "question"), ("boolq", "paragraph")])
def test_data_of_another_shape_is_one_sentence(
    part: str, lacks: str, tiny: Path, copy: Path
) -> None:
    for split in ("train", "validation", "test"):
        (copy / part / f"{split}.jsonl").write_text('{"text": "다른 것", "label": 0}', "utf-8")
    name = f"kobest_{part}"
    with pytest.raises(GiljabiError, match=rf"{name} cannot be loaded from its data .*'{lacks}'"):
        run([name], on(tiny), data={name: copy})


def test_marks_that_need_data_of_their_own_are_asked_for_first(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nltk.data.path", [])
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(GiljabiError, match=r"python -m nltk\.downloader punkt_tab"):
        run(["ifeval"], on(tiny))


# ---- which model ----


class Chat(BaseHTTPRequestHandler):
    """A chat server whose model answers everything with 9."""

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b'data: {"choices": [{"delta": {"content": "9"}}]}\n\ndata: [DONE]\n\n')


def test_a_url_is_measured_where_text_is_asked_for_and_refused_where_not(serve: Any) -> None:
    model = subject(serve(Chat), served_name="small")
    found = run(["ko_write"], model, tasks_dir=OWN)
    (mark,) = found["tasks"]["ko_write"]["metrics"].values()
    assert mark["value"] == pytest.approx(1 / 3), "of 9, 80 and 60"
    assert found["model"] == {"url": model.url, "name": "small"}
    assert "small at http://127.0.0.1" in to_markdown(found)
    with pytest.raises(
        GiljabiError, match=r"ko_choice needs log-likelihoods, which http.* does not give"
    ):
        run(["ko_write", "ko_choice"], model, tasks_dir=OWN)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "none"}, "name one with --model"),
        ({"name": "nowhere.gguf"}, "There is no model file"),
        ({"name": "http://127.0.0.1:9/v1", "template": "gemma"}, "puts prompts into turns itself"),
        ({"name": "http://127.0.0.1:9/v1", "adapter": "a.gguf"}, "holds its own adapter"),
    ],
)
def test_models_that_cannot_be_measured_are_one_sentence(
    options: dict[str, str], said: str
) -> None:
    with pytest.raises(GiljabiError, match=said):
        subject(**options)


def test_a_file_is_measured_within_its_own_context(tiny: Path, tmp_path: Path) -> None:
    assert subject(str(tiny), n_ctx=99_999).n_ctx == 2048
    assert subject(str(tiny), n_ctx=512).n_ctx == 512
    assert subject(str(tiny)).adapter is None, "an adapter ships for the default base only"
    with pytest.raises(GiljabiError, match="There is no adapter file"):
        subject(str(tiny), adapter=str(tmp_path / "none.gguf"))
    (tmp_path / "m.safetensors").touch()
    with pytest.raises(GiljabiError, match="giljabi export gguf"):
        subject(str(tmp_path))


# ---- the verb ----


def test_the_verb_prints_the_table_and_writes_the_report(tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    done = CliRunner().invoke(
        benchmark,
        ["ko_choice", "--model", str(tiny), "--tasks-dir", str(OWN), "--limit", "2", "--context", "256",
         "--data", f"ko_choice={OWN / 'ko_choice'}", "--threads", "1", "--out", str(out)],
    )  # fmt: skip
    assert done.exit_code == 0, done.exception
    assert done.stdout.startswith("tiny.gguf, lm-eval ")
    assert "| 2 of 4 | 1 | 0.3 |" in done.stdout
    report = json.loads(out.read_text("utf-8"))
    assert report["tasks"]["ko_choice"]["limit"] == 2
    assert report["context"] == 256


def test_the_verb_lists_what_is_recorded() -> None:
    done = CliRunner().invoke(benchmark, ["--list"])
    assert "| kobest | 1.0 | 0 | log-likelihood | skt/kobest_v1 |" in done.stdout
    assert done.stdout.count("\n") == 2 + len(table())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([], "--list"), (["kobest", "--data", "kobest"], "--data takes NAME=FOLDER")],
)
def test_the_verb_refuses_in_one_sentence(arguments: list[str], said: str, tiny: Path) -> None:
    done = CliRunner().invoke(benchmark, [*arguments, "--model", str(tiny)])
    assert isinstance(done.exception, GiljabiError)
    assert said in str(done.exception)


# ---- the packaged model ----


@pytest.mark.model
@pytest.mark.slow
def test_the_packaged_model_end_to_end() -> None:
    """Its marks are those of its log-likelihoods, computed here one by one and from nothing shared."""
    model = subject("auto", adapter="none", n_ctx=512)
    found = run(["ko_choice", "ko_write", "ko_text"], model, tasks_dir=OWN, fewshot=0)
    rows = read_lines(OWN / "ko_choice" / "test.jsonl")
    texts = [row["text"] for row in read_lines(OWN / "ko_text" / "test.jsonl")]
    with closing(language_model(model)) as lm:
        scorer = lm._likelihoods()._scorer

        def likelihood(context: str, continuation: str) -> float:
            before = [scorer.bos, *scorer.tokenize(context)]
            row = [scorer.bos, *scorer.tokenize(context + continuation)]
            scores = scorer.logprobs(row)
            return sum(float(scores[at - 1, row[at]]) for at in range(len(before), len(row)))

        right = 0
        for row in rows:
            asked = f"질문: {row['question']}\n답변:"
            marks = [likelihood(asked, f" {choice}") for choice in row["choices"]]
            right += marks.index(max(marks)) == row["answer"]
        bits = -sum(likelihood("", text) for text in texts) / math.log(2)
    tasks = found["tasks"]
    assert tasks["ko_choice"]["metrics"]["acc"]["value"] == right / len(rows)
    size = sum(len(text.encode()) for text in texts)
    assert tasks["ko_text"]["metrics"]["bits_per_byte"]["value"] == pytest.approx(
        bits / size, rel=1e-3
    )
    assert tasks["ko_write"]["metrics"]["exact_match (first-number)"]["value"] >= 2 / 3, (
        "it can count"
    )
    assert found["model"]["sha256"] == store.base().sha256
