"""Who watches is told what happens, whichever process did it: one look at the database, many listeners."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from fastapi.responses import StreamingResponse
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from danqing.errors import BusyError
from danqing.store.database import Database
from danqing.store.events import newest, oldest, since
from danqing.store.tables import Event

LOOK = 0.1
"""Seconds between looks; where nothing was written, a look reads one number."""
PULSE = 15.0
"""Seconds after which a silent stream says that it lives, and for which whoever was let in may listen unasked."""
LISTENERS = 200
"""Streams of one user at once, and requests that wait for their paintings."""
BEHIND = 2000
"""Events that a listener may be behind before it is told to look anew."""

log = logging.getLogger("danqing.server")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class News:
    """An event as it is told. Its `frame` goes with it, written once for however many listen: whoever is slow finds it too."""

    event: Event
    frame: bytes


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Listener:
    """Somebody who listens: to whose events, and those that they have not heard yet. `None` says that some were lost."""

    user: str
    news: asyncio.Queue[News | None]


END = News(Event(id=-1, user_id="", kind="end", facts={}, at=0.0), b"")
"""What a listener hears last, where the studio is closing."""


class EventStream(StreamingResponse):
    """Server-sent events. However they end, nobody listens for them any more.

    Args:
        frames: the events.
        listening: is closed then.
    """

    def __init__(self, frames: AsyncIterator[bytes], listening: contextlib.ExitStack) -> None:
        super().__init__(frames, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._listening = listening

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        with self._listening:
            await super().__call__(scope, receive, send)


class Watch:
    """Tells events of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._listeners: set[Listener] = set()
        self._closing = False

    async def run(self) -> None:
        """Look for events until cancelled."""
        seen = -1
        while True:
            try:
                seen = self.newest() if seen < 0 else seen
                with self.database.engine.connect() as connection:
                    version = -1
                    while True:
                        found = int(connection.execute(text("PRAGMA data_version")).scalar() or 0)
                        if found != version:
                            version = found
                            seen = await self._pass_on(seen)
                        await asyncio.sleep(LOOK)
            except Exception:  # a disk that is full now need not be so for ever, and who watches must go on
                log.exception("events could not be read; trying again")
                await asyncio.sleep(1.0)

    async def _pass_on(self, seen: int) -> int:
        """Tell what came after an event; gives the last one."""
        while True:
            with self.database.read() as session:
                events = since(session, seen)
            if not events:
                return seen
            for event in events:
                self._tell(event)
            seen = events[-1].id
            await asyncio.sleep(0)

    def close(self) -> None:
        """Let every stream end, so that nobody waits for them where the studio is closing."""
        self._closing = True
        for listener in self._listeners:
            _end(listener)

    def newest(self) -> int:
        """The number of the last event."""
        with self.database.read() as session:
            return newest(session)

    @contextlib.contextmanager
    def listen(self, user: str) -> Iterator[Listener]:
        """Hear the events of a user from now on.

        Raises:
            BusyError: too many listen to them already.
        """
        if sum(listener.user == user for listener in self._listeners) >= LISTENERS:
            raise BusyError(f"{LISTENERS} streams and requests of yours wait for news already: close some")
        listener = Listener(user, asyncio.Queue(BEHIND))
        if self._closing:
            _end(listener)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    async def stream(
        self, listener: Listener, after: int | None, job: str | None = None, allowed: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[bytes]:
        """Server-sent events (WHATWG HTML, 9.2): those after one that was seen, then what happens.

        Args:
            listener: who listens, from before this is asked for.
            after: number of the last event that was seen; `None` begins now.
            job: only of this job, by identifier.
            allowed: asked now and then, before anything is told; the stream ends where it says no.
        """
        clock = asyncio.get_running_loop().time
        asked = clock()
        last, missed, gap = await asyncio.to_thread(self._missed, listener.user, after)
        yield _frame(last if gap or after is None else after, "reset" if gap else "hello", {})
        if not gap:
            for event in missed:
                if job is None or event.facts.get("job") == job:
                    yield _frame(event.id, event.kind, event.facts)
        said = clock()
        while True:
            heard = await _heard(listener, said + PULSE)
            if END in heard:
                return
            if clock() - asked >= PULSE:
                asked = clock()
                if not await asyncio.to_thread(allowed):
                    return
            pieces = []
            if None in heard:
                heard = heard[heard.index(None) + 1 :]
                pieces.append(_frame(await asyncio.to_thread(self.newest), "reset", {}))
            news = [each for each in heard if each is not None and each.event.id > last]
            pieces += [each.frame for each in news if job is None or each.event.facts.get("job") == job]
            # Counted from what was said last, whatever was heard meanwhile of other jobs.
            if pieces or clock() - said >= PULSE:
                yield b"".join(pieces) or b": still here\n\n"
                said = clock()

    def _missed(self, user: str, after: int | None) -> tuple[int, list[Event], bool]:
        """The last event, those of a user after another one, and whether some of them are forgotten."""
        with self.database.read() as session:
            last = newest(session)
            missed = [] if after is None else since(session, after, user, BEHIND)
            gap = after is not None and (after > last or after + 1 < oldest(session) or len(missed) >= BEHIND)
            return last, missed, gap

    def _tell(self, event: Event) -> None:
        concerned = [listener for listener in self._listeners if listener.user == event.user_id]
        if not concerned:
            return
        told = News(event, _frame(event.id, event.kind, event.facts))
        for listener in concerned:
            if listener.news.full():
                while not listener.news.empty():
                    listener.news.get_nowait()
                listener.news.put_nowait(None)
            else:
                listener.news.put_nowait(told)


async def _heard(listener: Listener, until: float) -> list[News | None]:
    """All that there is in one piece, as with many listeners it is pieces that cost; nothing where nothing came in time."""
    try:
        async with asyncio.timeout_at(until):
            first = await listener.news.get()
    except TimeoutError:
        return []
    return [first, *(listener.news.get_nowait() for _ in range(listener.news.qsize()))]


def _end(listener: Listener) -> None:
    """Tell a listener that nothing follows. Whoever is so far behind that there is no room is told nothing else."""
    if listener.news.full():
        listener.news.get_nowait()
    listener.news.put_nowait(END)


def _frame(number: int, kind: str, facts: dict[str, Any]) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(facts, ensure_ascii=False)}\n\n".encode()
