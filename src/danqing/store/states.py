"""Jobs and their tasks: how one follows from the others, and who is told when they change."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from danqing.errors import MissingError
from danqing.store.events import tell
from danqing.store.tables import Job, Task

ATTEMPTS = 10
"""A task whose worker died so often under it is given up."""
UNFINISHED = ("queued", "running", "paused")
"""What a job is that has not ended."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is."""

    waiting: int = 0
    running: int = 0
    done: int = 0
    failed: int = 0
    cancelled: int = 0
    step: int = 0
    steps: int = 0


def progress_of(session: Session, jobs: Sequence[str]) -> dict[str, Progress]:
    """How far some jobs are, by identifier."""
    rows = session.execute(
        select(Task.job_id, Task.state, func.count(), func.sum(Task.step), func.sum(Task.steps))
        .where(Task.job_id.in_(jobs))
        .group_by(Task.job_id, Task.state)
    )
    found = {job: Progress() for job in jobs}
    for job, state, count, step, steps in rows:
        old = found[job]
        under_way = {"step": int(step or 0), "steps": int(steps or 0)} if state == "running" else {}
        found[job] = dataclasses.replace(old, **{state: count}, **under_way)
    return found


def job_of(session: Session, job_id: str) -> Job:
    """A job.

    Raises:
        MissingError: there is none.
    """
    job = session.get(Job, job_id)
    if job is None:
        raise MissingError(f"there is no job '{job_id}': look at the list of jobs")
    return job


def changed(session: Session, where: Sequence[ColumnElement[bool]], **values: Any) -> int:
    """Change tasks in the database and here; gives how many."""
    result = session.execute(update(Task).where(*where).values(**values).execution_options(synchronize_session="fetch"))
    return int(getattr(result, "rowcount", 0))


def end(session: Session, where: Sequence[ColumnElement[bool]], state: str) -> None:
    """Let tasks be nobody's any more, in a state that lasts."""
    changed(session, where, state=state, owner=None, lease=None, canvas=None)


def take_back(session: Session, where: Sequence[ColumnElement[bool]]) -> None:
    """Let running tasks wait again, or give up those that were taken back too often."""
    lost = [*where, Task.state == "running"]
    jobs = set(session.scalars(select(Task.job_id).where(*lost)))
    if not jobs:
        return
    hopeless = [*lost, Task.attempts >= ATTEMPTS]
    given_up = set(session.scalars(select(Task.job_id).where(*hopeless)))
    end(session, hopeless, "failed")
    changed(session, lost, state="waiting", owner=None, lease=None)
    for job_id in jobs:
        job = job_of(session, job_id)
        if job_id in given_up:
            job.error = "PainterError"
            job.reason = f"the worker died {ATTEMPTS} times while painting this: ask for something smaller, or look at its log"
        settle(session, job)


def settle(session: Session, *jobs: Job) -> None:
    """Bring jobs' states in line with their tasks, and tell those who watch."""
    session.flush()
    progress = progress_of(session, [job.id for job in jobs])
    for job in jobs:
        found = progress[job.id]
        if found.waiting or found.running:
            if job.state != "paused":
                job.state = "running" if found.running else "queued"
        else:
            job.state = "failed" if found.failed else "cancelled" if found.cancelled else "done"
            job.finished = time.time()
        _tell(session, job, found)


def announce(session: Session, job: Job) -> None:
    """Tell those who watch how a job is."""
    session.flush()
    _tell(session, job, progress_of(session, [job.id])[job.id])


def _tell(session: Session, job: Job, found: Progress) -> None:
    tell(session, job.user_id, "job", job=job.id, state=job.state, **dataclasses.asdict(found))
