import sys

import pytest

from giljabi.errors import GiljabiError
from giljabi.model import generate, store
from giljabi.model.openai_url import OpenAIUrl


def test_a_url_needs_the_name_of_its_model():
    with pytest.raises(GiljabiError, match="Say which model"):
        generate.load("http://127.0.0.1:8080/v1")
    assert isinstance(generate.load("http://127.0.0.1:8080/v1", model="m"), OpenAIUrl)
    with pytest.raises(GiljabiError, match="is not a URL"):
        generate.load("http://", model="m")


def test_an_unknown_file_needs_its_template_said(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(GiljabiError, match="Say which prompt template"):
        generate.load(str(path))


def test_without_the_runtime_its_install_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF")
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[embedded\]'"):
        generate.load(str(path), template="gemma")


def test_without_transformers_its_install_command_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[train\]'"):
        generate.load(str(tmp_path), template="gemma")


def test_a_base_is_spoken_to_as_it_was_tuned(tmp_path):
    known = store.base("gemma3-270m")
    pick = generate._template
    assert pick(known, None, tuned=False, path=tmp_path).name == "completion"
    assert pick(known, None, tuned=True, path=tmp_path).name == "gemma"
    assert pick(known, "qwen", tuned=True, path=tmp_path).name == "qwen"
    assert pick(store.base("gemma-2-2b-it"), None, tuned=False, path=tmp_path).name == "gemma"


def test_nothing_heavy_is_imported_at_start():
    import subprocess

    code = (
        "import sys, giljabi.model.generate, giljabi.model.store, giljabi.model.llamacpp, "
        "giljabi.model.openai_url, giljabi.model.torch_chat\n"
        "heavy = {'torch', 'transformers', 'xllamacpp', 'huggingface_hub', 'httpx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
