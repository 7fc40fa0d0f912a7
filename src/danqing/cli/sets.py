"""`data add`, `check`, `list`, `show`, `export`, `exclude`, `remove`."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from danqing.cli.output import Json, counting, print_json, remark, say

app = typer.Typer(
    help="Sets of pictures: add, check, list, show, export, exclude, remove.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("add")
def data_add(
    name: Annotated[str, typer.Argument(help="Name of the new set.")],
    source: Annotated[
        str,
        typer.Argument(
            help="A folder, a zip, a list of addresses, emoji, openmoji, glyphs, shapes, gcompris:PATH, npm:PACKAGE or hf:NAME."
        ),
    ],
    licence: Annotated[str, typer.Option(help="Licence of pictures whose source states none.")] = "",
    creator: Annotated[str, typer.Option(help="Creator, likewise.")] = "",
    style: Annotated[str, typer.Option(help="Name of their style, likewise.")] = "",
    store: Annotated[int, typer.Option(help="Longest side kept, in pixels.")] = 256,
    drop_near: Annotated[bool, typer.Option("--drop-near", help="Leave near duplicates out too.")] = False,
    pairs: Annotated[
        bool, typer.Option("--pairs", help="Pictures of one path, whatever the suffix, are one concept: two sides of a pair.")
    ] = False,
    add: Annotated[bool, typer.Option("--add", help="Add to the set if there is one; what it holds already stays.")] = False,
) -> None:
    """Read pictures into a set. Stopped on the way, the same command goes on."""
    from danqing.data.picture_set import import_pictures
    from danqing.data.sources import parse

    with counting("pictures") as tell:
        pictures = import_pictures(
            parse(source, licence=licence, creator=creator, style=style, pairs=pairs),
            name,
            store=store,
            drop_near=drop_near,
            add=add,
            progress=tell,
        )
    say(f"{name}: {len(pictures)} pictures")
    if pairs:
        sides: dict[str, set[str]] = {}
        for picture in pictures.pictures:
            sides.setdefault(picture.concept, set()).add(picture.style)
        say(f"{sum(len(styles) > 1 for concept, styles in sides.items() if concept)} of its concepts are there in two styles")
    left_out = pictures.manifest.left_out
    for item in left_out:
        remark(f"left out: {item['place']}: {item['reason']}")
    if left_out:
        remark(f"{len(left_out)} left out, each listed above and by 'danqing data show {name}'")


@app.command("check")
def data_check(
    path: Annotated[str, typer.Argument(help="A folder or zip, meant for any trainer.")], json_: Json = False
) -> None:
    """Check pictures without importing any: damaged, hostile, doubled or odd files, each with its reason."""
    from danqing.data.report import check_pictures
    from danqing.data.sources import parse

    with counting("files") as tell:
        report = check_pictures(parse(path), progress=tell)
    facts = report.to_json()
    if json_:
        print_json(facts)
        return
    for name, value in facts.items():
        if not isinstance(value, list):
            say(f"{name.replace('_', ' ')}: {value}")
    for group in facts["exact_duplicates"]:
        say(f"same pixels: {', '.join(group)}")
    for group in facts["near_duplicates"]:
        say(f"look alike: {', '.join(group)}")
    for note in facts["notes"]:
        say(f"note: {note['place']}: {note['note']}")
    for item in facts["left_out"]:
        say(f"left out: {item['place']}: {item['reason']}")


@app.command("list")
def data_list(json_: Json = False) -> None:
    """Name every set."""
    from danqing.data.picture_set import PictureSet, names

    sets = {name: len(PictureSet.open(name)) for name in names()}
    if json_:
        print_json(sets)
        return
    for name, count in sets.items():
        say(f"{name}\t{count} pictures")
    if not sets:
        remark("no sets yet: 'danqing data add NAME FOLDER' makes one")


@app.command("show")
def data_show(name: Annotated[str, typer.Argument(help="Name of a set.")], json_: Json = False) -> None:
    """What a set holds, whose it is, and what was left out."""
    from danqing.data.picture_set import PictureSet
    from danqing.data.rights import ledger

    pictures = PictureSet.open(name)
    rights = ledger(pictures)
    if json_:
        print_json({"manifest": pictures.manifest.plain(), "rights": dataclasses.asdict(rights)})
        return
    splits = pictures.manifest.splits
    say(f"{name}: {len(pictures)} pictures, {splits.held_out} of them held out by {splits.by}")
    for licence, count in rights.licences.items():
        say(f"  {licence or 'licence not stated'}: {count}")
    for source, count in rights.sources.items():
        say(f"  from {source or 'unknown'}: {count}")
    for item in pictures.manifest.left_out:
        say(f"  left out: {item['place']}: {item['reason']}")


@app.command("export")
def data_export(
    name: Annotated[str, typer.Argument(help="Name of a set.")],
    path: Annotated[Path, typer.Argument(help="A folder to make, or a .zip.")],
    form: Annotated[str, typer.Option(help="parquet, webdataset, kohya or onetrainer.")] = "parquet",
    size: Annotated[int | None, typer.Option(help="Longest side of what is written, in pixels; by default as stored.")] = None,
) -> None:
    """Write a set as other trainers read it."""
    from danqing.data.export import export
    from danqing.data.picture_set import PictureSet

    say(str(export(PictureSet.open(name), path, form, longest=size)))


@app.command("exclude")
def data_exclude(
    name: Annotated[str, typer.Argument(help="Name of a set.")],
    picture: Annotated[str | None, typer.Option(help="sha256 of one picture.")] = None,
    source: Annotated[str | None, typer.Option(help="All pictures of a source.")] = None,
    licence: Annotated[str | None, typer.Option(help="All pictures under a licence.")] = None,
) -> None:
    """Take a picture, a source or a licence out of a set."""
    from danqing.data.picture_set import PictureSet

    gone = PictureSet.open(name).exclude(picture=picture, source=source, licence=licence)
    say(f"{gone} pictures excluded from {name}")


@app.command("remove")
def data_remove(name: Annotated[str, typer.Argument(help="Name of a set.")]) -> None:
    """Delete a set. The pictures it was made from are not touched."""
    from danqing.data.picture_set import remove

    remove(name)
    say(f"{name} removed")
