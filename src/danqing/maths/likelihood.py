"""How likely a diffusion finds pictures: an upper bound of their bits per value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.maths.schedules import Point

LEVELS = 256
"""Values of a channel; in [-1, 1] they lie 2/255 apart."""
SCALES = tuple(0.125 * 2**power for power in range(11))
"""Deviations, in levels, of which the one that suits a picture best is used to write down what is left of it."""
Noise = Callable[[int], Float[Tensor, "batch channels height width"]]
Denoise = Callable[[Float[Tensor, "batch channels height width"], int], Float[Tensor, "batch channels height width"]]


def bits_per_value(
    x: Float[Tensor, "batch channels height width"], points: Sequence[Point], denoise: Denoise, noise: Noise
) -> Float[Tensor, " batch"]:
    """The variational bound of −log₂ p(x) per value (Kingma et al. 2021, equations 11 to 14), for any (α, σ).

    It holds for every network, any number of points and wherever one stops. The prior is a standard normal distribution at the
    first point, brought to variance 1; between points each step costs ½·(SNR' − SNR)·|x − x̂|². Where the noise is slighter than
    any the network was trained at, further steps cost more than they tell; so each picture stops at the point that is best for
    it, and is written down from the x̂ seen there, its levels Laplace distributed. Which point and which scale were taken is
    written down too.

    Args:
        x: pictures in [-1, 1] whose values are whole levels, as bytes have.
        points: from noise to picture, with σ above 0 in all.
        denoise: the picture predicted from noised pictures at a point, by its number.
        noise: standard normal noise for a point, by its number.
    """
    ratios = [(point.alpha / point.sigma) ** 2 for point in points]
    first = points[0]
    kept = first.alpha**2 / (first.alpha**2 + first.sigma**2)
    spent = 0.5 * (kept * x.double().square() - kept - math.log1p(-kept)).flatten(1).sum(1)
    least = torch.full_like(spent, math.inf)
    for number, point in enumerate(points):
        seen = denoise(point.alpha * x + point.sigma * noise(number), number)
        for scale in SCALES:
            least = torch.minimum(least, spent + _rest(x, seen, scale))
        if number + 1 < len(points):
            spent = spent + 0.5 * (ratios[number + 1] - ratios[number]) * (x - seen).double().square().flatten(1).sum(1)
    choices = math.log(len(points) * len(SCALES))
    found: Tensor = (least + choices) / (x[0].numel() * math.log(2))
    return found


def _rest(x: Tensor, seen: Tensor, scale: float) -> Float[Tensor, " batch"]:
    """−log p of each picture's levels where p falls off as exp(−|level − seen| / scale) over the 256 levels and sums to 1."""
    level, place = ((part.double() + 1) * ((LEVELS - 1) / 2) for part in (x, seen.clamp(-1, 1)))
    below = place.floor().clamp(max=LEVELS - 2)
    share, fall = place - below, math.exp(-1 / scale)
    # Two geometric series: the levels up to `below`, and those above it.
    down = torch.exp(-share / scale) * (1 - fall ** (below + 1))
    up = torch.exp(-(1 - share) / scale) * (1 - fall ** (LEVELS - 1 - below))
    nats: Tensor = (level.round() - place).abs() / scale + ((down + up) / (1 - fall)).log()
    return nats.flatten(1).sum(1)
