"""Verbs on adapters: merge one into its base, or write it as a GGUF file."""

from __future__ import annotations

from pathlib import Path

import click

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
def adapter(adapter_dir: Path, base: str, out: Path | None, other_base: bool) -> None:
    """Write ADAPTER (a PEFT LoRA folder) as a GGUF file that is loaded over the unmerged base."""
    from giljabi.export.adapter import to_gguf
    from giljabi.model import store

    path, record = to_gguf(adapter_dir, store.weights(base).path, out, other_base=other_base)
    click.echo(
        f"{path}: {record['bytes'] / 1e6:.1f} MB, rank {record['rank']}, "
        f"{record['modules']} modules, {record['base']} base"
    )
