"""Critics of games between a painter and a critic, and what such a critic learns from.

The losses are relativistic (Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024, equation 2), with penalties on slopes at what
the critic sees: R1 (Mescheder et al. 2018, equation 9) at real pictures and R2 at painted ones. That a picture must also be as
asked is learnt sooner from real pictures beside wrong words (Reed et al. 2016, "Generative adversarial text to image
synthesis", section 4.2).
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
from danqing.parts.contract import Clock, Key, Keys, Values
from danqing.parts.critics import PatchCritic
from danqing.parts.precision import full_precision
from danqing.parts.projection import SIDE, WIDTHS, Maps, Projection

Conditions = Mapping[str, Condition[Any]]
Pictures = Float[Tensor, "batch channels height width"]
Each = Float[Tensor, " batch"]
BASE = 4
"""Places a side of the maps that verdicts are read from."""
JUDGE = 64
"""Channels of each judge."""
TOLD = 8
"""Channels in which a critic of patches is told what was asked for."""


class ProjectedCritic(nn.Module):
    """A judge for each map of a projection (Sauer et al. 2021, section 3.2), who halves it down to `BASE` places a side.

    Conditions are heeded by projection (Miyato & Koyama 2018, equation 4).

    Args:
        conditions: what can be asked for.
        widths: channels of the projection's maps, from the finest.
    """

    def __init__(self, conditions: Conditions, widths: Sequence[int] = WIDTHS) -> None:
        super().__init__()
        self.bodies, self.last = nn.ModuleList(), nn.ModuleList()
        for number, inner in enumerate(widths):
            layers: list[nn.Module] = []
            for _ in range(int(math.log2(SIDE / BASE)) - 1 - number):
                layers += [nn.Conv2d(inner, JUDGE, 4, 2, 1), nn.LeakyReLU(0.2)]
                inner = JUDGE
            body = nn.Sequential(*layers, nn.Conv2d(inner, JUDGE, 3, padding=1), nn.LeakyReLU(0.2))
            for layer in body:
                if isinstance(layer, nn.Conv2d):  # so that verdicts differ from the start, the finest maps' too
                    nn.init.kaiming_normal_(layer.weight, 0.2, nonlinearity="leaky_relu")
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]  # it has one
            self.bodies.append(body)
            self.last.append(nn.Conv2d(JUDGE, 1, 3, padding=1))
        self.conditioner = Conditioner(conditions, JUDGE)

    def forward(self, maps: Maps, *asked: Values) -> Float[Tensor, "asked batch judges"]:
        """Beside each of what was asked: the larger, the more real, and the more as asked."""
        told = torch.stack([self.conditioner.encode(values, len(maps[0])).vector for values in asked])
        found = []
        for seen, body, last in zip(maps, self.bodies, self.last, strict=True):
            hidden = body(seen)
            suits = (hidden.mean((2, 3)) * told).sum(2) / math.sqrt(JUDGE)
            found.append(last(hidden).mean((1, 2, 3)) + suits)
        return torch.stack(found, 2)


class PixelsCritic(nn.Module):
    """One judge of whole pictures: residual convolutions without normalisation.

    Conditions are heeded by projection (Miyato & Koyama 2018, equation 4).

    Args:
        conditions: what can be asked for.
        channels: of the pictures.
        widths: channels of its levels, from the finest.
        told: numbers in which it is told what was asked for.
    """

    def __init__(self, conditions: Conditions, channels: int, widths: Sequence[int], told: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, widths[0], 3, padding=1)]
        for inner, outer in zip(widths, (*widths[1:], widths[-1]), strict=True):
            layers += [_Residual(inner), nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(inner, outer, 1)]
        del layers[-2]  # the coarsest map is not halved
        self.bodies = nn.ModuleList([nn.Sequential(*layers, nn.LeakyReLU(0.2), nn.AdaptiveAvgPool2d(BASE), nn.Flatten())])
        self.hidden = nn.Linear(widths[-1] * BASE**2, told)
        self.last = nn.Linear(told, 1)
        self.conditioner = Conditioner(conditions, told)

    def forward(self, seen: tuple[Float[Tensor, "batch channels h w"]], *asked: Values) -> Float[Tensor, "asked batch one"]:
        """Beside each of what was asked: the larger, the more real, and the more as asked."""
        told = torch.stack([self.conditioner.encode(values, len(seen[0])).vector for values in asked])
        hidden = F.leaky_relu(self.hidden(self.bodies[0](seen[0])), 0.2)
        suits = (hidden * told).sum(2, keepdim=True) / math.sqrt(hidden.shape[1])
        out: Tensor = self.last(hidden) + suits
        return out


class _Residual(nn.Module):
    """Two convolutions added to what came in, starting at zero (R3GAN, section 3.2)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
        nn.init.zeros_(self.second.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Of the shape of `x`."""
        out: Tensor = x + self.second(F.leaky_relu(self.first(F.leaky_relu(x, 0.2)), 0.2))
        return out


class Rival(nn.Module):
    """A projected critic, with its game: each painting against a real picture, seen through a projection.

    Args:
        conditions: what can be asked for.
        view: pixels of the shorter side to which it has smaller pictures enlarged.
        gamma, lazy: weight of the penalties on its slopes, and in how many of its turns they come once, that much stronger.
    """

    def __init__(self, conditions: Conditions, view: int, gamma: float, lazy: int) -> None:
        super().__init__()
        self.conditions, self.critic, self.gamma, self.lazy = conditions, ProjectedCritic(conditions), gamma, lazy
        self._see = Projection(view)

    def tells(self, real: Pictures, painted: Pictures, values: Values, keys: Keys, clock: Clock) -> dict[str, Each]:
        """Its losses."""
        penalty = self.lazy * self.gamma if clock.turn % self.lazy == 0 else 0.0
        others = mistaken(self.conditions, values, keys.at("mistaken"))
        return told_apart(self.critic, *self._seen(real, painted, keys), values, penalty, others)[0]

    def fooled(self, real: Pictures, painted: Pictures, values: Values, keys: Keys) -> Each:
        """The painter's loss."""
        known, claimed = (self.critic(maps, values)[0].float() for maps in self._seen(real, painted, keys))
        return F.softplus(known - claimed).mean(1)

    def _seen(self, real: Pictures, painted: Pictures, keys: Keys) -> tuple[Maps, Maps]:
        return self._see(real, keys.at("real")), self._see(painted, keys.at("fake"))


class Patches(nn.Module):
    """A critic of patches who is told what was asked for, with its game: hinges.

    Args:
        channels: of what it sees.
        width: channels of its first layer.
        conditions: what can be asked for.
    """

    def __init__(self, channels: int, width: int, conditions: Conditions) -> None:
        super().__init__()
        self.conditioner = Conditioner(conditions, TOLD)
        self.patches = PatchCritic(channels + (TOLD if conditions else 0), width)

    def tells(self, real: Pictures, painted: Pictures, values: Values, keys: Keys, clock: Clock) -> dict[str, Each]:
        """Its losses."""
        return self.patches.tells(self._told(real, values), self._told(painted, values))

    def fooled(self, real: Pictures, painted: Pictures, values: Values, keys: Keys) -> Each:
        """The painter's loss."""
        verdicts: Tensor = self.patches(self._told(painted, values))
        return -verdicts.mean(1)

    def _told(self, x: Tensor, values: Values) -> Tensor:
        if not self.conditioner.encoders:
            return x
        told = self.conditioner.encode(values, len(x)).vector[:, :, None, None]
        return torch.cat([x, told.to(x).expand(-1, -1, *x.shape[-2:])], 1)


def told_apart(
    critic: nn.Module,
    real: Sequence[Tensor],
    painted: Sequence[Tensor],
    values: Values,
    penalty: float,
    others: Values | None = None,
) -> tuple[dict[str, Float[Tensor, " batch"]], Float[Tensor, "batch judges"]]:
    """A critic's losses, and by how much its verdict of each real picture exceeds that of the painted one.

    Args:
        critic: what is seen of pictures, and each of what was asked for, to (asked, batch, judges) verdicts.
        real, painted: what it sees of them: of each a tensor for each judge.
        values: what was asked for.
        penalty: weight γ of R1 and R2, of which half is charged; 0 charges none.
        others: what was not asked for; where given, a real picture must seem realer beside what it was drawn for.
    """
    asked = [values] if others is None else [values, others]
    if penalty:
        real, painted = (tuple(x.detach().float().requires_grad_() for x in seen) for seen in (real, painted))
    # Slopes of slopes are computed in float32.
    with full_precision(real[0].device) if penalty else contextlib.nullcontext():
        known, *beside = critic(real, *asked).float()
        (claimed,) = critic(painted, values).float()
    parts = {"tell": F.softplus(claimed - known).mean(1)}
    if beside:
        parts["heed"] = F.softplus(beside[0] - known).mean(1)
    if penalty:
        parts |= {"R1": 0.5 * penalty * steepness(known, real), "R2": 0.5 * penalty * steepness(claimed, painted)}
    return parts, (known - claimed).detach()


def steepness(verdicts: Float[Tensor, "batch judges"], seen: Sequence[Tensor]) -> Float[Tensor, " batch"]:
    """The square of the slope of each judge's verdict at what it sees, on average; each sees one of the tensors alone."""
    slopes = torch.autograd.grad(verdicts.sum(), list(seen), create_graph=True)
    return torch.stack([slope.square().flatten(1).sum(1) for slope in slopes]).mean(0)


def mistaken(conditions: Conditions, values: Values, keys: Keys) -> dict[str, list[Any]] | None:
    """The values, in each row one that was asked for exchanged for another that its condition remembers.

    Nothing is taken from other rows. Rows that ask for nothing that is remembered stay as they are; `None` where no condition
    remembers anything.
    """
    known = [name for name, condition in sorted(conditions.items()) if condition.remembered(Key("any")) is not None]
    if not known:
        return None
    changed = {name: list(column) for name, column in values.items()}
    for row, (key, luck) in enumerate(zip(keys.keys, keys.uniform(1)[:, 0].tolist(), strict=True)):
        asked = [name for name in known if name in changed and changed[name][row] is not None]
        if asked:
            name = asked[int(luck * len(asked))]
            other = conditions[name].another(changed[name][row], key.at(name))
            changed[name][row] = changed[name][row] if other is None else other
    return changed
