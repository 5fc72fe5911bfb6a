"""`giljabi export gguf`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

import click

from giljabi.cli.options import progress_bar, venue_option
from giljabi.export.parity import GUIDE_ANSWERS


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
@click.option(
    "--answers", type=click.IntRange(0), default=GUIDE_ANSWERS, show_default=True,
    help="Guide answers to compare on, beside the fixed text.",
)  # fmt: skip
@venue_option
def gguf(
    folder: Path, out: Path, kind: str, like: Path | None, llama_cpp: Path | None,
    template: str | None, answers: int, venue_dir: Path,
) -> None:  # fmt: skip
    """Convert a Hugging Face folder to a GGUF file, checked against its source.

    Gemma 3 (text), Llama 3, Qwen 2.5 and Qwen 3; others through --llama-cpp.
    """
    from giljabi.export.conversion_gate import comparable, convert_checked, spoken
    from giljabi.export.parity import Sample, samples

    texts: list[Sample] = []
    if comparable():
        texts = samples(venue_dir, spoken(folder, template), answers)
    with progress_bar() as bar:
        task = bar.add_task("compared", total=None)
        made, parity = convert_checked(
            folder, out, texts, kind=kind, like=like, llama_cpp=llama_cpp, template=template,
            progress=lambda n, of: bar.update(task, completed=n, total=of),
        )  # fmt: skip
    checked = ", ".join(f"{count} {what}" for what, count in made.checked.items() if count)
    megabytes = made.path.stat().st_size / 1e6
    click.echo(
        f"{made.path}: {made.architecture}, {made.kind.upper()}, {made.tensors} tensors, "
        f"{made.rows} tokens, {megabytes:.1f} MB"
    )
    click.echo(f"checked: {checked}")
    if parity is None:
        click.echo("not compared in numbers with its source: pip install 'giljabi[train]'")
    else:
        click.echo(
            f"likeliest token the same in {parity.top1:.1%}, divergence {parity.kl:.4f} nats a token"
        )
