"""Critics of games between a painter and a critic, and what such a critic learns from.

The losses are relativistic (Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024, equation 2), with penalties on slopes at what
the critic sees: R1 (Mescheder et al. 2018, equation 9) at real pictures and R2 at painted ones.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from danqing.conditions.condition import Condition
from danqing.conditions.conditioner import Conditioner
from danqing.parts.contract import Values
from danqing.parts.precision import full_precision
from danqing.parts.projection import SEEN, SIDE, WIDTH, Maps

BASE = 4
"""Places a side of the maps that verdicts are read from."""
JUDGE = 64
"""Channels of each judge."""


class ProjectedCritic(nn.Module):
    """A judge for each map of a projection (Sauer et al. 2021, section 3.2), who halves it down to `BASE` places a side.

    Conditions are heeded by projection (Miyato & Koyama 2018, equation 4).
    """

    def __init__(self, conditions: Mapping[str, Condition[Any]]) -> None:
        super().__init__()
        self.bodies, self.last = nn.ModuleList(), nn.ModuleList()
        for number in range(len(SEEN)):
            layers, inner = [], WIDTH
            for _ in range(int(math.log2(SIDE / BASE)) - 1 - number):
                layers += [nn.Conv2d(inner, JUDGE, 4, 2, 1), nn.LeakyReLU(0.2)]
                inner = JUDGE
            self.bodies.append(nn.Sequential(*layers, nn.Conv2d(inner, JUDGE, 3, padding=1), nn.LeakyReLU(0.2)))
            self.last.append(nn.Conv2d(JUDGE, 1, 3, padding=1))
        self.conditioner = Conditioner(conditions, JUDGE)

    def forward(self, maps: Maps, values: Values) -> Float[Tensor, "batch judges"]:
        """The larger, the more real, and the more as asked."""
        told = self.conditioner.encode(values, len(maps[0])).vector
        found = []
        for seen, body, last in zip(maps, self.bodies, self.last, strict=True):
            hidden = body(seen)
            asked = (hidden.mean((2, 3)) * told).sum(1) / math.sqrt(JUDGE)
            found.append(last(hidden).mean((1, 2, 3)) + asked)
        return torch.stack(found, 1)


def told_apart(
    critic: nn.Module, real: Sequence[Tensor], painted: Sequence[Tensor], values: Values, penalty: float
) -> tuple[dict[str, Float[Tensor, " batch"]], Float[Tensor, "batch judges"]]:
    """A critic's losses, and by how much its verdict of each real picture exceeds that of the painted one.

    Args:
        critic: what is seen of pictures, and what was asked for, to (batch, judges) verdicts.
        real, painted: what it sees of them: of each a tensor for each judge.
        values: what was asked for.
        penalty: weight γ of R1 and R2, of which half is charged; 0 charges none.
    """
    if penalty:
        real, painted = (tuple(x.detach().float().requires_grad_() for x in seen) for seen in (real, painted))
    # Slopes of slopes are computed in float32.
    with full_precision(real[0].device) if penalty else contextlib.nullcontext():
        known, claimed = (critic(seen, values).float() for seen in (real, painted))
    parts = {"tell": F.softplus(claimed - known).mean(1)}
    if penalty:
        parts |= {"R1": 0.5 * penalty * steepness(known, real), "R2": 0.5 * penalty * steepness(claimed, painted)}
    return parts, (known - claimed).detach()


def steepness(verdicts: Float[Tensor, "batch judges"], seen: Sequence[Tensor]) -> Float[Tensor, " batch"]:
    """The square of the slope of each judge's verdict at what it sees, on average; each sees one of the tensors alone."""
    slopes = torch.autograd.grad(verdicts.sum(), list(seen), create_graph=True)
    return torch.stack([slope.square().flatten(1).sum(1) for slope in slopes]).mean(0)
