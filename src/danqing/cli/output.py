"""What every command says, and how: facts to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from danqing.words import Doing

console = Console(stderr=True)
SILENT = 60.0
"""Seconds between two lines of progress, where it is told in lines."""

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


class Lines:
    """Progress where nobody sees a bar, in a file or a pipe: a line after every `SILENT` seconds."""

    def __init__(self) -> None:
        self._last = time.monotonic()

    def tell(self, sentence: str) -> None:
        """Say it if it is time to."""
        seen = console.is_interactive and console.file.isatty()  # colours may be forced into a file
        if not seen and time.monotonic() - self._last >= SILENT:
            remark(sentence)
            self._last = time.monotonic()


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
        task, lines = bar.add_task(what, total=None, speed=""), Lines()

        def tell(done: int) -> None:
            speed = bar.tasks[0].speed
            bar.update(task, completed=done, speed=f"{speed:.0f}/s" if speed else "")
            lines.tell(f"{what}: {done}")

        yield tell


def follow(events: Iterator[Any]) -> Any:
    """Show what is being done; what comes last is the result."""
    result, lines = None, Lines()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("opening", total=None)
        for event in events:
            if isinstance(event, Doing):
                bar.update(task, description=event.what, completed=event.done, total=event.total or None)
                lines.tell(f"{event.what}: {event.done} of {event.total}" if event.total else event.what)
            else:
                result = event
    return result
