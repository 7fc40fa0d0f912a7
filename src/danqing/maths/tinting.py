"""The colour that a picture mostly has, moved to another: an orange cat becomes a blue one, its white paws stay white."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from danqing.maths.colour import oklab_to_srgb, srgb_to_oklab
from danqing.maths.toning import SEEN, toned

REACH = 0.1
"""How far apart in OKLab at most is what is surely of one colour; what is half as far again is surely not."""
LIGHT = 0.3
"""How much light and dark tell colours apart: shades of a surface are one colour."""
LIKED = 0.3
"""How much sooner what already has the colour is taken for what should have it."""
CELL = 0.02
"""Side of the cells in OKLab of which one point stands for all."""
ASKED = 256
"""Of the cells so many, the fullest, are asked how much lies around them."""
GROUND = 0.6
"""Share of the edge from which on one colour is the ground."""
LEAST = 0.02
"""Share of a picture that must be something else than its ground."""


def tinted(
    pixels: Float[np.ndarray, "height width channels"], colours: Float[np.ndarray, "count three"]
) -> Float[np.ndarray, "height width channels"]:
    """The picture with the most common of its colours moved to another, or to several as `toned` shares a picture among them.

    Light and dark, as of folds, and transparency stay.

    Args:
        pixels: in [0, 1] with 3 or 4 channels, straight alpha; a pixel counts as much as it is opaque.
        colours: sRGB in [0, 1], one or more.
    """
    flat = pixels.reshape(-1, pixels.shape[-1])
    alpha = flat[:, 3] if pixels.shape[-1] == 4 else np.ones(len(flat))
    seen = np.flatnonzero(alpha > SEEN)
    if not len(seen):
        return pixels
    points, masses = srgb_to_oklab(flat[seen, :3].astype(np.float64)), alpha[seen].astype(np.float64)
    wanted = srgb_to_oklab(colours.astype(np.float64))
    masses, beside = _but_the_ground(pixels, points, masses) if len(seen) == len(flat) else (masses, np.zeros(len(points)))
    of = _near(points, _commonest(points, masses, wanted[0])) * (1 - beside)
    if len(colours) > 1:
        alone = np.zeros((len(flat), 4))
        alone[seen] = np.column_stack([flat[seen, :3], alpha[seen] * of])
        shared = toned(alone.reshape(*pixels.shape[:2], 4), colours, np.full(len(colours), 1 / len(colours)))
        ends = srgb_to_oklab(shared.reshape(-1, 4)[seen, :3])
    else:
        middle = (of * masses) @ points / (of * masses).sum()
        apart = points - middle
        # What would be lighter than white or darker than black keeps its differences.
        room = (1 - wanted[0, 0]) / max(1 - middle[0], 1e-6), wanted[0, 0] / max(middle[0], 1e-6)
        apart[:, 0] *= np.where(apart[:, 0] > 0, min(1, room[0]), min(1, room[1]))
        ends = wanted[0] + apart
    out = flat.copy()
    out[seen, :3] = oklab_to_srgb(points + of[:, None] * (ends - points)).clip(0.0, 1.0)
    changed: np.ndarray = out.reshape(pixels.shape)
    return changed


def _commonest(points: np.ndarray, masses: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where in OKLab most lies, what is near to the wanted colour counting more."""
    _, first, cell = np.unique(np.floor(points / CELL).astype(np.int64), axis=0, return_index=True, return_inverse=True)
    some, of = points[first], np.bincount(cell.reshape(-1), masses)
    asked = some[np.argsort(-of, kind="stable")[:ASKED]]
    around = np.array([_near(some, point) @ of for point in asked])
    found: np.ndarray = asked[(around * (1 + LIKED * _near(asked, wanted))).argmax()]
    return found


def _but_the_ground(pixels: np.ndarray, points: np.ndarray, masses: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The masses of what is not the ground of a picture without transparency, and how much each point is of the ground: of one
    colour around most of the edge."""
    edge = np.ones(pixels.shape[:2], bool)
    edge[1:-1, 1:-1] = False
    around = points[edge.reshape(-1)]
    ground = _near(points, _commonest(around, np.ones(len(around)), around[0]))
    rest = masses * (1 - ground)
    if ground[edge.reshape(-1)].mean() < GROUND or rest.sum() < LEAST * masses.sum():
        return masses, np.zeros(len(points))
    return rest, ground


def _near(points: np.ndarray, middle: np.ndarray) -> np.ndarray:
    """How much each is of one colour with another, in [0, 1]."""
    apart = (points - middle) * (LIGHT, 1.0, 1.0)
    far = np.clip(np.sqrt(np.square(apart).sum(-1)) / REACH - 1, 0, 0.5) * 2
    near: np.ndarray = 1 - far * far * (3 - 2 * far)
    return near
