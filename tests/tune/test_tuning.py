"""A run that can be trusted: it learns, it is resumed to the same losses, it stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64decode
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("trl", reason="needs the train extra")

import tiny_base
from safetensors.numpy import load_file

from giljabi.errors import GiljabiError
from giljabi.export import modelfile
from giljabi.tune import push, run, smoke, trainer
from giljabi.tune.history import History
from giljabi.tune.recipe import BaseTable, DataTable, LoraTable, Recipe, TrainTable

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
SETTINGS = TrainTable(
    max_steps=12, batch=4, learning_rate=5e-3, log_every=1, eval_every=4, save_every=4, keep=2,
    precision="float32", group_by_length=True,
)  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base folder, the same as GGUF, and rows to learn."""
    place = tmp_path_factory.mktemp("place")
    tiny_base.gguf(place / "tiny.gguf")
    for name, rows in (("train", range(40)), ("val", range(40, 48))):
        lines = [json.dumps(_row(n), ensure_ascii=False) + "\n" for n in rows]
        (place / f"{name}.jsonl").write_text("".join(lines), "utf-8")
    return place


def _row(n: int) -> dict:
    return {
        "messages": [
            {"role": "user", "content": f"건물 {n}은 몇 층이에요?" + "?" * (n % 7)},
            {"role": "assistant", "content": f"건물은 {n % 5 + 1}층이에요."},
        ]
    }


def recipe(place: Path, model: str = "tiny.gguf", **train: object) -> Recipe:
    return Recipe(
        "tiny", base=BaseTable(str(place / model), "gemma"), lora=LoraTable(r=4, alpha=8),
        data=DataTable((str(place),), max_length=256), train=replace(SETTINGS, **train),
    )  # fmt: skip


def quiet(*_: object) -> None:
    pass


def losses(out: Path) -> list[tuple[float, float]]:
    return History(out / "history.jsonl", 10**6).series("loss")


@pytest.fixture(scope="module")
def done(place: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict]:
    return run.run(recipe(place), tmp_path_factory.mktemp("runs") / "a", say=quiet)


def test_the_loss_falls_and_the_adapter_says_what_it_was_made_from(place, done):
    out, manifest = done
    assert manifest["loss"]["last"] < 0.9 * manifest["loss"]["first"]
    assert manifest["eval_loss"]["best"] < manifest["eval_loss"]["first"]
    assert manifest["base"]["sha256"] == modelfile.weights_hash(place / "tiny.gguf")
    assert set(manifest["versions"]) >= {"torch", "transformers", "peft", "trl", "python"}
    record = modelfile.recorded(out / "adapter")
    assert record["sources"]["base"]["sha256"] == manifest["base"]["sha256"]
    assert (record["step"], record["template"]) == ("train", "gemma")
    card = (out / "adapter" / "README.md").read_text("utf-8")
    assert manifest["base"]["sha256"] in card
    assert "de-quantised" in card
    assert "<polyline" in (out / "curve.svg").read_text("utf-8")
    assert not (out / "work").exists()


def test_nothing_is_added_to_the_vocabulary_and_no_embedding_is_saved(done):
    saved = load_file(done[0] / "adapter" / "adapter_model.safetensors")
    assert all(".lora_A." in name or ".lora_B." in name for name in saved)
    assert not any("embed" in name or "lm_head" in name for name in saved)


def test_a_finished_run_is_not_repeated_and_its_folder_holds_no_other(place, done):
    said: list[str] = []
    again = run.run(recipe(place), done[0], say=said.append)
    assert again == done
    assert "done already" in said[0]
    with pytest.raises(GiljabiError, match="holds a run with other settings"):
        run.run(recipe(place, learning_rate=1e-3), done[0], say=quiet)


def test_a_folder_that_is_no_run_is_left_alone(place, tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(GiljabiError, match="not empty and no run"):
        run.run(recipe(place), tmp_path, say=quiet)


def test_without_held_out_rows_it_trains_to_the_end(place, tmp_path):
    rows = str(place / "train.jsonl")
    wanted = recipe(place, max_steps=2, save_every=2, eval_every=2)
    out, manifest = run.run(
        replace(wanted, data=replace(wanted.data, train=(rows,))), tmp_path / "r", say=quiet
    )
    assert manifest["eval_loss"] == {}
    assert manifest["rows"] == {"train": 40, "eval": 0}
    assert (out / "adapter" / "adapter_config.json").is_file()


def test_full_tuning_gives_a_folder_that_loads(place, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    full = replace(recipe(place, "hf", max_steps=2, save_every=2, eval_every=2), method="full")
    out, _ = run.run(full, tmp_path / "r", say=quiet)
    AutoModelForCausalLM.from_pretrained(out / "model")
    tokenizer = AutoTokenizer.from_pretrained(out / "model")
    assert tokenizer.apply_chat_template([{"role": "user", "content": "네"}], tokenize=False) == (
        "<bos><start_of_turn>user\n네<end_of_turn>\n"
    )


def test_minding_the_base_keeps_its_own_texts_nearer(place, done, tmp_path):
    from peft import PeftModel

    from giljabi.model import torch_weights
    from giljabi.tune import base as bases
    from giljabi.tune import replay
    from giljabi.tune.recipe import KeepTable

    keep = KeepTable(rows=32, length=16, batch=8, weight=10.0)
    out, _ = run.run(replace(recipe(place), keep=keep), tmp_path / "r", say=quiet)
    prepared = bases.prepare(recipe(place), tmp_path, list, quiet)
    strayed = []
    for adapter in (done[0] / "adapter", out / "adapter"):
        base = torch_weights.load(place / "tiny.gguf")
        # Others than it was trained on: another seed.
        rows = replay.texts(keep, prepared, base, tmp_path, quiet, seed=1, bfloat16=False)
        adapted = PeftModel.from_pretrained(base, str(adapter))
        strayed.append(float(replay.divergence(base, adapted, rows)))
    assert strayed[1] < 0.8 * strayed[0]


def test_qlora_trains_on_nf4_on_a_processor_too(place, tmp_path):
    pytest.importorskip("bitsandbytes")
    out, found = run.run(replace(recipe(place, "hf"), method="qlora"), tmp_path / "r", say=quiet)
    assert found["loss"]["last"] < found["loss"]["first"]
    assert (out / "adapter" / "adapter_model.safetensors").is_file()


def test_wandb_writes_its_run_without_a_network(place, tmp_path, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    short = recipe(place, max_steps=1, save_every=1, eval_every=1, report=("wandb",))
    run.run(short, tmp_path / "r", say=quiet)
    assert list(tmp_path.rglob("*.wandb"))


def test_a_reporter_that_is_missing_is_named_before_anything_is_loaded(
    place, tmp_path, monkeypatch
):
    monkeypatch.setattr(trainer, "find_spec", lambda name: None)
    with pytest.raises(GiljabiError, match="pip install wandb"):
        run.run(recipe(place, report=("wandb",)), tmp_path / "r", say=quiet)
    assert not (tmp_path / "r").exists()


def test_every_data_file_is_recorded_though_all_have_one_name(place, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "train.jsonl").write_text(json.dumps(_row(len(name))) + "\n", "utf-8")
    data = DataTable((str(tmp_path / "a"), str(tmp_path / "b"), str(place)), max_length=256)
    one = replace(recipe(place), data=replace(data, eval=(str(place),)))
    named = run.inputs(one, run.read_data(one, tmp_path))["data"]
    assert {"a/train.jsonl", "b/train.jsonl"} < set(named)
    assert len(named) == 4


def test_tensorboard_writes_its_events_into_the_run(place, tmp_path, monkeypatch):
    monkeypatch.delenv("TENSORBOARD_LOGGING_DIR", raising=False)
    run.run(
        recipe(place, max_steps=1, save_every=1, eval_every=1, report=("tensorboard",)),
        tmp_path / "r", say=quiet,
    )  # fmt: skip
    assert list((tmp_path / "r").rglob("events.out.tfevents.*"))


def test_qlora_on_a_gguf_base_is_refused(place, tmp_path):
    with pytest.raises(GiljabiError, match="a GGUF base is quantised already"):
        run.run(replace(recipe(place), method="qlora"), tmp_path / "r", say=quiet)


def test_a_loss_that_is_no_number_stops_at_the_last_good_checkpoint(place, tmp_path, monkeypatch):
    wanted = recipe(place)
    real = trainer.make

    def poisoned(*args: object) -> object:
        made = real(*args)
        step = made.compute_loss

        def loss(*a: object, **o: object) -> object:
            found = step(*a, **o)
            return found * float("nan") if made.state.global_step == 5 else found

        made.compute_loss = loss
        return made

    monkeypatch.setattr(trainer, "make", poisoned)
    with pytest.raises(
        GiljabiError, match=r"no number .* after step 5; .*checkpoint-4 is the last good"
    ):
        run.run(wanted, tmp_path / "r", say=quiet)
    assert not (tmp_path / "r" / "adapter").exists()
    monkeypatch.undo()
    said: list[str] = []
    run.run(wanted, tmp_path / "r", say=said.append)
    assert any("going on from" in line and "checkpoint-4" in line for line in said)


def test_the_smoke_shows_that_the_adapter_changes_the_answer(place, tmp_path):
    found = smoke.smoke(recipe(place), tmp_path / "r", below=Path(), progress=quiet, say=quiet)
    assert found["loss"]["last"] < found["loss"]["first"]
    assert found["with"] != found["without"]


def test_what_was_made_is_copied_whole_and_nothing_is_overwritten(done, tmp_path):
    where = Path(push.push(done[0] / "adapter", str(tmp_path / "there")))
    assert modelfile.recorded(where) == modelfile.recorded(done[0] / "adapter")
    with pytest.raises(GiljabiError, match="exists already"):
        push.push(done[0] / "adapter", str(where))


def test_what_was_made_is_pushed_to_the_hub_file_by_file(done, serve, monkeypatch):
    pytest.importorskip("huggingface_hub")
    from huggingface_hub import constants

    Hub.got.clear()
    # The client reads both when it is imported.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_ENDPOINT", serve(Hub))
    push.push(done[0] / "adapter", "hub:someone/tiny")
    made = {p.name: p.read_bytes() for p in (done[0] / "adapter").iterdir()}
    asked = Hub.got.pop("")
    assert (asked["name"], asked["organization"]) == ("tiny", "someone")
    assert asked.get("visibility") == "private" or asked.get("private") is True
    assert Hub.got == made


@pytest.mark.parametrize("there", [True, False])
def test_a_hub_that_refuses_or_is_away_is_told_in_one_sentence(done, serve, monkeypatch, there):
    pytest.importorskip("huggingface_hub")
    monkeypatch.setenv(
        "HF_ENDPOINT", serve(BaseHTTPRequestHandler) if there else "http://127.0.0.1:9"
    )
    with pytest.raises(GiljabiError, match="Cannot push to someone/tiny"):
        push.push(done[0] / "adapter", "hub:someone/tiny")


class Hub(BaseHTTPRequestHandler):
    """As much of the hub as an upload asks for; every file travels within the commit."""

    protocol_version = "HTTP/1.1"
    commit = "c0ffee" + "0" * 34
    got: ClassVar[dict[str, Any]] = {}

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.reply({"id": "someone/tiny", "sha": self.commit, "siblings": []})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = self.path.partition("?")[0]
        if path == "/api/repos/create":
            self.got[""] = json.loads(body)
            self.reply({"url": f"http://{self.headers['Host']}/someone/tiny"})
        elif path == "/api/validate-yaml":
            self.reply({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            names = [file["path"] for file in json.loads(body)["files"]]
            self.reply({"files": [{"path": n, "uploadMode": "regular", "shouldIgnore": False, "oid": None}
                                  for n in names]})  # fmt: skip
        else:
            for line in map(json.loads, body.splitlines()):
                if line["key"] == "file":
                    self.got[line["value"]["path"]] = b64decode(line["value"]["content"])
            url = f"http://{self.headers['Host']}/someone/tiny/commit/{self.commit}"
            self.reply({"success": True, "commitOid": self.commit, "commitUrl": url})

    def reply(self, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


# ---- in a process of its own ----

_SCRIPT = """
import resource, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
import test_tuning
if {limit}:
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
test_tuning.run.run(test_tuning.recipe(Path({place!r})), Path({out!r}), say=lambda line: print(line, flush=True))
"""


def _start(place: Path, out: Path, limit: int = 0) -> subprocess.Popen[str]:
    script = _SCRIPT.format(
        tests=str(Path(__file__).parent), place=str(place), out=str(out), limit=limit
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


@pytest.mark.slow
def test_a_run_killed_with_9_goes_on_to_the_same_losses(place, done, tmp_path):
    out = tmp_path / "killed"
    first = _start(place, out)
    while not list(out.glob(f"checkpoints/checkpoint-4/{trainer.WHOLE}")):
        assert first.poll() is None, first.stderr.read()
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (out / "manifest.json").exists()
    said, err = (second := _start(place, out)).communicate()
    assert second.returncode == 0, err
    assert "going on from" in said
    assert dict(losses(out)) == pytest.approx(dict(losses(done[0])), abs=1e-5)
    kept = [load_file(o / "adapter" / "adapter_model.safetensors") for o in (out, done[0])]
    for name, tensor in kept[0].items():
        assert tensor == pytest.approx(kept[1][name], abs=1e-5), name


@pytest.mark.slow
def test_a_full_disk_is_said_in_one_sentence_and_the_run_goes_on_later(place, tmp_path):
    out = tmp_path / "full"
    said, err = (full := _start(place, out, limit=100_000)).communicate()
    assert full.returncode == 1, said
    assert "GiljabiError: Cannot write" in err
    assert "make room" in err
    assert trainer.whole(out / "checkpoints") is None
    second = _start(place, out)
    said, err = second.communicate()
    assert second.returncode == 0, err
    assert len(losses(out)) == SETTINGS.max_steps
