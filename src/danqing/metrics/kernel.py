"""The kernel distance between two sets of features: unbiased at any size, where the Fréchet distance of few pictures is not.

Bińkowski et al. 2018 (KID), with the kernel of its section 4, (x·y / width + 1)³.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.parts.contract import Key

SUBSET, SUBSETS = 1000, 100
"""Pictures per estimate and number of estimates, as the paper has them."""
Features = Float[Tensor, "pictures width"]
Others = Float[Tensor, "others width"]


def kernel(x: Features, y: Others) -> Float[Tensor, "pictures others"]:
    """(x·y / width + 1)³ of every pair."""
    return (x @ y.T / x.shape[1] + 1) ** 3


def squared_mmd(x: Features, y: Others) -> float:
    """The unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3); sets of two at least.

    It may be negative: that says as much as 0.
    """
    x, y = x.double(), y.double()
    within = [(k.sum() - k.trace()) / (len(k) * (len(k) - 1)) for k in (kernel(x, x), kernel(y, y))]
    return float(within[0] + within[1] - 2 * kernel(x, y).mean())


def kernel_distance(x: Features, y: Others, key: Key, subset: int = SUBSET, subsets: int = SUBSETS) -> tuple[float, float]:
    """Mean and standard deviation of the estimate over random subsets.

    Args:
        x, y: features of the two sets.
        key: of the subsets.
        subset: pictures in each; no more than the smaller set has.
        subsets: how many.
    """
    size = min(subset, len(x), len(y))
    luck = key.generator()
    found = []
    for _ in range(subsets):
        one, other = (set_[torch.randperm(len(set_), generator=luck)[:size]] for set_ in (x, y))
        found.append(squared_mmd(one, other))
    values = torch.tensor(found, dtype=torch.float64)
    return float(values.mean()), float(values.std(correction=0))
