"""Mode collapse: kinds of pictures that the set has and the painter does not paint.

What ails all paintings alike (an outline that wavers, a grain) moves them all in the space of features, to kinds they are not
of and out of reach of pictures that they are like; that is no collapse. So paintings are first moved and scaled, all together,
to where the set's pictures lie.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from danqing.metrics.features import Features, Others
from danqing.metrics.measured import Measured, mean_of
from danqing.metrics.neighbours import closest, membership

MODES, PER_MODE = 40, 20
"""Kinds told apart at most, and real pictures to each on average at least."""
EXPECTED, FOUND = 8, 0.1
"""A kind is missing where so many paintings of it are to be expected and at most a tenth of them are found."""
LONELY = 12
"""Real pictures that are named as furthest from every painting."""
_ROUNDS, _SEED = 50, 7


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Modes:
    """Kinds of pictures, by how many real pictures and paintings there are of each.

    Args:
        centres: of the kinds, features.
        real, painted: shares, each summing to 1.
        examples: the real picture nearest each centre.
        missing: the kinds that the painter leaves out.
        recall: share of the real pictures that lie among the aligned paintings.
        lonely: the real pictures that are furthest from every painting.
    """

    centres: Features
    real: Float[np.ndarray, " modes"]
    painted: Float[np.ndarray, " modes"]
    examples: Int64[Tensor, " modes"]
    missing: tuple[int, ...]
    recall: Measured
    lonely: tuple[int, ...]

    def plain(self) -> dict[str, Any]:
        """JSON-ready."""
        found = {"missing_share": self.missing_share, "evenness": self.evenness, "aligned_recall": self.recall.plain()}
        return {"kinds": len(self.real), "missing": len(self.missing), **found}

    @property
    def missing_share(self) -> float:
        """Share of the real pictures that are of a missing kind."""
        return float(self.real[list(self.missing)].sum())

    @property
    def evenness(self) -> float:
        """Kinds that are effectively painted over kinds that there are: exp of the entropies' difference (Hill 1973)."""
        return math.exp(_entropy(self.painted) - _entropy(self.real))

    @property
    def collapsed(self) -> bool:
        """Whether a tenth of the set or more is left out, or less than half of its kinds is painted."""
        return self.missing_share >= 0.1 or self.evenness < 0.5


def modes(painted: Others, real: Features) -> Modes:
    """Sort real pictures into kinds by k-means (k-means++, Arthur & Vassilvitskii 2007), and paintings, aligned, with them."""
    painted = aligned(painted, real)
    count = max(2, min(MODES, len(real) // PER_MODE))
    cv2.setRNGSeed(_SEED)
    until = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, _ROUNDS, 1e-4)
    points = np.ascontiguousarray(real.float().numpy())
    _, _, found = cv2.kmeans(points, count, np.empty(0, np.int32), until, 3, cv2.KMEANS_PP_CENTERS)
    centres = torch.from_numpy(found)
    shares = [np.bincount(closest(x.float(), centres)[1].numpy(), minlength=count) / len(x) for x in (real, painted)]
    expected = shares[0] * len(painted)
    missing = np.flatnonzero((expected >= EXPECTED) & (shares[1] * len(painted) <= FOUND * expected))
    lonely = closest(real, painted)[0].topk(min(LONELY, len(real))).indices
    examples = closest(centres, real.float())[1]
    recall = mean_of(membership(real, painted).recalled.double().numpy(), np.random.default_rng(_SEED))
    return Modes(centres, shares[0], shares[1], examples, tuple(missing.tolist()), recall, tuple(lonely.tolist()))


def aligned(painted: Others, real: Features) -> Others:
    """The paintings' features, moved and scaled as one to the real ones' mean and mean squared distance from it."""
    middle, wanted = (x.mean(0, dtype=torch.float64).to(x) for x in (painted, real))
    mine, theirs = ((x - at).square().sum(1).mean() for x, at in ((painted, middle), (real, wanted)))
    return wanted + (painted - middle) * (theirs / mine.clamp_min(1e-12)).sqrt()


def _entropy(shares: Float[np.ndarray, " modes"]) -> float:
    some = shares[shares > 0]
    return float(-(some * np.log(some)).sum())
