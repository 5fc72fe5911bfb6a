"""Verbs on adapters: merge one into its base, or write it as a GGUF file."""

from __future__ import annotations

from pathlib import Path

import click

from giljabi.cli.options import progress_bar, venue_option
from giljabi.export.parity import GUIDE_ANSWERS

_OTHER_BASE = "Go on with a base the adapter was not trained on; the result is labelled as such."


@click.command()
@click.argument("adapter_dir", metavar="ADAPTER", type=click.Path(path_type=Path))
@click.argument("base")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A new folder; ADAPTER-merged (or -otherbase-merged) beside the adapter by default.",
)
@click.option("--other-base", is_flag=True, help=_OTHER_BASE)
@click.option(
    "--shard-size",
    default="5GB",
    show_default=True,
    help="Most bytes a weights file, unless one tensor has more.",
)
def merge(
    adapter_dir: Path, base: str, out: Path | None, other_base: bool, shard_size: str
) -> None:
    """Merge ADAPTER (a PEFT folder) into BASE: safetensors, with its tokenizer and template.

    BASE is a folder of safetensors, a .gguf file or a name of bases.toml, and has to be what the
    adapter was trained on. The result is loaded again and has to answer as before.
    """
    from giljabi.export.merge import merge as merged
    from giljabi.model import store

    path, record = merged(
        adapter_dir, store.weights(base).path, out, other_base=other_base, shard_size=shard_size
    )
    parity = record["parity"]
    click.echo(
        f"{path}: {record['bytes'] / 1e6:.0f} MB {record['dtype']}, {record['base']} base; "
        f"{parity['same_answers']} of {parity['prompts']} answers the same, "
        f"{parity['mean_logprob']:.4f} log-prob a token apart"
    )


@click.command()
@click.argument("adapter_dir", metavar="ADAPTER", type=click.Path(path_type=Path))
@click.option(
    "--base", required=True, help="The .gguf file, or its name in bases.toml, it is loaded over."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="A .gguf file; ADAPTER.gguf (or ADAPTER-otherbase.gguf) beside it by default.",
)
@click.option("--other-base", is_flag=True, help=_OTHER_BASE)
@click.option(
    "--answers", type=click.IntRange(0), default=GUIDE_ANSWERS, show_default=True,
    help="Guide answers to compare on, beside the fixed text; where a template is known.",
)  # fmt: skip
@click.option("--template", help="Prompt template; the one the base's record names by default.")
@venue_option
def adapter(
    adapter_dir: Path, base: str, out: Path | None, other_base: bool, answers: int,
    template: str | None, venue_dir: Path,
) -> None:  # fmt: skip
    """Write ADAPTER (a PEFT LoRA folder) as a GGUF file that is loaded over the unmerged base.

    It is loaded so once; where transformers and peft are installed, both have to say what they
    say there.
    """
    from giljabi.export import parity
    from giljabi.export.adapter_gate import comparable, to_gguf_checked
    from giljabi.model import store

    found = store.weights(base)
    samples: list[parity.Sample] = []
    if comparable(found.path):
        known = template or (found.base.template if found.base else None)
        samples = parity.samples(venue_dir, _spoken(found.path, known), answers)
    with progress_bar() as progress:
        task = progress.add_task("compared", total=None)
        path, record = to_gguf_checked(
            adapter_dir, found.path, out, samples=samples, other_base=other_base,
            progress=lambda n, of: progress.update(task, completed=n, total=of),
        )  # fmt: skip
    click.echo(
        f"{path}: {record['bytes'] / 1e6:.1f} MB, rank {record['rank']}, "
        f"{record['modules']} modules, {record['base']} base"
    )
    if (figures := record["parity"]) is None:
        click.echo(
            "llama.cpp loads it; not compared in numbers with PEFT: that needs pip install "
            "'giljabi[train]' and a base that transformers reads from GGUF"
        )
    else:
        click.echo(
            f"likeliest token the same as PEFT's in {figures['top1']:.1%}, divergence "
            f"{figures['kl']:.4f} nats a token"
        )


def _spoken(base: Path, known: str | None) -> str | None:
    """The template of a base, by what is known or its records; None where nobody says."""
    from giljabi.errors import GiljabiError
    from giljabi.export import lineage

    try:
        return lineage.template_of(base, known)
    except GiljabiError:
        return None
