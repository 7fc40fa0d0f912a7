"""Requests that last until their paintings are there, as clients of other services expect. No thread waits with them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select

from danqing.server.problems import RefusalError, named
from danqing.server.studio import Studio
from danqing.server.watch import END, Listener
from danqing.store.states import UNFINISHED
from danqing.store.tables import Event, Job, Kept, Task

PULSE = 15.0
"""Seconds after which one looks whether all is still as thought, however much is heard of other jobs."""


async def done(studio: Studio, job: Job, request: Request, listener: Listener) -> list[Kept]:
    """The paintings of a job, once it has ended. A client that goes away is waited for no more; its job goes on.

    Raises:
        RefusalError: see `until_end` and `paintings`.
    """
    async with contextlib.aclosing(until_end(studio, job, listener)) as events:
        async for event in events:
            if event is None and await request.is_disconnected():
                raise RefusalError(499, "nobody waits for this answer any more; the paintings will be in the gallery", "gone")
    return await run_in_threadpool(paintings, studio, job)


async def until_end(studio: Studio, job: Job, listener: Listener) -> AsyncGenerator[Event | None, None]:
    """What happens to a job until it has ended; `None` where nothing did for a while.

    Args:
        studio: that has it.
        job: which.
        listener: who listens to its user's events. From before the job was accepted: where no more may listen, that is
            refused, and a refusal must leave no job behind.

    Raises:
        RefusalError: the studio is closing.
    """
    clock = asyncio.get_running_loop().time
    said = clock()
    # Looked at only now, so that no end falls between the look and the listening.
    state = await run_in_threadpool(_state, studio, job.id)
    while state in UNFINISHED:
        news = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(said + PULSE):
                news = await listener.news.get()
        if news is END:
            message = f"the studio is closing, and the job {job.id} goes on when it opens again: look for it there"
            raise RefusalError(503, f"{message}, and do not order it anew", "closing", final=True)
        if news is not None and news.event.facts.get("job") != job.id:
            if clock() < said + PULSE:
                continue
            news = None
        yield None if news is None else news.event
        said = clock()
        if news is None or news.event.kind == "job":
            state = await run_in_threadpool(_state, studio, job.id)


def paintings(studio: Studio, job: Job) -> list[Kept]:
    """The paintings of a job that has ended, in the order of their seeds.

    Raises:
        RefusalError: it failed or was cancelled, or some of its paintings were deleted since.
    """
    found = finished(studio, job)
    with studio.database.read() as session:
        ended = session.get_one(Job, job.id)
    if ended.state == "failed":
        # What the painter, not the wish, is to blame for is no 404, which a painter that is not there would be.
        status = 500 if ended.error == "PainterError" else named(ended.error)
        raise RefusalError(status, ended.reason or "painting failed", ended.error or "PainterError", final=True)
    if ended.state == "cancelled":
        raise RefusalError(409, "the job was cancelled while this waited for it: order it again", "cancelled", final=True)
    if len(found) < ended.count:
        raise RefusalError(404, "paintings of this job were deleted since: order them again, with another key", "MissingError")
    return found


def finished(studio: Studio, job: Job) -> list[Kept]:
    """Those that are painted so far."""
    asked = select(Kept).join(Task, Task.id == Kept.task_id).where(Kept.job_id == job.id).order_by(Task.number)
    with studio.database.read() as session:
        return list(session.scalars(asked))


def _state(studio: Studio, job_id: str) -> str | None:
    with studio.database.read() as session:
        return session.scalar(select(Job.state).where(Job.id == job_id))
