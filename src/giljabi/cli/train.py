"""`giljabi train`: parse, call one function, print."""

from __future__ import annotations

from pathlib import Path

import click

from giljabi.cli.options import progress_bar, writing
from giljabi.errors import GiljabiError


def _list(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if not wanted or context.resilient_parsing:
        return
    from giljabi.tune import recipe

    for name, path in recipe.shipped().items():
        click.echo(f"{name:12} {recipe.table(path).get('about', '')}\n{'':12} {path}")
    context.exit()


@click.command()
@click.argument("recipe")
@click.option("--list", is_flag=True, is_eager=True, expose_value=False, callback=_list,
              help="Name the recipes that come with giljabi.")  # fmt: skip
@click.option("--data", "train", multiple=True, metavar="PATH",
              help="Rows to learn, in place of the recipe's: a file, or a folder of data build; "
              "repeatable.")  # fmt: skip
@click.option(
    "--eval", "held_out", multiple=True, metavar="PATH", help="Held-out rows; repeatable."
)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False),
              help="A new folder, or the run to go on with; runs/RECIPE-HASH by default.")  # fmt: skip
@click.option("--set", "overrides", multiple=True, metavar="TABLE.KEY=VALUE",
              help="Another value for one setting, such as train.max_steps=100; repeatable.")  # fmt: skip
@click.option("--smoke", is_flag=True,
              help="A dozen steps on the real base, then the adapter in the runtime: minutes.")  # fmt: skip
@click.option("--push", "target", metavar="FOLDER|hub:OWNER/NAME",
              help="Where a copy of what was made goes.")  # fmt: skip
def train(
    recipe: str, train: tuple[str, ...], held_out: tuple[str, ...], out: Path | None,
    overrides: tuple[str, ...], smoke: bool, target: str | None,
) -> None:  # fmt: skip
    """Tune a model by RECIPE, a shipped name (--list) or a .toml file.

    A run that was stopped goes on where its last checkpoint was when the same command is given
    again. Paths in a recipe are relative to where you are.
    """
    from giljabi.tune import push, run
    from giljabi.tune import recipe as recipes
    from giljabi.tune import smoke as smoking

    if recipes.table(recipes.find(recipe)).get("kind") == "speech":
        _speech(recipes.find(recipe), train, held_out, out, overrides, smoke, target)
        return
    chosen = run.with_data(recipes.read(recipes.find(recipe), overrides), train, held_out)
    with writing(out or Path("runs")), progress_bar() as bar:
        task = bar.add_task("training", total=None)

        def progress(step: int, of: int, said: str) -> None:
            bar.update(task, completed=step, total=of)
            if said:
                bar.update(task, description=said)

        def say(line: str) -> None:
            bar.console.print(f"giljabi: {line}", highlight=False)

        if smoke:
            where = out or Path("runs") / f"{chosen.name}-smoke"
            found = smoking.smoke(chosen, where, below=Path(), progress=progress, say=say)
        else:
            where, manifest = run.run(chosen, out, progress=progress, say=say)
    if smoke:
        click.echo(f"loss {found['loss']['first']:.3f} → {found['loss']['last']:.3f}")
        for key in ("without", "with"):
            if key in found:
                click.echo(f"{key} the adapter: {found[key]}")
        return
    made = where / ("model" if chosen.method == "full" else "adapter")
    click.echo(f"{made}: {manifest['steps']:,} steps, {manifest['seconds'] / 60:,.1f} minutes")
    if best := manifest["eval_loss"]:
        click.echo(f"held-out loss {best['first']:.4f} → {best['best']:.4f}")
    if target:
        click.echo(f"pushed to {push.push(made, target)}")


def _speech(
    path: Path, train: tuple[str, ...], held_out: tuple[str, ...], out: Path | None,
    overrides: tuple[str, ...], smoke: bool, target: str | None,
) -> None:  # fmt: skip
    """A recipe that tunes recognition: clips and their texts in place of conversations."""
    from giljabi.tune import push, whisper

    if len(train) > 1 or len(held_out) > 1:
        raise GiljabiError(
            "A speech recipe takes one --data and one --eval: a manifest or a folder."
        )
    given = {text.partition("=")[0]: text.partition("=")[2] for text in overrides}
    given |= {"data.train": train[0]} if train else {}
    given |= {"data.held_out": held_out[0]} if held_out else {}
    where = out or Path("runs") / (path.stem + ("-smoke" if smoke else ""))
    with writing(where):
        report = whisper.run(path, where, resume=True, smoke=smoke, overrides=given)
    cer, clips = report["cer"], report["clips"]
    click.echo(
        f"{where / 'ct2'}: {clips['train']} clips, {clips['held_out']} held out; character error "
        f"rate {cer['before']:.3f} → {cer['after']:.3f}, as exported {cer['exported']:.3f}"
    )
    if target:
        click.echo(f"pushed to {push.push(where / 'ct2', target)}")
