"""Paintings of single things, put together as one picture: each where `danqing.conditions.things` says.

Only the silhouettes are looked at. A hat sits on the highest broad part of what wears it, glasses lie on the same; what is in
front covers a lower corner; what carries all the others is drawn last, so that they sit in it. The whole then fills its canvas.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Self

import cv2
import numpy as np
from jaxtyping import Bool

from danqing.conditions.things import ABOVE, BELOW, BESIDE, FRONT, HEAD
from danqing.data.resample import Pixels, Resized, resize

SEEN = 64
"""Alpha from which on a pixel belongs to a thing."""
SPECK = 0.015
"""Share of a side that a row or a column must have of a thing to be its edge."""
MARGIN = 0.02
TOP = 0.35
"""Share of a silhouette's height in which its head begins."""
ALIKE = 0.8
"""Share of a silhouette that its mirror image covers where both sides are alike."""
THIN, BROAD = 0.14, 0.22
"""Share of a silhouette's shorter side that ears and tails are thinner than; and of its width that a head has at least."""
DEEPER = 0.06
"""Share of its height after which the head is measured."""
FEWER = 1.5
"""How much larger things must become in more rows, for they are looked for beside each other."""


@dataclasses.dataclass(frozen=True, slots=True)
class Layer:
    """A picture on a sheet without end.

    Args:
        pixels: straight alpha.
        left, top: of its corner, in pixels of the sheet.
    """

    pixels: Pixels
    left: float = 0.0
    top: float = 0.0

    @property
    def right(self) -> float:
        """Of the other corner."""
        return self.left + float(self.pixels.shape[1])

    @property
    def bottom(self) -> float:
        """Likewise."""
        return self.top + float(self.pixels.shape[0])

    def within(self, width: float, height: float) -> Self:
        """As large as fits."""
        scale = min(width / self.pixels.shape[1], height / self.pixels.shape[0])
        wide, tall = (max(1, round(side * scale)) for side in self.pixels.shape[1::-1])
        return dataclasses.replace(self, pixels=resize(self.pixels, tall, wide))

    def at(self, middle: float, bottom: float) -> Self:
        """Standing there."""
        return dataclasses.replace(self, left=middle - self.pixels.shape[1] / 2, top=bottom - self.pixels.shape[0])


def arranged(pictures: Sequence[Pixels], places: Sequence[str]) -> Pixels:
    """One picture of all, as large as each.

    Args:
        pictures: with transparency, of one size.
        places: of all but the first.
    """
    height, width = pictures[0].shape[:2]
    standing = [[Layer(_cut(pictures[0]))]]
    for picture, place in zip(pictures[1:], places, strict=True):
        thing = Layer(_cut(picture))
        if place == BESIDE:
            standing.append([thing])
        elif place in (BELOW, ABOVE):
            whole = _beside([_flat(layers) for layers in standing], width, height, rows=1)
            standing = [_carried(whole, thing) if place == BELOW else _covered(whole, thing)]
        else:
            standing[-1] = _worn(standing[-1], thing, place)
    if len(standing) == len(pictures) == 1:
        return pictures[0]
    whole = _beside([_flat(layers) for layers in standing], width, height)
    room = 1 - 2 * MARGIN
    fitted = whole.within(width * room, height * room)
    return _drawn([fitted.at(width / 2, (height + fitted.pixels.shape[0]) / 2)], width, height)


def _worn(layers: list[Layer], thing: Layer, place: str) -> list[Layer]:
    """With what belongs to the first of them: to who stands, or after `_covered` and `_carried` to what was drawn first."""
    who = layers[0]
    tall, wide = who.pixels.shape[:2]
    if place == FRONT:
        others = sum(layer is not who and layer.bottom > who.bottom for layer in layers)
        small = thing.within(wide * 0.62, max(tall * 0.55, wide * 0.45))
        side = (0.8, 0.2, 0.5)[others % 3]
        return [*layers, small.at(who.left + wide * side, who.bottom + tall * 0.05)]
    left, right, crown = _head(who.pixels[..., 3] > SEEN)
    middle, broad = who.left + (left + right) / 2, right - left
    if place == HEAD:
        hat = thing.within(max(broad * 0.95, wide * 0.25), max(tall * 0.45, wide * 0.3))
        return [*layers, hat.at(middle, who.top + crown + hat.pixels.shape[0] * 0.22)]
    glasses = thing.within(broad * 0.85, tall * 0.4)
    down = min(broad * 0.5, (tall - crown) * 0.45)
    return [*layers, glasses.at(middle, who.top + crown + down + glasses.pixels.shape[0] / 2)]


def _carried(whole: Layer, thing: Layer) -> list[Layer]:
    """On something, whose upper part hides what sits in it."""
    tall, wide = whole.pixels.shape[:2]
    under = thing.within(max(wide, tall) * 1.3, max(wide, tall))
    return [whole.at(0, 0), under.at(0, under.pixels.shape[0] * 0.62)]


def _covered(whole: Layer, thing: Layer) -> list[Layer]:
    """Under something, before its lower part."""
    tall, wide = whole.pixels.shape[:2]
    over = thing.within(max(wide, tall) * 1.5, max(wide, tall) * 1.6)
    return [over.at(0, -tall + over.pixels.shape[0] * 0.4), whole.at(0, 0)]


def _beside(things: Sequence[Layer], width: int, height: int, rows: int | None = None) -> Layer:
    """In rows, by default so many as leave most room for each; all of a row stand on one line."""
    if len(things) == 1:
        return things[0]

    def room(rows: int) -> float:
        across, down = width / math.ceil(len(things) / rows), height / rows
        fits = [min(across / thing.pixels.shape[1], down / thing.pixels.shape[0]) for thing in things]
        return float(min(fits)) / FEWER ** (rows > 1)

    rows = rows or max(range(1, len(things) + 1), key=room)
    columns = math.ceil(len(things) / rows)
    across, down = width / columns, height / rows
    layers = []
    for number, thing in enumerate(things):
        row, column = divmod(number, columns)
        inside = min(columns, len(things) - row * columns)  # a shorter row stands in the middle
        middle = width / 2 + (column - (inside - 1) / 2) * across
        layers.append(thing.within(across * (1 - MARGIN), down * (1 - MARGIN)).at(middle, (row + 1) * down))
    return _flat(layers)


def _flat(layers: Sequence[Layer]) -> Layer:
    """All as one, the later before the earlier."""
    if len(layers) == 1:
        return layers[0]
    left, top = min(layer.left for layer in layers), min(layer.top for layer in layers)
    right, bottom = max(layer.right for layer in layers), max(layer.bottom for layer in layers)
    moved = [dataclasses.replace(layer, left=layer.left - left, top=layer.top - top) for layer in layers]
    return Layer(_cut(_drawn(moved, math.ceil(right - left) + 1, math.ceil(bottom - top) + 1)))


def _drawn(layers: Sequence[Layer], width: int, height: int) -> Pixels:
    """On a transparent canvas, the later over the earlier (Porter & Duff 1984, "over")."""
    canvas = np.zeros((height, width, 4), np.float32)  # premultiplied
    for layer in layers:
        x, y = max(0, round(layer.left)), max(0, round(layer.top))
        part = layer.pixels[: height - y, : width - x].astype(np.float32) / 255
        part[..., :3] *= part[..., 3:]
        place = canvas[y : y + part.shape[0], x : x + part.shape[1]]
        place *= 1 - part[..., 3:]
        place += part
    canvas[..., :3] /= np.maximum(canvas[..., 3:], 1e-6)
    done: Pixels = (canvas * 255).round().clip(0, 255).astype(np.uint8)
    return done


def _cut(picture: Pixels) -> Resized:
    """What of a picture can be seen, without specks at its edges; the whole where that is nothing."""
    seen = picture[..., 3] > SEEN
    spans = []
    for axis in (1, 0):
        lines = np.flatnonzero(seen.sum(axis) > SPECK * seen.shape[axis])
        spans.append(slice(lines[0], lines[-1] + 1) if len(lines) else slice(None))
    return picture[spans[0], spans[1]]


def _head(seen: Bool[np.ndarray, "height width"]) -> tuple[float, float, float]:
    """Left and right of the head of a silhouette, and how far down it begins in its middle.

    Of one that is the same on both sides, as a face is, it is the whole upper part; of any other the first broad run from
    above. What is thin (ears, tails) counts for neither.
    """
    tall, wide = seen.shape
    upper = max(1, round(tall * TOP))
    size = max(1, round(min(tall, wide) * THIN))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))
    thick = cv2.morphologyEx(np.pad(seen, size).astype(np.uint8), cv2.MORPH_OPEN, disc)[size:-size, size:-size] > 0
    thick = thick if thick[:upper].any() else seen
    left, right = 0, wide
    if (seen & seen[:, ::-1]).sum() < ALIKE * (seen | seen[:, ::-1]).sum():
        for row in range(upper):
            start, end = max(_runs(thick[row]), key=lambda run: run[1] - run[0], default=(0, 0))
            if end - start >= BROAD * wide:
                below = min(row + max(1, round(tall * DEEPER)), tall - 1)
                around = [run for run in _runs(thick[below]) if run[0] < end and run[1] > start] or [(start, end)]
                left, right = min(start, around[0][0]), max(end, around[-1][1])
                if right - left > 2 * (end - start):  # where the back begins
                    left, right = start, end
                break
    inner = max(1, (right - left) // 3)
    middle = thick[:, left + inner : max(left + inner + 1, right - inner)]
    begins = np.where(middle.any(0), middle.argmax(0), upper)
    return float(left), float(right), float(min(np.median(begins), upper))


def _runs(line: Bool[np.ndarray, " width"]) -> list[tuple[int, int]]:
    """Where a row of pixels is of the thing, from the first to the last."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], line, [0]])))
    return [(int(start), int(end)) for start, end in zip(edges[::2], edges[1::2], strict=True)]
