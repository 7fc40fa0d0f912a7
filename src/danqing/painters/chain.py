"""A chain: what one painter shows, the next enlarges. To the painting verb it is one family with some steps more.

A cascade (Ho et al. 2022) with an upscaler in place of the later diffusions: a painter paints at the size it learnt, the
upscaler enlarges as often as needed, and what is then too large is averaged down.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional as F

from danqing.errors import PainterError
from danqing.parts.contract import Asked, Canvas, Family, Keys, Plan

SMALLEST = 8
"""Pixels of a side that a painter is ever asked for."""
AT_ONCE = 512 * 512 * 4
"""Pixels that are enlarged at a time, so that memory stays bounded."""
SIZES, ENLARGED = "sizes", "enlarged"
"""Tensors of a canvas that are the chain's: (height, width) asked for and painted at, per picture; what was enlarged so far."""


@dataclasses.dataclass(frozen=True, eq=False)
class Chain:
    """A painter, and what enlarges what it paints.

    Args:
        painter: paints.
        native: (height, width) that it learnt.
        upscaler: a family that starts from a picture with transparency; `None` leaves every size to the painter.
        factor: times that enlarges height and width.
    """

    painter: Family
    native: tuple[int, int]
    upscaler: Family | None = None
    factor: int = 1

    def painted(self, size: tuple[int, int]) -> tuple[int, int]:
        """(height, width) to paint at for a size: what was learnt, longer on one side where the shape is another."""
        if self.upscaler is None or self.painter.free:
            return size
        scale = max(native / side for native, side in zip(self.native, size, strict=True))
        height, width = (max(SMALLEST, round(side * scale)) for side in size)
        return height, width

    def largest(self, size: tuple[int, int]) -> int:
        """Pixels of the largest picture on the way to a size."""
        small = self.painted(size)
        times = 0 if small == size else self._times(size, small)
        enlarged = small[0] * small[1] * int(self.factor ** (2 * times))
        return max(size[0] * size[1], enlarged)

    def start(self, asked: Asked, plan: Plan, keys: Keys) -> Canvas:
        """As the painter starts, at the size it paints at."""
        small = self.painted(plan.size)
        canvas = self.painter.start(_shrunk(asked, small), dataclasses.replace(plan, size=small), keys)
        if small == plan.size:
            return canvas
        sizes = torch.tensor([(*plan.size, *small)]).expand(len(keys), -1).contiguous()
        end = canvas.grid[-1]
        grid = canvas.grid + tuple(end - 1 - number for number in range(self._times(plan.size, small)))
        return dataclasses.replace(canvas, tensors={**canvas.tensors, SIZES: sizes}, grid=grid)

    def step(self, canvas: Canvas, asked: Asked) -> Canvas:
        """One of the painter's, or one enlargement."""
        sizes = canvas.tensors.get(SIZES)
        if sizes is None:
            return self.painter.step(canvas, asked)
        inner = self._inner(canvas)
        if not inner.done:
            after = self.painter.step(inner, _shrunk(asked, _size(sizes, 2)))
            return dataclasses.replace(canvas, tensors={**after.tensors, SIZES: sizes}, step=after.step)
        x = canvas.tensors[ENLARGED] if ENLARGED in canvas.tensors else self.painter.show(inner)
        tensors = {**canvas.tensors, ENLARGED: self._enlarge(x, canvas.keys)}
        return dataclasses.replace(canvas, tensors=tensors, step=canvas.step + 1)

    def show(self, canvas: Canvas) -> Float[Tensor, "batch channels height width"]:
        """The pictures as far as they are, at the size asked for."""
        sizes = canvas.tensors.get(SIZES)
        if sizes is None:
            return self.painter.show(canvas)
        x = canvas.tensors[ENLARGED] if ENLARGED in canvas.tensors else self.painter.show(self._inner(canvas))
        return _resized(x, _size(sizes, 0))

    def _times(self, size: tuple[int, int], small: tuple[int, int]) -> int:
        """Enlargements until no side is too short."""
        if self.upscaler is None:
            raise PainterError(
                "this painting was begun to be enlarged, and no upscaler is here: import the one it was begun with"
            )
        times = 0
        while any(side < wanted for side, wanted in zip(small, size, strict=True)):
            small, times = (small[0] * self.factor, small[1] * self.factor), times + 1
        return times

    def _inner(self, canvas: Canvas) -> Canvas:
        """The painter's own canvas in it."""
        sizes = canvas.tensors[SIZES]
        grid = canvas.grid[: len(canvas.grid) - self._times(_size(sizes, 0), _size(sizes, 2))]
        tensors = {name: tensor for name, tensor in canvas.tensors.items() if name not in (SIZES, ENLARGED)}
        return dataclasses.replace(canvas, tensors=tensors, grid=grid, step=min(canvas.step, len(grid) - 1))

    def _enlarge(self, x: Float[Tensor, "batch channels height width"], keys: Keys) -> Float[Tensor, "batch channels h w"]:
        assert self.upscaler is not None
        channels, rgba = x.shape[1], _transparent(x)
        large = F.interpolate(rgba, scale_factor=self.factor, mode="nearest")
        most = max(1, AT_ONCE // large[0, 0].numel())
        parts = [self._pass(large[start : start + most], keys.keys[start : start + most]) for start in range(0, len(x), most)]
        return _opaque(torch.cat(parts), channels)

    def _pass(
        self, large: Float[Tensor, "batch 4 height width"], keys: tuple[Any, ...]
    ) -> Float[Tensor, "batch 4 height width"]:
        assert self.upscaler is not None
        asked = Asked({}, {}, torch.ones(len(large)), start=large)
        canvas = self.upscaler.start(asked, Plan((large.shape[2], large.shape[3])), Keys(keys))
        while not canvas.done:
            canvas = self.upscaler.step(canvas, asked)
        return self.upscaler.show(canvas)


def _size(sizes: Int64[Tensor, "batch 4"], first: int) -> tuple[int, int]:
    height, width = sizes[0, first : first + 2].tolist()
    return height, width


def _shrunk(asked: Asked, size: tuple[int, int]) -> Asked:
    """Start pictures and masks at the size that is painted at; averages, so that no pixel is left out."""
    start, mask = (
        None if x is None or x.shape[-2:] == size else F.interpolate(x, size, mode="area") for x in (asked.start, asked.mask)
    )
    return dataclasses.replace(asked, start=asked.start if start is None else start, mask=asked.mask if mask is None else mask)


def _resized(x: Float[Tensor, "batch channels height width"], size: tuple[int, int]) -> Float[Tensor, "batch channels h w"]:
    """Averaged down where too large; previews of what is not enlarged yet are shown in larger pixels."""
    if x.shape[-2:] == size:
        return x
    larger = all(side >= wanted for side, wanted in zip(x.shape[-2:], size, strict=True))
    return F.interpolate(x, size, mode="area" if larger else "nearest")


def _transparent(x: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch 4 height width"]:
    """In colour, with an alpha of 1 where there was none."""
    if x.shape[1] == 4:
        return x
    return torch.cat([x.expand(-1, 3, -1, -1), torch.ones_like(x[:, :1])], 1)


def _opaque(x: Float[Tensor, "batch 4 height width"], channels: int) -> Float[Tensor, "batch channels height width"]:
    """The inverse of `_transparent`."""
    return x if channels == 4 else x[:, :3] if channels == 3 else x[:, :3].mean(1, keepdim=True)
