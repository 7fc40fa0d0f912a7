"""Memorisation: paintings that are nearer to a training picture than real pictures are to one another.

A painting's *closeness* is its distance to the nearest training picture over its mean distance to the 50 nearest (the
calibration of Carlini et al. 2023, section 4.2, which tells a copy from a picture in a crowded place): near 0 for a copy.
What is usual is read off real pictures: those held out, or, where too few are, each training picture against the others.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from danqing.metrics.features import Features, Others, Thirds
from danqing.metrics.neighbours import blocks

CROWD = 50
"""Nearest training pictures that make the scale."""
USUAL = 0.01
"""Share of real pictures that are as close to another as a copy has to be."""
ENOUGH = 500
"""Held-out pictures from which what is usual can be read."""
MOST = 5000
"""Real pictures that what is usual is read off, at most."""
SURE = 1e-3
"""Chance at which an accusation of real pictures is accepted."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Copies:
    """What was found.

    Args:
        closeness: of each painting.
        nearest: each painting's nearest training picture.
        copied: which paintings are as close as only 1 % of real pictures are.
        rate: share of those.
        usual_rate: the same share of the real pictures that were compared; about 1 % by construction.
        chance: that real pictures would show as many (Fisher's exact test).
        baseline: whom the paintings were compared with, in words.
    """

    closeness: Float[Tensor, " paintings"]
    nearest: Int64[Tensor, " paintings"]
    copied: Bool[Tensor, " paintings"]
    rate: float
    usual_rate: float
    chance: float
    baseline: str

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"rate": self.rate, "usual_rate": self.usual_rate, "chance": self.chance, "baseline": self.baseline}

    @property
    def accused(self) -> bool:
        """Whether the painter copies more than real pictures resemble one another, beyond chance and by a percent at least."""
        return self.chance < SURE and self.rate > self.usual_rate + 0.01


def copies(painted: Others, train: Features, held_out: Thirds) -> Copies:
    """Compare paintings with the pictures a painter learnt from.

    Args:
        painted: features of the paintings.
        train: features of the pictures learnt from; 2 at least.
        held_out: features of real pictures not learnt from; may be none.
    """
    close, nearest = closeness(painted, train)
    if len(held_out) >= ENOUGH:
        usual, baseline = closeness(held_out[:MOST], train)[0], f"{min(len(held_out), MOST):,} held-out pictures"
    else:
        usual = closeness(train[:MOST], train, itself=True)[0]
        baseline = f"{min(len(train), MOST):,} training pictures, each against the others"
    # Strictly below the threshold: where many real pictures are doubled, the threshold is 0 and nothing is told apart.
    threshold = usual.quantile(USUAL)
    copied = close < threshold
    hits, usual_hits = int(copied.sum()), int((usual < threshold).sum())
    chance = fisher(hits, len(close), usual_hits, len(usual))
    return Copies(close, nearest, copied, hits / len(close), usual_hits / len(usual), chance, baseline)


def closeness(x: Others, train: Features, *, itself: bool = False) -> tuple[Float[Tensor, " others"], Int64[Tensor, " others"]]:
    """Closeness of each picture to the training pictures, and which is nearest.

    Args:
        x: features to judge.
        train: features of the training pictures.
        itself: `x` is the beginning of `train`: a picture is not compared with itself.
    """
    crowd = min(CROWD, len(train) - itself)
    found, nearest = [], []
    for rows, apart in blocks(x, train):
        if itself:
            own = torch.arange(len(apart))
            apart[own, rows.start + own] = math.inf
        least = apart.topk(crowd, largest=False)
        reach = least.values.sqrt()
        found.append(reach[:, 0] / reach.mean(1).clamp_min(1e-12))
        nearest.append(least.indices[:, 0])
    return torch.cat(found), torch.cat(nearest)


def fisher(hits: int, count: int, other_hits: int, others: int) -> float:
    """The chance of `hits` or more of `count` if both rates are one (Fisher 1922, one-sided)."""
    total, everything = hits + other_hits, math.comb(count + others, hits + other_hits)
    ways = sum(math.comb(count, i) * math.comb(others, total - i) for i in range(hits, min(count, total) + 1))
    return ways / everything
