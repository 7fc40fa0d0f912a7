"""Pictures as networks see them, and back."""

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

Straight = UInt8[np.ndarray, "*batch height width channels"]
"""Pixels of 1, 3 or 4 channels; with 4, the last is alpha and colours are not multiplied by it."""
Seen = Float[Tensor, "*batch channels height width"]
"""The same for a network: in [-1, 1]; with 4 channels premultiplied, so a transparent pixel is −1 in every channel."""


def to_network(pixels: Straight) -> Seen:
    """Pixels as a network sees them, float32."""
    return to_network_unrounded(pixels / np.float32(255.0))


def to_network_unrounded(pixels: Float[np.ndarray, "*batch height width channels"]) -> Seen:
    """Likewise of values in [0, 1]."""
    seen = torch.from_numpy(np.ascontiguousarray(np.moveaxis(pixels, -1, -3), dtype=np.float32))
    if seen.shape[-3] == 4:
        seen[..., :3, :, :] *= seen[..., 3:, :, :]
    return seen * 2.0 - 1.0


def from_network(seen: Seen) -> Straight:
    """The inverse of `to_network`: exact wherever alpha is above 0; values outside [-1, 1] are cut off.

    Where alpha rounds to 0 the colour is black.
    """
    return (from_network_unrounded(seen) * 255.0).round().astype(np.uint8)


def from_network_unrounded(seen: Seen) -> Float[np.ndarray, "*batch height width channels"]:
    """Likewise in [0, 1], so that what differs little stays so."""
    unit = (seen.detach().float().cpu().clamp(-1.0, 1.0) + 1.0) / 2.0
    if unit.shape[-3] == 4:
        alpha = unit[..., 3:, :, :]
        colour = torch.where(alpha * 255.0 < 0.5, 0.0, unit[..., :3, :, :] / alpha.clamp_min(1e-6)).clamp_max(1.0)
        unit = torch.cat([colour, alpha], dim=-3)
    return np.ascontiguousarray(np.moveaxis(unit.numpy(), -3, -1))
