"""`giljabi export gguf`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("gguf")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The file to write.")
@click.option(
    "--type",
    "kind",
    type=click.Choice(["f16", "bf16", "f32"]),
    default="f16",
    show_default=True,
    help="How matrices are stored; norms and biases stay F32.",
)
@click.option(
    "--like",
    type=click.Path(path_type=Path),
    help="A GGUF file of the same model, whose metadata and tokenizer are taken over.",
)
@click.option(
    "--llama-cpp",
    type=click.Path(path_type=Path),
    help="A llama.cpp checkout, for architectures not known here.",
)
@click.option(
    "--template", help="Embed giljabi's own chat template of this name: gemma, llama3 or qwen."
)
def gguf(
    folder: Path, out: Path, kind: str, like: Path | None, llama_cpp: Path | None,
    template: str | None,
) -> None:  # fmt: skip
    """Convert a Hugging Face folder to a GGUF file, checked against its source.

    Gemma 3 (text), Llama 3, Qwen 2.5 and Qwen 3; others through --llama-cpp.
    """
    from giljabi.export.convert import convert

    made = convert(folder, out, kind=kind, like=like, llama_cpp=llama_cpp, template=template)
    checked = ", ".join(f"{count} {what}" for what, count in made.checked.items() if count)
    megabytes = made.path.stat().st_size / 1e6
    click.echo(
        f"{made.path}: {made.architecture}, {made.kind.upper()}, {made.tensors} tensors, "
        f"{made.rows} tokens, {megabytes:.1f} MB"
    )
    click.echo(f"checked: {checked}")
