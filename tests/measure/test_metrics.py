from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.measure import metrics

CLOSE = {"rel": 1e-6, "abs": 1e-6}
ANYTHING = st.text(max_size=30)
KOREAN = st.text("가나다라마건물층 은는입니다.7a", max_size=30)
PAIRS = st.lists(st.tuples(ANYTHING | KOREAN, ANYTHING | KOREAN), min_size=1, max_size=6)
SEVEN = "신소재공학관은 지상 7층 건물입니다."


# ---- beside references ----


@given(PAIRS, st.sampled_from([("ko", "char"), ("en", "13a")]))
@settings(deadline=None)
def test_bleu_is_sacrebleus(pairs: list[tuple[str, str]], how: tuple[str, str]) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    texts, references = map(list, zip(*pairs, strict=True))
    lang, tokens = how
    found = metrics.bleu(texts, references, lang)
    reference = sacrebleu.corpus_bleu(texts, [references], tokenize=tokens)
    assert found.score == pytest.approx(reference.score, **CLOSE)


@given(PAIRS)
@settings(deadline=None)
def test_chrf_is_sacrebleus(pairs: list[tuple[str, str]]) -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    texts, references = map(list, zip(*pairs, strict=True))
    found = metrics.chrf(texts, references)
    assert found.score == pytest.approx(sacrebleu.corpus_chrf(texts, [references]).score, **CLOSE)


def test_a_score_says_how_it_was_taken() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    made_with = f"version:{sacrebleu.__version__}"
    assert metrics.bleu([SEVEN], [SEVEN], "ko") == metrics.Overlap(
        pytest.approx(100), f"nrefs:1|case:mixed|eff:no|tok:char|smooth:exp|{made_with}"
    )
    assert "tok:13a" in metrics.bleu(["It is open."], ["It is open."], "en").signature
    assert metrics.chrf([SEVEN], [SEVEN]) == metrics.Overlap(
        pytest.approx(100), f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|{made_with}"
    )


def test_korean_bleu_lets_the_spacing_be_and_charges_an_ending_less_than_another_answer() -> None:
    pytest.importorskip("sacrebleu")

    def score(text: str) -> float:
        return metrics.bleu([text], [SEVEN], "ko").score

    assert score("신소재 공학관은 지상 7층 건물 입니다.") == pytest.approx(100)
    ending, other = (
        score("신소재공학관은 지상 7층 건물이에요."),
        score("박물관까지 약 3분이 걸립니다."),
    )
    assert 100 > ending > 60 > 30 > other


@given(PAIRS)
@settings(deadline=None)
def test_the_character_error_rate_is_jiwers(pairs: list[tuple[str, str]]) -> None:
    jiwer = pytest.importorskip("jiwer")
    texts, references = map(list, zip(*pairs, strict=True))
    assert metrics.character_error_rate(texts, references) == pytest.approx(
        jiwer.cer(references, texts), **CLOSE
    )


@pytest.mark.parametrize(
    ("text", "reference", "rate"),
    [
        ("한양대역", "한양대역", 0),
        ("  한양대역\n", "한양대역", 0),
        ("한강대역", "한양대역", 1 / 4),
        ("한양 대역", "한양대역", 1 / 4),
        ("", "한양대역", 1),
        ("한양대역입니다.", "역", 7),
        ("", "", 0),
        ("소음", "", 2),
    ],
)
def test_edits_are_counted_by_the_references_characters(
    text: str, reference: str, rate: float
) -> None:
    assert metrics.character_error_rate([text], [reference]) == pytest.approx(rate)


def test_error_rates_of_a_set_are_over_all_its_characters() -> None:
    assert metrics.character_error_rate(["나", "가나다"], ["가", "가나다"]) == pytest.approx(1 / 4)


@pytest.mark.parametrize("measure", [
    metrics.chrf, metrics.character_error_rate, lambda t, r: metrics.bleu(t, r, "ko"),
])  # fmt: skip
def test_texts_and_references_come_in_pairs(measure) -> None:
    with pytest.raises(GiljabiError, match="2 texts cannot be compared with 1 references"):
        measure(["가", "나"], ["가"])
    with pytest.raises(GiljabiError, match="no texts"):
        measure([], [])


# ---- by themselves ----


def test_distinct_runs_are_counted_over_the_set() -> None:
    texts = ["도서관은 지상 6층", "박물관은 지상 6층"]
    assert metrics.distinct(texts, 1) == 4 / 6
    assert metrics.distinct(texts, 2) == 3 / 4
    assert metrics.distinct(texts, 4) == 0


@given(st.lists(KOREAN, min_size=1, max_size=4), st.integers(1, 3))
def test_a_set_said_twice_is_half_as_varied(texts: list[str], n: int) -> None:
    assert metrics.distinct(texts * 2, n) == pytest.approx(metrics.distinct(texts, n) / 2)


def test_what_a_text_said_before_is_repeated() -> None:
    assert metrics.repeated("왼쪽 길로 가세요 왼쪽 길로 가세요", 2) == pytest.approx(2 / 5)
    assert metrics.repeated("왼쪽 길로 가세요", 2) == 0
    assert metrics.repeated("왼쪽", 2) == 0


def test_a_text_going_round_is_told_from_a_name_said_twice() -> None:
    assert metrics.goes_round("도서관은 왼쪽에 있고 " * 20)
    assert not metrics.goes_round("도서관은 왼쪽에 있어요. 도서관까지는 3분 걸려요.")


@pytest.mark.parametrize(
    ("text", "lang", "share"),
    [
        ("도서관은 6층이에요! 😊", "ko", 1),
        ("The library, 6 floors.", "en", 1),
        ("Café Größe", "en", 1),
        ("도서관 CGV", "ko", 1 / 2),
        ("도서관 CGV", "en", 1 / 2),
        ("圖書館 도서관", "ko", 1 / 2),
        ("библиотека", "en", 0),
        ("\u1103\u1169", "ko", 1),  # 도, decomposed
        ("\u1103.\u1169", "en", 0),  # parted, they are nobody's letters
        ("7 - 12", "ko", 1),
        ("", "en", 1),
    ],
)
def test_purity_is_the_share_of_letters_in_the_expected_script(
    text: str, lang: str, share: float
) -> None:
    assert metrics.purity(text, lang) == pytest.approx(share)


def test_a_language_nobody_measures_is_an_error() -> None:
    with pytest.raises(GiljabiError, match="'ja' is not measured; known: ko, en"):
        metrics.purity("図書館", "ja")
    with pytest.raises(GiljabiError, match="'ja' is not measured"):
        metrics.bleu(["図書館"], ["図書館"], "ja")


@pytest.mark.parametrize(
    "text",
    [
        "도서관은 6층이에요.",
        "도와드릴까요?  \n",
        "좋아요! 😊",
        "“왼쪽으로 가세요.”",
        "(약 5분 걸려요.)",
        "**3분 걸려요.**",
        "It is building 211.",
        "글쎄요…",
        "1. 도서관\n2. 박물관이에요.",
    ],
)
def test_these_ended(text: str) -> None:
    assert metrics.ended(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "도서관은 6",
        "도서관은 왼쪽에 있고,",
        "여기예요. 그리고",
        "여기예요. (",
        "다음과 같아요:",
        "1. 도서관이에요.\n2.",
        "여기예요.\n- ",
    ],
)
def test_these_were_cut(text: str) -> None:
    assert not metrics.ended(text)


# ---- under a model ----


class Even:
    """Cuts UTF-8 into tokens of `width` bytes and finds every token equally likely."""

    bos: int | None = 0

    def __init__(self, width: int) -> None:
        self.width = width

    def tokenize(self, text: str, *, special: bool = True) -> list[int]:
        raw = text.encode()
        return [int.from_bytes(raw[at : at + self.width]) for at in range(0, len(raw), self.width)]

    def logprobs(self, ids: Sequence[int], start: int = 0):
        import numpy as np

        size = 256**self.width
        return np.full((len(ids) - start, size), -math.log(size), dtype=np.float32)


def test_bits_per_byte_compare_across_tokenizers_and_perplexity_does_not() -> None:
    pytest.importorskip("numpy")
    one, two = (metrics.likelihood(Even(width), ["박물관에", "four"]) for width in (1, 2))
    assert (one.tokens, one.bytes) == (16, 16)
    assert (two.tokens, two.bytes) == (8, 16)
    assert one.bits_per_byte == pytest.approx(8, **CLOSE)
    assert two.bits_per_byte == pytest.approx(8, **CLOSE)
    assert one.perplexity == pytest.approx(256, **CLOSE)
    assert two.perplexity == pytest.approx(256**2, **CLOSE)


def test_a_prompt_is_read_before_and_not_counted_and_long_texts_in_parts() -> None:
    pytest.importorskip("numpy")
    text = "박물관" * 600  # 5,400 tokens of a byte, more than are scored at once
    found = metrics.likelihood(Even(1), ["four", text], ["질문?", ""])
    assert (found.tokens, found.bytes) == (5404, 5404)
    assert found.bits_per_byte == pytest.approx(8, **CLOSE)


def test_nothing_has_no_likelihood() -> None:
    with pytest.raises(GiljabiError, match="no text to score"):
        metrics.likelihood(Even(1), ["", ""])


@pytest.fixture(scope="module", params=["gemma3", "llama", "qwen2"])  # Qwen has no BOS
def tiny(request, tmp_path_factory) -> Path:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    sys.path.insert(0, str(Path(__file__).parents[1] / "export"))
    import tiny_models

    return tiny_models.make(tmp_path_factory.mktemp("tiny") / request.param, request.param)


@pytest.fixture(scope="module")
def scorer(tiny: Path):
    from giljabi.model.torch_logits import TorchScorer

    return TorchScorer(tiny)


@pytest.fixture(scope="module")
def loss(tiny: Path):
    """transformers' own loss of a text after what every text begins with, and its tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny)
    begins = "\n" if tokenizer.bos_token is None else tokenizer.bos_token
    head = tokenizer(begins, add_special_tokens=False)["input_ids"]

    def of(text: str) -> tuple[float, int]:
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        labels = torch.tensor([[-100] * len(head) + ids])
        with torch.inference_mode():
            found = model(input_ids=torch.tensor([head + ids]), labels=labels).loss
        return float(found), len(ids)

    return of


@given(text=st.text(min_size=1, max_size=20) | KOREAN.filter(bool))
@settings(max_examples=25, deadline=None)
def test_perplexity_is_that_of_transformers_loss(scorer, loss, text: str) -> None:
    found = metrics.likelihood(scorer, [text])
    mean, tokens = loss(text)
    assert found.tokens == tokens
    assert math.log(found.perplexity) == pytest.approx(mean, **CLOSE)


@given(texts=st.lists(KOREAN.filter(bool), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None)
def test_bits_per_byte_are_all_the_loss_over_all_the_bytes(scorer, loss, texts: list[str]) -> None:
    nats = sum(mean * tokens for mean, tokens in map(loss, texts))
    size = len("".join(texts).encode())
    found = metrics.likelihood(scorer, ["", *texts])
    assert found.bits_per_byte == pytest.approx(nats / size / math.log(2), **CLOSE)


@given(texts=st.lists(KOREAN.filter(bool), min_size=2, max_size=2))
@settings(max_examples=10, deadline=None)
def test_a_text_after_a_prompt_is_the_whole_less_the_prompt(scorer, loss, texts: list[str]) -> None:
    if scorer.bos is None:
        pytest.skip(
            "a model without BOS reads a line break first, and only where there is no prompt"
        )
    prompt, text = texts
    ids = [scorer.tokenize(one, special=False) for one in texts]
    whole = scorer.tokenize(prompt + text, special=False)
    assume(ids[0] + ids[1] == whole and scorer.tokenize(prompt) == ids[0])
    nats = [mean * tokens for mean, tokens in map(loss, (prompt + text, prompt))]
    found = metrics.likelihood(scorer, [text], [prompt])
    assert found.nats == pytest.approx(nats[0] - nats[1], rel=1e-4)


def test_a_marker_in_a_text_is_read_as_text(scorer) -> None:
    for marker in ("<end_of_turn>", "<|im_end|>", "<|eot_id|>"):
        assert metrics.likelihood(scorer, [marker]).tokens > 1
