"""`interpolate` and `mix`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from danqing.cli.output import Json, console, follow, print_json, remark, say
from danqing.cli.painting import conditions_of, size_of
from danqing.errors import WishError

if TYPE_CHECKING:
    from danqing.paint import Session
    from danqing.words import Wish


def interpolate(
    first: Annotated[str, typer.Argument(help="Words, or a picture file for painters with latents.")],
    last: Annotated[str, typer.Argument(help="Likewise.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .webp, .gif or .mp4.")] = Path("walk.webp"),
    painter: Annotated[str, typer.Option(help="Name of a painter, or its folder.")] = "emoji",
    frames: Annotated[int, typer.Option(help="How many pictures, both ends among them.")] = 60,
    seed: Annotated[int, typer.Option(help="Of the first.")] = 0,
    to_seed: Annotated[int | None, typer.Option(help="Of the last; by default the same, or the next where words are.")] = None,
    way: Annotated[str, typer.Option(help="spherical or linear.")] = "spherical",
    size: Annotated[str | None, typer.Option(help="64, or 64x48 (width x height).")] = None,
    style: Annotated[list[str] | None, typer.Option(help="A style's name; several are mixed, noto:0.7 weighs one.")] = None,
    palette: Annotated[str | None, typer.Option(help="Up to 8 colours.")] = None,
) -> None:
    """Paint the way from one wish, or one picture, to another, as a film."""
    from danqing.finish import finish as write_film
    from danqing.interpolate import between_pictures, walk
    from danqing.paint import load
    from danqing.words import Wish

    turn = _way(way)
    if out.suffix.lower() not in (".webp", ".gif", ".mp4"):
        raise WishError(f"a film cannot be written to '{out}': give a .webp, .gif or .mp4")
    session = load(painter)
    conditions = conditions_of(style, palette)
    files = [Path(end).is_file() for end in (first, last)]
    if all(files):
        if size is not None:
            raise WishError("a size was given, and pictures are painted between in the size the painter learnt: leave it out")
        pictures = between_pictures(session, Path(first), Path(last), frames, turn, Wish(conditions=conditions))
    elif any(files):
        raise WishError(f"'{first}' and '{last}' are a picture and words: give two of one kind")
    else:
        ends = (seed, to_seed if to_seed is not None else seed + (first == last))
        begin, end = (
            Wish(words, "", conditions, size=size_of(size), seed=of) for words, of in zip((first, last), ends, strict=True)
        )
        _note(session, (begin, end))
        pictures = walk(session, begin, end, frames, turn)
    with console.status("painting"):
        say(str(write_film(list(pictures), out)))


def mix(
    parts: Annotated[list[str], typer.Argument(help="Words or picture files; pear:0.5 weighs one.")],
    painter: Annotated[str, typer.Option(help="Name of a painter, or its folder.")] = "emoji",
    out: Annotated[Path, typer.Option("--out", "-o", help="PNG to write.")] = Path("mixed.png"),
    seed: Annotated[int, typer.Option(help="Of the words; the same words again have the next.")] = 0,
    layers: Annotated[
        int | None, typer.Option(help="Of two parts, so many layers of the first and the others of the last (GANs).")
    ] = None,
    towards: Annotated[
        list[str] | None,
        typer.Option(help="A word of captions to go towards (painters with latents); hat:2 goes twice as far."),
    ] = None,
    way: Annotated[str, typer.Option(help="spherical or linear.")] = "spherical",
    style: Annotated[list[str] | None, typer.Option(help="A style's name; several are mixed, noto:0.7 weighs one.")] = None,
    palette: Annotated[str | None, typer.Option(help="Up to 8 colours.")] = None,
    json_: Json = False,
) -> None:
    """Paint what lies between several words or pictures, and further towards a word."""
    from danqing.mix import Mixture, Part, Towards, wishes
    from danqing.mix import mix as paint_mixture
    from danqing.paint import load
    from danqing.words import Wish, check_name

    check_name(out)
    told, weighed = [], [_weighed(part) for part in parts]
    for place, (what, weight) in enumerate(weighed):
        again = sum(what == other for other, _ in weighed[:place])
        told.append(Part(what if Path(what).is_file() else Wish(what, seed=seed + again), weight))
    further = tuple(Towards(*_weighed(one)) for one in towards or ())
    session, mixture = load(painter), Mixture(tuple(told), layers, further, _way(way), conditions_of(style, palette))
    _note(session, wishes(session, mixture))
    painting = follow(paint_mixture(session, mixture))
    painting.save(out)
    if json_:
        print_json({"file": str(out), "mixed": painting.record["mixed"]})
    else:
        say(str(out))


def _note(session: Session, wishes: Iterable[Wish]) -> None:
    """What of the wishes will not be done as asked, each once."""
    for note in dict.fromkeys(note for wish in wishes for note in session.unheeded(session.alone(wish))):
        remark(f"note: {note}")


def _weighed(text: str) -> tuple[str, float]:
    """`pear:0.5` is pear with the weight 0.5."""
    what, colon, weight = text.rpartition(":")
    try:
        return (what, float(weight)) if colon and what and not Path(text).is_file() else (text, 1.0)
    except ValueError:
        return text, 1.0


def _way(text: str) -> Literal["spherical", "linear"]:
    if text not in ("spherical", "linear"):
        raise WishError(f"the way '{text}' was given: give spherical or linear")
    return "linear" if text == "linear" else "spherical"
