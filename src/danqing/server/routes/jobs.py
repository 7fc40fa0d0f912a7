"""Jobs: order, watch, pause, cancel, reorder, try again."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from danqing.errors import MissingError, RightsError
from danqing.server.access import Maker, Viewer, still
from danqing.server.orders import accept
from danqing.server.studio import Open, Studio
from danqing.server.watch import EventStream
from danqing.server.wire import Identifier, JobOut, Jobs, Move, Priority, WishIn
from danqing.store.events import newest
from danqing.store.states import UNFINISHED, progress_of
from danqing.store.tables import Job, Kept, Task
from danqing.store.users import Who

router = APIRouter(prefix="/api", tags=["jobs"])

SHOWN = 200
"""Jobs that a list holds at most."""


@router.post("/jobs", status_code=202)
def order(
    asked: WishIn, studio: Open, who: Maker, idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None
) -> JobOut:
    """Order paintings. Once this answers, the order is on disk; sent again with its `Idempotency-Key`, it is the same job."""
    return one(studio, accept(studio, who, asked, idempotency_key).id)


@router.get("/jobs")
def jobs(
    studio: Open,
    who: Viewer,
    unfinished: bool = False,
    everybody: bool = False,
    most: Annotated[int, Query(ge=1, le=SHOWN)] = 50,
) -> Jobs:
    """The newest jobs; those under way in their order come first. `everybody` is for admins."""
    if everybody and not who.may("admin"):
        raise RightsError("only an admin sees everybody's jobs: ask for your own")
    with studio.database.read() as session:
        asked = select(Job) if everybody else select(Job).where(Job.user_id == who.id)
        waiting = asked.where(Job.state.in_(UNFINISHED)).order_by(Job.priority.desc(), Job.place, Job.id).limit(most)
        found = list(session.scalars(waiting))
        if not unfinished and len(found) < most:
            ended = asked.where(Job.state.not_in(UNFINISHED)).order_by(Job.id.desc()).limit(most - len(found))
            found += session.scalars(ended)
        return Jobs(jobs=_told(session, found), event=newest(session))


@router.get("/jobs/{job_id}")
def job(job_id: Identifier, studio: Open, who: Viewer) -> JobOut:
    """One job."""
    return one(studio, _own(studio, who, job_id))


@router.post("/jobs/{job_id}/pause")
def pause(job_id: Identifier, studio: Open, who: Maker) -> JobOut:
    """Stop it for now. What is under way is saved, and goes on from there."""
    studio.queue.pause(_own(studio, who, job_id))
    return one(studio, job_id)


@router.post("/jobs/{job_id}/resume")
def resume(job_id: Identifier, studio: Open, who: Maker) -> JobOut:
    """Let it go on."""
    studio.queue.resume(_own(studio, who, job_id))
    studio.workshop.wake()
    return one(studio, job_id)


@router.post("/jobs/{job_id}/cancel")
def cancel(job_id: Identifier, studio: Open, who: Maker) -> JobOut:
    """End it. What it has painted stays."""
    studio.queue.cancel(_own(studio, who, job_id))
    return one(studio, job_id)


@router.post("/jobs/{job_id}/retry")
def retry(job_id: Identifier, studio: Open, who: Maker) -> JobOut:
    """Paint again what failed or was cancelled."""
    studio.queue.retry(_own(studio, who, job_id))
    studio.workshop.wake()
    return one(studio, job_id)


@router.post("/jobs/{job_id}/move")
def move(job_id: Identifier, where: Move, studio: Open, who: Maker) -> JobOut:
    """Put it right before another job, or behind all."""
    before = None if where.before is None else _own(studio, who, where.before)
    studio.queue.move(_own(studio, who, job_id), before)
    return one(studio, job_id)


@router.post("/jobs/{job_id}/priority")
def prioritise(job_id: Identifier, asked: Priority, studio: Open, who: Maker) -> JobOut:
    """Let it come before your jobs of lower priority. Whose turn it is among users does not depend on it."""
    studio.queue.prioritise(_own(studio, who, job_id), asked.priority)
    return one(studio, job_id)


@router.get("/tasks/{task_id}/preview", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
def preview(task_id: Identifier, studio: Open, who: Viewer) -> Response:
    """What a painting under way looks like so far, as WebP."""
    with studio.database.read() as session:
        owner = session.scalar(select(Job.user_id).join(Task).where(Task.id == task_id))
    path = studio.folder / "previews" / f"{task_id}.webp"
    content = None
    if owner == who.id or (owner and who.may("admin")):
        with contextlib.suppress(FileNotFoundError):  # it may be done at any moment
            content = path.read_bytes()
    if content is None:
        raise MissingError(f"there is no preview of '{task_id}': it has not begun, or it is done")
    return Response(content, media_type="image/webp")


@router.get("/events", response_class=StreamingResponse)
async def events(
    request: Request,
    studio: Open,
    who: Viewer,
    job: Identifier | None = None,
    after: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> StreamingResponse:
    """What happens, as server-sent events: `job`, `step`, `painting`, `gallery`. A browser that comes back is told what it
    missed; `reset` says that this is no longer known, so look anew."""
    seen = int(last_event_id) if last_event_id is not None and re.fullmatch("[0-9]{1,18}", last_event_id) else after
    with contextlib.ExitStack() as listening:
        listener = listening.enter_context(studio.watch.listen(who.id))
        frames = studio.watch.stream(listener, seen, job, lambda: still(studio, request, who))
        return EventStream(frames, listening.pop_all())


def one(studio: Studio, job_id: str) -> JobOut:
    """A job as it is told."""
    with studio.database.read() as session:
        return _told(session, [session.get_one(Job, job_id)])[0]


def _told(session: Session, found: Sequence[Job]) -> list[JobOut]:
    names = [each.id for each in found]
    progress = progress_of(session, names)
    tasks: dict[str, list[str]] = {name: [] for name in names}
    paintings: dict[str, list[str]] = {name: [] for name in names}
    for name, task in session.execute(
        select(Task.job_id, Task.id).where(Task.job_id.in_(names), Task.state == "running").order_by(Task.number)
    ):
        tasks[name].append(task)
    for name, kept in session.execute(
        select(Kept.job_id, Kept.id)
        .join(Task, Task.id == Kept.task_id)
        .where(Kept.job_id.in_(names), Kept.trashed.is_(None))
        .order_by(Task.number)
    ):
        paintings[name].append(kept)
    return [JobOut.of(each, progress[each.id], tasks[each.id], paintings[each.id]) for each in found]


def _own(studio: Studio, who: Who, job_id: str) -> str:
    """The identifier, where the job is theirs; an admin may touch everybody's."""
    with studio.database.read() as session:
        owner = session.scalar(select(Job.user_id).where(Job.id == job_id))
    if owner != who.id and not (owner and who.may("admin")):
        raise MissingError(f"there is no job '{job_id}': look at the list of jobs")
    return job_id
