"""Shades made flat: a picture in few colours with sharp borders between them, as drawings in flat colours have.

What is painted small and enlarged has soft shades where its style has none. Its colours are grouped (k-means in OKLab), each
pixel takes its group's, and the borders are averaged so that they show no steps.
"""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from danqing.maths.clusters import kmeans
from danqing.maths.colour import oklab_to_srgb, srgb_to_oklab

SAME, APART = 0.02, 0.06
"""Root of the mean squared distance in OKLab from a picture's colours to its few, below which fewer do, above which more are
needed: a rainbow keeps its colours."""
COUNTED = 0.03
"""Likewise, where the colours of real pictures are counted."""
MOST = 12
"""Colours at most."""
BITS = 3
"""Bits of each channel that do not tell cells apart, of which one point stands for all."""
SEEN, SOLID = 0.05, 0.5
"""Opacity of what has a colour, and of what has one of its own: at the edges it may be mixed with nothing."""
REACH = 64
"""A picture's shorter side over the pixels each way of which the median is taken, before its colours are grouped."""
FINE = 512
"""Pixels of a side up to which borders are drawn at twice the size."""


def flattened(pixels: UInt8[np.ndarray, "height width channels"], count: int) -> UInt8[np.ndarray, "height width channels"]:
    """The picture in about so many colours; transparency stays.

    Args:
        pixels: 3 or 4 channels, straight alpha.
        count: of colours that such a picture mostly has.
    """
    height, width, channels = pixels.shape
    alpha = pixels[..., 3:] / np.float32(255) if channels == 4 else np.ones((height, width, 1), np.float32)
    if not (alpha > SOLID).any():
        return pixels
    spread = _spread(pixels[..., :3], alpha[..., 0] > SOLID)
    times = 2 if max(height, width) <= FINE else 1
    large = cv2.resize(spread, (width * times, height * times), interpolation=cv2.INTER_CUBIC)
    radius = round(min(height, width) * times / REACH)
    smooth = cv2.medianBlur(large, 2 * radius + 1) if radius else large
    points, cells = _cells(smooth)
    weights = np.bincount(cells, cv2.resize(alpha[..., 0], smooth.shape[1::-1]).reshape(-1) * (1 - SEEN) + 1e-6)
    centres = _few(points, weights, count)
    nearest = np.square(points[:, None] - centres).sum(-1).argmin(1)
    colours = (oklab_to_srgb(centres).clip(0, 1) * 255).astype(np.float32)
    flat = cv2.resize(colours[nearest][cells].reshape(smooth.shape), (width, height), interpolation=cv2.INTER_AREA)
    out = pixels.copy()
    out[..., :3] = np.where(alpha > SEEN, flat.round().clip(0, 255).astype(np.uint8), pixels[..., :3])
    return out


def count_of(pixels: UInt8[np.ndarray, "height width channels"]) -> int:
    """How many colours a picture has, what is hardly told apart taken as one; in gray as many as there can be."""
    height, width, channels = pixels.shape
    if channels == 1:
        return MOST
    solid = pixels[..., 3] > 255 * SOLID if channels == 4 else np.ones((height, width), bool)
    if not solid.any():
        return 0
    radius = round(min(height, width) / REACH)
    smooth = cv2.medianBlur(_spread(pixels[..., :3], solid), 2 * radius + 1) if radius else pixels[..., :3]
    points, cells = _cells(np.ascontiguousarray(smooth))
    weights = np.bincount(cells, solid.reshape(-1).astype(np.float64) + 1e-6)
    return next((many for many in range(1, MOST) if _far(points, weights, kmeans(points, weights, many)[0]) <= COUNTED), MOST)


def _few(points: Float[np.ndarray, "cells 3"], weights: Float[np.ndarray, " cells"], count: int) -> np.ndarray:
    """As few colours as do, about `count` at most."""
    for many in range(1, MOST + 1):
        centres, _ = kmeans(points, weights, many)
        far = _far(points, weights, centres)
        if far <= SAME or (many >= count and far <= APART):
            break
    return centres


def _far(points: np.ndarray, weights: np.ndarray, centres: np.ndarray) -> float:
    apart = np.square(points[:, None] - centres).sum(-1).min(1)
    return float(np.sqrt((apart * weights).sum() / weights.sum()))


def _cells(pixels: UInt8[np.ndarray, "height width 3"]) -> tuple[np.ndarray, np.ndarray]:
    """A point in OKLab for each cell of colours that has a pixel, and each pixel's cell."""
    flat = pixels.reshape(-1, 3)
    codes = (flat >> BITS).astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    full = np.bincount(codes) > 0
    cells = (full.cumsum() - 1)[codes]
    sums = np.stack([np.bincount(cells, flat[:, channel]) for channel in range(3)], 1)
    return srgb_to_oklab(sums / np.bincount(cells)[:, None] / 255), cells


def _spread(colours: UInt8[np.ndarray, "height width 3"], solid: np.ndarray) -> UInt8[np.ndarray, "height width 3"]:
    """The colours of solid pixels, and beside them the nearest of those."""
    if solid.all():
        return np.ascontiguousarray(colours)
    _, labels = cv2.distanceTransformWithLabels((~solid).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    first = np.zeros(labels.max() + 1, np.int64)
    first[labels[solid]] = np.flatnonzero(solid)
    found: np.ndarray = colours.reshape(-1, 3)[first[labels]]
    return found
