"""The exact truth about pictures of shapes, by geometry: what GenEval asks detectors (Ghosh et al. 2023), measured.

Each fact is read off by itself, so that a painter's sense of number is told apart from its sense of colour or place.
"""

from __future__ import annotations

import functools

import cv2
import numpy as np
from jaxtyping import Float

from danqing.data.checks import decode
from danqing.data.rendering import squared_icon
from danqing.data.resample import Pixels, rgb, with_channels
from danqing.data.shapes import COLOURS, FORMS, PLACES, SIZES, outline
from danqing.maths.colour import bytes_to_oklab

FACTS = ("colour", "form", "number", "place", "size")
SPECK = 0.2
"""Pieces smaller than this share of the largest are specks, not shapes."""
FAINT = 0.05
"""Distance from white in OKLab below which there is no shape at all."""
_SIDE = 32


def measure(pixels: Pixels) -> dict[str, str] | None:
    """What a picture shows, in the words of `danqing.data.shapes`; `None` where nothing stands out from white.

    Args:
        pixels: of any size; transparent ones are laid on white.
    """
    flat = with_channels(pixels, 3, "#ffffff")
    colours = bytes_to_oklab(flat)
    apart = np.linalg.norm(colours - bytes_to_oklab(np.full((1, 1, 3), 255, np.uint8)), axis=-1)
    strongest = float(np.quantile(apart, 0.995))
    if strongest < FAINT:
        return None
    mask = (apart > strongest / 2).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=4)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = [piece + 1 for piece in range(count - 1) if areas[piece] >= SPECK * areas.max()]
    boxes = stats[kept, :4]  # left, top, width, height
    cover = np.clip(apart / strongest, 0, 1).astype(np.float32)
    shapes = [cover[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1] for x, y, w, h in boxes]
    height, width = mask.shape
    middle = (boxes[:, :2].min(0) + (boxes[:, :2] + boxes[:, 2:4]).max(0)) / 2 / (width, height)
    place = tuple(min(2, int(3 * at)) for at in middle[::-1])
    side = float((boxes[:, 2:4] / (width, height)).max(1).mean())
    inside = np.isin(labels, kept)
    sure = (apart > strongest * 0.9) & inside
    return {
        "colour": _nearest_colour(colours[sure if sure.any() else inside]),
        "form": _form(shapes),
        "number": str(len(kept)),
        "place": next(name for name, (row, column, *_) in PLACES.items() if (row, column) == place),
        "size": "small" if side < (SIZES["small"][0][1] + SIZES["large"][0][0]) / 2 else "large",
    }


def _nearest_colour(seen: Float[np.ndarray, "pixels three"]) -> str:
    known = bytes_to_oklab(np.array([rgb(code) for code, _ in COLOURS.values()], np.uint8))
    return list(COLOURS)[int(np.linalg.norm(known - np.median(seen, axis=0), axis=1).argmin())]


def _form(shapes: list[Float[np.ndarray, ...]]) -> str:
    """The form whose outlines overlap those of all shapes best (soft intersection over union, each in its own box)."""
    fits = np.zeros(len(FORMS))
    for shape in shapes:
        own = cv2.resize(shape, (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC if shape.shape[0] < _SIDE else cv2.INTER_AREA)
        for number, form in enumerate(FORMS):
            drawn = _outline(form, shape.shape[0], shape.shape[1])
            fits[number] += np.minimum(own, drawn).sum() / np.maximum(own, drawn).sum()
    return list(FORMS)[int(fits.argmax())]


@functools.lru_cache(maxsize=4096)
def _outline(form: str, height: int, width: int) -> Float[np.ndarray, "side side"]:
    """A form's coverage in a box with a border of one pixel, as a shape of that many pixels would be seen."""
    tall = decode(squared_icon(outline(form).encode(), 8 * _SIDE)).pixels[..., 3].astype(np.float32) / 255
    rows, columns = np.flatnonzero((tall > 0.5).any(1)), np.flatnonzero((tall > 0.5).any(0))
    cut = tall[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    small = cv2.resize(cut, (max(1, width - 2), max(1, height - 2)), interpolation=cv2.INTER_AREA)
    return cv2.resize(np.pad(small, 1), (_SIDE, _SIDE), interpolation=cv2.INTER_CUBIC if height < _SIDE else cv2.INTER_AREA)
