"""Style by example: pictures in whose style to paint, for painters that can look at a style they never learnt."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image

from danqing.conditions.condition import Condition, Encoder, Pixels
from danqing.conditions.style import weight_of
from danqing.errors import WishError
from danqing.maths.seen import to_network
from danqing.parts.perceptual import on_white, styles_apart
from danqing.words import Picture


@dataclasses.dataclass(frozen=True, eq=False)
class Example:
    """A picture in whose style to paint.

    Args:
        path: its file.
        weight: its share among several.
        pixels: of it; `None` until the file was read.
    """

    path: str
    weight: float
    pixels: Pixels | None = None

    def seen(self) -> torch.Tensor:
        """The picture as networks see it: (3, height, width) RGB in [-1, 1], what is transparent on white."""
        if self.pixels is None:
            raise ValueError(f"the picture '{self.path}' was not read; a mistake of the caller")
        return on_white(to_network(self.pixels)[None])[0]


Examples = tuple[Example, ...]
"""Pictures with weights that sum to 1."""


class StylePictures(Condition[Examples]):
    """Any pictures."""

    name: ClassVar[str] = "style"
    kind: ClassVar[str] = "style-pictures"
    unit: ClassVar[str] = "distance of correlations of features (0 to about 2)"

    @classmethod
    def fit(cls, pictures: list[Picture]) -> None:
        """No set needs it: its painters know every style there is."""

    def read(self, picture: Picture, pixels: Pixels) -> None:
        """A picture of a set says nothing of it."""

    def parse(self, text: str) -> Examples:
        """`starry.jpg`, or `starry.jpg:0.7,wave.png:0.3`; weights are scaled to sum to 1.

        Raises:
            WishError: there is no such file, or a weight is none.
        """
        found: list[Example] = []
        for part in [text] if Path(text).is_file() else text.split(","):
            path, colon, weight = part.strip().rpartition(":")
            if not colon or Path(part.strip()).is_file():
                path, weight = part.strip(), ""
            if not Path(path).is_file():
                raise WishError(
                    f"there is no picture '{path}' to take a style from: give a PNG, JPEG or WebP, or other.png:0.3"
                )
            found.append(Example(path, weight_of(part, weight)))
        total = sum(example.weight for example in found)
        return tuple(dataclasses.replace(example, weight=example.weight / total) for example in found)

    def files(self, value: Examples) -> tuple[str, ...]:
        """Those to be read."""
        return tuple(example.path for example in value)

    def filled(self, value: Examples, pictures: Mapping[str, Pixels]) -> Examples:
        """With their pixels."""
        return tuple(dataclasses.replace(example, pixels=pictures[example.path]) for example in value)

    def encoder(self, width: int) -> Encoder:
        """There is none: its painters look at the pictures themselves."""
        raise ValueError("a style by example has no encoder; a mistake of the family")

    def miss(self, asked: Examples, painted: Pixels) -> float | None:
        """Distance of the painting's style to each picture's, by their weights."""
        mine = on_white(to_network(painted)[None])
        return sum(example.weight * float(styles_apart(mine, example.seen()[None])[0]) for example in asked)

    def show(self, value: Examples) -> Image.Image:
        """The pictures side by side, each as wide as its weight."""
        sheet = Image.new("RGB", (256, 128), "white")
        left = 0.0
        for example in value:
            pixels = ((example.seen().movedim(0, -1).numpy() + 1) * 127.5).round().astype(np.uint8)
            width = max(1, round(256 * example.weight))
            sheet.paste(Image.fromarray(pixels).resize((width, 128)), (round(left), 0))
            left += 256 * example.weight
        return sheet

    def state(self) -> dict[str, Any]:
        """Which kind it is."""
        return {"kind": self.kind}

    @classmethod
    def revive(cls, state: dict[str, Any]) -> StylePictures:
        """There is but one."""
        return cls()
