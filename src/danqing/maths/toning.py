"""Colours moved to a palette: each place of a picture gets one of the colours asked for, about in the shares asked for.

Which place gets which colour is optimal transport with an entropic term (Cuturi 2013, algorithm 1), computed with logarithms
so that nothing vanishes; places and colours are compared after both were brought to one mean and spread, so that what was
light stays lighter than what was dark, and what differed still differs.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from danqing.maths.colour import oklab_to_srgb, srgb_to_oklab

ROUNDS = 24
"""Few on purpose. Until shares are exact, hundreds, even grounds that are larger than any share become mixtures of colours that
nobody asked for (of three tenths black and white, in red and blue by halves, the white one purple instead of red)."""
HEAT = 0.002
"""How soft the choice of a colour is, as a squared distance in OKLab."""
HEIGHT = 0.03
"""What top and bottom of a picture differ by, in OKLab: an even surface is parted by a line and not by noise."""
SHADING = 0.5
"""How much of the difference from the other places of its colour a place keeps: folds, edges, light."""
MOST_SPREAD = 4.0
SEEN = 0.05
"""Alpha from which a pixel is seen."""


def toned(
    pixels: Float[np.ndarray, "height width channels"],
    colours: Float[np.ndarray, "count three"],
    shares: Float[np.ndarray, " count"],
) -> Float[np.ndarray, "height width channels"]:
    """The picture in these colours; its transparency stays.

    Args:
        pixels: in [0, 1] with 3 or 4 channels, straight alpha; a pixel counts as much as it is opaque.
        colours: sRGB in [0, 1].
        shares: above 0.
    """
    height, width, channels = pixels.shape
    flat = pixels.reshape(-1, channels)
    alpha = flat[:, 3] if channels == 4 else np.ones(len(flat))
    seen = np.flatnonzero(alpha > SEEN)
    if not len(seen):
        return pixels
    points, masses = srgb_to_oklab(flat[seen, :3].astype(np.float64)), alpha[seen] / alpha[seen].sum()
    wanted, parts = srgb_to_oklab(colours), shares / shares.sum()
    (mean, spread), (centre, reach) = _moments(points, masses), _moments(wanted, parts)
    placed = (points - mean) * min(max(reach, 0.02) / max(spread, 0.02), MOST_SPREAD) + centre
    down = HEIGHT * (seen // width / height - 0.5)
    cost = np.square(placed[:, None] - wanted).sum(-1) + np.square(down)[:, None] - 2 * down[:, None] * _ladder(len(parts))
    chosen = assigned(cost, masses, parts)
    means = (chosen * masses[:, None]).T @ points / np.maximum(masses @ chosen, 1e-12)[:, None]
    out = flat.copy()
    out[seen, :3] = oklab_to_srgb(chosen @ wanted + SHADING * (points - chosen @ means)).clip(0.0, 1.0)
    changed: np.ndarray = out.reshape(pixels.shape)
    return changed


def assigned(
    cost: Float[np.ndarray, "many few"], supply: Float[np.ndarray, " many"], demand: Float[np.ndarray, " few"]
) -> Float[np.ndarray, "many few"]:
    """For each of many, its shares among few: rows sum to 1, and, weighted by `supply`, columns about to `demand`: nearer
    the less costs differ, see `ROUNDS`."""
    kernel = -cost / HEAT
    right = np.zeros(len(demand))
    for _ in range(ROUNDS):
        left = -_log_sum(kernel + right, 1)
        right = np.log(demand) - _log_sum(kernel + (left + np.log(supply))[:, None], 0)
    shares: np.ndarray = np.exp(kernel + right - _log_sum(kernel + right, 1)[:, None])
    return shares


def _ladder(count: int) -> np.ndarray:
    """Where each colour would lie between top and bottom if nothing else told them apart."""
    return HEIGHT * (np.arange(count) / max(1, count - 1) - 0.5)


def _moments(points: np.ndarray, masses: np.ndarray) -> tuple[np.ndarray, float]:
    """Mean, and root mean square distance from it."""
    mean: np.ndarray = masses @ points
    return mean, float(np.sqrt(masses @ np.square(points - mean).sum(1)))


def _log_sum(x: np.ndarray, axis: int) -> np.ndarray:
    most = x.max(axis=axis, keepdims=True)
    found: np.ndarray = (most + np.log(np.exp(x - most).sum(axis=axis, keepdims=True))).squeeze(axis)
    return found
