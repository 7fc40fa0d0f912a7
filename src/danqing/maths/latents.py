"""Between latents that are normally distributed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Way = Literal["spherical", "linear"]


def slerp(first: Float[Tensor, "batch ..."], last: Float[Tensor, "batch ..."], share: float) -> Float[Tensor, "batch ..."]:
    """On the great circle between two vectors (Shoemake 1985, "Animating rotation with quaternion curves", equation 6).

    Args:
        first, last: a vector each picture, of any shape.
        share: of the way, in [0, 1].
    """
    a, b = first.flatten(1).double(), last.flatten(1).double()
    cosine = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp(min=1e-12)
    angle = cosine.clamp(-1, 1).acos()[:, None]
    sine = angle.sin()
    straight = torch.lerp(a, b, share)
    turned = (a * ((1 - share) * angle).sin() + b * (share * angle).sin()) / sine.clamp(min=1e-6)
    return torch.where(sine < 1e-6, straight, turned).view_as(first).to(first)


def varied(known: Float[Tensor, "batch ..."], noise: Float[Tensor, "batch ..."], strength: float) -> Float[Tensor, "batch ..."]:
    """Known latents turned towards noise by `strength` quarters: their variance stays that of both, if they are independent."""
    turn = 0.5 * math.pi * strength
    return math.cos(turn) * known + math.sin(turn) * noise


def between(latents: Sequence[Float[Tensor, "batch ..."]], weights: Sequence[float], way: Way) -> Float[Tensor, "batch ..."]:
    """The weighted mean: straight, or on great circles, one latent after the other, so that it is as long as they are.

    Args:
        latents: one or more, of one shape.
        weights: 0 or more each, not all 0.
        way: "linear" or "spherical".
    """
    seen = [(latent, weight) for latent, weight in zip(latents, weights, strict=True) if weight > 0]
    mean, whole = seen[0]
    for latent, weight in seen[1:]:
        whole += weight
        mean = mean.lerp(latent, weight / whole) if way == "linear" else slerp(mean, latent, weight / whole)
    return mean
