"""`translate` and `stylize`: painting from pictures."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.output import Json, follow, print_json, remark, say
from danqing.cli.painting import conditions_of, size_of

Out = Annotated[Path | None, typer.Option("--out", "-o", help="A PNG; for a folder, a folder.")]
Size = Annotated[
    str | None,
    typer.Option(help="512 for the longer side, or 512x384 (width x height); by default as picture and painter have it."),
]
Mask = Annotated[Path | None, typer.Option(help="White where to paint, black where to keep the picture.")]


def translate(
    painter: Annotated[str, typer.Argument(help="Name of a painter that learnt to make pictures from pictures.")],
    pictures: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.")],
    out: Out = None,
    style: Annotated[list[str] | None, typer.Option(help="Of several styles that it makes, which.")] = None,
    size: Size = None,
    mask: Mask = None,
    json_: Json = False,
) -> None:
    """Make pictures of one kind into another. The same command goes on where it was stopped."""
    from danqing.words import Wish

    wish = Wish(conditions=conditions_of(style, None), mask=None if mask is None else str(mask))
    _paint(painter, pictures, out, wish, size, "translated", json_)


def stylize(
    photo: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.")],
    style: Annotated[
        list[str], typer.Option(help="A picture in whose style to paint; several are mixed, other.png:0.3 weighs.")
    ],
    out: Out = None,
    painter: Annotated[
        str, typer.Option(help="any-style paints at once; gatys step by step, slower and nearer to the style.")
    ] = "any-style",
    strength: Annotated[float | None, typer.Option(help="How far to go: above 0, at most 1.")] = None,
    keep_colours: Annotated[bool, typer.Option("--keep-colours", help="Keep the colours of the picture.")] = False,
    size: Size = None,
    steps: Annotated[int | None, typer.Option(help="Of painters that go step by step.")] = None,
    mask: Mask = None,
    json_: Json = False,
) -> None:
    """Paint a picture anew in the style of others. Nothing needs to be trained."""
    from danqing.words import Wish

    wish = Wish(
        conditions=conditions_of(style, None),
        steps=steps,
        strength=strength,
        keep_colours=keep_colours,
        mask=None if mask is None else str(mask),
    )
    _paint(painter, photo, out, wish, size, "stylized", json_)


def _paint(painter: str, pictures: Path, out: Path | None, wish: Any, size: str | None, word: str, json_: bool) -> None:
    from danqing.paint import load
    from danqing.translate import translate as paint_all

    place = out or pictures.resolve().with_name(f"{pictures.resolve().stem}-{word}{'.png' if pictures.is_file() else ''}")
    given = size_of(size)
    longest = given[0] if given is not None and size is not None and size.strip().isdecimal() else None
    asked = dataclasses.replace(wish, size=None if longest else given)
    done = follow(paint_all(load(painter), pictures, place, asked, longest))
    for one in () if json_ else done.painted:
        misses = "".join(f", {name} missed by {miss:.3g}" for name, miss in one.scores.items())
        say(f"{one.path}{misses}")
    for path in done.kept:
        remark(f"{path} was there already")
    for path, reason in done.left:
        remark(f"left out: {path}: {reason}")
    if json_:
        told = [{"file": str(p.path), "wish": p.wish.to_json(), "scores": dict(p.scores)} for p in done.painted]
        kept, left = [str(path) for path in done.kept], [{"file": str(path), "reason": why} for path, why in done.left]
        print_json({"painted": told, "kept": kept, "left_out": left})
