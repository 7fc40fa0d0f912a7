"""Upscaler: a picture to the same picture several times as high and wide, sharp where it was sharp.

A convolutional network works at the low resolution and arranges its last channels into pixels of the high one (Shi et al. 2016,
"Real-Time Single Image and Video Super-Resolution", equation 4). Its blocks are residual and have no normalisation, which would
wash out contrast (Lim et al. 2017, section 3.1); it learns what linear interpolation misses. The low resolution is made by
averaging, so art that was drawn gives exact pairs at no cost. Part of it is blurred and made noisy, so that small faults of a
painter are cleaned rather than sharpened (conditioning augmentation, Ho et al. 2022, section 3).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.errors import WishError
from danqing.parts.contract import Asked, Batch, Canvas, Clock, Family, Key, Keys, Loss, Plan, Player
from danqing.parts.rates import PlayerConfig

# --- config ------------------------------------------------------------------------------------------------------------


class UpscalerConfig(PlayerConfig):
    """Settings of the upscaler.

    Args:
        factor: times as high and wide.
        width, blocks: channels at the low resolution, and residual blocks.
        spoilt: share of the pictures that are spoilt before they are enlarged.
        blur, noise: spoilt pictures are blended with their 3 × 3 mean, and given Gaussian noise, by up to so much.
    """

    factor: int = Field(4, ge=2, le=8)
    width: int = Field(48, ge=8)
    blocks: int = Field(8, ge=1)
    spoilt: float = Field(0.5, ge=0, le=1)
    blur: float = Field(0.5, ge=0, le=1)
    noise: float = Field(0.06, ge=0)
    lr: float = Field(1e-3, gt=0)
    decay: float = Field(0.0, ge=0)
    warmup: int = Field(3_200, ge=0)
    average: int = Field(4_000, ge=4)


# --- family ------------------------------------------------------------------------------------------------------------


class Upscaler(Family):
    """A family of one player and one step, which starts from a picture and heeds no condition.

    Args:
        config: its settings.
        conditions: none.
        channels: 1, 3 or 4.
        length: pictures the whole training will see, for the learning rate.
    """

    conditional: ClassVar[bool] = False
    starts: ClassVar[bool] = True
    free: ClassVar[bool] = True
    heeds: ClassVar[frozenset[str]] = frozenset({"init"})

    def __init__(self, config: UpscalerConfig, conditions: Mapping[str, Condition[Any]], channels: int, length: int) -> None:
        super().__init__()
        if conditions:
            raise ValueError(f"an upscaler heeds no conditions, and was given {', '.join(conditions)}")
        self.config, self.channels, self.length, self.accepts = config, channels, length, frozenset()
        self.first = nn.Conv2d(channels, config.width, 3, padding=1)
        self.blocks = nn.ModuleList(_Block(config.width) for _ in range(config.blocks))
        self.last = nn.Conv2d(config.width, channels * config.factor**2, 3, padding=1)
        for parameter in self.last.parameters():
            nn.init.zeros_(parameter)  # linear interpolation to begin with

    def players(self) -> dict[str, Player]:
        """The painter, alone."""
        return {"painter": self.config.player(self.parameters(), self.length)}

    def loss(self, batch: Batch, player: str, key: Key, clock: Clock) -> Loss:
        """The mean absolute error of the enlarged picture: it asks for the likeliest edge, where squares ask for a soft one."""
        keys, x = batch.keys(key), batch.pictures
        small = F.avg_pool2d(x, self.config.factor)
        noise = keys.at("noise").normal(*small.shape[1:]).to(small)
        draws = keys.at("spoil").uniform(3).to(small)[:, :, None, None, None]
        spoilt = torch.lerp(small, _mean(small), self.config.blur * draws[:, 0]) + self.config.noise * draws[:, 1] * noise
        out = self.enlarge(torch.where(draws[:, 2] < self.config.spoilt, spoilt, small))
        return Loss({"absolute": (out - x).abs().mean(dim=(1, 2, 3))})

    def enlarge(self, x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch channels higher wider"]:
        """The picture in `factor` times the resolution, in float32; not held within [-1, 1]."""
        seen = self.first(x)
        for block in self.blocks:
            seen = block(seen)
        linear = F.interpolate(x.float(), scale_factor=self.config.factor, mode="bilinear", align_corners=False)
        return linear + F.pixel_shuffle(self.last(seen), self.config.factor).float()

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """The start picture, averaged down to where it will be enlarged from.

        Raises:
            WishError: there is none, its size is no multiple of the factor, or steps, sampler or strength were asked for.
        """
        if asked.start is None:
            raise WishError("an upscaler starts from a picture and none was given: add --init FILE")
        if plan.strength != 1 or plan.sampler or plan.steps not in (None, 1):
            raise WishError("an upscaler takes one step and forgets nothing: leave out steps, sampler and strength")
        if any(side % self.config.factor for side in plan.size):
            height, width = plan.size
            raise WishError(f"{width}×{height} pixels were asked for: give multiples of {self.config.factor}")
        small = F.avg_pool2d(asked.start.to(self.first.weight), self.config.factor)
        return Canvas({"small": small, "x": torch.zeros_like(asked.start, device=small.device)}, (1.0, 0.0), 0, keys)

    def natural(self, start: tuple[int, int] | None, learnt: tuple[int, int]) -> tuple[int, int]:
        """Its start, enlarged."""
        return learnt if start is None else (start[0] * self.config.factor, start[1] * self.config.factor)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """The one step."""
        small = canvas.tensors["small"]
        return dataclasses.replace(canvas, tensors={"small": small, "x": self.enlarge(small)}, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The picture; before its step, the small one in larger pixels."""
        small = F.interpolate(canvas.tensors["small"], scale_factor=self.config.factor, mode="nearest")
        return (canvas.tensors["x"] if canvas.done else small).clamp(-1, 1)


class _Block(nn.Module):
    """Two convolutions added to what came in, by a tenth to begin with so that a deep stack is calm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.path = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.SiLU(), nn.Conv2d(width, width, 3, padding=1))
        self.share = nn.Parameter(torch.full((width, 1, 1), 0.1))

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`."""
        out: Tensor = x + self.share * self.path(x)
        return out


def _mean(x: Tensor) -> Tensor:
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)


# --- presets -----------------------------------------------------------------------------------------------------------

PRESETS: dict[str, dict[str, Any]] = {
    "small": {"width": 24, "blocks": 4},
    "medium": {},
}
"""Differences from the defaults by name; `benchmarks/upscaling.py` measures them."""
