"""How far pictures are apart to a network that knows photographs: in what they show, and in how they are painted."""

from __future__ import annotations

import functools

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from danqing.parts.efficientnet import EfficientNetLite, Onlooker, boxed

SEEN = (0, 1, 2, 3)
"""The stages whose maps are compared."""
LEAST = 64
"""Smaller pictures are enlarged to this many pixels on their shorter side: the network halves them with every stage."""


class Perceptual(Onlooker):
    """A distance of what pictures show (Johnson et al. 2016, equation 2).

    Maps are brought to length 1 at each place and compared there (Zhang et al. 2018, equation 1, all channels weighing the
    same); transparent pictures are compared on black and on white.
    """

    def __call__(
        self, painted: Float[Tensor, "batch channels height width"], real: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, " batch"]:
        """The mean squared distance over places and stages; pictures in [-1, 1], premultiplied where they have 4 channels."""
        self.network.to(painted.device)
        grounds = (0.0, 1.0) if painted.shape[1] == 4 else (0.0,)
        apart = []
        for ground in grounds:
            maps = [self.network.maps(_enlarged(on(x.float(), ground)), SEEN[-1] + 1) for x in (painted, real)]
            for number in SEEN:
                mine, other = (F.normalize(found[number], dim=1) for found in maps)
                apart.append((mine - other).square().sum(1).mean((1, 2)))
        return torch.stack(apart).mean(0)


def grams(
    maps: Float[Tensor, "batch channels height width"],
) -> Float[Tensor, "batch channels channels"]:
    """Correlations of channels over all places (Gatys et al. 2016, equation 3), divided by the number of places."""
    flat = maps.float().flatten(2)
    found: Tensor = flat @ flat.transpose(1, 2) / flat.shape[2]
    return found


@torch.no_grad()
def styles_apart(
    painted: Float[Tensor, "batch 3 height width"], style: Float[Tensor, "one 3 rows columns"]
) -> Float[Tensor, " batch"]:
    """The distance of how pictures are painted: that of their correlations, as a share of the style's, over stages.

    Args:
        painted, style: in [-1, 1], of any sizes. 0 is the same style; pictures that have nothing in common are about 1 apart.
    """
    network, apart = _network(), []
    maps = [network.maps(_enlarged(x.float()), SEEN[-1] + 1) for x in (painted, style)]
    for number in SEEN:
        mine, other = (grams(found[number]) for found in maps)
        apart.append((mine - other).square().sum((1, 2)).sqrt() / other.square().sum((1, 2)).sqrt().clamp_min(1e-6))
    return torch.stack(apart).mean(0)


@functools.cache
def _network() -> EfficientNetLite:
    return boxed()


def on_white(x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 3 height width"]:
    """RGB of pictures in [-1, 1], premultiplied where they have 4 channels; what is transparent, on white."""
    return on(x, 1.0)


def on(x: Float[Tensor, "batch channels height width"], ground: float | Tensor) -> Float[Tensor, "batch 3 height width"]:
    """Likewise; what is transparent, on a ground from 0, black, to 1."""
    if x.shape[1] == 4:
        return x[:, :3] + ground * (1 - x[:, 3:])
    return x.expand(-1, 3, -1, -1)


def _enlarged(x: Tensor) -> Tensor:
    factor = -(-LEAST // min(x.shape[-2:]))
    return F.interpolate(x, scale_factor=factor, mode="bilinear") if factor > 1 else x
