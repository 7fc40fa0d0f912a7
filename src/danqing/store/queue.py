"""The queue: what was ordered, who paints it, and what came of it. Nothing accepted is lost, nothing is delivered twice.

A worker *claims* tasks and holds a lease on them, which it renews while it lives. Who dies loses its leases, and the tasks
wait again; a painting is kept only by whoever still holds the lease, in the transaction that ends the task.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from danqing.errors import BusyError, ConflictError
from danqing.store.database import Database
from danqing.store.events import tell
from danqing.store.states import UNFINISHED, announce, changed, end, job_of, settle, take_back
from danqing.store.tables import Job, Kept, Shade, Task, User, new_id

LEASE = 20.0
"""Seconds a claim holds unless it is renewed."""
ALONE = 2
"""After so many, it is painted alone, so that it takes no others with it."""
WAITING = 5000
"""Paintings that may wait at once, of one user."""


@dataclasses.dataclass(frozen=True, slots=True)
class Order:
    """What to accept.

    Args:
        painter: its name.
        wish: what `danqing.words.Wish.from_json` reads, without a seed, files by their identifiers.
        seed: of the first painting; the others count on from it.
        count: how many.
        shared: equal for orders whose paintings can be painted in one batch.
        priority: of several jobs of one user, that of the highest comes first.
        key: whoever sends the same order with the same key again gets the same job.
    """

    painter: str
    wish: Mapping[str, Any]
    seed: int
    count: int
    shared: str
    priority: int = 0
    key: str | None = None

    @property
    def digest(self) -> str:
        """What tells two orders apart."""
        told = json.dumps([self.painter, self.wish, self.seed, self.count, self.priority], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(told.encode()).hexdigest()


@dataclasses.dataclass(frozen=True, slots=True)
class Claimed:
    """A task that a worker holds."""

    id: str
    job_id: str
    user_id: str
    painter: str
    wish: Mapping[str, Any]
    seed: int
    shared: str
    canvas: str | None
    row: int
    attempts: int


@dataclasses.dataclass(frozen=True, slots=True)
class Finished:
    """A painting as the gallery keeps it; `shades` are (light, a, b, share) in OKLab."""

    words: str
    seed: int
    width: int
    height: int
    wish: Mapping[str, Any]
    scores: Mapping[str, float]
    sha256: str
    shades: Sequence[tuple[float, float, float, float]]


Ensure = Callable[[], object]


class Queue:
    """The jobs of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def known(self, user: str, key: str) -> bool:
        """Whether an order of this key was accepted."""
        with self.database.read() as session:
            return session.scalar(select(Job.id).where(Job.user_id == user, Job.key == key)) is not None

    # What people do.

    def accept(self, user: str, order: Order) -> tuple[Job, bool]:
        """Take an order; once this returns, it is on disk. Gives the job, and whether it is new.

        Raises:
            ConflictError: another order was sent with the same key.
            BusyError: too many of this user's paintings wait already.
        """
        with self.database.write() as session:
            if order.key is not None:
                known = session.scalar(select(Job).where(Job.user_id == user, Job.key == order.key))
                if known is not None:
                    if known.digest != order.digest:
                        raise ConflictError(f"the key '{order.key}' was used for another order: give each a key of its own")
                    return known, False
            _check_room(session, user, order.count)
            now = time.time()
            job = Job(
                id=new_id("j"),
                user_id=user,
                painter=order.painter,
                wish=dict(order.wish),
                count=order.count,
                state="queued",
                priority=order.priority,
                place=now,
                key=order.key,
                digest=order.digest,
                created=now,
            )
            session.add(job)
            session.flush()
            session.add_all(
                Task(id=new_id("t"), job_id=job.id, number=i, seed=order.seed + i, shared=order.shared, state="waiting")
                for i in range(order.count)
            )
            session.flush()
            announce(session, job)
            return job, True

    def pause(self, job_id: str) -> Job:
        """Stop a job for now; what is under way is saved and goes on from there.

        Raises:
            MissingError, ConflictError: there is none, or it has ended.
        """
        return self._turn(job_id, "paused")

    def resume(self, job_id: str) -> Job:
        """Let a paused job go on.

        Raises:
            MissingError, ConflictError: there is none, or it has ended.
        """
        return self._turn(job_id, "queued")

    def cancel(self, job_id: str) -> Job:
        """End a job; what it has painted so far stays.

        Raises:
            MissingError, ConflictError: there is none, or it has ended otherwise.
        """
        with self.database.write() as session:
            job = job_of(session, job_id)
            if job.state not in (*UNFINISHED, "cancelled"):
                raise ConflictError(f"the job has ended already ({job.state}): only what waits or runs can be cancelled")
            end(session, [Task.job_id == job_id, Task.state.in_(("waiting", "running"))], "cancelled")
            settle(session, job)
            return job

    def retry(self, job_id: str) -> Job:
        """Paint again what failed or was cancelled of a job.

        Raises:
            MissingError, ConflictError: there is none, or nothing of it failed or was cancelled.
            BusyError: too many paintings of this user wait already.
        """
        with self.database.write() as session:
            job = job_of(session, job_id)
            _check_room(session, job.user_id, job.count)
            again = changed(
                session,
                [Task.job_id == job_id, Task.state.in_(("failed", "cancelled"))],
                state="waiting",
                attempts=0,
                canvas=None,
                step=0,
            )
            if not again:
                raise ConflictError("nothing of this job failed or was cancelled: there is nothing to try again")
            job.error = job.reason = job.finished = None
            job.state = "queued"
            settle(session, job)
            return job

    def prioritise(self, job_id: str, priority: int) -> Job:
        """Let a job come before those of lower priority of the same user.

        Raises:
            MissingError: there is none.
        """
        with self.database.write() as session:
            job = job_of(session, job_id)
            job.priority = priority
            announce(session, job)
            return job

    def move(self, job_id: str, before: str | None) -> Job:
        """Put a job right before another one, and give it that one's priority; or behind all.

        Raises:
            MissingError: one of them is not there.
            ConflictError: the other one has ended, or is another user's.
        """
        with self.database.write() as session:
            job = job_of(session, job_id)
            mine = select(Job).where(Job.user_id == job.user_id, Job.state.in_(UNFINISHED))
            if before is None:
                job.priority = session.scalar(mine.order_by(Job.priority).limit(1).with_only_columns(Job.priority)) or 0
            else:
                job.priority = job_of(session, before).priority
            session.flush()
            alike = mine.where(Job.priority == job.priority, Job.id != job.id).order_by(Job.place, Job.id)
            line = list(session.scalars(alike))
            there = [i for i, other in enumerate(line) if other.id == before]
            if before is not None and not there:
                raise ConflictError("a job goes before one of the same user that waits or runs: name such a one, or none")
            line.insert(there[0] if there else len(line), job)
            # The places they had are given out anew, so that none ever lies between two that are too close.
            places = sorted(other.place for other in line)
            for i, other in enumerate(line):
                other.place = places[i] if i == 0 else max(places[i], line[i - 1].place + 1e-6)
            announce(session, job)
            return job

    # What workers do.

    def claim(self, worker: str, most: int = 1, lease: float = LEASE) -> list[Claimed]:
        """Take the task whose turn it is; with its canvas, where one was saved, all that are on it.

        Turns go to whoever was served longest ago; within one user's jobs to the highest priority, then to the first place.
        Leases that ran out are taken back first.

        Args:
            worker: who.
            most: tasks of the same job, to begin with; see `claim_alike`.
            lease: seconds.
        """
        with self.database.write() as session:
            take_back(session, [Task.lease < time.time()])
            job = session.scalar(
                select(Job)
                .join(User, User.id == Job.user_id)
                .where(Job.state.in_(("queued", "running")))
                .where(select(Task.id).where(Task.job_id == Job.id, Task.state == "waiting").exists())
                .order_by(User.served, Job.priority.desc(), Job.place, Job.id)
                .limit(1)
            )
            if job is None:
                return []
            first = session.scalars(
                select(Task).where(Task.job_id == job.id, Task.state == "waiting").order_by(Task.number).limit(1)
            ).one()
            if first.attempts >= ALONE:
                # From its wish, too: its canvas is others' as well, and may be what is wrong.
                first.canvas = None
                rows = _claimable(session).where(Task.id == first.id)
            elif first.canvas is not None:
                rows = _claimable(session).where(Task.canvas == first.canvas, Task.attempts < ALONE)
            else:
                rows = _claimable(session).where(Task.job_id == job.id, Task.canvas.is_(None), Task.attempts < ALONE)
                rows = rows.order_by(Task.number).limit(most)
            session.flush()
            session.execute(update(User).where(User.id == job.user_id).values(served=time.time()))
            return _take(session, worker, list(session.execute(rows)), lease)

    def claim_alike(self, worker: str, head: Claimed, most: int, lease: float = LEASE) -> list[Claimed]:
        """Take up to so many more tasks that can be painted in one batch with one that was claimed."""
        if most < 1 or head.canvas is not None or head.attempts >= ALONE:
            return []
        with self.database.write() as session:
            rows = (
                _claimable(session)
                .where(Task.shared == head.shared, Task.canvas.is_(None), Task.attempts < ALONE)
                .order_by(User.served, Job.priority.desc(), Job.place, Job.id, Task.number)
                .limit(most)
            )
            return _take(session, worker, list(session.execute(rows)), lease)

    def beat(self, worker: str, lease: float = LEASE) -> None:
        """Renew every lease of a worker that still holds it."""
        with self.database.write() as session:
            changed(session, [Task.owner == worker, Task.state == "running"], lease=time.time() + lease)

    def held(self, worker: str, tasks: Iterable[str]) -> dict[str, str]:
        """Of some tasks, those that a worker still holds, with the state of their jobs."""
        with self.database.read() as session:
            rows = session.execute(
                select(Task.id, Job.state)
                .join(Job)
                .where(Task.id.in_(list(tasks)), Task.owner == worker, Task.state == "running")
            )
            return dict(rows.all())

    def note(self, job_id: str, notes: Sequence[str]) -> None:
        """Say what of a job's wish its painter will not do as asked, or will do badly."""
        with self.database.write() as session:
            job = job_of(session, job_id)
            if job.notes != list(notes):
                job.notes = list(notes)
                announce(session, job)

    def progress(self, worker: str, tasks: Sequence[str], step: int, steps: int) -> None:
        """Say how far tasks are; those who watch are told."""
        with self.database.write() as session:
            mine = [Task.id.in_(tasks), Task.owner == worker]
            changed(session, mine, step=step, steps=steps)
            rows = session.execute(select(Task.id, Job.id, Job.user_id).join(Job).where(*mine))
            for task, job, user in rows.all():
                tell(session, user, "step", job=job, task=task, step=step, steps=steps)

    def saved(self, worker: str, rows: Mapping[str, int], canvas: str) -> None:
        """Note on which canvas tasks were saved, and in which row. Who gets so far has earned new tries."""
        with self.database.write() as session:
            for task, row in rows.items():
                changed(session, [Task.id == task, Task.owner == worker], canvas=canvas, row=row, attempts=0)

    def release(self, worker: str, tasks: Sequence[str] | None = None, begun: bool = True) -> None:
        """Give tasks back that were not finished: some, or all of a worker, such as one that has died.

        Args:
            worker: whose.
            tasks: some of them; by default all.
            begun: false where it is not their fault, so that it counts as no attempt.
        """
        with self.database.write() as session:
            mine = [Task.owner == worker] if tasks is None else [Task.owner == worker, Task.id.in_(tasks)]
            if not begun:
                changed(session, [*mine, Task.state == "running"], attempts=Task.attempts - 1)
            take_back(session, mine)

    def release_all(self) -> None:
        """Give back whatever anybody holds: whoever starts the workers knows that those of before are gone."""
        with self.database.write() as session:
            take_back(session, [Task.owner.is_not(None)])

    def deliver(self, worker: str, done: Mapping[str, tuple[Finished, Ensure]]) -> dict[str, str]:
        """Keep paintings and end their tasks, all in one transaction.

        Args:
            worker: who painted them.
            done: by task, each painting, and what puts its file where it is not there: called within the transaction, where
                nobody can delete files.

        Returns:
            The paintings' identifiers by task, without those that the worker no longer holds (they were cancelled, or are
            another's).
        """
        kept: dict[str, str] = {}
        with self.database.write() as session:
            jobs: dict[str, Job] = {}
            for task_id, (found, ensure) in done.items():
                task = session.get(Task, task_id)
                if task is None or task.owner != worker or task.state != "running":
                    continue
                job = jobs.setdefault(task.job_id, job_of(session, task.job_id))
                ensure()
                kept[task_id] = _keep(session, job, task_id, found)
                end(session, [Task.id == task_id], "done")
                tell(session, job.user_id, "painting", job=job.id, task=task_id, painting=kept[task_id])
            settle(session, *jobs.values())
        return kept

    def fail(self, worker: str, tasks: Sequence[str], error: str, reason: str) -> None:
        """End tasks that cannot be painted, with the kind of error and a sentence for whoever asked."""
        with self.database.write() as session:
            mine = [Task.id.in_(tasks), Task.owner == worker, Task.state == "running"]
            jobs = set(session.scalars(select(Task.job_id).where(*mine)))
            end(session, mine, "failed")
            for job_id in jobs:
                job = job_of(session, job_id)
                job.error, job.reason = error, reason
                settle(session, job)

    def canvases(self) -> set[str]:
        """The canvases that unfinished tasks are saved on."""
        with self.database.read() as session:
            return {name for name in session.scalars(select(Task.canvas).where(Task.canvas.is_not(None))) if name}

    def _turn(self, job_id: str, state: str) -> Job:
        with self.database.write() as session:
            job = job_of(session, job_id)
            if job.state not in UNFINISHED:
                raise ConflictError(f"the job has ended already ({job.state}): order it again")
            job.state = state
            settle(session, job)
            return job


def _check_room(session: Session, user: str, count: int) -> None:
    waiting = session.scalar(
        select(func.count()).select_from(Task).join(Job).where(Job.user_id == user, Task.state == "waiting")
    )
    if (waiting or 0) + count > WAITING:
        raise BusyError(f"{waiting} paintings of yours wait already: at most {WAITING} may; wait or cancel some")


def _keep(session: Session, job: Job, task_id: str, found: Finished) -> str:
    kept = Kept(
        id=new_id("p"),
        user_id=job.user_id,
        task_id=task_id,
        job_id=job.id,
        painter=job.painter,
        words=found.words,
        seed=found.seed,
        width=found.width,
        height=found.height,
        wish=dict(found.wish),
        scores=dict(found.scores),
        sha256=found.sha256,
        created=time.time(),
    )
    session.add(kept)
    session.flush()
    session.add_all(
        Shade(painting_id=kept.id, number=i, light=light, a=a, b=b, share=share)
        for i, (light, a, b, share) in enumerate(found.shades)
    )
    return kept.id


def _claimable(session: Session) -> Any:
    return (
        select(Task, Job, User.id)
        .join(Job, Job.id == Task.job_id)
        .join(User, User.id == Job.user_id)
        .where(Task.state == "waiting", Job.state.in_(("queued", "running")))
    )


def _take(session: Session, worker: str, rows: Sequence[Any], lease: float) -> list[Claimed]:
    claimed = []
    for task, job, user in rows:
        task.state, task.owner, task.lease = "running", worker, time.time() + lease
        found = Claimed(
            task.id, job.id, user, job.painter, job.wish, task.seed, task.shared, task.canvas, task.row, task.attempts
        )
        task.attempts += 1
        claimed.append(found)
    session.flush()
    jobs = {job.id: job for _, job, _ in rows}
    for job in jobs.values():
        job.started = job.started or time.time()
    settle(session, *jobs.values())
    return claimed
