"""Recolouring: a picture in the colours of another, so that a painter learns to heed a palette where words say otherwise.

A set shows apples red and leaves green: a painter that saw nothing else paints them so whatever palette is asked for. Here each
colour of the picture's own palette is moved to one of a strange palette, and every pixel with those it is near to (Chang et al.
2015, "Palette-based Photo Recoloring", section 3, with Gaussian weights).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from danqing.conditions.condition import Pixels, Vital
from danqing.conditions.palette import Palette, PaletteCondition, palette_of
from danqing.maths.colour import bytes_to_oklab, from_network, oklab_to_bytes, to_network
from danqing.parts.contract import Key, Keys

REACH = 0.12
"""How far in OKLab a moved colour takes others with it, as a standard deviation."""


@dataclasses.dataclass(frozen=True)
class Recolour:
    """Shows a share of the pictures in strange colours, each with the palette it then has.

    Args:
        share: of the pictures.
        palettes: to take colours from.
        condition: reads and draws palettes.
    """

    share: float
    palettes: Sequence[Palette | None]
    condition: PaletteCondition

    def __call__(
        self, pictures: Float[Tensor, "batch channels height width"], conditions: Mapping[str, list[Any]], keys: Keys
    ) -> tuple[Float[Tensor, "batch channels height width"], dict[str, list[Any]]]:
        """A batch with some of its pictures and their palettes changed; see `danqing.data.stream.Stream`."""
        pictures, told = pictures.clone(), {name: list(column) for name, column in conditions.items()}
        for row, key in enumerate(keys.keys):
            chosen, which = key.uniform(2).tolist()
            strange = self.palettes[int(which * len(self.palettes))]
            if chosen >= self.share or strange is None:
                continue
            pixels = recoloured(from_network(pictures[row : row + 1])[0], strange, key.at("order"))
            palette = palette_of(pixels)
            if palette is not None:
                pictures[row] = to_network(pixels)
                told[self.condition.name][row] = Vital(self.condition.draw(palette, key.at("draw")))
        return pictures, told


def recoloured(pixels: Pixels, strange: Palette, key: Key) -> Pixels:
    """The picture with its colours moved to those of a strange palette, in any order; what is clear stays clear.

    Gray pictures cannot be recoloured, and stay as they are.
    """
    own = palette_of(pixels)
    if own is None or pixels.shape[-1] < 3:
        return pixels
    count = min(len(own.colours), len(strange.colours))
    order = torch.randperm(len(strange.colours), generator=key.generator()).numpy()[:count]
    mine, theirs = (bytes_to_oklab(np.array(colours, np.uint8)) for colours in (own.colours[:count], strange.colours))
    points = bytes_to_oklab(pixels[..., :3])
    apart = np.square(points[..., None, :] - mine).sum(-1)
    weights = np.exp(-(apart - apart.min(-1, keepdims=True)) / (2 * REACH**2))
    moved = points + (weights / weights.sum(-1, keepdims=True)) @ (theirs[order] - mine)
    changed: Pixels = np.concatenate([oklab_to_bytes(moved), pixels[..., 3:]], axis=-1)
    return changed
