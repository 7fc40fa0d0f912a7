"""Augmentation for critics: pictures moved and coloured at random, so that a critic cannot learn few pictures by heart.

Each kind is applied with a probability below 1, so the painter, whose pictures are changed alike before they are judged, still
learns pictures that are not changed (Karras et al. 2020, "Training generative adversarial networks with limited data",
section 2.2: such changes leak nothing). Everything is differentiable, and drawn picture by picture.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from danqing.parts.contract import Keys

KINDS, DRAWS = 8, 9
"""Of change, each chosen or not, and the numbers they need."""
SHIFT, ZOOM, TURN, LIGHT, CONTRAST = 0.125, 0.2, math.pi / 4, 0.2, 0.5
"""Of shifts, in sides; of sizes, as log₂; of angles, the largest; of brightness; of contrast and saturation, as log₂."""

Pictures = Float[Tensor, "batch channels height width"]


def augmented(pictures: Pictures, keys: Keys, strength: float | Tensor) -> Pictures:
    """Each picture changed, each change with probability `strength`.

    Args:
        pictures: in [-1, 1]; with four channels premultiplied, so that nothing at all is -1.
        keys: one per picture.
        strength: in [0, 1); 0 leaves pictures alone, to the bit.
    """
    luck = keys.uniform(KINDS + DRAWS).to(pictures)
    chosen, drawn = (luck[:, :KINDS] < strength).to(pictures), luck[:, KINDS:]
    return _coloured(_moved(pictures, chosen[:, :5], drawn[:, :6]), chosen[:, 5:], drawn[:, 6:])


def _moved(x: Pictures, chosen: Tensor, drawn: Tensor) -> Pictures:
    """Mirrored, shifted, turned by quarters, zoomed and turned freely, in one resampling; outside lies nothing (-1)."""
    one = torch.ones(len(x), device=x.device)
    mirror = 1 - 2 * chosen[:, 0] * (drawn[:, 0] < 0.5)
    right, down = ((2 * drawn[:, place] - 1) * 2 * SHIFT * chosen[:, 1] for place in (1, 2))
    angle = (drawn[:, 3] * 4).floor() * (math.pi / 2) * chosen[:, 2] + (2 * drawn[:, 4] - 1) * TURN * chosen[:, 3]
    zoom = torch.exp2(ZOOM * _normal(drawn[:, 5]) * chosen[:, 4])
    cos, sin, ratio = angle.cos() * zoom, angle.sin() * zoom, x.shape[-2] / x.shape[-1]
    rows = [torch.stack([mirror * cos, -sin * ratio, right * one], 1), torch.stack([mirror * sin / ratio, cos, down * one], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(x.shape), align_corners=False)
    moved = F.grid_sample(x + 1, grid, mode="bilinear", padding_mode="zeros", align_corners=False) - 1
    return torch.where((chosen.sum(1) > 0)[:, None, None, None], moved, x)


def _coloured(x: Pictures, chosen: Tensor, drawn: Tensor) -> Pictures:
    """Lighter or darker, with more or less contrast and saturation, wherever there is something."""
    colours, alpha = (x[:, :3], x[:, 3:]) if x.shape[1] == 4 else (x, x[:, :0])
    cover = (alpha + 1) / 2 if x.shape[1] == 4 else 1.0
    light = (LIGHT * _normal(drawn[:, 0]) * chosen[:, 0])[:, None, None, None]
    contrast = torch.exp2(CONTRAST * _normal(drawn[:, 1]) * chosen[:, 1])[:, None, None, None]
    saturation = torch.exp2(CONTRAST * _normal(drawn[:, 2]) * chosen[:, 2])[:, None, None, None]
    seen = colours + 1  # premultiplied: from 0, nothing, to 2
    gray = seen.mean(1, keepdim=True)
    seen = gray + (seen - gray) * saturation
    seen = (seen - cover) * contrast + cover + light * cover
    return torch.where((chosen.sum(1) > 0)[:, None, None, None], torch.cat([seen - 1, alpha], 1), x)


def _normal(uniform: Tensor) -> Tensor:
    """Standard normal numbers from uniform ones."""
    found: Tensor = torch.special.ndtri(uniform.clamp(1e-4, 1 - 1e-4))
    return found
