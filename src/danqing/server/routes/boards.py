"""Boards: groups of paintings."""

from __future__ import annotations

from fastapi import APIRouter

from danqing.server.access import Maker, Viewer
from danqing.server.studio import Open
from danqing.server.wire import BoardIn, BoardOut, Chosen, Identifier

router = APIRouter(prefix="/api/boards", tags=["boards"])


@router.get("")
def boards(studio: Open, who: Viewer) -> list[BoardOut]:
    """All of them, by name."""
    return [BoardOut.of(board, count) for board, count in studio.gallery.boards(who.id)]


@router.post("", status_code=201)
def add(asked: BoardIn, studio: Open, who: Maker) -> BoardOut:
    """A new one."""
    return BoardOut.of(studio.gallery.add_board(who.id, asked.name), 0)


@router.patch("/{board_id}")
def rename(board_id: Identifier, asked: BoardIn, studio: Open, who: Maker) -> BoardOut:
    """Give it another name."""
    board = studio.gallery.rename_board(who.id, board_id, asked.name)
    return BoardOut.of(board, studio.gallery.count(board.id))


@router.delete("/{board_id}", status_code=204)
def remove(board_id: Identifier, studio: Open, who: Maker) -> None:
    """Take it away. Its paintings stay in the gallery."""
    studio.gallery.remove_board(who.id, board_id)


@router.post("/{board_id}/add", status_code=204)
def pin(board_id: Identifier, chosen: Chosen, studio: Open, who: Maker) -> None:
    """Put paintings on it."""
    studio.gallery.pin(who.id, board_id, chosen.paintings)


@router.post("/{board_id}/remove", status_code=204)
def unpin(board_id: Identifier, chosen: Chosen, studio: Open, who: Maker) -> None:
    """Take paintings off it."""
    studio.gallery.pin(who.id, board_id, chosen.paintings, off=True)
