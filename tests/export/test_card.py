"""What `giljabi export card` writes, from records alone: no model is loaded."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from giljabi.answer.generator import Message
from giljabi.cli.export_quantise import card as verb
from giljabi.errors import GiljabiError
from giljabi.export import lineage, modelfile
from giljabi.export.card import OLLAMA, card, modelfile_text, read
from giljabi.export.card import server_text as server
from giljabi.model import prompt, store

PARITY = {
    "tokens": 2000,
    "top1": 0.876,
    "kl": 0.04321,
    "bits_per_byte": 1.25,
    "source_bits_per_byte": 1.2,
}


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """base → trimmed → merged and converted → quantised, each with its record; bytes, no weights."""
    folder = tmp_path / "models"
    folder.mkdir()
    base = folder / "base.gguf"
    base.write_bytes(b"base")
    known = store.base()
    monkeypatch.setattr(
        lineage.store, "bases",
        lambda: {known.name: type(known)(**{**_fields(known), "sha256": store.sha256_of(base)})},
    )  # fmt: skip
    trimmed, f16, small = (folder / name for name in ("trimmed.gguf", "f16.gguf", "guide.gguf"))
    for path in (trimmed, f16, small):
        path.write_bytes(path.name.encode())
    modelfile.record(trimmed, "trim", {"base": base}, {"tokens": 54_000, "of": 262_144})
    modelfile.record(f16, "convert", {"source": trimmed}, {"type": "f16", "template": "gemma"})
    modelfile.record(
        small, "quantise", {"base": f16}, {"quantisation": "Q4_K_M", "parity": PARITY, "template": "gemma"}
    )  # fmt: skip
    return small


def _fields(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__slots__}


def ollama(template: str, system: str, turns: list[tuple[str, str]], question: str) -> str:
    """The prompt Ollama makes: the template once a turn, cut after .Response in the last.

    Its documented rule for templates without .Messages; .System stands in the first turn only.
    """
    out = ""
    for n, (asked, answered) in enumerate([*turns, (question, "")]):
        text = template if n < len(turns) else template.partition("{{ .Response }}")[0]
        said = system if n == 0 else ""
        text = re.sub(
            r"\{\{ if \.System \}\}(.*?)\{\{ end \}\}", r"\1" if said else "", text, flags=re.S
        )
        for name, value in ((".System", said), (".Prompt", asked), (".Response", answered)):
            text = text.replace("{{ " + name + " }}", value)
        out += text
    return out


@pytest.mark.parametrize("name", ["gemma", "llama3", "qwen"])
@pytest.mark.parametrize("system", ["", "당신은 안내원입니다."])
@pytest.mark.parametrize("turns", [[], [("도서관 어디야?", "정문 왼쪽입니다.")]])
def test_ollama_asks_as_the_model_was_taught(
    name: str, system: str, turns: list[tuple[str, str]]
) -> None:
    messages: list[Message] = [{"role": "system", "content": system}] if system else []
    for asked, answered in turns:
        messages += [{"role": "user", "content": asked}, {"role": "assistant", "content": answered}]
    messages.append({"role": "user", "content": "몇 층?"})
    expected = prompt.template(name).render(messages)
    assert ollama(OLLAMA[name], system, turns, "몇 층?") == expected
    assert "{{ .Response }}" + prompt.template(name).end in OLLAMA[name]


def test_two_turns_of_gemma_letter_for_letter() -> None:
    made = ollama(OLLAMA["gemma"], "S", [("Q1", "A1")], "Q2")
    assert made == (
        "<start_of_turn>user\nS\n\nQ1<end_of_turn>\n<start_of_turn>model\nA1<end_of_turn>\n"
        "<start_of_turn>user\nQ2<end_of_turn>\n<start_of_turn>model\n"
    )


def test_the_modelfile(shipped: Path, tmp_path: Path) -> None:
    adapter = shipped.with_name("lora.gguf")
    adapter.write_bytes(b"lora")
    modelfile.record(adapter, "adapter", {"base": shipped})
    text = modelfile_text(read(shipped, adapter=adapter), tmp_path / "card")
    assert text == (
        "FROM ../models/guide.gguf\n"
        "ADAPTER ../models/lora.gguf\n"
        'TEMPLATE """<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}'
        '<end_of_turn>\n<start_of_turn>model\n{{ .Response }}<end_of_turn>\n"""\n'
        'PARAMETER stop "<end_of_turn>"\n'
        'PARAMETER stop "<start_of_turn>"\n'
        "PARAMETER temperature 0\n"
        "PARAMETER top_p 0.9\n"
        "PARAMETER repeat_penalty 1\n"
        "PARAMETER num_predict 160\n"
        "PARAMETER num_ctx 2048\n"
        'LICENSE """Gemma Terms of Use: https://ai.google.dev/gemma/terms"""\n'
    )


def test_the_llama_server_script_is_one_exact_command(shipped: Path, tmp_path: Path) -> None:
    text = server(read(shipped), tmp_path / "card", 9000)
    script = tmp_path / "llama-server.sh"
    script.write_text(text, "utf-8")
    assert subprocess.run(["sh", "-n", str(script)], check=False).returncode == 0
    command = text.partition("exec ")[2].replace("\\\n", " ")
    assert shlex.split(command) == [
        "llama-server", "--model", "../models/guide.gguf", "--chat-template", "gemma", "--swa-full",
        "-c", "2048", "--parallel", "1", "--temp", "0", "--top-p", "0.9", "--repeat-penalty", "1",
        "--predict", "160", "--host", "127.0.0.1", "--port", "9000", "$@",
    ]  # fmt: skip


def test_the_model_card_tells_licence_lineage_and_parity(shipped: Path, tmp_path: Path) -> None:
    card(shipped, tmp_path / "card")
    text = (tmp_path / "card" / "README.md").read_text("utf-8")
    matter = text.split("---\n")[1]
    assert matter.splitlines() == [
        "license: gemma", "base_model: google/gemma-3-270m", "base_model_relation: quantized",
        "language:", "- ko", "- en", "pipeline_tag: text-generation",
        "tags:", "- gguf", "- llama.cpp", "- ollama", "- giljabi",
    ]  # fmt: skip
    rows = [line for line in text.splitlines() if line.startswith("| ") and "sha256" not in line]
    steps = [row.split(" | ")[1] for row in rows if row.count(" | ") == 3]
    assert steps == ["quantise Q4_K_M", "convert f16", "trim"]
    assert store.sha256_of(shipped) in text
    assert "| guide.gguf | likeliest token the same | 87.6% |" in text
    assert "| guide.gguf | divergence, nats a token | 0.0432 |" in text
    assert "[Gemma Terms of Use](https://ai.google.dev/gemma/terms)" in text


def test_a_licence_the_hub_has_no_name_for_is_given_with_its_address(
    shipped: Path, tmp_path: Path
) -> None:
    card(shipped, tmp_path / "card", base="qwen2.5-3b-instruct", template="qwen")
    matter = (tmp_path / "card" / "README.md").read_text("utf-8").split("---\n")[1]
    assert "license: other\n" in matter
    assert 'license_name: "Qwen Research License (no commercial use)"\n' in matter
    assert "license_link: https://huggingface.co/Qwen/" in matter
    text = (tmp_path / "card" / "llama-server.sh").read_text("utf-8")
    assert "--chat-template chatml" in text


def test_a_file_without_record_or_changed_since_gets_no_card(shipped: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(b"x")
    with pytest.raises(GiljabiError, match=r"other\.gguf has no record"):
        card(other, tmp_path / "card")
    shipped.write_bytes(b"changed")
    with pytest.raises(GiljabiError, match="is not the file its record"):
        card(shipped, tmp_path / "card")
    assert not (tmp_path / "card").exists()


def test_a_template_ollama_cannot_be_told_is_refused(shipped: Path, tmp_path: Path) -> None:
    with pytest.raises(GiljabiError, match=r"template completion .* known: gemma, llama3, qwen"):
        card(shipped, tmp_path / "card", template="completion")


def test_the_verb_writes_three_files_and_never_over_others(shipped: Path, tmp_path: Path) -> None:
    out = tmp_path / "card"
    result = CliRunner().invoke(verb, [str(shipped), "--out", str(out)])
    assert result.exception is None, result.output
    assert sorted(path.name for path in out.iterdir()) == [
        "Modelfile", "README.md", "llama-server.sh",
    ]  # fmt: skip
    assert (out / "llama-server.sh").stat().st_mode & 0o111
    again = CliRunner().invoke(verb, [str(shipped), "--out", str(out)])
    assert isinstance(again.exception, GiljabiError)


def test_the_chain_stops_where_a_file_was_made_anew(shipped: Path) -> None:
    assert lineage.steps(shipped) == ["trim", "convert", "quantise"]
    where = modelfile.record_path(shipped.with_name("f16.gguf"))
    record = json.loads(where.read_text("utf-8")) | {"sha256": "0" * 64}
    where.write_text(json.dumps(record), "utf-8")
    assert lineage.steps(shipped) == ["quantise"]
    assert lineage.template_of(shipped) == "gemma"
    assert lineage.template_of(shipped, "qwen") == "qwen"
