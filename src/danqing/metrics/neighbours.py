"""Quality and variety apart, by who lies within whose nearest neighbours.

Precision and recall: Kynkäänniemi et al. 2019, equations 1 and 2. Density and coverage: Naeem et al. 2020, equations 4 and 6.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

NEAREST = 5
"""Neighbours that make a ball, as Naeem et al. choose; Kynkäänniemi et al. take 3."""
ROWS = 1024
"""Rows of distances in memory at once: 10,000 others take 80 MB."""
Features = Float[Tensor, "pictures width"]
Others = Float[Tensor, "others width"]


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


def neighbourhood(real: Features, painted: Others, nearest: int = NEAREST) -> Neighbourhood:
    """Compare painted pictures with real ones; balls reach to each picture's `nearest`-th neighbour of its own set."""
    reals, paints = radii(real, nearest), radii(painted, nearest)
    inside = torch.zeros(len(painted), dtype=torch.int64, device=real.device)
    recalled, covered = 0, 0
    for start in range(0, len(real), ROWS):
        rows = slice(start, start + ROWS)
        apart = _squared(real[rows], painted)
        within = apart < reals[rows, None]
        inside += within.sum(0)
        recalled += int((apart < paints).any(1).sum())
        covered += int(within.any(1).sum())
    return Neighbourhood(
        precision=float((inside > 0).double().mean()),
        recall=recalled / len(real),
        density=float(inside.double().mean()) / nearest,
        coverage=covered / len(real),
    )


def radii(features: Features, nearest: int = NEAREST) -> Float[Tensor, " pictures"]:
    """Squared distance of each picture to its `nearest`-th neighbour, itself not counted."""
    starts = range(0, len(features), ROWS)
    return torch.cat([_squared(features[s : s + ROWS], features).kthvalue(nearest + 1, dim=1).values for s in starts])


def closest(features: Features, others: Others) -> tuple[Float[Tensor, " pictures"], Tensor]:
    """Distance of each picture to the nearest of the others, and which it is."""
    found = [_squared(features[start : start + ROWS], others).min(1) for start in range(0, len(features), ROWS)]
    return torch.cat([part.values for part in found]).sqrt(), torch.cat([part.indices for part in found])


def _squared(x: Features, y: Others) -> Float[Tensor, "pictures others"]:
    """|x − y|² of every pair, in float64; by a product of matrices, as direct differences would take `width` times as long.

    Both are moved to y's mean first, so that little cancels.
    """
    middle = y.double().mean(0)
    x, y = x.double() - middle, y.double() - middle
    return (x.square().sum(1)[:, None] + y.square().sum(1) - 2 * x @ y.T).clamp(min=0)
