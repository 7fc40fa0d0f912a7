"""`painters list`, `show`, `adjust`, `import`, `export`, `remove`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from danqing.cli.output import Json, print_json, say

app = typer.Typer(help="Painters: list, show, adjust, import, export, remove.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def painters_list(json_: Json = False) -> None:
    """Name every painter."""
    from danqing.painters.shelf import names

    found = {name: str(path) for name, path in names().items()}
    if json_:
        print_json(found)
        return
    for name, path in found.items():
        say(f"{name}\t{path}")


@app.command("show")
def painters_show(name: Annotated[str, typer.Argument(help="Name of a painter.")], json_: Json = False) -> None:
    """A painter's card and rights."""
    from danqing.painters.shelf import describe, find

    if json_:
        print_json(describe(name))
        return
    folder = find(name)
    for part in ("README.md", "ATTRIBUTIONS.md"):
        if (folder / part).is_file():
            say((folder / part).read_text(encoding="utf8"))


@app.command("adjust")
def painters_adjust(
    name: Annotated[str, typer.Argument(help="Name of a painter.")],
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="How it paints: guidance=3, spins=2, variety=1.5, ..."),
    ] = None,
    json_: Json = False,
) -> None:
    """Change how a painter paints where a wish does not say; without --set, show it.

    A training that goes on leaves the settings of its run again.
    """
    from danqing.config import parse_overrides
    from danqing.painters.painter import adjust, open_painter, tuned

    settings = adjust(name, parse_overrides(set_)) if set_ else tuned(open_painter(name))
    if json_:
        print_json(settings)
        return
    for setting, value in settings.items():
        say(f"{setting} = {value}")


@app.command("import")
def painters_import(folder: Annotated[Path, typer.Argument(help="A painter's folder.")]) -> None:
    """Copy a painter's folder to the painters at home."""
    from danqing.painters.shelf import bring

    say(str(bring(folder)))


@app.command("export")
def painters_export(
    name: Annotated[str, typer.Argument(help="Name of a painter.")],
    path: Annotated[Path, typer.Argument(help="A folder to make.")],
) -> None:
    """Copy a painter to a folder, to give away or to put on a hub."""
    from danqing.painters.shelf import take

    say(str(take(name, path)))


@app.command("remove")
def painters_remove(name: Annotated[str, typer.Argument(help="Name of a painter of your own.")]) -> None:
    """Delete a painter of your own."""
    from danqing.painters.shelf import remove

    remove(name)
    say(f"{name} removed")
