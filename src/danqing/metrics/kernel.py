"""The kernel distance between two sets of features: unbiased at any size, where the Fréchet distance of few pictures is not.

Bińkowski et al. 2018 (KID), with the kernel of its section 4, (x·y / width + 1)³.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from danqing.metrics.features import Features, Others, products
from danqing.parts.contract import Key

SUBSET, SUBSETS = 1000, 100
"""Pictures per estimate and number of estimates, as the paper has them."""
ROWS = 2048
"""Rows and columns of the kernel in memory at once."""


def kernel(x: Features, y: Others) -> Float[Tensor, "pictures others"]:
    """(x·y / width + 1)³ of every pair."""
    root = (products(x) if y is x else x @ y.T).div_(x.shape[1]).add_(1)
    return root.square().mul_(root)


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


def resampled_mmd(
    x: Features, y: Others, counts: tuple[Float[Tensor, "pictures resamples"], Float[Tensor, "others resamples"]]
) -> Float[Tensor, " resamples"]:
    """`squared_mmd` of many resamples in one pass over the kernel, in which no picture meets a copy of itself.

    Args:
        x, y: features of the two sets.
        counts: how often each picture is in each resample; all ones give the estimate itself.
    """
    found = []
    for rows, columns, within in ((x, x, True), (y, y, True), (x, y, False)):
        first, second = counts[0 if rows is x else 1].double(), counts[0 if columns is x else 1].double()
        total = torch.zeros(first.shape[1], dtype=torch.float64)
        for start in range(0, len(rows), ROWS):
            part = slice(start, start + ROWS)
            seen = torch.zeros(len(rows[part]), first.shape[1], dtype=torch.float64)
            for other in range(0, len(columns), ROWS):
                there = slice(other, other + ROWS)
                seen += kernel(rows[part].double(), columns[there].double()) @ second[there]
            total += (first[part] * seen).sum(0)
        pairs = first.sum(0) * second.sum(0)
        if within:
            itself = (rows.double().square().sum(1) / rows.shape[1] + 1) ** 3
            total -= (first.square() * itself[:, None]).sum(0)
            pairs -= first.square().sum(0)
        found.append(total / pairs)
    return found[0] + found[1] - 2 * found[2]
