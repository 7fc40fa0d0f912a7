"""Changing the size of pictures without fringes: colours are weighted by alpha before they are mixed."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Pixels = UInt8[np.ndarray, "height width channels"]
"""uint8, 1 (gray), 3 (RGB) or 4 (RGBA, straight alpha) channels."""
Resized = UInt8[np.ndarray, "new_height new_width channels"]
Recast = UInt8[np.ndarray, "height width new_channels"]
Fitted = UInt8[np.ndarray, "new_height new_width new_channels"]
"""Pictures that a function gives back at another size, with other channels, or both."""

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
# Pillow widens a filter by the scale when shrinking, so nothing aliases; Hamming's has no negative lobes, so flat colours
# get no rings along their edges. Enlarged, it would show steps, which bicubic does not.
_SHRINK, _ENLARGE = Image.Resampling.HAMMING, Image.Resampling.BICUBIC


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
    cleared = pixels.copy(order="C")
    cleared.view(np.uint32)[:, :, 0] *= pixels[:, :, 3] != 0  # all four channels of a pixel at once
    return cleared


def resize(pixels: Pixels, height: int, width: int) -> Resized:
    """The picture at another size, antialiased; RGBA is mixed premultiplied and comes back straight."""
    if pixels.shape[:2] == (height, width):
        return pixels
    return straighten(resize_premultiplied(premultiply(pixels), height, width))


def resize_premultiplied(pixels: Pixels, height: int, width: int) -> Resized:
    """As `resize`, for pictures that are premultiplied already and stay so: no colour exceeds its alpha."""
    if pixels.shape[:2] == (height, width):
        return pixels
    flat = pixels[:, :, 0] if pixels.shape[2] == 1 else pixels
    # Pillow would premultiply "RGBA" once more; "CMYK" is four plain channels to it.
    mode = "CMYK" if pixels.shape[2] == 4 else _MODES[pixels.shape[2]]
    image = Image.frombuffer(mode, flat.shape[1::-1], np.ascontiguousarray(flat), "raw", mode, 0, 1)
    smaller = height * width < pixels.shape[0] * pixels.shape[1]
    resized = np.asarray(image.resize((width, height), _SHRINK if smaller else _ENLARGE)).reshape(height, width, -1)
    if pixels.shape[2] == 4:
        return np.asarray(np.minimum(resized, resized[:, :, 3:]))
    return resized


def shrink(pixels: Pixels, longest: int) -> Resized:
    """The picture with its longest side at most `longest` pixels, its aspect kept; smaller pictures are unchanged."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    if scale >= 1:
        return pixels
    return resize(pixels, max(1, round(height * scale)), max(1, round(width * scale)))


def flatten(pixels: Pixels, background: tuple[int, int, int]) -> Recast:
    """RGBA laid over a background colour → RGB; other channel counts come back unchanged."""
    if pixels.shape[2] != 4:
        return pixels
    rest = 255 - pixels[:, :, 3:].astype(np.uint16)
    under = (np.array(background, np.uint16) * rest + 127) // 255
    return np.asarray(np.minimum(premultiply(pixels)[:, :, :3] + under, 255), np.uint8)


def with_channels(pixels: Pixels, channels: int, background: str) -> Recast:
    """The picture with 1, 3 or 4 channels: transparency is laid over the background (`#rrggbb`) or made wholly opaque."""
    if channels != 4:
        pixels = flatten(pixels, rgb(background))
    if channels == 1:
        return _gray(pixels)
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    if channels == 4 and pixels.shape[2] == 3:
        return np.concatenate([pixels, np.full_like(pixels[:, :, :1], 255)], axis=2)
    return pixels


def fitted(
    pixels: Pixels, size: tuple[int, int], channels: int, *, fit: Literal["pad", "crop"] = "pad", background: str = "#ffffff"
) -> Fitted:
    """The picture at exactly one size, its aspect kept.

    Args:
        pixels: straight alpha where there is one.
        size: (height, width) in pixels.
        channels: 1, 3 or 4.
        fit: "pad" keeps all of it and fills the rest with the background (with nothing where there is alpha); "crop"
            fills the size and cuts what stands over on both sides alike.
        background: `#rrggbb`.

    Returns:
        The picture itself, bit by bit, where it has this size and these channels already.
    """
    if pixels.shape == (*size, channels):
        return pixels
    return straighten(fitted_premultiplied(pixels, size, channels, fit=fit, background=background))


def fitted_premultiplied(
    pixels: Pixels, size: tuple[int, int], channels: int, *, fit: Literal["pad", "crop"] = "pad", background: str = "#ffffff"
) -> Fitted:
    """As `fitted`, but with the colours multiplied by alpha where there is one."""
    pixels = premultiply(with_channels(pixels, channels, background))
    (height, width), (tall, wide) = pixels.shape[:2], size
    scales = (tall / height, wide / width)
    scale = min(scales) if fit == "pad" else max(scales)
    scaled = resize_premultiplied(pixels, max(1, round(height * scale)), max(1, round(width * scale)))
    canvas = np.zeros((tall, wide, channels), np.uint8)
    if channels != 4:
        colour = np.array(rgb(background), np.uint8)[None, None]
        canvas[:] = colour if channels == 3 else _gray(colour)
    top, left = (tall - scaled.shape[0]) // 2, (wide - scaled.shape[1]) // 2
    inside = scaled[max(0, -top) : max(0, -top) + tall, max(0, -left) : max(0, -left) + wide]
    canvas[max(0, top) : max(0, top) + inside.shape[0], max(0, left) : max(0, left) + inside.shape[1]] = inside
    return canvas


def rgb(text: str) -> tuple[int, int, int]:
    """`#rrggbb` as numbers."""
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _gray(pixels: Pixels) -> Recast:
    """RGB → one gray channel by Rec. 601 luma; one channel comes back unchanged."""
    if pixels.shape[2] == 1:
        return pixels
    weights = np.array([299, 587, 114], np.uint32)
    return ((pixels @ weights + 500) // 1000).astype(np.uint8)[:, :, None]
