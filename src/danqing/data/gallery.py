"""Pictures at one size, to be measured: a set, or the files of any program, none left out for being doubled."""

from __future__ import annotations

import dataclasses
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8

from danqing.data.checks import decode
from danqing.data.picture_set import PictureSet
from danqing.data.prepare import Preparation, prepare, prepare_one
from danqing.data.resample import Pixels
from danqing.data.source import Item, LeftOut, Source
from danqing.errors import DataError, PictureError
from danqing.maths.colour import unpremultiply
from danqing.words import Picture

Many = UInt8[np.ndarray, "pictures height width channels"]
Numbers = Int64[np.ndarray, " chosen"]
LARGEST = 256
"""Longer sides are scaled down: extractors see less."""
_SAMPLE = 64


@dataclasses.dataclass(frozen=True, eq=False)
class Gallery:
    """Pictures at one size.

    Args:
        name: what a report calls them.
        pixels: uint8, colours premultiplied by alpha where there are 4 channels; lies in a file.
        places: the path or address of each.
        pictures: what is known of each in words.
        numbers: which of them this gallery shows.
        left_out: what could not be read, each with its reason.
        folder: where what was measured of all of them may be kept; `None` where they have no home.
    """

    name: str
    pixels: UInt8[np.ndarray, "all channels height width"]
    places: Sequence[str]
    pictures: Sequence[Picture]
    numbers: Numbers
    left_out: Sequence[LeftOut] = ()
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.numbers)

    def straight(self, rows: slice | Numbers = slice(None)) -> Many:
        """Some of the pictures shown, with straight alpha."""
        found = np.ascontiguousarray(np.moveaxis(self.pixels[self.numbers[rows]], 1, -1))
        return unpremultiply(found) if found.shape[-1] == 4 else found

    def take(self, numbers: Numbers, name: str | None = None) -> Gallery:
        """Those of `numbers` only, which count all pictures."""
        return dataclasses.replace(self, numbers=numbers, name=name or self.name)


def shape_of(source: Source) -> tuple[int, int, int]:
    """(height, width, channels) that most of a source's first pictures have; scaled down where they are large.

    Raises:
        DataError: none of them can be read.
    """
    found: Counter[tuple[int, ...]] = Counter()
    for item in source.items():
        pixels = _read(item)
        if not isinstance(pixels, LeftOut):
            found[pixels.shape] += 1
        if found.total() >= _SAMPLE:
            break
    if not found:
        raise DataError(f"'{source.describe()}' holds no picture that can be read: give a folder of pictures")
    height, width, channels = found.most_common(1)[0][0]
    scale = min(1.0, LARGEST / max(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale)), channels


def of_source(source: Source, preparation: Preparation, progress: Callable[[int], None] | None = None) -> Gallery:
    """Every picture of a source, prepared alike, in a nameless file that goes when the gallery does.

    Raises:
        DataError: none can be read.
    """
    places: list[str] = []
    pictures: list[Picture] = []
    left: list[LeftOut] = []
    with tempfile.TemporaryFile() as file:
        for item in source.items():
            pixels = _read(item)
            if isinstance(pixels, LeftOut):
                left.append(pixels)
            elif isinstance(item, Item):
                file.write(prepare_one(pixels, preparation).data)
                places.append(item.place)
                pictures.append(Picture("", item.captions, item.style, concept=item.concept, facts=item.facts))
            if progress:
                progress(len(places) + len(left))
        if not places:
            why = f"all {len(left)} were left out, the first because it {left[0].reason}" if left else "it is empty"
            raise DataError(f"'{source.describe()}' gave no picture ({why}): give a folder of pictures")
        file.flush()
        shape = (len(places), preparation.channels, *preparation.size)
        laid = np.memmap(file, np.uint8, "r", shape=shape)
    return Gallery(source.describe(), laid, places, pictures, np.arange(len(places)), left)


def of_set(pictures: PictureSet, preparation: Preparation) -> Gallery:
    """A set as it is prepared for training."""
    prepared = prepare(pictures, preparation)
    numbers = np.arange(len(pictures))
    return Gallery(pictures.name, prepared.pixels, pictures.places(), pictures.pictures, numbers, (), prepared.folder)


def _read(item: Item | LeftOut) -> Pixels | LeftOut:
    if isinstance(item, LeftOut):
        return item
    try:
        return decode(item.load()).pixels
    except (PictureError, OSError) as error:
        return LeftOut(item.place, str(error))
