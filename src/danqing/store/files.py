"""Pictures on disk, each named by the SHA-256 of its bytes: written once, never changed, deleted when nobody has it."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from danqing.errors import MissingError
from danqing.files import write_atomically
from danqing.store.tables import Kept, Upload


def had(session: Session, name: str) -> bool:
    """Whether somebody has the file of that SHA-256."""
    paintings, uploads = (select(table.id).where(table.sha256 == name).limit(1) for table in (Kept, Upload))
    return session.scalar(paintings) is not None or session.scalar(uploads) is not None


class Files:
    """The folder of them.

    Args:
        folder: the studio's.
    """

    def __init__(self, folder: Path) -> None:
        self.root = folder

    def put(self, content: bytes) -> str:
        """Keep bytes; returns their SHA-256. What is there already is not written again.

        Raises:
            OutputError: the folder cannot be written to.
        """
        name = hashlib.sha256(content).hexdigest()
        path = self.root / self.relative(name)
        try:
            # Young again, so that it is not swept away before somebody has it.
            os.utime(path)
        except FileNotFoundError:
            write_atomically(path, content)
        return name

    def path(self, name: str) -> Path:
        """Where the file of that SHA-256 lies.

        Raises:
            MissingError: it is gone.
        """
        path = self.root / self.relative(name)
        if not path.is_file():
            raise MissingError("the file of this picture is gone from the studio's folder: restore it from a copy")
        return path

    def relative(self, name: str) -> str:
        """The same as seen from the studio's folder, with `/` between its parts."""
        if not re.fullmatch("[0-9a-f]{64}", name):
            raise ValueError(f"'{name}' is no SHA-256; a mistake of the caller")
        return f"files/{name[:2]}/{name}.png"

    def small(self, name: str, side: int) -> Path:
        """Where a small one of it lies, if it was made."""
        return self.root / "small" / name[:2] / f"{name}-{side}.webp"

    def drop(self, name: str) -> None:
        """Delete it, and the small ones of it."""
        for small in (self.root / "small" / name[:2]).glob(f"{name}-*.webp"):
            small.unlink(missing_ok=True)
        (self.root / self.relative(name)).unlink(missing_ok=True)
