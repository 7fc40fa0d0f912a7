"""Trivial pictures to put beside every number: what a painter that has learnt nothing, or only copies, would score."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from jaxtyping import UInt8

from danqing.maths.colour import premultiply, unpremultiply
from danqing.maths.statistics import Many, mean_picture
from danqing.parts.contract import Key

FITTED = 2000
"""Pictures a Gaussian is fitted to, at most."""


def noise(real: Many, count: int, key: Key) -> UInt8[np.ndarray, "count height width channels"]:
    """Every value drawn evenly."""
    return (key.uniform(count, *real.shape[1:]).numpy() * 255.99).astype(np.uint8)


def mean(real: Many, count: int, key: Key) -> UInt8[np.ndarray, "count height width channels"]:
    """The mean picture, over and over."""
    return mean_picture(real)[None].repeat(count, axis=0)


def gaussian(real: Many, count: int, key: Key) -> UInt8[np.ndarray, "count height width channels"]:
    """Drawn from the Gaussian with the mean and covariance of the pixels, colours premultiplied.

    A random sum of centred pictures has exactly their covariance, so that no matrix of pixels by pixels is needed.
    """
    seen = real[:: max(1, len(real) // FITTED)]
    x = torch.from_numpy((premultiply(seen) if seen.shape[-1] == 4 else seen).reshape(len(seen), -1)).float()
    drawn = x.mean(0) + key.normal(count, len(x)) @ (x - x.mean(0)) / max(1, len(x) - 1) ** 0.5
    pixels = drawn.round().clamp(0, 255).to(torch.uint8).numpy().reshape(count, *real.shape[1:])
    return unpremultiply(pixels) if pixels.shape[-1] == 4 else pixels


BASELINES: Mapping[str, Callable[[Many, int, Key], UInt8[np.ndarray, "count height width channels"]]] = {
    "noise": noise,
    "the mean picture": mean,
    "a Gaussian": gaussian,
}
"""What is painted in place of a painter, by name."""
