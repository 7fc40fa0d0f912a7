"""Pictures that people give: to start from, as masks, for their style or their colours."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Query, UploadFile
from fastapi.responses import FileResponse
from PIL import Image

from danqing.conditions.colours import palette_of
from danqing.data.checks import Limits, Pixels, decode
from danqing.errors import PictureError, WishError
from danqing.net import fetch
from danqing.painters.start_pictures import from_image, to_image
from danqing.server.access import Maker, Viewer
from danqing.server.files import opened
from danqing.server.studio import Open, Studio
from danqing.server.wire import Address, Identifier, PaletteOut, PictureOut
from danqing.store.tables import Upload
from danqing.store.users import Who

router = APIRouter(prefix="/api/pictures", tags=["pictures"])

LIMITS = Limits(max_pixels=64_000_000, max_bytes=32 << 20, svg_size=1024)
"""What one picture may ask for."""
SEEN = 512
"""Pixels of the longer side at which colours are read."""


@router.get("")
def pictures(studio: Open, who: Viewer, most: Annotated[int, Query(ge=1, le=1000)] = 100) -> list[PictureOut]:
    """The pictures that you gave, the newest first."""
    return [PictureOut.of(upload) for upload in studio.uploads.all(who.id, most)]


@router.post("", status_code=201)
def upload(picture: Annotated[UploadFile, File()], studio: Open, who: Maker) -> PictureOut:
    """Keep a picture. Only its pixels are kept, as PNG; the same ones again are the same picture."""
    return PictureOut.of(keep(studio, who, picture.file.read(LIMITS.max_bytes + 1), picture.filename or "picture"))


@router.post("/fetch", status_code=201)
def take(asked: Address, studio: Open, who: Maker) -> PictureOut:
    """Keep the picture at an address of the public web."""
    studio.limits.take(f"fetch {who.id}", 30, "addresses")
    with studio.fetches.turn(who.id):
        found = fetch(asked.address, max_bytes=LIMITS.max_bytes, timeout=15.0)
    return PictureOut.of(keep(studio, who, found.content, asked.address.rpartition("/")[2] or "picture"))


@router.get("/{picture_id}", response_class=FileResponse)
def picture(picture_id: Identifier, studio: Open, who: Viewer) -> FileResponse:
    """A picture that was given, as PNG."""
    return FileResponse(studio.files.path(studio.uploads.sha256(who.id, picture_id)), media_type="image/png")


@router.delete("/{picture_id}", status_code=204)
def remove(picture_id: Identifier, studio: Open, who: Maker) -> None:
    """Delete a picture that was given. Orders that still wait for it fail."""
    studio.uploads.remove(who.id, picture_id)


@router.get("/{picture_id}/palette")
def palette(picture_id: Identifier, studio: Open, who: Viewer) -> PaletteOut:
    """The colours of a picture or painting, to ask for in another."""
    path = studio.files.path(studio.uploads.sha256(who.id, picture_id))
    with studio.heavy.turn(who.id):
        image = opened(path)
        image.thumbnail((SEEN, SEEN), Image.Resampling.NEAREST)
        found = palette_of(from_image(image))
    if found is None:
        raise WishError("all of this picture is transparent: it has no colours")
    colours = [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in found.colours]
    return PaletteOut(colours=colours, shares=list(found.shares), text=str(found))


def keep(studio: Studio, who: Who, content: bytes, name: str, ordered: bool = False) -> Upload:
    """Check and keep the bytes of a picture; one that is `ordered` only as long as `sweep` finds what needs it.

    Raises:
        PictureError: they are none that can be used, and why.
    """
    name = "".join(letter for letter in name.replace("\\", "/").rpartition("/")[2] if letter.isprintable())[:100] or "picture"
    return add(studio, who, pixels_of(studio, who, content, name), name, ordered)


def pixels_of(studio: Studio, who: Who, content: bytes, name: str) -> Pixels:
    """Check and decode the bytes of a picture.

    Raises:
        PictureError: likewise.
    """
    with studio.heavy.turn(who.id):
        try:
            return decode(content, LIMITS).pixels
        except PictureError as error:
            raise PictureError(f"'{name}' {error}") from error


def add(studio: Studio, who: Who, pixels: Pixels, name: str, ordered: bool = False) -> Upload:
    """Keep a picture that was decoded, or made of one; likewise."""
    with studio.heavy.turn(who.id):
        return studio.uploads.add(who.id, to_image(pixels), name, ordered)
