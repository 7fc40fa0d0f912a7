"""What every route works with: the studio's settings, its store, who watches and who paints."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from pydantic import Field

from danqing.config import Config
from danqing.files import home
from danqing.server.limits import Heavy, Limiter
from danqing.server.watch import Watch
from danqing.server.workshop import Workshop
from danqing.store.database import Database
from danqing.store.files import Files
from danqing.store.gallery import Gallery
from danqing.store.queue import Queue
from danqing.store.uploads import Uploads
from danqing.store.users import Users

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Settings(Config):
    """How a studio is served.

    Args:
        host: the address to listen at; any but this machine's own needs users.
        port: 0 takes a free one.
        names: host names that clients may call it by, beside `host` and, on this machine, localhost.
        devices: where workers paint, one process each; by default the fastest device there is.
        threads: of a worker on a processor; by default all cores but one.
        workers: false where paintings only wait.
        wishes_a_minute: paintings that one user may order in a minute where there are users; 0 is no limit.
        https: true behind a proxy that speaks https: cookies are then sent over nothing else.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=7860, ge=0, le=65535)
    names: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    threads: int | None = Field(default=None, ge=1)
    workers: bool = True
    wishes_a_minute: int = Field(default=240, ge=0)
    https: bool = False

    @property
    def local(self) -> bool:
        """Whether only this machine reaches it: a name of its own, or https, says that a proxy stands before it."""
        return self.host in LOOPBACK and not self.names and not self.https


@dataclasses.dataclass(frozen=True, eq=False)
class Studio:
    """A studio that is open.

    Args:
        settings: how it is served.
        folder: where it lies.
        database, queue, gallery, uploads, users, files: the store.
        watch: tells what happens.
        workshop: the workers.
        limits: how often who may do what.
        heavy: work on pictures, a little at once.
        fetches: pictures under way from the web, likewise; they take time and nothing else.
    """

    settings: Settings
    folder: Path
    database: Database
    queue: Queue
    gallery: Gallery
    uploads: Uploads
    users: Users
    files: Files
    watch: Watch
    workshop: Workshop
    limits: Limiter
    heavy: Heavy
    fetches: Heavy

    @classmethod
    def open(cls, settings: Settings, folder: Path | None = None) -> Studio:
        """Open the studio in a folder, by default the one at home.

        Raises:
            OutputError: it cannot be opened.
        """
        folder = (folder or home() / "studio").resolve()
        database = Database(folder)
        files, queue = Files(folder), Queue(database)
        return cls(
            settings,
            folder,
            database,
            queue,
            Gallery(database, files),
            Uploads(database, files),
            Users(database),
            files,
            Watch(database),
            Workshop(folder, queue, settings.devices if settings.workers else None, settings.threads),
            Limiter(),
            Heavy(),
            Heavy(at_once=4, waiting=2),
        )


def _of(request: Request) -> Studio:
    studio: Studio = request.app.state.studio
    return studio


Open = Annotated[Studio, Depends(_of)]
"""The studio, for a route that asks for it."""
