"""The command line. Nothing heavy is imported before a command needs it, so `danqing --help` answers at once."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from danqing import __version__
from danqing.cli import serving, sets, shelf
from danqing.cli.finishing import finish
from danqing.cli.measuring import compare, evaluate
from danqing.cli.mixing import interpolate, mix
from danqing.cli.output import say
from danqing.cli.painting import paint, replay
from danqing.cli.serving import serve
from danqing.cli.training import train
from danqing.cli.translating import stylize, translate
from danqing.errors import DanqingError

HELP = {"help_option_names": ["-h", "--help"]}
app = typer.Typer(
    help="Danqing 丹青 trains, paints with and measures AI painters, on your own pictures.",
    no_args_is_help=True,
    context_settings=HELP,
    add_completion=False,
    rich_markup_mode=None,
)
app.command()(paint)
app.command()(evaluate)
app.command()(compare)
app.command()(finish)
app.command()(interpolate)
app.command()(mix)
app.command()(replay)
app.command()(serve)
app.command()(stylize)
app.command()(train)
app.command()(translate)
app.add_typer(sets.app, name="data")
app.add_typer(shelf.app, name="painters")
app.add_typer(serving.app, name="users")


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


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        say(f"danqing {__version__}")
