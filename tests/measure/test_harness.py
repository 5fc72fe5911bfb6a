"""Log-likelihoods and greedy texts as the harness asks for them, each against another computation."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.measure.harness import Likelihoods, Subject, in_turns, language_model, shared_rows
from giljabi.model import prompt

sys.path.insert(0, str(Path(__file__).parents[1] / "export"))
import tiny_models

for needed in ("lm_eval", "xllamacpp", "gguf", "tokenizers", "jinja2", "safetensors"):
    pytest.importorskip(needed)

from giljabi.export.convert import convert  # noqa: E402

ARCHITECTURES = ("gemma3", "qwen2")  # one adds a beginning-of-sequence token, one has none
PAIRS = [
    ("도서관은 어디에 있나요? 답:", " 정문 왼쪽입니다."),
    ("도서관은 어디에 있나요? 답:", " 정문"),
    ("도서관은 어디에 있나요? 답: ", "모릅니다"),
    ("The library has", " 4 floors"),
    ("The library has \n", "4 floors"),
    ("", "공학관은 7층 건물입니다."),
    ("7", "7"),
]
TEXTS = ["신소재공학관은 지상 7층 건물입니다. 도서관까지 걸어서 약 5분 걸립니다.", "Exit 2"]


def requests(rows: list[Any]) -> list[Any]:
    """What the harness hands over: objects with `args`."""
    return [SimpleNamespace(args=row if isinstance(row, tuple) else (row,)) for row in rows]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("tiny")
    return {name: tiny_models.make(root / name, name) for name in ARCHITECTURES}


@pytest.fixture(scope="module")
def files(folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("gguf")
    for name, folder in folders.items():
        convert(folder, root / f"{name}.gguf", kind="f32")
    return {name: root / f"{name}.gguf" for name in folders}


@pytest.fixture(scope="module")
def models(files: dict[str, Path]) -> Iterator[dict[str, Any]]:
    found = {
        name: language_model(Subject(path, n_ctx=256, threads=1)) for name, path in files.items()
    }
    yield found
    for model in found.values():
        model.close()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, models: dict[str, Any]) -> Any:
    return models[request.param]


# ---- tokens ----


@given(st.lists(st.lists(st.integers(0, 2), max_size=5).map(tuple), max_size=12))
def test_rows_are_shared_only_by_their_own_beginnings(rows: list[tuple[int, ...]]) -> None:
    kept = shared_rows(rows)
    assert sorted(n for _, places in kept for n in places) == list(range(len(rows)))
    assert all(row[: len(rows[n])] == rows[n] for row, places in kept for n in places)
    leaders = [row for row, _ in kept]
    assert not [(a, b) for a in leaders for b in leaders if a is not b and a[: len(b)] == b]


PIECES = st.text("도서관은 어디7층 the library\n,.?", max_size=24)


@settings(max_examples=60, deadline=None)
@given(PIECES.filter(bool), PIECES.filter(str.strip))
def test_a_pair_is_cut_where_the_context_ends(
    models: dict[str, Any], folders: dict[str, Path], context: str, continuation: str
) -> None:
    """By the folder's own tokenizer, which llama.cpp has no part in; white space at the context's
    end belongs to what follows."""
    from tokenizers import Tokenizer

    for name, model in models.items():
        tokenizer = Tokenizer.from_file(str(folders[name] / "tokenizer.json"))
        whole = tokenizer.encode(context + continuation, add_special_tokens=name == "gemma3").ids
        before = tokenizer.encode(context.rstrip(), add_special_tokens=name == "gemma3").ids
        found_context, found_continuation = model._encode_pair(context, continuation)
        assert found_context == before
        assert found_continuation == whole[len(before) :]


def test_the_first_token_is_added_once_and_only_where_the_file_says(models: dict[str, Any]) -> None:
    gemma, qwen = models["gemma3"], models["qwen2"]
    bos = gemma.prefix_token_id
    assert gemma.tok_encode("도서관")[0] == bos
    assert gemma.tok_encode("<bos>도서관") == gemma.tok_encode("도서관")
    assert bos not in gemma.tok_encode("도서관", add_special_tokens=False)
    assert qwen.tok_encode("도서관") == qwen.tok_encode("도서관", add_special_tokens=False)
    assert qwen.prefix_token_id == qwen.eot_token_id


# ---- log-likelihoods ----


def alone(model: Any, context: list[int], continuation: list[int]) -> tuple[float, bool]:
    """One pair by the scorer itself, the whole row at once and shared with nobody."""
    scorer = model._likelihoods()._scorer
    found = scorer.logprobs([*context, *continuation])[len(context) - 1 : -1]
    picked = [float(row[token]) for row, token in zip(found, continuation, strict=True)]
    return sum(picked), [int(row.argmax()) for row in found] == continuation


def test_every_pair_gets_what_it_gets_alone(model: Any) -> None:
    found = model.loglikelihood(requests(PAIRS))
    for (context, continuation), (likelihood, greedy) in zip(PAIRS, found, strict=True):
        if context:
            tokens = model._encode_pair(context, continuation)
        else:
            tokens = [model.prefix_token_id], model.tok_encode(continuation, False)
        expected, likeliest = alone(model, *tokens)
        assert likelihood == pytest.approx(expected, abs=2e-3)
        assert greedy == likeliest


def test_what_the_model_itself_would_write_is_greedy(model: Any, files: dict[str, Path]) -> None:
    scorer = model._likelihoods()._scorer
    context = model.tok_encode("도서관은 어디에")
    row = list(context)
    for _ in range(4):
        row.append(int(scorer.logprobs(row, len(row) - 1)[0].argmax()))
    written = row[len(context) :]
    other = [*written[:-1], (written[-1] + 1) % scorer.vocabulary]
    answers = model._likelihoods().score([(context, written), (context, other)], lambda *_: None)
    assert [greedy for _, greedy in answers] == [True, False]
    assert answers[0][0] > answers[1][0]


def test_a_context_too_long_loses_its_beginning_and_is_counted(files: dict[str, Path]) -> None:
    long = "도서관은 어디에 있나요? " * 20
    with closing(language_model(Subject(files["gemma3"], n_ctx=32, threads=1))) as model:
        ((found, _),) = model.loglikelihood(requests([(long, "4층")]))
        context, continuation = model._encode_pair(long, "4층")
        row = [*context, *continuation][-33:]
        scores = model._likelihoods()._scorer.logprobs(row[:-1])
        model.loglikelihood(requests([("짧은", " 것")]))
    first = len(row) - len(continuation) - 1
    expected = sum(float(scores[at, row[at + 1]]) for at in range(first, len(row) - 1))
    assert found == pytest.approx(expected, abs=2e-3)
    assert model.truncated == 1


@pytest.mark.parametrize("continuation", ["", "4층 " * 60])
def test_what_cannot_be_scored_is_one_sentence(files: dict[str, Path], continuation: str) -> None:
    with (
        closing(language_model(Subject(files["gemma3"], n_ctx=32, threads=1))) as model,
        pytest.raises(GiljabiError, match="cannot be scored in a context of 32"),
    ):
        model.loglikelihood(requests([("도서관은", continuation)]))


def test_whole_texts_are_read_once_each_token_predicted_once(model: Any) -> None:
    found = model.loglikelihood_rolling(requests([*TEXTS, ""]))
    for text, likelihood in zip(TEXTS, found, strict=False):
        expected, _ = alone(model, [model.prefix_token_id], model.tok_encode(text, False))
        assert likelihood == pytest.approx(expected, abs=2e-3)
    assert found[2] == 0


def test_texts_longer_than_the_context_are_read_in_windows(files: dict[str, Path]) -> None:
    """The first window as it is, each later one with as much before it as fits."""
    text = " ".join(TEXTS * 3)
    with closing(language_model(Subject(files["qwen2"], n_ctx=32, threads=1))) as model:
        ids = model.tok_encode(text)
        (found,) = model.loglikelihood_rolling(requests([text]))
        row = [model.prefix_token_id, *ids]
        expected = 0.0
        assert 64 < len(ids) < 96
        for first, last in ((0, 32), (32, 64), (64, len(ids))):
            begin = max(0, last - 32)
            window = model._likelihoods()._scorer.logprobs(row[begin:last])
            expected += sum(float(window[at - begin, row[at + 1]]) for at in range(first, last))
    assert found == pytest.approx(expected, abs=2e-3)


def test_more_positions_than_stand_in_memory_at_once(model: Any, monkeypatch: Any) -> None:
    whole = model.loglikelihood_rolling(requests(TEXTS))
    monkeypatch.setattr("giljabi.measure.harness._POSITIONS", 7)
    assert model.loglikelihood_rolling(requests(TEXTS)) == pytest.approx(whole, abs=2e-3)


def test_progress_counts_every_request(files: dict[str, Path]) -> None:
    seen: list[tuple[int, int]] = []
    subject = Subject(files["qwen2"], n_ctx=256, threads=1)
    with closing(language_model(subject, lambda done, total: seen.append((done, total)))) as model:
        model.loglikelihood(requests(PAIRS))
    assert seen[-1] == (len(PAIRS), len(PAIRS))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert len(seen) < len(PAIRS), "the first two share a row"


def test_an_adapter_changes_the_likelihoods(files: dict[str, Path], tmp_path: Path) -> None:
    import tiny_adapters

    from giljabi.export import adapter

    shapes = {f"model.layers.{i}.mlp.down_proj": (128, 192) for i in range(2)}
    lora = tiny_adapters.write(tmp_path / "lora", shapes, size=0.2)
    out, _ = adapter.to_gguf(tiny_adapters.trained_on(lora, files["qwen2"]), files["qwen2"])
    found = []
    for over in (None, out):
        with closing(language_model(Subject(files["qwen2"], over, n_ctx=256, threads=1))) as model:
            found.append([value for value, _ in model.loglikelihood(requests(PAIRS))])
    assert all(abs(a - b) > 0.01 for a, b in zip(*found, strict=True))


# ---- texts ----


def test_texts_are_the_likeliest_tokens_and_end_where_the_task_says(model: Any, files: Any) -> None:
    """The engine writes what the scorer finds likeliest, one token after the other."""
    name = next(n for n, path in files.items() if model._likelihoods()._scorer.path == path)
    scorer = model._likelihoods()._scorer
    row = model.tok_encode("도서관은 어디에")
    for _ in range(12):
        row.append(int(scorer.logprobs(row, len(row) - 1)[0].argmax()))
    expected = scorer.text(row[-12:])
    writer = language_model(Subject(files[name], n_ctx=256, threads=1))
    asked = {"until": [], "max_gen_toks": 12}
    stop = expected[4:6]
    (whole, cut) = writer.generate_until(
        requests([("도서관은 어디에", asked), ("도서관은 어디에", {**asked, "until": stop})])
    )
    assert whole == expected
    assert cut == expected.partition(stop)[0]


def test_a_task_that_wants_samples_is_refused(files: dict[str, Path]) -> None:
    model = language_model(Subject(files["qwen2"], n_ctx=256, threads=1))
    with pytest.raises(GiljabiError, match="only greedy answers"):
        model.generate_until(requests([("가", {"do_sample": True, "temperature": 1.0})]))


def test_the_text_reaches_the_model_unchanged(files: dict[str, Path]) -> None:
    """A marker in a benchmark's text is the benchmark's; a guide would disarm it."""
    model = language_model(Subject(files["qwen2"], n_ctx=256, threads=1))
    settings = {"until": [], "max_gen_toks": 1}
    text = "<<제목>> 도서관 \n"
    with pytest.MonkeyPatch.context() as patch:
        seen: list[Any] = []
        from giljabi.model.llamacpp import LlamaCpp

        asked = LlamaCpp._complete
        patch.setattr(LlamaCpp, "_complete", lambda *a: (seen.append(a[1]["prompt"]), asked(*a)))
        model.generate_until(requests([(text, settings)]))
    assert seen == [text]


class Echo(BaseHTTPRequestHandler):
    """A chat server whose model writes the numbers from one to nine."""

    seen: list[Any]

    def log_message(self, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        chunk = {"choices": [{"delta": {"content": "1 2 3 4 5 6 7 8 9"}}]}
        self.wfile.write(f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n".encode())


def test_a_url_writes_one_user_turn_and_gives_no_likelihoods(serve: Any) -> None:
    kind = type("Bound", (Echo,), {"seen": []})
    url = serve(kind)
    model = language_model(Subject(url=url, served_name="small"))
    stops = ["가", "나", "다", "라", "6"]
    (text,) = model.generate_until(requests([("세어 봐: ", {"until": stops, "max_gen_toks": 9})]))
    assert text == "1 2 3 4 5 ", "also the fifth stop string, which the protocol does not take"
    (asked,) = kind.seen
    assert asked["messages"] == [{"role": "user", "content": "세어 봐: "}]
    assert (asked["max_tokens"], asked["temperature"]) == (9, 0.0)
    with pytest.raises(GiljabiError, match=f"{url} can only generate"):
        model.loglikelihood(requests(PAIRS))


def test_turns_are_the_templates_and_an_answer_may_be_begun() -> None:
    subject = Subject(Path("m.gguf"), template=prompt.template("qwen"))
    asked = [{"role": "user", "content": "몇 층이야?"}]
    begun = [*asked, {"role": "assistant", "content": "지상 "}]
    cue = prompt.template("qwen").render(asked)
    assert in_turns(subject, asked, cue_is_given=False) == cue
    assert in_turns(subject, begun, cue_is_given=True) == cue + "지상 "
    with pytest.raises(GiljabiError, match="--template"):
        in_turns(Subject(Path("m.gguf")), asked, cue_is_given=False)


# ---- beside the harness's own model of the same weights ----


def in_torch(files: Any, folders: Any, name: str) -> Any:
    """Our scoring over transformers' arithmetic: texts cut by llama.cpp, scored in 32 bits."""
    from giljabi.model.torch_logits import TorchScorer

    cut = Subject(files[name], n_ctx=256, threads=1).scorer()
    torch = TorchScorer(folders[name], cut=cut)
    scorer = SimpleNamespace(
        path=cut.path, n_ctx=256, bos=cut.bos, tokenize=cut.tokenize, close=cut.close,
        logprobs=torch.logprobs,
    )  # fmt: skip
    return language_model(SimpleNamespace(template=None, scorer=lambda: scorer))


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_harness_s_own_transformers_model_says_the_same(
    name: str, models: dict[str, Any], files: dict[str, Path], folders: dict[str, Path]
) -> None:
    """Exactly so with its arithmetic; llama.cpp, with keys and values in 16 bits, within 0.1 %."""
    pytest.importorskip("torch", reason="needs the train extra")
    pytest.importorskip("transformers", reason="needs the train extra")
    from lm_eval.models.huggingface import HFLM

    def theirs(**kwargs: Any) -> Any:
        return HFLM(
            str(folders[name]),
            device="cpu",
            dtype="float32",
            batch_size=1,
            max_length=256,
            **kwargs,
        )

    hf = theirs()
    expected = hf.loglikelihood(requests(PAIRS))
    # HFLM also predicts the first token where its tokenizer adds one; told not to, it does not.
    rolled = theirs(add_bos_token=False).loglikelihood_rolling(requests(TEXTS))
    with closing(in_torch(files, folders, name)) as exact:
        for ours, near in ((exact, {"rel": 1e-5}), (models[name], {"rel": 1e-3})):
            for context, continuation in PAIRS[:5]:
                cut = ours._encode_pair(context, continuation)
                assert cut == hf._encode_pair(context, continuation)
            assert ours.prefix_token_id == hf.prefix_token_id
            found = ours.loglikelihood(requests(PAIRS))
            assert [v for v, _ in found] == pytest.approx([v for v, _ in expected], **near)
            assert [g for _, g in found] == [g for _, g in expected]
            assert ours.loglikelihood_rolling(requests(TEXTS)) == pytest.approx(rolled, **near)


def test_likelihoods_close_their_scorer(files: dict[str, Path]) -> None:
    likelihoods = Likelihoods(Subject(files["qwen2"], n_ctx=64, threads=1).scorer())
    likelihoods.close()
    with pytest.raises(RuntimeError, match="closed"):
        likelihoods.encode("도서관")
