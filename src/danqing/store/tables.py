"""The tables of the studio. Times are seconds since 1970 (UTC); identifiers sort by when they were made."""

from __future__ import annotations

import secrets
import time
from typing import Any, ClassVar, Literal

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Role = Literal["viewer", "maker", "admin"]
"""What a user may do, each more than the one before: look; paint and keep; manage users and everybody's jobs."""
ROLES: tuple[Role, ...] = ("viewer", "maker", "admin")

JobState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
TaskState = Literal["waiting", "running", "done", "failed", "cancelled"]

LOCAL = "local"
"""The one user of a studio that only its own machine reaches, and that has no users yet."""


def new_id(kind: str) -> str:
    """An identifier: a letter for its kind, the time in milliseconds, then 64 random bits; hexadecimal."""
    return f"{kind}{time.time_ns() // 1_000_000:011x}{secrets.token_hex(8)}"


class Base(DeclarativeBase):
    """Of every table. Constraints have names of a fixed form, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {dict[str, Any]: JSON, list[str]: JSON, str: String}


class User(Base):
    """Who may log in. `served` is when a job of theirs was last begun: who waited longest has the next turn."""

    __tablename__ = "users"
    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    password: Mapped[str]
    role: Mapped[str]
    active: Mapped[bool] = mapped_column(default=True)
    created: Mapped[float]
    served: Mapped[float] = mapped_column(default=0.0)


class Login(Base):
    """A browser that is logged in; `token` is the SHA-256 of what its cookie holds."""

    __tablename__ = "logins"
    token: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    expires: Mapped[float]


class ApiKey(Base):
    """A key for programs; `hash` is its SHA-256, `hint` its first letters."""

    __tablename__ = "api_keys"
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str]
    hint: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)
    created: Mapped[float]
    used: Mapped[float | None]


class Upload(Base):
    """A picture that somebody gave, kept as a plain PNG of its pixels.

    `ordered`: it came with an order and is kept for that alone, so it goes where no order or painting needs it any more.
    """

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("user_id", "sha256"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    sha256: Mapped[str]
    name: Mapped[str]
    width: Mapped[int]
    height: Mapped[int]
    created: Mapped[float]
    ordered: Mapped[bool] = mapped_column(default=False)


class Job(Base):
    """What somebody ordered: one wish, painted so many times with seeds in a row.

    `notes` says what of the wish its painter does not do as asked. `key` and `digest`: whoever sends the same order with the
    same key again gets this job. `place`: its order among jobs of equal priority.
    """

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("user_id", "key"), Index(None, "state", "user_id", "priority", "place"))
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    painter: Mapped[str]
    wish: Mapped[dict[str, Any]]
    count: Mapped[int]
    state: Mapped[str]
    priority: Mapped[int] = mapped_column(default=0)
    place: Mapped[float]
    error: Mapped[str | None]
    reason: Mapped[str | None]
    notes: Mapped[list[str]] = mapped_column(default=list)
    key: Mapped[str | None]
    digest: Mapped[str]
    created: Mapped[float]
    started: Mapped[float | None]
    finished: Mapped[float | None]


class Task(Base):
    """One painting of a job.

    `shared` is equal for tasks that can be painted in one batch. While a worker (`owner`) paints it, it holds a `lease` until
    some time; `canvas` and `row` say where it was saved under way.
    """

    __tablename__ = "tasks"
    __table_args__ = (Index(None, "state", "shared"), Index(None, "job_id", "state"))
    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"))
    number: Mapped[int]
    seed: Mapped[int]
    shared: Mapped[str]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    owner: Mapped[str | None] = mapped_column(index=True)
    lease: Mapped[float | None]
    step: Mapped[int] = mapped_column(default=0)
    steps: Mapped[int] = mapped_column(default=0)
    canvas: Mapped[str | None] = mapped_column(index=True)
    row: Mapped[int] = mapped_column(default=0)


class Kept(Base):
    """A painting in the gallery; its file is named by its SHA-256. `task_id` is unique: none is delivered twice."""

    __tablename__ = "paintings"
    __table_args__ = (Index(None, "user_id", "trashed", "id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    task_id: Mapped[str] = mapped_column(unique=True)
    job_id: Mapped[str] = mapped_column(index=True)
    painter: Mapped[str]
    words: Mapped[str]
    seed: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    wish: Mapped[dict[str, Any]]
    scores: Mapped[dict[str, Any]]
    sha256: Mapped[str] = mapped_column(index=True)
    stars: Mapped[int] = mapped_column(default=0)
    created: Mapped[float]
    trashed: Mapped[float | None]


class Tag(Base):
    """A word that somebody put on a painting."""

    __tablename__ = "tags"
    painting_id: Mapped[str] = mapped_column(ForeignKey("paintings.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True, index=True)


class Shade(Base):
    """One of a painting's colours in OKLab, and its share: what a search by colour looks at."""

    __tablename__ = "shades"
    painting_id: Mapped[str] = mapped_column(ForeignKey("paintings.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    light: Mapped[float]
    a: Mapped[float]
    b: Mapped[float]
    share: Mapped[float]


class Board(Base):
    """A named group of paintings."""

    __tablename__ = "boards"
    __table_args__ = (UniqueConstraint("user_id", "name"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str]
    created: Mapped[float]


class Pinned(Base):
    """A painting on a board."""

    __tablename__ = "pinned"
    board_id: Mapped[str] = mapped_column(ForeignKey("boards.id", ondelete="CASCADE"), primary_key=True)
    painting_id: Mapped[str] = mapped_column(ForeignKey("paintings.id", ondelete="CASCADE"), primary_key=True)
    added: Mapped[float]


class Event(Base):
    """Something that happened, for those who watch; numbered without gaps that matter, kept for a day."""

    __tablename__ = "events"
    __table_args__ = ({"sqlite_autoincrement": True},)
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(index=True)
    kind: Mapped[str]
    facts: Mapped[dict[str, Any]]
    at: Mapped[float]
