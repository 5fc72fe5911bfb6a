"""Verbs on a venue: show, check, import, collect."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

from giljabi.answer.guide import Guide
from giljabi.cli.options import progress_bar, venue_option
from giljabi.documents.encoders import NAMES
from giljabi.documents.library import NAME, Library
from giljabi.errors import GiljabiError
from giljabi.venue import folder


@click.group()
def venue() -> None:
    """Venue folders: show, check, import."""


@venue.command("show")
@venue_option
@click.argument("place", required=False)
def venue_show(venue_dir: Path, place: str | None) -> None:
    """What a venue holds; with PLACE, everything known of one place and where it comes from."""
    from giljabi.documents import importing
    from giljabi.venue.show import place_text, venue_text

    loaded = folder.load(venue_dir)
    if place is None:
        click.echo(venue_text(loaded))
        if counted := importing.counted(venue_dir):
            click.echo(f"  documents: {counted[0]}, passages: {counted[1]}")
    else:
        click.echo(place_text(loaded, Guide(loaded).find_place(place)))


@venue.command("check")
@click.argument("records", nargs=-1, type=click.Path(path_type=Path, exists=True))
@venue_option
@click.option(
    "--coordinates",
    type=click.Path(path_type=Path, exists=True),
    help="With RECORDS: coordinates by building code.",
)
@click.option("--json", "as_json", is_flag=True, help="All findings as JSON.")
@click.option("--verbose", is_flag=True, help="Every finding, not the first of each rule.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
def venue_check(
    records: tuple[Path, ...], venue_dir: Path, coordinates: Path | None, as_json: bool,
    verbose: bool, strict: bool,
) -> None:  # fmt: skip
    """Findings on a venue folder, or on other people's RECORDS: where, what, and how to mend it.

    Exit code 0 without errors, 1 with, 2 where the input cannot be read.
    """
    from giljabi.venue import findings, lint

    if records:
        loaded, texts = lint.from_records(records, coordinates)
        found = lint.check(loaded, None, texts)
    else:
        loaded = folder.load(venue_dir)
        found = lint.check(loaded, venue_dir)
    if as_json:
        click.echo(json.dumps(findings.to_json(found), ensure_ascii=False, indent=1))
    else:
        click.echo(
            f"{loaded.id}: {len(loaded.places)} places, {len(loaded.directions)} described ways"
        )
        click.echo(findings.report(found, verbose=verbose))
    raise click.exceptions.Exit(findings.exit_code(found, strict=strict))


_MAPS = (".osm", ".osm.gz", ".osm.bz2", ".pbf")


@venue.command("import")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--coordinates",
    type=click.Path(path_type=Path, exists=True),
    help="Coordinates, English names and aliases by building code.",
)
@click.option(
    "--into",
    "target",
    type=click.Path(path_type=Path),
    help="The venue folder; its wording.json and names.json give the English words. May be left "
    "out for documents that lie in VENUE/documents.",
)
@click.option(
    "--name", default="", help="Of a map or table: the venue's name; the file's by default."
)
@click.option(
    "--origin", help="Of a map or table: the place where walks start; the centre by default."
)
@click.option(
    "--prune", is_flag=True, help="Of documents: forget those no longer in the folder given."
)
@click.option(
    "--max-mb",
    type=click.IntRange(1),
    default=64,
    show_default=True,
    help="Of documents: the largest file that is read.",
)
@click.option(
    "--encoder",
    type=click.Choice(["auto", "none", *NAMES]),
    default="auto",
    show_default=True,
    help="Of documents: what finds them by meaning too; auto is the best that is installed.",
)
@click.pass_context
def venue_import(
    ctx: click.Context, records: tuple[Path, ...], coordinates: Path | None, target: Path | None,
    name: str, origin: str | None, prune: bool, max_mb: int, encoder: str,
) -> None:  # fmt: skip
    """Read RECORDS into a venue folder.

    JSON records of the known shapes become its places.json. One .osm, .osm.gz, .osm.bz2 or .pbf
    extract, one .csv or one .geojson becomes a whole folder, walkways included. Documents
    (Markdown, text, HTML, PDF, DOCX, HWPX), also whole folders of them, go into documents.db of a
    venue that is there; of those imported before only what changed is read.
    """
    from giljabi.documents import importing

    documents = [importing.is_document(r) for r in records]
    if target is None and all(documents):
        target = importing.venue_of(records)
    if target is None:
        raise click.MissingParameter(
            ctx=ctx, param=next(p for p in ctx.command.params if p.name == "target")
        )
    if any(documents):
        if not all(documents) or coordinates is not None or name or origin:
            raise GiljabiError(
                "Documents go into a venue by themselves: import records and maps first, and give "
                "--coordinates, --name and --origin with those."
            )
        _import_documents(ctx, records, target, prune, max_mb, encoder)
        return
    if (target / "venue.toml").exists():
        raise GiljabiError(
            f"{target} is a venue already: import into a new folder and copy what you want from it."
        )
    if all(r.suffix == ".json" for r in records):
        _import_records(records, coordinates, target)
    elif len(records) > 1 or coordinates is not None:
        raise GiljabiError("Give one map or table at a time, without --coordinates.")
    else:
        _import_map(records[0], target, name, origin)


def _import_documents(
    ctx: click.Context, given: tuple[Path, ...], target: Path, prune: bool, max_mb: int, name: str
) -> None:
    from giljabi.documents import encoders, importing
    from giljabi.documents.confined import Limits

    with progress_bar() as bar:
        task = bar.add_task(target.name, total=None)

        def told(outcome: importing.Outcome, done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            click.echo(outcome.line(), err=outcome.kind == "failed")

        outcomes = importing.import_documents(
            given, target, prune=prune, limits=Limits(size=max_mb << 20), told=told
        )
    _tell_orders(target / NAME, [o.path for o in outcomes if o.kind == "read"])
    name = encoders.installed() if name == "auto" else name.removeprefix("none")
    if name:
        _embed(target / NAME, name)
    if any(o.kind == "failed" for o in outcomes):
        ctx.exit(2)


@venue.command("find")
@click.argument("question")
@venue_option
@click.option("-k", "count", type=click.IntRange(1), default=5, show_default=True, help="How many.")
def find_passages(question: str, venue_dir: Path, count: int) -> None:
    """The passages of the venue's documents that come nearest to QUESTION, the nearest first."""
    from giljabi.cli.guides import SHIPPED, documents_of

    documents = documents_of(venue_dir, SHIPPED)
    if documents is None:
        raise GiljabiError(f"{venue_dir} has no documents; run giljabi venue import with some.")
    for passage in documents.passages(question, count):
        page = f", p. {passage.page}" if passage.page else ""
        click.echo(f"{passage.place} ({passage.id}{page})")
        click.echo("".join(f"  | {line}\n" for line in passage.text.split("\n")))


def _tell_orders(path: Path, read: Sequence[str]) -> None:
    """Name the passages of which something is never said; a person may see that it should be."""
    from giljabi.answer.orders import without_orders

    with Library(path, create=True) as library:
        for source in read:
            found = [p.id for p in library.passages(source) if without_orders(p) is not p]
            if found:
                more = f" and {len(found) - 3} more" if found[3:] else ""
                click.echo(
                    f"  {source}: something in {', '.join(found[:3])}{more} speaks to a machine and "
                    "is left out (docs/documents.md).", err=True,
                )  # fmt: skip


def _embed(path: Path, name: str) -> None:
    """The vectors of passages and, by the encoder that evidence was learnt with, of sentences."""
    from giljabi.answer import spans
    from giljabi.documents import encoders
    from giljabi.documents.vectors import Vectors

    with Library(path, create=True) as library, progress_bar() as bar:
        vectors = Vectors(library)
        task = bar.add_task(f"by meaning ({name})", total=len(library))
        vectors.embed(encoders.encoder(name), lambda done: bar.update(task, completed=done))
        if spans.ENCODER in name:
            task = bar.add_task(f"sentences ({spans.ENCODER})", total=len(library))
            near = encoders.encoder(spans.ENCODER)
            vectors.embed_parts(near, spans.texts, lambda done: bar.update(task, completed=done))


def _import_records(records: tuple[Path, ...], coordinates: Path | None, target: Path) -> None:
    from giljabi.venue.readers import import_places, read_wording

    places = import_places(records, coordinates, read_wording(target))
    try:
        folder.write_json(target / "places.json", places)
    except OSError as e:
        raise GiljabiError(f"{target} cannot be written: {e.strerror or e}.") from None
    loose = [n["name"] for p in places for n in p.get("neighbours", ()) if "place" not in n]
    click.echo(
        f"{target / 'places.json'}: {len(places)} places; {len(loose)} neighbour names unresolved."
    )


def _import_map(source: Path, target: Path, name: str, origin: str | None) -> None:
    from giljabi.venue import imported
    from giljabi.venue.osm import read_osm
    from giljabi.venue.tables import read_csv, read_geojson

    if source.name.endswith(_MAPS):
        found = read_osm(source)
    elif source.suffix == ".csv":
        found = read_csv(source)
    elif source.suffix in (".geojson", ".json"):
        found = read_geojson(source)
    else:
        raise GiljabiError(f"{source}: no reader for {source.suffix or 'a file without a suffix'}; "
                           f"known: .json, .csv, .geojson, {', '.join(_MAPS)}.")  # fmt: skip
    stem = source.name.partition(".")[0]
    venue_id = re.sub(r"[^A-Za-z0-9_-]+", "-", target.name) or "venue"
    start = imported.write_venue(found, target, name=name or stem, venue_id=venue_id, origin=origin)
    click.echo(
        f"{target}: {len(found.places)} places, {len(found.links)} links, {len(found.junctions)} junctions."
    )
    if minutes := next(p.get("minutes") for p in found.places if p["id"] == start):
        click.echo(
            f"Walks now start at {start}, for which the file has {minutes} min (left out): if it "
            "measured them from elsewhere, import into a new folder with --origin."
        )


@venue.command("collect")
@click.option("--lat", type=float, required=True, help="Centre, WGS84 degrees.")
@click.option("--lon", type=float, required=True)
@click.option("--radius", default=1000, show_default=True, help="Metres.")
@click.option(
    "--into", "target", required=True, type=click.Path(path_type=Path), help="The venue folder."
)
@click.option("--name", help="The venue's name; the folder's by default.")
@click.option("--query", "queries", multiple=True, help='A search, as "왕십리 카페"; repeatable.')
@click.option(
    "--area",
    "areas",
    multiple=True,
    help="A district: asked for with every category word; repeatable.",
)
@click.option("--rate", default=5.0, show_default=True, help="Requests a second.")
@click.option("--dry-run", is_flag=True, help="Say how many requests are planned.")
def venue_collect(
    lat: float, lon: float, radius: int, target: Path, name: str | None, queries: tuple[str, ...],
    areas: tuple[str, ...], rate: float, dry_run: bool,
) -> None:  # fmt: skip
    """Collect places around a point from Kakao (KAKAO_REST_API_KEY) and Naver (NAVER_CLIENT_ID, NAVER_CLIENT_SECRET).

    Stopped or killed, the same command goes on and asks nothing twice.
    """
    from giljabi.venue import collect
    from giljabi.venue.place import Point

    asked = [*queries, *collect.queries_for(areas)]
    with progress_bar() as bar:
        task = bar.add_task(target.name, total=None)
        report = collect.run(
            Point(lat, lon), radius, target,
            kakao=collect.KakaoKeys.from_env(os.environ), naver=collect.NaverKeys.from_env(os.environ),
            queries=asked, rate=rate, dry_run=dry_run, name=name,
            progress=lambda done, known: bar.update(task, completed=done, total=known),
        )  # fmt: skip
    click.echo("\n".join(report.sentences()))
