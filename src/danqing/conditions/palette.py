"""The palette: which colours a picture has, and how much of each."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor, nn

from danqing.conditions.colours import FINEST, MOST, Palette, difference, palette_from, palette_of, shades_of
from danqing.conditions.condition import Condition, Encoded, Encoder, Pixels, UnderWay
from danqing.maths.colour import bytes_to_oklab
from danqing.maths.toning import toned
from danqing.parts.contract import Key
from danqing.words import Picture

WORST = 100.0
"""ΔE00 between black and white: what a painting with nothing to see misses by."""
GRADES = (0.2, 0.4, 0.6, 0.8)
"""Shares of a colour that are asked for to see whether more of it is painted."""
_FEATURES = 8


class PaletteCondition(Condition[Palette]):
    """Asks for colours, with or without shares. Any set trains it: colours need no labels."""

    name: ClassVar[str] = "palette"
    unit: ClassVar[str] = "ΔE00"
    steers: ClassVar[bool] = True

    def read(self, picture: Picture, pixels: Pixels) -> Palette | None:
        """The picture's palette; `None` where all is transparent."""
        return palette_of(pixels)

    def draw(self, value: Palette, key: Key) -> Palette:
        """The k largest colours with k from 1 to 8, so that a wish that names few colours works as well."""
        count = 1 + int(key.uniform(1).item() * MOST)
        kept = value.shares[:count]
        return Palette(value.colours[:count], tuple(share / sum(kept) for share in kept))

    def parse(self, text: str) -> Palette:
        """As `palette_from` reads it."""
        return palette_from(text)

    def encoder(self, width: int) -> PaletteEncoder:
        """A token per colour and a summary."""
        return PaletteEncoder(width)

    def miss(self, asked: Palette, painted: Pixels) -> float:
        """Mean ΔE00 by which the painting's colours must move to have the asked shares; 100 where nothing is to be seen."""
        seen = palette_of(painted, FINEST, alike=0.0, least=0.0)
        return WORST if seen is None else difference(asked, seen)

    def steer(self, value: Palette, picture: UnderWay) -> UnderWay:
        """In these colours; gray stays gray."""
        colours, shares = np.array(value.colours) / 255.0, np.array(value.shares)
        return picture if picture.shape[-1] == 1 else toned(picture, colours, shares)

    def grades(self, value: Palette) -> list[Palette]:
        """The first two colours, ever more of the first; nothing where there is but one."""
        return [Palette(value.colours[:2], (share, 1 - share)) for share in GRADES] if len(value.colours) > 1 else []

    def amount(self, asked: Palette, painted: Pixels) -> float:
        """Share of what is to be seen that is nearer in OKLab to the first colour than to the second."""
        shades, weights = shades_of(painted)
        if not len(shades):
            return 0.0
        ends = bytes_to_oklab(np.array(asked.colours[:2], np.uint8))
        nearer = np.linalg.norm(shades - ends[0], axis=1) < np.linalg.norm(shades - ends[1], axis=1)
        return float(weights[nearer].sum() / weights.sum())

    def show(self, value: Palette) -> Image.Image:
        """Swatches side by side, 256 × 32, each as wide as its share."""
        ends = np.rint(np.cumsum(value.shares) * 256).astype(int)
        which = np.searchsorted(ends, np.arange(256), side="right").clip(max=len(ends) - 1)
        row = np.array(value.colours, dtype=np.uint8)[which]
        return Image.fromarray(np.ascontiguousarray(np.broadcast_to(row, (32, 256, 3))))

    def state(self) -> dict[str, Any]:
        """Nothing: palettes are the same for every set."""
        return {}

    @classmethod
    def revive(cls, state: dict[str, Any]) -> PaletteCondition:
        """The condition."""
        return cls(**state)

    @classmethod
    def fit(cls, pictures: list[Picture]) -> PaletteCondition | None:
        """The condition, wherever there are pictures."""
        return cls() if pictures else None


class PaletteEncoder(Encoder):
    """One token per colour, of its OKLab coordinates and share; the summary is their mean by share."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.colour = nn.Sequential(nn.Linear(_FEATURES, width), nn.SiLU(), nn.Linear(width, width))
        self.summary = nn.Sequential(nn.SiLU(), nn.Linear(width, width))
        self.absent = nn.Parameter(torch.zeros(width))

    def collate(self, values: list[Palette | None]) -> tuple[Float[Tensor, "batch 8 features"], Bool[Tensor, "batch 8"]]:
        """Features of each colour, and which of the 8 places hold one; none where there is no palette."""
        features, mask = np.zeros((len(values), MOST, _FEATURES), np.float32), np.zeros((len(values), MOST), bool)
        for row, value in enumerate(values):
            if value is not None:
                features[row, : len(value.shares)] = _features(value)
                mask[row, : len(value.shares)] = True
        return torch.from_numpy(features), torch.from_numpy(mask)

    def forward(self, *collated: Tensor) -> Encoded:
        """Tokens (batch, 8, width), masked where there is no colour; where there is none at all, a learnt summary."""
        features, mask = collated
        tokens = self.colour(features.to(self.absent.dtype)) * mask[..., None]
        mean = (tokens * features[..., :1].to(tokens.dtype)).sum(dim=1)
        return Encoded(tokens, mask, torch.where(mask.any(dim=1, keepdim=True), self.summary(mean), self.absent))


def _features(value: Palette) -> np.ndarray:
    """Per colour: share, its root (small shares matter), OKLab brought to about ±1, and the same by share."""
    share = np.array(value.shares)[:, None]
    place = (bytes_to_oklab(np.array(value.colours, dtype=np.uint8)) - [0.5, 0.0, 0.0]) * [2.0, 4.0, 4.0]
    return np.concatenate([share, np.sqrt(share), place, place * share], axis=1)
