"""Style: the named hands of a set, each alone or several mixed with weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from PIL import Image, ImageDraw
from torch import Tensor, nn

from danqing.conditions.condition import Condition, Encoded, Encoder, Pixels
from danqing.errors import WishError, choices
from danqing.parts.contract import Key
from danqing.words import Picture

Mix = tuple[tuple[str, float], ...]
"""Style names with weights that sum to 1."""


class StyleCondition(Condition[Mix]):
    """The style names of the set.

    Args:
        names: in order.
        own: the name of what is in no style of its own, where a set of such was learnt later.
    """

    name: ClassVar[str] = "style"
    unit: ClassVar[str] = "agreement (needs a judge)"

    def __init__(self, names: tuple[str, ...], own: str | None = None) -> None:
        self.names, self.own = names, own

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
        return StyleCondition((*self.names, *sorted(found - set(self.names))), own)

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
        """The names in order, and which is the own."""
        return {"names": list(self.names)} | ({"own": self.own} if self.own else {})

    @classmethod
    def revive(cls, state: dict[str, Any]) -> StyleCondition:
        """From `state`."""
        return cls(tuple(state["names"]), state.get("own"))


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
