"""A convolutional U-Net on patches of pixels: most of its work is done at half the picture's size and below.

Ronneberger et al. 2015 (the U), Ho et al. 2020 (for diffusion), Shi et al. 2016 (pixel shuffle). On two cores at 32 px it
learns several times faster than a transformer on 4×4 patches; `docs/decisions/` has the figures.
"""

from typing import Literal, Self

import torch
from jaxtyping import Bool, Float
from pydantic import Field, PositiveInt, model_validator
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.config import Config
from danqing.parts.blocks import ContextAttention, ResidualBlock, TimeEmbedding, groups


class LevelsConfig(Config):
    """Settings of what works level by level, each of half the height and width of the one before.

    Args:
        widths: channels of each level.
        depths: residual blocks of each level.
        attention: levels with attention after their blocks.
        embedding: width of the vectors and tokens of time and conditions.
    """

    widths: tuple[PositiveInt, ...]
    depths: tuple[PositiveInt, ...]
    attention: tuple[bool, ...]
    embedding: int = Field(256, ge=8)
    dropout: float = Field(0.0, ge=0.0, lt=1.0)

    @model_validator(mode="after")
    def _even(self) -> Self:
        if not 0 < len(self.widths) == len(self.depths) == len(self.attention):
            raise ValueError("widths, depths and attention need one entry for each level, and have different numbers of them")
        return self

    def levels(self) -> list[tuple[int, int, bool]]:
        """(width, depth, attention) of each."""
        return list(zip(self.widths, self.depths, self.attention, strict=True))


class UNetConfig(LevelsConfig):
    """Settings of the U-Net, whose levels are passed on the way down and again on the way up.

    Args:
        patch: pixels folded into channels on each side before the first convolution.
        balanced: time is brought to unit variance before conditions are added to it; without, it grows in training until
            it drowns them (decision 7).
    """

    kind: Literal["unet"] = "unet"
    patch: int = Field(2, ge=1, le=8)
    widths: tuple[PositiveInt, ...] = (64, 128, 256)
    depths: tuple[PositiveInt, ...] = (1, 1, 2)
    attention: tuple[bool, ...] = (False, True, True)
    balanced: bool = True


class Stage(nn.Module):
    """The blocks of one level, each with attention after it where the level has it."""

    def __init__(self, channels_in: int, channels: int, depth: int, attention: bool, embedding: int, dropout: float) -> None:
        super().__init__()
        first = [channels_in] + [channels] * (depth - 1)
        self.blocks = nn.ModuleList(ResidualBlock(c, channels, embedding, dropout) for c in first)
        self.attention = nn.ModuleList(ContextAttention(channels, embedding) for _ in first if attention)

    def forward(self, x: Tensor, vector: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        """(batch, channels_in, h, w) to (batch, channels, h, w)."""
        for index, block in enumerate(self.blocks):
            x = block(x, vector)
            if self.attention:
                x = self.attention[index](x, tokens, mask)
        return x


class UNet(nn.Module):
    """Pictures, time and conditions to pictures of the same size.

    Any height and width: the picture is padded to a multiple of `patch · 2^(levels-1)` and the result is cut back.
    """

    def __init__(self, config: UNetConfig, channels: int) -> None:
        super().__init__()
        self.config, widths, last = config, config.widths, len(config.widths) - 1
        self.time = TimeEmbedding(config.embedding)
        self.vector = nn.Sequential(nn.SiLU(), nn.Linear(config.embedding, config.embedding), nn.SiLU())
        self.first = nn.Conv2d(channels * config.patch**2, widths[0], 3, padding=1)
        levels = config.levels()
        told = (config.embedding, config.dropout)
        self.down = nn.ModuleList(Stage(width, width, depth, attends, *told) for width, depth, attends in levels)
        self.shrink = nn.ModuleList(nn.Conv2d(widths[i], widths[i + 1], 2, stride=2) for i in range(last))
        self.grow = nn.ModuleList(nn.ConvTranspose2d(widths[i + 1], widths[i], 2, stride=2) for i in range(last))
        self.up = nn.ModuleList(Stage(2 * width, width, depth, attends, *told) for width, depth, attends in levels[:-1])
        self.norm = nn.GroupNorm(groups(widths[0]), widths[0])
        self.last = nn.Conv2d(widths[0], channels * config.patch**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(
        self,
        x: Float[Tensor, "batch channels height width"],
        time: Float[Tensor, " batch"],
        vector: Float[Tensor, "batch embedding"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> Float[Tensor, "batch channels height width"]:
        """The same shape; `time` in [0, 1]."""
        height, width = x.shape[-2:]
        vector = self.told(time, vector)
        *kept, hidden = self.levels(x, vector, tokens, mask)
        for level in reversed(range(len(self.grow))):
            hidden = torch.cat([self.grow[level](hidden), kept[level]], dim=1)
            hidden = self.up[level](hidden, vector, tokens, mask)
        out = F.pixel_shuffle(self.last(F.silu(self.norm(hidden))), self.config.patch)
        return out[..., :height, :width]

    def told(self, time: Float[Tensor, " batch"], vector: Float[Tensor, "batch embedding"]) -> Float[Tensor, "batch embedding"]:
        """Time and conditions as every block hears of them."""
        when = self.time(time)
        out: Tensor = self.vector((F.layer_norm(when.float(), when.shape[-1:]) if self.config.balanced else when) + vector)
        return out

    def levels(
        self,
        x: Float[Tensor, "batch channels height width"],
        vector: Float[Tensor, "batch embedding"],
        tokens: Float[Tensor, "batch count embedding"],
        mask: Bool[Tensor, "batch count"],
    ) -> list[Float[Tensor, "batch _ _ _"]]:
        """What each level sees on the way down, the finest first; `vector` as `told` gives it."""
        height, width = x.shape[-2:]
        multiple = self.config.patch * 2 ** (len(self.config.widths) - 1)
        padded = F.pad(x, (0, -width % multiple, 0, -height % multiple), mode="replicate") if _odd(x, multiple) else x
        hidden, kept = self.first(F.pixel_unshuffle(padded, self.config.patch)), []
        for level, stage in enumerate(self.down):
            hidden = stage(hidden if level == 0 else self.shrink[level - 1](hidden), vector, tokens, mask)
            kept.append(hidden)
        return kept


def _odd(x: Tensor, multiple: int) -> bool:
    return x.shape[-1] % multiple != 0 or x.shape[-2] % multiple != 0
