"""Pictures in several styles, some of which are partners: bars somewhere on a ground."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from danqing.data.source import Item, LeftOut, Source

SIDE = 16


def picture(number: int, style: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """A bar somewhere: white on black, or red, blue or green on white."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    inside = ((rows - number) % SIDE < 5) & ((columns - number // SIDE) % SIDE < 9)
    colours = {
        "plain": ((255, 255, 255), (0, 0, 0)),
        "red": ((220, 30, 30), (255, 255, 255)),
        "blue": ((30, 30, 220), (255,) * 3),
        "green": ((30, 220, 30), (255,) * 3),
    }
    fore, back = (np.array(colour, np.uint8) for colour in colours[style])
    return np.where(inside[..., None], fore, back)


class Bars(Source):
    """`count` bars in each style; where it is `paired`, a bar is a concept."""

    def __init__(self, count: int = 60, styles: tuple[str, ...] = ("plain", "red"), paired: bool = True) -> None:
        self.count, self.styles, self.paired = count, styles, paired

    def describe(self) -> str:
        return f"{self.count} bars in {self.styles}, {self.paired}"

    def items(self) -> Iterator[Item | LeftOut]:
        for style in self.styles:
            for number in range(self.count):
                content = png_of(picture(number, style))
                concept = f"bar {number}" if self.paired else ""
                yield Item(f"{style}/{number}", functools.partial(bytes, content), style=style, concept=concept)


def png_of(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()
