"""`giljabi data invent`: a venue that exists nowhere, to train on."""

from __future__ import annotations

from pathlib import Path

import click

from giljabi.build.invented import FEWEST, KINDS, MOST
from giljabi.errors import GiljabiError


@click.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.option("--seed", default=0, show_default=True, help="Another seed, another venue.")
@click.option(
    "--places",
    default=40,
    show_default=True,
    type=click.IntRange(FEWEST, MOST),
    help="How many places it has.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A new folder.")
def invent(kind: str, seed: int, places: int, out: Path) -> None:
    """Invent a venue of KIND and write it as a venue folder.

    The same kind, seed and number give the same bytes; `giljabi data build` takes the folder.
    """
    from giljabi.build.invented import invent as invented
    from giljabi.build.invented_folder import write

    venue = invented(kind, seed, places)
    try:
        write(venue, out)
    except OSError as error:
        where = error.filename or out
        raise GiljabiError(f"{where}: {error.strerror or error}; give another --out.") from error
    click.echo(f"{out}: {venue.name.ko} ({venue.name.en}), {len(venue.places)} places.")
