"""Style: the named hands of a set, each alone or several mixed with weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from danqing.conditions.condition import Condition, Encoded, Encoder, Pixels, averaged
from danqing.errors import WishError, choices
from danqing.maths.flattening import count_of, flattened
from danqing.parts.contract import Key
from danqing.words import Picture

Mix = tuple[tuple[str, float], ...]
"""Style names with weights that sum to 1."""


class StyleCondition(Condition[Mix]):
    """The style names of the set.

    Args:
        names: in order.
        own: the name of what is in no style of its own, where a set of such was learnt later.
        flat: of styles in flat colours, how many a picture of theirs mostly has (decision 26).
    """

    name: ClassVar[str] = "style"
    unit: ClassVar[str] = "agreement (needs a judge)"

    FLAT: ClassVar[int] = 6
    """Colours that half of a style's pictures have at most, up to which it is one of flat colours."""
    LOOKED_AT: ClassVar[int] = 80
    """Pictures of a style whose colours are counted."""

    def __init__(self, names: tuple[str, ...], own: str | None = None, flat: Mapping[str, int] | None = None) -> None:
        self.names, self.own, self.flat = names, own, dict(flat or {})

    @classmethod
    def fit(cls, pictures: list[Picture]) -> StyleCondition | None:
        """Every style that the set names."""
        names = tuple(sorted({picture.style for picture in pictures if picture.style}))
        return cls(names) if names else None

    def read(self, picture: Picture, pixels: Pixels) -> Mix | None:
        """The picture's own style."""
        style = picture.style or self.own
        return ((style, 1.0),) if style in self.names else None

    def widened(self, pictures: Sequence[Picture], name: str) -> StyleCondition:
        """With the styles of these pictures; those without one are in a style of their set's name."""
        found = {picture.style or name for picture in pictures}
        own = name if any(not picture.style for picture in pictures) else self.own
        return StyleCondition((*self.names, *sorted(found - set(self.names))), own, self.flat)

    def learnt_from(self, pictures: Sequence[Picture], pixels: Callable[[int], Pixels]) -> StyleCondition:
        """Which of the styles are of flat colours, by pictures of each; of styles without any it knows what it knew."""
        flat = dict(self.flat)
        for style in self.names:
            rows = [row for row, picture in enumerate(pictures) if (picture.style or self.own) == style]
            if not rows:
                continue
            flat.pop(style, None)
            some = rows[:: -(-len(rows) // self.LOOKED_AT)]
            count = math.floor(float(np.median([count_of(pixels(row)) for row in some])) + 0.5)
            if count <= self.FLAT:
                flat[style] = count
        return StyleCondition(self.names, self.own, flat)

    @property
    def flattens(self) -> bool:
        """Whether any style is one of flat colours."""
        return bool(self.flat)

    def enlarged(self, value: Mix | None, painted: Pixels) -> Pixels:
        """With flat colours where the style has such; mixed styles by their shares. Without a style as most styles have it."""
        if value is None:
            counts = sorted(self.flat.values())
            return flattened(painted, counts[len(counts) // 2]) if 2 * len(counts) > len(self.names) else painted
        shares: dict[int | None, float] = {}
        for name, share in value:
            shares[self.flat.get(name)] = shares.get(self.flat.get(name), 0.0) + share
        if list(shares) == [None]:
            return painted
        ends = [painted if count is None else flattened(painted, count) for count in shares]
        return averaged(ends, list(shares.values()))

    def remembered(self, key: Key) -> Mix:
        """One of the styles."""
        return ((self.names[int(key.uniform(1).item() * len(self.names))], 1.0),)

    def parse(self, text: str) -> Mix:
        """`noto`, or `noto:0.7,twemoji:0.3`; weights are scaled to sum to 1."""
        mix: dict[str, float] = {}
        for part in (part.strip() for part in text.split(",")):
            name, _, weight = (each.strip() for each in part.partition(":"))
            if name not in self.names:
                raise WishError(f"there is no style '{name}': {choices(name, self.names)}")
            mix[name] = mix.get(name, 0.0) + weight_of(part, weight)
        total = sum(mix.values())
        return tuple((name, weight / total) for name, weight in mix.items())

    def encoder(self, width: int) -> StyleEncoder:
        """One token: the weighted mean of the styles' embeddings."""
        return StyleEncoder(self, width)

    def miss(self, asked: Mix, painted: Pixels) -> float | None:
        """Only a judge of styles can say."""
        return None

    def show(self, value: Mix) -> Image.Image:
        """The names and shares on white."""
        image = Image.new("RGB", (256, 32), "white")
        ImageDraw.Draw(image).text((4, 8), ", ".join(f"{name} {share:.0%}" for name, share in value), fill="black")
        return image

    def state(self) -> dict[str, Any]:
        """The names in order, which is the own, and which are flat."""
        more = ({"own": self.own} if self.own else {}) | ({"flat": self.flat} if self.flat else {})
        return {"names": list(self.names), **more}

    @classmethod
    def revive(cls, state: dict[str, Any]) -> StyleCondition:
        """From `state`."""
        return cls(tuple(state["names"]), state.get("own"), state.get("flat"))


class StyleEncoder(Encoder):
    """An embedding for each style."""

    def __init__(self, condition: StyleCondition, width: int) -> None:
        super().__init__()
        self.names = condition.names
        self.styles = nn.Parameter(torch.randn(len(condition.names), width) * 0.3)
        self.absent = nn.Parameter(torch.zeros(width))

    def collate(self, values: list[Mix | None]) -> tuple[Tensor, ...]:
        """Shares (batch, styles); a row of zeros has no style."""
        shares = torch.zeros(len(values), len(self.names))
        for row, value in enumerate(values):
            for name, share in value or ():
                shares[row, self.names.index(name)] = share
        return (shares,)

    def forward(self, *collated: Tensor) -> Encoded:
        """One token per picture."""
        (shares,) = collated
        present = shares.sum(1, keepdim=True) > 0
        vector = torch.where(present, shares @ self.styles, self.absent)
        return Encoded(vector[:, None], present, vector)


def weight_of(part: str, text: str) -> float:
    """The weight that was written behind a style, 1 where none was; `part` is all that was written of it.

    Raises:
        WishError: it is none.
    """
    try:
        weight = float(text) if text else 1.0
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise WishError(f"the style '{part}' has no weight above 0: write it as noto:0.7,twemoji:0.3")
    return weight
