"""The studio as an app, and the process that serves it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from danqing import __version__
from danqing.errors import ConfigError, OutputError
from danqing.files import alone, home
from danqing.server import page, problems
from danqing.server.access import known
from danqing.server.guard import Guard
from danqing.server.problems import Problem
from danqing.server.routes import a1111, accounts, boards, jobs, openai, paintings, pictures, shelf
from danqing.server.studio import LOOPBACK, Settings, Studio
from danqing.store.sweep import sweep

ROUTERS = (
    accounts.router,
    jobs.router,
    paintings.router,
    boards.router,
    pictures.router,
    shelf.router,
    openai.router,
    a1111.router,
)

log = logging.getLogger("danqing.server")


def build(studio: Studio) -> FastAPI:
    """The app of a studio."""

    @contextlib.asynccontextmanager
    async def alive(app: FastAPI) -> AsyncIterator[None]:
        works = (studio.watch.run(), studio.workshop.run(), _sweeping(studio))
        tasks = [asyncio.create_task(work) for work in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = FastAPI(
        title="Danqing",
        version=__version__,
        description="Order paintings, watch them being painted, find them again.",
        openapi_url="/docs/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=alive,
        responses={"4XX": {"model": Problem}, "5XX": {"model": Problem}},
    )
    app.state.studio = studio
    for router in ROUTERS:
        app.include_router(router)
    page.install(app)
    problems.install(app)
    here = studio.settings.host in LOOPBACK
    names = {*studio.settings.names, *(LOOPBACK if here else (studio.settings.host,))}
    app.add_middleware(Guard, names=names, anywhere=not here, known=lambda headers: known(studio, headers))
    return app


async def _sweeping(studio: Studio) -> None:
    """Now and then, delete what nobody has any more."""
    while True:
        try:
            await asyncio.to_thread(sweep, studio.database, studio.files)
        except Exception:  # nothing depends on it
            log.exception("what nobody has could not be swept away; trying again later")
        await asyncio.sleep(600)


def serve(settings: Settings, ready: Callable[[str], None], folder: Path | None = None) -> None:
    """Serve the studio until interrupted.

    Args:
        settings: how.
        ready: is told the page's address once it answers.
        folder: of the studio; by default the one at home.

    Raises:
        ConfigError: it is to be reached from elsewhere and has no users.
        OutputError: the folder cannot be used, is served already, or the port is taken.
    """
    folder = folder or home() / "studio"
    served = OutputError(f"the studio in '{folder}' is being served already: open its page, or stop it first")
    with alone(folder / "lock", served):
        studio = Studio.open(settings, folder)
        if not settings.local and not studio.users.any():
            raise ConfigError(
                f"the studio would be open to everybody who reaches '{(settings.names or (settings.host,))[0]}': first add a "
                "user with 'danqing users add NAME --role admin'"
            )
        listening = _listen(settings)
        port = listening.getsockname()[1]
        shown = f"[{settings.host}]" if ":" in settings.host else settings.host
        config = uvicorn.Config(
            build(studio),
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=3,
            limit_concurrency=800,
        )
        server = _Server(config, lambda: ready(f"http://{shown}:{port}/"), studio.watch.close)
        try:
            server.run([listening])
        finally:
            studio.database.close()


class _Server(uvicorn.Server):
    """Says when it answers, and when it stops to."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], ending: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready, self._ending = ready, ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._ending()
        await super().shutdown(sockets)


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.host, settings.port))
    except OSError as error:
        listening.close()
        raise OutputError(
            f"nothing can listen at {settings.host}, port {settings.port} ({error.strerror or error}): give another --port"
        ) from error
    return listening
