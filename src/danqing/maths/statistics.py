"""Plain statistics of pictures: enough to see that a young painter is on its way, far too little to judge a good one."""

import numpy as np
from jaxtyping import Float, UInt8

from danqing.maths.colour import bytes_to_oklab, premultiply, unpremultiply

Many = UInt8[np.ndarray, "pictures height width channels"]
Others = UInt8[np.ndarray, "others height width channels"]
"""As large, but perhaps not as many."""

DIRECTIONS = 32
"""Directions in OKLab along which colours are compared."""
LEVELS = 512
"""Quantiles compared along each."""


def pixel_distance(first: Many, second: Others) -> float:
    """How far mean and deviation of each pixel are apart, root mean square over pixels, in steps of 1/255.

    The Fréchet distance between Gaussians with one independent pixel each (Dowson & Landau 1982, equation 4), per pixel.
    A set against its own mean picture repeated gives the set's deviation. Colours count as much as they can be seen: a
    pixel that is nearly transparent is the same whatever its colour.
    """
    a, b = _seen(first), _seen(second)
    means, deviations = a.mean(0) - b.mean(0), a.std(0) - b.std(0)
    return float(np.sqrt((means**2 + deviations**2).mean()))


def mean_picture(pictures: Many) -> UInt8[np.ndarray, "height width channels"]:
    """The picture whose pixels are the means of what is seen, with straight alpha."""
    mean = np.rint(_seen(pictures).mean(0)).astype(np.uint8)
    return unpremultiply(mean) if mean.shape[-1] == 4 else mean


def _seen(pictures: Many) -> Float[np.ndarray, "pictures height width channels"]:
    return (premultiply(pictures) if pictures.shape[-1] == 4 else pictures).astype(np.float64)


def colour_distance(first: Many, second: Others) -> float:
    """How much colour has to be moved how far, in hundredths of OKLab's lightness range.

    The sliced Wasserstein-1 distance (Bonneel et al. 2015, equation 7) between all visible colours of both sets,
    pictures laid on white.
    """
    steps = np.arange(DIRECTIONS) + 0.5
    height, turn = 1 - 2 * steps / DIRECTIONS, np.pi * (1 + 5**0.5) * steps
    flat = np.sqrt(1 - height**2)
    directions = np.stack([flat * np.cos(turn), flat * np.sin(turn), height], axis=1)
    levels = (np.arange(LEVELS) + 0.5) / LEVELS
    quantiles = [np.quantile(_colours(pictures) @ directions.T, levels, axis=0) for pictures in (first, second)]
    return float(100 * np.abs(quantiles[0] - quantiles[1]).mean())


def mean_colours(pictures: Many) -> Float[np.ndarray, "pictures three"]:
    """The mean of each picture in OKLab, on white."""
    means: Float[np.ndarray, "pictures three"] = bytes_to_oklab(_on_white(pictures)).mean((1, 2))
    return means


def _colours(pictures: Many) -> Float[np.ndarray, "pixels three"]:
    """OKLab of every pixel, on white; at most about 200,000 of them, evenly picked."""
    flat = _on_white(pictures).reshape(-1, 3)
    return bytes_to_oklab(flat[:: max(1, len(flat) // 200_000)])


def _on_white(pictures: Many) -> UInt8[np.ndarray, "pictures height width 3"]:
    if pictures.shape[-1] == 4:
        alpha = pictures[..., 3:] / 255.0
        pictures = np.rint(pictures[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
    elif pictures.shape[-1] == 1:
        pictures = pictures.repeat(3, axis=-1)
    return pictures
