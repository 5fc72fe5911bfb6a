from __future__ import annotations

import json
import random
import secrets
import struct
import sys
import time
from pathlib import Path

import httpx
import pytest

from giljabi.errors import GiljabiError
from giljabi.model import llamacpp, store, tokens

tokenizers = pytest.importorskip("tokenizers")

PIECES = [
    "안녕하세요", "신소재공학관", "은 ", "지상 7층", "에서 걸어서 ", " building ", "the ", "Engineering",
    " ", "  ", "   ", " " * 40, "\n", "\n\n", "\n\n\n", "\n" * 40, "\t", "\t\t\t", "\r\n", "\u00a0", "\u200b", "\u3000",
    "🙂", "👨‍👩‍👧‍👦", "🇰🇷", "뷁", "꿻", "쀍", "햏", "漢字", "あ", "é", "e\u0301", "\u1100\u1161\u11ab", "ﬁ", "𝔹", "﷽",
    "<b>", "</table>", "<start_of_turn>", "<end_of_turn>", "<eos>", "<unk>", "[multimodal]", "<0x0A>", "▁", "▁▁",
    "123,456.78", "2024년 3월 1일", "https://a.b/c?d=e", "aaaaaaaaa", "ㅋㅋㅋㅋ", "ㅠㅠ", "!!!!", "……", "──", "\x01", "\U000e0067",
]  # fmt: skip


def mixed(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)

    def scrap() -> str:
        if rng.random() < 0.6:
            return rng.choice(PIECES)
        ranges = ((0xAC00, 0xD7A3), (32, 126), (0x3130, 0x318F), (0x1F300, 0x1FAFF), (0xA0, 0x24F))
        return "".join(chr(rng.randint(*rng.choice(ranges))) for _ in range(rng.randint(1, 6)))

    return ["".join(scrap() for _ in range(rng.randint(1, 40))) for _ in range(count)]


@pytest.fixture(scope="module")
def gemma():
    try:
        store.join(store.base("gemma3-270m"))
    except GiljabiError as error:
        pytest.skip(str(error))
    return tokens.counter("gemma3-270m")


@pytest.mark.model
def test_the_packaged_base_counts_as_its_runtime_does(gemma, monkeypatch):
    pytest.importorskip("xllamacpp")
    monkeypatch.setattr(secrets, "token_urlsafe", lambda size: "key")
    path = store.join(store.base("gemma3-270m"))
    server = llamacpp.start(llamacpp.parameters(path, 256, 1, None))
    prose = (Path(__file__).parents[2] / "README.md").read_text("utf-8")
    texts = [*mixed(400), *prose.split("\n\n"), prose, "", "한" * 3000]
    with httpx.Client(
        base_url=server.listening_address, headers={"Authorization": "Bearer key"}
    ) as client:
        runtime = [
            len(
                client.post(
                    "/tokenize", json={"content": t, "add_special": False, "parse_special": True}
                ).json()["tokens"]
            )
            for t in texts
        ]
    assert gemma(texts) == runtime


@pytest.mark.model
def test_a_corpus_and_a_long_document_are_counted_in_seconds(gemma):
    messages = [(t * 8)[:300] for t in mixed(13_000, seed=1)]
    long = "".join(mixed(2_500, seed=2))
    start = time.perf_counter()
    counts = gemma(messages)
    (length,) = gemma([long])
    assert time.perf_counter() - start < 30  # 3 s here; a busy machine gets its share
    assert len(counts) == 13_000
    assert min(counts) > 0
    assert length > 128_000
    assert gemma.context == 32_768
    assert gemma.name == "gemma3-270m"


# ---- small files of our own ----


def _string(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: object) -> bytes:
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _string(value)
    assert isinstance(value, list)
    if isinstance(value[0], str):
        return struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(_string, value))
    code, form = (6, "f") if isinstance(value[0], float) else (5, "i")
    return struct.pack("<IIQ", 9, code, len(value)) + struct.pack(f"<{len(value)}{form}", *value)


def gguf(path: Path, entries: dict[str, object]) -> Path:
    head = b"GGUF" + struct.pack("<IQQ", 3, 0, len(entries))
    path.write_bytes(head + b"".join(_string(k) + _value(v) for k, v in entries.items()))
    return path


SPM = {
    "general.architecture": "tiny",
    "tiny.context_length": 64,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.add_space_prefix": False,
    "tokenizer.ggml.unknown_token_id": 0,
    "tokenizer.ggml.tokens": ["<unk>", "<end>", "\n\n", "a", "b", "▁", "ab", "▁ab"],
    "tokenizer.ggml.scores": [0.0, 0.0, 0.0, -9.0, -9.0, -9.0, -1.0, -2.0],
    "tokenizer.ggml.token_type": [2, 3, 4, 1, 1, 1, 1, 1],
}


def test_a_scored_vocabulary_in_a_gguf_file(tmp_path):
    count = tokens.counter(str(gguf(tmp_path / "tiny.gguf", SPM)))
    assert count(["ab", " ab", "a b", "ab<end>", "a\n\nb", "", "aab"]) == [1, 1, 3, 2, 3, 0, 2]
    assert count.context == 64


def test_a_byte_level_vocabulary_in_a_gguf_file(tmp_path):
    letters = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = [*letters, "ab", "Ġab", "<|im_end|>"]
    entries = {
        "general.architecture": "qwen2",
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "qwen2",
        "tokenizer.ggml.tokens": vocabulary,
        "tokenizer.ggml.merges": ["a b", "Ġ ab"],
        "tokenizer.ggml.token_type": [1] * (len(vocabulary) - 1) + [3],
    }
    count = tokens.counter(str(gguf(tmp_path / "qwen.gguf", entries)))
    # A syllable is three bytes; digits stand alone; the marker is one token.
    assert count(["ab ab", "한", "12", "ab<|im_end|>"]) == [2, 3, 2, 2]
    assert count.context is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokenizer.ggml.model": "bert"}, "cannot be rebuilt exactly"),
        ({"tokenizer.ggml.add_space_prefix": True}, "cannot be rebuilt exactly"),
        ({"tokenizer.ggml.scores": [0.0]}, "incomplete"),
        ({"tokenizer.ggml.token_type": [1]}, "incomplete"),
    ],
)
def test_a_vocabulary_that_would_be_counted_wrongly_is_refused(tmp_path, change, said):
    path = gguf(tmp_path / "odd.gguf", SPM | change)
    with pytest.raises(GiljabiError, match=said):
        tokens.counter(str(path))


@pytest.mark.parametrize("keep", [3, 10, 40, 100, 200])
def test_a_cut_file_is_one_sentence_not_a_traceback(tmp_path, keep):
    path = gguf(tmp_path / "cut.gguf", SPM)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(GiljabiError, match="not a GGUF file, or was cut short"):
        tokens.counter(str(path))


def tokenizer_json(folder: Path, *, limit: int | None = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    model = tokenizers.models.WordLevel({"?": 0, "가": 1, "나": 2}, unk_token="?")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    if limit:
        tokenizer.enable_truncation(limit)
        tokenizer.enable_padding(length=limit)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_folder_counts_without_the_limits_it_was_saved_with(tmp_path):
    folder = tokenizer_json(tmp_path / "model", limit=3)
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 2048}))
    count = tokens.counter(str(folder))
    assert count(["가", "가 나 가 나 가"]) == [1, 5]
    assert count.context == 2048


def test_a_hub_base_in_the_cache_is_counted_offline(tmp_path, monkeypatch):
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # nobody may be asked
    name = "qwen2.5-1.5b-instruct"
    tokenizer_json(tmp_path / "hub/models--Qwen--Qwen2.5-1.5B-Instruct/snapshots/abc")
    count = tokens.counter(name)
    assert count(["가 나"]) == [2]
    assert (count.name, count.context) == (name, 32_768)


def test_a_hub_base_that_is_not_here_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)  # or it tries for half a minute
    with pytest.raises(GiljabiError, match="not on this machine and cannot be fetched"):
        tokens.counter("exaone-3.5-2.4b-instruct")
    assert "EXAONE AI Model License" in capsys.readouterr().err


def test_missing_packages_are_named_with_their_extra(tmp_path, monkeypatch):
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path))
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(GiljabiError, match=r"giljabi\[hub\]"):
        tokens.counter("exaone-3.5-2.4b-instruct")
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(GiljabiError, match=r"giljabi\[data\]"):
        tokens.counter("gemma3-270m")


@pytest.mark.parametrize("name", ["gemma9", "./nowhere", "nowhere.gguf"])
def test_unknown_names_and_paths(name):
    with pytest.raises(GiljabiError, match=r"Unknown model|There is no"):
        tokens.counter(name)


def test_a_folder_with_a_damaged_tokenizer(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(GiljabiError, match="not a tokenizer file"):
        tokens.counter(str(tmp_path))
