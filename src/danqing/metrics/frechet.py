"""The Fréchet distance between two sets of features, each taken for a Gaussian.

Heusel et al. 2017 (on Inception's features), equation 6; Dowson & Landau 1982, equation 4.
"""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.metrics.features import products

ROWS = 8192
"""Pictures whose distances from the mean are in memory at once."""


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Number, mean and scatter of features, in float64: all that the distance needs, however many pictures there were.

    Args:
        count: of pictures.
        mean: of each feature.
        scatter: Σ (x − mean)(x − mean)ᵀ.
    """

    count: int
    mean: Float[Tensor, " width"]
    scatter: Float[Tensor, "width width"]

    @classmethod
    def none(cls, width: int) -> Moments:
        """Of no picture yet."""
        return cls(0, torch.zeros(width, dtype=torch.float64), torch.zeros(width, width, dtype=torch.float64))

    @classmethod
    def of(cls, features: Float[Tensor, "pictures width"]) -> Moments:
        """Of these pictures alone."""
        mean = features.mean(0, dtype=torch.float64)
        scatter = torch.zeros(len(mean), len(mean), dtype=torch.float64)
        for start in range(0, len(features), ROWS):
            scatter += products((features[start : start + ROWS].double() - mean).T)
        return cls(len(features), mean, scatter)

    def __add__(self, other: Moments) -> Moments:
        """Of both sets together (Chan et al. 1979, equation 2.1b, for vectors)."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        step = other.mean - self.mean
        mean = self.mean + step * (other.count / count)
        scatter = self.scatter + other.scatter + torch.outer(step, step) * (self.count * other.count / count)
        return Moments(count, mean, scatter)

    @property
    def covariance(self) -> Float[Tensor, "width width"]:
        """Unbiased; of fewer than two pictures there is none, and it is zero."""
        return self.scatter / max(1, self.count - 1)


def frechet_distance(first: Moments, second: Moments) -> float:
    """|μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁Σ₂)^½, in squared units of the features; 0 for equal sets.

    With Σ₁ = R Rᵀ, Σ₁Σ₂ has the eigenvalues of the symmetric Rᵀ Σ₂ R: real numbers that are never negative, so no matrix
    square root, which may turn complex or fail on sets smaller than the features are wide, is taken.
    """
    root = _root(first.covariance)
    shared = _positive(torch.linalg.eigvalsh(root.T @ second.covariance @ root)).sqrt().sum()
    apart = (first.mean - second.mean).square().sum()
    return float(apart + first.covariance.trace() + second.covariance.trace() - 2 * shared)


def _root(covariance: Float[Tensor, "width width"]) -> Float[Tensor, "width width"]:
    """R with R Rᵀ = Σ: Cholesky's; of sets smaller than the features are wide, which have none, the eigenvectors'."""
    root: Tensor
    root, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        values, vectors = torch.linalg.eigh(covariance)
        root = vectors * _positive(values).sqrt()
    return root


def _positive(values: Float[Tensor, " width"]) -> Float[Tensor, " width"]:
    """Eigenvalues without those that rounding alone made: their roots would add up to more than rounding."""
    noise = len(values) * torch.finfo(values.dtype).eps * values.abs().max()
    return torch.where(values > noise, values, torch.zeros_like(values))
