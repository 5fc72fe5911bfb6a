import pytest
from hypothesis import given
from hypothesis import strategies as st

from giljabi.model.torch_chat import StopStrings


@given(st.text("ab<>", max_size=30), st.integers(1, 5), st.sampled_from(["<b>", "ab", "<<"]))
def test_stop_strings_cut_like_find_however_the_text_is_cut(text, size, stop):
    stops = StopStrings([stop, ""])
    out = "".join(stops.feed(text[i : i + size]) for i in range(0, len(text), size))
    assert out + stops.rest() == text.partition(stop)[0]
    assert stops.found == (stop in text)


def test_what_cannot_become_a_stop_string_is_not_held_back():
    stops = StopStrings(["<end>"])
    assert stops.feed("안녕") == "안녕"
    assert stops.feed("하세요<e") == "하세요"
    assert stops.feed("x") == "<ex"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A random model of a few thousand weights, with a tokenizer of single letters."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    letters = ["<s>", "</s>", *"abcdefghijklmnop \n", "답", "변", ":"]
    inner = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({c: i for i, c in enumerate(letters)}, unk_token=" ")
    )
    inner.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    inner.decoder = tokenizers.decoders.Fuse()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(letters), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("tiny")
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    from giljabi.model.prompt import template
    from giljabi.model.torch_chat import TorchChat

    return TorchChat(folder, template("completion"), name="tiny", device="cpu")


ASK = [{"role": "user", "content": "abc"}]


def test_it_streams_and_repeats_with_a_seed(tiny):
    first = list(tiny.stream(ASK, max_tokens=20, temperature=1.0, seed=1))
    assert first == list(tiny.stream(ASK, max_tokens=20, temperature=1.0, seed=1))
    assert "\n" not in "".join(first)


def test_it_can_be_cancelled_and_used_again(tiny):
    assert list(tiny.stream(ASK, max_tokens=2000, temperature=1.0, cancel=lambda: True)) == []
    assert list(tiny.stream(ASK, max_tokens=3, temperature=1.0, seed=2)) is not None
