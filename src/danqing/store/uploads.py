"""Pictures that somebody gave. What is kept is a plain PNG of the pixels, so nothing else that was in the file remains."""

from __future__ import annotations

import time

from PIL import Image
from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from danqing.errors import BusyError, MissingError
from danqing.files import png
from danqing.store.database import Database
from danqing.store.files import Files, had
from danqing.store.tables import Kept, Upload, new_id

MOST = 5000
"""Pictures of one user, beside those that came with an order."""


class Uploads:
    """The pictures of a database. An identifier names a picture somebody gave, or a painting."""

    def __init__(self, database: Database, files: Files) -> None:
        self.database, self.files = database, files

    def add(self, user: str, picture: Image.Image, name: str, ordered: bool = False) -> Upload:
        """Keep a picture; the same one again is the same upload.

        Args:
            user: whose.
            picture: any.
            name: to be shown.
            ordered: it comes with an order, so that `sweep` may drop it where nothing needs it. What was given to stay, stays.

        Raises:
            BusyError: this user has too many already.
        """
        content = png(picture)
        sha256 = self.files.put(content)
        with self.database.write() as session:
            known = session.scalar(select(Upload).where(Upload.user_id == user, Upload.sha256 == sha256))
            if not ordered and (known is None or known.ordered):
                _check_room(session, user)
            if known is not None:
                if known.ordered:
                    # Now to stay; or young again, so that it is not swept away before the order names it.
                    known.ordered, known.created = ordered, time.time()
                return known
            # Within the transaction, where nobody can delete it.
            self.files.put(content)
            upload = Upload(
                id=new_id("u"),
                user_id=user,
                sha256=sha256,
                name=name[:200],
                width=picture.width,
                height=picture.height,
                created=time.time(),
                ordered=ordered,
            )
            session.add(upload)
            return upload

    def get(self, user: str, upload_id: str) -> Upload:
        """A picture that a user gave.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        with self.database.read() as session:
            found = session.get(Upload, upload_id)
            if found is None or found.user_id != user:
                raise MissingError(f"there is no picture '{upload_id}': upload it first")
            return found

    def all(self, user: str, most: int) -> list[Upload]:
        """The pictures that a user gave to stay, the newest first."""
        with self.database.read() as session:
            return list(session.scalars(_given(user).order_by(Upload.id.desc()).limit(most)))

    def remove(self, user: str, upload_id: str) -> None:
        """Delete a picture that a user gave.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        name = self.get(user, upload_id).sha256
        with self.database.write() as session:
            session.execute(delete(Upload).where(Upload.id == upload_id))
            if not had(session, name):
                self.files.drop(name)

    def sha256(self, user: str, picture_id: str) -> str:
        """Of the file of an upload or a painting.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        with self.database.read() as session:
            found: Upload | Kept | None
            found = session.get(Upload, picture_id) if picture_id.startswith("u") else session.get(Kept, picture_id)
            if found is None or found.user_id != user:
                raise MissingError(f"there is no picture '{picture_id}': upload it, or name a painting")
            return found.sha256


def _given(user: str) -> Select[Upload]:
    return select(Upload).where(Upload.user_id == user, Upload.ordered.is_(False))


def _check_room(session: Session, user: str) -> None:
    if (session.scalar(select(func.count()).select_from(_given(user).subquery())) or 0) >= MOST:
        raise BusyError(f"{MOST} pictures of yours are kept already: delete some")
