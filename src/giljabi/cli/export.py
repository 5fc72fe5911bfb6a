"""The verbs that make model files."""

from __future__ import annotations

import click

from giljabi.cli import export_gguf, export_merge, export_quantise, export_trim


@click.group()
def export() -> None:
    """Model files: trim, merge, convert, quantise, adapt; each step checked against its source."""


for command in (
    export_trim.trim, export_merge.merge, export_gguf.gguf, export_quantise.quantise,
    export_merge.adapter, export_quantise.compare, export_quantise.card,
):  # fmt: skip
    export.add_command(command)
