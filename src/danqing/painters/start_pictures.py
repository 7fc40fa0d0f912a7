"""The pictures that a wish names: what to start from, and where to paint."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from danqing.data.checks import decode
from danqing.data.resample import Pixels, fitted
from danqing.errors import PictureError, WishError
from danqing.words import Wish


def check_start(wish: Wish) -> None:
    """Refuse a mask or a strength without a picture, a strength out of range, and files that are no pictures.

    Raises:
        WishError: one of these.
    """
    if wish.init is None and (wish.mask is not None or wish.strength is not None or wish.keep_colours):
        raise WishError("a mask, a strength or colours to keep were given without a picture to start from: add --init FILE")
    if wish.strength is not None and not 0 < wish.strength <= 1:
        raise WishError(
            f"a strength of {wish.strength:g} was given: it lies above 0 and at most 1, where 1 forgets the start picture"
        )
    for path in (wish.init, wish.mask):
        if path is not None:
            read_picture(path)


def read_picture(path: str | Path) -> Pixels:
    """Pixels of a picture a wish names.

    Raises:
        WishError: it cannot be read.
    """
    try:
        return decode(Path(path).read_bytes()).pixels
    except (OSError, PictureError) as error:
        raise WishError(
            f"'{path}' cannot be used as a picture ({error}): give a PNG, JPEG, WebP or another picture file"
        ) from error


def start_and_mask(
    wish: Wish, channels: int
) -> tuple[UInt8[np.ndarray, "height width channels"] | None, UInt8[np.ndarray, "height width 1"] | None]:
    """Both at the wish's size, with so many channels and with one; `None` where there is none."""
    if wish.init is None or wish.size is None:
        return None, None
    size = (wish.size[1], wish.size[0])
    start = fitted(read_picture(wish.init), size, channels)
    return start, None if wish.mask is None else fitted(read_picture(wish.mask), size, 1, background="#000000")


def hashes(wish: Wish, others: Sequence[str] = ()) -> dict[str, str]:
    """SHA-256 of the files that a wish names, by "init" and "mask"; of others that its conditions name, by their paths."""
    named = {"init": wish.init, "mask": wish.mask, **{path: path for path in others}}
    return {name: sha256_of(path) for name, path in named.items() if path}


def sha256_of(path: str | Path) -> str:
    """Of a file's bytes."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def from_image(image: Image.Image) -> Pixels:
    """The inverse of `to_image`."""
    pixels: Pixels = np.asarray(image).reshape(image.height, image.width, -1)
    return pixels


def to_image(pixels: UInt8[np.ndarray, "height width channels"]) -> Image.Image:
    """As Pillow has it."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else np.ascontiguousarray(pixels))
