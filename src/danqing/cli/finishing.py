"""`finish`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from danqing.cli.output import say
from danqing.errors import ConfigError


def finish(
    pictures: Annotated[list[Path], typer.Argument(help="Pictures of any program.")],
    out: Annotated[
        Path, typer.Option(help="FILE.svg, .ico, .icns, .webp or .gif (a film), .png (a sheet); or a folder, with --favicons.")
    ],
    pixels: Annotated[
        int | None, typer.Option(help="Pixel art: so many pixels on the longer side, in an indexed palette.")
    ] = None,
    colours: Annotated[int, typer.Option(help="Pixel art: so many colours at most.")] = 16,
    scale: Annotated[int, typer.Option(help="Pixel art: every pixel is shown so many times larger.")] = 1,
    favicons: Annotated[
        bool, typer.Option("--favicons", help="Write all that a web site needs into the folder --out.")
    ] = False,
) -> None:
    """Make icons, vectors, sprite sheets, pixel art or films of pictures."""
    from danqing import finish as finishing

    images = [finishing.opened(path) for path in pictures]
    if pixels is None and (colours != 16 or scale != 1):
        raise ConfigError("--colours and --scale are for pixel art: add --pixels N")
    if pixels is not None:
        images = [finishing.pixel_art(image, pixels, colours, scale) for image in images]
    if favicons:
        if len(images) != 1:
            raise ConfigError(f"{len(images)} pictures were given: a web site has one icon")
        for path in finishing.favicons(images[0], out, pictures[0].stem):
            say(str(path))
        return
    say(str(finishing.finish(images, out, [path.stem for path in pictures])))
