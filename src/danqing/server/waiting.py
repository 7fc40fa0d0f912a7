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
from danqing.store.states import UNFINISHED
from danqing.store.tables import Event, Job, Kept, Task

PULSE = 15.0
"""Seconds of silence after which one looks whether all is still as thought."""


async def done(studio: Studio, job: Job, request: Request) -> list[Kept]:
    """The paintings of a job, once it has ended. A client that goes away is waited for no more; its job goes on.

    Raises:
        RefusalError: see `paintings`.
    """
    async with contextlib.aclosing(until_end(studio, job)) as events:
        async for event in events:
            if event is None and await request.is_disconnected():
                raise RefusalError(499, "nobody waits for this answer any more; the paintings will be in the gallery", "gone")
    return await run_in_threadpool(paintings, studio, job)


async def until_end(studio: Studio, job: Job) -> AsyncGenerator[Event | None, None]:
    """What happens to a job until it has ended; `None` where nothing did for a while."""
    with studio.watch.listen(job.user_id) as queue:
        # Looked at only now, so that no end falls between the look and the listening.
        state = await run_in_threadpool(_state, studio, job.id)
        while state in UNFINISHED:
            event = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PULSE):
                    event = await queue.get()
            if event is not None and event.facts.get("job") != job.id:
                continue
            yield event
            if event is None or event.kind == "job":
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
