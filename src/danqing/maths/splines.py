"""Monotonic rational-quadratic splines with identity tails (Durkan et al. 2019, "Neural spline flows", section 3.1)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

REACH = 4.0
"""Beyond this distance from 0 a spline leaves numbers alone."""
LEAST = 1e-2
"""Smallest width and height of a bin, as shares of the whole, and smallest slope at a knot."""
UNIT = math.log(math.expm1(1 - LEAST))
"""What a slope's parameter of 0 stands for: a slope of 1."""


def count(bins: int) -> int:
    """Parameters of a spline: widths and heights of its bins, and slopes at the knots between them."""
    return 3 * bins - 1


def spline(
    x: Float[Tensor, "*numbers"], parameters: Float[Tensor, "*numbers parameters"]
) -> tuple[Float[Tensor, "*numbers"], Float[Tensor, "*numbers"]]:
    """Each number moved by its own spline, and the logarithm of the slope there; parameters of 0 are the identity.

    Args:
        x: any numbers; those further than `REACH` from 0 stay.
        parameters: `count(bins)` for each, any real numbers (equations 4 and 5).
    """
    left, width, low, height, first, last = _bin(x, parameters, by_height=False)
    steep = height / width
    part = ((x - left) / width).clamp(0, 1)
    rest = part * (1 - part)
    mixed = steep + (first + last - 2 * steep) * rest
    moved = low + height * (steep * part.square() + first * rest) / mixed
    slope = 2 * steep.log() + (last * part.square() + 2 * steep * rest + first * (1 - part).square()).log() - 2 * mixed.log()
    inside = x.abs() < REACH
    return torch.where(inside, moved, x), torch.where(inside, slope, 0.0)


def unspline(y: Float[Tensor, "*numbers"], parameters: Float[Tensor, "*numbers parameters"]) -> Float[Tensor, "*numbers"]:
    """The inverse of `spline`: the root of a quadratic equation (equations 6 to 8)."""
    left, width, low, height, first, last = _bin(y, parameters, by_height=True)
    steep, above = height / width, y - low
    bent = above * (first + last - 2 * steep)
    a, b, c = height * (steep - first) + bent, height * first - bent, -steep * above
    part = 2 * c / (-b - (b.square() - 4 * a * c).clamp(min=0).sqrt())
    return torch.where(y.abs() < REACH, left + part.clamp(0, 1) * width, y)


def _bin(x: Tensor, parameters: Tensor, by_height: bool) -> tuple[Tensor, ...]:
    """Of the bin that each number lies in: left end and width, lower end and height, slopes at both ends."""
    bins = (parameters.shape[-1] + 1) // 3
    widths, heights, slopes = torch.split(parameters, [bins, bins, bins - 1], dim=-1)
    across, up = _knots(widths), _knots(heights)
    slopes = F.pad(LEAST + F.softplus(slopes + UNIT), (1, 1), value=1.0)
    place = (x[..., None] >= (up if by_height else across)[..., 1:-1]).sum(-1, keepdim=True)

    def pick(knots: Tensor, later: int) -> Tensor:
        return knots.gather(-1, place + later)[..., 0]

    left, low = pick(across, 0), pick(up, 0)
    return left, pick(across, 1) - left, low, pick(up, 1) - low, pick(slopes, 0), pick(slopes, 1)


def _knots(parameters: Tensor) -> Tensor:
    """From -`REACH` to `REACH`, one more than the bins."""
    bins = parameters.shape[-1]
    shares = LEAST + (1 - LEAST * bins) * parameters.softmax(-1)
    inner = (2 * REACH) * shares.cumsum(-1)[..., :-1] - REACH
    return F.pad(F.pad(inner, (1, 0), value=-REACH), (0, 1), value=REACH)
