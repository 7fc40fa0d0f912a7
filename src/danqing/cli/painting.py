"""`paint` and `replay`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.output import Json, console, follow, print_json, remark, say
from danqing.errors import WishError


def paint(
    words: Annotated[
        str,
        typer.Argument(
            help="What to paint, in any language the painter learnt; (sad:1.3) weighs a word, (blue:#1e90ff) gives a colour, "
            "cat [on the head: hat] puts things together."
        ),
    ] = "",
    painter: Annotated[str, typer.Option(help="Name of a painter, or its folder.")] = "emoji",
    out: Annotated[Path | None, typer.Option(help="PNG to write; by default named after the words.")] = None,
    n: Annotated[int, typer.Option(help="How many, with seeds from --seed on.")] = 1,
    seed: Annotated[int, typer.Option(help="The same wish and seed give the same picture.")] = 0,
    size: Annotated[str | None, typer.Option(help="64, or 64x48 (width x height); by default what the painter learnt.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps; from --init the share that --strength leaves.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, euler, heun, dpm++2m, ddpm or ancestral.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strongly to follow the wish; 1 is none.")] = None,
    negative: Annotated[str, typer.Option(help="Words to keep away from.")] = "",
    style: Annotated[list[str] | None, typer.Option(help="A style's name; several are mixed, noto:0.7 weighs one.")] = None,
    palette: Annotated[str | None, typer.Option(help='Up to 8 colours: "#c0392b,#2c3e50", with shares "#c0392b:0.7".')] = None,
    init: Annotated[Path | None, typer.Option(help="A picture to start from.")] = None,
    strength: Annotated[float | None, typer.Option(help="How far to go from it: above 0, at most 1.")] = None,
    mask: Annotated[Path | None, typer.Option(help="White where to paint, black where to keep the start picture.")] = None,
    keep_colours: Annotated[bool, typer.Option("--keep-colours", help="Keep the colours of the start picture.")] = False,
    as_written: Annotated[
        bool,
        typer.Option(
            "--as-written", help="Exchange no words, make none softer, give no colours that they say, part no things."
        ),
    ] = False,
    soft: Annotated[bool, typer.Option("--soft", help="Keep soft shades also where the style is one of flat colours.")] = False,
    best_of: Annotated[
        int | None, typer.Option(help="Paint so many of each, with seeds in a row, and keep the one that suits the words best.")
    ] = None,
    film: Annotated[Path | None, typer.Option(help="A .webp or .gif that shows the first picture being painted.")] = None,
    json_: Json = False,
) -> None:
    """Paint pictures from words, styles, colours or another picture."""
    from danqing.finish import finish as write_film
    from danqing.paint import load
    from danqing.words import Wish, check_name

    if film is not None and film.suffix.lower() not in (".webp", ".gif"):
        raise WishError(f"a film cannot be written to '{film}': give a .webp or a .gif")
    if n < 1:
        raise WishError(f"{n} pictures were asked for: give 1 or more")
    places = [check_name(path) for path in _places(out, words, n)]
    conditions = conditions_of(style, palette)
    wishes = [
        Wish(
            words,
            negative,
            conditions,
            size=size_of(size),
            seed=seed + i * (best_of or 1),
            steps=steps,
            sampler=sampler,
            guidance=guidance,
            init=None if init is None else str(init),
            strength=strength,
            mask=None if mask is None else str(mask),
            keep_colours=keep_colours,
            read_as=words if as_written else None,
            flat=False if soft else None,
        )
        for i in range(n)
    ]
    session = load(painter)
    for note in session.unheeded(wishes[0]):
        remark(f"note: {note}")
    if best_of is not None:
        from danqing.choose import paint_best

        paintings = follow(paint_best(session, wishes, best_of))
    else:
        with console.status("painting"):
            paintings = session.paint_all(wishes)
    with console.status("painting"):
        frames = [] if film is None else list(session.frames(paintings[0].wish))
    told = []
    for painting, path in zip(paintings, places, strict=True):
        painting.save(path)
        facts = {"file": str(path), "wish": painting.wish.to_json(), "scores": dict(painting.scores)}
        told.append(facts | ({"chosen": painting.record["chosen"]} if best_of is not None else {}))
        if not json_:
            misses = "".join(f", {name} missed by {miss:.1f}" for name, miss in painting.scores.items())
            say(f"{path}  (seed {painting.wish.seed}{misses}{_chosen(painting.record)})")
    if film is not None:
        write_film(frames, film)
    if json_:
        print_json(told)


def _chosen(record: Mapping[str, Any]) -> str:
    """What it was chosen for."""
    found = record.get("chosen", {}).get("agreement", [])
    return f", best of {len(found)}: {max(found):.2f} with its words, {sum(found) / len(found):.2f} on average" if found else ""


def conditions_of(style: list[str] | None, palette: str | None) -> dict[str, str]:
    """What was asked for beside words, by condition."""
    return {**({"style": ",".join(style)} if style else {}), **({"palette": palette} if palette is not None else {})}


def size_of(text: str | None) -> tuple[int, int] | None:
    """Width and height of `64` or `64x48`."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+)(?:[x×](\d+))?", text.strip())
    if found is None:
        raise WishError(f"the size '{text}' was given: write 64, or 64x48 for width x height")
    return int(found[1]), int(found[2] or found[1])


def _places(out: Path | None, words: str, n: int) -> list[Path]:
    """Files to write. A name we choose never replaces a picture; a name the user chose does."""
    if out is not None and n == 1:
        return [out]
    if out is not None:
        return [out.with_name(f"{out.stem}-{i + 1}{out.suffix}") for i in range(n)]
    stem = re.sub(r"\W+", "-", words.lower()).strip("-")[:60] or "painting"
    places: list[Path] = []
    number = 1
    while len(places) < n:
        place = Path(f"{stem}.png" if number == 1 else f"{stem}-{number}.png")
        if not place.exists():
            places.append(place)
        number += 1
    return places


def replay(picture: Annotated[Path, typer.Argument(help="A PNG that Danqing painted.")], json_: Json = False) -> None:
    """Paint a picture again from its own file, and say identical, within tolerance, or why not."""
    from danqing.replay import replay as paint_again

    verdict = paint_again(picture)
    if json_:
        print_json({"same": verdict.same, "why": verdict.why})
    else:
        say(f"{verdict.same}: {verdict.why}")
    if verdict.same == "different":
        raise typer.Exit(1)
