"""Critics of the parts of a picture."""

from __future__ import annotations

import itertools

from jaxtyping import Float
from torch import Tensor, nn


class PatchCritic(nn.Module):
    """Says of overlapping patches how real they look (Isola et al. 2017, section 3.2.2)."""

    def __init__(self, channels: int, width: int = 64) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 2 * width]
        layers: list[nn.Module] = []
        for inner, outer in itertools.pairwise(widths):
            layers += [nn.Conv2d(inner, outer, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(2 * width, 1, 3, padding=1))

    def forward(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch patches"]:
        """Above 0: real."""
        out: Tensor = self.layers(x)
        return out.float().flatten(1)
