"""What every condition is: one object that is read from pictures, asked for by wishes, and measured in paintings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor, nn

from danqing.parts.contract import Key
from danqing.words import Picture

ATTEMPTS = 4
"""Draws of `Condition.another`."""
V = TypeVar("V")
Pixels = UInt8[np.ndarray, "height width channels"]
"""A decoded picture: uint8, 1, 3 or 4 channels, straight (not premultiplied) alpha."""

UnderWay = Float[np.ndarray, "height width channels"]
"""A picture under way: likewise, but in [0, 1] and not rounded."""


def averaged(pictures: Sequence[Pixels], weights: Sequence[float]) -> Pixels:
    """The mean of pictures of one size, by weights that sum to 1."""
    mean = np.sum([picture * np.float32(weight) for picture, weight in zip(pictures, weights, strict=True)], axis=0)
    rounded: Pixels = mean.round().astype(np.uint8)
    return rounded


class Encoded:
    """What a network sees of one condition.

    Args:
        tokens: (batch, count, width); count may be 0.
        mask: True where a token is real.
        vector: one summary per picture.
    """

    __slots__ = ("mask", "tokens", "vector")

    def __init__(
        self,
        tokens: Float[Tensor, "batch count width"],
        mask: Bool[Tensor, "batch count"],
        vector: Float[Tensor, "batch width"],
    ) -> None:
        self.tokens, self.mask, self.vector = tokens, mask, vector


class Encoder(nn.Module, ABC):
    """The part of a condition that learns. `collate` turns values into tensors; `forward` turns those into `Encoded`."""

    @abstractmethod
    def collate(self, values: list[Any]) -> tuple[Tensor, ...]:
        """Tensors on the CPU for these values, one row each; `None` is a picture without this condition."""

    @abstractmethod
    def forward(self, *collated: Tensor) -> Encoded:
        """What the network sees of them."""

    def begin(self, values: Sequence[Any], key: Key) -> None:
        """Learn, before the first picture is seen, what the values of the set teach by themselves. Most teach nothing."""


class Condition(ABC, Generic[V]):
    """One thing that is read from pictures, asked for by wishes, and measured in paintings."""

    name: ClassVar[str]
    unit: ClassVar[str]
    """What `miss` is measured in."""
    steers: ClassVar[bool] = False
    """Whether `steer` does anything."""

    @property
    def flattens(self) -> bool:
        """Whether `enlarged` does anything."""
        return False

    @abstractmethod
    def read(self, picture: Picture, pixels: Pixels) -> V | None:
        """The value of a picture of the set, or `None` where it has none."""

    def draw(self, value: V, key: Key) -> V:
        """The value to train on this time, where a picture has several (captions); otherwise the value itself."""
        return value

    @abstractmethod
    def parse(self, text: str) -> V:
        """The value a user wrote.

        Raises:
            WishError: it cannot be read as one.
        """

    def files(self, value: V) -> tuple[str, ...]:
        """Files of pictures that a value names, which must be read before it can be asked for; most name none."""
        return ()

    def filled(self, value: V, pictures: Mapping[str, Pixels]) -> V:
        """The value with what was read of its files."""
        return value

    def widened(self, pictures: Sequence[Picture], name: str) -> Condition[V]:
        """The same with room for what it does not know in these pictures of a set of this name; most know all there can be."""
        return self

    def remembered(self, key: Key) -> V | None:
        """A value it learnt, drawn at random; `None` where it keeps none."""
        return None

    def says(self, value: V, other: V) -> bool:
        """Whether the other says of a picture nothing but what this value does."""
        return bool(value == other)

    def another(self, value: V, key: Key) -> V | None:
        """A value it learnt that says something else, drawn at random; `None` where none was found in a few draws."""
        for attempt in range(ATTEMPTS):
            found = self.remembered(key.at(attempt))
            if found is None or not self.says(value, found):
                return found
        return None

    def unheeded(self, value: V) -> str | None:
        """A sentence where some of an asked value will not be heeded; `None` where all of it will."""
        return None

    @abstractmethod
    def encoder(self, width: int) -> Encoder:
        """A fresh encoder whose tokens and vectors have `width` numbers."""

    @abstractmethod
    def miss(self, asked: V, painted: Pixels) -> float | None:
        """How far the painting is from what was asked, in `unit`; `None` where only a judge could say."""

    def steer(self, value: V, picture: UnderWay) -> UnderWay:
        """A picture under way, changed to be what was asked; most conditions can only be told to the network."""
        return picture

    def finish(self, value: V, painted: Pixels) -> Pixels:
        """A painting, changed at its end to be what was asked; most conditions change nothing, and give it back itself."""
        return painted

    def learnt_from(self, pictures: Sequence[Picture], pixels: Callable[[int], Pixels]) -> Condition[V]:
        """The same, having looked at some pictures of the set; most learn nothing from that.

        Args:
            pictures: all that are learnt from.
            pixels: gives those of one of them, by its place, as the set has it.
        """
        return self

    def enlarged(self, value: V | None, painted: Pixels) -> Pixels:
        """A painting that was enlarged, changed to what enlarging takes from it; most change nothing, and give it back itself.

        Args:
            value: what was asked for, or `None` where nothing was.
            painted: at the size that is shown.
        """
        return painted

    def grades(self, value: V) -> Sequence[V]:
        """The same wish asking for ever more of one thing, which `amount` measures; empty where there is no more and less."""
        return ()

    def amount(self, asked: V, painted: Pixels) -> float:
        """How much of what `grades` asks more and more of is in the painting."""
        raise ValueError(f"{self.name} has no grades; a mistake of the caller")

    @abstractmethod
    def show(self, value: V) -> Image.Image:
        """The value as a picture, for a page or a report."""

    @abstractmethod
    def state(self) -> dict[str, Any]:
        """JSON-ready facts that `revive` needs."""

    @classmethod
    @abstractmethod
    def revive(cls, state: dict[str, Any]) -> Condition[V]:
        """The condition a painter was trained with, from its `state`."""

    @classmethod
    @abstractmethod
    def fit(cls, pictures: list[Picture]) -> Condition[V] | None:
        """The condition as this set needs it (its vocabulary, its style names), or `None` where the set has nothing of it."""
