"""`train`."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from danqing.cli.output import Lines, console, remark, say
from danqing.errors import ConfigError, choices


def train(
    data: Annotated[str | None, typer.Option(help="Name of a prepared set.")] = None,
    recipe: Annotated[str | None, typer.Option(help="A TOML file of settings, or the name of one that comes along.")] = None,
    family: Annotated[str | None, typer.Option(help="Which family to train; 'all' trains one of each, in equal time.")] = None,
    name: Annotated[str | None, typer.Option(help="Name of the painter.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="A painter to start from.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="How long to train: seconds of the processor, over all its threads.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="key=value, for example batch=32 or model.lr=0.001.")] = None,
) -> None:
    """Train a painter on a set of pictures. The same command goes on where it was stopped."""
    from danqing.config import merge, parse_overrides, read_toml

    given: dict[str, Any] = read_toml(_recipe(recipe)) if recipe else {}
    asked = {"data": data, "family": family, "name": name, "start_from": from_, "seconds": seconds}
    given = merge(merge(given, {key: value for key, value in asked.items() if value is not None}), parse_overrides(set_ or ()))
    if "data" not in given:
        raise ConfigError(
            "no set of pictures was named: give --data NAME ('danqing data list' shows them) or a --recipe that names one"
        )
    if given.get("family") != "all":
        _follow(given)
        return
    from danqing.painters.registry import FROM_NOTHING

    for one in FROM_NOTHING:
        remark(one)
        _follow(given | {"family": one} | ({"name": f"{given['name']}-{one}"} if "name" in given else {}))


def _follow(given: dict[str, Any]) -> None:
    """Train, and tell what happens."""
    from danqing.train import Begun, Done, Noticed, Sheet, train

    events = train(str(given["data"]), given)
    begun = next(events)  # before the bar is drawn, so that a refusal stands alone
    lines = Lines()
    with Bar(TextColumn("{task.percentage:>3.0f} %"), BarColumn(), TextColumn("{task.fields[told]}"), console=console) as bar:
        task = bar.add_task("training", total=None, told="reading what comes with the pictures")
        for event in itertools.chain([begun], events):
            if isinstance(event, Begun):
                remark(f"{event.pictures} pictures, {event.settings.pictures_seen} to be seen, {event.seen} seen so far")
                for reason in event.reasons:
                    remark(f"  {reason}")
                bar.update(task, total=event.settings.pictures_seen, completed=event.seen)
            elif isinstance(event, Sheet):
                remark(f"{event.path}: distance to the set: {event.distances.sentence()}")
            elif isinstance(event, Noticed):
                remark(f"{event.symptom.name} after {event.seen} pictures: {event.symptom.sentence}")
            elif isinstance(event, Done):
                say(str(event.painter))
            else:
                left = (float(bar.tasks[0].total or 0) - event.seen) / max(event.speed, 1e-9)
                losses = " ".join(f"{part} {value:.4g}" for part, value in event.losses.items())
                speed = f"{event.speed:.0f} pictures/s ({event.work:.3g} TFLOP/s, {event.waited:.0%} waiting)"
                told = f"{event.seen} seen, {speed}, {_clock(left)} left, {losses}"
                bar.update(task, completed=event.seen, told=told)
                lines.tell(told)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(max(0.0, seconds)), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def _recipe(text: str) -> Path:
    """A recipe by path, or by name among those that come along."""
    if Path(text).is_file():
        return Path(text)
    here = Path(__file__).parents[1]
    folders = [folder for folder in (here / "recipes", here.parents[1] / "recipes") if folder.is_dir()]
    known = {path.stem: path for folder in folders for path in folder.glob("*.toml")}
    if text not in known:
        raise ConfigError(f"there is no recipe '{text}': {choices(text, known)}; or give a file")
    return known[text]
