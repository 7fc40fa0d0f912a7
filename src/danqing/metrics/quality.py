"""How near paintings are to real pictures: every distance with an interval, or the reason why there is none."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from danqing.metrics.features import Features, Others
from danqing.metrics.frechet import ROWS, Moments, frechet_distance
from danqing.metrics.kernel import resampled_mmd
from danqing.metrics.measured import Number, Refused, about, mean_of
from danqing.metrics.neighbours import NEAREST, membership
from danqing.parts.contract import Key

GROUPS, RESAMPLES = 20, 100
"""Groups of pictures that the Fréchet distance resamples; resamples of every distance."""
PER_FEATURE = 2
"""Pictures of each set that the Fréchet distance needs for every feature: its covariances then have full rank, and to spare."""
FEWEST, MOST = 20, 10_000
"""Pictures without which nothing is measured, and of which each set gives the kernel distance at most so many."""

QUALITY = {
    "frechet_distance": "distance of means and covariances of the features; 0 is best",
    "kernel_distance": "unbiased squared distance of the features' distributions; 0 is best",
    "precision": "share of the paintings that lie among the real pictures",
    "recall": "share of the real pictures that lie among the paintings",
    "density": "how densely paintings lie where real pictures are; about 1 for real pictures",
    "coverage": "share of the real pictures that have a painting beside them",
    "diversity": "mean squared distance of two paintings over that of two real pictures; about 1 for real pictures",
}
"""What is measured, in words."""


def quality(painted: Others, real: Features, key: Key, reach: Float[Tensor, " pictures"] | None = None) -> dict[str, Number]:
    """Every number of `QUALITY`, by name.

    Args:
        painted, real: features of the two sets.
        key: of the resamples.
        reach: the real pictures' `radii`, where several sets are measured against them.
    """
    few = min(len(painted), len(real))
    if few < FEWEST:
        reason = f"{few} pictures are too few for any distance: give {FEWEST} or more of each"
        return {name: Refused(reason) for name in QUALITY}
    luck = np.random.default_rng(key.at("resample").generator().initial_seed())
    return {
        "frechet_distance": _frechet(painted, real, luck),
        "kernel_distance": _kernel(painted, real, luck),
        **_neighbours(painted, real, luck, reach),
        "diversity": _diversity(painted, real, luck),
    }


def _frechet(painted: Others, real: Features, luck: np.random.Generator) -> Number:
    need = PER_FEATURE * real.shape[1]
    if min(len(painted), len(real)) < need:
        return Refused(
            f"the Fréchet distance of {real.shape[1]} features means nothing below {need} pictures of each set "
            f"({len(painted)} painted, {len(real)} real): read the kernel distance, which is unbiased at any number"
        )
    none = Moments.none(real.shape[1])
    groups = [[Moments.of(part) for part in torch.tensor_split(x, GROUPS)] for x in (painted, real)]

    def resample(set_: list[Moments]) -> Moments:
        return sum((set_[i] for i in luck.integers(0, GROUPS, GROUPS)), none)

    resampled = [frechet_distance(*map(resample, groups)) for _ in range(RESAMPLES // 4)]
    return about(frechet_distance(*(sum(set_, none) for set_ in groups)), resampled, least=0.0)


def _kernel(painted: Others, real: Features, luck: np.random.Generator) -> Number:
    sets = [x if len(x) <= MOST else x[torch.from_numpy(luck.permutation(len(x))[:MOST])] for x in (painted, real)]
    counts = [np.concatenate([np.ones((1, len(x))), drawn(len(x), luck)]).T for x in sets]
    found = resampled_mmd(sets[0], sets[1], (torch.from_numpy(counts[0]), torch.from_numpy(counts[1]))).tolist()
    return about(found[0], found[1:])


def drawn(count: int, luck: np.random.Generator) -> Int64[np.ndarray, "resamples pictures"]:
    """How often each picture is drawn in each resample of as many with replacement."""
    return luck.multinomial(count, np.full(count, 1 / count), RESAMPLES)


def _neighbours(
    painted: Others, real: Features, luck: np.random.Generator, reach: Float[Tensor, " pictures"] | None
) -> dict[str, Number]:
    found = membership(real, painted, reach=reach)
    inside = found.inside.double().numpy()
    return {
        "precision": mean_of((inside > 0).astype(np.float64), luck),
        "recall": mean_of(found.recalled.double().numpy(), luck),
        "density": mean_of(inside / NEAREST, luck),
        "coverage": mean_of(found.covered.double().numpy(), luck),
    }


def _diversity(painted: Others, real: Features, luck: np.random.Generator) -> Number:
    """The mean squared distance of two pictures is twice the trace of the covariance."""
    spreads = []
    for x in (painted, real):
        counts = torch.from_numpy(drawn(len(x), luck))
        sums = torch.zeros(RESAMPLES + 1, x.shape[1] + 1, dtype=torch.float64)
        for start in range(0, len(x), ROWS):
            rows = x[start : start + ROWS].double()
            rows = torch.cat([rows, rows.square().sum(1, keepdim=True)], 1)
            sums[0] += rows.sum(0)
            sums[1:] += counts[:, start : start + ROWS].double() @ rows
        means = sums / len(x)
        spreads.append(means[:, -1] - means[:, :-1].square().sum(1))
    ratios = (spreads[0] / spreads[1].clamp_min(1e-12)).tolist()
    return about(ratios[0], ratios[1:], least=0.0)
