"""Pictures to fewer numbers and back: what autoencoders, quantised or not, are built of."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from typing import Literal

from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.config import Config
from danqing.parts.blocks import groups
from danqing.parts.unet import LevelsConfig, Stage

BASE = 4
"""Rows and columns of the map that a single vector is read from and painted out of."""


@contextlib.contextmanager
def resting(codec: nn.Module) -> Iterator[None]:
    """As it will be used, without dropout, also while others learn from what it says."""
    learning = codec.training
    codec.eval()
    try:
        yield
    finally:
        codec.train(learning)


class ConvolutionalConfig(LevelsConfig):
    """Settings of coders that look at neighbourhoods.

    Args:
        patch: pixels on a side that are folded into channels before the first convolution.
    """

    kind: Literal["convolutional"] = "convolutional"
    patch: int = Field(2, ge=1, le=8)
    widths: tuple[PositiveInt, ...] = (96, 192)
    depths: tuple[PositiveInt, ...] = (1, 2)
    attention: tuple[bool, ...] = (False, True)
    embedding: int = Field(128, ge=8)

    @property
    def factor(self) -> int:
        """Pixels on a side for one place of the map."""
        return int(self.patch * 2 ** (len(self.widths) - 1))


class DenseConfig(Config):
    """Settings of coders in which every number sees every other; for very small pictures.

    Args:
        hidden: numbers in each layer of the encoder; the decoder has them in reverse. None at all is a linear map.
        embedding: width of the vector of the conditions.
    """

    kind: Literal["dense"] = "dense"
    hidden: tuple[int, ...] = (512,)
    embedding: int = Field(32, ge=8)


class ConvolutionalEncoder(nn.Module):
    """Pictures of any size to a map `factor` times smaller."""

    def __init__(self, config: ConvolutionalConfig, channels: int, out: int) -> None:
        super().__init__()
        told = (config.embedding, config.dropout)
        before = [config.widths[0], *config.widths[:-1]]
        self.factor, self.patch = config.factor, config.patch
        self.first = nn.Conv2d(channels * config.patch**2, config.widths[0], 3, padding=1)
        self.shrink = nn.ModuleList(nn.Conv2d(width, width, 2, stride=2) for width in config.widths[:-1])
        self.stages = nn.ModuleList(Stage(b, *level, *told) for b, level in zip(before, config.levels(), strict=True))
        self.norm = nn.GroupNorm(groups(config.widths[-1]), config.widths[-1])
        self.last = nn.Conv2d(config.widths[-1], out, 1)

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        vector: Float[Tensor, "batch embedding"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> Float[Tensor, "batch out rows columns"]:
        """Rows and columns are the height and width over the factor, rounded up."""
        height, width = x.shape[-2:]
        if height % self.factor or width % self.factor:
            x = F.pad(x, (0, -width % self.factor, 0, -height % self.factor), mode="replicate")
        hidden = self.first(F.pixel_unshuffle(x, self.patch))
        for level, stage in enumerate(self.stages):
            hidden = stage(self.shrink[level - 1](hidden) if level else hidden, vector, tokens, mask)
        out: Tensor = self.last(F.silu(self.norm(hidden)))
        return out


class ConvolutionalDecoder(nn.Module):
    """The way back: a map to pictures `factor` times larger."""

    def __init__(self, config: ConvolutionalConfig, inner: int, channels: int) -> None:
        super().__init__()
        widths, told = config.widths[::-1], (config.embedding, config.dropout)
        self.first = nn.Conv2d(inner, widths[0], 3, padding=1)
        self.grow = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in itertools.pairwise(widths))
        self.stages = nn.ModuleList(Stage(level[0], *level, *told) for level in config.levels()[::-1])
        self.norm = nn.GroupNorm(groups(widths[-1]), widths[-1])
        self.last, self.patch = nn.Conv2d(widths[-1], channels * config.patch**2, 3, padding=1), config.patch

    def forward(
        self,
        x: Float[Tensor, "batch inner rows columns"],
        vector: Float[Tensor, "batch embedding"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> Float[Tensor, "batch channels height width"]:
        """Height and width are the factor times rows and columns; cut them to the picture's."""
        hidden = self.first(x)
        for level, stage in enumerate(self.stages):
            hidden = stage(self.grow[level - 1](hidden) if level else hidden, vector, tokens, mask)
        return F.pixel_shuffle(self.last(F.silu(self.norm(hidden))), self.patch)


def layers(*widths: int) -> nn.Sequential:
    """Linear maps with rectifiers in between."""
    made: list[nn.Module] = []
    for inner, outer in itertools.pairwise(widths):
        made += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*made[:-1])


class VectorEncoder(nn.Module):
    """A map of any size to one vector, through `BASE` × `BASE` places."""

    def __init__(self, inner: int, out: int) -> None:
        super().__init__()
        self.map = nn.Linear(inner * BASE**2, out)

    def forward(self, x: Float[Tensor, "batch inner rows columns"]) -> Float[Tensor, "batch out"]:
        """The mean of each part of the map, mapped."""
        out: Tensor = self.map(F.adaptive_avg_pool2d(F.silu(x), BASE).flatten(1))
        return out


class VectorDecoder(nn.Module):
    """One vector to a map of any size."""

    def __init__(self, inner: int, out: int) -> None:
        super().__init__()
        self.map, self.out = nn.Linear(inner, out * BASE**2), out

    def forward(self, x: Float[Tensor, "batch inner"], rows: int, columns: int) -> Float[Tensor, "batch out rows columns"]:
        """Mapped to `BASE` × `BASE` places, and between them linearly."""
        small = self.map(x).view(len(x), self.out, BASE, BASE)
        return F.interpolate(small, (rows, columns), mode="bilinear", align_corners=False)
