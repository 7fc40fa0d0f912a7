"""Sample sheets: what a painter in training paints now, beside how far that is from the set in plain statistics."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from PIL import Image

from danqing.maths.seen import from_network, to_network
from danqing.maths.statistics import Many, Others, colour_distance, pixel_distance
from danqing.metrics.baselines import mean, noise
from danqing.parts.contract import Asked, Family, Key, Keys, Plan


@dataclasses.dataclass(frozen=True, slots=True)
class Distances:
    """(pixel, colour) distances to the set: of the painted sheet, and of what it must beat and cannot beat."""

    painted: tuple[float, float]
    noise: tuple[float, float]
    mean: tuple[float, float]
    real: tuple[float, float]

    def sentence(self) -> str:
        """All four, for a log."""
        rows = [
            ("painted", self.painted),
            ("noise", self.noise),
            ("the mean picture", self.mean),
            ("other real pictures", self.real),
        ]
        return "; ".join(f"{name} {pixel:.1f} in pixels, {colour:.1f} in colours" for name, (pixel, colour) in rows)


def paint_values(
    family: Family, values: Mapping[str, list[Any]], count: int, size: tuple[int, int], key: Key, start: Others | None = None
) -> Many:
    """Paintings for rows of condition values, uint8 with straight alpha; `size` is (height, width)."""
    return paint_keyed(family, values, Keys(tuple(key.at(row) for row in range(count))), size, start)


@torch.no_grad()
def paint_keyed(
    family: Family, values: Mapping[str, list[Any]], keys: Keys, size: tuple[int, int], start: Others | None = None
) -> Many:
    """Likewise, each by its own key; `start` are pictures to start from, with straight alpha."""
    began = None if start is None else torch.stack([to_network(picture) for picture in start])
    asked = Asked(values, {}, torch.full((len(keys),), family.guidance), began)
    canvas = family.start(asked, Plan(size), keys)
    while not canvas.done:
        canvas = family.step(canvas, asked)
    return from_network(family.show(canvas).float().cpu())


def distances(painted: Many, reference: Others, real: Many, key: Key) -> Distances:
    """Measure a sheet against `reference`; `real` are other pictures of the set, as many as were painted."""
    trivial = (make(reference, len(painted), key) for make in (noise, mean))
    rows = [(pixel_distance(p, reference), colour_distance(p, reference)) for p in (painted, *trivial, real)]
    return Distances(*rows)


def grid(pictures: Many, scale: int = 1, columns: int | None = None) -> Image.Image:
    """Pictures side by side, about twice as wide as high, enlarged without smoothing; transparency stays."""
    columns = columns or min(len(pictures), max(1, math.ceil(math.sqrt(2 * len(pictures)))))
    rows = math.ceil(len(pictures) / columns)
    _, height, width, channels = pictures.shape
    padded = np.zeros((rows * columns, height, width, channels), np.uint8)
    padded[: len(pictures)] = pictures
    sheet = (
        padded.reshape(rows, columns, height, width, channels).swapaxes(1, 2).reshape(rows * height, columns * width, channels)
    )
    image = Image.fromarray(sheet[..., 0] if channels == 1 else sheet)
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
