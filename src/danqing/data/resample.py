"""Changing the size of pictures without fringes: colours are weighted by alpha before they are mixed."""

from __future__ import annotations

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "height width channels"]
"""uint8, 1 (gray), 3 (RGB) or 4 (RGBA, straight alpha) channels."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_FILTER = Image.Resampling.BICUBIC  # Pillow widens it by the scale when shrinking, so nothing aliases


def premultiply(pixels: Pixels) -> Pixels:
    """RGBA with straight alpha → RGBA whose colours are multiplied by alpha; other channel counts come back unchanged."""
    if pixels.shape[2] != 4:
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint16)
    colours = (pixels[:, :, :3] * alpha + 127) // 255
    return np.concatenate([colours.astype(np.uint8), pixels[:, :, 3:]], axis=2)


def straighten(pixels: Pixels) -> Pixels:
    """The inverse of `premultiply`; colours of wholly transparent pixels are 0."""
    if pixels.shape[2] != 4:
        return pixels
    alpha = pixels[:, :, 3:].astype(np.uint16)
    divisor = np.maximum(alpha, 1)
    colours = np.minimum((pixels[:, :, :3] * np.uint16(255) + divisor // 2) // divisor, 255)
    return np.concatenate([colours.astype(np.uint8), pixels[:, :, 3:]], axis=2)


def clear_hidden(pixels: Pixels) -> Pixels:
    """The same picture with colours 0 where alpha is 0, so that what nobody can see does not tell two pictures apart."""
    if pixels.shape[2] != 4 or pixels[:, :, 3].all():
        return pixels
    return np.where(pixels[:, :, 3:] == 0, np.uint8(0), pixels)


def resize(pixels: Pixels, height: int, width: int) -> Pixels:
    """The picture at another size, antialiased; RGBA is mixed premultiplied and comes back straight."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return straighten(resize_premultiplied(premultiply(pixels), height, width))


def resize_premultiplied(pixels: Pixels, height: int, width: int) -> Pixels:
    """As `resize`, for pictures that are premultiplied already and stay so: no colour exceeds its alpha."""
    if pixels.shape[:2] == (height, width):
        return pixels
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    # Pillow would premultiply "RGBA" once more; "CMYK" is four plain channels to it.
    mode = "CMYK" if pixels.shape[2] == 4 else _MODES[pixels.shape[2]]
    image = Image.frombuffer(mode, flat.shape[1::-1], np.ascontiguousarray(flat), "raw", mode, 0, 1)
    resized = np.asarray(image.resize((width, height), _FILTER)).reshape(height, width, -1)
    if pixels.shape[2] == 4:
        return np.minimum(resized, resized[:, :, 3:])
    return resized


def shrink(pixels: Pixels, longest: int) -> Pixels:
    """The picture with its longest side at most `longest` pixels, its aspect kept; smaller pictures are unchanged."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    return resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))


def flatten(pixels: Pixels, background: tuple[int, int, int]) -> Pixels:
    """RGBA laid over a background colour → RGB; other channel counts come back unchanged."""
    if pixels.shape[2] != 4:
        return pixels
    rest = 255 - pixels[:, :, 3:].astype(np.uint16)
    under = (np.array(background, np.uint16) * rest + 127) // 255
    return np.minimum(premultiply(pixels)[:, :, :3] + under, 255).astype(np.uint8)


def opaque_gray(pixels: Pixels) -> Pixels:
    """RGB → one gray channel by Rec. 601 luma; one channel comes back unchanged."""
    if pixels.shape[2] == 1:
        return pixels
    weights = np.array([299, 587, 114], np.uint32)
    return ((pixels[:, :, :3] @ weights + 500) // 1000).astype(np.uint8)[:, :, None]
