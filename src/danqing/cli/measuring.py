"""`evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn

from danqing.cli.output import Json, console, print_json, remark, say
from danqing.errors import ConfigError
from danqing.words import Doing


def evaluate(
    painter: Annotated[str | None, typer.Argument(help="Name of a painter, or its folder.")] = None,
    data: Annotated[str | None, typer.Option(help="The set to measure against; by default the one it learnt from.")] = None,
    pictures: Annotated[str | None, typer.Option(help="In place of a painter: a folder or zip of any pictures.")] = None,
    against: Annotated[str | None, typer.Option(help="What --pictures are measured against: a set, a folder or a zip.")] = None,
    count: Annotated[int | None, typer.Option(help="Paintings to measure a painter by; 1000 by default.")] = None,
    extractor: Annotated[str | None, typer.Option(help="The network that looks at pictures.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same numbers.")] = 0,
    out: Annotated[Path | None, typer.Option(help="A folder for scores.json and report.html.")] = None,
    json_: Json = False,
) -> None:
    """Measure a painter, or any program's pictures: quality, variety, copies, each number with its interval."""
    if (painter is None) == (pictures is None):
        raise ConfigError("give a painter's name, or --pictures DIR --against SET|DIR, and not both")
    if (pictures is None) != (against is None):
        raise ConfigError("--pictures and --against belong together: give both, or a painter's name with --data")
    if pictures is not None and (data is not None or count is not None):
        raise ConfigError("--data and --count are for painters: leave them out, and all --pictures are measured")
    from danqing.evaluate import COUNT, evaluate_painter, evaluate_pictures, write
    from danqing.metrics.extractor import DEFAULT

    using = extractor or DEFAULT
    name = Path(pictures or painter or "").name
    if pictures is not None and against is not None:
        events = evaluate_pictures(pictures, against, using=using, seed=seed)
    else:
        events = evaluate_painter(painter or "", data, count=count or COUNT, using=using, seed=seed)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("opening", total=None)
        for event in events:
            if isinstance(event, Doing):
                bar.update(task, description=event.what, completed=event.done, total=event.total or None)
            else:
                scores = event
    page = write(scores, out or Path(f"{name}-scores"))
    if json_:
        print_json(scores.plain())
        return
    for finding in scores.findings:
        say(f"{finding.fault}: {finding.sentence}. Next: {finding.remedy}.")
    for number, value in scores.quality.items():
        say(f"{number.replace('_', ' ')}: {value}")
    for reason in sorted({value.reason for value in scores.quality.values() if hasattr(value, "reason")}):
        remark(f"not measured: {reason}")
    say(str(page))
