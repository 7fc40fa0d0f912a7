"""What every command says, and how: facts to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from danqing.words import Doing

console = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]


def print_json(facts: Any) -> None:
    """One JSON document to stdout."""
    sys.stdout.write(json.dumps(facts, ensure_ascii=False, indent=1) + "\n")


def say(sentence: str) -> None:
    """A line to stdout."""
    sys.stdout.write(sentence + "\n")


def remark(sentence: str) -> None:
    """A line to stderr, word for word: file names and prompts may hold what rich would read as markup."""
    console.print(sentence, markup=False, soft_wrap=True)


@contextmanager
def counting(what: str) -> Iterator[Callable[[int], None]]:
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


def follow(events: Iterator[Any]) -> Any:
    """Show what is being done; what comes last is the result."""
    result = None
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("opening", total=None)
        for event in events:
            if isinstance(event, Doing):
                bar.update(task, description=event.what, completed=event.done, total=event.total or None)
            else:
                result = event
    return result
