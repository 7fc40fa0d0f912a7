"""The studio's folder and database: opened, brought up to date, and read and written in transactions.

studio/studio.db    everything but pixels (SQLite, write-ahead log)
studio/files/ab/…   paintings and pictures, each named by its SHA-256
studio/canvases/…   paintings under way
studio/previews/…   what they look like so far
"""

from __future__ import annotations

import contextlib
import random
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config as Alembic
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.orm import Session

from danqing.errors import OutputError
from danqing.files import home

MIGRATIONS = Path(__file__).parent / "migrations"
PATIENCE = 20.0
"""Seconds to wait for another process that is writing."""


class Database:
    """The studio's database. `read` and `write` give a session; a write is one transaction from its first statement on.

    Args:
        folder: the studio's; by default the one at home. Made if missing.

    Raises:
        OutputError: it cannot be made or opened, or comes from a newer Danqing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or home() / "studio"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            # Passwords as hashes, everybody's words and pictures: nobody else's on this machine.
            self.folder.chmod(0o700)
            self.engine = _engine(self.folder / "studio.db")
            _bring_up_to_date(self.engine)
        except (OSError, DatabaseError, sqlite3.Error) as error:
            raise OutputError(
                f"the studio in '{self.folder}' cannot be opened ({error}): give a folder that is yours"
            ) from error

    @contextlib.contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one state of things and changes nothing."""
        with Session(self.engine, expire_on_commit=False) as session:
            session.execute(text("BEGIN"))
            yield session

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        """A session whose changes are kept together at its end, or not at all where something is raised."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            # SQLite takes the right to write at the first change; taken at once, what was read before it still holds.
            _begin(session.connection())
            yield session

    def close(self) -> None:
        """Let go of the file."""
        self.engine.dispose()


def _begin(connection: Connection) -> None:
    """Take the right to write when whoever has it is done. SQLite itself waits ever longer between tries, up to a tenth of a
    second, where most transactions take a hundredth.

    Raises:
        OperationalError: somebody has it for longer than our patience.
    """
    give_up = time.monotonic() + PATIENCE
    connection.exec_driver_sql("PRAGMA busy_timeout=0")
    try:
        while True:
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                return
            except OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > give_up:
                    raise
                time.sleep(random.uniform(0.001, 0.003))
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1000 * PATIENCE)}")


def _engine(path: Path) -> Engine:
    # As many connections as the web process has threads, and some: nobody waits for one that somebody else holds.
    settings = {"timeout": PATIENCE, "isolation_level": None}
    engine = create_engine(f"sqlite:///{path}", connect_args=settings, pool_size=64, max_overflow=64)

    @event.listens_for(engine, "connect")
    def _tune(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "cache_size=-16000"):
            connection.execute(f"PRAGMA {pragma}")

    return engine


def _bring_up_to_date(engine: Engine) -> None:
    """Run the migrations that this database has not seen, in one transaction.

    Raises:
        OutputError: it has seen some that this Danqing does not know.
    """
    settings = Alembic()
    settings.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    known = ScriptDirectory.from_config(settings)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").all()
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() if tables else None
        if found is not None and found not in {script.revision for script in known.walk_revisions()}:
            raise OutputError(f"the studio in '{engine.url.database}' was made by a newer Danqing: update this one")
        if found != known.get_current_head():
            settings.attributes["connection"] = connection
            command.upgrade(settings, "head")
        connection.exec_driver_sql("COMMIT")
