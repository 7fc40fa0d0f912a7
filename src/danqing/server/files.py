"""Paintings as the files that people take home."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from PIL import Image

from danqing.errors import WishError
from danqing.files import png, write_atomically
from danqing.finish import ONE, favicons, pixel_art
from danqing.records.exif import commented
from danqing.store.files import Files

Format = Literal["png", "webp", "jpeg"]
Finish = Literal["svg", "ico", "icns", "favicons", "pixels"]
FORMATS: Mapping[str, str] = {"png": "image/png", "webp": "image/webp", "jpeg": "image/jpeg"}
FINISHES: Mapping[str, tuple[str, str]] = {
    "svg": ("svg", "image/svg+xml"),
    "ico": ("ico", "image/vnd.microsoft.icon"),
    "icns": ("icns", "image/icns"),
    "favicons": ("zip", "application/zip"),
    "pixels": ("png", "image/png"),
}
"""Ending and kind of each."""


def opened(path: Path) -> Image.Image:
    """A picture of the store; these are our own files, checked when they came in."""
    with Image.open(path, formats=["PNG"]) as image:
        image.load()
        return image.copy()


def texts_of(path: Path) -> dict[str, str]:
    """What a painting's file carries, by name."""
    with Image.open(path, formats=["PNG"]) as image:
        image.load()
        return {str(name): str(text) for name, text in getattr(image, "text", {}).items()}


def written(image: Image.Image, form: Format, texts: Mapping[str, str], quality: int, background: str) -> bytes:
    """A picture as a file. WebP and JPEG carry texts as A1111's tools read them, in Exif's UserComment.

    Args:
        image: what.
        form: as which.
        texts: to be carried, by name.
        quality: 1 to 100, of WebP and JPEG.
        background: what transparent parts of a JPEG are laid on.
    """
    if form == "png":
        return png(image, texts)
    if form == "jpeg":
        image = flattened(image, background)
    told = texts.get("parameters") or "\n".join(f"{name}: {text}" for name, text in texts.items())
    buffer = io.BytesIO()
    image.save(buffer, form.upper(), quality=quality, exif=commented(told))
    return buffer.getvalue()


def flattened(image: Image.Image, background: str) -> Image.Image:
    """What is transparent laid on a colour."""
    if image.mode != "RGBA":
        return image
    base = Image.new("RGBA", image.size, background)
    base.alpha_composite(image)
    return base.convert("RGB")


def finished(image: Image.Image, form: Finish, name: str, pixels: int, colours: int, scale: int) -> bytes:
    """A vector, an icon, a zip with all a site needs, or pixel art.

    Raises:
        WishError: more pixels, colours or enlargement than there can be.
    """
    rgba = image.convert("RGBA")
    if form == "favicons":
        with tempfile.TemporaryDirectory() as place:
            buffer = io.BytesIO()
            with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
                for path in favicons(rgba, Path(place), name or "danqing"):
                    archive.write(path, path.name)
            return buffer.getvalue()
    if form == "pixels":
        if pixels * scale > 4096:
            raise WishError(f"{pixels} pixels at {scale} times are more than 4096: give a smaller scale")
        return png(pixel_art(rgba, pixels, colours, scale))
    return ONE[f".{form}"](rgba)


def thumbnail(files: Files, sha256: str, side: int) -> bytes:
    """A small WebP of a picture of the store, made once."""
    place = files.small(sha256, side)
    if place.is_file():
        return place.read_bytes()
    image = opened(files.path(sha256))
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85, method=2)
    write_atomically(place, buffer.getvalue())
    return buffer.getvalue()
