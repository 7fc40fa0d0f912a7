"""Paintings: find, look at, take home, change, throw away."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import Response
from PIL import ImageColor

from danqing.errors import MissingError, WishError
from danqing.maths.colour import bytes_to_oklab
from danqing.server.access import Maker, Viewer
from danqing.server.files import FINISHES, FORMATS, Finish, Format, finished, flattened, opened, texts_of, thumbnail, written
from danqing.server.studio import Open
from danqing.server.wire import Change, Chosen, Count, Identifier, PaintingOut, Paintings
from danqing.store.gallery import Search
from danqing.store.tables import Kept

router = APIRouter(prefix="/api", tags=["paintings"])

WORDS = 16
"""Words of a search, at most."""
FOREVER = "private, max-age=31536000, immutable"
"""What never changes: files are named by what is in them."""


@router.get("/paintings")
def search(
    studio: Open,
    who: Viewer,
    words: Annotated[str, Query(max_length=400, description="Each must be in what was asked for, or be a tag.")] = "",
    tag: Annotated[list[str], Query(max_length=20)] = [],  # noqa: B006  # how FastAPI reads a list from the query
    painter: str | None = None,
    board: Identifier | None = None,
    job: Identifier | None = None,
    stars: Annotated[int, Query(ge=0, le=5)] = 0,
    colour: Annotated[str | None, Query(pattern="^#?[0-9a-fA-F]{6}$")] = None,
    trashed: bool = False,
    before: Identifier | None = None,
    most: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Paintings:
    """Find paintings, the newest first."""
    if len(words.split()) > WORDS:
        raise WishError(f"{len(words.split())} words were looked for: give at most {WORDS}")
    shade = None
    if colour is not None:
        light, a, b = bytes_to_oklab(np.array(ImageColor.getrgb("#" + colour.lstrip("#"))[:3], np.uint8)).tolist()
        shade = (light, a, b)
    asked = Search(who.id, words, tuple(tag), painter, board, job, stars, shade, trashed, before, most)
    page = studio.gallery.search(asked)
    shown = [PaintingOut.of(kept, page.tags.get(kept.id, [])) for kept in page.paintings]
    return Paintings(paintings=shown, total=page.total, before=shown[-1].id if page.more else None)


@router.get("/tags")
def tags(studio: Open, who: Viewer) -> dict[str, int]:
    """Every tag, and how many paintings have it."""
    return studio.gallery.tags(who.id)


@router.post("/paintings/trash")
def trash(chosen: Chosen, studio: Open, who: Maker) -> Count:
    """Put paintings into the trash, where they stay until it is emptied."""
    return Count(count=studio.gallery.trash(who.id, chosen.paintings))


@router.post("/paintings/restore")
def restore(chosen: Chosen, studio: Open, who: Maker) -> Count:
    """Take paintings out of the trash."""
    return Count(count=studio.gallery.trash(who.id, chosen.paintings, back=True))


@router.post("/paintings/purge")
def purge(studio: Open, who: Maker, chosen: Chosen | None = None) -> Count:
    """Delete what lies in the trash for good: the paintings named, or all."""
    return Count(count=studio.gallery.purge(who.id, None if chosen is None else chosen.paintings))


@router.get("/paintings/{painting_id}")
def painting(painting_id: Identifier, studio: Open, who: Viewer) -> PaintingOut:
    """One painting."""
    return PaintingOut.of(*studio.gallery.get(who.id, painting_id))


@router.patch("/paintings/{painting_id}")
def change(painting_id: Identifier, asked: Change, studio: Open, who: Maker) -> PaintingOut:
    """Give it stars or tags."""
    studio.gallery.change(who.id, painting_id, asked.stars, asked.tags)
    return PaintingOut.of(*studio.gallery.get(who.id, painting_id))


@router.get("/paintings/{painting_id}/record")
def record(painting_id: Identifier, studio: Open, who: Viewer) -> dict[str, str]:
    """What its file carries beside pixels, by name: what painted it, and how to paint it again."""
    kept, _ = studio.gallery.get(who.id, painting_id)
    return texts_of(studio.files.path(kept.sha256))


@router.get("/paintings/{painting_id}/file", response_class=Response, responses={200: {"content": {"image/png": {}}}})
def file(
    painting_id: Identifier,
    studio: Open,
    who: Viewer,
    form: Annotated[Format, Query(alias="format")] = "png",
    keep: Annotated[list[str] | None, Query(max_length=20, description="Names from its record; all by default.")] = None,
    bare: Annotated[bool, Query(description="Carry nothing but pixels.")] = False,
    quality: Annotated[int, Query(ge=1, le=100)] = 90,
    background: Annotated[str, Query(pattern="^#[0-9a-fA-F]{6}$")] = "#ffffff",
    opaque: Annotated[bool, Query(description="Lay it on `background` in every format.")] = False,
    download: bool = False,
) -> Response:
    """The painting as PNG, WebP or JPEG, with all it carries, some of it, or nothing. JPEG has no transparency: what is
    transparent is laid on `background`."""
    kept, _ = studio.gallery.get(who.id, painting_id)
    path = studio.files.path(kept.sha256)
    if bare and keep:
        raise WishError("'bare' carries nothing, and 'keep' names something: give one of them")
    content = path.read_bytes() if form == "png" and keep is None and not bare and not opaque else None
    if content is None:
        held = texts_of(path)
        unknown = set(keep or ()) - set(held)
        if unknown:
            raise WishError(f"the painting carries no {', '.join(sorted(unknown))}: it has {', '.join(held) or 'nothing'}")
        texts = {} if bare else {name: text for name, text in held.items() if keep is None or name in keep}
        with studio.heavy.turn(who.id):
            image = flattened(opened(path), background) if opaque else opened(path)
            content = written(image, form, texts, quality, background)
    return _answer(content, FORMATS[form], f"{kept.id}.{form}", download)


@router.get("/paintings/{painting_id}/finish", response_class=Response, responses={200: {"content": {"image/svg+xml": {}}}})
def finish(
    painting_id: Identifier,
    studio: Open,
    who: Viewer,
    form: Annotated[Finish, Query(alias="format")],
    pixels: Annotated[int, Query(ge=8, le=256)] = 32,
    colours: Annotated[int, Query(ge=2, le=255)] = 16,
    scale: Annotated[int, Query(ge=1, le=32)] = 8,
) -> Response:
    """The painting as a vector, an icon, all a site needs (a zip), or pixel art."""
    kept, _ = studio.gallery.get(who.id, painting_id)
    with studio.heavy.turn(who.id):
        content = finished(opened(studio.files.path(kept.sha256)), form, kept.words, pixels, colours, scale)
    suffix, kind = FINISHES[form]
    return _answer(content, kind, f"{kept.id}.{suffix}", True)


@router.get("/paintings/{painting_id}/small", response_class=Response, responses={200: {"content": {"image/webp": {}}}})
def small(painting_id: Identifier, studio: Open, who: Viewer, side: Literal["64", "128", "256", "512"] = "256") -> Response:
    """A small WebP of it."""
    with studio.database.read() as session:
        kept = session.get(Kept, painting_id)
    # Admins see everybody's jobs, and what became of them.
    if kept is None or (kept.user_id != who.id and not who.may("admin")):
        raise MissingError(f"there is no painting '{painting_id}': look into the gallery")
    content = thumbnail(studio.files, kept.sha256, int(side))
    return _answer(content, "image/webp", "", False)


def _answer(content: bytes, kind: str, name: str, download: bool) -> Response:
    headers = {"Cache-Control": FOREVER}
    if download:
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return Response(content, media_type=kind, headers=headers)
