"""Quality and variety apart, by who lies within whose nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019, equations 1 and 2. Density and coverage: Naeem et al. 2020, equations 4 and 6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from danqing.metrics.features import Features, Others

NEAREST = 5
"""Neighbours that make a ball, as Naeem et al. choose; Kynkäänniemi et al. take 3."""
PAIRS = 2**22
"""Distances in memory at once, 32 MB of them."""


@dataclasses.dataclass(frozen=True, slots=True)
class Neighbourhood:
    """All four, in shares; density may pass 1.

    Args:
        precision: of the paintings that lie in a real picture's ball.
        recall: of the real pictures that lie in a painting's ball.
        density: mean number of real balls a painting lies in, over their expected number.
        coverage: of the real pictures whose ball holds a painting.
    """

    precision: float
    recall: float
    density: float
    coverage: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Membership:
    """Picture by picture, what the four are means of.

    Args:
        inside: real balls that each painting lies in.
        recalled: whether each real picture lies in a painting's ball.
        covered: whether each real picture's ball holds a painting.
    """

    inside: Int64[Tensor, " others"]
    recalled: Bool[Tensor, " pictures"]
    covered: Bool[Tensor, " pictures"]


def neighbourhood(real: Features, painted: Others, nearest: int = NEAREST) -> Neighbourhood:
    """Compare painted pictures with real ones; balls reach to each picture's `nearest`-th neighbour of its own set."""
    found = membership(real, painted, nearest)
    return Neighbourhood(
        precision=float((found.inside > 0).double().mean()),
        recall=float(found.recalled.double().mean()),
        density=float(found.inside.double().mean()) / nearest,
        coverage=float(found.covered.double().mean()),
    )


def membership(
    real: Features, painted: Others, nearest: int = NEAREST, reach: Float[Tensor, " pictures"] | None = None
) -> Membership:
    """Who lies in whose ball; `reach` are the real pictures' `radii`, where they are known already."""
    reals, paints = radii(real, nearest) if reach is None else reach, radii(painted, nearest)
    inside = torch.zeros(len(painted), dtype=torch.int64)
    recalled, covered = [], []
    for rows, apart in blocks(real, painted):
        within = apart < reals[rows, None]
        inside += within.sum(0)
        recalled.append((apart < paints).any(1))
        covered.append(within.any(1))
    return Membership(inside, torch.cat(recalled), torch.cat(covered))


def radii(features: Features, nearest: int = NEAREST) -> Float[Tensor, " pictures"]:
    """Squared distance of each picture to its `nearest`-th neighbour, itself not counted."""
    # For so few neighbours far faster than `kthvalue`.
    parts = [apart.topk(nearest + 1, dim=1, largest=False).values for _, apart in blocks(features, features)]
    return torch.cat([part[:, -1] for part in parts])


def closest(features: Features, others: Others) -> tuple[Float[Tensor, " pictures"], Tensor]:
    """Distance of each picture to the nearest of the others, and which it is."""
    found = [apart.min(1) for _, apart in blocks(features, others)]
    return torch.cat([part.values for part in found]).sqrt(), torch.cat([part.indices for part in found])


def blocks(x: Features, y: Others) -> Iterator[tuple[slice, Float[Tensor, "pictures others"]]]:
    """|x − y|² of every pair in float64, some rows at a time, by a product of matrices: differences would take far longer.

    A block is good until the next. Both are moved to y's mean first, so that little cancels.
    """
    middle = y.mean(0, dtype=torch.float64)
    y = y - middle  # float64 like the mean
    squares, rows = y.square().sum(1), max(1, PAIRS // len(y))
    # One block for all: the small results that are kept between many of them would leave the memory full of holes.
    whole = torch.empty(min(rows, len(x)), len(y), dtype=torch.float64, device=y.device)
    for start in range(0, len(x), rows):
        part = x[start : start + rows] - middle
        apart = torch.addmm(squares, part, y.T, alpha=-2, out=whole[: len(part)])
        yield slice(start, start + rows), apart.add_(part.square().sum(1)[:, None]).clamp_(min=0)
