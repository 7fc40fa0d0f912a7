"""`serve` and `users`."""

from __future__ import annotations

import sys
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from danqing.cli.output import Json, print_json, remark, say

if TYPE_CHECKING:
    from danqing.store.users import Users

app = typer.Typer(help="Users of the studio: add, list, change.", no_args_is_help=True, rich_markup_mode=None)


def serve(
    host: Annotated[str, typer.Option(help="Address to listen at; any but this machine's own needs users.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 7860,
    name: Annotated[
        list[str] | None, typer.Option(help="A host name that clients call it by, such as paint.example.org.")
    ] = None,
    device: Annotated[list[str] | None, typer.Option(help="cpu, cuda, cuda:1, ...: a worker for each.")] = None,
    threads: Annotated[
        int | None, typer.Option(help="Threads of a worker on a processor; by default all cores but one.")
    ] = None,
    https: Annotated[bool, typer.Option("--https", help="It stands behind a proxy that speaks https.")] = False,
    wishes_a_minute: Annotated[
        int, typer.Option(help="Paintings that one user may order in a minute, where there are users; 0 is no limit.")
    ] = 240,
    open_: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the studio: a page to paint on, an API, and the worker that paints."""
    from danqing.server.app import serve as run
    from danqing.server.page import ABSENT, built
    from danqing.server.studio import Settings

    settings = Settings.read(
        {
            "host": host,
            "port": port,
            "names": tuple(name or ()),
            "devices": tuple(device or ()),
            "threads": threads,
            "https": https,
            "wishes_a_minute": wishes_a_minute,
        },
        "serve",
    )

    def ready(address: str) -> None:
        say(address)
        if built() is None:
            remark(ABSENT.strip())
        elif open_:
            webbrowser.open(address)

    run(settings, ready)


@app.command("add")
def users_add(
    name: Annotated[str, typer.Argument(help="Name of the new user.")],
    role: Annotated[str, typer.Option(help="viewer, maker or admin.")] = "maker",
) -> None:
    """Add a user; asks for a password, or reads it from standard input. The first user is an admin, and takes over what was
    painted before there were any."""
    say(_users().add(name, _password(), role).name)


@app.command("list")
def users_list(json_: Json = False) -> None:
    """Everybody who may log in."""
    found = [{"id": user.id, "name": user.name, "role": user.role, "active": user.active} for user in _users().all()]
    if json_:
        print_json(found)
        return
    for user in found:
        say(f"{user['name']}\t{user['role']}{'' if user['active'] else ' (may not log in)'}")


@app.command("change")
def users_change(
    name: Annotated[str, typer.Argument(help="Name of a user.")],
    role: Annotated[str | None, typer.Option(help="viewer, maker or admin.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive", help="Whether they may log in.")] = None,
    new_password: Annotated[bool, typer.Option("--new-password", help="Ask for a new password.")] = False,
) -> None:
    """Change a user's role or password, or lock them out."""
    password = _password() if new_password else None
    users = _users()
    users.change(users.named(name).id, role, active, password)
    say(f"{name} changed")


def _users() -> Users:
    from danqing.store.database import Database
    from danqing.store.users import Users

    return Users(Database())


def _password() -> str:
    """Typed twice without being shown; a program writes it to standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    asked: str = typer.prompt("Password", hide_input=True, confirmation_prompt=True)
    return asked
