"""What nobody has any more: files of paintings that were not delivered, pictures that came with orders, canvases and previews
of work that ended."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import Select, delete, func, select, true
from sqlalchemy.orm import Session

from danqing.store.database import Database
from danqing.store.events import forget
from danqing.store.files import Files
from danqing.store.states import UNFINISHED
from danqing.store.tables import Job, Kept, Task, Upload

YOUNG = 3600.0
"""Seconds for which a file is left alone: it may just be written, and its row come next."""


def sweep(database: Database, files: Files, young: float = YOUNG) -> int:
    """Delete what nobody has, and events of long ago; gives how many files.

    Args:
        database: the studio's.
        files: likewise.
        young: files that were changed, and pictures that came, within so many seconds are left alone.
    """
    before = time.time() - young
    old = [path for path in (files.root / "files").glob("*/*.png") if _older(path, before)]
    others = [path for path in (files.root / "files").glob("*/.*.partial") if _older(path, before)]
    # In one transaction with the deletions, and each file looked at again: whoever delivers one of these waits, or was first.
    with database.write() as session:
        forget(session)
        _let_go(session, before)
        kept = set(session.scalars(select(Kept.sha256))) | set(session.scalars(select(Upload.sha256)))
        for wish in session.scalars(select(Job.wish).where(Job.state.in_(UNFINISHED))):
            kept |= set(wish.get("files", {}).values())
        canvases = set(session.scalars(select(Task.canvas).where(Task.canvas.is_not(None))))
        running = set(session.scalars(select(Task.id).where(Task.state == "running")))
        others += [path for path in _all(files.root / "canvases") if path.stem not in canvases and _older(path, before)]
        others += [path for path in _all(files.root / "previews") if path.stem not in running and _older(path, before)]
        pictures = [path for path in old if path.stem not in kept and _older(path, before)]
        for path in pictures:
            files.drop(path.stem)
        for path in others:
            path.unlink(missing_ok=True)
    return len(pictures) + len(others)


def _let_go(session: Session, before: float) -> None:
    """Forget pictures that came with orders before some time, but for those that are still needed: by orders that wait, run or
    can be tried again, and by paintings, of which people ask for more in the same way."""
    needed = _named(Job).where(Job.state != "done").union(_named(Kept))
    session.execute(delete(Upload).where(Upload.ordered, Upload.created < before, Upload.id.not_in(needed)))


def _named(table: type[Job] | type[Kept]) -> Select[str]:
    """Identifiers of pictures that wishes name."""
    files = func.json_each(table.wish, "$.files").table_valued("key")
    return select(files.c.key).select_from(table).join(files, true())


def _all(folder: Path) -> Iterable[Path]:
    return folder.iterdir() if folder.is_dir() else ()


def _older(path: Path, than: float) -> bool:
    try:
        return path.stat().st_mtime < than
    except FileNotFoundError:
        return False
