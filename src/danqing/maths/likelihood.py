"""How likely a diffusion finds pictures: an upper bound of their bits per dimension."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.maths.schedules import Point

LEVELS = 256
"""Values of a channel; in [-1, 1] they lie 2/255 apart."""
Noise = Callable[[int], Float[Tensor, "batch channels height width"]]
Denoise = Callable[[Float[Tensor, "batch channels height width"], int], Float[Tensor, "batch channels height width"]]


def bits_per_dimension(
    x: Float[Tensor, "batch channels height width"], points: Sequence[Point], denoise: Denoise, noise: Noise
) -> Float[Tensor, " batch"]:
    """The variational bound of −log₂ p(x) per value (Kingma et al. 2021, equations 11 to 14), for any (α, σ).

    It holds for every network and any number of points; more points make it tighter. The prior is a standard normal
    distribution at the first point, brought to variance 1; between points each step costs ½·(SNR' − SNR)·|x − x̂|²; at the last
    point, the 256 values of each channel are told apart by their distance.

    Args:
        x: pictures in [-1, 1] whose values are whole levels, as bytes have.
        points: from noise to picture, with σ above 0 in all.
        denoise: the picture predicted from noised pictures at a point, by its number.
        noise: standard normal noise for a point, by its number.
    """
    ratios = [(point.alpha / point.sigma) ** 2 for point in points]
    first = points[0]
    kept = first.alpha**2 / (first.alpha**2 + first.sigma**2)
    nats = 0.5 * (kept * x.double().square() - kept - math.log1p(-kept)).flatten(1).sum(1)
    for number, (point, ratio, after) in enumerate(zip(points[:-1], ratios[:-1], ratios[1:], strict=True)):
        seen = denoise(point.alpha * x + point.sigma * noise(number), number)
        nats += 0.5 * (after - ratio) * (x - seen).double().square().flatten(1).sum(1)
    last = points[-1]
    nats += _told_apart(x, x + last.sigma / last.alpha * noise(len(points) - 1), last.sigma / last.alpha)
    found: Tensor = nats / (x[0].numel() * math.log(2))
    return found


def _told_apart(x: Tensor, seen: Tensor, deviation: float) -> Float[Tensor, " batch"]:
    """−log p of each picture's levels, given what was seen of them through noise of this deviation."""
    levels = torch.linspace(-1, 1, LEVELS, dtype=torch.float64, device=x.device)
    found = []
    for picture, noisy in zip(x, seen, strict=True):
        place = ((picture.flatten() + 1) * (LEVELS - 1) / 2).round().long()
        logits = -((noisy.flatten().double()[:, None] - levels) ** 2) / (2 * deviation**2)
        found.append(-logits.log_softmax(1).gather(1, place[:, None]).sum())
    return torch.stack(found)
