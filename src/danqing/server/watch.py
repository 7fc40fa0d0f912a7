"""Who watches is told what happens, whichever process did it: one look at the database, many listeners."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

from sqlalchemy import text

from danqing.errors import BusyError
from danqing.store.database import Database
from danqing.store.events import newest, oldest, since
from danqing.store.tables import Event

LOOK = 0.1
"""Seconds between looks; where nothing was written, a look reads one number."""
PULSE = 15.0
"""Seconds after which a silent stream says that it lives."""
LISTENERS = 200
"""Streams of one user at once."""
BEHIND = 2000
"""Events that a listener may be behind before it is told to look anew."""

END = Event(id=-1, user_id="", kind="end", facts={}, at=0.0)
"""What a listener hears last, where the studio is closing."""

log = logging.getLogger("danqing.server")


class Watch:
    """Tells events of a database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._listeners: set[tuple[str, asyncio.Queue[Event | None]]] = set()
        self._frames: OrderedDict[int, bytes] = OrderedDict()

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
        for _, queue in self._listeners:
            if not queue.full():
                queue.put_nowait(END)

    def newest(self) -> int:
        """The number of the last event."""
        with self.database.read() as session:
            return newest(session)

    @contextlib.contextmanager
    def listen(self, user: str) -> Iterator[asyncio.Queue[Event | None]]:
        """A queue of the events of a user, from now on. `None` in it says that some were lost."""
        if sum(name == user for name, _ in self._listeners) >= LISTENERS:
            raise BusyError(f"{LISTENERS} streams of yours are open already: close some")
        listener: tuple[str, asyncio.Queue[Event | None]] = (user, asyncio.Queue(BEHIND))
        self._listeners.add(listener)
        try:
            yield listener[1]
        finally:
            self._listeners.discard(listener)

    async def stream(
        self, user: str, after: int | None, job: str | None = None, allowed: Callable[[], bool] = lambda: True
    ) -> AsyncIterator[bytes]:
        """Server-sent events (WHATWG HTML, 9.2) of a user: those after one that was seen, then what happens.

        Args:
            user: whose.
            after: number of the last event that was seen; `None` begins now.
            job: only of this job, by identifier.
            allowed: asked now and then; the stream ends where it says no.
        """
        with self.listen(user) as queue:
            last, missed, gap = await asyncio.to_thread(self._missed, user, after)
            yield _frame(last if gap or after is None else after, "reset" if gap else "hello", {})
            if not gap:
                for event in missed:
                    if job is None or event.facts.get("job") == job:
                        yield _frame(event.id, event.kind, event.facts)
            asked = asyncio.get_running_loop().time()
            while True:
                if asyncio.get_running_loop().time() - asked >= PULSE:
                    asked = asyncio.get_running_loop().time()
                    if not await asyncio.to_thread(allowed):
                        return
                try:
                    async with asyncio.timeout(PULSE):
                        found = await queue.get()
                except TimeoutError:
                    yield b": still here\n\n"
                    continue
                # All that is there in one piece: with many listeners it is pieces that cost.
                heard = [found, *(queue.get_nowait() for _ in range(queue.qsize()))]
                if END in heard:
                    return
                if None in heard:
                    heard = heard[heard.index(None) + 1 :]
                    yield _frame(await asyncio.to_thread(self.newest), "reset", {})
                news = [event for event in heard if event is not None and event.id > last]
                pieces = [self._frames.get(event.id, b"") for event in news if job is None or event.facts.get("job") == job]
                if any(pieces):
                    yield b"".join(pieces)

    def _missed(self, user: str, after: int | None) -> tuple[int, list[Event], bool]:
        """The last event, those of a user after another one, and whether some of them are forgotten."""
        with self.database.read() as session:
            last = newest(session)
            missed = [] if after is None else since(session, after, user, BEHIND)
            gap = after is not None and (after > last or after + 1 < oldest(session) or len(missed) >= BEHIND)
            return last, missed, gap

    def _tell(self, event: Event) -> None:
        self._frames[event.id] = _frame(event.id, event.kind, event.facts)
        while len(self._frames) > 2 * BEHIND:
            self._frames.popitem(last=False)
        for user, queue in self._listeners:
            if user == event.user_id:
                if queue.full():
                    while not queue.empty():
                        queue.get_nowait()
                    queue.put_nowait(None)
                else:
                    queue.put_nowait(event)


def _frame(number: int, kind: str, facts: dict[str, Any]) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(facts, ensure_ascii=False)}\n\n".encode()
