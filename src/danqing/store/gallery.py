"""The gallery: paintings that are kept, found again by words, tags, stars, painter, colour or board; and their trash."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, delete, func, select, update
from sqlalchemy.orm import Session

from danqing.errors import ConflictError, MissingError
from danqing.store.database import Database
from danqing.store.events import tell
from danqing.store.files import Files, had
from danqing.store.tables import Board, Kept, Pinned, Shade, Tag, new_id

NEAR = 0.12
"""Colours nearer than this in OKLab are what a search by colour takes for the same."""
ENOUGH = 0.08
"""A painting has a colour from this share on."""


@dataclasses.dataclass(frozen=True, slots=True)
class Search:
    """What to look for; empty fields ask for nothing.

    Args:
        user: whose paintings.
        words: each must be in what was asked for or be a tag.
        tags: all of them.
        painter, board, job: by name or identifier.
        stars: at least so many.
        colour: in OKLab.
        trashed: what lies in the trash instead.
        before: paintings made before this one, by identifier.
        most: so many.
    """

    user: str
    words: str = ""
    tags: tuple[str, ...] = ()
    painter: str | None = None
    board: str | None = None
    job: str | None = None
    stars: int = 0
    colour: tuple[float, float, float] | None = None
    trashed: bool = False
    before: str | None = None
    most: int = 100


@dataclasses.dataclass(frozen=True, slots=True)
class Page:
    """Some paintings, the newest first, with their tags; `more` where there are others; `total` of all that were found."""

    paintings: list[Kept]
    tags: dict[str, list[str]]
    more: bool
    total: int


class Gallery:
    """The paintings of a database."""

    def __init__(self, database: Database, files: Files) -> None:
        self.database, self.files = database, files

    def search(self, asked: Search) -> Page:
        """Find paintings."""
        with self.database.read() as session:
            found = _matching(asked)
            total = session.scalar(select(func.count()).select_from(found.subquery())) or 0
            if asked.before is not None:
                found = found.where(Kept.id < asked.before)
            rows = list(session.scalars(found.order_by(Kept.id.desc()).limit(asked.most + 1)))
            shown = rows[: asked.most]
            return Page(shown, tags_of(session, [row.id for row in shown]), len(rows) > asked.most, total)

    def get(self, user: str, painting_id: str) -> tuple[Kept, list[str]]:
        """A painting and its tags.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        with self.database.read() as session:
            kept = _own(session, user, painting_id)
            return kept, tags_of(session, [kept.id]).get(kept.id, [])

    def change(self, user: str, painting_id: str, stars: int | None = None, tags: Sequence[str] | None = None) -> None:
        """Give a painting other stars or other tags.

        Raises:
            MissingError: there is none, or it is another user's.
        """
        with self.database.write() as session:
            kept = _own(session, user, painting_id)
            if stars is not None:
                kept.stars = stars
            if tags is not None:
                session.execute(delete(Tag).where(Tag.painting_id == kept.id))
                session.add_all(Tag(painting_id=kept.id, tag=tag) for tag in dict.fromkeys(t.strip() for t in tags) if tag)
            tell(session, user, "gallery")

    def trash(self, user: str, paintings: Sequence[str], back: bool = False) -> int:
        """Put paintings into the trash, or take them back; gives how many moved."""
        with self.database.write() as session:
            mine = [Kept.user_id == user, Kept.id.in_(paintings), Kept.trashed.is_not(None) if back else Kept.trashed.is_(None)]
            moved = list(session.scalars(select(Kept.id).where(*mine)))
            session.execute(update(Kept).where(Kept.id.in_(moved)).values(trashed=None if back else time.time()))
            tell(session, user, "gallery")
            return len(moved)

    def purge(self, user: str, paintings: Sequence[str] | None = None) -> int:
        """Delete what lies in the trash for good: some of it, or all; gives how many went."""
        with self.database.write() as session:
            mine = [Kept.user_id == user, Kept.trashed.is_not(None)]
            if paintings is not None:
                mine.append(Kept.id.in_(paintings))
            gone = list(session.scalars(select(Kept.sha256).where(*mine)))
            session.execute(delete(Kept).where(*mine))
            tell(session, user, "gallery")
            # Within the transaction, so that nobody keeps a painting of the same file meanwhile.
            for name in set(gone):
                if not had(session, name):
                    self.files.drop(name)
        return len(gone)

    def tags(self, user: str) -> dict[str, int]:
        """Every tag of a user's paintings, and how many have it; the most frequent first."""
        with self.database.read() as session:
            rows = session.execute(
                select(Tag.tag, func.count())
                .join(Kept, Kept.id == Tag.painting_id)
                .where(Kept.user_id == user, Kept.trashed.is_(None))
                .group_by(Tag.tag)
                .order_by(func.count().desc(), Tag.tag)
            )
            return dict(rows.all())

    def boards(self, user: str) -> list[tuple[Board, int]]:
        """A user's boards, each with how many paintings are on it."""
        with self.database.read() as session:
            count = (
                select(Pinned.board_id, func.count().label("count"))
                .join(Kept, Kept.id == Pinned.painting_id)
                .where(Kept.trashed.is_(None))
                .group_by(Pinned.board_id)
                .subquery()
            )
            rows = session.execute(
                select(Board, func.coalesce(count.c.count, 0))
                .outerjoin(count, count.c.board_id == Board.id)
                .where(Board.user_id == user)
                .order_by(Board.name)
            )
            return [(board, number) for board, number in rows]

    def count(self, board_id: str) -> int:
        """How many paintings are on a board."""
        with self.database.read() as session:
            on_it = select(func.count()).select_from(Pinned).join(Kept, Kept.id == Pinned.painting_id)
            return session.scalar(on_it.where(Pinned.board_id == board_id, Kept.trashed.is_(None))) or 0

    def add_board(self, user: str, name: str) -> Board:
        """A new board.

        Raises:
            ConflictError: there is one of that name.
        """
        with self.database.write() as session:
            _free(session, user, name)
            board = Board(id=new_id("b"), user_id=user, name=name, created=time.time())
            session.add(board)
            return board

    def rename_board(self, user: str, board_id: str, name: str) -> Board:
        """Another name for a board.

        Raises:
            MissingError, ConflictError: there is none, or one of that name.
        """
        with self.database.write() as session:
            board = _board(session, user, board_id)
            if board.name != name:
                _free(session, user, name)
            board.name = name
            return board

    def remove_board(self, user: str, board_id: str) -> None:
        """Take a board away; its paintings stay.

        Raises:
            MissingError: there is none.
        """
        with self.database.write() as session:
            session.delete(_board(session, user, board_id))

    def pin(self, user: str, board_id: str, paintings: Sequence[str], off: bool = False) -> None:
        """Put paintings on a board, or take them off.

        Raises:
            MissingError: the board or a painting is not there.
        """
        with self.database.write() as session:
            board = _board(session, user, board_id)
            mine = set(session.scalars(select(Kept.id).where(Kept.user_id == user, Kept.id.in_(paintings))))
            for painting_id in paintings:
                if painting_id not in mine:
                    raise MissingError(f"there is no painting '{painting_id}': look into the gallery")
            there = [Pinned.board_id == board.id, Pinned.painting_id.in_(mine)]
            pinned = set(session.scalars(select(Pinned.painting_id).where(*there)))
            if off:
                session.execute(delete(Pinned).where(*there))
            else:
                session.add_all(Pinned(board_id=board.id, painting_id=each, added=time.time()) for each in mine - pinned)


def tags_of(session: Session, paintings: Sequence[str]) -> dict[str, list[str]]:
    """The tags of some paintings, in alphabetical order."""
    found: dict[str, list[str]] = {}
    for painting, tag in session.execute(
        select(Tag.painting_id, Tag.tag).where(Tag.painting_id.in_(paintings)).order_by(Tag.tag)
    ):
        found.setdefault(painting, []).append(tag)
    return found


def _matching(asked: Search) -> Select[Kept]:
    found = select(Kept).where(
        Kept.user_id == asked.user, Kept.trashed.is_not(None) if asked.trashed else Kept.trashed.is_(None)
    )
    for word in asked.words.split():
        found = found.where(Kept.words.icontains(word, autoescape=True) | _tagged(Tag.tag.icontains(word, autoescape=True)))
    for tag in asked.tags:
        found = found.where(_tagged(Tag.tag == tag))
    if asked.painter is not None:
        found = found.where(Kept.painter == asked.painter)
    if asked.job is not None:
        found = found.where(Kept.job_id == asked.job)
    if asked.board is not None:
        found = found.where(
            select(Pinned.board_id).where(Pinned.board_id == asked.board, Pinned.painting_id == Kept.id).exists()
        )
    if asked.stars:
        found = found.where(Kept.stars >= asked.stars)
    if asked.colour is not None:
        light, a, b = asked.colour
        apart = (Shade.light - light) * (Shade.light - light) + (Shade.a - a) * (Shade.a - a) + (Shade.b - b) * (Shade.b - b)
        near = select(func.sum(Shade.share)).where(Shade.painting_id == Kept.id, apart <= NEAR**2).scalar_subquery()
        found = found.where(near >= ENOUGH)
    return found


def _tagged(which: ColumnElement[bool]) -> ColumnElement[bool]:
    return select(Tag.painting_id).where(Tag.painting_id == Kept.id, which).exists()


def _own(session: Session, user: str, painting_id: str) -> Kept:
    kept = session.get(Kept, painting_id)
    if kept is None or kept.user_id != user:
        raise MissingError(f"there is no painting '{painting_id}': look into the gallery")
    return kept


def _board(session: Session, user: str, board_id: str) -> Board:
    board = session.get(Board, board_id)
    if board is None or board.user_id != user:
        raise MissingError(f"there is no board '{board_id}': look at the list of boards")
    return board


def _free(session: Session, user: str, name: str) -> None:
    if session.scalar(select(Board.id).where(Board.user_id == user, Board.name == name)) is not None:
        raise ConflictError(f"there is a board '{name}' already: choose another name")
