"""A Hugging Face folder as GGUF: the same model, the same tokens, or a sentence saying why not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny_golden
import tiny_models
from click.testing import CliRunner

from giljabi.cli.export_gguf import gguf as export_gguf
from giljabi.errors import GiljabiError
from giljabi.export import gguf_file, modelfile
from giljabi.export.conversations import CONVERSATIONS, HARD_TEXTS, rendered
from giljabi.export.convert import convert
from giljabi.export.convert_template import OWN, renderer
from giljabi.export.convert_tokenizer import load
from giljabi.model import llamacpp, prompt, tokens

pytest.importorskip("gguf")
pytest.importorskip("tokenizers")
pytest.importorskip("jinja2")

ALL = tiny_models.ARCHITECTURES
TEMPLATES = {"gemma3": "gemma", "llama": "llama3", "qwen2": "qwen", "qwen3": "qwen"}
EMBEDDING = "model.embed_tokens.weight"


@pytest.fixture(scope="session")
def originals(tmp_path_factory):
    root = tmp_path_factory.mktemp("tiny")
    return {name: tiny_models.make(root / name, name) for name in ALL}


@pytest.fixture
def folder_of(originals, tmp_path):
    """A copy of a tiny model that the test may damage."""
    return lambda name: Path(shutil.copytree(originals[name], tmp_path / name))


@pytest.fixture(scope="session")
def files(originals, tmp_path_factory):
    """Each tiny model converted to F16."""
    root = tmp_path_factory.mktemp("gguf")
    for name, folder in originals.items():
        convert(folder, root / f"{name}.gguf")
    return {name: root / f"{name}.gguf" for name in ALL}


class Runtime:
    """llama.cpp with a file, asked for token ids."""

    def __init__(self, path):
        self.httpx = pytest.importorskip("httpx")
        pytest.importorskip("xllamacpp")
        params = llamacpp.parameters(path, 2048, 1, None)
        params.api_keys = ["key"]
        self.server = llamacpp.start(params)

    def _post(self, what, body):
        answer = self.httpx.post(
            f"{self.server.listening_address}/{what}",
            json=body,
            headers={"Authorization": "Bearer key"},
            timeout=60,
        )
        answer.raise_for_status()
        return answer.json()

    def tokens(self, text):
        body = {"content": text, "add_special": True, "parse_special": True}
        return self._post("tokenize", body)["tokens"]

    def greedy(self, text, steps):
        body = {"prompt": text, "temperature": 0.0, "n_predict": steps, "return_tokens": True}
        return self._post("completion", body)["tokens"]


def change(folder, file, **values):
    content = tiny_models.read(folder, file)
    tiny_models.write(folder, file, {**content, **values})


def change_tensors(folder, change):
    tensors = tiny_models.load(folder)
    change(tensors)
    tiny_models.save(folder, tensors)


def refused(folder, match, **options):
    """The conversion fails with this sentence and leaves nothing behind."""
    out = folder.parent / "out" / "model.gguf"
    with pytest.raises(GiljabiError, match=match):
        convert(folder, out, **options)
    assert not out.parent.exists() or not list(out.parent.iterdir())


# ---- the same model ----


@pytest.mark.parametrize("name", ALL)
def test_the_runtime_says_what_transformers_says(files, name):
    runtime = Runtime(files[name])
    texts = tiny_golden.prompts(name)
    said = [runtime.greedy(text, tiny_golden.STEPS) for text in texts]
    assert said == tiny_golden.golden()[name]


@pytest.mark.parametrize("name", ALL)
def test_what_is_recorded_is_what_transformers_says(originals, name):
    pytest.importorskip("torch", reason="torch is not installed; the recorded ids stand for it")
    pytest.importorskip("transformers")
    said, lead = tiny_golden.greedy(originals[name], tiny_golden.prompts(name))
    assert said == tiny_golden.golden()[name]
    assert lead > 0.01


@pytest.mark.parametrize("kind", ["bf16", "f32"])
@pytest.mark.parametrize("name", ["gemma3", "llama"])
def test_other_types_load_and_keep_the_values(originals, tmp_path, name, kind):
    made = convert(originals[name], tmp_path / "m.gguf", kind=kind)
    tensors = {t.name: t for t in gguf_file.read(made.path).tensors}
    assert tensors["token_embd.weight"].tensor_type.name == kind.upper()
    assert tensors["output_norm.weight"].tensor_type.name == "F32"
    if kind == "f32":
        source = tiny_models.load(originals[name])[EMBEDDING]
        assert np.array_equal(tensors["token_embd.weight"].data, source)
    assert Runtime(made.path).greedy("a", 2)


def test_weights_stored_as_bf16_are_read(folder_of, tmp_path):
    folder = folder_of("qwen3")
    source = tiny_models.load(folder)
    tiny_models.save(folder, source, "BF16")
    made = convert(folder, tmp_path / "m.gguf", kind="f32")
    tensors = {t.name: t.data for t in gguf_file.read(made.path).tensors}
    assert np.allclose(tensors["token_embd.weight"], source[EMBEDDING], rtol=2**-7)


def test_gemma_norms_are_stored_with_their_one(originals, files):
    tensors = {t.name: t.data for t in gguf_file.read(files["gemma3"]).tensors}
    source = tiny_models.load(originals["gemma3"])
    assert np.allclose(tensors["output_norm.weight"], source["model.norm.weight"] + 1)
    key_norm = source["model.layers.0.self_attn.k_norm.weight"]
    assert np.allclose(tensors["blk.0.attn_k_norm.weight"], key_norm + 1)


def test_tied_embeddings_are_stored_once(files):
    names = {name: {t.name for t in gguf_file.read(files[name]).tensors} for name in ALL}
    assert "output.weight" not in names["gemma3"] | names["qwen2"]
    assert "output.weight" in names["llama"]
    assert "rope_freqs.weight" in names["llama"]


def test_a_head_equal_to_the_embedding_it_is_tied_to_is_dropped(folder_of, tmp_path):
    folder = folder_of("gemma3")
    change_tensors(folder, lambda t: t.update({"lm_head.weight": t[EMBEDDING]}))
    assert convert(folder, tmp_path / "m.gguf").tensors == 80


def test_several_files_of_weights_are_one_model(folder_of, files, tmp_path):
    folder = folder_of("qwen2")
    tensors = tiny_models.load(folder)
    names = sorted(tensors)
    shards = {"model-1.safetensors": names[:9], "model-2.safetensors": names[9:]}
    for file, part in shards.items():
        tiny_models.save(folder, {name: tensors[name] for name in part})
        (folder / "model.safetensors").rename(folder / file)
    index = {"weight_map": {n: file for file, part in shards.items() for n in part}}
    tiny_models.write(folder, "model.safetensors.index.json", index)
    convert(folder, tmp_path / "qwen2.gguf")
    assert (tmp_path / "qwen2.gguf").read_bytes() == files["qwen2"].read_bytes()


def test_configs_of_transformers_5_mean_the_same(folder_of, files, tmp_path):
    for name in ("gemma3", "llama"):
        folder = folder_of(name)
        config = tiny_models.read(folder, "config.json")
        theta, scaling = config.pop("rope_theta"), config.pop("rope_scaling") or {}
        full = {"rope_type": "default", **scaling, "rope_theta": theta}
        if name == "gemma3":
            local = {"rope_type": "default", "rope_theta": config.pop("rope_local_base_freq")}
            full = {"full_attention": full, "sliding_attention": local}
        tiny_models.write(folder, "config.json", {**config, "rope_parameters": full})
        convert(folder, tmp_path / f"{name}.gguf")
        assert (tmp_path / f"{name}.gguf").read_bytes() == files[name].read_bytes()


def test_the_record_names_source_type_and_checks(files):
    record = modelfile.recorded(files["llama"])
    assert record["step"] == "convert"
    assert record["transformers"] == "LlamaForCausalLM"
    assert record["type"] == "f16"
    assert record["checked"]["conversations"] == 20
    assert record["sources"]["source"]["file"] == "llama"


# ---- the same tokens ----


@pytest.mark.parametrize("name", ALL)
def test_the_runtime_splits_as_the_source_tokenizer(originals, files, name):
    source = load(originals[name])
    runtime = Runtime(files[name])
    texts = [*rendered(prompt.template(TEMPLATES[name])), *HARD_TEXTS]
    for text in texts:
        # Its tokenizer composes nothing and trims nothing, but says nothing of an empty text.
        assert not text or runtime.tokens(text) == source.encode(text).ids


@pytest.mark.parametrize("name", ALL)
def test_special_tokens_and_end_of_turn_are_those_of_the_source(originals, files, name):
    meta = tokens.gguf_metadata(files[name])
    settings = tiny_models.read(originals[name], "tokenizer_config.json")
    text = meta["tokenizer.ggml.tokens"]
    assert text[meta["tokenizer.ggml.eos_token_id"]] == settings["eos_token"]
    end = prompt.template(TEMPLATES[name]).end.strip()
    assert text[meta["tokenizer.ggml.eot_token_id"]] == end
    assert meta["tokenizer.ggml.token_type"][meta["tokenizer.ggml.eot_token_id"]] == 3
    assert meta["tokenizer.ggml.add_bos_token"] == (name in {"gemma3", "llama"})
    assert meta["tokenizer.chat_template"] == settings["chat_template"]


def test_rows_without_a_token_are_unused_ones(originals, files):
    meta = tokens.gguf_metadata(files["qwen2"])
    kinds = meta["tokenizer.ggml.token_type"]
    assert len(kinds) == tiny_models.read(originals["qwen2"], "config.json")["vocab_size"]
    assert kinds[-1] == 5
    assert meta["tokenizer.ggml.tokens"][-1] == f"[PAD{len(kinds) - 1}]"


def test_the_one_token_gemma_has_no_row_for_is_left_out(folder_of, tmp_path):
    folder = folder_of("gemma3")
    add_token(folder, "<image_soft_token>")
    rows = convert(folder, tmp_path / "m.gguf").rows
    assert rows == tiny_models.read(folder, "config.json")["vocab_size"]


# ---- chat templates ----


def test_the_twenty_are_twenty_different_ones():
    assert len(CONVERSATIONS) == 20
    assert len({c.name for c in CONVERSATIONS}) == 20
    assert len(set(rendered(prompt.template("qwen")))) == 20


@pytest.mark.parametrize("name", sorted(OWN))
def test_our_own_chat_templates_say_what_template_says(name):
    render = renderer(OWN[name], {"bos_token": ""})
    template = prompt.template(name)
    for conversation in CONVERSATIONS:
        assert render(conversation.messages) == template.render(conversation.messages)


def test_a_base_without_a_chat_template_gets_ours(folder_of, tmp_path):
    folder = folder_of("gemma3")
    change(folder, "tokenizer_config.json", chat_template=None)
    convert(folder, tmp_path / "m.gguf")
    assert tokens.gguf_metadata(tmp_path / "m.gguf")["tokenizer.chat_template"] == OWN["gemma"]


def test_a_template_beside_the_config_counts(folder_of):
    folder = folder_of("gemma3")
    (folder / "chat_template.jinja").write_text(tiny_models.QWEN_CHAT, "utf-8")
    refused(folder, r"is not giljabi's 'gemma': in the conversation 'ko, 1 questions, no system'")


def test_a_default_system_message_is_shown_and_can_be_overruled(folder_of, tmp_path):
    folder = folder_of("qwen2")
    change(folder, "tokenizer_config.json", chat_template=tiny_models.QWEN_CHAT_WITH_DEFAULT)
    refused(folder, r"'system\\nYou are Qwen.*not 'user\\n.*--template qwen embeds giljabi's")
    convert(folder, tmp_path / "m.gguf", template="qwen")
    assert tokens.gguf_metadata(tmp_path / "m.gguf")["tokenizer.chat_template"] == OWN["qwen"]


def test_a_template_for_another_family_is_refused(folder_of):
    refused(folder_of("qwen3"), "has no token <end_of_turn>", template="gemma")
    refused(folder_of("llama"), "no chat template to embed for 'exaone'", template="exaone")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{% for m in messages %}", "not valid jinja"),
        ("{{ raise_exception('no system role') }}", "no system role"),
        ("{{ ''.__class__.__mro__ }}", "conversation"),
    ],
)
def test_a_broken_or_hostile_template_is_one_sentence(folder_of, text, match):
    folder = folder_of("qwen3")
    change(folder, "tokenizer_config.json", chat_template=text)
    refused(folder, match)


# ---- planted faults ----


def add_token(folder, text, *, special=True):
    """As tokenizer.add_special_tokens does; gives the new id."""
    spec = tiny_models.read(folder, "tokenizer.json")
    number = 1 + max([*spec["model"]["vocab"].values(), *(t["id"] for t in spec["added_tokens"])])
    token = {**spec["added_tokens"][0], "id": number, "content": text, "special": special}
    change(folder, "tokenizer.json", added_tokens=[*spec["added_tokens"], token])
    return number


def resize(folder, rows):
    """As model.resize_token_embeddings does."""

    def more(tensors):
        for name in (EMBEDDING, "lm_head.weight"):
            if name in tensors:
                new = np.zeros((rows - len(tensors[name]), tensors[name].shape[1]))
                tensors[name] = np.concatenate([tensors[name], new])

    change_tensors(folder, more)
    change(folder, "config.json", vocab_size=rows)


def test_swapped_tensors_of_unlike_shape_are_named(folder_of):
    folder = folder_of("llama")

    def swap(tensors):
        one, two = (f"model.layers.1.mlp.{part}_proj.weight" for part in ("up", "down"))
        tensors[one], tensors[two] = tensors[two], tensors[one]

    change_tensors(folder, swap)
    refused(folder, r"model\.layers\.1\.mlp\.(up|down)_proj\.weight.*tensors were swapped")


def test_swapped_tensors_of_like_shape_are_named_beside_another_file(folder_of, files):
    folder = folder_of("llama")

    def swap(tensors):
        one, two = (f"model.layers.{n}.self_attn.q_proj.weight" for n in (0, 1))
        tensors[one], tensors[two] = tensors[two], tensors[one]

    change_tensors(folder, swap)
    match = r"model\.layers\.0\.self_attn\.q_proj\.weight.*nothing to do with blk\.0\.attn_q"
    refused(folder, match, like=files["llama"])


def test_missing_and_unexpected_tensors_are_named(folder_of):
    folder = folder_of("qwen2")
    change_tensors(folder, lambda t: t.pop("model.layers.0.self_attn.k_proj.bias"))
    refused(folder, r"has no tensor model\.layers\.0\.self_attn\.k_proj\.bias; qwen2 needs it")
    folder = folder_of("qwen3")
    change_tensors(folder, lambda t: t.update({"base_model.lora_A.weight": np.zeros((2, 2))}))
    refused(folder, r"base_model\.lora_A\.weight that qwen3 does not know; merge adapters first")


def test_an_added_padding_token_is_named(folder_of):
    for name in ("gemma3", "llama"):
        folder = folder_of(name)
        number = add_token(folder, "[PAD]")
        change(folder, "tokenizer_config.json", pad_token="[PAD]")
        refused(folder, rf"token \[PAD\] the id {number}, but the embedding has {number} rows")
        resize(folder, number + 1)
        refused(folder, r"ends in the padding token \[PAD\].*the embedding was resized for it")


def test_a_resized_embedding_is_named(folder_of, files):
    folder = folder_of("gemma3")
    rows = tiny_models.read(folder, "config.json")["vocab_size"]
    resize(folder, rows + 8)
    refused(folder, rf"has {rows} tokens.*has {rows + 8} rows: .*resized", like=files["gemma3"])
    change(folder, "config.json", vocab_size=rows)
    refused(folder, "the vocabulary was resized without its config")


def test_a_missing_end_of_turn_is_named(folder_of):
    folder = folder_of("gemma3")
    text = (folder / "tokenizer.json").read_text("utf-8")
    (folder / "tokenizer.json").write_text(text.replace("<end_of_turn>", "<ending>"), "utf-8")
    refused(folder, r"has no token <end_of_turn>: it is spelt with \d+ tokens")


def test_an_end_of_turn_that_is_plain_text_is_named(folder_of):
    folder = folder_of("qwen3")
    spec = tiny_models.read(folder, "tokenizer.json")
    for token in spec["added_tokens"]:
        token["special"] = False
    tiny_models.write(folder, "tokenizer.json", spec)
    refused(folder, r"has <\|im_end\|> as plain text, not as a control token")


@pytest.mark.parametrize("name", ALL)
def test_a_dropped_merge_is_named(folder_of, name):
    folder = folder_of(name)
    spec = tiny_models.read(folder, "tokenizer.json")
    merges = spec["model"]["merges"]
    gone = merges.pop(len(merges) - 5)
    tiny_models.write(folder, "tokenizer.json", spec)
    left, right = gone.split(" ") if isinstance(gone, str) else gone
    with pytest.raises(GiljabiError, match="a merge was dropped") as error:
        convert(folder, folder.parent / "m.gguf")
    assert (left in str(error.value) and right in str(error.value)) or left + right in str(
        error.value
    )


def test_a_vocabulary_that_splits_otherwise_in_the_file_is_shown(folder_of, monkeypatch):
    real = tokens.gguf_metadata

    def without_last_merges(path):
        meta = dict(real(path))
        return {**meta, "tokenizer.ggml.merges": meta["tokenizer.ggml.merges"][:100]}

    monkeypatch.setattr(tokens, "gguf_metadata", without_last_merges)
    refused(folder_of("qwen2"), r"The tokenizer in the GGUF file splits '.*' differently")


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("gemma3", "sliding_window_pattern", 4),
        ("gemma3", "layer_types", ["full_attention"] * 6),
        ("gemma3", "query_pre_attn_scalar", 100),
        ("gemma3", "final_logit_softcapping", 30.0),
        ("gemma3", "rope_local_base_freq", 20000.0),
        ("llama", "hidden_act", "gelu"),
        ("llama", "attention_bias", True),
        ("qwen2", "use_sliding_window", True),
        ("qwen3", "rope_scaling", {"rope_type": "dynamic", "factor": 2.0}),
        ("qwen3", "quantization_config", {"quant_method": "awq", "bits": 4}),
        ("qwen3", "num_attention_heads", None),
    ],
)
def test_what_the_runtime_would_compute_otherwise_is_refused_by_its_setting(
    folder_of, name, key, value
):
    folder = folder_of(name)
    change(folder, "config.json", **{key: value})
    if key == "sliding_window_pattern":
        change(folder, "config.json", layer_types=None)
    said = {"rope_scaling": "dynamic", "rope_local_base_freq": "sliding layers by 20000"}
    refused(folder, said.get(key, key))


def test_values_beyond_f16_or_not_finite_are_named(folder_of, tmp_path):
    folder = folder_of("qwen3")
    name = "model.layers.0.mlp.up_proj.weight"
    tensors = tiny_models.load(folder)
    tensors[name][0, 0] = 70000
    tiny_models.save(folder, tensors, "F32")
    refused(folder, rf"{name} reaches 70000, more than F16 can hold")
    convert(folder, tmp_path / "m.gguf", kind="bf16")
    tensors[name][0, 0] = np.nan
    tiny_models.save(folder, tensors, "F32")
    refused(folder, rf"{name}.*not finite")


def test_torn_and_absent_files_are_one_sentence(folder_of, tmp_path):
    folder = folder_of("qwen3")
    refused(folder / "nowhere", r"There is no .*config\.json")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    refused(folder, "is not a safetensors file, or was cut short")
    weights.unlink()
    refused(folder, r"holds no \.safetensors weights")
    folder = folder_of("llama")
    (folder / "tokenizer.json").unlink()
    refused(folder, r"has no tokenizer\.json.*--like FILE")


# ---- another file as the template ----


def test_like_takes_over_metadata_and_tokenizer(folder_of, files, tmp_path):
    folder = folder_of("gemma3")
    (folder / "tokenizer.json").unlink()
    made = convert(folder, tmp_path / "m.gguf", kind="bf16", like=files["gemma3"])
    one, two = (dict(tokens.gguf_metadata(p)) for p in (files["gemma3"], made.path))
    assert (one.pop("general.file_type"), two.pop("general.file_type")) == (1, 32)
    assert one == two
    assert "like" in modelfile.recorded(made.path)["sources"]


def test_like_another_model_is_refused(folder_of, files, tmp_path):
    folder = folder_of("qwen3")
    refused(folder, r"llama\.gguf is a llama model; the folder holds qwen3", like=files["llama"])
    other = tiny_models.make(tmp_path / "other", "qwen3", seed=77)
    refused(other, r"has nothing to do with .* \(cosine -?0\.", like=files["qwen3"])
    with pytest.raises(GiljabiError, match="are the same file"):
        convert(folder, files["qwen3"], like=files["qwen3"])
    change(folder, "config.json", rope_theta=5000.0)
    refused(folder, r"qwen3\.rope\.freq_base = 1000000\.0, but config", like=files["qwen3"])


# ---- other architectures ----

CONVERTER = """
import shutil, sys
folder, _, out, _, kind = sys.argv[1:]
if "fail" in kind or not folder:
    sys.exit("no")
{body}
"""


def checkout(tmp_path, body):
    folder = tmp_path / "llama.cpp"
    folder.mkdir()
    (folder / "convert_hf_to_gguf.py").write_text(CONVERTER.format(body=body), "utf-8")
    return folder


def unknown(folder):
    change(folder, "config.json", architectures=["StarlingForCausalLM"])
    return folder


def test_an_unknown_architecture_is_refused_by_name(folder_of):
    refused(unknown(folder_of("llama")), r"StarlingForCausalLM.*known: Gemma3.*--llama-cpp DIR")


def test_an_unknown_architecture_goes_to_a_checkout(folder_of, files, tmp_path):
    folder = unknown(folder_of("llama"))
    llama_cpp = checkout(tmp_path, f"shutil.copy({str(files['llama'])!r}, out)")
    made = convert(folder, tmp_path / "m.gguf", llama_cpp=llama_cpp, template="llama3")
    assert made.architecture == "llama"
    assert made.checked["texts"] > 40
    assert modelfile.recorded(made.path)["transformers"] == "StarlingForCausalLM"


def test_a_checkout_that_fails_is_quoted(folder_of, tmp_path):
    folder = unknown(folder_of("llama"))
    refused(folder, r"has no convert_hf_to_gguf\.py", llama_cpp=tmp_path)
    llama_cpp = checkout(tmp_path, "raise NotImplementedError('no such model')")
    refused(folder, r"could not convert .*no such model", llama_cpp=llama_cpp)


def test_a_checkout_that_writes_nothing_is_one_sentence(folder_of, tmp_path):
    folder = unknown(folder_of("llama"))
    refused(folder, "wrote no file", llama_cpp=checkout(tmp_path, ""))


# ---- the verb ----


def test_the_verb_writes_and_says_what_was_checked(originals, tmp_path):
    out = tmp_path / "sub" / "m.gguf"
    given = [str(originals["gemma3"]), "--out", str(out), "--answers", "2"]
    done = CliRunner().invoke(export_gguf, given)
    assert done.exit_code == 0, done.output
    assert "gemma3, F16, 80 tensors" in done.output
    assert "20 conversations" in done.output
    assert json.loads((tmp_path / "sub" / "m.gguf.json").read_text("utf-8"))["file"] == "m.gguf"


def test_a_failed_conversion_leaves_the_old_file_alone(folder_of, tmp_path):
    folder, out = folder_of("qwen3"), tmp_path / "m.gguf"
    convert(folder, out)
    before = out.read_bytes()
    change_tensors(folder, lambda t: t.pop("lm_head.weight"))
    with pytest.raises(GiljabiError, match=r"no tensor lm_head\.weight"):
        convert(folder, out)
    assert out.read_bytes() == before
    assert modelfile.recorded(out)["step"] == "convert"


def test_nothing_heavy_is_imported_with_the_module():
    import subprocess

    code = (
        "import sys, giljabi.export.convert, giljabi.cli.export_gguf\n"
        "heavy = {'torch', 'numpy', 'gguf', 'tokenizers', 'jinja2'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
