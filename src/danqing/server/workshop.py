"""The workshop: keeps a worker process alive for each device, and wakes them where something was ordered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from danqing.store.queue import Queue

BRIEF = 10.0
"""Seconds; a worker that lived no longer than this is started again with ever longer pauses."""
LONGEST = 30.0
"""Seconds of the longest pause."""
FAREWELL = 15.0
"""Seconds that workers have to save what is under way."""
LOG = 5 << 20
"""Bytes of a log before it is begun anew; the one before is kept."""

log = logging.getLogger("danqing.server")


class Workshop:
    """Workers of a studio.

    Args:
        folder: the studio's.
        queue: what they work on.
        devices: one worker for each; an empty one lets a worker choose; `None` starts none.
        threads: of each on a processor.
    """

    def __init__(self, folder: Path, queue: Queue, devices: Sequence[str] | None, threads: int | None) -> None:
        self.folder, self.queue, self.threads = folder, queue, threads
        self.devices = () if devices is None else tuple(devices) or ("",)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @property
    def alive(self) -> int:
        """How many workers there are."""
        return len(self._running)

    async def run(self) -> None:
        """Keep the workers alive until cancelled; then let them save what they are at."""
        try:
            await asyncio.to_thread(self.queue.release_all)
        except SQLAlchemyError:  # then they run out by themselves
            log.exception("what earlier workers were at could not be given back")
        keepers = [asyncio.create_task(self._keep(device)) for device in self.devices]
        try:
            await asyncio.gather(*keepers)
            await asyncio.Event().wait()
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.shield(asyncio.to_thread(self._farewell))

    def wake(self) -> None:
        """Tell the workers that something was ordered."""
        for process in list(self._running.values()):
            with contextlib.suppress(OSError):
                if process.stdin is not None:
                    process.stdin.write(b".")
                    process.stdin.flush()

    async def _keep(self, device: str) -> None:
        pause = 0.2
        while True:
            name = f"{device or 'worker'}-{secrets.token_hex(4)}"
            begun = asyncio.get_running_loop().time()
            try:
                process = await asyncio.to_thread(self._start, name, device)
            except OSError:
                log.exception("no worker could be started; trying again")
                await asyncio.sleep(LONGEST)
                continue
            while process.poll() is None:
                await asyncio.sleep(0.1)
            self._running.pop(name, None)
            log.warning("worker %s ended (%s); what it was at is given to the next", name, process.returncode)
            try:
                await asyncio.to_thread(self.queue.release, name)
            except SQLAlchemyError:  # then its leases run out by themselves
                log.exception("what worker %s was at could not be given back", name)
            lived = asyncio.get_running_loop().time() - begun
            pause = 0.2 if lived > BRIEF else min(2 * pause, LONGEST)
            await asyncio.sleep(pause)

    def _start(self, name: str, device: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "danqing.worker", "--folder", str(self.folder), "--name", name]
        if device:
            command += ["--device", device]
        threads = self.threads or max(1, (os.cpu_count() or 2) - 1)
        environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        place = self.folder / "worker.log"
        if place.is_file() and place.stat().st_size > LOG:
            place.replace(place.with_suffix(".old.log"))
        with place.open("ab") as said:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=environment, start_new_session=True
            )
        self._running[name] = process
        return process

    def _farewell(self) -> None:
        for process in self._running.values():
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
        for name, process in self._running.items():
            try:
                process.wait(FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            self.queue.release(name)
