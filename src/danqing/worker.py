"""A worker: takes tasks from the studio's queue, paints them in batches and delivers them. One process for each device.

`danqing serve` starts it and speaks to it through its standard input: any byte means that there may be something to do,
the end means that whoever started it is gone, and so is the worker's reason to be.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import logging
import os
import secrets
import signal
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sqlalchemy.exc import SQLAlchemyError

from danqing.conditions.colours import palette_of
from danqing.conditions.conditioner import KINDS
from danqing.errors import DanqingError, MissingError, OutputError, WishError
from danqing.files import unplaced, write_atomically
from danqing.maths.colour import bytes_to_oklab
from danqing.maths.samplers import SAMPLERS
from danqing.paint import Session, Work, load
from danqing.painters.registry import FAMILIES
from danqing.painters.shelf import find
from danqing.painters.start_pictures import from_image
from danqing.store.database import Database
from danqing.store.files import Files
from danqing.store.queue import LEASE, Claimed, Finished, Queue
from danqing.words import Painting, Wish

AT_ONCE = 16
"""Paintings of a batch at most: the first of them waits for the last."""
AT_ONCE_FASTER = 64
"""Likewise on an accelerator."""
DELIVERED = 4
"""Paintings delivered in one transaction: whoever orders something meanwhile waits for it."""
OPEN = 2
"""Painters kept in memory."""
SAVED_EVERY = 10.0
"""Seconds of painting after which a canvas is saved, so that so much is lost at most."""
SHOWN_EVERY = 1.0
"""Seconds between previews."""
PREVIEW = 128
"""Pixels of a preview's longer side, and of the picture in which colours are looked for."""
PAUSE = 2.0
"""Seconds to wait where the queue cannot be reached."""
STUCK = 1800.0
"""Seconds without a step after which something is wrong; the slowest step known takes a few."""
IDLE = 1.0
"""Seconds after which a worker looks for work unasked."""

UNWRITABLE = (SQLAlchemyError, OutputError)
"""A disk that is full, or somebody who writes for long: the tasks are nobody's fault, and wait."""

log = logging.getLogger("danqing.worker")


class Worker:
    """Paints what the queue holds.

    Args:
        name: under which it holds leases; no two workers share one.
        database: the studio's. Files that wishes name are looked for in its folder, the process's working directory.
        device: where to paint.
        stop: set where it is to end; what is under way is then saved and given back.
        wake: set where there may be something to do.
    """

    def __init__(self, name: str, database: Database, device: str | None, stop: threading.Event, wake: threading.Event) -> None:
        self.name = name
        self.folder = database.folder
        self.queue, self.files = Queue(database), Files(database.folder)
        self.device, self.stop, self.wake = device or ("cuda" if torch.cuda.is_available() else "cpu"), stop, wake
        self.most = AT_ONCE if self.device == "cpu" else AT_ONCE_FASTER
        self._moved = time.monotonic()
        self._open: OrderedDict[tuple[Path, tuple[int, ...]], Session] = OrderedDict()

    def run(self) -> None:
        """Paint until told to stop."""
        threading.Thread(target=self._beat, daemon=True).start()
        while not self.stop.is_set():
            self.wake.clear()
            try:
                if not self.turn():
                    self.wake.wait(IDLE)
            except UNWRITABLE:
                log.exception("the queue cannot be reached, or no file written; trying again")
                self.stop.wait(PAUSE)
                with contextlib.suppress(SQLAlchemyError):
                    self.queue.release(self.name, begun=False)
        self.queue.release(self.name)

    def turn(self) -> bool:
        """Paint one batch; False where there is nothing to do."""
        self._moved = time.monotonic()
        claimed = self.queue.claim(self.name, self.most)
        if not claimed:
            return False
        try:
            session = self._session(claimed[0].painter)
        except UNWRITABLE:
            raise
        except Exception as error:  # a painter's damaged files must not take the worker along
            log.exception("no painter")
            self._fail(claimed, error)
            return True
        claimed += self.queue.claim_alike(self.name, claimed[0], self.most - len(claimed))
        if claimed[0].canvas is not None:
            self._go_on(session, claimed)
        else:
            self._begin(session, claimed)
        return True

    def _begin(self, session: Session, claimed: Sequence[Claimed]) -> None:
        """Paint from the start; whose wish cannot be painted fails alone."""
        wishes: dict[str, Wish] = {}
        notes: dict[str, list[str]] = {}
        for task in claimed:
            try:
                wishes[task.id] = session.resolve(self._wish(session, task))
                if task.job_id not in notes:
                    notes[task.job_id] = session.unheeded(wishes[task.id], softer=False)
            except UNWRITABLE:
                raise
            except Exception as error:  # nor may a wish
                log.exception("no wish")
                self._fail([task], error)
        for job, found in notes.items():
            if found:
                self.queue.note(job, found)
        able = [task for task in claimed if task.id in wishes]
        most = min(self.most, session.at_once([wishes[task.id] for task in able])) if able else 1
        self.queue.release(self.name, [task.id for task in able[most:]], begun=False)
        self._guarded(session, able[:most], wishes)

    def _guarded(self, session: Session, claimed: Sequence[Claimed], wishes: Mapping[str, Wish]) -> None:
        """Paint; where something unforeseen happens, paint each alone, so that only the culprit fails."""
        if not claimed:
            return
        try:
            self._paint(
                session.begin([wishes[task.id] for task in claimed]), {task.id: i for i, task in enumerate(claimed)}, claimed
            )
        except UNWRITABLE:
            raise
        except Exception as error:  # whatever a painter does wrong must not take the others along
            log.exception("painting failed")
            if len(claimed) == 1:
                self._fail(claimed, error)
            else:
                for task in claimed:
                    if self.queue.held(self.name, [task.id]):
                        self._guarded(session, [task], wishes)

    def _go_on(self, session: Session, claimed: Sequence[Claimed]) -> None:
        """Paint on from a saved canvas; where it is of no use any more, from the start."""
        canvas = str(claimed[0].canvas)
        try:
            work = session.resume(self._canvas(canvas))
            self._paint(work, {task.id: task.row for task in claimed}, claimed, canvas)
        except UNWRITABLE:
            raise
        except Exception:  # the painter was trained anew, or a picture is gone, or one of them fails at its end
            log.exception("a canvas is of no use: begun again")
            held = self.queue.held(self.name, [task.id for task in claimed])
            self._begin(session, [dataclasses.replace(task, canvas=None) for task in claimed if task.id in held])

    def _paint(self, work: Work, rows: Mapping[str, int], claimed: Sequence[Claimed], canvas: str = "") -> None:
        """Step by step to the end, looking up between steps: what was cancelled is dropped, what was paused is saved."""
        held = dict(rows)
        steps = len(work.canvas.grid) - 1
        saved, shown = time.monotonic(), 0.0
        while not work.done:
            work = work.step()
            self._moved = time.monotonic()
            if self.stop.is_set():
                self._save(work, held, canvas)
                self.queue.release(self.name, list(held))
                return
            states = self.queue.held(self.name, held)
            paused = [task for task in held if states.get(task) == "paused"]
            if paused:
                self._save(work, {task: held[task] for task in paused}, "")
                self.queue.release(self.name, paused)
            for gone in [task for task in held if task not in states or task in paused]:
                self._preview(gone).unlink(missing_ok=True)
                del held[gone]
            if not held:
                return
            now = time.monotonic()
            if now - saved >= SAVED_EVERY:
                canvas, saved = self._save(work, held, canvas), now
            if now - shown >= SHOWN_EVERY and not work.done:
                with contextlib.suppress(OSError):  # who paints can do without
                    self._show(work, held)
                self.queue.progress(self.name, list(held), work.canvas.step, steps)
                shown = time.monotonic()
        images = work.show()
        done = {}
        for task in claimed:
            if task.id in held:
                row = held[task.id]
                done[task.id] = self._finished(task, work.session.painting(images[row], work.wishes[row], len(work.asked)))
        tasks = list(done)
        for i in range(0, len(tasks), DELIVERED):
            self.queue.deliver(self.name, {task: done[task] for task in tasks[i : i + DELIVERED]})
        for task_id in done:
            self._preview(task_id).unlink(missing_ok=True)
        self._tidy(canvas)

    def _finished(self, task: Claimed, painting: Painting) -> tuple[Finished, Callable[[], object]]:
        """A painting as it is delivered, and what puts its file where it lies, which is done once already."""
        content = painting.png()
        sha256 = self.files.put(content)
        gap = -(-max(painting.image.size) // PREVIEW)
        palette = palette_of(from_image(painting.image)[::gap, ::gap])
        found = [] if palette is None else bytes_to_oklab(np.array(palette.colours, np.uint8)).tolist()
        shares = () if palette is None else palette.shares
        shades = [(light, a, b, share) for (light, a, b), share in zip(found, shares, strict=True)]
        wish = painting.wish
        resolved = {"size": wish.size, "steps": wish.steps, "sampler": wish.sampler, "guidance": wish.guidance}
        resolved |= {"strength": wish.strength, "seed": wish.seed, "read_as": wish.read_as, "flat": wish.flat}
        told = {**task.wish, **{name: value for name, value in resolved.items() if value is not None}}
        width, height = painting.image.size
        kept = Finished(wish.words, wish.seed, width, height, told, painting.scores, sha256, shades)
        return kept, lambda: self.files.put(content)

    def _fail(self, claimed: Sequence[Claimed], error: Exception) -> None:
        """Say why, in a sentence; what is not meant for whoever asked stays in the log."""
        known = isinstance(error, DanqingError)
        reason = unplaced(str(error)) if known else f"painting failed ({type(error).__name__}): the studio's log says more"
        self.queue.fail(self.name, [task.id for task in claimed], type(error).__name__ if known else "PainterError", reason)

    def _wish(self, session: Session, task: Claimed) -> Wish:
        """What was ordered, with files in place of identifiers."""
        facts = dict(task.wish)
        files = facts.pop("files", {})
        pictures = facts.pop("pictures", {})
        conditions = dict(facts.get("conditions", {}))
        for name, given in pictures.items():
            conditions[name] = ",".join(f"{self._file(files, one['picture'])}:{one.get('weight', 1.0)}" for one in given)
        for part in ("init", "mask"):
            if facts.get(part):
                facts[part] = self._file(files, facts[part])
        wish = Wish.from_json({**facts, "conditions": conditions, "seed": task.seed})
        given = {self.files.relative(sha256) for sha256 in files.values()}
        stray = set(session.asking.inputs(wish)) - {"init", "mask"} - given
        if stray:
            raise WishError("a condition names a file: give pictures that were uploaded, by their identifiers")
        return wish

    def _file(self, files: Mapping[str, str], picture: str) -> str:
        """The file of a picture, seen from the studio's folder, so that no path of this machine gets into records."""
        if picture not in files:
            raise MissingError(f"there is no picture '{picture}': upload it")
        self.files.path(files[picture])
        return self.files.relative(files[picture])

    def _session(self, painter: str) -> Session:
        """A painter, kept open while it is used and its files stay the same."""
        folder = find(painter)
        key = folder, tuple((folder / name).stat().st_mtime_ns for name in ("weights.safetensors", "config.json"))
        if key not in self._open:
            self._open[key] = load(painter, self.device)
        self._open.move_to_end(key)
        while len(self._open) > OPEN:
            self._open.popitem(last=False)
        return self._open[key]

    def _save(self, work: Work, rows: Mapping[str, int], canvas: str) -> str:
        """Save a canvas under its name, or a new one; returns it."""
        name = canvas or secrets.token_hex(12)
        work.save(self._canvas(name))
        self.queue.saved(self.name, rows, name)
        return name

    def _show(self, work: Work, rows: Mapping[str, int]) -> None:
        """Leave previews for those who watch."""
        images = work.show(PREVIEW)
        for task, row in rows.items():
            place = self._preview(task)
            place.parent.mkdir(exist_ok=True)
            # Whole or not at all, but not kept through a loss of power: nobody would look for it.
            partial = place.with_suffix(".partial")
            images[row].save(partial, "WEBP", quality=75, method=0)
            partial.replace(place)

    def _tidy(self, canvas: str) -> None:
        """Delete a canvas that no task is on any more."""
        if canvas and canvas not in self.queue.canvases():
            self._canvas(canvas).unlink(missing_ok=True)

    def _canvas(self, name: str) -> Path:
        return self.folder / "canvases" / f"{name}.safetensors"

    def _preview(self, task: str) -> Path:
        return self.folder / "previews" / f"{task}.webp"

    def _beat(self) -> None:
        """Renew the leases while something moves. A step that never ends ends the worker; another is started."""
        while not self.stop.wait(LEASE / 4):
            if time.monotonic() - self._moved > STUCK:
                log.error("nothing has moved for %g seconds: this worker gives up", STUCK)
                os._exit(1)
            try:
                self.queue.beat(self.name)
            except Exception:  # a beat that is missed is made up for by the next
                log.exception("the lease could not be renewed")


def abilities() -> dict[str, Any]:
    """What painters of each family can be asked for, and in what each condition is measured: the web process, which has no
    torch, reads it from a file."""
    families = {
        name: {
            "heeds": sorted(entry.family.heeds),
            "starts": entry.family.starts,
            "examples": entry.family.examples,
            "translates": entry.family.translates,
            "largest": entry.family.largest,
            "sized": entry.family.sized,
        }
        for name, entry in FAMILIES.items()
    }
    units = {name: kind.unit for name, kind in KINDS.items()}
    return {"families": families, "samplers": list(SAMPLERS), "units": units}


def main() -> None:
    """Work for the studio in `--folder` until standard input ends."""
    parser = argparse.ArgumentParser(prog="danqing.worker")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--device", default=None)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.chdir(given.folder)
    stop, wake = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        stop.set()
        wake.set()

    # Ctrl-C is meant for whoever started this, who then ends it in good order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)

    def listen() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            wake.set()
        end()

    threading.Thread(target=listen, daemon=True).start()
    write_atomically(given.folder / "families.json", json.dumps(abilities(), indent=1).encode())
    Worker(given.name, Database(given.folder), given.device, stop, wake).run()


if __name__ == "__main__":
    main()
