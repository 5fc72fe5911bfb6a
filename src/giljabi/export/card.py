"""Where a model file runs next: an Ollama Modelfile, a llama-server command, a hub model card.

All three are written from the file's records. Ollama's older template form is used on purpose:
one turn with .System, .Prompt and .Response, which Ollama repeats for each turn of the
conversation and cuts after .Response in the last (docs: ollama template.md, "Variables"); so the
prompt is, letter for letter, what `model/prompt.py` renders.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from giljabi.errors import GiljabiError
from giljabi.export import lineage
from giljabi.export.lineage import Record
from giljabi.model import prompt, store

OLLAMA = {
    "gemma": (
        "<start_of_turn>user\n{{ if .System }}{{ .System }}\n\n{{ end }}{{ .Prompt }}"
        "<end_of_turn>\n<start_of_turn>model\n{{ .Response }}<end_of_turn>\n"
    ),
    "llama3": (
        "{{ if .System }}<|start_header_id|>system<|end_header_id|>\n\n{{ .System }}<|eot_id|>"
        "{{ end }}<|start_header_id|>user<|end_header_id|>\n\n{{ .Prompt }}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n{{ .Response }}<|eot_id|>"
    ),
    "qwen": (
        "{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}"
        "<|im_start|>user\n{{ .Prompt }}<|im_end|>\n<|im_start|>assistant\n"
        "{{ .Response }}<|im_end|>\n"
    ),
}
"""One turn of each prompt template in Go's template language."""

_SERVER_TEMPLATE = {"gemma": "gemma", "llama3": "llama3", "qwen": "chatml"}  # llama.cpp's names
_LICENCES = {
    "Gemma Terms of Use": "gemma",
    "Apache-2.0": "apache-2.0",
    "Llama 3.2 Community License": "llama3.2",
}
"""The hub's own identifiers; any other licence is "other" with its name and address."""

_FIGURES = (
    ("top1", "likeliest token the same", "{:.1%}"),
    ("kl", "divergence, nats a token", "{:.4f}"),
    ("bits_per_byte", "bits per byte", "{:.4f}"),
    ("source_bits_per_byte", "bits per byte of the source", "{:.4f}"),
    ("tokens", "tokens compared", "{:,}"),
    ("same_answers", "answers the same", "{:,}"),
    ("mean_logprob", "mean log-prob apart", "{:.4f}"),
)


@dataclass(frozen=True, slots=True)
class Card:
    """What the three files are written from."""

    file: Path
    adapter: Path | None
    template: str
    settings: store.Settings
    n_ctx: int
    chain: Sequence[Record]
    """Records from the file back to its root, then the adapter's."""
    base: store.Base | None


def card(
    file: Path,
    out: Path,
    *,
    adapter: Path | None = None,
    template: str | None = None,
    base: str | None = None,
    port: int = 8080,
) -> list[Path]:
    """Write Modelfile, llama-server.sh and README.md into the new folder `out`; their paths.

    The files name the model where it lies, seen from `out`. `template` and `base` (a name of
    bases.toml) are needed where the records do not say. Raises GiljabiError for a file without a
    record, a template that cannot be written down, or an `out` that exists.
    """
    if out.exists():
        raise GiljabiError(f"{out} exists already; remove it, or give another --out.")
    found = read(file, adapter=adapter, template=template, base=base)
    made = {
        "Modelfile": modelfile_text(found, out),
        "llama-server.sh": server_text(found, out, port),
        "README.md": readme_text(found),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as unfinished:
        folder = Path(unfinished) / out.name
        folder.mkdir()
        for name, text in made.items():
            (folder / name).write_text(text, "utf-8")
        (folder / "llama-server.sh").chmod(0o755)
        folder.rename(out)
    return [out / name for name in made]


def read(
    file: Path,
    *,
    adapter: Path | None = None,
    template: str | None = None,
    base: str | None = None,
) -> Card:
    """What the records of `file` and `adapter` tell; see `card` for what it raises."""
    chain = lineage.records(file) + (lineage.records(adapter) if adapter else [])
    known = store.base(base) if base else lineage.base_of(chain)
    named = next((str(r["template"]) for r in chain if r.get("template")), "")
    spoken = prompt.template(template or named or (known.template if known else "")).name
    if spoken not in OLLAMA:
        raise GiljabiError(
            f"The prompt template {spoken} of {file} is not one Ollama and llama-server can be "
            f"told here; known: {', '.join(OLLAMA)} (--template)."
        )
    # A guide's phrasing must not wander: without a known base its default sampling is the guide's.
    settings = known.settings if known else store.base().settings
    return Card(file, adapter, spoken, settings, known.n_ctx if known else 4096, chain, known)


def modelfile_text(of: Card, folder: Path) -> str:
    """An Ollama Modelfile for `ollama create NAME -f Modelfile`."""
    lines = [f"FROM {_from(folder, of.file)}"]
    if of.adapter:
        lines.append(f"ADAPTER {_from(folder, of.adapter)}")
    lines.append(f'TEMPLATE """{OLLAMA[of.template]}"""')
    stops = prompt.template(of.template).stops
    lines += [f"PARAMETER stop {json.dumps(stop, ensure_ascii=False)}" for stop in stops]
    s = of.settings
    lines += [
        f"PARAMETER temperature {s.temperature:g}",
        f"PARAMETER top_p {s.top_p:g}",
        f"PARAMETER repeat_penalty {s.repetition_penalty:g}",
        f"PARAMETER num_predict {s.max_tokens}",
        f"PARAMETER num_ctx {of.n_ctx}",
    ]
    if of.base:
        lines.append(f'LICENSE """{of.base.licence}: {of.base.licence_url}"""')
    return "\n".join(lines) + "\n"


def server_text(of: Card, folder: Path, port: int) -> str:
    """A shell script with the exact llama-server command line; it answers on loopback only."""
    s = of.settings
    words = [
        ["llama-server"],
        ["--model", _from(folder, of.file)],
        *([["--lora", _from(folder, of.adapter)]] if of.adapter else []),
        ["--chat-template", _SERVER_TEMPLATE[of.template]],
        # Without it Gemma 3's sliding window drops the prompt's prefix (docs/architecture.md).
        ["--swa-full"],
        ["-c", str(of.n_ctx), "--parallel", "1"],
        ["--temp", f"{s.temperature:g}", "--top-p", f"{s.top_p:g}"],
        ["--repeat-penalty", f"{s.repetition_penalty:g}", "--predict", str(s.max_tokens)],
        ["--host", "127.0.0.1", "--port", str(port)],
    ]
    command = " \\\n  ".join(shlex.join(group) for group in words)
    return f'#!/bin/sh\ncd "$(dirname "$0")" || exit 1\nexec {command} "$@"\n'


def readme_text(of: Card) -> str:
    """A hub model card: front matter, what the file is, its lineage and its parity."""
    own = of.chain[0]
    lines = [
        *_front_matter(of), "",
        f"# {of.file.stem}", "",
        f"A language model that words the answers of a Korean and English place guide ([giljabi]"
        f"(https://pypi.org/project/giljabi)). Facts come from the guide's own records, not from "
        f"these weights. {own['bytes'] / 1e6:.1f} MB, prompt template `{of.template}`.", "",
        "## 실행 · Run", "",
        "```sh", "sh llama-server.sh", "ollama create guide -f Modelfile", "```", "",
        "Ollama and llama-server read a visitor's text as it is; giljabi takes turn markers out of "
        "it first. Do so in whatever speaks to them.", "",
        "## 내력 · Lineage", "",
        "| file | step | made from | sha256 |", "|---|---|---|---|",
        *(_lineage_row(record) for record in of.chain), "",
        *_parity_lines(of.chain),
    ]  # fmt: skip
    if of.base:
        lines += [
            "## 라이선스 · Licence", "",
            f"The weights derive from [{of.base.hub}](https://huggingface.co/{of.base.hub}) and "
            f"stay under its licence: [{of.base.licence}]({of.base.licence_url}).", "",
        ]  # fmt: skip
    return "\n".join(lines)


def _front_matter(of: Card) -> list[str]:
    known, steps = of.base, [str(record.get("step", "")) for record in of.chain]
    lines = ["---"]
    if known:
        short = _LICENCES.get(known.licence, "other")
        lines.append(f"license: {short}")
        if short == "other":
            lines += [
                f"license_name: {json.dumps(known.licence, ensure_ascii=False)}",
                f"license_link: {known.licence_url}",
            ]
        # The hub draws its tree of models from these two.
        relation = "adapter" if of.adapter else "finetune" if "merge" in steps else "quantized"
        lines += [f"base_model: {known.hub}", f"base_model_relation: {relation}"]
    lines += ["language:", "- ko", "- en", "pipeline_tag: text-generation", "tags:"]
    return [*lines, "- gguf", "- llama.cpp", "- ollama", "- giljabi", "---"]


def _lineage_row(record: Record) -> str:
    sources = record.get("sources", {}).items()
    said = ", ".join(f"{role} {s['file']} `{str(s['sha256'])[:12]}`" for role, s in sources)
    step = str(record.get("step", ""))
    for key in ("quantisation", "type"):
        step += f" {record[key]}" if record.get(key) else ""
    step += " (a second time)" if record.get("requantised") else ""
    return f"| {record.get('file', '')} | {step} | {said or '–'} | `{record.get('sha256', '')}` |"


def _parity_lines(chain: Sequence[Record]) -> list[str]:
    rows = []
    for record in chain:
        found: Mapping[str, Any] = record.get("parity") or {}
        rows += [
            f"| {record.get('file', '')} | {said} | {form.format(found[key])} |"
            for key, said, form in _FIGURES
            if key in found
        ]
    if not rows:
        return []
    return [
        "## 같은 모델인가 · Parity with the source", "",
        "| file | figure | value |", "|---|---|---|", *rows, "",
    ]  # fmt: skip


def _from(folder: Path, file: Path) -> str:
    """`file` as seen from `folder`, so that both can be moved together."""
    # Path.relative_to knows no ".." before Python 3.12.

    path = Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    return path if path.startswith("..") else f"./{path}"
