"""What a network that knows photographs sees of pictures, mixed at random: maps for critics to judge.

A critic that looks through such a network need not learn to see, and a painter learns many times faster from what it says
(Sauer et al. 2021, "Projected GANs converge faster"). Random convolutions that are never trained mix the channels of each map
and lead what deep maps see up to finer ones (there, section 3.2), so that a critic cannot rest on the few channels that give a
painting away.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.parts.contract import Key, Keys
from danqing.parts.efficientnet import STAGES, Onlooker
from danqing.parts.perceptual import on
from danqing.parts.precision import full_precision

SEEN = (0, 1, 2, 4)
"""The stages whose maps are judged."""
SIDE = 64
"""By default smaller pictures are enlarged to this many pixels on their shorter side; the maps then have 32, 16, 8 and 4."""
WIDTHS = (48, 48, 48, 48)
"""Channels of the maps that come out, from the finest."""
SPREAD = 8.0
"""What every stage sees deviates by about this much; what comes out, by about 1."""

Maps = tuple[Float[Tensor, "batch _ _ _"], ...]
"""Of several channels, rows and columns, hence no names for these."""


class Projection(Onlooker):
    """Pictures to maps.

    Args:
        side: to which smaller pictures are enlarged.
        widths: channels of the maps that come out, one for each of `SEEN`.
    """

    def __init__(self, side: int = SIDE, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.side = side
        # What is a sum of two has half of its variance from each.
        halves = [1.0 / math.sqrt(2)] * (len(SEEN) - 1) + [1.0]
        self.mix = [
            _drawn(stage, width, STAGES[stage][-1], 1) * (half / SPREAD)
            for stage, width, half in zip(SEEN, widths, halves, strict=True)
        ]
        pairs = zip(SEEN[1:], itertools.pairwise(widths), strict=True)
        self.lead = [_drawn(stage, finer, coarser, 3) / math.sqrt(2) for stage, (finer, coarser) in pairs]

    def __call__(self, pictures: Float[Tensor, "batch channels height width"], keys: Keys) -> Maps:
        """From the finest; each place has 1/2 of the enlarged picture's sides, 1/4, 1/8, 1/16.

        Args:
            pictures: in [-1, 1]; those with 4 channels, premultiplied, are seen on white or on black, by chance, so that it
                pays to leave transparent what is.
            keys: one per picture, of the grounds.
        """
        # In bfloat16 a processor sees in 0.6 of the time but takes longer for slopes, for which float32 is kept.
        exact = pictures.requires_grad and pictures.device.type == "cpu"
        with full_precision(pictures.device) if exact else contextlib.nullcontext():
            return self._maps(pictures, keys)

    def _maps(self, pictures: Tensor, keys: Keys) -> Maps:
        x = on(pictures.float(), keys.at("ground").uniform(1, 1, 1).round().to(pictures.device))
        larger = self.side / min(x.shape[-2:])
        if larger > 1:
            size = [max(self.side, round(side * larger)) for side in x.shape[-2:]]
            x = F.interpolate(x, size=size, mode="bilinear")
        self._move(x.device)
        seen = self.network.maps(x, SEEN[-1] + 1)
        maps = [F.conv2d(seen[stage], mix) for stage, mix in zip(SEEN, self.mix, strict=True)]
        for finer in range(len(maps) - 2, -1, -1):
            led = F.interpolate(maps[finer + 1], size=maps[finer].shape[-2:], mode="bilinear")
            maps[finer] = maps[finer] + F.conv2d(led, self.lead[finer], padding=1)
        return tuple(maps)

    def _move(self, device: torch.device) -> None:
        if self.mix[0].device != device:
            self.network.to(device)
            self.mix, self.lead = ([each.to(device) for each in several] for several in (self.mix, self.lead))


def _drawn(stage: int, outer: int, inner: int, side: int) -> Tensor:
    """A convolution that keeps variance, the same everywhere and always."""
    empty = torch.empty(outer, inner, side, side)
    return nn.init.kaiming_normal_(empty, nonlinearity="linear", generator=Key("projection", side, stage).generator())
