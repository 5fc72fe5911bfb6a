"""A trimmed model is the same model: fewer tokens, the same rows, the same text in and out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, vocab, vocab_check
from giljabi.export.embedded import trimmed
from giljabi.export.modelfile import recorded
from giljabi.export.piece_merges import Merges, by_score, byte_pairs
from giljabi.model import store
from giljabi.model.logits import Scorer
from giljabi.model.tokens import gguf_metadata, tokenizer_of
from giljabi.venue.place import Venue

gguf = pytest.importorskip("gguf")
np = pytest.importorskip("numpy")

WORDS = ["가", "나", "가나", "▁가", "a", "b", "ab", "abc", "c", "学", "校", "学校", "д", "да", "▁"]


def write(
    path: Path, words: Sequence[str] = WORDS, *, kind: str = "llama", merges: Sequence[str] = ()
) -> Path:
    """A file with a vocabulary, two tensors and ids that name tokens."""
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>", *words, "<end_of_turn>", "<unused9>"]
    kinds = [3, 3, 3, 2, *[1] * len(words), 3, 3]
    with gguf_file.writing(path, "llama") as writer:
        writer.add_tokenizer_model(kind)
        writer.add_token_list(tokens)
        writer.add_token_scores([-float(n) for n in range(len(tokens))])
        writer.add_token_types(kinds)
        if merges:
            writer.add_token_merges(list(merges))
        writer.add_eos_token_id(1)
        writer.add_eot_token_id(len(tokens) - 2)
        writer.add_vocab_size(len(tokens))
        rng = np.random.default_rng(0)
        writer.add_tensor("token_embd.weight", rng.random((len(tokens), 8), dtype=np.float32))
        writer.add_tensor("blk.0.attn_q.weight", rng.random((8, 8), dtype=np.float32))
        writer.add_tensor("blk.0.attn_k.weight", rng.random((8, 8), dtype=np.float32))
    return path


def kept(path: Path, **options: Any) -> list[str]:
    meta = gguf_metadata(path)
    ids = vocab.keep(vocab.vocabulary(meta, path), **options)
    return [meta["tokenizer.ggml.tokens"][i] for i in ids]


def test_other_scripts_go_and_what_is_named_stays(tmp_path: Path) -> None:
    found = kept(write(tmp_path / "m.gguf"))
    assert not {"学", "校", "学校", "д", "да", "<unused9>"} & set(found)
    assert {"<pad>", "<eos>", "<bos>", "<unk>", "<end_of_turn>", "가나", "▁가", "abc"} <= set(found)


def test_what_the_venue_uses_stays_with_the_way_to_it(tmp_path: Path) -> None:
    path = write(tmp_path / "m.gguf")
    name = gguf_metadata(path)["tokenizer.ggml.tokens"].index("学校")
    assert {"学", "校", "学校"} <= set(kept(path, used=[name]))


def test_only_the_first_english_tokens_stay_but_every_letter(tmp_path: Path) -> None:
    found = kept(write(tmp_path / "m.gguf"), english=3)
    assert {"a", "b", "ab", "c"} <= set(found)
    assert "abc" not in found


def test_byte_level_merges_follow_their_tokens(tmp_path: Path) -> None:
    words = ["a", "b", "ab", "c", "abc", "Ã", "©", "Ã©", "Ð", "´", "Ð´"]  # é and д as bytes
    merges = ["a b", "ab c", "Ã ©", "Ð ´"]
    source = write(tmp_path / "m.gguf", words, kind="gpt2", merges=merges)
    meta = gguf_metadata(source)
    vocab.trim(source, tmp_path / "t.gguf", vocab.keep(vocab.vocabulary(meta, source)))
    made = gguf_metadata(tmp_path / "t.gguf")
    assert made["tokenizer.ggml.merges"] == ["a b", "ab c", "Ã ©"]
    assert {"Ð", "´"} <= set(made["tokenizer.ggml.tokens"])  # every byte can still be said


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, Path, list[int]]:
    source, made = write(tmp_path / "m.gguf"), tmp_path / "t.gguf"
    meta = gguf_metadata(source)
    ids = vocab.keep(vocab.vocabulary(meta, source))
    vocab.trim(source, made, ids)
    return source, made, ids


def test_rows_are_the_sources_and_ids_still_name_their_tokens(
    pair: tuple[Path, Path, list[int]],
) -> None:
    source, made, ids = pair
    before, after = gguf_file.read(source), gguf_file.read(made)
    tokens = gguf_file.value(after, "tokenizer.ggml.tokens")
    assert tokens[gguf_file.value(after, "tokenizer.ggml.eot_token_id")] == "<end_of_turn>"
    assert gguf_file.value(after, "llama.vocab_size") == len(ids) == len(tokens)
    rows = {t.name: t.data for t in before.tensors}["token_embd.weight"][ids]
    assert np.array_equal({t.name: t.data for t in after.tensors}["token_embd.weight"], rows)
    assert recorded(made)["sources"]["base"]["sha256"] == store.sha256_of(source)


def test_equal_inputs_give_equal_bytes(pair: tuple[Path, Path, list[int]], tmp_path: Path) -> None:
    source, made, ids = pair
    vocab.trim(source, tmp_path / "again.gguf", ids)
    assert (tmp_path / "again.gguf").read_bytes() == made.read_bytes()


def spoilt(made: Path, fault: str) -> Path:
    """The made file with one fault."""
    reader, path = gguf_file.read(made), made.with_name("spoilt.gguf")
    changed: dict[str, Any] = {}
    skip: tuple[str, ...] = ()
    if fault == "end of turn":
        changed["tokenizer.ggml.eot_token_id"] = 4
    elif fault == "token":
        tokens = gguf_file.value(reader, "tokenizer.ggml.tokens")
        changed["tokenizer.ggml.tokens"] = [*tokens[:5], tokens[6], tokens[5], *tokens[7:]]
    elif fault == "missing id":
        skip = ("tokenizer.ggml.eot_token_id",)
    tensors = {t.name: t for t in reader.tensors}
    order = list(tensors)
    if fault == "missing tensor":
        order.remove("blk.0.attn_k.weight")
    other = {
        "blk.0.attn_q.weight": "blk.0.attn_k.weight",
        "blk.0.attn_k.weight": "blk.0.attn_q.weight",
    }
    with gguf_file.writing(path, "llama") as writer:
        gguf_file.copy_metadata(reader, writer, changed, skip)
        for name in order:
            tensor = tensors[other.get(name, name) if fault == "swapped" else name]
            gguf_file.add_tensor(writer, name, tensor.data, tensor.tensor_type)
    return path


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("swapped", "blk.0.attn_q.weight"), ("missing tensor", "blk.0.attn_k.weight is missing"),
        ("end of turn", "<end_of_turn>"), ("missing id", "eot_token_id"), ("token", "token 5"),
    ],
)  # fmt: skip
def test_a_planted_fault_is_named(
    pair: tuple[Path, Path, list[int]], fault: str, named: str
) -> None:
    source, made, ids = pair
    with pytest.raises(GiljabiError, match=re.escape(named)):
        vocab_check.check(gguf_file.read(source), spoilt(made, fault), ids)


def test_a_dropped_merge_is_named(tmp_path: Path) -> None:
    words = ["a", "b", "ab", "c", "abc"]
    source = write(tmp_path / "m.gguf", words, kind="gpt2", merges=["a b", "ab c"])
    made = write(tmp_path / "t.gguf", words, kind="gpt2", merges=["a b"])
    with pytest.raises(GiljabiError, match="merge 'ab c'"):
        vocab_check.check(gguf_file.read(source), made, range(len(words) + 6))


def test_a_token_the_file_names_must_be_kept(tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match="eos_token_id names token 1"):
        vocab.trim(write(tmp_path / "m.gguf"), tmp_path / "t.gguf", [0, 2, 3, 4, 19, 20])
    assert not (tmp_path / "t.gguf").exists()


# ---- merging, over made-up vocabularies ----

letters = st.text("abc가", min_size=1, max_size=6)


@given(st.lists(letters, unique=True, min_size=1, max_size=30), letters)
def test_a_token_is_reached_from_the_parts_it_names(tokens: list[str], text: str) -> None:
    """Over the parts alone a text merges as it does over the whole vocabulary."""
    every = sorted({*tokens, *"abc가"})

    def merges(some: Sequence[str]) -> Merges:
        return by_score(some, [-float(every.index(t)) for t in some], [1] * len(some))

    parts = merges(every).parts(text)
    assert merges([t for t in every if t in parts]).parts(text) == parts


def test_byte_pairs_merge_in_the_order_of_the_file() -> None:
    assert byte_pairs(["b c", "a b"]).parts("abc") == ["a", "b", "c", "bc"]


# ---- the packaged model ----


@pytest.fixture(scope="module")
def embedded(hanyang: Venue) -> Path:
    pytest.importorskip("xllamacpp")
    return trimmed(store.base(), hanyang, print)


@pytest.fixture(scope="module")
def engines(embedded: Path) -> Iterator[tuple[Scorer, Scorer]]:
    with Scorer(store.weights().path) as whole, Scorer(embedded) as made:
        yield whole, made


TEXTS = [
    "국제관은 지상 6층 건물이에요.<end_of_turn>", "How do I get to the Museum? Turn left at the lobby.",
    "뷁꿻쀍햏 ㅋㅋㅋ 漢字 あ д 🙂\n\n\t한  글", "<start_of_turn>user\n안녕<end_of_turn>\n", "650m·14분, 2호선 (1번 출구)",
]  # fmt: skip


@pytest.mark.model
def test_less_than_half_the_file_and_the_first_ids_as_they_were(embedded: Path) -> None:
    whole = store.weights().path
    assert embedded.stat().st_size <= 0.45 * whole.stat().st_size
    before, after = (gguf_metadata(p)["tokenizer.ggml.tokens"] for p in (whole, embedded))
    assert after[:494] == before[:494]
    assert not [t for t in after if re.search(r"[一-鿿぀-ヿЀ-ӿ؀-ۿ]", t)]
    assert {t for t in before if re.fullmatch("▁?[가-힣]+", t)} <= set(after)


@pytest.mark.model
def test_kept_tokens_shift_by_one_constant(engines: tuple[Scorer, Scorer], embedded: Path) -> None:
    whole, made = engines
    ids = {t: i for i, t in enumerate(gguf_metadata(whole.path)["tokenizer.ggml.tokens"])}
    columns = [ids[t] for t in gguf_metadata(embedded)["tokenizer.ggml.tokens"]]
    tokens = [2, *made.tokenize("국제관은 지상 6층 건물이에요. The Museum has 5 floors.")]
    before = whole.logprobs([columns[i] for i in tokens])[:, columns]
    shift = made.logprobs(tokens) - before
    assert float((shift.max(axis=1) - shift.min(axis=1)).max()) < 1e-3
    assert float(shift.min()) > -1e-3  # what was dropped leaves its probability to the others


@pytest.mark.model
def test_runtime_and_tokenizers_cut_alike(engines: tuple[Scorer, Scorer], embedded: Path) -> None:
    _, made = engines
    tokenizer = tokenizer_of(embedded, gguf_metadata(embedded))
    for text in TEXTS:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        assert made.tokenize(text) == ids
        assert tokenizer.decode(ids, skip_special_tokens=False) == text


@pytest.mark.model
@pytest.mark.slow
def test_fifty_thousand_texts(engines: tuple[Scorer, Scorer], embedded: Path, shared: Path) -> None:
    """The old road's questions and answers, and their sentences: nobody here wrote them."""
    import json

    rows = [
        row
        for f in sorted((shared / "venue" / "qa").glob("*.json"))
        for row in json.loads(f.read_text("utf-8"))
    ]
    said = [m["content"] for row in rows for m in row["messages"]]
    texts = list(dict.fromkeys(said + [s for t in said for s in re.split(r"(?<=[.?!]) ", t)]))
    texts += [f"{a} {b}" for a, b in zip(texts, texts[7:], strict=False)][
        : max(0, 50_000 - len(texts))
    ]
    assert len(texts) >= 50_000
    cut = vocab_check.segmentation(store.weights().path, embedded, texts)
    assert cut.returned == cut.texts
    assert cut.longer < 0.01
    korean = [t for t in texts if re.search("[가-힣]", t)]
    assert vocab_check.segmentation(store.weights().path, embedded, korean).same > 0.98 * len(
        korean
    )
    tokenizer = tokenizer_of(embedded, gguf_metadata(embedded))
    encoded = tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    assert [t for t, e in zip(texts, encoded, strict=True) if engines[1].tokenize(t) != e.ids] == []
