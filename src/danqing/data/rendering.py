"""Pictures of a known size and in a square, as PNG, for sources that draw or gather icons."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from danqing.data import svg
from danqing.data.checks import Limits, decode
from danqing.data.resample import Pixels, Recast, Resized, shrink


def squared_icon(content: bytes, size: int, oversample: int = 1) -> bytes:
    """PNG bytes of an SVG or picture file, its longest side at most `size` pixels, padded with nothing to a square.

    Args:
        content: the file; its embedded pictures are not checked, so it must come from a pinned package or from us.
        size: side in pixels; an SVG is drawn at exactly this.
        oversample: an SVG is drawn this many times larger, then shrunk with antialiasing.

    Raises:
        PictureError: it cannot be decoded or drawn.
    """
    if content.lstrip()[:1] == b"<":
        content, _ = svg.render(content, size * oversample, lambda _: None)
    pixels = shrink(decode(content, Limits(svg_size=size)).pixels, size)
    height, width, channels = pixels.shape
    if height == width == size and oversample == 1 and content[1:4] == b"PNG":
        return content
    return png(pixels if height == width else _squared(pixels) if channels == 4 else _squared(_with_alpha(pixels)))


def png(pixels: Pixels) -> bytes:
    """Pixels as PNG bytes, quickly rather than small."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _with_alpha(pixels: Pixels) -> Recast:
    colours = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
    return np.concatenate([colours, np.full_like(colours[:, :, :1], 255)], axis=2)


def _squared(pixels: Pixels) -> Resized:
    height, width = pixels.shape[:2]
    side = max(height, width)
    square = np.zeros((side, side, pixels.shape[2]), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = pixels
    return square
