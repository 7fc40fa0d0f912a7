"""The command line. Nothing heavy is imported before a command needs it, so `danqing --help` answers at once."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from danqing import __version__
from danqing.errors import ConfigError, DanqingError, WishError, choices

HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    help="Danqing 丹青 trains, paints with and measures AI painters, on your own pictures.",
    no_args_is_help=True,
    context_settings=HELP,
    add_completion=False,
    rich_markup_mode=None,
)
data_app = typer.Typer(
    help="Sets of pictures: add, check, list, show, export, exclude, remove.", no_args_is_help=True, rich_markup_mode=None
)
painters_app = typer.Typer(help="Painters: list, show, import, export, remove.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
app.add_typer(painters_app, name="painters")
console = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def main() -> None:
    """Run the command line; every failure is one sentence on stderr and an exit code of 1, or 2 where the command was wrong."""
    # A Windows console may not speak UTF-8; prompts and captions do.
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf8", errors="replace")
    arguments = [argument for argument in sys.argv[1:] if argument != "--debug"]
    debug = len(arguments) != len(sys.argv) - 1
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="danqing", standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except DanqingError as error:
        _fail(str(error), error.exit_code, debug)
    except KeyboardInterrupt:
        _fail("stopped; the same command goes on", 130, debug)
    except Exception as error:  # click's own errors have no common public base across its versions
        if not hasattr(error, "format_message"):
            if type(error).__name__ == "Abort":
                _fail("stopped; the same command goes on", 130, debug)
            raise
        _fail(error.format_message(), 2, debug)


def _fail(sentence: str, code: int, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    sys.stderr.write(f"danqing: {sentence}\n")
    sys.exit(code)


def _print(facts: Any) -> None:
    sys.stdout.write(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")


@contextmanager
def _counting(what: str) -> Iterator[Callable[[int], None]]:
    """A progress bar on stderr for work whose end is not known beforehand."""
    columns = (
        SpinnerColumn(),
        TextColumn(f"{what}: {{task.completed:.0f}}"),
        TextColumn("{task.fields[speed]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=None, speed="")

        def tell(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, speed=f"{speed:.0f}/s" if speed else "")

        yield tell


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        _say(f"danqing {__version__}")


# --- paint -------------------------------------------------------------------------------------------------------------


@app.command()
def paint(
    words: Annotated[
        str, typer.Argument(help="What to paint, in any language the painter learnt; (red:1.3) weighs a word.")
    ] = "",
    painter: Annotated[str, typer.Option(help="Name of a painter, or its folder.")] = "emoji",
    out: Annotated[Path | None, typer.Option(help="PNG to write; by default named after the words.")] = None,
    n: Annotated[int, typer.Option(help="How many, with seeds from --seed on.")] = 1,
    seed: Annotated[int, typer.Option(help="The same wish and seed give the same picture.")] = 0,
    size: Annotated[str | None, typer.Option(help="64, or 64x48 (width x height); by default what the painter learnt.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps.")] = None,
    sampler: Annotated[str | None, typer.Option(help="ddim, euler, heun, dpm++2m, ddpm or ancestral.")] = None,
    guidance: Annotated[float | None, typer.Option(help="How strongly to follow the wish; 1 is none.")] = None,
    negative: Annotated[str, typer.Option(help="Words to keep away from.")] = "",
    style: Annotated[list[str] | None, typer.Option(help="A style's name; several are mixed, noto:0.7 weighs one.")] = None,
    palette: Annotated[str | None, typer.Option(help='Up to 8 colours: "#c0392b,#2c3e50", with shares "#c0392b:0.7".')] = None,
    init: Annotated[Path | None, typer.Option(help="A picture to start from.")] = None,
    strength: Annotated[float | None, typer.Option(help="How far to go from it: above 0, at most 1.")] = None,
    mask: Annotated[Path | None, typer.Option(help="White where to paint, black where to keep the start picture.")] = None,
    json_: Json = False,
) -> None:
    """Paint pictures from words, styles, colours or another picture."""
    from danqing.paint import load
    from danqing.words import Wish

    if n < 1:
        raise WishError(f"{n} pictures were asked for: give 1 or more")
    conditions = {**({"style": ",".join(style)} if style else {}), **({"palette": palette} if palette is not None else {})}
    wishes = [
        Wish(
            words,
            negative,
            conditions,
            size=_size(size),
            seed=seed + i,
            steps=steps,
            sampler=sampler,
            guidance=guidance,
            init=None if init is None else str(init),
            strength=strength,
            mask=None if mask is None else str(mask),
        )
        for i in range(n)
    ]
    session = load(painter)
    for note in session.unheeded(wishes[0]):
        console.print(f"note: {note}", soft_wrap=True)
    with console.status("painting"):
        paintings = session.paint_all(wishes)
    told = []
    for painting, path in zip(paintings, _places(out, words, n), strict=True):
        painting.save(path)
        told.append({"file": str(path), "wish": painting.wish.to_json(), "scores": dict(painting.scores)})
        if not json_:
            misses = "".join(f", {name} missed by {miss:.1f}" for name, miss in painting.scores.items())
            _say(f"{path}  (seed {painting.wish.seed}{misses})")
    if json_:
        _print(told)


def _size(text: str | None) -> tuple[int, int] | None:
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


@app.command()
def replay(picture: Annotated[Path, typer.Argument(help="A PNG that Danqing painted.")], json_: Json = False) -> None:
    """Paint a picture again from its own file, and say identical, within tolerance, or why not."""
    from danqing.replay import replay as paint_again

    verdict = paint_again(picture)
    if json_:
        _print({"same": verdict.same, "why": verdict.why})
    else:
        _say(f"{verdict.same}: {verdict.why}")
    if verdict.same == "different":
        raise typer.Exit(1)


# --- train -------------------------------------------------------------------------------------------------------------


@app.command()
def train(
    data: Annotated[str | None, typer.Option(help="Name of a prepared set.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A TOML file of settings, or the name of one that comes along.")] = None,
    family: Annotated[str | None, typer.Option(help="Which family to train.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the painter.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="A painter to start from.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value, for example batch=32 or model.lr=0.001.")] = None,
) -> None:
    """Train a painter on a set of pictures. The same command goes on where it was stopped."""
    from danqing.config import merge, parse_overrides, read_toml

    given: dict[str, Any] = read_toml(_recipe(recipe)) if recipe else {}
    asked = {"data": data, "family": family, "name": name, "start_from": from_}
    given = merge(merge(given, {key: value for key, value in asked.items() if value is not None}), parse_overrides(set_ or ()))
    if "data" not in given:
        raise ConfigError(
            "no set of pictures was named: give --data NAME ('danqing data list' shows them) or a --recipe that names one"
        )
    from danqing.train import Begun, Done, Sheet, train

    events = train(str(given["data"]), given)
    begun = next(events)  # before the bar is drawn, so that a refusal stands alone
    with Progress(
        TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.fields[told]}"), console=console
    ) as bar:
        task = bar.add_task("training", total=None, told="reading what comes with the pictures")
        for event in itertools.chain([begun], events):
            if isinstance(event, Begun):
                console.print(f"{event.pictures} pictures, {event.settings.pictures_seen} to be seen, {event.seen} seen so far")
                for reason in event.reasons:
                    console.print(f"  {reason}")
                bar.update(task, total=event.settings.pictures_seen, completed=event.seen)
            elif isinstance(event, Sheet):
                console.print(f"{event.path}: distance to the set: {event.distances.sentence()}", soft_wrap=True)
            elif isinstance(event, Done):
                _say(str(event.painter))
            else:
                left = (float(bar.tasks[0].total or 0) - event.seen) / max(event.speed, 1e-9)
                losses = " ".join(f"{part} {value:.4g}" for part, value in event.losses.items())
                told = f"{event.seen} seen, {event.speed:.0f} pictures/s, {_clock(left)} left, {losses}"
                bar.update(task, completed=event.seen, told=told)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _recipe(text: str) -> Path:
    """A recipe by path, or by name among those that come along."""
    if Path(text).is_file():
        return Path(text)
    here = Path(__file__).parent
    folders = [folder for folder in (here / "recipes", here.parents[1] / "recipes") if folder.is_dir()]
    known = {path.stem: path for folder in folders for path in folder.glob("*.toml")}
    if text not in known:
        raise ConfigError(f"there is no recipe '{text}': {choices(text, known)}; or give a file")
    return known[text]


# --- data --------------------------------------------------------------------------------------------------------------


@data_app.command("add")
def data_add(
    name: Annotated[str, typer.Argument(help="Name of the new set.")],
    source: Annotated[str, typer.Argument(help="A folder, a zip, a list of addresses, emoji, shapes, npm:PACKAGE or hf:NAME.")],
    licence: Annotated[str, typer.Option(help="Licence of pictures whose source states none.")] = "",
    creator: Annotated[str, typer.Option(help="Creator, likewise.")] = "",
    style: Annotated[str, typer.Option(help="Name of their style, likewise.")] = "",
    store: Annotated[int, typer.Option(help="Longest side kept, in pixels.")] = 256,
    drop_near: Annotated[bool, typer.Option("--drop-near", help="Leave near duplicates out too.")] = False,
    add: Annotated[bool, typer.Option("--add", help="Add to the set if there is one; what it holds already stays.")] = False,
) -> None:
    """Read pictures into a set. Stopped on the way, the same command goes on."""
    from danqing.data.picture_set import import_pictures
    from danqing.data.sources import parse

    with _counting("pictures") as tell:
        pictures = import_pictures(
            parse(source, licence=licence, creator=creator, style=style),
            name,
            store=store,
            drop_near=drop_near,
            add=add,
            progress=tell,
        )
    _say(f"{name}: {len(pictures)} pictures")
    left_out = pictures.manifest.left_out
    for item in left_out:
        console.print(f"left out: {item['place']}: {item['reason']}", markup=False, soft_wrap=True)
    if left_out:
        console.print(f"{len(left_out)} left out, each listed above and by 'danqing data show {name}'", markup=False)


@data_app.command("check")
def data_check(
    path: Annotated[str, typer.Argument(help="A folder or zip, meant for any trainer.")], json_: Json = False
) -> None:
    """Check pictures without importing any: damaged, hostile, doubled or odd files, each with its reason."""
    from danqing.data.report import check_pictures
    from danqing.data.sources import parse

    with _counting("files") as tell:
        report = check_pictures(parse(path), progress=tell)
    facts = report.to_json()
    if json_:
        _print(facts)
        return
    for name, value in facts.items():
        if not isinstance(value, list):
            _say(f"{name.replace('_', ' ')}: {value}")
    for group in facts["exact_duplicates"]:
        _say(f"same pixels: {', '.join(group)}")
    for group in facts["near_duplicates"]:
        _say(f"look alike: {', '.join(group)}")
    for note in facts["notes"]:
        _say(f"note: {note['place']}: {note['note']}")
    for item in facts["left_out"]:
        _say(f"left out: {item['place']}: {item['reason']}")


@data_app.command("list")
def data_list(json_: Json = False) -> None:
    """Name every set."""
    from danqing.data.picture_set import PictureSet, names

    sets = {name: len(PictureSet.open(name)) for name in names()}
    if json_:
        _print(sets)
        return
    for name, count in sets.items():
        _say(f"{name}\t{count} pictures")
    if not sets:
        console.print("no sets yet: 'danqing data add NAME FOLDER' makes one")


@data_app.command("show")
def data_show(name: Annotated[str, typer.Argument(help="Name of a set.")], json_: Json = False) -> None:
    """What a set holds, whose it is, and what was left out."""
    from danqing.data.picture_set import PictureSet
    from danqing.data.rights import ledger

    pictures = PictureSet.open(name)
    rights = ledger(pictures)
    if json_:
        _print({"manifest": pictures.manifest.plain(), "rights": dataclasses.asdict(rights)})
        return
    splits = pictures.manifest.splits
    _say(f"{name}: {len(pictures)} pictures, {splits.held_out} of them held out by {splits.by}")
    for licence, count in rights.licences.items():
        _say(f"  {licence or 'licence not stated'}: {count}")
    for source, count in rights.sources.items():
        _say(f"  from {source or 'unknown'}: {count}")
    for item in pictures.manifest.left_out:
        _say(f"  left out: {item['place']}: {item['reason']}")


@data_app.command("export")
def data_export(
    name: Annotated[str, typer.Argument(help="Name of a set.")],
    path: Annotated[Path, typer.Argument(help="A folder to make.")],
    form: Annotated[str, typer.Option(help="parquet, webdataset, kohya or onetrainer.")] = "parquet",
) -> None:
    """Write a set as other trainers read it."""
    from danqing.data.export import export
    from danqing.data.picture_set import PictureSet

    _say(str(export(PictureSet.open(name), path, form)))


@data_app.command("exclude")
def data_exclude(
    name: Annotated[str, typer.Argument(help="Name of a set.")],
    picture: Annotated[str | None, typer.Option(help="sha256 of one picture.")] = None,
    source: Annotated[str | None, typer.Option(help="All pictures of a source.")] = None,
    licence: Annotated[str | None, typer.Option(help="All pictures under a licence.")] = None,
) -> None:
    """Take a picture, a source or a licence out of a set."""
    from danqing.data.picture_set import PictureSet

    gone = PictureSet.open(name).exclude(picture=picture, source=source, licence=licence)
    _say(f"{gone} pictures excluded from {name}")


@data_app.command("remove")
def data_remove(name: Annotated[str, typer.Argument(help="Name of a set.")]) -> None:
    """Delete a set. The pictures it was made from are not touched."""
    from danqing.data.picture_set import remove

    remove(name)
    _say(f"{name} removed")


# --- painters ----------------------------------------------------------------------------------------------------------


@painters_app.command("list")
def painters_list(json_: Json = False) -> None:
    """Name every painter."""
    from danqing.painters.shelf import names

    found = {name: str(path) for name, path in names().items()}
    if json_:
        _print(found)
        return
    for name, path in found.items():
        _say(f"{name}\t{path}")


@painters_app.command("show")
def painters_show(name: Annotated[str, typer.Argument(help="Name of a painter.")], json_: Json = False) -> None:
    """A painter's card and rights."""
    from danqing.painters.shelf import describe, find

    if json_:
        _print(describe(name))
        return
    folder = find(name)
    for part in ("README.md", "ATTRIBUTIONS.md"):
        if (folder / part).is_file():
            _say((folder / part).read_text(encoding="utf8"))


@painters_app.command("import")
def painters_import(folder: Annotated[Path, typer.Argument(help="A painter's folder.")]) -> None:
    """Copy a painter's folder to the painters at home."""
    from danqing.painters.shelf import bring

    _say(str(bring(folder)))


@painters_app.command("export")
def painters_export(
    name: Annotated[str, typer.Argument(help="Name of a painter.")],
    path: Annotated[Path, typer.Argument(help="A folder to make.")],
) -> None:
    """Copy a painter to a folder, to give away or to put on a hub."""
    from danqing.painters.shelf import take

    _say(str(take(name, path)))


@painters_app.command("remove")
def painters_remove(name: Annotated[str, typer.Argument(help="Name of a painter of your own.")]) -> None:
    """Delete a painter of your own."""
    from danqing.painters.shelf import remove

    remove(name)
    _say(f"{name} removed")


if __name__ == "__main__":
    main()
